"""Read-backed phase: on which haplotype each fragment over an allele lies, by the heterozygous columns around it.

Columns come from the chunk's own reads, no call set is asked. What is said of an allele depends on the reads within a fixed reach
of it only. Fragments are put on haplotypes by their anchors (heterozygous columns nearby) alone, never by whether they show ALT.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from vcffilter.kernels import sam
from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.kernels.normalised_alleles import NormalisedAlleles
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import UNKNOWN_BASE, ReferenceSegments, reference_code
from vcffilter.kernels.scan import ReadEvents, read_code
from vcffilter.kernels.search import first_above, first_at_least
from vcffilter.kernels.support import MATE_COUNTED, N_COVERING, SUPPORTS_ALT, SUPPORTS_REF, SiteReads

#: Bases of lower quality say nothing at a column; fragments of lower mapping quality do not make one.
GOOD_QUALITY_PHRED, GOOD_MAPQ = 20, 20
#: A column is heterozygous where so many fragments show its other base, so many REF, and each has a fifth of both or more.
MIN_FRAGMENTS, MIN_REF_FRAGMENTS = 2, 1
#: Anchors of an allele: so many of the nearest columns on either side.
ANCHORS_A_SIDE = 8
MAX_ANCHORS = 2 * ANCHORS_A_SIDE
#: Columns this close to an allele are often of the same artefact (misaligned reads, a cluster of errors): they are no anchors.
OWN_MARGIN = 10
#: Share of fragments that show the other allele by error, and limit of the likelihood ratio (log10).
ERROR_SHARE, LARGEST_LOG_RATIO = 0.02, 10.0
#: An anchor joins where so many fragments agree, and at most a fifth as many say the opposite.
MIN_AGREEING = 2
#: Bytes of the tensor's channel: on the haplotype with more of the ALT fragments, on the other one, on neither.
ALT_HAPLOTYPE, OTHER_HAPLOTYPE, NO_HAPLOTYPE = 255, 120, 60

#: Positions in Columns.counts: heterozygous columns, and how far from an allele they are looked for, 0 = not at all.
N_HET, REACH = range(2)


class Columns(NamedTuple):
    """Columns of a chunk where at least two fragments show one other base, and what each read shows there.

    pos0: int64 (n_columns,), rising; two bases at one position are two columns. ref_code, alt_code: uint8 (n_columns,).
    n_ref, n_alt: int32 (n_columns,), fragments. het: int64 (n_columns,), the heterozygous ones are the first counts[N_HET];
    het_pos0: int64 (n_columns,), of these. first: int64 (n_reads,), the first column of each read. offset: int64 (n_reads + 1,).
    shown: int8 pool, for each read and each column from its first on: 1 ALT, -1 REF, 0 neither. counts: int64 (2,), see N_HET.
    """

    pos0: np.ndarray
    ref_code: np.ndarray
    alt_code: np.ndarray
    n_ref: np.ndarray
    n_alt: np.ndarray
    het: np.ndarray
    het_pos0: np.ndarray
    first: np.ndarray
    offset: np.ndarray
    shown: np.ndarray
    counts: np.ndarray


def no_columns() -> Columns:
    """Where no phase is asked for."""
    return _room_for_columns(np.zeros(0, np.int64), 0, 0)


def _room_for_columns(keys: np.ndarray, n_reads: int, reach: int) -> Columns:
    """keys: int64 (n_columns,), see `_gather_mismatches`."""
    n = len(keys)
    return Columns(
        keys >> 4,
        np.zeros(n, np.uint8),
        (keys & 15).astype(np.uint8),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n_reads, np.int64),
        np.zeros(n_reads + (1 if reach else 0), np.int64),
        np.zeros(0, np.int8),
        np.array([0, reach], np.int64),
    )


def find_columns(reads: ReadArrays, n_reads: int, segments: ReferenceSegments, events: ReadEvents, reach: int) -> Columns:
    """The columns of a chunk. reach: how far from an allele they count, more than 0."""
    keys = np.empty(int(events.mismatch_offset[n_reads]), np.int64)
    keys = np.sort(keys[: _gather_mismatches(reads, n_reads, events, keys)])
    # The first of every run of at least MIN_FRAGMENTS equal keys.
    again = keys[MIN_FRAGMENTS - 1 :] == keys[: max(len(keys) - MIN_FRAGMENTS + 1, 0)]
    again[1:] &= keys[1 : len(again)] != keys[: max(len(again) - 1, 0)]
    columns = _room_for_columns(keys[: len(again)][again], n_reads, reach)
    _find_columns_of_reads(reads, n_reads, columns)
    columns = columns._replace(shown=np.zeros(int(columns.offset[n_reads]), np.int8))
    _look_at_columns(reads, n_reads, segments, events, columns)
    return columns


@inline_kernel
def _is_counted(reads: ReadArrays, mate: np.ndarray, read: int, pos0: int) -> bool:
    """Whether a read makes columns, and speaks for its fragment at a position: not where a mate before it lies over that too."""
    if reads.mapq[read] < GOOD_MAPQ:
        return False
    following = int64(mate[read])
    while following >= 0 and following != read:
        if following < read and reads.start0[following] <= pos0 < reads.end0[following]:
            return False
        following = int64(mate[following])
    return True


@kernel
def _gather_mismatches(reads: ReadArrays, n_reads: int, events: ReadEvents, keys: np.ndarray) -> int:
    """Write pos0 << 4 | base code of every good mismatch of a fragment into `keys`, int64; returns how many."""
    n = int64(0)
    for read in range(n_reads):
        for index in range(events.mismatch_offset[read], events.mismatch_offset[read + 1]):
            if events.mismatch_quality_phred[index] < GOOD_QUALITY_PHRED:
                continue
            pos0 = events.mismatch_pos0[index]
            if _is_counted(reads, events.mate, read, pos0):
                keys[n] = pos0 << 4 | int64(events.mismatch_code[index])
                n += 1
    return n


@kernel
def _find_columns_of_reads(reads: ReadArrays, n_reads: int, columns: Columns) -> None:
    """Fill `first` and `offset`: the columns in the aligned span of each read."""
    pos0 = columns.pos0
    first, n_shown = int64(0), int64(0)
    for read in range(n_reads):
        while first < len(pos0) and pos0[first] < reads.start0[read]:
            first += 1
        last = first
        while last < len(pos0) and pos0[last] < reads.end0[read]:
            last += 1
        columns.first[read] = first
        columns.offset[read] = n_shown
        n_shown += last - first
    columns.offset[n_reads] = n_shown


@kernel
def _look_at_columns(reads: ReadArrays, n_reads: int, segments: ReferenceSegments, events: ReadEvents, columns: Columns) -> None:
    """What every read shows at its columns, fragments for REF and ALT, and which columns are heterozygous."""
    for column in range(len(columns.pos0)):
        segment = max(first_above(segments.start0, columns.pos0[column]) - 1, 0)
        columns.ref_code[column] = reference_code(segments, segment, columns.pos0[column])
    for read in range(n_reads):
        if columns.offset[read] < columns.offset[read + 1] and reads.query_length[read] > 0:
            _look_at_read(reads, read, columns)
            _count_read(reads, read, events.mate, columns)
    n_het = int64(0)
    for column in range(len(columns.pos0)):
        n_alt, n_ref = columns.n_alt[column], columns.n_ref[column]
        if n_alt >= MIN_FRAGMENTS and n_ref >= MIN_REF_FRAGMENTS and 5 * min(n_alt, n_ref) >= n_alt + n_ref:
            columns.het[n_het] = column
            columns.het_pos0[n_het] = columns.pos0[column]
            n_het += 1
    columns.counts[N_HET] = n_het


@inline_kernel
def _look_at_read(reads: ReadArrays, read: int, columns: Columns) -> None:
    """Fill what one read shows at its columns by a walk through its alignment."""
    shown = columns.shown[columns.offset[read] : columns.offset[read + 1]]
    first = columns.first[read]
    at = int64(0)
    pos0 = reads.start0[read]
    query_index = int64(0)
    for index in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        operation = int64(reads.cigar[index] & 15)
        length = int64(reads.cigar[index] >> 4)
        if operation in sam.ALIGNED:
            while at < len(shown) and columns.pos0[first + at] < pos0 + length:
                base_index = query_index + columns.pos0[first + at] - pos0
                if reads.quality_phred[reads.quality_offset[read] + base_index] >= GOOD_QUALITY_PHRED:
                    code = read_code(reads, read, base_index)
                    if code == columns.alt_code[first + at]:
                        shown[at] = 1
                    elif code == columns.ref_code[first + at] and code != UNKNOWN_BASE:
                        shown[at] = -1
                at += 1
            pos0 += length
            query_index += length
        elif operation in sam.REFERENCE_ONLY:
            while at < len(shown) and columns.pos0[first + at] < pos0 + length:
                at += 1
            pos0 += length
        elif operation in sam.READ_ONLY:
            query_index += length
        if at == len(shown):
            break


@inline_kernel
def _count_read(reads: ReadArrays, read: int, mate: np.ndarray, columns: Columns) -> None:
    for index in range(columns.offset[read], columns.offset[read + 1]):
        column = columns.first[read] + index - columns.offset[read]
        if columns.shown[index] != 0 and _is_counted(reads, mate, read, columns.pos0[column]):
            if columns.shown[index] > 0:
                columns.n_alt[column] += 1
            else:
                columns.n_ref[column] += 1


class PhaseScratch(NamedTuple):
    """Room for one site; empty where no phase is asked for. A fragment is a slot of the site that no mate stands for.

    haplotype: int8 (n_reads of the chunk,), by slot: 1 or -1, 0 = on neither. level: uint8 (n_reads of the chunk,), by slot, the
    byte of the channel. shown: int8 (n_reads of the chunk, MAX_ANCHORS), by slot, what the fragment shows at each anchor.
    votes: int32 (n_reads of the chunk,), by slot. anchor: int64 (MAX_ANCHORS,), columns, nearest first. n_shown: int64
    (MAX_ANCHORS,), fragments that show the anchor. is_placed: uint8 (MAX_ANCHORS,).
    tally: int64 (3, 3), fragments by group (UNINFORMATIVE, REF, ALT) and haplotype (neither, the ALT's, the other).
    """

    haplotype: np.ndarray
    level: np.ndarray
    shown: np.ndarray
    votes: np.ndarray
    anchor: np.ndarray
    n_shown: np.ndarray
    is_placed: np.ndarray
    tally: np.ndarray


def empty_phase_scratch(n_reads: int) -> PhaseScratch:
    """Room for a chunk of `n_reads` reads; 0 where no phase is asked for."""
    return PhaseScratch(
        np.zeros(n_reads, np.int8),
        np.zeros(n_reads, np.uint8),
        np.zeros((n_reads, MAX_ANCHORS), np.int8),
        np.zeros(n_reads, np.int32),
        np.zeros(MAX_ANCHORS, np.int64),
        np.zeros(MAX_ANCHORS, np.int64),
        np.zeros(MAX_ANCHORS, np.uint8),
        np.zeros((3, 3), np.int64),
    )


@inline_kernel
def _choose_anchors(allele: int, alleles: NormalisedAlleles, columns: Columns, scratch: PhaseScratch) -> int:
    """The nearest heterozygous columns on either side within the reach, by distance, the left one of two first. How many."""
    own0, own_end0 = alleles.start0[allele] - OWN_MARGIN, alleles.shift_end0[allele] + OWN_MARGIN
    first0, end0 = alleles.start0[allele] - columns.counts[REACH], alleles.shift_end0[allele] + columns.counts[REACH]
    het_pos0 = columns.het_pos0[: columns.counts[N_HET]]
    left, right = first_at_least(het_pos0, own0) - 1, first_at_least(het_pos0, own_end0)
    last_left, last_right = max(left - ANCHORS_A_SIDE, -1), min(right + ANCHORS_A_SIDE, len(het_pos0))
    n = 0
    while True:
        has_left = left > last_left and het_pos0[left] >= first0
        has_right = right < last_right and het_pos0[right] < end0
        if not has_left and not has_right:
            return n
        if has_left and (not has_right or own0 - het_pos0[left] <= het_pos0[right] - own_end0 + 1):
            scratch.anchor[n] = columns.het[left]
            left -= 1
        else:
            scratch.anchor[n] = columns.het[right]
            right += 1
        n += 1


@inline_kernel
def _shown_by_read(columns: Columns, read: int, column: int) -> int:
    at = columns.offset[read] + column - columns.first[read]
    return int64(columns.shown[at]) if columns.offset[read] <= at < columns.offset[read + 1] else 0


@inline_kernel
def _look_at_fragments(site: SiteReads, mate: np.ndarray, columns: Columns, n_anchors: int, scratch: PhaseScratch) -> None:
    """What each fragment shows at the anchors; nothing where its mates contradict each other."""
    for index in range(n_anchors):
        column = scratch.anchor[index]
        scratch.n_shown[index] = 0
        scratch.is_placed[index] = 0
        for slot in range(site.counts[N_COVERING]):
            if site.group[slot] == MATE_COUNTED:
                continue
            read = int64(site.read[slot])
            shown = _shown_by_read(columns, read, column)
            following = int64(mate[read])
            while following >= 0 and following != read:
                other = _shown_by_read(columns, following, column)
                if other != 0:
                    shown = other if shown == 0 or shown == other else int64(9)
                following = int64(mate[following])
            if shown == 9:
                shown = int64(0)
            scratch.shown[slot, index] = shown
            if shown != 0:
                scratch.n_shown[index] += 1


@inline_kernel
def _place(anchor: int, sign: int, site: SiteReads, scratch: PhaseScratch) -> None:
    """Give every fragment the vote of one anchor."""
    scratch.is_placed[anchor] = 1
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] != MATE_COUNTED:
            scratch.votes[slot] += sign * scratch.shown[slot, anchor]


@inline_kernel
def _agreement(anchor: int, site: SiteReads, scratch: PhaseScratch) -> tuple[int, int]:
    """Fragments whose votes so far agree with what they show at an anchor, and those whose votes say the opposite."""
    n_agree, n_opposite = 0, 0
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] == MATE_COUNTED:
            continue
        product = scratch.votes[slot] * scratch.shown[slot, anchor]
        if product > 0:
            n_agree += 1
        elif product < 0:
            n_opposite += 1
    return n_agree, n_opposite


@inline_kernel
def _place_anchors(site: SiteReads, n_anchors: int, scratch: PhaseScratch) -> int:
    """Orient the anchors to each other: from the one that most fragments show, always the clearest next. How many are placed."""
    seed = -1
    for anchor in range(n_anchors):
        if scratch.n_shown[anchor] > 0 and (seed < 0 or scratch.n_shown[anchor] > scratch.n_shown[seed]):
            seed = anchor
    if seed < 0:
        return 0
    _place(seed, int64(1), site, scratch)
    n_placed = 1
    while True:
        best, most, sign = -1, 0, int64(1)
        for anchor in range(n_anchors):
            if scratch.is_placed[anchor] == 1 or scratch.n_shown[anchor] <= most:
                continue
            n_agree, n_opposite = _agreement(anchor, site, scratch)
            if n_agree + n_opposite > most and max(n_agree, n_opposite) >= max(MIN_AGREEING, 5 * min(n_agree, n_opposite)):
                best, most, sign = anchor, n_agree + n_opposite, int64(1) if n_agree > n_opposite else int64(-1)
        if best < 0:
            return n_placed
        _place(best, sign, site, scratch)
        n_placed += 1


@inline_kernel
def _assign_fragments(site: SiteReads, scratch: PhaseScratch) -> None:
    """Fragments to haplotypes by the sign of their votes. The ALT's has more of the ALT fragments; of equals fewer for REF."""
    balance = 0
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] == MATE_COUNTED:
            continue
        votes = scratch.votes[slot]
        haplotype = 1 if votes > 0 else (-1 if votes < 0 else 0)
        scratch.haplotype[slot] = haplotype
        if site.group[slot] == SUPPORTS_ALT:
            balance += haplotype << 20
        elif site.group[slot] == SUPPORTS_REF:
            balance -= haplotype
    alt_haplotype = 1 if balance >= 0 else -1
    scratch.tally[:] = 0
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] == MATE_COUNTED:
            continue
        side = 0
        scratch.level[slot] = NO_HAPLOTYPE
        if scratch.haplotype[slot] != 0:
            side = 1 if scratch.haplotype[slot] == alt_haplotype else 2
            scratch.level[slot] = ALT_HAPLOTYPE if side == 1 else OTHER_HAPLOTYPE
        scratch.tally[int64(site.group[slot]), side] += 1


