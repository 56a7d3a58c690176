"""Plots of an evaluation as PNG. The only part that knows matplotlib; needs the extra [report]."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from vcffilter.errors import MissingExtraError, install_hint
from vcffilter.evaluation.counts import DEPTH_BANDS, band_name, find_row
from vcffilter.evaluation.evaluation import Evaluation
from vcffilter.evaluation.scores import CALLER_SCORE, PROBABILITY, Curve

#: Colours of before and after, and matplotlib's settings, for every plot.
BEFORE, AFTER, _FALSE, _GUIDE = "#9aa5b1", "#1f6feb", "#d1495b", "#c9ced6"
_COLOUR_OF_SCORE = {PROBABILITY: AFTER, CALLER_SCORE: "#8a6d3b"}
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8b949e",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
}


def require_matplotlib(without: str = "--no-html") -> Any:
    """matplotlib with a backend that needs no screen; raises MissingExtraError that names the extra.

    without: the option that does without plots.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError(
            "plots need matplotlib", hint=f"{install_hint('matplotlib', 'report')}, or give {without}"
        ) from error
    matplotlib.use("Agg")
    return matplotlib


def all_plots(evaluation: Evaluation) -> list[tuple[str, bytes]]:
    """(what it shows, PNG) of every plot that the data allow."""
    require_matplotlib()
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        return [(title, image) for title, image in _plots(evaluation) if image is not None]


def _plots(evaluation: Evaluation) -> list[tuple[str, bytes | None]]:
    return [
        ("Recall, precision and F1 before and after filtering", types_plot(evaluation)),
        ("F1 by depth", depth_plot(evaluation)),
        ("ROC: true calls kept against false calls kept", curves_plot(evaluation, is_roc=True)),
        ("Precision against recall, among the calls", curves_plot(evaluation, is_roc=False)),
        ("Reliability: does the probability keep its word", reliability_plot(evaluation)),
        ("Distribution of PILEUP_PROB", histogram_plot(evaluation)),
    ]


def types_plot(evaluation: Evaluation) -> bytes | None:
    """Three metrics per type, before and after."""
    names = (("SNP", "*", "SNV"), ("INDEL", "INS", "insertion"), ("INDEL", "DEL", "deletion"), ("INDEL", "COMPLEX", "complex"))
    figure, axes = new_figure(3, (9.0, 2.8))
    for axis, metric in zip(axes, ("recall", "precision", "f1"), strict=True):
        shown = []
        for kind, subtype, label in names:
            pair = [find_row(evaluation.rows, kind, name, "*", subtype) for name in ("ALL", "PASS")]
            values = [None if row is None else getattr(row, metric) for row in pair]
            if any(value is not None for value in values):
                shown.append((label, values))
        _bars(axis, shown)
        axis.set_title({"f1": "F1"}.get(metric, metric))
    _legend_above(figure, axes)
    return png(figure)


def depth_plot(evaluation: Evaluation) -> bytes | None:
    """F1 of SNVs and of the rest in the finer depth bands."""
    bands = [band_name(low, high) for low, high in DEPTH_BANDS[3:]]
    figure, axes = new_figure(2, (9.0, 2.8))
    any_shown = False
    for axis, kind in zip(axes, ("SNP", "INDEL"), strict=True):
        shown = []
        for band in bands:
            pair = [find_row(evaluation.rows, kind, name, f"depth_{band}") for name in ("ALL", "PASS")]
            values = [None if row is None else row.f1 for row in pair]
            if any(value is not None for value in values):
                shown.append((band.replace("_plus", "+").replace("_", "-"), values))
        any_shown = any_shown or bool(shown)
        _bars(axis, shown)
        axis.set_title(f"F1, {'SNVs' if kind == 'SNP' else 'indels and complex'}")
        axis.set_xlabel("reads at the allele")
    _legend_above(figure, axes)
    image = png(figure)
    return image if any_shown else None


