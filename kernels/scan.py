"""What a read shows against the reference, found once per read: mismatches, left-aligned indels, and where its mate is.

Knows nothing of called alleles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels import sam
from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import UNKNOWN_BASE, ReferenceSegments
from vcffilter.kernels.search import first_above

#: An indel moves left over at most this many bases, so that no result depends on where a chunk's reference window begins.
MAX_SHIFT = 200
#: A longer deletion stays where the aligner put it: its far end may lie outside the reference kept around a chunk's alleles.
MAX_SHIFTED_DELETION = 128
#: Returns of `scan_reads`.
SCAN_DONE, SCAN_NEED_SPACE, SCAN_EQUAL_BASES = 0, 1, 2
#: Code of the base that is written as =.
_EQUAL_BASE = 0


#: Positions in ReadEvents.counts.
N_MISMATCHES, N_INDELS = range(2)


class ReadEvents(NamedTuple):
    """Differences of each read from the reference, inside the chunk's segments.

    mismatch_offset: int64 (n_reads + 1,). mismatch_pos0: int64 pool. mismatch_code, mismatch_quality_phred: uint8 pools.
    indel_offset: int64 (n_reads + 1,). indel_pos0: int64 pool, the left-most equivalent position of the first base after the
    insertion point or of the first deleted base. indel_length: int32 pool, inserted bases positive, deleted negative.
    indel_hash: uint64 pool, of the inserted bases after shifting, 0 for deletions.
    indel_read_pos0: int64 pool, the position at which the aligner put it.
    mate: int32 (n_reads,), index of the other read with the same name, -1 where there is none in the chunk; where names are not
    unique, of the next one, and of the first behind the last.
    counts: int64 (2,), entries in use, see N_MISMATCHES.
    """

    mismatch_offset: np.ndarray
    mismatch_pos0: np.ndarray
    mismatch_code: np.ndarray
    mismatch_quality_phred: np.ndarray
    indel_offset: np.ndarray
    indel_pos0: np.ndarray
    indel_length: np.ndarray
    indel_hash: np.ndarray
    indel_read_pos0: np.ndarray
    mate: np.ndarray
    counts: np.ndarray


def empty_events(n_reads: int, n_mismatches: int, n_indels: int) -> ReadEvents:
    """Arrays for `n_reads` reads with room for so many mismatches and indels."""
    return ReadEvents(
        np.zeros(n_reads + 1, np.int64),
        np.zeros(n_mismatches, np.int64),
        np.zeros(n_mismatches, np.uint8),
        np.zeros(n_mismatches, np.uint8),
        np.zeros(n_reads + 1, np.int64),
        np.zeros(n_indels, np.int64),
        np.zeros(n_indels, np.int32),
        np.zeros(n_indels, np.uint64),
        np.zeros(n_indels, np.int64),
        np.full(n_reads, -1, np.int32),
        np.zeros(2, np.int64),
    )


@inline_kernel
def packed_code(packed_bases: np.ndarray, base_offset: int, query_index: int) -> int:
    """4-bit code of one base of the read whose bases begin at `base_offset`, two to a byte."""
    byte = packed_bases[base_offset + (query_index >> 1)]
    return int64((byte >> (4 - 4 * (query_index & 1))) & 15)


@inline_kernel
def read_code(reads: ReadArrays, read: int, query_index: int) -> int:
    """4-bit code of one base of a read."""
    return packed_code(reads.packed_bases, reads.base_offset[read], query_index)


@inline_kernel
def hash_code(value: np.uint64, code: int) -> np.uint64:
    """Fold one base code into a running hash (FNV-1a)."""
    return (value ^ np.uint64(code)) * np.uint64(0x100000001B3)


@inline_kernel
def empty_hash() -> np.uint64:
    """The hash of no bases."""
    return np.uint64(0xCBF29CE484222325)


@inline_kernel
def _shift_deletion(segments: ReferenceSegments, segment: int, pos0: int, length: int) -> int:
    """Left-most equivalent start of a deletion of `length` bases at `pos0`."""
    base = segments.offset[segment] - segments.start0[segment]
    shifted = pos0
    while (
        shifted > segments.start0[segment]
        and pos0 - shifted < MAX_SHIFT
        and segments.codes[base + shifted - 1] == segments.codes[base + shifted + length - 1]
    ):
        shifted -= 1
    return shifted


@inline_kernel
def _shift_insertion(
    reads: ReadArrays, read: int, query_index: int, segments: ReferenceSegments, segment: int, pos0: int, length: int
) -> int:
    """How far left an insertion before `pos0` can move; the inserted bases begin at `query_index` of the read."""
    base = segments.offset[segment] - segments.start0[segment]
    shift = 0
    while (
        pos0 - shift > segments.start0[segment]
        and shift < MAX_SHIFT
        and segments.codes[base + pos0 - shift - 1] == read_code(reads, read, query_index + (length - 1 - shift % length))
    ):
        shift += 1
    return shift


@inline_kernel
def _insertion_hash(reads: ReadArrays, read: int, query_index: int, length: int, shift: int) -> np.uint64:
    value = empty_hash()
    for index in range(length):
        value = hash_code(value, read_code(reads, read, query_index + (index - shift) % length))
    return value


@inline_kernel
def _scan_block(
    reads: ReadArrays,
    read: int,
    pos0: int,
    query_index: int,
    length: int,
    segments: ReferenceSegments,
    events: ReadEvents,
    used: int,
) -> int:
    """Append the mismatches of an ungapped block; returns entries in use, -1 where they do not fit, -2 at a base written =."""
    segment = max(first_above(segments.start0, pos0) - 1, 0)
    while segment < len(segments.start0) and segments.start0[segment] < pos0 + length:
        first = max(pos0, segments.start0[segment])
        last = min(pos0 + length, segments.end0[segment])
        base = segments.offset[segment] - segments.start0[segment]
        for position in range(first, last):
            code = read_code(reads, read, query_index + position - pos0)
            reference = segments.codes[base + position]
            if code != reference and code != UNKNOWN_BASE and reference != UNKNOWN_BASE:
                if code == _EQUAL_BASE:
                    return -2
                if used >= len(events.mismatch_pos0):
                    return -1
                events.mismatch_pos0[used] = position
                events.mismatch_code[used] = code
                events.mismatch_quality_phred[used] = reads.quality_phred[
                    reads.quality_offset[read] + query_index + position - pos0
                ]
                used += 1
        segment += 1
    return used


@inline_kernel
def _add_indel(
    reads: ReadArrays,
    read: int,
    pos0: int,
    query_index: int,
    length: int,
    segments: ReferenceSegments,
    events: ReadEvents,
    used: int,
) -> None:
    """Write one indel (deletion: length < 0) left-aligned; one outside the segments stays where the aligner put it."""
    segment = first_above(segments.start0, pos0) - 1
    inside = segment >= 0 and pos0 < segments.end0[segment] and pos0 - min(length, 0) <= segments.end0[segment]
    shifted = pos0
    value = np.uint64(0)
    if length < 0:
        if inside and -length <= MAX_SHIFTED_DELETION:
            shifted = _shift_deletion(segments, segment, pos0, -length)
    else:
        shift = _shift_insertion(reads, read, query_index, segments, segment, pos0, length) if inside else 0
        shifted = pos0 - shift
        value = _insertion_hash(reads, read, query_index, length, shift)
    events.indel_pos0[used] = shifted
    events.indel_length[used] = length
    events.indel_hash[used] = value
    events.indel_read_pos0[used] = pos0


@kernel
def scan_reads(reads: ReadArrays, n_reads: int, segments: ReferenceSegments, events: ReadEvents) -> int:
    """Fill the mismatches and indels of `events`. Returns SCAN_DONE, SCAN_NEED_SPACE (start again with more room) or
    SCAN_EQUAL_BASES (bases written as =: what they stand for is not known here).
    """
    # int64(0) and not 0: numba compiles a function once more for a constant that it is given.
    n_mismatches, n_indels = int64(0), int64(0)
    for read in range(n_reads):
        events.mismatch_offset[read] = n_mismatches
        events.indel_offset[read] = n_indels
        pos0 = reads.start0[read]
        query_index = int64(0)
        if reads.query_length[read] == 0:
            continue
        for index in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
            operation = int64(reads.cigar[index] & 15)
            length = int64(reads.cigar[index] >> 4)
            if operation in sam.ALIGNED:
                n_mismatches = _scan_block(reads, read, pos0, query_index, length, segments, events, n_mismatches)
                if n_mismatches < 0:
                    return SCAN_NEED_SPACE if n_mismatches == -1 else SCAN_EQUAL_BASES
                pos0 += length
                query_index += length
            elif operation in sam.INDEL:
                if n_indels >= len(events.indel_pos0):
                    return SCAN_NEED_SPACE
                signed = length if operation == sam.INSERTION else -length
                _add_indel(reads, read, pos0, query_index, signed, segments, events, n_indels)
                n_indels += 1
                if operation == sam.INSERTION:
                    query_index += length
                else:
                    pos0 += length
            elif operation == sam.SKIP:
                pos0 += length
            elif operation == sam.SOFT_CLIP:
                query_index += length
    events.mismatch_offset[n_reads] = n_mismatches
    events.indel_offset[n_reads] = n_indels
    events.counts[N_MISMATCHES] = n_mismatches
    events.counts[N_INDELS] = n_indels
    return SCAN_DONE


@kernel
def link_mates(reads: ReadArrays, n_reads: int, table: np.ndarray, mate: np.ndarray) -> None:
    """Write into `mate` the index of the next read with the same name (paired, primary alignments), -1 where there is none.

    table: int32 (a power of two, at least 2 * n_reads,), filled with -1; used as a hash table.
    """
    mask = len(table) - 1
    for read in range(n_reads):
        mate[read] = -1
        if reads.flag[read] & sam.FLAG_PAIRED == 0 or reads.flag[read] & sam.FLAG_SUPPLEMENTARY != 0:
            continue
        slot = int64(reads.name_hash[read] & np.uint64(mask))
        while True:
            other = table[slot]
            if other < 0:
                table[slot] = read
                break
            if reads.name_hash[other] == reads.name_hash[read]:
                mate[read] = mate[other] if mate[other] >= 0 else other
                mate[other] = read
                table[slot] = read
                break
            slot = (slot + 1) & mask
