"""A pileup and its facts as a drawing: haplotypes on top, reads below in groups, numbers beside them. Knows no files.

Readable without colour: a base that differs from the reference carries its letter, a deletion is a bar, the strand an arrow.
Colours of bases are those of Okabe and Ito (2008), which people of every colour vision tell apart.
"""

from __future__ import annotations

import numpy as np

from vcffilter.pictures.drawing import Drawing, Label, Polygon, Rectangle, Shape
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.pileup import DELETED, GROUPS, NO_INSERTION, NOTHING, SKIPPED, Pileup

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
_GROUP_COLOUR = {"ALT": "#8b1a62", "REF": "#34495e", "neither": "#6f6f6f", "mate": "#6f6f6f"}
_LEGEND = (
    "row: one read, > forward, < reverse; grey: as the reference, paler with lower base quality; letter: differs; bar: deleted; "
    "violet: soft-clipped; MQ mapping quality, m support (phred, + for ALT), HP haplotype tag"
)


def draw_pileup(pileup: Pileup, facts: CallFacts) -> Drawing:
    """The picture of one call."""
    width = _LEFT + len(pileup.pos0) * _CELL_WIDTH + _RIGHT
    shapes: list[Shape] = [Label(_MARGIN, 18, facts.place, _TITLE)]
    shapes += [Label(_MARGIN, 36 + 13 * index, line, _TEXT, "#444444") for index, line in enumerate(facts.lines())]
    y = _TOP + 4
    backdrop_from = y
    shapes += _ruler(pileup, y)
    y += 14
    body: list[Shape] = []
    for name, haplotype in (("reference", pileup.reference), ("ALT", pileup.alternate)):
        body += _haplotype(name, haplotype, y)
        y += _ROW_HEIGHT + 2 * _GAP
    for index, name in enumerate(GROUPS):
        rows = np.flatnonzero(pileup.rows.group == index)
        body.append(_heading(pileup, index, len(rows), y))
        y += _GROUP_HEIGHT
        for row in rows:
            body += _read(pileup, int(row), y, name)
            y += _ROW_HEIGHT + _GAP
        y += 3
    shapes += _event_backdrop(pileup, backdrop_from, y)
    shapes += body
    legend = _wrapped(_LEGEND, width)
    shapes += [Label(_MARGIN, y + 10 + 11 * index, text, _SMALL, "#666666") for index, text in enumerate(legend)]
    height = y + 10 + 11 * len(legend) + 4
    counts = ", ".join(f"{count} {name}" for count, name in zip(pileup.n_reads, GROUPS, strict=True))
    description = f"Pileup of {facts.place}: reads for {counts}. {'; '.join(facts.lines())}"
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
    }
    hidden = f" ({n - n_shown} of them not drawn)" if n_shown < n else ""
    return Label(_MARGIN, y + _GROUP_HEIGHT / 2 + 1, what[GROUPS[index]] + hidden, _TEXT, _GROUP_COLOUR[GROUPS[index]])


def _read(pileup: Pileup, row: int, y: float, group: str) -> list[Shape]:
    """The cells of one read, its arrow, and its numbers."""
    rows = pileup.rows
    base, clipped = rows.base[row], rows.is_clipped[row]
    there = np.flatnonzero(base != NOTHING)
    middle = y + _ROW_HEIGHT / 2
    number = f"MQ{rows.mapq[row]} m{rows.margin_phred[row]:+d}" + (f" HP{rows.haplotype[row]}" if rows.haplotype[row] else "")
    shapes: list[Shape] = [Label(_x(len(base)) + 8, middle, number, _SMALL, _GROUP_COLOUR[group])]
    if len(there) == 0:
        return shapes
    for first, last, fill in _runs(pileup, row):
        shapes.append(Rectangle(_x(first), y, (last - first) * _CELL_WIDTH, _ROW_HEIGHT, fill))
    for column in there:
        shapes += _mark(int(column), int(base[column]), bool(clipped[column]), int(pileup.reference[column]), y)
    shapes.append(_arrow(int(there[0]), int(there[-1]) + 1, bool(rows.is_reverse[row]), y))
    return shapes


def _runs(pileup: Pileup, row: int) -> list[tuple[int, int, str]]:
    """(first column, last column, colour): neighbouring cells of one colour as one."""
    rows = pileup.rows
    cells = zip(rows.base[row], rows.quality_phred[row], rows.is_clipped[row], pileup.reference, strict=True)
    colours = [_fill(int(base), int(quality), bool(clipped), int(reference)) for base, quality, clipped, reference in cells]
    runs: list[tuple[int, int, str]] = []
    for column, colour in enumerate(colours):
        if runs and runs[-1][2] == colour and runs[-1][1] == column:
            runs[-1] = (runs[-1][0], column + 1, colour)
        elif colour:
            runs.append((column, column + 1, colour))
    return runs


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
    strength = (0.35, 0.55, 0.8, 1.0)[sum(quality_phred >= step for step in _QUALITY_STEPS)]
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
