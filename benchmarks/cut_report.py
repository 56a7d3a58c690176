"""The study of cuts as Markdown. Knows no data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Figures = dict[str, Any]
_INTRO = """# Which cut

Written by `benchmarks/cut_study.py`. An ALT fails when its calibrated probability is below a cut. Every visible call set of short
DNA reads was scored out of fold: six by weights that never saw their chromosome, na12878-pg-chr3-a (mate pairs) by the shipped
weights, which saw nothing of chr3; whole reads and thinned copies (recipes/germline/harvest.py). Labels TP and FP count. F1 is
against the caller's own true calls, so "as called" is precision at a recall of 1. A call set is one caller's calls on one copy of
one library (chromosomes together, 20 true calls or more); "set by set" takes every region of a library on its own (5 true calls
or more). Loss: how far below the best pair of cuts (SNV, others) of that very call set. Hard: the caller gave QUAL or TLOD of 1
or more. Every call set is a row of `cut.tsv`.

## The rule

A preset says how many kept false calls a lost true one counts as: N = 16 (sensitive), 4 (balanced, the default), 1/4 (strict).
With true probabilities the cut is 1 / (1 + N). Where call sets show more than 0.001 of mean weighted F (recall weighted by N;
every library counts the same) to be had elsewhere, the cut moves there, no further than needed. One cut per type, at every depth:
a call of one read is decided like any other. `train` and `calibrate` choose theirs by the same code
(`vcffilter/calibration/presets.py`).
"""


def _table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    header = list(header)
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "-"


def _pair(cuts: dict[str, float]) -> str:
    return f"{cuts['snv']:g}, {cuts['indel']:g}"


def _rule_cells(one: Figures) -> list[str]:
    worse = f"{one['made_worse']} ({one['made_worse_by_more']}), {one['most_worse']:.4f}"
    return [f"{one['f1']:.4f}", f"{one['loss']:.4f}", f"{one['worst_loss']:.3f}", worse]


def rules_table(rows: list[Figures]) -> str:
    """One row a rule."""
    n = rows[0]
    header = (
        "rule",
        f"F1, whole reads, set by set ({n['whole set by set']['n_sets']})",
        "made worse (by > 0.002), most",
        f"F1, whole reads ({n['whole']['n_sets']})",
        "mean loss",
        "worst loss",
        "made worse",
        f"F1, all copies ({n['all']['n_sets']})",
        "mean loss",
        "worst loss",
        "made worse",
        "hard, 1-20 reads: true kept",
        "false removed",
        "hard, any depth: true kept",
        "false removed",
    )
    cells = []
    for row in rows:
        apart = _rule_cells(row["whole set by set"])
        hard = [
            _share(row["all"][part][done], row["all"][part][total])
            for part in ("few", "hard")
            for done, total in (("kept", "n_true"), ("removed", "n_false"))
        ]
        cells.append([row["rule"], apart[0], apart[3], *_rule_cells(row["whole"]), *_rule_cells(row["all"]), *hard])
    return _table(header, cells)


def left_out_table(rows: list[Figures]) -> str:
    """Cuts chosen without a library, on it."""
    header = (
        "library left out", "preset", "cuts without it (SNV, others)", "call sets", "F1 as called", "F1", "mean loss",
        "worst loss", "made worse (by > 0.002), most", "hard, 1-20 reads: true kept", "false removed",
    )  # fmt: skip
    cells = []
    for row in rows:
        cut, few = row["cut"], row["cut"]["few"]
        cells.append(
            [
                row["library"],
                row["preset"],
                _pair(row["cuts"]),
                cut["n_sets"],
                f"{row['called']['f1']:.4f}",
                *_rule_cells(cut),
                _share(few["kept"], few["n_true"]),
                _share(few["removed"], few["n_false"]),
            ]  # fmt: skip
        )
    return _table(header, cells)


def rates_table(rows: list[Figures]) -> str:
    """Predicted against real false discovery rates."""
    header = (
        "wanted",
        "callers",
        "call sets",
        "real, pooled",
        "real, worst set",
        "sets above twice the wanted",
        "true kept, mean",
    )
    cells = [
        [
            f"{row['rate']:g}",
            row["callers"],
            row["n_sets"],
            f"{row['pooled']:.4f}",
            f"{row['worst']:.3f}",
            row["above_twice"],
            f"{100 * row['true_kept']:.1f}%",
        ]  # fmt: skip
        for row in rows
    ]
    return _table(header, cells)


def costs_table(presets: Figures) -> str:
    """What presets cost, by kind of caller and depth, with one-sided 95% limits."""
    header = ("preset", "SNV, others", "callers", "reads on the ALT", "true lost", "at most", "false removed", "at least")
    cells = []
    for name, one in presets.items():
        for row in one["measured"]:
            limits = ["-" if limit not in row else f"{100 * row[limit]:.2f}%" for limit in ("lost_at_most", "removed_at_least")]
            lost, removed = f"{row['true_lost']} of {row['n_true']}", f"{row['false_removed']} of {row['n_false']}"
            cells.append([name, _pair(one["thresholds"]), row["callers"], row["depth"], lost, limits[0], removed, limits[1]])
    return _table(header, cells)


def depth_table(rows: list[Figures]) -> str:
    """Flat against smooth."""
    best = sorted(rows[2:], key=lambda row: row["loss"])[:6]
    return _table(("rule", "mean weighted loss, balanced"), [[row["rule"], f"{row['loss']:.4f}"] for row in (*rows[:2], *best)])


def render(figures: Figures) -> str:
    """The whole page."""
    parts = [_INTRO]
    for model, presets in figures["presets"].items():
        parts.append(f"{model}: " + "; ".join(f"{name} {_pair(cuts)}" for name, cuts in presets.items()) + " (SNV, others).\n")
    parts += [
        "## Rules, short reads\n\n`A at 0 reads to B`: B + (A - B) exp(-reads / 15), both types.\n",
        rules_table(figures["rules"]),
        "## Does depth help?\n\nFlat cuts against the best smooth rules (one cut for both types), by what presets are chosen by."
        " Probabilities know the depth already.\n",
        depth_table(figures["depth"]),
        "## Chosen without a library, tried on it\n",
        left_out_table(figures["left_out"]),
        "## What presets cost, illumina-germline\n\nAn ALT counts once for every caller and copy; the one-sided 95%"
        " Clopper-Pearson limits are those of as many ALTs as there are different ones.\n",
        costs_table(figures["costs"]["illumina-germline"]),
        "## HiFi\n\nhifi-revio-chr20 by leave-a-quarter-out; CHM13, which has no true variant, adds false calls to the costs.\n",
        rules_table(figures["hifi_rules"]),
        costs_table(figures["costs"]["hifi-germline"]),
        "## ONT\n\nont-r10-chr20 (R10.4) and hg002-ont-r94-chr20-59m (R9.4), each half by weights that never saw it.\n",
        rules_table(figures["ont_rules"]),
        costs_table(figures["costs"]["ont-germline"]),
        "## A false discovery rate from the probabilities of one file\n\nThe lowest cut at which the mean of 1 - P of what passes"
        " is the wanted rate.\n",
        rates_table(figures["rates"]),
    ]
    return "\n".join(parts)
