"""The figures in README and in docs/which-model-and-cut.md, from what the other scripts measured.

    python benchmarks/readme_figures.py [--check]

Writes what stands between the markers of these pages from results/cut.json, report_only.json, callers.json and others, and says
so where it changed; --check only says so, with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from caller_table import table

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
CUT_PAGE = HERE.parent / "docs" / "which-model-and-cut.md"
#: Name of a block, as its markers have it.
FIGURES, CALLERS, RANKING, EXAMPLE, RATES = "figures", "callers", "ranking and speed", "example", "rates"


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


def block(cut: dict[str, Any], apart: dict[str, Any]) -> str:
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
    return text + preset_table(cut["costs"]["illumina-germline"]) + "\n" + _kept_apart(apart)


def _kept_apart(apart: dict[str, Any]) -> str:
    """One sentence on data that nothing was chosen on."""
    (rows,) = apart.values()
    found = {(row["caller"], row["rule"]): row for row in rows}
    gatk, ours = found["haplotypecaller", "GATK hard filters"], found["haplotypecaller", "balanced"]
    mutect = found["mutect2", "balanced"]
    return (
        f"On a library type that nothing was trained or chosen on (10x linked reads, 86x) the default removes {ours['removed']} "
        f"of HaplotypeCaller's {ours['n_false']} false calls\n"
        f"and {ours['lost']} of its {ours['n_true']} true ones (GATK's hard filters: {gatk['removed']} and {gatk['lost']}), of "
        f"Mutect2's unfiltered calls {mutect['removed']} of {mutect['n_false']} and {mutect['lost']} of {mutect['n_true']}.\n"
    )


def ranking_and_speed(accuracy: dict[str, Any], speed: dict[str, Any]) -> str:
    """How well calls are ranked, and how fast: two sentences."""
    hard, every = accuracy["three_sets"]["hard"], accuracy["three_sets"]["all"]
    dense = next(table for table in speed["tables"] if table["title"].startswith("Whole job, one variant"))
    rows = [dict(zip(dense["columns"], row, strict=True)) for row in dense["rows"]]
    job = next(row for row in rows if row["threads"] == 2 and row["output"] == "-Oz")
    model, qual = hard["model"], hard["QUAL"]
    return (
        "On three real Illumina sets (8x to 38x, segmental duplications among them), scored by weights that never saw their\n"
        f"chromosome: AUROC {model['auroc']:.3f} on the records that the caller itself believed in "
        f"(its own QUAL: {qual['auroc']:.3f}),\nwith {model['removed_99']:.0%} of the false ones removed at 99% of the true ones "
        f"kept (QUAL: {qual['removed_99']:.0%}); of all\n"
        f"records {every['model']['removed_99']:.0%} (QUAL: {every['QUAL']['removed_99']:.0%}).\n\n"
        f"On two CPU cores, 36x reads: {job['records/s after start-up']:,.0f} records/s after {job['start-up']:.0f} seconds of "
        f"start-up, a genome's five million in {job['5 M variants, minutes']:.0f}\n"
        f"minutes, in {job['peak MiB']:,.0f} MiB of memory however many records there are.\n"
    )


def rate_table(cut: dict[str, Any]) -> str:
    """What `--fdr` promised and what came of it, out of fold."""
    header = (
        "`--fdr`",
        "calls of",
        "call sets",
        "real rate, all together",
        "in the worst set",
        "sets with more than twice the wanted rate",
        "true calls kept",
    )
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    callers = {"defaults": "callers' defaults", "sensitive": "sensitive settings"}
    for row in cut["rates"]:
        cells = (
            f"{row['rate']:.0%}",
            callers[row["callers"]],
            row["n_sets"],
            f"{row['pooled']:.1%}",
            f"{row['worst']:.1%}",
            row["above_twice"],
            f"{row['true_kept']:.1%}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def with_block(page: str, name: str, content: str) -> str:
    """The page with what stands between a block's markers replaced. Raises SystemExit where it has no such markers."""
    begin, end = f"<!-- {name}: written by benchmarks/readme_figures.py -->", f"<!-- end of {name} -->"
    head, found_begin, rest = page.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found_begin and found_end):
        raise SystemExit(f"the page has no markers {begin} and {end}")
    return f"{head}{begin}\n\n{content}\n{end}{tail}"


def readme(page: str) -> str:
    """README with its blocks made anew."""
    cut, apart, accuracy, speed, callers = map(_results, ("cut", "report_only", "accuracy", "speed-dense-bound", "callers"))
    page = with_block(page, FIGURES, block(cut, apart))
    page = with_block(page, CALLERS, table(callers))
    page = with_block(page, RANKING, ranking_and_speed(accuracy, speed))
    record = (README.parent / "docs" / "pictures" / "failed.txt").read_text().replace("\t", " ")
    return with_block(page, EXAMPLE, f"```\n{record}```\n")


def cut_page(page: str) -> str:
    """The page on models and cuts with its block made anew."""
    return with_block(page, RATES, rate_table(_results("cut")))


def _results(name: str) -> Any:
    return json.loads((HERE / "results" / f"{name}.json").read_text())


def main() -> int:
    """Write the blocks, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a page is not up to date")
    arguments = parser.parse_args()
    stale = False
    for path, made in ((README, readme), (CUT_PAGE, cut_page)):
        old = path.read_text()
        new = made(old)
        if new != old:
            print(f"{path.name} is not up to date" if arguments.check else f"{path.name} written", file=sys.stderr)
            stale = True
            if not arguments.check:
                path.write_text(new)
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
