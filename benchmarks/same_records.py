"""Whether another version of pileup-filter still writes what this one writes: every record of the real call sets, old beside new.

    python benchmarks/same_records.py OLD NEW --data ../shared/data [--set nygc-chr21 ...] [--caller freebayes ...]

OLD and NEW are two installed commands, such as /tmp/0.1.0/bin/pileup-filter and .venv/bin/pileup-filter. Each filters every
real/<set>/<caller>.vcf.gz by the set's reads; sets of long reads by the HiFi weights. All that OLD wrote must stand in NEW with
the same text: the fixed columns, FILTER, every INFO key and every FORMAT key. Keys that only NEW wrote are counted apart.
--reliability TEXT leaves the count of call sets, and of those that differ, for the table of docs/reliability.md
(benchmarks/reliability.py), as "Determinism: the same records, TEXT": such as "0.1.0 beside this version, its own weights".
Exit code: 0 the same, 1 something differs, 2 nothing could be compared. Output goes to a temporary folder, and is removed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from common import RESULTS, Table  # noqa: E402
from reliability_log import VARIABLE, Line, log  # noqa: E402

#: A word in a set's name that stands for long reads.
LONG_READS = {"hifi", "ont"}
_LONG_MODEL = "hifi-germline"
_FIXED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL")


@dataclass(frozen=True)
class CallSet:
    """One caller's calls of one set. reference: the FASTA's name there."""

    folder: Path
    caller: str
    reference: str = "reference.fa.gz"

    @property
    def name(self) -> str:
        """SET/CALLER."""
        return f"{self.folder.name}/{self.caller}"

    def arguments(self) -> list[str]:
        """Of `pileup-filter`, the output left out."""
        calls, reads, reference = (self.folder / name for name in (f"{self.caller}.vcf.gz", "reads.bam", self.reference))
        model = ["--model", _LONG_MODEL] if LONG_READS & set(self.folder.name.split("-")) else []
        return ["filter", str(calls), "-b", str(reads), "-f", str(reference), *model, "--no-version", "-q", "-Ov"]


@dataclass
class Difference:
    """What one call set showed.

    changed, added: records by key (`FILTER`, `INFO/PILEUP_PROB`). example: key -> its first record. failure: why there are none.
    """

    n_records: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)
    failure: str = ""

    def differs(self, expected: set[str]) -> bool:
        """Whether it could not be compared, or differs in more than these keys."""
        return bool(self.failure or set(self.changed) - expected)


def call_sets(data: Path, sets: list[str] | None, callers: list[str] | None) -> list[CallSet]:
    """Those under data/real that were asked for, by name; truth is no caller."""
    found = []
    for path in sorted((data / "real").glob("*/*.vcf.gz")):
        one = CallSet(path.parent, path.name.removesuffix(".vcf.gz"))
        wanted = (sets is None or one.folder.name in sets) and (callers is None or one.caller in callers)
        if wanted and one.caller != "truth":
            found.append(one)
    return found


def fields_of(line: str) -> dict[str, str]:
    """Key -> text of a record: fixed columns, FILTER, INFO/KEY, and FORMAT/KEY with the samples' values in order."""
    columns = line.rstrip("\n").split("\t")
    fields = dict(zip(_FIXED, columns, strict=False))
    fields["FILTER"] = columns[6]
    for entry in columns[7].split(";"):
        key, _, value = entry.partition("=")
        if key != ".":
            fields[f"INFO/{key}"] = value
    if len(columns) > 8:
        samples = [sample.split(":") for sample in columns[9:]]
        for index, key in enumerate(columns[8].split(":")):
            # Values at the end may be left out.
            fields[f"FORMAT/{key}"] = "\t".join(sample[index] if index < len(sample) else "." for sample in samples)
    return fields


def records_of(path: Path) -> Iterator[str]:
    """Lines of a VCF without the header's."""
    with path.open() as lines:
        yield from (line for line in lines if not line.startswith("#"))


def differences(old: Path, new: Path) -> Difference:
    """Record by record; a record too few or too many counts under `record`."""
    found = Difference()
    for before, after in itertools.zip_longest(records_of(old), records_of(new)):
        found.n_records += 1
        if before is None or after is None:
            _count(found, "record", f"only in the {'new' if before is None else 'old'}: {(before or after)[:60]!r}")
            continue
        if before == after:
            continue
        was, is_now = fields_of(before), fields_of(after)
        for key, value in was.items():
            if is_now.get(key) != value:
                where = f"{was['CHROM']}:{was['POS']} {was['REF']}>{was['ALT']}"
                _count(found, key, f"{where} {value} -> {is_now.get(key, 'missing')}")
        found.added.update(key for key in is_now if key not in was)
    return found


