"""Prints docs/reliability.md's table: what was tried, what failed, how long it took, and the command that does it again.

Run: python benchmarks/reliability.py [--new build/reliability]
The suites leave their counts in build/reliability (tests/reliability_log.py; `make test-hard` and its like set
VCFFILTER_RELIABILITY). They take the place of the same suites' older counts in benchmarks/results/reliability.json, so that
suites may be run one at a time; the page is printed from there. --check: the page is what the results say.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from common import RESULTS, Table  # noqa: E402
from reliability_log import Line, read  # noqa: E402

BEGIN, END = "<!-- tried -->", "<!-- end of tried -->"
#: Parts in the order of the page; others follow by name.
PARTS = (
    "Nextflow", "Slurm", "Without a workflow engine", "Snakemake", "Spark", "GATK", "Cohorts", "CRAM", "bcftools chains",
    "Broken streams and disks", "Packages", "Containers", "MultiQC", "Server", "Fuzzing", "Hostile values", "Kill and signals",
    "First runs and limits", "Determinism", "Checkpoints",
)  # fmt: skip


def tried(suites: dict[str, list[Line]]) -> Table:
    """One row a line, parts in their order."""
    lines = [line for suite in suites.values() for line in suite]
    table = Table("What was tried", ["tried", "cases", "failures", "seconds", "by", "on"])
    for line in sorted(lines, key=lambda line: (_rank(line.line), line.line)):
        table.add(line.line, line.cases, line.failures, line.seconds, f"`{line.command}`", line.day)
    total = f"{sum(line.cases for line in lines):,} cases, {sum(line.failures for line in lines):,} failures"
    table.note = f"{total}, {sum(line.seconds for line in lines) / 60:,.0f} minutes in all."
    return table


def _rank(line: str) -> tuple[int, str]:
    part = line.partition(":")[0].lower()
    named = [name.lower() for name in PARTS]
    return (named.index(part), "") if part in named else (len(PARTS), part)


def filled(text: str, table: Table) -> str:
    """The page with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"the page has no {BEGIN} ... {END}")
    body = table.markdown().partition("\n\n")[2]
    return f"{before}{BEGIN}\n{body}{END}{after}"


def main() -> int:
    """Take in what is new; write or check the page."""
    root = RESULTS.parents[1]
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--new", type=Path, default=root / "build" / "reliability")
    options.add_argument("--results", type=Path, default=RESULTS / "reliability.json")
    options.add_argument("--document", type=Path, default=root / "docs" / "reliability.md")
    options.add_argument("--check", action="store_true", help="write nothing; exit code 1 when the page is not what it would be")
    arguments = options.parse_args()
    suites = {name: [Line(**row) for row in rows] for name, rows in json.loads(arguments.results.read_text()).items()}
    text = arguments.document.read_text()
    if arguments.check:
        return int(filled(text, tried(suites)) != text)
    suites |= read(arguments.new)
    kept = {name: [asdict(line) for line in suites[name]] for name in sorted(suites)}
    arguments.results.write_text(json.dumps(kept, indent=1) + "\n")
    arguments.document.write_text(filled(text, tried(suites)))
    print(tried(suites).markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