class PhaseFeature(IntEnum):
    """Places of the values that `write_phase_features` writes; their names in lower case are the features'.

    Shares that nothing is known of are -1. The ratio is 0 then: it alone needs no number of anchors beside it.
    """

    PHASE_ANCHORS = 0
    PHASE_SHARE = 1
    PHASE_LOG_CONTRADICTING = 2
    PHASE_CONTRADICTING_SHARE = 3
    PHASE_LOG_AGREEING_ALT = 4
    PHASE_LOG_AGREEING_REF = 5
    PHASE_ALT_HAPLOTYPES = 6
    PHASE_ALT_SHARE_MAX = 7
    PHASE_ALT_SHARE_MIN = 8
    PHASE_LOG_LIKELIHOOD_RATIO = 9


PHASE_FEATURES = tuple(one.name.lower() for one in PhaseFeature)
#: The one of them that weighs the others.
PHASE_RATIO = PhaseFeature.PHASE_LOG_LIKELIHOOD_RATIO.name.lower()
#: The tensor's channel of it.
PHASE_CHANNEL = "phase"
#: Columns of PhaseScratch.tally.
_NEITHER, _ALTS, _OTHER = range(3)


@inline_kernel
def _share(part: int, whole: int) -> float:
    return part / whole if whole > 0 else -1.0


