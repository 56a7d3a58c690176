# ruff: noqa: E501
"""docs/reliability.md out of the logs of fuzz runs: what run.py printed, of one run or of several with other seeds.

    python tests/fuzz/run.py --seed 101 --cases 5000 > 101.log
    python tests/fuzz/document.py 101.log 102.log [--document docs/reliability.md]

The counts of a kind are summed over the logs. Where VCFFILTER_RELIABILITY names a folder, the sum is left there for the first
table of the page, too (benchmarks/reliability.py).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from reliability_log import Line, log  # noqa: E402

BEGIN, END = "<!-- fuzz -->", "<!-- end of fuzz -->"
#: Columns of run.py's table: kind, cases, succeeded, refused, htslib's, failed, seconds a case, slowest, MiB.
_ROW = re.compile(r"^(\S+)((?:\s+\d+){5})\s+([\d.]+)\s+([\d.]+)\s+\d+$", re.MULTILINE)
_RUN = re.compile(r"^# seed (\d+), commit (\S+)$", re.MULTILINE)
_END = re.compile(r"^(\d+) cases, (\d+) failed, \d+ are htslib's; (\d+) s$", re.MULTILINE)
_ENDED_BADLY = re.compile(r"^(FAILED|known) (.*)$", re.MULTILINE)


@dataclass
class Kind:
    """counts: cases, succeeded, refused, htslib's, failed. seconds: of all cases. slowest_s: of one."""

    counts: list[int] = field(default_factory=lambda: [0] * 5)
    seconds: float = 0.0
    slowest_s: float = 0.0


@dataclass
class Runs:
    """Of all logs. by_seed: lines that say what ran. failures, known: as run.py prints them."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    by_seed: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    n_cases: int = 0
    seconds: float = 0.0


def read_logs(logs: Sequence[str]) -> Runs:
    """Texts of whole logs. ValueError where one has no end: it was cut, or is still being written."""
    runs = Runs()
    for text in logs:
        ended = _END.search(text)
        if ended is None:
            raise ValueError("a log without its last line: the run has not ended")
        began = _RUN.search(text)
        if began is None:
            raise ValueError("a log without the line of its seed and commit")
        seed, commit = began.groups()
        n_cases, n_failed, seconds = map(int, ended.groups())
        runs.n_cases, runs.seconds = runs.n_cases + n_cases, runs.seconds + seconds
        runs.by_seed.append(f"| {seed} | {commit} | {n_cases:,} | {n_failed} | {seconds / 60:.0f} |")
        for how, what in _ENDED_BADLY.findall(text):
            (runs.failures if how == "FAILED" else runs.known).append(f"seed {seed}, {what}")
        for name, counts, mean, slowest in _ROW.findall(text):
            kind = runs.kinds.setdefault(name, Kind())
            numbers = list(map(int, counts.split()))
            kind.counts = [a + b for a, b in zip(kind.counts, numbers, strict=True)]
            kind.seconds += float(mean) * numbers[0]
            kind.slowest_s = max(kind.slowest_s, float(slowest))
    return runs


def table(runs: Runs) -> str:
    """Markdown: the runs, the kinds, what failed."""
    failures = sum(kind.counts[4] for kind in runs.kinds.values())
    lines = [f"{runs.n_cases:,} cases, {failures} failures, {runs.seconds / 60:.0f} minutes:", ""]
    lines += ["| `tests/fuzz/run.py --seed` | commit | cases | failures | minutes |", "|---|---|---|---|---|", *runs.by_seed, ""]
    lines += [
        "| kind | cases | succeeded | refused | ends within htslib | failures | s per case | slowest, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, kind in sorted(runs.kinds.items()):
        times = f"{kind.seconds / kind.counts[0]:.2f} | {kind.slowest_s:.1f}"
        lines.append(f"| {name} | {' | '.join(map(str, kind.counts))} | {times} |")
    lines += ["", *(f"- failed: {failure}" for failure in runs.failures)]
    if runs.known:
        lines += ["Crashes and hangs that htslib has without this program, too:", "", *(f"- {one}" for one in runs.known)]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Put the table between the two marks of the page; what stands around it stays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--document", type=Path, default=Path(__file__).parents[2] / "docs" / "reliability.md")
    options = parser.parse_args()
    runs = read_logs([path.read_text() for path in options.logs])
    before, _, rest = options.document.read_text().partition(BEGIN)
    options.document.write_text(f"{before}{BEGIN}\n{table(runs)}{END}{rest.partition(END)[2]}")
    what = f"Fuzzing: damaged files of {len(runs.kinds)} kinds; those that failed were mended, and end clearly now"
    seeds = ", ".join(row.split()[1] for row in runs.by_seed)
    command = f"python tests/fuzz/run.py --seed N --cases {runs.n_cases // len(runs.by_seed)}, N = {seeds}"
    log("fuzz", [Line(what, runs.n_cases, len(runs.failures), runs.seconds)], command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
