"""The sequences a read is compared with at one allele: REF, ALT, and each of them with an indel that other reads carry nearby.

A read whose bases are better explained by REF with a neighbouring indel does not count for ALT, however its aligner placed it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels import sam
from vcffilter.kernels.jit import inline_kernel, int64
from vcffilter.kernels.normalised_alleles import DELETION, INSERTION, MAX_ALLELE_LENGTH, SUBSTITUTION, NormalisedAlleles
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import UNKNOWN_BASE, ReferenceSegments
from vcffilter.kernels.scan import MAX_SHIFT, ReadEvents, read_code

#: Reference bases compared on either side of the range over which the allele can shift.
FLANK = 30
#: Longest nearby indel taken as an alternative explanation.
MAX_NEARBY_LENGTH = 50
#: Haplotype bases kept beyond the compared window, so that a shifted read never runs off its end.
SLACK = MAX_ALLELE_LENGTH + MAX_NEARBY_LENGTH + 2
#: REF, ALT, and both with each of at most two nearby indels.
MAX_NEARBY = 2
MAX_HAPLOTYPES = 2 + 2 * MAX_NEARBY
MAX_HAPLOTYPE_LENGTH = 2 * (FLANK + SLACK) + 2 * MAX_SHIFT + 3 * MAX_ALLELE_LENGTH
#: Distinct nearby indels that are told apart at one site.
MAX_DISTINCT_NEARBY = 64
#: A nearby indel is an explanation when at least two reads and one read in sixteen carry it.
NEARBY_MIN_READS = 2
NEARBY_READ_SHARE = 16


#: Positions in Haplotypes.window: reference position of index 0, compared window (half-open), haplotypes in use.
ORIGIN0, COMPARED_START0, COMPARED_END0, N_ROWS = range(4)
#: Positions in Haplotypes.n_nearby: distinct indels, and how many became explanations (moved to the front).
DISTINCT, EXPLAINING = range(2)


class Haplotypes(NamedTuple):
    """Haplotypes of one allele. Row 0 is REF, row 1 ALT; then REF and ALT in turn with each nearby indel.

    codes: uint8 (MAX_HAPLOTYPES, MAX_HAPLOTYPE_LENGTH). Index 0 of every row is reference position `window[ORIGIN0]`.
    delta: int64 (MAX_HAPLOTYPES,), length minus that of REF. first0, last0: int64 (MAX_HAPLOTYPES,), where the first replaced
    stretch begins and the last one ends on the reference: left of the first, right of the last, reference coordinates hold (plus
    delta).
    valid: uint8 (MAX_HAPLOTYPES,). window: int64 (4,), see ORIGIN0.
    nearby_pos0, nearby_length, nearby_hash, nearby_count: (MAX_DISTINCT_NEARBY,), the indels that reads carry around the allele.
    nearby_read, nearby_query: int32, a read that carries the indel and the index of its first inserted base.
    n_nearby: int64 (2,), see DISTINCT.
    """

    codes: np.ndarray
    delta: np.ndarray
    first0: np.ndarray
    last0: np.ndarray
    valid: np.ndarray
    window: np.ndarray
    nearby_pos0: np.ndarray
    nearby_length: np.ndarray
    nearby_hash: np.ndarray
    nearby_count: np.ndarray
    nearby_event: np.ndarray
    nearby_read: np.ndarray
    n_nearby: np.ndarray


def empty_haplotypes() -> Haplotypes:
    """Room for one allele's haplotypes; reused for the next."""
    n = MAX_DISTINCT_NEARBY
    return Haplotypes(
        np.zeros((MAX_HAPLOTYPES, MAX_HAPLOTYPE_LENGTH), np.uint8),
        np.zeros(MAX_HAPLOTYPES, np.int64),
        np.zeros(MAX_HAPLOTYPES, np.int64),
        np.zeros(MAX_HAPLOTYPES, np.int64),
        np.zeros(MAX_HAPLOTYPES, np.uint8),
        np.zeros(4, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.uint64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(2, np.int64),
    )


@inline_kernel
def collect_nearby(
    allele: int, alleles: NormalisedAlleles, site_reads: np.ndarray, n_site_reads: int, events: ReadEvents, haplotypes: Haplotypes
) -> None:
    """Count the indels, other than the allele itself, that the site's reads carry inside the compared window."""
    first0 = alleles.start0[allele] - FLANK
    last0 = alleles.shift_end0[allele] + FLANK
    allele_length = _indel_length(allele, alleles)
    n_distinct = 0
    for slot in range(n_site_reads):
        read = int64(site_reads[slot])
        for event in range(events.indel_offset[read], events.indel_offset[read + 1]):
            pos0 = events.indel_pos0[event]
            length = events.indel_length[event]
            if pos0 < first0 or pos0 >= last0 or abs(length) > MAX_NEARBY_LENGTH:
                continue
            value = events.indel_hash[event]
            if length == allele_length and pos0 == alleles.start0[allele] and value == alleles.indel_hash[allele]:
                continue
            index = 0
            while index < n_distinct and not (
                haplotypes.nearby_pos0[index] == pos0
                and haplotypes.nearby_length[index] == length
                and haplotypes.nearby_hash[index] == value
            ):
                index += 1
            if index == MAX_DISTINCT_NEARBY:
                continue
            if index == n_distinct:
                haplotypes.nearby_pos0[index] = pos0
                haplotypes.nearby_length[index] = length
                haplotypes.nearby_hash[index] = value
                haplotypes.nearby_count[index] = 0
                haplotypes.nearby_event[index] = event
                haplotypes.nearby_read[index] = read
                n_distinct += 1
            haplotypes.nearby_count[index] += 1
    haplotypes.n_nearby[DISTINCT] = n_distinct
    haplotypes.n_nearby[EXPLAINING] = 0


@inline_kernel
def _indel_length(allele: int, alleles: NormalisedAlleles) -> int:
    """Signed length of a pure indel, 0 for everything else."""
    if alleles.kind[allele] == INSERTION:
        return alleles.alt_offset[allele + 1] - alleles.alt_offset[allele]
    if alleles.kind[allele] == DELETION:
        return alleles.start0[allele] - alleles.end0[allele]
    return 0


@inline_kernel
def _comes_before(haplotypes: Haplotypes, left: int, right: int) -> bool:
    """Order of nearby indels: most reads first, then by position, length, bases."""
    if haplotypes.nearby_count[left] != haplotypes.nearby_count[right]:
        return haplotypes.nearby_count[left] > haplotypes.nearby_count[right]
    if haplotypes.nearby_pos0[left] != haplotypes.nearby_pos0[right]:
        return haplotypes.nearby_pos0[left] < haplotypes.nearby_pos0[right]
    if haplotypes.nearby_length[left] != haplotypes.nearby_length[right]:
        return haplotypes.nearby_length[left] < haplotypes.nearby_length[right]
    return haplotypes.nearby_hash[left] < haplotypes.nearby_hash[right]


@inline_kernel
def _swap_nearby(haplotypes: Haplotypes, left: int, right: int) -> None:
    for array in (haplotypes.nearby_pos0, haplotypes.nearby_length, haplotypes.nearby_count):
        array[left], array[right] = array[right], array[left]
    for other in (haplotypes.nearby_event, haplotypes.nearby_read):
        other[left], other[right] = other[right], other[left]
    haplotypes.nearby_hash[left], haplotypes.nearby_hash[right] = (
        haplotypes.nearby_hash[right],
        haplotypes.nearby_hash[left],
    )


@inline_kernel
def choose_nearby(n_site_reads: int, haplotypes: Haplotypes) -> None:
    """Move the nearby indels that enough reads carry to the front, at most MAX_NEARBY."""
    n_chosen = int64(0)
    while n_chosen < MAX_NEARBY and n_chosen < haplotypes.n_nearby[DISTINCT]:
        best = n_chosen
        for index in range(n_chosen + 1, haplotypes.n_nearby[DISTINCT]):
            if _comes_before(haplotypes, index, best):
                best = index
        count = haplotypes.nearby_count[best]
        if count < NEARBY_MIN_READS or count * NEARBY_READ_SHARE < n_site_reads:
            break
        if best != n_chosen:
            _swap_nearby(haplotypes, best, n_chosen)
        n_chosen += 1
    haplotypes.n_nearby[EXPLAINING] = n_chosen


@inline_kernel
def _copy_reference(segments: ReferenceSegments, segment: int, start0: int, end0: int, row: np.ndarray, written: int) -> int:
    """Append reference codes to a haplotype; unknown bases where the contig has ended."""
    base = segments.offset[segment] - segments.start0[segment]
    for pos0 in range(start0, end0):
        inside = segments.start0[segment] <= pos0 < segments.end0[segment]
        row[written] = segments.codes[base + pos0] if inside else UNKNOWN_BASE
        written += 1
    return written


@inline_kernel
def _append_allele(allele: int, alleles: NormalisedAlleles, row: np.ndarray, written: int) -> int:
    for index in range(alleles.alt_offset[allele], alleles.alt_offset[allele + 1]):
        row[written] = alleles.alt_codes[index]
        written += 1
    return written


@inline_kernel
def _append_nearby(
    nearby: int, reads: ReadArrays, events: ReadEvents, haplotypes: Haplotypes, row: np.ndarray, written: int
) -> int:
    """Append the inserted bases of a nearby insertion, as rotated by its shift to the left."""
    length = haplotypes.nearby_length[nearby]
    if length <= 0:
        return written
    read, event = haplotypes.nearby_read[nearby], haplotypes.nearby_event[nearby]
    first_query = _query_index_of_indel(reads, events, read, event)
    shift = events.indel_read_pos0[event] - events.indel_pos0[event]
    for index in range(length):
        row[written] = read_code(reads, read, first_query + (index - shift) % length)
        written += 1
    return written


@inline_kernel
def _query_index_of_indel(reads: ReadArrays, events: ReadEvents, read: int, event: int) -> int:
    """Index in the read of the first base at or after the indel `event`."""
    remaining = event - events.indel_offset[read]
    query_index = 0
    for index in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        operation = int64(reads.cigar[index] & 15)
        length = int64(reads.cigar[index] >> 4)
        if operation in sam.INDEL:
            if remaining == 0:
                break
            remaining -= 1
        if operation in sam.IN_READ:
            query_index += length
    return query_index


@inline_kernel
def _fill_row(
    row_index: int,
    allele: int,
    nearby: int,
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    events: ReadEvents,
    haplotypes: Haplotypes,
) -> None:
    """Write one haplotype: the reference window with the allele (odd rows), a nearby indel, both, or neither (nearby = -1)."""
    with_allele = row_index % 2 == 1
    row = haplotypes.codes[row_index]
    segment = alleles.segment[allele]
    position = haplotypes.window[ORIGIN0]
    end0 = haplotypes.window[COMPARED_END0] + SLACK
    written, delta = int64(0), int64(0)
    first0 = int64(1) << 60
    last0 = int64(-1)
    near0 = haplotypes.nearby_pos0[nearby] if nearby >= 0 else int64(0)
    near_end0 = near0 - min(haplotypes.nearby_length[nearby], 0) if nearby >= 0 else int64(0)
    start0, stop0 = alleles.start0[allele], alleles.end0[allele]
    nearby_is_first = nearby >= 0 and (not with_allele or near0 < start0 or (near0 == start0 and near_end0 <= start0))
    for step in range(2):
        place_nearby = nearby >= 0 and (step == 0) == nearby_is_first
        place_allele = with_allele and not place_nearby and (step == 0) != nearby_is_first
        if place_nearby:
            written = _copy_reference(segments, segment, position, near0, row, written)
            written = _append_nearby(nearby, reads, events, haplotypes, row, written)
            position = near_end0
            delta += haplotypes.nearby_length[nearby]
            first0, last0 = min(first0, near0), max(last0, near_end0)
        elif place_allele:
            written = _copy_reference(segments, segment, position, start0, row, written)
            written = _append_allele(allele, alleles, row, written)
            position = stop0
            allele_delta = alleles.alt_offset[allele + 1] - alleles.alt_offset[allele] - (stop0 - start0)
            delta += allele_delta
            if allele_delta != 0 or alleles.kind[allele] != SUBSTITUTION:
                first0, last0 = min(first0, start0), max(last0, stop0)
    written = _copy_reference(segments, segment, position, end0, row, written)
    row[written:] = UNKNOWN_BASE
    haplotypes.delta[row_index] = delta
    haplotypes.first0[row_index] = first0
    haplotypes.last0[row_index] = last0
    haplotypes.valid[row_index] = 1


@inline_kernel
def _same_sequence(haplotypes: Haplotypes, left: int, right: int) -> bool:
    if haplotypes.delta[left] != haplotypes.delta[right]:
        return False
    for index in range(haplotypes.codes.shape[1]):
        if haplotypes.codes[left, index] != haplotypes.codes[right, index]:
            return False
    return True


@inline_kernel
def _nearby_fits_alt(nearby: int, allele: int, alleles: NormalisedAlleles, haplotypes: Haplotypes) -> bool:
    """Whether ALT and a nearby indel can lie on one haplotype without touching."""
    near0 = haplotypes.nearby_pos0[nearby]
    near_end0 = near0 - min(haplotypes.nearby_length[nearby], 0)
    if alleles.kind[allele] == SUBSTITUTION:
        return near_end0 <= alleles.start0[allele] or near0 >= alleles.end0[allele]
    return near_end0 < alleles.start0[allele] or near0 > alleles.shift_end0[allele]


@inline_kernel
def build_haplotypes(
    allele: int,
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    events: ReadEvents,
    haplotypes: Haplotypes,
) -> None:
    """Write REF, ALT and their combinations with the chosen nearby indels.

    A nearby indel that alone makes the ALT sequence is the same variant placed differently: it is no other explanation.
    """
    haplotypes.window[COMPARED_START0] = alleles.start0[allele] - FLANK
    haplotypes.window[COMPARED_END0] = alleles.shift_end0[allele] + FLANK
    haplotypes.window[ORIGIN0] = haplotypes.window[COMPARED_START0] - SLACK
    haplotypes.window[N_ROWS] = 2
    none = int64(-1)
    _fill_row(int64(0), allele, none, alleles, segments, reads, events, haplotypes)
    _fill_row(int64(1), allele, none, alleles, segments, reads, events, haplotypes)
    for nearby in range(haplotypes.n_nearby[EXPLAINING]):
        row = haplotypes.window[N_ROWS]
        haplotypes.valid[row + 1] = 0
        _fill_row(row, allele, nearby, alleles, segments, reads, events, haplotypes)
        if _same_sequence(haplotypes, row, 1):
            haplotypes.valid[row] = 0
        elif _nearby_fits_alt(nearby, allele, alleles, haplotypes):
            _fill_row(row + 1, allele, nearby, alleles, segments, reads, events, haplotypes)
        haplotypes.window[N_ROWS] = row + 2
