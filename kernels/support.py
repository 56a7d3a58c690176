"""Which allele a read supports: its bases against the REF and ALT haplotypes, not against one column.

Margins are in phred: the summed base qualities that speak for ALT minus those that speak for REF.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels import sam
from vcffilter.kernels.haplotypes import (
    EXPLAINING,
    FLANK,
    N_ROWS,
    ORIGIN0,
    Haplotypes,
    build_haplotypes,
    choose_nearby,
    collect_nearby,
)
from vcffilter.kernels.jit import inline_kernel, int64
from vcffilter.kernels.normalised_alleles import DELETION, INSERTION, SUBSTITUTION, NormalisedAlleles
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import UNKNOWN_BASE, ReferenceSegments
from vcffilter.kernels.scan import ReadEvents, read_code
from vcffilter.kernels.search import first_above, first_at_least

#: A mismatch costs its base quality, at most this.
MAX_MISMATCH_PHRED = 40
#: A gap that no haplotype explains.
GAP_PHRED = 45
#: Costs are not told apart beyond this.
MAX_COST_PHRED = 250
#: Margins are kept within +- this.
MAX_MARGIN_PHRED = 60
#: A read informs when its margin is at least this.
INFORMATIVE_PHRED = 10

#: Codes of SiteReads.group.
UNINFORMATIVE, SUPPORTS_REF, SUPPORTS_ALT, MATE_COUNTED = 0, 1, 2, 3


#: Positions in SiteReads.counts: reads over the allele, mate pairs that agree, and that contradict each other.
N_COVERING, N_MATES_AGREE, N_MATES_CONTRADICT = range(3)


class SiteReads(NamedTuple):
    """The reads that cover one allele, in order of alignment start. Every array int32 (n_reads of the chunk,) unless said.

    read: index in ReadArrays. margin_phred: support, positive for ALT. group: uint8, see the codes.
    query_index: index of the base at the event, or of the next one aligned after it. aligned: uint8, 1 = a base is aligned there.
    third: uint8, 1 = shows a third allele. exact_indel: uint8, 1 = its alignment carries the allele as an indel.
    indel_shift: position at which the aligner put that indel, minus the left-most one.
    spans: uint8, 1 = aligned across the whole shift range. literal: uint8, 1 = its alignment shows the
    allele as written. slot_of_read: (n_reads of the chunk,), -1 where the read does not cover.
    anchors: int64 (8,), scratch of the read in hand.
    counts: int64 (3,), see N_COVERING.
    """

    read: np.ndarray
    margin_phred: np.ndarray
    group: np.ndarray
    query_index: np.ndarray
    aligned: np.ndarray
    third: np.ndarray
    exact_indel: np.ndarray
    indel_shift: np.ndarray
    spans: np.ndarray
    literal: np.ndarray
    slot_of_read: np.ndarray
    anchors: np.ndarray
    counts: np.ndarray


def empty_site_reads(n_reads: int) -> SiteReads:
    """Room for as many reads as the chunk has; reused from allele to allele."""

    def signed() -> np.ndarray:
        return np.zeros(n_reads, np.int32)

    def small() -> np.ndarray:
        return np.zeros(n_reads, np.uint8)

    return SiteReads(
        signed(),
        signed(),
        small(),
        signed(),
        small(),
        small(),
        small(),
        signed(),
        small(),
        small(),
        np.full(n_reads, -1, np.int32),
        np.zeros(8, np.int64),
        np.zeros(3, np.int64),
    )


#: Positions in SiteReads.anchors.
_FIRST_POS0, _FIRST_QUERY, _LAST_POS0, _LAST_QUERY, _COMPARE_FROM, _COMPARE_TO, _EVENT_QUERY, _EVENT_ALIGNED = range(8)


@inline_kernel
def _walk(allele: int, alleles: NormalisedAlleles, reads: ReadArrays, read: int, anchors: np.ndarray) -> bool:
    """Find the read's first and last aligned base in the compared window and its base at the event; False if it does not cover.

    A reference skip (N, spliced reads) ends the read: what lies beyond is not compared, and a skip over the event is no deletion.
    Soft-clipped bases next to the window are compared too, except for substitutions, whose column must be aligned.
    """
    start0, end0, shift_end0 = alleles.start0[allele], alleles.end0[allele], alleles.shift_end0[allele]
    window0, window_end0 = start0 - FLANK, shift_end0 + FLANK
    seen, after_skip, before_skip = False, False, False
    anchors[_EVENT_QUERY] = -1
    anchors[_EVENT_ALIGNED] = 0
    pos0 = reads.start0[read]
    query_index = 0
    for index in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        operation = int64(reads.cigar[index] & 15)
        length = int64(reads.cigar[index] >> 4)
        if operation in sam.ALIGNED:
            first0, last0 = max(pos0, window0), min(pos0 + length, window_end0) - 1
            if first0 <= last0:
                if not seen:
                    anchors[_FIRST_POS0], anchors[_FIRST_QUERY] = first0, query_index + first0 - pos0
                    seen = True
                anchors[_LAST_POS0], anchors[_LAST_QUERY] = last0, query_index + last0 - pos0
            if anchors[_EVENT_QUERY] < 0 and pos0 + length > start0:
                anchors[_EVENT_QUERY] = query_index + max(start0 - pos0, 0)
                anchors[_EVENT_ALIGNED] = 1 if pos0 <= start0 else 0
            pos0 += length
            query_index += length
        elif operation == sam.SKIP:
            if pos0 >= shift_end0:
                before_skip = True
                break
            if pos0 + length > start0:
                return False
            seen, after_skip = False, True
            pos0 += length
        elif operation == sam.DELETION:
            pos0 += length
        elif operation in sam.READ_ONLY:
            query_index += length
        if pos0 >= window_end0:
            break
    if not seen:
        return False
    extend_left, extend_right = 0, 0
    if alleles.kind[allele] != SUBSTITUTION:
        if not after_skip and anchors[_FIRST_POS0] == reads.start0[read]:
            extend_left = min(reads.soft_left[read], anchors[_FIRST_POS0] - window0)
        if not before_skip and anchors[_LAST_POS0] == reads.end0[read] - 1:
            extend_right = min(reads.soft_right[read], window_end0 - 1 - anchors[_LAST_POS0])
    anchors[_COMPARE_FROM] = anchors[_FIRST_QUERY] - extend_left
    anchors[_COMPARE_TO] = anchors[_LAST_QUERY] + extend_right + 1
    if anchors[_EVENT_QUERY] < 0:
        anchors[_EVENT_QUERY] = anchors[_LAST_QUERY]
    leftmost0, rightmost0 = start0, end0 - 1
    if alleles.kind[allele] == INSERTION or alleles.kind[allele] == DELETION:
        leftmost0, rightmost0 = start0 - 1, shift_end0
    return anchors[_FIRST_POS0] - extend_left <= rightmost0 and anchors[_LAST_POS0] + extend_right >= leftmost0


@inline_kernel
def find_site_reads(
    allele: int, alleles: NormalisedAlleles, reads: ReadArrays, n_reads: int, furthest_end0: np.ndarray, site: SiteReads
) -> None:
    """List the reads that cover the allele, with their base at the event.

    furthest_end0: int64 (n_reads,), the largest unclipped end among this read and all before it.
    """
    kind = alleles.kind[allele]
    left0 = alleles.start0[allele] - FLANK
    right0 = alleles.shift_end0[allele] + FLANK
    first = first_above(furthest_end0[:n_reads], left0)
    last = first_at_least(reads.start0[:n_reads], right0)
    n_site = 0
    for read in range(first, last):
        if reads.unclipped_end0[read] <= left0 or reads.query_length[read] == 0:
            continue
        if not _walk(allele, alleles, reads, read, site.anchors):
            continue
        site.read[n_site] = read
        site.query_index[n_site] = site.anchors[_EVENT_QUERY]
        site.aligned[n_site] = site.anchors[_EVENT_ALIGNED]
        pure_indel = kind in (INSERTION, DELETION)
        first_needed0 = alleles.start0[allele] - (1 if pure_indel else 0)
        last_needed0 = alleles.shift_end0[allele] + (1 if pure_indel else 0)
        site.spans[n_site] = reads.start0[read] <= first_needed0 and reads.end0[read] >= last_needed0
        site.slot_of_read[read] = n_site
        n_site += 1
    site.counts[N_COVERING] = n_site


@inline_kernel
def forget_site_reads(site: SiteReads) -> None:
    """Clear `slot_of_read` for the next allele."""
    for slot in range(site.counts[N_COVERING]):
        site.slot_of_read[site.read[slot]] = -1


@inline_kernel
def _column_margin(allele: int, alleles: NormalisedAlleles, reads: ReadArrays, read: int, segments: ReferenceSegments) -> int:
    """Margin of a substitution from the bases aligned at the columns where REF and ALT differ."""
    start0, end0 = alleles.start0[allele], alleles.end0[allele]
    segment = alleles.segment[allele]
    base = segments.offset[segment] - segments.start0[segment]
    pos0 = reads.start0[read]
    query_index = 0
    margin = 0
    for index in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        operation = int64(reads.cigar[index] & 15)
        length = int64(reads.cigar[index] >> 4)
        if operation in sam.ALIGNED:
            for column0 in range(max(pos0, start0), min(pos0 + length, end0)):
                reference = segments.codes[base + column0]
                alternate = alleles.alt_codes[alleles.alt_offset[allele] + column0 - start0]
                if reference == alternate:
                    continue
                at = query_index + column0 - pos0
                code = read_code(reads, read, at)
                quality = min(int64(reads.quality_phred[reads.quality_offset[read] + at]), MAX_MISMATCH_PHRED)
                if code == alternate:
                    margin += quality
                elif code == reference:
                    margin -= quality
            pos0 += length
            query_index += length
        elif operation in sam.REFERENCE_ONLY:
            pos0 += length
        elif operation in sam.READ_ONLY:
            query_index += length
        if pos0 >= end0:
            break
    return margin


@inline_kernel
def _diagonal_cost(reads: ReadArrays, read: int, query_from: int, query_to: int, row: np.ndarray, offset: int, limit: int) -> int:
    """Summed mismatch costs of read[query_from:query_to] against row[offset:], stopping at `limit`."""
    cost = 0
    for query_index in range(query_from, query_to):
        at = offset + query_index - query_from
        if at < 0 or at >= len(row):
            continue
        expected = row[at]
        code = read_code(reads, read, query_index)
        if code != expected and expected != UNKNOWN_BASE and code != UNKNOWN_BASE:
            cost += min(int64(reads.quality_phred[reads.quality_offset[read] + query_index]), MAX_MISMATCH_PHRED)
            if cost >= limit:
                return limit
    return cost


@inline_kernel
def _gapped_cost(
    reads: ReadArrays,
    read: int,
    query_from: int,
    query_to: int,
    row: np.ndarray,
    left_offset: int,
    right_offset: int,
    limit: int,
) -> int:
    """Least cost of following the left anchor up to some base and the right anchor from there, gap included."""
    best = _diagonal_cost(reads, read, query_from, query_to, row, right_offset, int64(MAX_COST_PHRED))
    cost = best
    if best >= MAX_COST_PHRED:
        # The right diagonal is hopeless as a whole; its exact sum is needed to know its tail.
        cost = _diagonal_cost(reads, read, query_from, query_to, row, right_offset, int64(1) << 40)
        best = cost
    for query_index in range(query_from, query_to):
        step = query_index - query_from
        cost += _diagonal_cost(reads, read, query_index, query_index + 1, row, left_offset + step, limit)
        cost -= _diagonal_cost(reads, read, query_index, query_index + 1, row, right_offset + step, limit)
        best = min(best, cost)
    return min(best + GAP_PHRED, MAX_COST_PHRED)


@inline_kernel
def _haplotype_cost(reads: ReadArrays, read: int, anchors: np.ndarray, haplotypes: Haplotypes, row_index: int) -> int:
    """Cost of explaining a read by one haplotype: anchored left, anchored right, or both with one gap between."""
    row = haplotypes.codes[row_index]
    origin0 = haplotypes.window[ORIGIN0]
    query_from, query_to = anchors[_COMPARE_FROM], anchors[_COMPARE_TO]
    left_offset = anchors[_FIRST_POS0] - origin0 - (anchors[_FIRST_QUERY] - query_from)
    right_offset = anchors[_LAST_POS0] + haplotypes.delta[row_index] - origin0 - (anchors[_LAST_QUERY] - query_from)
    left_holds = anchors[_FIRST_POS0] < haplotypes.first0[row_index]
    right_holds = anchors[_LAST_POS0] >= haplotypes.last0[row_index]
    cost = int64(MAX_COST_PHRED)
    if left_holds or not right_holds:
        cost = _diagonal_cost(reads, read, query_from, query_to, row, left_offset, cost)
        if cost == 0 or left_offset == right_offset:
            return cost
    if right_holds:
        cost = min(cost, _diagonal_cost(reads, read, query_from, query_to, row, right_offset, cost))
    if left_holds and right_holds and cost > GAP_PHRED:
        cost = min(
            cost,
            _gapped_cost(reads, read, query_from, query_to, row, left_offset, right_offset, int64(MAX_COST_PHRED)),
        )
    return cost


@inline_kernel
def _haplotype_margin(reads: ReadArrays, read: int, anchors: np.ndarray, haplotypes: Haplotypes) -> int:
    """Best explanation without the allele minus best explanation with it."""
    without_allele, with_allele = int64(MAX_COST_PHRED), int64(MAX_COST_PHRED)
    for row_index in range(haplotypes.window[N_ROWS]):
        if haplotypes.valid[row_index] == 0:
            continue
        cost = _haplotype_cost(reads, read, anchors, haplotypes, row_index)
        if row_index % 2 == 0:
            without_allele = min(without_allele, cost)
        else:
            with_allele = min(with_allele, cost)
    return without_allele - with_allele


@inline_kernel
def _note_indels(allele: int, alleles: NormalisedAlleles, events: ReadEvents, site: SiteReads, slot: int) -> None:
    """Whether the read's own alignment carries the allele, or another indel in its shift range."""
    read = int64(site.read[slot])
    kind = alleles.kind[allele]
    pure_indel = kind in (INSERTION, DELETION)
    n_new = alleles.alt_offset[allele + 1] - alleles.alt_offset[allele]
    length = n_new - (alleles.end0[allele] - alleles.start0[allele])
    for event in range(events.indel_offset[read], events.indel_offset[read + 1]):
        pos0 = events.indel_pos0[event]
        event_end0 = pos0 - min(int64(events.indel_length[event]), 0)
        if (
            pure_indel
            and pos0 == alleles.start0[allele]
            and events.indel_length[event] == length
            and events.indel_hash[event] == alleles.indel_hash[allele]
        ):
            site.exact_indel[slot] = 1
            site.indel_shift[slot] = events.indel_read_pos0[event] - pos0
        elif pos0 <= alleles.shift_end0[allele] and event_end0 >= alleles.start0[allele]:
            site.third[slot] = 1


