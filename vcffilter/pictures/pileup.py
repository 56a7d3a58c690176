"""The pileup of one allele as a grid of bases: what a picture shows, taken from the arrays that the score is made of.

Knows neither colours nor files. Nothing is resampled: a cell is one base of one read, and reads that do not fit are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.encoding.encoder import PreparedChunk, site_reads
from vcffilter.kernels import sam
from vcffilter.kernels.support import (
    MATE_COUNTED,
    N_COVERING,
    SUPPORTS_ALT,
    SUPPORTS_REF,
    UNINFORMATIVE,
    SiteReads,
)

#: Groups of reads, in the order in which they are drawn; the last: the other mate of the fragment is the one that counts.
GROUPS = ("ALT", "REF", "neither", "mate")
#: A further group of windows that were moved: reads that do not cover the allele.
BESIDE = "beside"
_BESIDE_CODE = 4
#: Cells without a base: nothing of the read; deleted; reference skipped (spliced); no insertion where other reads have one.
NOTHING, DELETED, SKIPPED, NO_INSERTION = 0, ord("-"), ord(">"), ord("*")
#: An inserted run longer than this is cut in the picture.
_MOST_INSERTED = 20
_LETTER_OF_CODE = np.frombuffer(b"=ACMGRSVTWYHKDBN", np.uint8)


@dataclass(frozen=True)
class ReadRows:
    """One row a read, grouped by support (GROUPS), then by haplotype, then by start.

    base: uint8 (n_rows, n_columns), ASCII, or NOTHING, DELETED, SKIPPED, NO_INSERTION. quality_phred: uint8 (n_rows, n_columns).
    is_clipped: bool (n_rows, n_columns), soft-clipped bases, where they would lie. group: int8 (n_rows,), index in GROUPS.
    margin_phred: int32 (n_rows,), support, positive for ALT. mapq: uint8 (n_rows,). is_reverse: bool (n_rows,).
    haplotype: uint8 (n_rows,), HP tag, 0 = none. mate_row: int32 (n_rows,), row of the other read of the fragment, -1 = none.
    read: int32 (n_rows,), index of the read in the arrays that the pileup was made of.
    """

    base: np.ndarray
    quality_phred: np.ndarray
    is_clipped: np.ndarray
    group: np.ndarray
    margin_phred: np.ndarray
    mapq: np.ndarray
    is_reverse: np.ndarray
    haplotype: np.ndarray
    mate_row: np.ndarray
    read: np.ndarray


@dataclass(frozen=True)
class Pileup:
    """The reads over one allele.

    pos0: int64 (n_columns,), reference position of a column; a column of inserted bases has that of the base after it.
    is_inserted: bool (n_columns,). is_event: bool (n_columns,), where the allele lies. reference, alternate: uint8 (n_columns,),
    ASCII bases of the two haplotypes; NO_INSERTION, DELETED where one has nothing.
    n_reads: reads of each of `group_names`, those included that have no row.
    """

    contig: str
    pos0: np.ndarray
    is_inserted: np.ndarray
    is_event: np.ndarray
    reference: np.ndarray
    alternate: np.ndarray
    rows: ReadRows
    n_reads: tuple[int, ...]

    @property
    def group_names(self) -> tuple[str, ...]:
        """GROUPS, and BESIDE where the window was moved."""
        return (*GROUPS, BESIDE)[: len(self.n_reads)]

    @property
    def n_hidden(self) -> int:
        """Reads without a row."""
        return sum(self.n_reads) - len(self.rows.group)


@dataclass(frozen=True)
class _ReadBases:
    """The bases of one read by reference position: (pos0, base, quality, clipped) of aligned and clipped ones, inserted runs."""

    pos0: np.ndarray
    base: np.ndarray
    quality_phred: np.ndarray
    is_clipped: np.ndarray
    inserted: dict[int, tuple[np.ndarray, np.ndarray]]


def pileup_of(
    prepared: PreparedChunk, contig: str, allele: int, *, n_columns: int = 81, most_rows: int = 60, shift: int = 0
) -> Pileup:
    """The pileup of a usable allele (`prepared.alleles.problem` is FINE).

    n_columns: reference columns, more where the allele needs them. most_rows: reads drawn; ALT reads come first, up to half.
    shift: bases by which the window is moved, to where `prepared` was made to reach; reads that do not cover the allele are then
    drawn, too, and those that do not reach the window are not.
    """
    site = site_reads(prepared, allele)
    first0, last0 = _window(prepared, allele, n_columns, shift)
    if shift:
        site = _with_reads_beside(prepared, site, first0, last0)
    slots, group = _drawn_slots(prepared, site, most_rows)
    all_groups = _groups(site.group[: site.counts[N_COVERING]])
    n_reads = tuple(int((all_groups == index).sum()) for index in range(len(GROUPS) + bool(shift)))
    bases = [_bases_of(prepared, int(site.read[slot]), first0, last0) for slot in slots]
    alternate = _alternate(prepared, allele, first0, last0)
    pos0, is_inserted = _columns(first0, last0, [*bases, alternate])
    reads = site.read[slots]
    rows = ReadRows(
        *_grid(bases, pos0, is_inserted),
        group,
        site.margin_phred[slots],
        prepared.reads.mapq[reads],
        (prepared.reads.flag[reads] & sam.FLAG_REVERSE) != 0,
        prepared.reads.haplotype_tag[reads],
        _mate_rows(prepared.events.mate, reads),
        reads,
    )
    reference = _reference_row(prepared, allele, pos0, is_inserted)
    alternate_base = _alternate_row(alternate, pos0, is_inserted, reference)
    start0, end0 = int(prepared.alleles.start0[allele]), int(prepared.alleles.end0[allele])
    has_run = start0 in alternate.inserted or end0 in alternate.inserted
    is_event = (pos0 >= start0) & (pos0 < end0) | (is_inserted & has_run & (pos0 == end0))
    return Pileup(contig, pos0, is_inserted, is_event, reference, alternate_base, rows, n_reads)


def _groups(group: np.ndarray) -> np.ndarray:
    """Index in `group_names` of kernels.support's codes, and of _BESIDE_CODE."""
    place = np.zeros(5, np.int8)
    place[[SUPPORTS_ALT, SUPPORTS_REF, UNINFORMATIVE, MATE_COUNTED, _BESIDE_CODE]] = range(len(GROUPS) + 1)
    return place[group]


