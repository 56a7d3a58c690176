"""The pileup tensor of one allele: rows are reads, columns reference positions around the event, every channel one byte.

Row 0 is the reference row. Reads beyond the rows are sampled: ALT supporters keep up to half of the rows, and the choice among
equals depends on the site and the read's name only.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from vcffilter.kernels import sam
from vcffilter.kernels.jit import inline_kernel, int64
from vcffilter.kernels.normalised_alleles import SUBSTITUTION, NormalisedAlleles
from vcffilter.kernels.phase import PHASE_CHANNEL
from vcffilter.kernels.read_features import end_distance, event_quality, five_prime_share
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import UNKNOWN_BASE, ReferenceSegments, reference_code
from vcffilter.kernels.scan import ReadEvents, packed_code
from vcffilter.kernels.search import first_at_least
from vcffilter.kernels.support import MATE_COUNTED, MAX_MARGIN_PHRED, N_COVERING, SUPPORTS_ALT, SUPPORTS_REF, SiteReads

#: What differs from column to column.
COLUMN_CHANNELS = ("base", "differs", "base_quality", "insertion", "deletion", "soft_clip")


class ReadChannel(IntEnum):
    """What is one value for the whole read, written in every column of its row, behind the column channels."""

    PRESENT = 0
    SUPPORT = 1
    MARGIN = 2
    MAPPING_QUALITY = 3
    STRAND = 4
    EVENT_QUALITY = 5
    END_DISTANCE = 6
    FIVE_PRIME = 7
    CLIPPED_BASES = 8
    GOOD_MISMATCHES = 9
    POOR_MISMATCHES = 10
    OTHER_INDELS = 11
    EXACT_INDEL = 12
    THIRD_ALLELE = 13
    MATE = 14
    INSERT_SIZE = 15
    HAPLOTYPE_TAG = 16
    SPANS = 17
    PHASE = 18


READ_CHANNELS = tuple(one.name.lower() for one in ReadChannel)
#: All there are, and those of every encoder: without phase, which needs a reach.
ALL_CHANNELS = COLUMN_CHANNELS + READ_CHANNELS
CHANNEL_NAMES = ALL_CHANNELS[:-1]
assert ALL_CHANNELS[-1] == PHASE_CHANNEL, "the channel that needs a reach is not the last"
#: Channels whose values swap in pairs that add up to this where a site is seen from the other strand: A 60 and T 240, C 120 and
#: G 180; forward 80 and reverse 240.
MIRRORED_CHANNELS = {"base": 300, "strand": 320}
assert MIRRORED_CHANNELS.keys() <= set(CHANNEL_NAMES), "MIRRORED_CHANNELS names a channel that is not written"
N_COLUMN_CHANNELS = len(COLUMN_CHANNELS)
_BASE, _DIFFERS, _QUALITY, _INSERTION, _DELETION, _CLIP = range(N_COLUMN_CHANNELS)

#: Values of `support`: the read is for REF, ALT, or neither. The reference row has REFERENCE_ROW.
SUPPORT_NEITHER, SUPPORT_REF, SUPPORT_ALT, REFERENCE_ROW = 64, 128, 255, 1
#: Positions in TensorScratch.differences: mismatches of good and of poor quality, indels.
_GOOD, _POOR, _INDELS = range(3)


class TensorScratch(NamedTuple):
    """Room for choosing the rows of one tensor; reused.

    key: uint64 (n_reads of the chunk,). order: int64 (n_reads of the chunk,), slots. differences: int64 (3,), see _GOOD.
    cell: uint8 (len(ALL_CHANNELS),), by channel; pattern: the same in the order that is asked for.
    place: int64 (N_COLUMN_CHANNELS,), where in that order, -1 = not asked for.
    base_level: uint8 (16,), byte of a base by its code. differs_level: uint8 (16, 16), by codes of read and reference.
    quality_level: uint8 (256,), by Phred.
    """

    key: np.ndarray
    order: np.ndarray
    cell: np.ndarray
    pattern: np.ndarray
    place: np.ndarray
    differences: np.ndarray
    base_level: np.ndarray
    differs_level: np.ndarray
    quality_level: np.ndarray


def empty_tensor_scratch(n_reads: int) -> TensorScratch:
    """Room for as many reads as the chunk has."""
    n_channels = len(ALL_CHANNELS)
    return TensorScratch(
        np.zeros(n_reads, np.uint64),
        np.zeros(n_reads, np.int64),
        np.zeros(n_channels, np.uint8),
        np.zeros(n_channels, np.uint8),
        np.zeros(N_COLUMN_CHANNELS, np.int64),
        np.zeros(3, np.int64),
        _base_levels(),
        _differs_levels(),
        (np.minimum(np.arange(256), 60) * 255.0 / 60.0).astype(np.uint8),
    )


def _base_levels() -> np.ndarray:
    """A 60, C 120, G 180, T 240, unknown 30."""
    levels = np.full(16, 30, np.uint8)
    levels[[1, 2, 4, 8]] = 60, 120, 180, 240
    return levels


def _differs_levels() -> np.ndarray:
    """255 where two known bases differ."""
    levels = np.full((16, 16), 255, np.uint8)
    np.fill_diagonal(levels, 0)
    levels[UNKNOWN_BASE, :] = levels[:, UNKNOWN_BASE] = 0
    return levels


@inline_kernel
def _mixed(value: np.uint64) -> np.uint64:
    """splitmix64's finaliser."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@inline_kernel