def _count(found: Difference, key: str, example: str) -> None:
    found.changed[key] += 1
    found.example.setdefault(key, example)


def run(command: str, one: CallSet, output: Path, more: list[str]) -> str:
    """Filter a call set; the message when that failed, else nothing."""
    done = subprocess.run(
        [*shlex.split(command), *one.arguments(), *more, "-o", str(output)], capture_output=True, text=True, check=False
    )
    return f"exit code {done.returncode}: {done.stderr.strip()[-300:]}" if done.returncode else ""


def compare(one: CallSet, arguments: argparse.Namespace, work: Path) -> Difference:
    """Both commands on one call set."""
    outputs = [work / f"{one.folder.name}.{one.caller}.{name}.vcf" for name in ("old", "new")]
    more = [shlex.split(arguments.arguments), shlex.split(arguments.arguments) + shlex.split(arguments.new_arguments)]
    commands = (arguments.old, arguments.new)
    failures = [run(command, one, output, extra) for command, output, extra in zip(commands, outputs, more, strict=True)]
    if any(failures):
        said = "; ".join(f"{name}: {failure}" for name, failure in zip(("old", "new"), failures, strict=True) if failure)
        return Difference(failure=said)
    found = differences(*outputs)
    for output in outputs:
        output.unlink()
    return found


def tables(found: dict[str, Difference], expected: set[str]) -> list[Table]:
    """Per call set, and per key that differs."""
    by_set = Table("Call sets", ("call set", "records", "records that differ, by key", "new keys"))
    by_key = Table("Keys that differ", ("key", "records", "call sets", "first"))
    for name, one in found.items():
        changed = one.failure or ", ".join(f"{key} {count}" for key, count in one.changed.items()) or "none"
        by_set.add(name, one.n_records, changed, ", ".join(sorted(one.added)) or "none")
    for key in sorted({key for one in found.values() for key in one.changed}):
        concerned = {name: one for name, one in found.items() if key in one.changed}
        name, first = next(iter(concerned.items()))
        shown = f"{key} (expected)" if key in expected else key
        by_key.add(shown, sum(one.changed[key] for one in concerned.values()), len(concerned), f"{name}: {first.example[key]}")
    return [by_set, by_key] if by_key.rows else [by_set]


def main() -> int:
    """Compare, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", metavar="OLD", help="command of the version whose records are to stay")
    parser.add_argument("new", metavar="NEW", help="command of the version that is judged")
    parser.add_argument("--data", type=Path, required=True, help="folder with real/<set>")
    parser.add_argument("--set", dest="sets", action="append", metavar="NAME", help="only this set; may be repeated")
    parser.add_argument("--caller", dest="callers", action="append", metavar="NAME", help="only this caller; may be repeated")
    parser.add_argument("--arguments", default="", metavar="TEXT", help="more options for both, such as '--reasons'")
    parser.add_argument("--new-arguments", default="", metavar="TEXT", help="more options for NEW alone")
    parser.add_argument("--expected", action="append", default=[], metavar="KEY", help="may differ, such as INFO/PILEUP_REASON")
    parser.add_argument("--jobs", type=int, default=1, help="call sets at a time")
    parser.add_argument("--reliability", metavar="TEXT", help="leave the counts for docs/reliability.md; what was beside what")
    arguments = parser.parse_args()
    began = time.monotonic()
    chosen = call_sets(arguments.data, arguments.sets, arguments.callers)
    if not chosen:
        print(f"no such call set under {arguments.data / 'real'}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="same-records-") as work, ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda one: compare(one, arguments, Path(work)), chosen)
        found = {one.name: result for one, result in zip(chosen, results, strict=True)}
    for table in tables(found, set(arguments.expected)):
        print(table.markdown())
    n_records, failed = sum(one.n_records for one in found.values()), [name for name, one in found.items() if one.failure]
    expected = set(arguments.expected)
    if arguments.reliability:
        os.environ.setdefault(VARIABLE, str(RESULTS.parents[1] / "build" / "reliability"))
        n_different = sum(one.differs(expected) for one in found.values())
        what = f"Determinism: the same records, {arguments.reliability}"
        log("same-records", [Line(what, len(found), n_different, time.monotonic() - began)])
    unexpected = {key for one in found.values() for key in one.changed} - expected
    print(f"{n_records} records of {len(found)} call sets compared; {len(failed)} call sets not; keys that differ: "
          f"{', '.join(sorted(unexpected)) or 'none'}")  # fmt: skip
    if unexpected or failed:
        return 1
    return 0 if n_records else 2


if __name__ == "__main__":
    sys.exit(main())
