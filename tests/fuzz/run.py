"""Fuzz the program: damaged files must end in success or in one clear error.

    python tests/fuzz/run.py --seed 7 --cases 1500                         all kinds in turn
    python tests/fuzz/run.py --seed 7 --only bam-within:31                 one case again, its files kept
    python tests/fuzz/run.py --seed 7 --cases 300 --only bam-within,bai    some kinds
    python tests/fuzz/run.py --seed 7 --cases 5000 > 7.log                 what document.py makes docs/reliability.md of

Exit code 1 when a case ended badly. Its files, messages and arguments are kept in --failures. What htslib alone dies of, too, is
named and counted apart.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # before torch: a forked child has no pool
    os.environ[_threads] = "1"
# Nothing here may reach for the network: a CRAM's reference comes from the FASTA or not at all.
os.environ["REF_PATH"] = "/nonexistent/%s"

from base_files import make_base_files  # noqa: E402
from kinds import KINDS, Kind  # noqa: E402
from known import culprit  # noqa: E402
from one_case import Case, fault, finished, prepare, start  # noqa: E402
from reliability_log import Line, log  # noqa: E402

from vcffilter.commands.main import run  # noqa: E402


@dataclass
class Tally:
    """What became of the cases of one kind. known: crash of htslib -> how often. slowest_s, memory_bytes: of one case."""

    cases: int = 0
    succeeded: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest_s: float = 0.0
    memory_bytes: int = 0


def main() -> int:
    """Run the cases; print what became of them."""
    options = _options()
    began = time.monotonic()
    os.umask(0o022)
    print(f"# seed {options.seed}, commit {_commit()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        base = Path(temporary) / "base"
        base.mkdir()
        make_base_files(base)
        _warm(base)
        before = _contents(base)
        cases = _cases(options, base, Path(temporary))
        tallies = _run_all(cases, options)
        if _contents(base) != before:
            print("a case changed the files that it only reads")
            return 1
    seconds = time.monotonic() - began
    _print(tallies, seconds)
    n_cases = sum(tally.cases for tally in tallies.values())
    n_failed = sum(len(tally.failures) for tally in tallies.values())
    log("fuzz", [Line(f"Fuzzing: damaged files of {len(tallies)} kinds", n_cases, n_failed, seconds)])
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=len(KINDS))
    parser.add_argument("--only", default="", help="kinds, or KIND:INDEX of one case, separated by commas")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--failures", default="build/fuzz", help="folder of the cases that ended badly")
    parser.add_argument("--list", action="store_true", help="print the kinds")
    options = parser.parse_args()
    if options.list:
        print("\n".join(kind.name for kind in KINDS))
        sys.exit(0)
    return options


def _cases(options: argparse.Namespace, base: Path, folder: Path) -> list[tuple[Kind, int, Path, Path]]:
    """Kind, index, base folder and own folder of every case, kinds in turn."""
    named = {kind.name: kind for kind in KINDS}
    wanted = [name for name in options.only.split(",") if name] or list(named)
    single = [(named[name.partition(":")[0]], int(name.partition(":")[2])) for name in wanted if ":" in name]
    kinds = [named[name] for name in wanted if ":" not in name]
    chosen = single + [(kinds[n % len(kinds)], n // len(kinds)) for n in range(options.cases if kinds else 0)]
    return [(kind, index, base, folder / f"{kind.name}-{index}") for kind, index in chosen]


def _warm(base: Path) -> None:
    """Load and compile what the commands need, before the first fork: each case that nothing was changed in must succeed."""
    here = base.parent / "warm"
    for kind in KINDS:
        if kind.name in _WARMING:
            case = prepare(kind, 0, 0, base, here / kind.name)
            name = Path(kind.changed).name
            shutil.copyfile(base / kind.changed, case.folder / name)
            with contextlib.redirect_stdout(io.StringIO()):
                code = run(case.arguments)
            if code not in (0, 3):
                raise RuntimeError(f"{kind.name}: the unchanged files do not pass")
    shutil.rmtree(here)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


_WARMING = (
    "vcf-text", "bam-within", "cram-within", "train-yaml", "compare-yaml", "labels", "label-truth", "evaluate", "calibrate",
    "report", "check-calls", "forest-tensors", "tbi", "background-bam", "background-cram", "stages-reads", "phase-reads",
    "phase-examples", "card-models", "again", "resource", "resource-witness", "trees-yaml", "cascade-yaml", "explain-covers",
    "explain-stages",
)  # fmt: skip


def _run_all(cases: list[tuple[Kind, int, Path, Path]], options: argparse.Namespace) -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    waiting = list(reversed(cases))
    running: list[Case] = []
    n_done = 0
    while waiting or running:
        while waiting and len(running) < options.jobs:
            kind, index, base, folder = waiting.pop()
            case = prepare(kind, options.seed, index, base, folder)
            start(case)
            running.append(case)
        for case in list(running):
            status = finished(case)
            if status is not None:
                running.remove(case)
                _count(tallies[case.kind.name], case, status, options)
                n_done += 1
                if n_done % 100 == 0:
                    print(f"{n_done} of {len(cases)}", flush=True)
                if ":" not in options.only:
                    shutil.rmtree(case.folder)
        time.sleep(0.003)
    return dict(tallies)


def _count(tally: Tally, case: Case, status: int, options: argparse.Namespace) -> None:
    tally.cases += 1
    tally.seconds += case.seconds
    tally.slowest_s = max(tally.slowest_s, case.seconds)
    tally.memory_bytes = max(tally.memory_bytes, case.memory_bytes - _own_memory())
    wrong = fault(case, status)
    if wrong is None:
        succeeded = os.WEXITSTATUS(status) in (0, 3)
        tally.succeeded += succeeded
        tally.refused += not succeeded
        if ":" in options.only:
            print(f"{case.name}: exit code {os.WEXITSTATUS(status)}\n{case.stderr.read_text(errors='replace')}")
            _keep(case, "as it should be", options)
        return
    theirs = culprit(case.arguments) if wrong.startswith(("signal", "hang")) else None
    if theirs is not None:
        tally.known[f"{wrong}; {theirs}"] += 1
    else:
        tally.failures.append(f"{case.name}: {wrong}")
    print(f"{'known' if theirs else 'FAILED'} {case.name}: {wrong}{f'; {theirs}' if theirs else ''}", flush=True)
    _keep(case, wrong, options, "known" if theirs else "")


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("git") else None
    return done.stdout.strip() or "unknown" if done else "unknown"


def _own_memory() -> int:
    """Bytes that a child shares with this process from the start."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _keep(case: Case, wrong: str, options: argparse.Namespace, below: str = "") -> None:
    target = Path(options.failures) / below / f"{case.seed}-{case.kind.name}-{case.index}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(case.folder, target)
    facts = {"seed": case.seed, "only": case.name, "wrong": wrong, "arguments": case.arguments}
    (target / "case.json").write_text(json.dumps(facts, indent=1) + "\n")


def _contents(folder: Path) -> dict[str, int]:
    return {str(path): hash(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def _print(tallies: dict[str, Tally], seconds: float) -> None:
    print(
        f"{'kind':<16}{'cases':>7}{'succeeded':>11}{'refused':>9}{'htslib':>8}{'failed':>8}{'s/case':>8}{'slowest':>9}{'MiB':>7}"
    )
    for name, tally in sorted(tallies.items()):
        known = sum(tally.known.values())
        print(
            f"{name:<16}{tally.cases:>7}{tally.succeeded:>11}{tally.refused:>9}{known:>8}{len(tally.failures):>8}"
            f"{tally.seconds / tally.cases:>8.2f}{tally.slowest_s:>9.1f}{tally.memory_bytes >> 20:>7}"
        )
    n_cases = sum(tally.cases for tally in tallies.values())
    n_known = sum(sum(tally.known.values()) for tally in tallies.values())
    print(
        f"{n_cases} cases, {sum(len(tally.failures) for tally in tallies.values())} failed, {n_known} are htslib's; "
        f"{seconds:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
