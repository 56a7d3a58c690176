"""Contributions as bars, to stand beside a pileup: from the base to the log-odds, one family a row. Knows no files."""

from __future__ import annotations

import math

from vcffilter.explanation.explainer import Explanation
from vcffilter.explanation.text import threshold_log_odds
from vcffilter.pictures.drawing import Drawing, Label, Polygon, Rectangle, Shape
from vcffilter.pictures.facts import CallFacts

_WIDTH, _NAMES, _PLOT, _ROW, _TOP = 460.0, 132.0, 250.0, 18.0, 46.0
_TEXT, _SMALL, _TITLE = 10.0, 8.5, 12.0
#: Okabe and Ito's blue and vermilion; direction and sign say the same without colour.
_FOR, _AGAINST, _LINE = "#0072b2", "#d55e00", "#555555"
_MOST_FACTS, _TIP = 6, 6.0


def draw_bars(explanation: Explanation, call: CallFacts, model_id: str = "") -> Drawing:
    """A waterfall: every bar begins where the one above it ended. model_id: for the title."""
    cut = threshold_log_odds(call)
    levels = [explanation.base]
    for _, amount in explanation.families:
        levels.append(levels[-1] + amount)
    ends = [*levels, *([cut] if cut is not None else [])]
    low, high = min(ends), max(ends)
    scale = _PLOT / max(high - low, 1e-6)

    def x(log_odds: float) -> float:
        return _NAMES + (log_odds - low) * scale

    bottom = _TOP + _ROW * (len(explanation.families) + 2)
    shapes: list[Shape] = [Label(12, 18, "What makes the log-odds" + (f" of {model_id}" if model_id else ""), _TITLE)]
    if cut is not None:
        shapes += [Rectangle(x(cut), _TOP - 8, 1, bottom - _TOP + 8, _LINE)]
        shapes += [Label(x(cut), _TOP - 14, f"threshold {cut:+.2f}", _SMALL, _LINE, "middle")]
    shapes += _end("base", explanation.base, x(explanation.base), _TOP)
    for row, ((name, amount), before, after) in enumerate(zip(explanation.families, levels, levels[1:], strict=False), start=1):
        shapes += _bar(name, amount, x(before), x(after), _TOP + row * _ROW)
    shapes += _end("log-odds", explanation.log_odds, x(explanation.log_odds), bottom - _ROW)
    y = bottom + 16
    shapes.append(Label(12, y, "strongest facts (value, contribution)", _TEXT, "#444444"))
    for fact in explanation.facts[:_MOST_FACTS]:
        y += 14
        value = "" if math.isnan(fact.value) else f" = {fact.value:.3g}"
        shapes.append(Label(12, y, f"{fact.name}{value}  {fact.log_odds:+.2f}", _TEXT))
    description = ", ".join(f"{name} {amount:+.2f}" for name, amount in explanation.families)
    return Drawing(
        _WIDTH, y + 16, tuple(shapes), call.place,
        f"Log-odds {explanation.log_odds:+.2f}: base {explanation.base:+.2f}, {description}",
    )  # fmt: skip


def _end(name: str, log_odds: float, at: float, y: float) -> list[Shape]:
    return [
        Label(_NAMES - 8, y + _ROW / 2, name, _TEXT, anchor="end"),
        Rectangle(at - 1, y + 2, 3, _ROW - 4, _LINE),
        Label(_WIDTH - 8, y + _ROW / 2, f"{log_odds:+.2f}", _TEXT, anchor="end"),
    ]


def _bar(name: str, amount: float, before: float, after: float, y: float) -> list[Shape]:
    colour, middle = (_FOR if amount > 0 else _AGAINST), y + _ROW / 2
    width = abs(after - before)
    tip = min(width, _TIP)
    neck = after - tip if amount > 0 else after + tip
    return [
        Label(_NAMES - 8, middle, name, _TEXT, anchor="end"),
        Rectangle(min(before, neck), y + 3, max(width - tip, 0.75), _ROW - 6, colour),
        Polygon(((neck, y + 1), (after, middle), (neck, y + _ROW - 1)), colour),
        Label(_WIDTH - 8, middle, f"{amount:+.2f}", _TEXT, colour, "end"),
    ]
