"""Changes an aligned read as if its molecule carried an allele: bases, qualities and alignment of one read at a time.

Must not know files, callers, or why an allele is planted. Positions are 0-based, alleles normalised (left-aligned) edits.

A molecule keeps its sequenced (5') end: what a deletion takes is filled with reference at the other end, what an insertion adds
is cut there. Where an aligner would clip a read's end, or leave mismatches, rather than open a gap, so is done here. A base
that differed before from the reference keeps its error, with its quality; an indel of the read in the same repeat is
added to the planted one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import pysam

from vcffilter.truth.normalise import Edit, equivalent_span

MATCH, INSERTION, DELETION, SOFT_CLIP, HARD_CLIP, EQUAL, DIFFERENT = 0, 1, 2, 4, 5, 7, 8
#: Penalties of a short-read aligner, a matching base being 1.
MISMATCH_PENALTY, GAP_OPEN_PENALTY, CLIP_PENALTY = 4, 6, 5
#: Ends longer than this keep their gap unasked.
LONGEST_END = 300
#: A read that would keep fewer aligned bases is left as it is.
FEWEST_ALIGNED = 20
#: Tags that a changed read no longer deserves: other qualities, scores and counts of its alignment, per-base signals.
STALE_TAGS = (
    *("BQ", "OQ", "E2", "U2", "UQ", "AS", "XM", "XO", "XG", "cs", "mg"),
    *("ip", "pw", "fi", "fp", "ri", "rp", "MM", "ML", "Mm", "Ml"),
)


class Column(NamedTuple):
    """One base of a read. pos0: of the reference base it is aligned to, or that it is inserted behind."""

    base: str
    quality: int
    pos0: int
    inserted: bool = False


@dataclass(frozen=True)
class AlignedBases:
    """A read as columns, by rising position. head, tail: soft-clipped, their pos0 means nothing; hard_*: bases cut off."""

    columns: Sequence[Column]
    head: Sequence[Column]
    tail: Sequence[Column]
    hard_head: int
    hard_tail: int
    is_reverse: bool

    @property
    def start0(self) -> int:
        """First aligned position."""
        return self.columns[0].pos0

    @property
    def end0(self) -> int:
        """Behind the last aligned position."""
        return self.columns[-1].pos0 + 1

    def index(self, pos0: int) -> int:
        """Number of columns before the position."""
        return bisect_left(self.columns, pos0, key=lambda column: column.pos0)

    def ends_clipped(self, right: bool) -> bool:
        """Is the end clipped, softly or hard?"""
        return bool((self.tail or self.hard_tail) if right else (self.head or self.hard_head))


def aligned_bases(read: pysam.AlignedSegment) -> AlignedBases | None:
    """The read's columns; None when it is not aligned, has no bases or qualities, or skips reference (RNA)."""
    if read.is_unmapped or not read.cigartuples or read.query_sequence is None or read.query_qualities is None:
        return None
    columns: list[Column] = []
    head: list[Column] = []
    tail: list[Column] = []
    hard = [0, 0]
    query, pos0 = 0, read.reference_start
    bases, qualities = read.query_sequence, read.query_qualities
    for operation, length in read.cigartuples:
        taken = range(query, query + length)
        if operation in (MATCH, EQUAL, DIFFERENT):
            columns += [Column(bases[i], qualities[i], pos0 + i - query) for i in taken]
            pos0 += length
        elif operation == INSERTION:
            columns += [Column(bases[i], qualities[i], pos0 - 1, True) for i in taken]
        elif operation == DELETION:
            pos0 += length
            continue
        elif operation == SOFT_CLIP:
            (tail if columns else head).extend(Column(bases[i], qualities[i], -1) for i in taken)
        elif operation == HARD_CLIP:
            hard[bool(columns)] = length
            continue
        else:
            return None
        query += length
    return _tidy(AlignedBases(columns, head, tail, hard[0], hard[1], read.is_reverse)) if columns else None


