"""The tables of docs/rna.md from the evaluation.json files of run.sh.

python recipes/rna/table.py WORKDIR [docs/rna.md]

prints them, or puts them between the markers of the page.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

#: Evaluations of each call set: DNA weights as they are, the same calibrated on simulated reads, fine-tuned and calibrated.
WHEN = ("before", "calibrated", "after")
SETS = ("haplotypecaller", "bcftools", "freebayes", "freebayes-sensitive", "simulated")
SUBSETS = (("*", "all"), ("hard", "hard"), ("depth_1_7", "1-7"), ("depth_8_20", "8-20"), ("depth_21_plus", "21 and more"))
GROUPS = ("all", "hard", "hard_snv", "hard_indel")
COUNTS_HEADER = (
    "calls", "depth", "true", "false", "DNA weights: true kept", "false removed", "the same, calibrated: true kept",
    "false removed", "fine-tuned: true kept", "false removed",
)  # fmt: skip
SCORES_HEADER = (
    "calls", "group", "true", "false", "AUROC: DNA weights", "fine-tuned",
    "ECE: DNA weights", "the same, calibrated", "fine-tuned",
)  # fmt: skip


def read_reports(folder: Path, name: str) -> list[dict[str, Any]]:
    """The evaluations of one call set, in the order of WHEN."""
    return [json.loads((folder / f"report-{when}-{name}/evaluation.json").read_text()) for when in WHEN]


def interval(count: int, total: int) -> str:
    """Wilson's 95% interval of a share, in per cent."""
    if total == 0:
        return "-"
    z, share = 1.96, count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return f"{100 * max(0.0, middle - half):.0f}-{100 * min(1.0, middle + half):.0f}%"


def counts(report: dict[str, Any], subset: str, filter_name: str) -> tuple[int, int]:
    """(true calls, false calls) of all types."""
    for row in report["counts"]:
        if (row["Type"], row["Subtype"], row["Subset"], row["Filter"]) == ("ALL", "*", subset, filter_name):
            return row["QUERY.TP"], row["QUERY.FP"]
    return 0, 0


def kept_and_removed(report: dict[str, Any], subset: str) -> tuple[str, str]:
    """Cells: true calls kept, false calls removed, with intervals."""
    (true, false), (kept, left) = counts(report, subset, "ALL"), counts(report, subset, "PASS")
    kept_text = f"{kept} ({interval(kept, true)})" if true else "-"
    return kept_text, f"{false - left} ({interval(false - left, false)})" if false else "-"


def counts_table(folder: Path) -> list[tuple[Any, ...]]:
    """Calls kept and removed by depth band."""
    rows = []
    for name in SETS:
        reports = read_reports(folder, name)
        for subset, title in SUBSETS:
            cells = [cell for report in reports for cell in kept_and_removed(report, subset)]
            rows.append((name, title, *counts(reports[0], subset, "ALL"), *cells))
    return rows


def auroc_text(row: dict[str, Any]) -> str:
    """AUROC with its interval, as far as there are."""
    if row["auroc"] is None:
        return "-"
    return f"{row['auroc']:.3f}" + (f" ({row['auroc_low']:.3f}-{row['auroc_high']:.3f})" if row["auroc_high"] else "")


def scores_table(folder: Path) -> list[tuple[Any, ...]]:
    """AUROC with interval and calibration error."""
    rows = []
    for name in SETS:
        reports = read_reports(folder, name)
        for group in GROUPS:
            chosen = [
                row for report in reports for row in report["scores"] if (row["group"], row["score"]) == (group, "PILEUP_PROB")
            ]
            if len(chosen) != len(reports):
                continue
            errors = ["-" if row["calibration_error"] is None else f"{row['calibration_error']:.3f}" for row in chosen]
            aurocs = auroc_text(chosen[0]), auroc_text(chosen[2])
            rows.append((name, group, chosen[0]["n_true"], chosen[0]["n_false"], *aurocs, *errors))
    return rows


def markdown(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    """Lines of a table."""
    lines = [header, ("---",) * len(header), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]


def between_markers(page: str, name: str, lines: list[str]) -> str:
    """The page with these lines where the markers of that name stand."""
    start, end = f"<!-- {name}: written by recipes/rna/table.py -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(start)
    if not found:
        raise SystemExit(f"the page has no marker {start}")
    return "\n".join([before + start, "", *lines, "", end + rest.partition(end)[2]])


def main() -> None:
    """Print both tables, or write them into a page."""
    folder, *pages = map(Path, sys.argv[1:])
    tables = {"counts": markdown(COUNTS_HEADER, counts_table(folder)), "scores": markdown(SCORES_HEADER, scores_table(folder))}
    if not pages:
        print("\n".join([*tables["counts"], "", *tables["scores"]]))
    for path in pages:
        page = path.read_text()
        for name, lines in tables.items():
            page = between_markers(page, name, lines)
        path.write_text(page)


if __name__ == "__main__":
    main()
