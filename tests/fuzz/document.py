# ruff: noqa: E501
"""docs/reliability.md out of a fuzz run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BEGIN, END = "<!-- fuzz -->", "<!-- end of fuzz -->"


def write_document(path: Path, tallies: dict[str, Any], seed: int, seconds: float) -> None:
    """Put the table between the two marks of the file; what stands around it stays."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    n_cases = sum(tally.cases for tally in tallies.values())
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    lines = [
        f"`python tests/fuzz/run.py --seed {seed} --cases {n_cases} --document {path}`: "
        f"{n_cases:,} cases in {seconds / 60:.0f} minutes, "
        f"{len(failures)} failures.",
        "",
        "| kind | cases | succeeded | refused | ends within htslib | failures | s per case | slowest, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, tally in sorted(tallies.items()):
        numbers = (tally.cases, tally.succeeded, tally.refused, sum(tally.known.values()), len(tally.failures))
        times = f"{tally.seconds / tally.cases:.2f} | {tally.slowest_s:.1f}"
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} | {times} |")
    lines += ["", *(f"- failed: {failure}" for failure in failures)]
    known = [
        f"- {name}, {times} times: {what}"
        for name, tally in sorted(tallies.items())
        for what, times in sorted(tally.known.items())
    ]
    if known:
        lines += ["Crashes and hangs that htslib has without this program, too:", "", *known]
    path.write_text(before + BEGIN + "\n" + "\n".join(lines).rstrip() + "\n" + END + after)