def is_snv(edit: Edit) -> bool:
    """One base for one base."""
    return len(edit.alt) == 1 == edit.end0 - edit.start0


def carry(read: AlignedBases, edit: Edit, reference: str) -> AlignedBases:
    """The read of a molecule that carries the edit; the same object when that changes nothing.

    reference: the contig, upper case.
    """
    changed = _substitute(read, edit, reference) if is_snv(edit) else _indel(read, edit, reference)
    changed = changed if changed is read else _tidy(changed)
    return changed if len(changed.columns) >= FEWEST_ALIGNED else read


def _tidy(read: AlignedBases) -> AlignedBases:
    """Without insertions at the very ends: they are clips."""
    columns = read.columns
    first = next((i for i, column in enumerate(columns) if not column.inserted), len(columns))
    last = next((i for i in range(len(columns), 0, -1) if not columns[i - 1].inserted), first)
    if first == 0 and last == len(columns):
        return read
    head, tail = [*read.head, *columns[:first]], [*columns[last:], *read.tail]
    return replace(read, columns=columns[first:last], head=head, tail=tail)


def _substitute(read: AlignedBases, edit: Edit, reference: str) -> AlignedBases:
    index = read.index(edit.start0)
    if index == len(read.columns) or read.columns[index].pos0 != edit.start0 or read.columns[index].inserted:
        return read
    if read.columns[index].base != reference[edit.start0]:
        return read  # an error of this read: it hides either allele
    columns = [*read.columns[:index], read.columns[index]._replace(base=edit.alt), *read.columns[index + 1 :]]
    after = len(columns) - index - 1
    # A clipped end is paid for already: so few matches behind the mismatch do not pay for it.
    if read.ends_clipped(right=True) and after < MISMATCH_PENALTY:
        return replace(read, columns=columns[:index], tail=[*columns[index:], *read.tail])
    if read.ends_clipped(right=False) and index < MISMATCH_PENALTY:
        return replace(read, columns=columns[index + 1 :], head=[*read.head, *columns[: index + 1]])
    return replace(read, columns=columns)


def _indel(read: AlignedBases, edit: Edit, reference: str) -> AlignedBases:
    if edit.start0 == edit.end0:
        touched = read.start0 < edit.start0 < read.end0
    else:
        touched = read.start0 < edit.end0 and edit.start0 < read.end0
    if not touched:
        return read
    span = equivalent_span(edit, reference)
    start0, end0 = span.start0 - 1, span.end0 + 1
    first, last = read.index(start0), read.index(end0)
    if not _is_plain(read.columns[first:last], min(end0, read.end0) - max(start0, read.start0)):
        return _indel_beside_own(read, edit, start0, end0, reference)
    first, last = read.index(edit.start0), read.index(edit.end0)
    beside = read.columns[first:] or read.columns
    inserted = [Column(base, beside[i % len(beside)].quality, edit.start0 - 1, True) for i, base in enumerate(edit.alt)]
    parts = _keep_length(read, read.columns[:first], inserted, read.columns[last:], edit, reference)
    return _settle(*parts, edit, reference)


def _is_plain(columns: Sequence[Column], expected: int) -> bool:
    """No gap of the read's own among the columns?"""
    return len(columns) == expected and not any(column.inserted for column in columns)


def _indel_beside_own(read: AlignedBases, edit: Edit, start0: int, end0: int, reference: str) -> AlignedBases:
    """An indel in a repeat (start0 to end0, a base more on both sides) where the read has an indel of its own: their sum."""
    columns = list(read.columns[read.index(start0) : read.index(end0)])
    if len(columns) < 2 or columns[0].pos0 != start0 or columns[0].inserted:
        return read
    if columns[-1].pos0 != end0 - 1 or columns[-1].inserted:
        return read
    at = sum(column.pos0 < edit.start0 for column in columns)
    lost = edit.end0 - edit.start0
    if at + lost >= len(columns):
        return read
    inserted = [Column(base, columns[at].quality, 0) for base in edit.alt]
    changed = _place(columns[:at] + inserted + columns[at + lost :], edit.start0, start0, end0)
    before, after = read.columns[: read.index(start0)], read.columns[read.index(end0) :]
    read, before, changed, after = _keep_length(read, before, changed, after, edit, reference)
    return replace(read, columns=[*before, *changed, *after])


