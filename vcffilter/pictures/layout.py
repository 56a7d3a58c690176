"""A pileup and its facts as a drawing: haplotypes on top, reads below in groups, numbers beside them. Knows no files.

Readable without colour: a base that differs from the reference carries its letter, a deletion is a bar, the strand an arrow.
Colours of bases are those of Okabe and Ito (2008), which people of every colour vision tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vcffilter.pictures.drawing import Drawing, Label, Polygon, Rectangle, Shape
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.heat import Heat
from vcffilter.pictures.pileup import BESIDE, DELETED, NO_INSERTION, NOTHING, SKIPPED, Pileup

_CELL_WIDTH, _ROW_HEIGHT, _GAP = 9.0, 11.0, 1.0
_LEFT, _RIGHT, _TOP, _MARGIN = 92.0, 96.0, 62.0, 12.0
_GROUP_HEIGHT = 17.0
_TEXT, _SMALL, _TITLE = 10.0, 8.5, 14.0

_BASE_COLOUR = {ord("A"): "#009e73", ord("C"): "#0072b2", ord("G"): "#e69f00", ord("T"): "#d55e00", ord("N"): "#999999"}
_OTHER_COLOUR = "#999999"
#: Matching bases by base quality: below 10, 20, 30, and from there on. The paler, the less sure.
_QUALITY_STEPS = (10, 20, 30)
_MATCH_COLOURS = ("#eeeeee", "#dcdcdc", "#c8c8c8", "#b4b4b4")
_CLIP_COLOUR, _PAD_COLOUR, _EVENT_COLOUR, _LINE_COLOUR = "#f3e3ef", "#f4f4f4", "#fff3c4", "#555555"
_GROUP_COLOUR = {"ALT": "#8b1a62", "REF": "#34495e", "neither": "#6f6f6f", "mate": "#6f6f6f", "beside": "#6f6f6f"}
_LEGEND = (
    "row: one read, > forward, < reverse; grey: as the reference, paler with lower base quality; letter: differs; bar: deleted; "
    "violet: soft-clipped; MQ mapping quality, m support (phred, + for ALT), HP haplotype tag"
)
#: With heat: what speaks for the ALT and against it, from pale to full; signs of rows and the bars' directions say it, too.
_FOR_COLOUR, _AGAINST_COLOUR = "#0072b2", "#d55e00"
_HEAT_STEPS = 6
_BARS_HEIGHT = 34.0
#: Share of the cells that reach the full colour.
_FULL_QUANTILE = 0.995
_HEAT_LEGEND = (
    "blue: what the model sees here speaks for the ALT, vermilion: against it, the fuller the more; bars: sum of a column, "
    "up for, down against; number: sum of a row; row: one read, > forward, < reverse; letter: differs; bar in a row: deleted"
)


@dataclass(frozen=True)
class Tint:
    """Heat to draw a pileup with. what: what the numbers are, in a few words."""

    heat: Heat
    what: str


def draw_pileup(pileup: Pileup, facts: CallFacts, tint: Tint | None = None) -> Drawing:
    """The picture of one call; with a tint in its colours instead of those of bases and qualities."""
    width = _LEFT + len(pileup.pos0) * _CELL_WIDTH + _RIGHT
    shapes: list[Shape] = [Label(_MARGIN, 18, facts.place, _TITLE)]
    shapes += [Label(_MARGIN, 36 + 13 * index, line, _TEXT, "#444444") for index, line in enumerate(facts.lines())]
    y = _TOP + 4
    if tint is not None:
        shapes += _bars(tint, y)
        y += _BARS_HEIGHT + 16
    full = 0.0 if tint is None else _full(tint.heat)
    backdrop_from = y
    body = _ruler(pileup, y)
    y += 14
    for name, haplotype in (("reference", pileup.reference), ("ALT", pileup.alternate)):
        if tint is not None and name == "reference":
            body += _cells([_heat_fill(value, full) for value in tint.heat.of_reference], y)
        body += _haplotype(name, haplotype, y)
        y += _ROW_HEIGHT + 2 * _GAP
    for index, name in enumerate(pileup.group_names):
        rows = np.flatnonzero(pileup.rows.group == index)
        body.append(_heading(pileup, index, len(rows), y))
        y += _GROUP_HEIGHT
        for row in rows:
            body += _read(pileup, int(row), y, name) if tint is None else _tinted_read(pileup, int(row), y, tint.heat, full)
            y += _ROW_HEIGHT + _GAP
        y += 3
    shapes += _event_backdrop(pileup, backdrop_from, y)
    shapes += body
    legend = _wrapped(_LEGEND if tint is None else _HEAT_LEGEND, width)
    shapes += [Label(_MARGIN, y + 10 + 11 * index, text, _SMALL, "#666666") for index, text in enumerate(legend)]
    height = y + 10 + 11 * len(legend) + 4
    counts = ", ".join(f"{count} {name}" for count, name in zip(pileup.n_reads, pileup.group_names, strict=True))
    shown = "Pileup" if tint is None else f"{tint.what[:1].upper()}{tint.what[1:]} over the pileup"
    description = f"{shown} of {facts.place}: reads for {counts}. {'; '.join(facts.lines())}"
    return Drawing(max(width, 520.0), height, tuple(shapes), facts.place, description)


def _x(column: float) -> float:
    return _LEFT + column * _CELL_WIDTH


def _wrapped(text: str, width: float) -> list[str]:
    """Lines of about the picture's width."""
    most = max(int((width - 2 * _MARGIN) / (_SMALL * 0.61)), 40)
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _ruler(pileup: Pileup, y: float) -> list[Shape]:
    """Positions, 1-based, every twenty reference bases."""
    columns = np.flatnonzero(~pileup.is_inserted & ((pileup.pos0 + 1) % 20 == 0))
    shapes: list[Shape] = [Label(_MARGIN, y + 5, pileup.contig[:12], _SMALL, "#666666")]
    for column in columns:
        shapes.append(Rectangle(_x(int(column) + 0.5), y + 9, 1, 4, _LINE_COLOUR))
        shapes.append(Label(_x(int(column) + 0.5), y + 4, f"{pileup.pos0[column] + 1:,}", _SMALL, "#666666", "middle"))
    return shapes


