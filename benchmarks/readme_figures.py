"""The figures in README, from what the other scripts measured.

    python benchmarks/readme_figures.py [--check]

Writes the block between the markers of README.md from results/cut.json, and says so where it changed; --check only says so, with
exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: written by benchmarks/readme_figures.py -->", "<!-- end of figures -->"


def preset_table(presets: dict[str, Any]) -> str:
    """What each preset costs with callers at their defaults and with careless ones, by reads on the ALT."""
    bands = ("1-7", "8-20", "21 or more")
    header = ("`--preset`", "calls of", *(f"{band} reads" for band in bands))
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for name, one in sorted(presets.items(), key=lambda item: -item[1]["false_per_true"]):
        for kind, callers in (("defaults", "callers' defaults"), ("sensitive", "sensitive settings")):
            rows = {row["depth"]: row for row in one["measured"] if row["callers"] == kind}
            lines.append(f"| {name} | {callers} | " + " | ".join(_cell(rows[band]) for band in bands) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any]) -> str:
    lost, removed = row["true_lost"] / row["n_true"], row["false_removed"] / row["n_false"]
    return f"{100 * lost:.1f}% ({100 * row['lost_at_most']:.1f}%) / {100 * removed:.1f}% ({100 * row['removed_at_least']:.1f}%)"


def block(cut: dict[str, Any]) -> str:
    """The whole block, without its markers."""
    rules = {row["rule"].partition(" (")[0]: row for row in cut["rules"]}
    before, after = rules["as called"]["whole set by set"], rules["preset balanced"]["whole set by set"]
    text = (
        f"At the default cut the F1 of {after['n_sets']} call sets of Illumina reads (bcftools, freebayes, HaplotypeCaller, "
        "Mutect2; true calls of the caller itself count)\n"
        f"goes from {before['f1']:.3f} to {after['f1']:.3f} on average, out of fold; {after['made_worse']} of them get worse, "
        f"the worst by {after['most_worse']:.3f}. What the presets of `illumina-germline` cost, on whole\n"
        "and thinned reads: true calls lost (at most) / false calls removed (at least), the limits one-sided, 95%:\n\n"
    )
    return text + preset_table(cut["costs"]["illumina-germline"])


def main() -> int:
    """Write the block, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where README is not up to date")
    arguments = parser.parse_args()
    old = README.read_text()
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        print(f"README.md has no markers {BEGIN} and {END}", file=sys.stderr)
        return 1
    new = f"{head}{BEGIN}\n\n{block(json.loads((HERE / 'results' / 'cut.json').read_text()))}\n{END}{tail}"
    if new != old:
        print("README.md is not up to date" if arguments.check else "README.md written", file=sys.stderr)
        if arguments.check:
            return 1
        README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
