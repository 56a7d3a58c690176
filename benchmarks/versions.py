"""The same bytes with the oldest numba and torch that are declared as with the newest: the demo's calls and real ones.

Run: python benchmarks/versions.py OLDEST NEWEST [--data ../shared/data] [--set broad8x-chr20] [--caller freebayes]
OLDEST, NEWEST: commands of two environments, such as .venv-oldest/bin/pileup-filter (`make test-oldest` makes it) and
.venv/bin/pileup-filter. Both filter every call set, by trees and by trees with a network on reads. Where the files differ, it
says in which keys, how far apart probabilities lie, and where FILTER differs. Exit code 1 where FILTER differs, or a probability
by more than 1e-3; what differs by less is counted in the table. The demo's sample is simulated, and alone without --data.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from common import RESULTS, Report, Table
from reliability_log import Line, log
from same_records import CallSet, call_sets, fields_of, records_of

MODELS = {"illumina-germline": "trees", "illumina-pileup": "trees and a network"}
#: Of a probability: what other float orders may cost.
_TOLERANCE = 1e-3
_PACKAGES = ("numpy", "numba", "torch")


@dataclass(frozen=True)
class Compared:
    """n_records: of both files. is_same: to the byte, headers too. keys: what differs. gap: largest, of PILEUP_PROB. filters:
    records whose FILTER differs, as "CHROM:POS before -> after (probabilities)".
    """

    n_records: int
    is_same: bool
    keys: tuple[str, ...]
    gap: float
    filters: tuple[str, ...]

    @property
    def is_near(self) -> bool:
        """Whether nobody would decide otherwise."""
        return not self.filters and self.gap <= _TOLERANCE


def compare(oldest: Path, newest: Path) -> Compared:
    """Two filtered VCFs, record by record."""
    n_records, gap, keys, filters = 0, 0.0, set(), []
    for before, after in zip(records_of(oldest), records_of(newest), strict=True):
        n_records += 1
        was, is_now = fields_of(before), fields_of(after)
        keys |= {key for key in was.keys() | is_now.keys() if was.get(key) != is_now.get(key)}
        pairs = list(zip(_probabilities(was), _probabilities(is_now), strict=True))
        gap = max([gap, *(abs(a - b) for a, b in pairs)])
        if was["FILTER"] != is_now["FILTER"]:
            filters.append(f"{was['CHROM']}:{was['POS']} {was['FILTER']} -> {is_now['FILTER']} ({pairs})")
    return Compared(n_records, oldest.read_bytes() == newest.read_bytes(), tuple(sorted(keys)), gap, tuple(filters))


def _probabilities(fields: dict[str, str]) -> list[float]:
    return [float(text) for text in fields.get("INFO/PILEUP_PROB", "").split(",") if text not in ("", ".")]


def versions(command: Path) -> str:
    """Of the packages that decide how numbers are computed, in the environment of a command."""
    asked = f"import importlib.metadata as m; print(', '.join(f'{{n}} {{m.version(n)}}' for n in {_PACKAGES!r}))"
    done = subprocess.run([command.parent / "python", "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def demo_sample(command: Path, folder: Path) -> CallSet:
    """What `pileup-filter demo` simulates, in the names of a real set."""
    subprocess.run([command, "demo", "-o", folder / "demo"], check=True, stdout=subprocess.DEVNULL)
    return CallSet(folder / "demo", "calls", "reference.fa")


def _filter(command: Path, one: CallSet, model: str, output: Path) -> Path:
    subprocess.run([command, *one.arguments(), "--model", model, "--reasons", "-o", output], check=True)
    return output


def _jobs(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[str, CallSet]]:
    found = [demo_sample(arguments.newest, folder)]
    found += call_sets(arguments.data, arguments.sets or ["broad8x-chr20"], arguments.callers) if arguments.data else []
    yield from itertools.product(MODELS, found)


def main() -> int:
    """Print and save the table; 1 where somebody would decide otherwise."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("oldest", type=Path, metavar="OLDEST")
    options.add_argument("newest", type=Path, metavar="NEWEST")
    options.add_argument("--data", type=Path, help="folder with real/<set>")
    options.add_argument("--set", dest="sets", action="append", metavar="NAME", help="only this set; may be repeated")
    options.add_argument("--caller", dest="callers", action="append", metavar="NAME", help="only this caller; may be repeated")
    options.add_argument("--results", type=Path, default=RESULTS)
    arguments = options.parse_args()
    report, began = Report("versions", arguments), time.monotonic()
    asked = [versions(command) for command in (arguments.oldest, arguments.newest)]
    table = Table(
        f"{asked[0]} beside {asked[1]}",
        ["calls", "model", "records", "bytes", "keys that differ", "largest gap", "FILTER differs"],
    )
    lines = {model: Line(f"Determinism: the same bytes by {what}: {' as with '.join(asked)}") for model, what in MODELS.items()}
    are_near = True
    with tempfile.TemporaryDirectory(prefix="versions-") as text:
        for model, one in _jobs(arguments, Path(text)):
            begun = time.monotonic()
            commands = {"oldest": arguments.oldest, "newest": arguments.newest}
            outputs = [_filter(command, one, model, Path(text) / f"{name}.vcf") for name, command in commands.items()]
            found = compare(*outputs)
            lines[model].add(failed=not found.is_same, seconds=time.monotonic() - begun)
            are_near &= found.is_near
            table.add(
                one.name, model, found.n_records, "same" if found.is_same else "differ", ", ".join(found.keys) or "none",
                found.gap, "; ".join(found.filters) or "nowhere",
            )  # fmt: skip
    report.add(table)
    report.save()
    log("versions", lines.values())
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if are_near else 1


if __name__ == "__main__":
    sys.exit(main())