def _site_key(reads: ReadArrays, read: int, start0: int) -> np.uint64:
    """A number that shuffles reads, the same wherever and however the site is scored."""
    flag_bits = np.uint64(reads.flag[read] & (sam.FLAG_FIRST_OF_PAIR | sam.FLAG_LAST_OF_PAIR))
    return _mixed(reads.name_hash[read] ^ _mixed(np.uint64(start0)) ^ flag_bits)


@inline_kernel
def _sift_down(scratch: TensorScratch, first: int, n: int, root: int) -> None:
    """Restore the heap order[first : first + n] (largest key on top) below `root`."""
    while True:
        largest = root
        for child in (2 * root + 1, 2 * root + 2):
            if child < n and _key_of(scratch, first + child) > _key_of(scratch, first + largest):
                largest = child
        if largest == root:
            return
        _swap_slots(scratch, first + root, first + largest)
        root = largest


@inline_kernel
def _key_of(scratch: TensorScratch, index: int) -> np.uint64:
    return scratch.key[scratch.order[index]]


@inline_kernel
def _swap_slots(scratch: TensorScratch, left: int, right: int) -> None:
    scratch.order[left], scratch.order[right] = scratch.order[right], scratch.order[left]


@inline_kernel
def _keep_smallest(scratch: TensorScratch, first: int, last: int, n_kept: int) -> None:
    """Bring the `n_kept` slots with the smallest keys of order[first:last] to its front, by key (a heap of the kept ones)."""
    if n_kept == 0:
        return
    for root in range(n_kept // 2 - 1, -1, -1):
        _sift_down(scratch, first, n_kept, root)
    for index in range(first + n_kept, last):
        if _key_of(scratch, index) < _key_of(scratch, first):
            _swap_slots(scratch, first, index)
            _sift_down(scratch, first, n_kept, 0)
    for n in range(n_kept - 1, 0, -1):
        _swap_slots(scratch, first, first + n)
        _sift_down(scratch, first, n, 0)


@inline_kernel
def choose_rows(reads: ReadArrays, site: SiteReads, start0: int, n_rows: int, scratch: TensorScratch) -> int:
    """Put the slots of the reads to show into scratch.order: ALT supporters first, then the others. Returns how many."""
    n_alt = 0
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] == SUPPORTS_ALT:
            scratch.order[n_alt] = slot
            n_alt += 1
    n_shown = n_alt
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] != SUPPORTS_ALT and site.group[slot] != MATE_COUNTED:
            scratch.order[n_shown] = slot
            n_shown += 1
    if n_shown <= n_rows:
        return n_shown
    for slot in range(site.counts[N_COVERING]):
        scratch.key[slot] = _site_key(reads, int64(site.read[slot]), start0)
    n_other = n_shown - n_alt
    n_alt_kept = min(n_alt, max(n_rows // 2, n_rows - n_other))
    n_other_kept = n_rows - n_alt_kept
    if n_alt_kept < n_alt:
        _keep_smallest(scratch, 0, n_alt, n_alt_kept)
    if n_other_kept < n_other:
        _keep_smallest(scratch, n_alt, n_shown, n_other_kept)
    for index in range(n_other_kept):
        scratch.order[n_alt_kept + index] = scratch.order[n_alt + index]
    return n_rows


@inline_kernel
def _scaled(value: float, largest: float) -> int:
    """0..largest to 0..255, cut off at both ends."""
    return int64(min(max(value, 0.0), largest) * 255.0 / largest)


@inline_kernel
def _fill_read_cell(
    allele: int,
    alleles: NormalisedAlleles,
    reads: ReadArrays,
    events: ReadEvents,
    site: SiteReads,
    slot: int,
    phase_level: np.ndarray,
    scratch: TensorScratch,
) -> None:
    """Write the per-read channels of one read into scratch.cell."""
    read, query_index = int64(site.read[slot]), int64(site.query_index[slot])
    flag = reads.flag[read]
    substitution = alleles.kind[allele] == SUBSTITUTION
    counts = scratch.differences
    _count_differences(allele, alleles, events, read, counts)
    cell = scratch.cell[N_COLUMN_CHANNELS:]
    cell[ReadChannel.PRESENT.value] = 255
    cell[ReadChannel.SUPPORT.value] = SUPPORT_NEITHER
    if site.group[slot] == SUPPORTS_ALT:
        cell[ReadChannel.SUPPORT.value] = SUPPORT_ALT
    elif site.group[slot] == SUPPORTS_REF:
        cell[ReadChannel.SUPPORT.value] = SUPPORT_REF
    cell[ReadChannel.MARGIN.value] = 128 + 2 * site.margin_phred[slot] * 60 // MAX_MARGIN_PHRED
    cell[ReadChannel.MAPPING_QUALITY.value] = scratch.quality_level[reads.mapq[read]]
    cell[ReadChannel.STRAND.value] = 240 if flag & sam.FLAG_REVERSE != 0 else 80
    cell[ReadChannel.EVENT_QUALITY.value] = _scaled(event_quality(reads, site, slot, substitution), 60.0)
    cell[ReadChannel.END_DISTANCE.value] = _scaled(end_distance(reads, read, query_index), 100.0)
    cell[ReadChannel.FIVE_PRIME.value] = _scaled(five_prime_share(reads, read, query_index), 1.0)
    cell[ReadChannel.CLIPPED_BASES.value] = _scaled(reads.soft_left[read] + reads.soft_right[read], 100.0)
    cell[ReadChannel.GOOD_MISMATCHES.value] = 17 * min(counts[_GOOD], 15)
    cell[ReadChannel.POOR_MISMATCHES.value] = 17 * min(counts[_POOR], 15)
    cell[ReadChannel.OTHER_INDELS.value] = 51 * min(max(counts[_INDELS] - site.exact_indel[slot], 0), 5)
    cell[ReadChannel.EXACT_INDEL.value] = 255 * site.exact_indel[slot]
    cell[ReadChannel.THIRD_ALLELE.value] = 255 * site.third[slot]
    cell[ReadChannel.MATE.value] = _mate_level(flag, reads.mate_elsewhere[read])
    cell[ReadChannel.INSERT_SIZE.value] = _scaled(reads.insert_size[read], 1000.0)
    cell[ReadChannel.HAPLOTYPE_TAG.value] = 120 * reads.haplotype_tag[read]
    cell[ReadChannel.SPANS.value] = 255 * site.spans[slot]
    cell[ReadChannel.PHASE.value] = phase_level[slot] if len(phase_level) > 0 else 0


@inline_kernel
def _mate_level(flag: int, mate_elsewhere: int) -> int:
    """Unpaired 60, proper pair 120, improper 180, mate unmapped or elsewhere 240; supplementary alignments 30 less."""
    level = 60
    if flag & sam.FLAG_PAIRED != 0:
        level = 120 if flag & sam.FLAG_PROPER_PAIR != 0 else 180
        if mate_elsewhere == 1:
            level = 240
    return level - (30 if flag & sam.FLAG_SUPPLEMENTARY != 0 else 0)


@inline_kernel
def _count_differences(allele: int, alleles: NormalisedAlleles, events: ReadEvents, read: int, counts: np.ndarray) -> None:
    """Count the differences of a read within 100 bases, the allele's own columns left out. counts: int64 (3,), see _GOOD."""
    counts[:] = 0
    start0, end0 = alleles.start0[allele], alleles.end0[allele]
    substitution = alleles.kind[allele] == SUBSTITUTION
    first, last = events.mismatch_offset[read], events.mismatch_offset[read + 1]
    if last - first > 16:
        first += first_at_least(events.mismatch_pos0[first:last], start0 - 100)
    for index in range(first, last):
        pos0 = events.mismatch_pos0[index]
        if pos0 < start0 - 100 or (substitution and start0 <= pos0 < end0):
            continue
        if pos0 >= end0 + 100:
            break
        counts[_GOOD if events.mismatch_quality_phred[index] >= 20 else _POOR] += 1
    for index in range(events.indel_offset[read], events.indel_offset[read + 1]):
        if start0 - 100 <= events.indel_pos0[index] < end0 + 100:
            counts[_INDELS] += 1


@inline_kernel
def _find_places(channels: np.ndarray, place: np.ndarray) -> None:
    place[:] = -1
    for index in range(len(channels)):
        if channels[index] < N_COLUMN_CHANNELS:
            place[channels[index]] = index


@inline_kernel
def _spread_cell(row: np.ndarray, channels: np.ndarray, scratch: TensorScratch) -> None:
    """Fill a row, uint8 (columns, channels): the per-read channels that are asked for in every column, 0 in the others."""
    pattern = scratch.pattern
    for index in range(len(channels)):
        pattern[index] = scratch.cell[channels[index]] if channels[index] >= N_COLUMN_CHANNELS else 0
    for column in range(row.shape[0]):
        for index in range(len(channels)):
            row[column, index] = pattern[index]


@inline_kernel
def _write_column(row: np.ndarray, column: int, scratch: TensorScratch) -> None:
    for channel in range(N_COLUMN_CHANNELS):
        if scratch.place[channel] >= 0:
            row[column, scratch.place[channel]] = scratch.cell[channel]


@inline_kernel
def _write_bases(
    reads: ReadArrays,
    read: int,
    query_index: int,
    pos0: int,
    end0: int,
    first0: int,
    segments: ReferenceSegments,
    segment: int,
    is_clip: bool,
    row: np.ndarray,
    scratch: TensorScratch,
) -> None:
    """Column channels of a read's bases from `query_index` on, at the reference positions from pos0 to end0."""
    base, differs = scratch.place[_BASE], scratch.place[_DIFFERS]
    quality, clip = scratch.place[_QUALITY], scratch.place[_CLIP]
    # Loaded once: for all the compiler knows, writing into the row may change them.
    base_offset, quality_offset = reads.base_offset[read], reads.quality_offset[read]
    known0, known_end0 = segments.start0[segment], segments.end0[segment]
    reference_offset = segments.offset[segment] - known0
    clip_level = np.uint8(255 if is_clip else 0)
    column = pos0 - first0
    for at0 in range(pos0, end0):
        code = packed_code(reads.packed_bases, base_offset, query_index)
        if base >= 0:
            row[column, base] = scratch.base_level[code]
        if differs >= 0:
            reference = int64(segments.codes[reference_offset + at0]) if known0 <= at0 < known_end0 else UNKNOWN_BASE
            row[column, differs] = scratch.differs_level[code, reference]
        if quality >= 0:
            row[column, quality] = scratch.quality_level[reads.quality_phred[quality_offset + query_index]]
        if clip >= 0:
            row[column, clip] = clip_level
        query_index += 1
        column += 1


@inline_kernel
def _write_read_columns(
    reads: ReadArrays,
    read: int,
    first0: int,
    segments: ReferenceSegments,
    segment: int,
    row: np.ndarray,
    scratch: TensorScratch,
) -> None:
    """Walk a read's alignment through the columns that begin at reference position `first0`."""
    cell = scratch.cell
    last0 = first0 + row.shape[0]
    pos0 = reads.start0[read]
    query_index = 0
    for index in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        operation = int64(reads.cigar[index] & 15)
        length = int64(reads.cigar[index] >> 4)
        if operation in sam.ALIGNED:
            from0, to0 = max(pos0, first0), min(pos0 + length, last0)
            _write_bases(reads, read, query_index + from0 - pos0, from0, to0, first0, segments, segment, False, row, scratch)
            pos0 += length
            query_index += length
        elif operation == sam.SOFT_CLIP:
            # A leading clip lies left of the alignment, a trailing one right of it.
            clip0 = pos0 - length if query_index == 0 else pos0
            from0, to0 = max(clip0, first0), min(clip0 + length, last0)
            _write_bases(reads, read, query_index + from0 - clip0, from0, to0, first0, segments, segment, True, row, scratch)
            query_index += length
        elif operation == sam.DELETION:
            for at0 in range(max(pos0, first0), min(pos0 + length, last0)):
                cell[:N_COLUMN_CHANNELS] = 0
                cell[_DELETION] = 255
                _write_column(row, at0 - first0, scratch)
            pos0 += length
        elif operation == sam.INSERTION:
            _mark_insertion(row, pos0 - 1 - first0, scratch.place[_INSERTION], length)
            query_index += length
        elif operation == sam.SKIP:
            pos0 += length
        if pos0 >= last0 and query_index > 0:
            break


@inline_kernel
def _mark_insertion(row: np.ndarray, column: int, place: int, length: int) -> None:
    """Write an insertion's length into the column before it."""
    if place >= 0 and 0 <= column < row.shape[0]:
        row[column, place] = _scaled(length, 20.0)


@inline_kernel
def _write_reference_row(
    allele: int,
    alleles: NormalisedAlleles,
    first0: int,
    segments: ReferenceSegments,
    channels: np.ndarray,
    row: np.ndarray,
    scratch: TensorScratch,
) -> None:
    """Row 0: reference bases; `differs` marks the replaced bases, `insertion` and `deletion` the allele itself."""
    segment = alleles.segment[allele]
    start0, end0 = alleles.start0[allele], alleles.end0[allele]
    n_new = alleles.alt_offset[allele + 1] - alleles.alt_offset[allele]
    cell = scratch.cell
    cell[:] = 0
    cell[N_COLUMN_CHANNELS + ReadChannel.PRESENT.value] = 255
    cell[N_COLUMN_CHANNELS + ReadChannel.SUPPORT.value] = REFERENCE_ROW
    _spread_cell(row, channels, scratch)
    for column in range(row.shape[0]):
        pos0 = first0 + column
        code = reference_code(segments, segment, pos0)
        cell[:N_COLUMN_CHANNELS] = 0
        cell[_BASE] = scratch.base_level[code]
        replaced = start0 <= pos0 < end0
        cell[_DIFFERS] = 255 if replaced else 0
        cell[_DELETION] = 255 if replaced and pos0 - start0 >= n_new else 0
        cell[_INSERTION] = _scaled(n_new - (end0 - start0), 20.0) if pos0 == end0 - 1 else 0
        _write_column(row, column, scratch)


@inline_kernel
def write_tensor(
    allele: int,
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    events: ReadEvents,
    site: SiteReads,
    phase_level: np.ndarray,
    channels: np.ndarray,
    scratch: TensorScratch,
    out: np.ndarray,
) -> None:
    """Fill `out`: uint8 (rows, columns, channels), whatever it holds. channels: int64, indices into ALL_CHANNELS.

    phase_level: uint8 by slot (kernels.phase), empty where none is asked for.

    The middle column is the left-most position of the event (for an insertion: the base before which it is inserted).
    """
    n_rows, n_columns = out.shape[0], out.shape[1]
    _find_places(channels, scratch.place)
    first0 = alleles.start0[allele] - n_columns // 2
    _write_reference_row(allele, alleles, first0, segments, channels, out[0], scratch)
    n_shown = choose_rows(reads, site, alleles.start0[allele], n_rows - 1, scratch)
    for index in range(n_shown):
        slot = scratch.order[index]
        _fill_read_cell(allele, alleles, reads, events, site, slot, phase_level, scratch)
        _spread_cell(out[index + 1], channels, scratch)
        _write_read_columns(reads, int64(site.read[slot]), first0, segments, alleles.segment[allele], out[index + 1], scratch)
    out[n_shown + 1 :] = 0