def _place(bases: list[Column], gap0: int, start0: int, end0: int) -> list[Column]:
    """Bases aligned from start0 to end0, with one gap at gap0 where their number differs."""
    before, surplus = gap0 - start0, len(bases) - (end0 - start0)
    placed = []
    for i, column in enumerate(bases):
        if i < before:
            placed.append(column._replace(pos0=start0 + i, inserted=False))
        elif i < before + surplus:
            placed.append(column._replace(pos0=gap0 - 1, inserted=True))
        else:
            placed.append(column._replace(pos0=end0 - len(bases) + i, inserted=False))
    return placed


Parts = tuple[AlignedBases, list[Column], list[Column], list[Column]]


def _keep_length(
    read: AlignedBases,
    left: Sequence[Column],
    inserted: Sequence[Column],
    right: Sequence[Column],
    edit: Edit,
    reference: str,
) -> Parts:
    """Fill or cut the end that was sequenced last; a clipped end is not filled, what lies behind it is not known."""
    n_more = len(read.columns) - len(left) - len(right) - len(inserted)
    left, inserted, right = list(left), list(inserted), list(right)
    if n_more > 0 and not read.ends_clipped(right=not read.is_reverse):
        qualities = [column.quality for column in read.columns]
        if read.is_reverse:
            stop0 = min(left[0].pos0 if left else edit.start0, edit.start0)
            start0 = max(0, stop0 - n_more)
            left = [Column(reference[i], qualities[i - start0], i) for i in range(start0, stop0)] + left
        else:
            start0 = max(right[-1].pos0 + 1 if right else edit.end0, edit.end0)
            stop0 = min(len(reference), start0 + n_more)
            right += [Column(reference[i], qualities[i - stop0], i) for i in range(start0, stop0)]
    elif n_more < 0 and read.is_reverse:
        head, left, inserted = _cut(-n_more, list(read.head), left, inserted)
        read = replace(read, head=head)
    elif n_more < 0:
        tail, right, inserted = (part[::-1] for part in _cut(-n_more, list(read.tail)[::-1], right[::-1], inserted[::-1]))
        read = replace(read, tail=tail)
    return read, left, inserted, right


def _cut(number: int, *parts: list[Column]) -> tuple[list[Column], ...]:
    """The parts without their first `number` columns, the first part losing first."""
    kept = []
    for part in parts:
        kept.append(part[number:])
        number = max(0, number - len(part))
    return tuple(kept)


def _settle(
    read: AlignedBases, left: list[Column], inserted: list[Column], right: list[Column], edit: Edit, reference: str
) -> AlignedBases:
    """With the gap, or with the shorter side drawn over it or clipped: whichever an aligner would score highest."""
    on_right = len(right) <= len(left)
    side, other = (right, left) if on_right else (left, right)
    with_gap = replace(read, columns=[*left, *inserted, *right])
    if len(side) > LONGEST_END or not other or not _is_plain(side, abs(side[-1].pos0 - side[0].pos0) + 1 if side else 0):
        return with_gap
    # From the gap outwards, as if there were none.
    moved = [*inserted, *right] if on_right else [*left, *inserted][::-1]
    step, first0 = (1, edit.start0) if on_right else (-1, edit.end0 - 1)
    if not 0 <= first0 + step * len(moved) < len(reference):
        return with_gap
    moved = [column._replace(pos0=first0 + step * i, inserted=False) for i, column in enumerate(moved)]
    running = list(accumulate((_score(column, reference) for column in moved), initial=0))
    kept = max(range(len(running)), key=running.__getitem__)
    clipped = running[kept] - (0 if read.ends_clipped(on_right) else CLIP_PENALTY)
    gapped = sum(_score(column, reference) for column in side) - GAP_OPEN_PENALTY - max(len(edit.alt), edit.end0 - edit.start0)
    if side and gapped >= max(clipped, running[-1]):
        return with_gap
    kept = len(moved) if running[-1] >= clipped else kept
    if on_right:
        return replace(read, columns=[*left, *moved[:kept]], tail=[*moved[kept:], *read.tail])
    return replace(read, columns=[*moved[:kept][::-1], *right], head=[*read.head, *moved[kept:][::-1]])