@inline_kernel
def _shows_third_base(
    allele: int, alleles: NormalisedAlleles, reads: ReadArrays, segments: ReferenceSegments, site: SiteReads, slot: int
) -> bool:
    """For single-base substitutions: a good base that is neither REF nor ALT."""
    if site.aligned[slot] == 0 or alleles.end0[allele] - alleles.start0[allele] != 1:
        return False
    read, at = int64(site.read[slot]), int64(site.query_index[slot])
    segment = alleles.segment[allele]
    reference = segments.codes[segments.offset[segment] + alleles.start0[allele] - segments.start0[segment]]
    code = read_code(reads, read, at)
    known = code != UNKNOWN_BASE and reads.quality_phred[reads.quality_offset[read] + at] >= INFORMATIVE_PHRED
    first, last = alleles.alt_offset[allele], alleles.alt_offset[allele + 1]
    is_alternate = first < last and code == alleles.alt_codes[first]
    return known and code != reference and not is_alternate


@inline_kernel
def _count_mates_once(reads: ReadArrays, mate: np.ndarray, site: SiteReads) -> None:
    """Of two mates that both cover the site keep the one that says more; if they contradict each other neither informs.

    Equals: the first in the order of reads (`reads_order`).
    """
    for slot in range(site.counts[N_COVERING]):
        read = int64(site.read[slot])
        # One step for a pair; where names are not unique all reads of the name count once, whichever of them the chunk holds.
        following = int64(mate[read])
        while following >= 0 and following != read and site.group[slot] != MATE_COUNTED:
            other = site.slot_of_read[following]
            if other > slot and site.group[other] != MATE_COUNTED:
                _settle_mates(slot, other, site)
            following = int64(mate[following])