def _event_backdrop(pileup: Pileup, top: float, bottom: float) -> list[Shape]:
    columns = np.flatnonzero(pileup.is_event)
    if len(columns) == 0:
        return []
    width = (columns[-1] - columns[0] + 1) * _CELL_WIDTH + 2
    return [Rectangle(_x(int(columns[0])) - 1, top, width, bottom - top, _EVENT_COLOUR)]


def _haplotype(name: str, row: np.ndarray, y: float) -> list[Shape]:
    shapes: list[Shape] = [Label(_LEFT - 6, y + _ROW_HEIGHT / 2, name, _TEXT, anchor="end")]
    for column, base in enumerate(row):
        if base == NO_INSERTION:
            continue
        if base == DELETED:
            shapes.append(Rectangle(_x(column), y + _ROW_HEIGHT / 2 - 0.5, _CELL_WIDTH, 1.5, _LINE_COLOUR))
            continue
        colour = _BASE_COLOUR.get(base, _OTHER_COLOUR)
        shapes.append(Label(_x(column + 0.5), y + _ROW_HEIGHT / 2, chr(base), _TEXT, colour, "middle"))
    return shapes


def _heading(pileup: Pileup, index: int, n_shown: int, y: float) -> Label:
    n = pileup.n_reads[index]
    noun = "read shows" if n == 1 else "reads show"
    what = {
        "ALT": f"{n} {noun} ALT",
        "REF": f"{n} {noun} REF",
        "neither": f"{n} {noun} neither",
        "mate": f"{n} not counted: the other mate says as much or more",
        BESIDE: f"{n} not over the call",
    }
    hidden = f" ({n - n_shown} of them not drawn)" if n_shown < n else ""
    name = pileup.group_names[index]
    return Label(_MARGIN, y + _GROUP_HEIGHT / 2 + 1, what[name] + hidden, _TEXT, _GROUP_COLOUR[name])


def _read(pileup: Pileup, row: int, y: float, group: str) -> list[Shape]:
    """The cells of one read, its arrow, and its numbers."""
    rows = pileup.rows
    support = "" if group == BESIDE else f" m{rows.margin_phred[row]:+d}"
    number = f"MQ{rows.mapq[row]}{support}" + (f" HP{rows.haplotype[row]}" if rows.haplotype[row] else "")
    cells = zip(rows.base[row], rows.quality_phred[row], rows.is_clipped[row], pileup.reference, strict=True)
    fills = [_fill(int(base), int(quality), bool(clipped), int(reference)) for base, quality, clipped, reference in cells]
    return _row_shapes(pileup, row, y, fills, number, _GROUP_COLOUR[group])


def _tinted_read(pileup: Pileup, row: int, y: float, heat: Heat, full: float) -> list[Shape]:
    fills = [
        "" if base in (NOTHING, SKIPPED) else _heat_fill(value, full)
        for base, value in zip(pileup.rows.base[row], heat.of_cell[row], strict=True)
    ]
    total = heat.of_row[row]
    if np.isnan(total):
        return _row_shapes(pileup, row, y, fills, "not seen", "#666666")
    return _row_shapes(pileup, row, y, fills, f"{total:+.3f}", _FOR_COLOUR if total > 0 else _AGAINST_COLOUR)


