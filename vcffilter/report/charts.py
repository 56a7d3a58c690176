"""Charts of a tally as SVG text. The only part of the report that knows matplotlib; needs the extra [report].

Readable without colour: lines differ in their dashes, bars in their hatching.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from vcffilter.evaluation.plots import STYLE, require_matplotlib
from vcffilter.report.tally import THRESHOLD_OF_TYPE, TYPES, Tally, TypeTally, cut_facts

_KEPT, _FAILED, _GUIDE = "#1f6feb", "#b3303f", "#57606a"
_FAILED_BAR = {"color": _FAILED, "label": "fail", "hatch": "////", "edgecolor": "white", "linewidth": 0}
#: Thresholds at which the curves are drawn; probabilities near 0 and 1 are where most calls lie.
_CUTS = np.linspace(0, 0.99, 100)
#: Bars of the histogram.
_BARS = np.arange(40) / 40
_SIZE = (4.4, 2.7)


def charts(tally: Tally, thresholds: dict[str, float]) -> list[tuple[str, list[str]]]:
    """(heading, SVG of each type) of every chart. thresholds: in force, by "snv" and "indel"."""
    require_matplotlib()
    from matplotlib import pyplot

    # Text stays text, so that it can be read and searched; the salt keeps the bytes the same from run to run.
    settings = STYLE | {"svg.fonttype": "none", "svg.hashsalt": "vcffilter", "font.family": "sans-serif"}
    with pyplot.rc_context(settings):
        return [
            (heading, [draw(pyplot, name, tally.types[name], thresholds.get(THRESHOLD_OF_TYPE[name])) for name in TYPES])
            for heading, draw in (("How probable the calls are", _histogram), ("What another cut would do", _cut_curves))
        ]


def _title(name: str) -> str:
    return "SNVs" if name == "SNV" else "Indels, MNPs, complex"


def _histogram(pyplot: Any, name: str, kind: TypeTally, cut: float | None) -> str:
    figure, axis = pyplot.subplots(figsize=_SIZE)
    width = _BARS[1]
    bar = np.searchsorted(_BARS, kind.lowest, side="right") - 1
    for failing, style in ((False, {"color": _KEPT, "label": "pass"}), (True, _FAILED_BAR)):
        chosen = (kind.lowest < (cut or 0.0)) == failing
        counts = np.bincount(bar[chosen], kind.by_bin[chosen, 0], len(_BARS))
        below = np.bincount(bar[~chosen], kind.by_bin[~chosen, 0], len(_BARS)) if failing else np.zeros(len(_BARS))
        axis.bar(_BARS, counts, width, bottom=below, align="edge", **style)
    axis.set_yscale("symlog")
    axis.set_title(_title(name))
    axis.set_xlabel("probability that the ALT is real")
    axis.set_ylabel("ALTs")
    _mark_cut(axis, cut)
    axis.legend(loc="upper center", fontsize=8)
    return _svg(pyplot, figure)


def _cut_curves(pyplot: Any, name: str, kind: TypeTally, cut: float | None) -> str:
    figure, axis = pyplot.subplots(figsize=_SIZE)
    if kind.n_scored:
        _curves(axis, kind)
        axis.legend(loc="lower left", fontsize=8)
    axis.set_title(_title(name))
    axis.set_xlabel("threshold")
    axis.set_ylim(0, 1.05)
    _mark_cut(axis, cut)
    return _svg(pyplot, figure)


def _curves(axis: Any, kind: TypeTally) -> None:
    rows = [cut_facts(kind, float(cut)) for cut in _CUTS]
    kept = [row.n_kept / kind.n_scored for row in rows]
    precision = [row.precision if not math.isnan(row.precision) else None for row in rows]
    axis.plot(_CUTS, precision, color=_KEPT, label="expected precision of what passes")
    axis.plot(_CUTS, [row.recall for row in rows], color="#2f7d4f", dashes=(5, 2), label="expected share of true calls kept")
    axis.plot(_CUTS, kept, color=_FAILED, dashes=(1, 1.5), label="share of calls kept")


def _mark_cut(axis: Any, cut: float | None) -> None:
    if cut is not None:
        axis.axvline(cut, color=_GUIDE, linewidth=1, dashes=(3, 3))
        place = {"xy": (cut, 0.5), "xycoords": ("data", "axes fraction"), "xytext": (3, 0), "textcoords": "offset points"}
        axis.annotate(f"cut {cut:g}", **place, fontsize=8, color=_GUIDE)


def _svg(pyplot: Any, figure: Any) -> str:
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
