"""One plot of a comparison of models: score by fold, and what the filter does. Needs the extra [report]."""

from __future__ import annotations

from typing import Any

import numpy as np

from vcffilter.evaluation.counts import find_row
from vcffilter.evaluation.plots import AFTER, BEFORE, STYLE, new_figure, png, require_matplotlib
from vcffilter.experiments.comparison import ModelComparison, ModelResult, table


def comparison_plot(comparison: ModelComparison) -> bytes:
    """PNG with two panels: the metric in every fold with its mean; F1 of the call sets before and after, or, without call sets,
    the share of hard false calls removed.
    """
    require_matplotlib()
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        names = [result.experiment.name for result in comparison.results]
        figure, (left, right) = new_figure(2, (9.0, 1.4 + 0.45 * len(names)))
        _folds(left, comparison)
        _effects(right, comparison)
        for axis in (left, right):
            axis.set_yticks(range(len(names)), names if axis is left else [""] * len(names))
            axis.set_ylim(len(names) - 0.5, -0.5)
            axis.grid(axis="x", color="#eaecef")
            axis.set_axisbelow(True)
        return png(figure)


def _folds(axis: Any, comparison: ModelComparison) -> None:
    metric = comparison.config.metric
    for place, result in enumerate(comparison.results):
        values = result.fold_values(metric)
        values = values[np.isfinite(values)]
        axis.plot(values, np.full(len(values), place), "o", color=BEFORE, markersize=5, alpha=0.8)
        if len(values):
            axis.plot([values.mean()], [place], "|", color=AFTER, markersize=18, markeredgewidth=2.5)
    axis.set_title(f"{metric} by fold (bar: mean)")


def _effects(axis: Any, comparison: ModelComparison) -> None:
    columns = ("call_set_SNP_f1", "call_set_INDEL_f1") if comparison.config.call_sets else (
        "hard_snv_false_removed", "hard_indel_false_removed"
    )  # fmt: skip
    for column, label, marker, colour in zip(columns, ("SNVs", "indels"), "os", (AFTER, "#8a6d3b"), strict=True):
        values = [row[column] for row in table(comparison)]
        shown = [(value, place) for place, value in enumerate(values) if value is not None]
        axis.plot([x for x, _ in shown], [y for _, y in shown], marker, color=colour, label=label)
        before = _before(comparison.results[0], label)
        if before is not None:
            axis.axvline(before, color=colour, linestyle=":", linewidth=1, label=f"{label}, unfiltered")
    axis.set_title("F1 of the call sets" if comparison.config.call_sets else "hard false calls removed")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7)


def _before(result: ModelResult, label: str) -> float | None:
    row = find_row(result.effect, "SNP" if label == "SNVs" else "INDEL", "ALL")
    return None if row is None else row.f1