@inline_kernel
def _log_likelihood_ratio(alt: np.ndarray, ref: np.ndarray) -> float:
    """log10 of how likely the phased fragments are for a variant (on one haplotype or on both) over what is likely where ALT
    falls on fragments whatever their haplotype. alt, ref: int64 (3,), rows of PhaseScratch.tally; 0 without a phased ALT.
    """
    n_alt, n_ref = alt[_ALTS] + alt[_OTHER], ref[_ALTS] + ref[_OTHER]
    if n_alt == 0:
        return 0.0
    n = n_alt + n_ref
    n_wrong = min(ref[_ALTS] + alt[_OTHER], n_ref)
    variant = n_wrong * math.log10(ERROR_SHARE) + (n - n_wrong) * math.log10(1.0 - ERROR_SHARE)
    random = n_alt * math.log10(n_alt / n) + (n_ref * math.log10(n_ref / n) if n_ref > 0 else 0.0)
    return min(max(variant - random, -LARGEST_LOG_RATIO), LARGEST_LOG_RATIO)


@inline_kernel
def write_phase_features(
    allele: int,
    alleles: NormalisedAlleles,
    mate: np.ndarray,
    site: SiteReads,
    columns: Columns,
    scratch: PhaseScratch,
    out: np.ndarray,
) -> None:
    """Put the fragments of a weighed site on haplotypes and fill `out`: float32 (len(PHASE_FEATURES),)."""
    n_anchors = _choose_anchors(allele, alleles, columns, scratch)
    for slot in range(site.counts[N_COVERING]):
        scratch.votes[slot] = 0
    _look_at_fragments(site, mate, columns, n_anchors, scratch)
    n_placed = _place_anchors(site, n_anchors, scratch)
    _assign_fragments(site, scratch)
    tally = scratch.tally
    ref, alt = tally[SUPPORTS_REF], tally[SUPPORTS_ALT]
    n_phased, n_fragments = 0, 0
    for group in range(3):
        n_fragments += tally[group, _NEITHER] + tally[group, _ALTS] + tally[group, _OTHER]
        n_phased += tally[group, _ALTS] + tally[group, _OTHER]
    on_alts, on_other = _share(alt[_ALTS], alt[_ALTS] + ref[_ALTS]), _share(alt[_OTHER], alt[_OTHER] + ref[_OTHER])
    has_alt = alt[_ALTS] > 0
    contradicting, agreeing_ref = (ref[_ALTS], ref[_OTHER]) if has_alt else (int64(0), int64(0))
    out[PhaseFeature.PHASE_ANCHORS.value] = n_placed
    out[PhaseFeature.PHASE_SHARE.value] = n_phased / n_fragments
    out[PhaseFeature.PHASE_LOG_CONTRADICTING.value] = math.log2(1.0 + contradicting)
    out[PhaseFeature.PHASE_CONTRADICTING_SHARE.value] = _share(contradicting, alt[_ALTS] + contradicting) if has_alt else -1.0
    out[PhaseFeature.PHASE_LOG_AGREEING_ALT.value] = math.log2(1.0 + alt[_ALTS])
    out[PhaseFeature.PHASE_LOG_AGREEING_REF.value] = math.log2(1.0 + agreeing_ref)
    out[PhaseFeature.PHASE_ALT_HAPLOTYPES.value] = (1 if alt[_ALTS] > 0 else 0) + (1 if alt[_OTHER] > 0 else 0)
    out[PhaseFeature.PHASE_ALT_SHARE_MAX.value] = max(on_alts, on_other)
    out[PhaseFeature.PHASE_ALT_SHARE_MIN.value] = min(on_alts, on_other)
    out[PhaseFeature.PHASE_LOG_LIKELIHOOD_RATIO.value] = _log_likelihood_ratio(alt, ref)