def curves_plot(evaluation: Evaluation, is_roc: bool) -> bytes | None:
    """ROC or precision-recall curves of all and of hard calls."""
    if not evaluation.curves:
        return None
    figure, axes = new_figure(2, (9.0, 3.6))
    for axis, group in zip(axes, ("all", "hard"), strict=True):
        for curve in (one for one in evaluation.curves if one.group == group):
            _draw_curve(axis, curve, is_roc)
        axis.set_title("all calls" if group == "all" else "hard calls (caller's score 1 or more)")
        axis.set_xlabel("share of false calls kept" if is_roc else "recall among the calls")
        axis.set_ylabel("share of true calls kept" if is_roc else "precision")
        axis.set_xlim(-0.02, 1.02)
        lowest = axis.get_ylim()[0]
        axis.set_ylim(lowest, 1 + 0.03 * (1 - lowest))
        if axis.get_legend_handles_labels()[0]:
            axis.legend(loc="lower right" if is_roc else "lower left")
    return png(figure)


def reliability_plot(evaluation: Evaluation) -> bytes | None:
    """Claimed against observed share of true calls; the number of calls beside each point."""
    if not evaluation.reliability:
        return None
    figure, axes = new_figure(2, (9.0, 3.6))
    for axis, group in zip(axes, ("all", "hard"), strict=True):
        bins = [one for one in evaluation.reliability if one.group == group]
        axis.plot([0, 1], [0, 1], color=_GUIDE, linewidth=1)
        axis.plot([one.claimed for one in bins], [one.observed for one in bins], "o-", color=AFTER, linewidth=1, markersize=4)
        for one in bins:
            above = one.observed < 0.9
            axis.annotate(
                f"{one.n}", (one.claimed, one.observed), textcoords="offset points", xytext=(0, 6 if above else -13),
                ha="center", fontsize=7, color="#57606a",
            )  # fmt: skip
        axis.set_title("all calls" if group == "all" else "hard calls")
        axis.set_xlabel("mean PILEUP_PROB in the bin")
        axis.set_ylabel("share that is true")
        axis.set_xlim(-0.03, 1.03)
        axis.set_ylim(-0.03, 1.06)
    return png(figure)


def histogram_plot(evaluation: Evaluation) -> bytes | None:
    """True and false calls by probability, counts on a logarithmic axis."""
    false_counts, true_counts = evaluation.histogram
    if not any(false_counts) and not any(true_counts):
        return None
    figure, (axis,) = new_figure(1, (9.0, 2.6))
    width = 1 / len(true_counts)
    left = [number * width for number in range(len(true_counts))]
    axis.bar(left, true_counts, width * 0.45, align="edge", color=AFTER, label="true")
    axis.bar([x + width * 0.45 for x in left], false_counts, width * 0.45, align="edge", color=_FALSE, label="false")
    axis.set_yscale("symlog", linthresh=1)
    axis.set_xlabel("PILEUP_PROB")
    axis.set_ylabel("calls")
    axis.legend(loc="upper center")
    return png(figure)


def _draw_curve(axis: Any, curve: Curve, is_roc: bool) -> None:
    colour = _COLOUR_OF_SCORE.get(curve.score, _FALSE)
    if is_roc:
        axis.plot([0.0, *curve.false_rate], [0.0, *curve.recall], color=colour, label=curve.score, linewidth=1.5)
    else:
        axis.plot(curve.recall, curve.precision, color=colour, label=curve.score, linewidth=1.5)


def _bars(axis: Any, shown: Sequence[tuple[str, Sequence[float | None]]]) -> None:
    """Pairs of bars, before and after."""
    for offset, (label, colour) in enumerate((("before", BEFORE), ("after", AFTER))):
        values = [pair[offset] or 0.0 for _, pair in shown]
        axis.bar([x + 0.38 * (offset - 0.5) for x in range(len(shown))], values, 0.36, color=colour, label=label)
    axis.set_xticks(range(len(shown)), [label for label, _ in shown])
    axis.set_ylim(0, 1)
    axis.grid(axis="y", color="#eaecef")
    axis.set_axisbelow(True)


def _legend_above(figure: Any, axes: Any) -> None:
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper right", ncols=2)


def new_figure(n_axes: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """(figure, row of axes); size in inches."""
    require_matplotlib()
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, n_axes, figsize=size, squeeze=False, layout="constrained")
    return figure, axes[0]


def png(figure: Any) -> bytes:
    """The figure as PNG; it is closed."""
    from matplotlib import pyplot

    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130)
    pyplot.close(figure)
    return stream.getvalue()