@inline_kernel
def _settle_mates(slot: int, other: int, site: SiteReads) -> None:
    mine, theirs = site.margin_phred[slot], site.margin_phred[other]
    both_inform = abs(mine) >= INFORMATIVE_PHRED and abs(theirs) >= INFORMATIVE_PHRED
    if both_inform and mine * theirs < 0:
        site.counts[N_MATES_CONTRADICT] += 1
        site.group[slot] = UNINFORMATIVE
        site.group[other] = MATE_COUNTED
        return
    if abs(theirs) > abs(mine):
        site.group[slot] = MATE_COUNTED
    else:
        site.group[other] = MATE_COUNTED
    if both_inform:
        site.counts[N_MATES_AGREE] += 1


@inline_kernel
def weigh_site_reads(
    allele: int,
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    events: ReadEvents,
    haplotypes: Haplotypes,
    site: SiteReads,
) -> None:
    """Give every covering read its margin and group."""
    n_site = site.counts[N_COVERING]
    site.counts[N_MATES_AGREE:] = 0
    collect_nearby(allele, alleles, site.read, n_site, events, haplotypes)
    choose_nearby(n_site, haplotypes)
    is_substitution = alleles.kind[allele] == SUBSTITUTION
    by_column = is_substitution and haplotypes.n_nearby[EXPLAINING] == 0
    if not by_column:
        build_haplotypes(allele, alleles, segments, reads, events, haplotypes)
    for slot in range(n_site):
        read = int64(site.read[slot])
        column_margin = _column_margin(allele, alleles, reads, read, segments) if is_substitution else 0
        if by_column:
            margin = column_margin
        else:
            _walk(allele, alleles, reads, read, site.anchors)
            margin = _haplotype_margin(reads, read, site.anchors, haplotypes)
        margin = min(max(margin, -MAX_MARGIN_PHRED), MAX_MARGIN_PHRED)
        site.margin_phred[slot] = margin
        site.group[slot] = UNINFORMATIVE
        if margin >= INFORMATIVE_PHRED:
            site.group[slot] = SUPPORTS_ALT
        elif margin <= -INFORMATIVE_PHRED:
            site.group[slot] = SUPPORTS_REF
        site.exact_indel[slot] = 0
        site.indel_shift[slot] = 0
        site.third[slot] = 1 if _shows_third_base(allele, alleles, reads, segments, site, slot) else 0
        _note_indels(allele, alleles, events, site, slot)
        site.literal[slot] = column_margin > 0 if is_substitution else site.exact_indel[slot]
    _count_mates_once(reads, events.mate, site)