def _with_reads_beside(prepared: PreparedChunk, site: SiteReads, first0: int, last0: int) -> SiteReads:
    """The site's reads that reach a window, and the reads that only the window has; their support is 0."""
    n, reads = int(site.counts[N_COVERING]), prepared.reads
    reaches = (reads.unclipped_start0[: prepared.n_reads] < last0) & (reads.unclipped_end0[: prepared.n_reads] > first0)
    kept = np.flatnonzero(reaches[site.read[:n]])
    reaches[site.read[:n]] = False
    beside = np.flatnonzero(reaches).astype(np.int32)
    counts = site.counts.copy()
    counts[N_COVERING] = len(kept) + len(beside)
    return site._replace(
        read=np.concatenate([site.read[kept], beside]),
        margin_phred=np.concatenate([site.margin_phred[kept], np.zeros_like(beside)]),
        group=np.concatenate([site.group[kept], np.full(len(beside), _BESIDE_CODE, np.uint8)]),
        counts=counts,
    )


def _drawn_slots(prepared: PreparedChunk, site: SiteReads, most_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Slots of the reads that are drawn, in drawing order, and their groups; evenly spread where a group has too many."""
    n = int(site.counts[N_COVERING])
    group = _groups(site.group[:n])
    reads = prepared.reads
    read = site.read[:n]
    order = np.lexsort((reads.name_hash[read], reads.start0[read], reads.haplotype_tag[read], group))
    members = [order[group[order] == index] for index in range(len(GROUPS) + 1)]
    room = most_rows
    kept = []
    for index, slots in enumerate(members):
        later = sum(len(other) for other in members[index + 1 :])
        share = max(room - later, room // 2 if index == 0 else 2 * room // 3)
        chosen = slots if len(slots) <= share else slots[np.linspace(0, len(slots) - 1, max(share, 0)).round().astype(int)]
        kept.append(chosen)
        room -= len(chosen)
    slots = np.concatenate(kept)
    return slots, group[slots]


def _window(prepared: PreparedChunk, allele: int, n_columns: int, shift: int = 0) -> tuple[int, int]:
    """First and last reference position, half-open: the allele, the range over which it can shift, and as much on either side.

    shift: bases by which all of that is moved; the window ends where the contig does.
    """
    alleles, segments = prepared.alleles, prepared.segments
    start0, end0 = int(alleles.start0[allele]), int(alleles.shift_end0[allele])
    flank = max((n_columns - (end0 - start0)) // 2, 10)
    segment = int(alleles.segment[allele])
    least0, most0 = int(segments.start0[segment]), int(segments.end0[segment])
    if shift:
        start0 = max(min(start0 + shift, most0 + flank - n_columns), least0 + flank)
        end0 = start0 + int(alleles.shift_end0[allele] - alleles.start0[allele])
    return max(start0 - flank, least0), min(end0 + flank, most0)


def _bases_of(prepared: PreparedChunk, read: int, first0: int, last0: int) -> _ReadBases:
    reads = prepared.reads
    length = int(reads.query_length[read])
    base_offset = int(reads.base_offset[read])
    packed = reads.packed_bases[base_offset : base_offset + (length + 1) // 2]
    letters = _LETTER_OF_CODE[np.stack([packed >> 4, packed & 15], 1).reshape(-1)[:length]]
    quality_offset = int(reads.quality_offset[read])
    quality = reads.quality_phred[quality_offset : quality_offset + length]
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, bool]] = []
    inserted: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    pos0, query, seen_aligned = int(reads.start0[read]), 0, False
    for entry in reads.cigar[reads.cigar_offset[read] : reads.cigar_offset[read + 1]]:
        operation, n = int(entry & 15), int(entry >> 4)
        here = slice(query, query + n)
        if operation in sam.ALIGNED:
            parts.append((np.arange(pos0, pos0 + n), letters[here], quality[here], False))
            seen_aligned = True
            pos0, query = pos0 + n, query + n
        elif operation == sam.SOFT_CLIP:
            at = pos0 if seen_aligned else pos0 - n
            parts.append((np.arange(at, at + n), letters[here], quality[here], True))
            query += n
        elif operation == sam.INSERTION:
            inserted[pos0] = (letters[here], quality[here])
            query += n
        elif operation in (sam.DELETION, sam.SKIP):
            mark = DELETED if operation == sam.DELETION else SKIPPED
            parts.append((np.arange(pos0, pos0 + n), np.full(n, mark, np.uint8), np.zeros(n, np.uint8), False))
            pos0 += n
    all_pos0 = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64)
    inside = (all_pos0 >= first0) & (all_pos0 < last0)
    return _ReadBases(
        all_pos0[inside],
        np.concatenate([part[1] for part in parts])[inside] if parts else np.zeros(0, np.uint8),
        np.concatenate([part[2] for part in parts])[inside] if parts else np.zeros(0, np.uint8),
        np.concatenate([np.full(len(part[0]), part[3]) for part in parts])[inside] if parts else np.zeros(0, bool),
        {at: run for at, run in inserted.items() if first0 < at < last0},
    )


def _alternate(prepared: PreparedChunk, allele: int, first0: int, last0: int) -> _ReadBases:
    """The ALT's own bases at the allele's place, as if a read showed them, as far as they lie in the window."""
    alleles = prepared.alleles
    start0, end0 = int(alleles.start0[allele]), int(alleles.end0[allele])
    letters = _LETTER_OF_CODE[alleles.alt_codes[alleles.alt_offset[allele] : alleles.alt_offset[allele + 1]]]
    n_replaced = end0 - start0
    shown = np.full(n_replaced, DELETED, np.uint8)
    n_common = min(n_replaced, len(letters))
    shown[:n_common] = letters[:n_common]
    beyond = letters[n_common:]
    inserted = {end0: (beyond, np.zeros(len(beyond), np.uint8))} if len(beyond) and first0 < end0 < last0 else {}
    pos0 = np.arange(start0, end0)
    inside = (pos0 >= first0) & (pos0 < last0)
    nothing = np.zeros(int(inside.sum()), np.uint8)
    return _ReadBases(pos0[inside], shown[inside], nothing, nothing.astype(bool), inserted)


def _columns(first0: int, last0: int, bases: list[_ReadBases]) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the columns, and which of them hold inserted bases: as many before a position as the longest run there."""
    width: dict[int, int] = {}
    for one in bases:
        for at, (letters, _) in one.inserted.items():
            width[at] = max(width.get(at, 0), min(len(letters), _MOST_INSERTED))
    extra = np.array([width.get(at, 0) for at in range(first0, last0)], np.int64)
    pos0 = np.repeat(np.arange(first0, last0), extra + 1)
    is_inserted = np.ones(len(pos0), bool)
    is_inserted[np.cumsum(extra + 1) - 1] = False
    return pos0, is_inserted


def _grid(bases: list[_ReadBases], pos0: np.ndarray, is_inserted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """base, quality_phred and is_clipped of every row and column."""
    shape = (len(bases), len(pos0))
    base, quality, clipped = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.zeros(shape, bool)
    reference_columns = np.flatnonzero(~is_inserted)
    first0 = int(pos0[0])
    for row, one in enumerate(bases):
        columns = reference_columns[one.pos0 - first0]
        base[row, columns], quality[row, columns], clipped[row, columns] = one.base, one.quality_phred, one.is_clipped
        _put_insertions(base[row], quality[row], one, reference_columns, first0)
        _mark_gaps(base[row], clipped[row], is_inserted)
    return base, quality, clipped


def _put_insertions(base: np.ndarray, quality: np.ndarray, one: _ReadBases, reference_columns: np.ndarray, first0: int) -> None:
    for at, (letters, run_quality) in one.inserted.items():
        after = int(reference_columns[at - first0])
        n = min(len(letters), _MOST_INSERTED)
        before = int(reference_columns[at - 1 - first0])
        base[before + 1 : before + 1 + n], quality[before + 1 : before + 1 + n] = letters[:n], run_quality[:n]
        assert before + n < after


def _mark_gaps(base: np.ndarray, clipped: np.ndarray, is_inserted: np.ndarray) -> None:
    """Columns of others' insertions that a read crosses."""
    there = np.flatnonzero((base != NOTHING) & ~clipped)
    if len(there):
        inside = np.zeros(len(base), bool)
        inside[there[0] : there[-1] + 1] = True
        base[inside & is_inserted & (base == NOTHING)] = NO_INSERTION


def _mate_rows(mate: np.ndarray, reads: np.ndarray) -> np.ndarray:
    row_of_read = {int(read): row for row, read in enumerate(reads)}
    return np.array([row_of_read.get(int(mate[read]), -1) for read in reads], np.int32)


def _reference_row(prepared: PreparedChunk, allele: int, pos0: np.ndarray, is_inserted: np.ndarray) -> np.ndarray:
    segments = prepared.segments
    segment = int(prepared.alleles.segment[allele])
    codes = segments.codes[int(segments.offset[segment]) - int(segments.start0[segment]) + pos0]
    return np.where(is_inserted, NO_INSERTION, _LETTER_OF_CODE[codes]).astype(np.uint8)


def _alternate_row(alternate: _ReadBases, pos0: np.ndarray, is_inserted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    base, _, _ = _grid([alternate], pos0, is_inserted)
    return np.where(base[0] == NOTHING, reference, base[0]).astype(np.uint8)