def _row_shapes(pileup: Pileup, row: int, y: float, fills: Sequence[str], number: str, colour: str) -> list[Shape]:
    """fills: colour of each cell, "" for none. number: what stands at the right."""
    rows = pileup.rows
    base, clipped = rows.base[row], rows.is_clipped[row]
    shapes: list[Shape] = [Label(_x(len(base)) + 8, y + _ROW_HEIGHT / 2, number, _SMALL, colour)]
    there = np.flatnonzero(base != NOTHING)
    if len(there) == 0:
        return shapes
    shapes += _cells(fills, y)
    for column in there:
        shapes += _mark(int(column), int(base[column]), bool(clipped[column]), int(pileup.reference[column]), y)
    shapes.append(_arrow(int(there[0]), int(there[-1]) + 1, bool(rows.is_reverse[row]), y))
    return shapes


def _cells(fills: Sequence[str], y: float) -> list[Shape]:
    """Neighbouring cells of one colour as one rectangle."""
    runs: list[tuple[int, int, str]] = []
    for column, colour in enumerate(fills):
        if runs and runs[-1][2] == colour and runs[-1][1] == column:
            runs[-1] = (runs[-1][0], column + 1, colour)
        elif colour:
            runs.append((column, column + 1, colour))
    return [Rectangle(_x(first), y, (last - first) * _CELL_WIDTH, _ROW_HEIGHT, fill) for first, last, fill in runs]


def _full(heat: Heat) -> float:
    """The value that gets the full colour."""
    seen = np.abs(np.concatenate([heat.of_cell.ravel(), heat.of_reference]))
    seen = seen[seen > 0]
    return float(np.quantile(seen, _FULL_QUANTILE)) if len(seen) else 1.0


def _heat_fill(value: float, full: float) -> str:
    """In steps, so that neighbours of about one value are one rectangle; near 0 as paper."""
    step = round(min(abs(value) / full, 1.0) * _HEAT_STEPS)
    return _towards_white(_FOR_COLOUR if value > 0 else _AGAINST_COLOUR, 0.85 * step / _HEAT_STEPS) if step else "#f2f2f2"


def _bars(tint: Tint, top: float) -> list[Shape]:
    """Sums of the columns, up for the ALT and down against it."""
    of_column = tint.heat.of_column
    largest = float(np.abs(of_column).max()) or 1.0
    zero = top + 10 + _BARS_HEIGHT / 2
    shapes: list[Shape] = [
        Label(_MARGIN, top + 2, tint.what, _SMALL, "#444444"),
        Rectangle(_x(0), zero, len(of_column) * _CELL_WIDTH, 0.75, _LINE_COLOUR),
    ]
    for column, value in enumerate(of_column):
        height = abs(value) / largest * _BARS_HEIGHT / 2
        if height >= 0.25:
            y, colour = (zero - height, _FOR_COLOUR) if value > 0 else (zero + 0.75, _AGAINST_COLOUR)
            shapes.append(Rectangle(_x(column) + 1, y, _CELL_WIDTH - 2, height, colour))
    return shapes


def _fill(base: int, quality_phred: int, clipped: bool, reference: int) -> str:
    if base in (NOTHING, DELETED, SKIPPED):
        return ""
    if base == NO_INSERTION:
        return _PAD_COLOUR
    if clipped:
        return _CLIP_COLOUR
    if base != reference and reference != ord("N"):
        return _faded(_BASE_COLOUR.get(base, _OTHER_COLOUR), quality_phred)
    return _MATCH_COLOURS[sum(quality_phred >= step for step in _QUALITY_STEPS)]


def _faded(colour: str, quality_phred: int) -> str:
    """Towards white where the base is unsure."""
    return _towards_white(colour, (0.35, 0.55, 0.8, 1.0)[sum(quality_phred >= step for step in _QUALITY_STEPS)])


def _towards_white(colour: str, strength: float) -> str:
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * strength):02x}" for part in parts)


def _mark(column: int, base: int, clipped: bool, reference: int, y: float) -> list[Shape]:
    middle = y + _ROW_HEIGHT / 2
    if base == DELETED:
        return [Rectangle(_x(column), middle - 1, _CELL_WIDTH, 2.5, "#111111")]
    if base == SKIPPED:
        return [Rectangle(_x(column), middle, _CELL_WIDTH, 0.75, "#9a9a9a")]
    if base == NO_INSERTION or (base == reference and not clipped):
        return []
    return [Label(_x(column + 0.5), middle, chr(base), _SMALL, "#7b5573" if clipped else "#000000", "middle")]


def _arrow(first: int, last: int, is_reverse: bool, y: float) -> Polygon:
    """A small arrow at the end towards which the read was sequenced."""
    tip, back = (_x(first) - 4, _x(first)) if is_reverse else (_x(last) + 4, _x(last))
    return Polygon(((back, y), (tip, y + _ROW_HEIGHT / 2), (back, y + _ROW_HEIGHT)), _LINE_COLOUR)