def _score(column: Column, reference: str) -> int:
    return 1 if column.base == reference[column.pos0] else -MISMATCH_PENALTY


def write_back(read: pysam.AlignedSegment, changed: AlignedBases, reference: str) -> None:
    """Give the record the changed bases and alignment; NM and MD are made anew where it had them, STALE_TAGS dropped."""
    extended = any(operation in (EQUAL, DIFFERENT) for operation, _ in read.cigartuples or ())
    everything = [*changed.head, *changed.columns, *changed.tail]
    read.query_sequence = "".join(column.base for column in everything)
    read.query_qualities = pysam.qualitystring_to_array("".join(chr(column.quality + 33) for column in everything))
    read.reference_start = changed.start0
    read.cigartuples = cigar(changed, reference, extended)
    for tag in STALE_TAGS:
        read.set_tag(tag, None)
    if read.has_tag("MD"):
        read.set_tag("MD", mismatch_text(changed.columns, reference))
    if read.has_tag("NM"):
        read.set_tag("NM", edit_distance(changed.columns, reference))


def cigar(read: AlignedBases, reference: str, extended: bool) -> list[tuple[int, int]]:
    """(operation, length) pairs; extended: = and X in place of M."""

    def aligned(column: Column) -> int:
        if column.inserted:
            return INSERTION
        if not extended:
            return MATCH
        return EQUAL if column.base == reference[column.pos0] else DIFFERENT

    operations = [(HARD_CLIP, read.hard_head), (SOFT_CLIP, len(read.head))]
    operations += _with_deletions(read.columns, aligned)
    operations += [(SOFT_CLIP, len(read.tail)), (HARD_CLIP, read.hard_tail)]
    merged: list[tuple[int, int]] = []
    for operation, length in operations:
        if merged and merged[-1][0] == operation:
            merged[-1] = operation, merged[-1][1] + length
        elif length:
            merged.append((operation, length))
    return merged


def _with_deletions(columns: Sequence[Column], aligned: Callable[[Column], int]) -> list[tuple[int, int]]:
    operations, next0 = [], columns[0].pos0
    for column in columns:
        if column.pos0 > next0:
            operations.append((DELETION, column.pos0 - next0))
        operations.append((aligned(column), 1))
        next0 = column.pos0 + 1
    return operations


def mismatch_text(columns: Sequence[Column], reference: str) -> str:
    """The MD tag."""
    text, matches, next0 = [], 0, columns[0].pos0
    for column in columns:
        if column.inserted:
            continue
        if column.pos0 > next0:
            text.append(f"{matches}^{reference[next0 : column.pos0]}")
            matches = 0
        if column.base == reference[column.pos0]:
            matches += 1
        else:
            text.append(f"{matches}{reference[column.pos0]}")
            matches = 0
        next0 = column.pos0 + 1
    return "".join(text) + str(matches)


def edit_distance(columns: Sequence[Column], reference: str) -> int:
    """The NM tag: mismatches, inserted and deleted bases."""
    shown = sum(column.inserted or column.base != reference[column.pos0] for column in columns)
    aligned = sum(not column.inserted for column in columns)
    return shown + (columns[-1].pos0 + 1 - columns[0].pos0 - aligned)
