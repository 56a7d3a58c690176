"""A pileup as text, as `samtools tview` shows one: `.` and `,` for bases as the reference on either strand. Knows no files."""

from __future__ import annotations

import numpy as np

from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.pileup import DELETED, GROUPS, NO_INSERTION, NOTHING, SKIPPED, Pileup

_BASE_STYLE = {ord("A"): "32", ord("C"): "34", ord("G"): "33", ord("T"): "31"}
_RESET, _DIM, _BOLD = "\x1b[0m", "2", "1"
#: Bases below this quality are shown dim.
_UNSURE_PHRED = 20


def pileup_text(pileup: Pileup, facts: CallFacts, *, colour: bool) -> str:
    """Lines of text; ANSI colours where asked for."""
    indent = " " * 10
    event = "".join("v" if here else " " for here in pileup.is_event)
    lines = [_styled(facts.place, _BOLD, colour), *facts.lines(), "", indent + _positions(pileup), indent + event]
    haplotypes = (("reference", pileup.reference), ("ALT", pileup.alternate))
    lines += [f"{name:<10}{_haplotype(row, colour)}" for name, row in haplotypes]
    for index, name in enumerate(GROUPS):
        rows = np.flatnonzero(pileup.rows.group == index)
        hidden = f", {pileup.n_reads[index] - len(rows)} not shown" if len(rows) < pileup.n_reads[index] else ""
        lines.append(_styled(f"-- {name}: {pileup.n_reads[index]} reads{hidden}", _BOLD, colour))
        lines += [_row(pileup, int(row), colour) for row in rows]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _styled(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{style}m{text}{_RESET}" if colour and style else text


def _positions(pileup: Pileup) -> str:
    """1-based positions every twenty reference bases, beginning at their column."""
    line = [" "] * (len(pileup.pos0) + 16)
    for column in np.flatnonzero(~pileup.is_inserted & ((pileup.pos0 + 1) % 20 == 0)):
        text = f"|{pileup.pos0[column] + 1}"
        line[int(column) : int(column) + len(text)] = list(text)
    return "".join(line).rstrip()


def _haplotype(row: np.ndarray, colour: bool) -> str:
    return "".join(_styled(chr(base), _BASE_STYLE.get(int(base), ""), colour) for base in row)


def _row(pileup: Pileup, row: int, colour: bool) -> str:
    rows = pileup.rows
    reverse = bool(rows.is_reverse[row])
    cells = [
        _cell(int(base), int(quality), bool(clipped), int(reference), reverse, colour)
        for base, quality, clipped, reference in zip(
            rows.base[row], rows.quality_phred[row], rows.is_clipped[row], pileup.reference, strict=True
        )
    ]
    tag = f" HP{rows.haplotype[row]}" if rows.haplotype[row] else ""
    return f"{'<' if reverse else '>'} {'':8}{''.join(cells)}  MQ{rows.mapq[row]} m{rows.margin_phred[row]:+d}{tag}"


def _cell(base: int, quality_phred: int, clipped: bool, reference: int, reverse: bool, colour: bool) -> str:
    if base in (NOTHING, NO_INSERTION, DELETED, SKIPPED):
        return " " if base == NOTHING else chr(base)
    unsure = _DIM if quality_phred < _UNSURE_PHRED else ""
    if clipped:
        return _styled(chr(base).lower(), _DIM, colour)
    if base == reference:
        return _styled("," if reverse else ".", unsure, colour)
    style = ";".join(filter(None, (_BASE_STYLE.get(base, ""), unsure)))
    return _styled(chr(base).lower() if reverse else chr(base), style, colour)
