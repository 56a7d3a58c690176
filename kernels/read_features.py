"""Site features of the reads: how those that support ALT differ from those that support REF.

Every block function fills `out` in the order of the names tuple above it. Values are shares, contrasts and logarithms.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from vcffilter.kernels import sam
from vcffilter.kernels.haplotypes import DISTINCT, EXPLAINING, Haplotypes
from vcffilter.kernels.jit import inline_kernel, int64
from vcffilter.kernels.normalised_alleles import SUBSTITUTION, NormalisedAlleles
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.scan import ReadEvents, read_code
from vcffilter.kernels.search import first_at_least
from vcffilter.kernels.support import (
    MATE_COUNTED,
    N_COVERING,
    N_MATES_AGREE,
    N_MATES_CONTRADICT,
    SUPPORTS_ALT,
    SUPPORTS_REF,
    UNINFORMATIVE,
    SiteReads,
)

#: Mismatches and indels of a read are counted this far from the event.
MISMATCH_REACH = 100
#: Columns searched for other differences around the event.
COLUMN_REACH = 60
NEAR_REACH = 10
GOOD_QUALITY_PHRED = 20
NEAR_END = 10
BESIDE_REACH = 3
MAX_LAGGING_RUN = 10
#: Starts of reads are told apart modulo this many positions.
START_SLOTS = 4096

#: Per-read values that are summed over each group.
N_SUMMED = 31
(
    N,
    REVERSE,
    MAPQ,
    MAPQ0,
    LOW_MAPQ,
    BASE_QUALITY,
    LOW_BASE_QUALITY,
    END_DISTANCE,
    END_DISTANCE_SQUARED,
    IS_NEAR_END,
    FIVE_PRIME,
    CLIPPED,
    CLIPPED_BASES,
    GOOD_MISMATCHES,
    POOR_MISMATCHES,
    NEAR_MISMATCHES,
    OTHER_INDELS,
    IMPROPER,
    MATE_ELSEWHERE,
    LOG_INSERT,
    MARGIN,
    STRONG_MARGIN,
    SPANS,
    EXACT_INDEL,
    THIRD,
    DISTINCT_STARTS,
    SUPPLEMENTARY,
    LITERAL,
    LOG_LIKELIHOOD_RATIO,
    BESIDE_QUALITY,
    LAGGING_RUN,
) = range(N_SUMMED)
#: Rows of the sums.
UNINFORMATIVE_ROW, REF_ROW, ALT_ROW, ALL_ROW = 0, 1, 2, 3
#: Columns of the extremes: of the mapping quality, the distance from the read's end, the margin.
LARGEST_MAPQ, LARGEST_DISTANCE, SMALLEST_MARGIN, LARGEST_MARGIN = range(4)
#: Positions in SiteScratch.shift_range.
_SMALLEST, _LARGEST = range(2)
#: Positions in the differences of one read: mismatches of good and of poor quality, those near the event, indels.
_GOOD, _POOR, _NEAR, _INDELS = range(4)


class SiteScratch(NamedTuple):
    """Room for one site's sums; reused.

    sums: float64 (4, N_SUMMED), rows as above. extremes: float64 (4, 4), rows as above.
    seen_starts: uint8 (3, 2, START_SLOTS). columns: int32 (3, 2 * COLUMN_REACH + 1), good
    mismatches at each column by group. shift_range: int64 (2,), see _SMALLEST. tally: int64 (64,).
    """

    sums: np.ndarray
    extremes: np.ndarray
    seen_starts: np.ndarray
    columns: np.ndarray
    shift_range: np.ndarray
    tally: np.ndarray


N_COLUMNS = 2 * COLUMN_REACH + 1


def empty_site_scratch() -> SiteScratch:
    """Zeroed room for one site."""
    return SiteScratch(
        np.zeros((4, N_SUMMED)),
        np.zeros((4, 4)),
        np.zeros((3, 2, START_SLOTS), np.uint8),
        np.zeros((3, N_COLUMNS), np.int32),
        np.zeros(2, np.int64),
        np.zeros(64, np.int64),
    )


@inline_kernel
def end_distance(reads: ReadArrays, read: int, query_index: int) -> int:
    """Bases between a base of the read and the nearer end of its aligned (unclipped) part, 0 at the end."""
    from_left = query_index - reads.soft_left[read]
    from_right = reads.query_length[read] - reads.soft_right[read] - 1 - query_index
    return max(min(from_left, from_right), 0)


@inline_kernel
def five_prime_share(reads: ReadArrays, read: int, query_index: int) -> float:
    """Place of a base in the read in sequencing order, 0 = first base sequenced, 1 = last."""
    length = max(reads.query_length[read] - 1, 1)
    share = query_index / length
    return 1.0 - share if reads.flag[read] & sam.FLAG_REVERSE != 0 else share


@inline_kernel
def event_quality(reads: ReadArrays, site: SiteReads, slot: int, is_substitution: bool) -> int:
    """Base quality (phred) at the event: of its base, or the lower of the two bases beside an indel."""
    read, at = int64(site.read[slot]), int64(site.query_index[slot])
    at = min(max(at, 0), reads.query_length[read] - 1)
    quality = int64(reads.quality_phred[reads.quality_offset[read] + at])
    if not is_substitution and at > 0:
        quality = min(quality, int64(reads.quality_phred[reads.quality_offset[read] + at - 1]))
    return quality


@inline_kernel
def _count_mismatches(
    allele: int, alleles: NormalisedAlleles, events: ReadEvents, read: int, row: int, counts: np.ndarray, scratch: SiteScratch
) -> None:
    """counts: int64 (4,), see _GOOD: differences of a read around the event; also fills the columns."""
    counts[:] = 0
    start0, end0 = alleles.start0[allele], alleles.end0[allele]
    substitution = alleles.kind[allele] == SUBSTITUTION
    first, last = events.mismatch_offset[read], events.mismatch_offset[read + 1]
    if last - first > 16:
        first += first_at_least(events.mismatch_pos0[first:last], start0 - MISMATCH_REACH)
    for index in range(first, last):
        pos0 = events.mismatch_pos0[index]
        if pos0 < start0 - MISMATCH_REACH or (substitution and start0 <= pos0 < end0):
            continue
        if pos0 >= end0 + MISMATCH_REACH:
            break
        if events.mismatch_quality_phred[index] < GOOD_QUALITY_PHRED:
            counts[_POOR] += 1
            continue
        counts[_GOOD] += 1
        if start0 - NEAR_REACH <= pos0 < end0 + NEAR_REACH:
            counts[_NEAR] += 1
        column = pos0 - start0 + COLUMN_REACH
        if 0 <= column < N_COLUMNS:
            scratch.columns[row, column] += 1
    for index in range(events.indel_offset[read], events.indel_offset[read + 1]):
        if start0 - MISMATCH_REACH <= events.indel_pos0[index] < end0 + MISMATCH_REACH:
            counts[_INDELS] += 1


@inline_kernel
def _mark_start(reads: ReadArrays, read: int, row: int, scratch: SiteScratch) -> float:
    """1 where no read of this group and strand began at the same place before."""
    reverse = 1 if reads.flag[read] & sam.FLAG_REVERSE != 0 else 0
    start = reads.unclipped_end0[read] if reverse == 1 else reads.unclipped_start0[read]
    slot = start % START_SLOTS
    if scratch.seen_starts[row, reverse, slot] != 0:
        return 0.0
    scratch.seen_starts[row, reverse, slot] = 1
    return 1.0


@inline_kernel
def _unmark_starts(reads: ReadArrays, site: SiteReads, scratch: SiteScratch) -> None:
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] == MATE_COUNTED:
            continue
        read, row = int64(site.read[slot]), site.group[slot]
        reverse = 1 if reads.flag[read] & sam.FLAG_REVERSE != 0 else 0
        start = reads.unclipped_end0[read] if reverse == 1 else reads.unclipped_start0[read]
        scratch.seen_starts[row, reverse, start % START_SLOTS] = 0


@inline_kernel
def _beside_quality(reads: ReadArrays, read: int, query_index: int) -> float:
    """Mean base quality (phred) of up to BESIDE_REACH bases on either side of the event, its own base left out."""
    first = max(query_index - BESIDE_REACH, 0)
    last = min(query_index + BESIDE_REACH + 1, reads.query_length[read])
    total, n = 0, 0
    for at in range(first, last):
        if at != query_index:
            total += int64(reads.quality_phred[reads.quality_offset[read] + at])
            n += 1
    return total / n if n > 0 else 0.0


@inline_kernel
def _lagging_run(reads: ReadArrays, read: int, query_index: int) -> int:
    """How often the read's base at the event stands right before it in sequencing order, as it does where synthesis lags."""
    step = 1 if reads.flag[read] & sam.FLAG_REVERSE != 0 else -1
    code = read_code(reads, read, min(max(query_index, 0), reads.query_length[read] - 1))
    run = 0
    at = query_index + step
    while run < MAX_LAGGING_RUN and 0 <= at < reads.query_length[read] and read_code(reads, read, at) == code:
        run += 1
        at += step
    return run


@inline_kernel
def _add_read(
    allele: int,
    alleles: NormalisedAlleles,
    reads: ReadArrays,
    events: ReadEvents,
    site: SiteReads,
    slot: int,
    counts: np.ndarray,
    scratch: SiteScratch,
) -> None:
    """Add one read's values to the sums of its group."""
    read, row = int64(site.read[slot]), site.group[slot]
    sums, extremes = scratch.sums[row], scratch.extremes[row]
    flag, mapq = reads.flag[read], min(int64(reads.mapq[read]), 60)
    query_index = int64(site.query_index[slot])
    distance = end_distance(reads, read, query_index)
    quality = event_quality(reads, site, slot, alleles.kind[allele] == SUBSTITUTION)
    margin = site.margin_phred[slot]
    clipped_bases = reads.soft_left[read] + reads.soft_right[read]
    _count_mismatches(allele, alleles, events, read, row, counts, scratch)
    sums[N] += 1
    sums[REVERSE] += 1 if flag & sam.FLAG_REVERSE != 0 else 0
    sums[MAPQ] += mapq
    sums[MAPQ0] += 1 if mapq == 0 else 0
    sums[LOW_MAPQ] += 1 if mapq < 30 else 0
    sums[BASE_QUALITY] += quality
    sums[LOW_BASE_QUALITY] += 1 if quality < GOOD_QUALITY_PHRED else 0
    sums[END_DISTANCE] += min(distance, 100)
    sums[END_DISTANCE_SQUARED] += min(distance, 100) ** 2
    sums[IS_NEAR_END] += 1 if distance < NEAR_END else 0
    sums[FIVE_PRIME] += five_prime_share(reads, read, query_index)
    sums[CLIPPED] += 1 if clipped_bases > 0 else 0
    sums[CLIPPED_BASES] += min(clipped_bases, 100)
    sums[GOOD_MISMATCHES] += min(counts[_GOOD], 20)
    sums[POOR_MISMATCHES] += min(counts[_POOR], 20)
    sums[NEAR_MISMATCHES] += 1 if counts[_NEAR] > 0 else 0
    sums[OTHER_INDELS] += min(counts[_INDELS] - site.exact_indel[slot], 10)
    sums[IMPROPER] += 1 if flag & sam.FLAG_PAIRED != 0 and flag & sam.FLAG_PROPER_PAIR == 0 else 0
    sums[MATE_ELSEWHERE] += reads.mate_elsewhere[read]
    sums[LOG_INSERT] += math.log2(1.0 + min(reads.insert_size[read], 5000))
    sums[MARGIN] += abs(margin)
    sums[STRONG_MARGIN] += 1 if abs(margin) >= 30 else 0
    sums[SPANS] += site.spans[slot]
    sums[EXACT_INDEL] += site.exact_indel[slot]
    sums[THIRD] += site.third[slot]
    sums[DISTINCT_STARTS] += _mark_start(reads, read, row, scratch)
    sums[SUPPLEMENTARY] += 1 if flag & sam.FLAG_SUPPLEMENTARY != 0 else 0
    sums[LITERAL] += site.literal[slot]
    sums[LOG_LIKELIHOOD_RATIO] += math.log10(0.5 + 0.5 * 10.0 ** (min(margin, 40) / 10.0))
    sums[BESIDE_QUALITY] += _beside_quality(reads, read, query_index)
    sums[LAGGING_RUN] += _lagging_run(reads, read, query_index)
    extremes[LARGEST_MAPQ] = max(extremes[LARGEST_MAPQ], mapq)
    extremes[LARGEST_DISTANCE] = max(extremes[LARGEST_DISTANCE], min(distance, 100))
    extremes[SMALLEST_MARGIN] = min(extremes[SMALLEST_MARGIN], abs(margin))
    extremes[LARGEST_MARGIN] = max(extremes[LARGEST_MARGIN], abs(margin))
    if site.exact_indel[slot] == 1:
        scratch.shift_range[_SMALLEST] = min(scratch.shift_range[_SMALLEST], site.indel_shift[slot])
        scratch.shift_range[_LARGEST] = max(scratch.shift_range[_LARGEST], site.indel_shift[slot])


@inline_kernel
def sum_site(
    allele: int,
    alleles: NormalisedAlleles,
    reads: ReadArrays,
    events: ReadEvents,
    site: SiteReads,
    counts: np.ndarray,
    scratch: SiteScratch,
) -> None:
    """Fill the sums of one site from its weighed reads. counts: int64 (4,), scratch, see _GOOD."""
    scratch.sums[:] = 0.0
    scratch.extremes[:] = 0.0
    scratch.extremes[:, SMALLEST_MARGIN] = 99.0
    scratch.columns[:] = 0
    scratch.shift_range[_SMALLEST] = 1 << 30
    scratch.shift_range[_LARGEST] = -(1 << 30)
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] != MATE_COUNTED:
            _add_read(allele, alleles, reads, events, site, slot, counts, scratch)
    _unmark_starts(reads, site, scratch)
    sums = scratch.sums
    for column in range(N_SUMMED):
        sums[ALL_ROW, column] = sums[UNINFORMATIVE_ROW, column] + sums[REF_ROW, column] + sums[ALT_ROW, column]
    scratch.extremes[ALL_ROW, LARGEST_MAPQ] = max(
        scratch.extremes[UNINFORMATIVE_ROW, LARGEST_MAPQ],
        scratch.extremes[REF_ROW, LARGEST_MAPQ],
        scratch.extremes[ALT_ROW, LARGEST_MAPQ],
    )


class SupportFeature(IntEnum):
    """Places of the values that `write_support_features` writes; their names in lower case are the features'."""

    LOG_DEPTH = 0
    LOG_ALT_READS = 1
    LOG_REF_READS = 2
    ALT_SHARE_INFORMATIVE = 3
    ALT_SHARE_ALL = 4
    UNINFORMATIVE_SHARE = 5
    THIRD_SHARE = 6
    SPANNING_SHARE = 7
    ALT_SPANNING_SHARE = 8
    ALT_EXACT_INDEL_SHARE = 9
    ALT_STRONG_SHARE = 10
    REF_STRONG_SHARE = 11
    ALT_MARGIN_MEAN = 12
    ALT_MARGIN_MIN = 13
    ALT_MARGIN_MAX = 14
    REF_MARGIN_MEAN = 15
    HET_DEVIATION = 16
    HOM_DEVIATION = 17
    LOG_HET_LIKELIHOOD_RATIO = 18
    LOG_DISTINCT_ALT_STARTS = 19
    ALT_DISTINCT_START_SHARE = 20
    ALT_MINOR_STRAND_SHARE = 21
    STRAND_LOG_ODDS = 22
    ALT_REVERSE_SHARE_CONTRAST = 23
    MATES_AGREE_SHARE = 24
    MATES_CONTRADICT_SHARE = 25
    LOG_INDEL_SHIFT_RANGE = 26
    INDEL_SHIFT_MAX = 27
    LITERAL_SHARE = 28
    LOG_LIKELIHOOD_RATIO = 29
    LOG_LIKELIHOOD_RATIO_PER_READ = 30


SUPPORT_FEATURES = tuple(one.name.lower() for one in SupportFeature)


@inline_kernel
def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


@inline_kernel
def _log1(value: float) -> float:
    return math.log2(1.0 + value)


@inline_kernel
def _binomial_log_ratio(n_alt: float, n: float) -> float:
    """log10 of the likelihood of n_alt of n at one half over that at an error rate of 2%, kept within +-30."""
    if n == 0:
        return 0.0
    het = n * math.log10(0.5)
    error = n_alt * math.log10(0.02) + (n - n_alt) * math.log10(0.98)
    return min(max(het - error, -30.0), 30.0)


@inline_kernel
def write_support_features(site: SiteReads, scratch: SiteScratch, out: np.ndarray) -> None:
    """Fill `out`: float32 (len(SUPPORT_FEATURES),)."""
    alt, ref, everything = scratch.sums[ALT_ROW], scratch.sums[REF_ROW], scratch.sums[ALL_ROW]
    n_alt, n_ref, n = alt[N], ref[N], everything[N]
    informative = n_alt + n_ref
    alt_forward, ref_forward = n_alt - alt[REVERSE], n_ref - ref[REVERSE]
    extremes = scratch.extremes
    out[SupportFeature.LOG_DEPTH.value] = _log1(n)
    out[SupportFeature.LOG_ALT_READS.value] = _log1(n_alt)
    out[SupportFeature.LOG_REF_READS.value] = _log1(n_ref)
    out[SupportFeature.ALT_SHARE_INFORMATIVE.value] = _share(n_alt, informative)
    out[SupportFeature.ALT_SHARE_ALL.value] = _share(n_alt, n)
    out[SupportFeature.UNINFORMATIVE_SHARE.value] = _share(n - informative, n)
    out[SupportFeature.THIRD_SHARE.value] = _share(everything[THIRD], n)
    out[SupportFeature.SPANNING_SHARE.value] = _share(everything[SPANS], n)
    out[SupportFeature.ALT_SPANNING_SHARE.value] = _share(alt[SPANS], n_alt)
    out[SupportFeature.ALT_EXACT_INDEL_SHARE.value] = _share(alt[EXACT_INDEL], n_alt)
    out[SupportFeature.ALT_STRONG_SHARE.value] = _share(alt[STRONG_MARGIN], n_alt)
    out[SupportFeature.REF_STRONG_SHARE.value] = _share(ref[STRONG_MARGIN], n_ref)
    out[SupportFeature.ALT_MARGIN_MEAN.value] = _share(alt[MARGIN], n_alt)
    out[SupportFeature.ALT_MARGIN_MIN.value] = extremes[ALT_ROW, SMALLEST_MARGIN] if n_alt > 0 else 0.0
    out[SupportFeature.ALT_MARGIN_MAX.value] = extremes[ALT_ROW, LARGEST_MARGIN]
    out[SupportFeature.REF_MARGIN_MEAN.value] = _share(ref[MARGIN], n_ref)
    out[SupportFeature.HET_DEVIATION.value] = (n_alt - 0.5 * informative) / math.sqrt(0.25 * informative + 0.5)
    out[SupportFeature.HOM_DEVIATION.value] = n_ref / math.sqrt(0.02 * informative + 1.0)
    out[SupportFeature.LOG_HET_LIKELIHOOD_RATIO.value] = _binomial_log_ratio(n_alt, informative)
    out[SupportFeature.LOG_DISTINCT_ALT_STARTS.value] = _log1(alt[DISTINCT_STARTS])
    out[SupportFeature.ALT_DISTINCT_START_SHARE.value] = _share(alt[DISTINCT_STARTS], n_alt)
    out[SupportFeature.ALT_MINOR_STRAND_SHARE.value] = _share(min(alt[REVERSE], alt_forward), n_alt)
    out[SupportFeature.STRAND_LOG_ODDS.value] = abs(
        math.log((alt_forward + 1.0) * (ref[REVERSE] + 1.0)) - math.log((alt[REVERSE] + 1.0) * (ref_forward + 1.0))
    )
    out[SupportFeature.ALT_REVERSE_SHARE_CONTRAST.value] = (
        abs(_share(alt[REVERSE], n_alt) - _share(ref[REVERSE], n_ref)) if n_alt > 0 and n_ref > 0 else 0.0
    )
    out[SupportFeature.MATES_AGREE_SHARE.value] = _share(float(site.counts[N_MATES_AGREE]), n)
    out[SupportFeature.MATES_CONTRADICT_SHARE.value] = _share(float(site.counts[N_MATES_CONTRADICT]), n)
    has_indel = alt[EXACT_INDEL] + ref[EXACT_INDEL] + scratch.sums[UNINFORMATIVE_ROW][EXACT_INDEL] > 0
    smallest, largest = scratch.shift_range[_SMALLEST], scratch.shift_range[_LARGEST]
    out[SupportFeature.LOG_INDEL_SHIFT_RANGE.value] = _log1(float(largest - smallest)) if has_indel else 0.0
    out[SupportFeature.INDEL_SHIFT_MAX.value] = min(largest, 50) if has_indel else 0.0
    out[SupportFeature.LITERAL_SHARE.value] = _share(everything[LITERAL], n)
    out[SupportFeature.LOG_LIKELIHOOD_RATIO.value] = min(max(everything[LOG_LIKELIHOOD_RATIO], -30.0), 60.0)
    out[SupportFeature.LOG_LIKELIHOOD_RATIO_PER_READ.value] = _share(everything[LOG_LIKELIHOOD_RATIO], n)


#: Means of per-read values: of ALT reads, of all other reads, and the contrast between ALT and REF reads.
_CONTRASTED = (
    ("mapq", MAPQ),
    ("mapq0", MAPQ0),
    ("low_mapq", LOW_MAPQ),
    ("base_quality", BASE_QUALITY),
    ("low_base_quality", LOW_BASE_QUALITY),
    ("end_distance", END_DISTANCE),
    ("near_end", IS_NEAR_END),
    ("five_prime", FIVE_PRIME),
    ("clipped", CLIPPED),
    ("clipped_bases", CLIPPED_BASES),
    ("good_mismatches", GOOD_MISMATCHES),
    ("poor_mismatches", POOR_MISMATCHES),
    ("near_mismatches", NEAR_MISMATCHES),
    ("other_indels", OTHER_INDELS),
    ("improper", IMPROPER),
    ("mate_elsewhere", MATE_ELSEWHERE),
    ("log_insert", LOG_INSERT),
    ("supplementary", SUPPLEMENTARY),
    ("beside_quality", BESIDE_QUALITY),
    ("lagging_run", LAGGING_RUN),
)
_CONTRASTED_COLUMNS = tuple(column for _, column in _CONTRASTED)
CONTRAST_FEATURES = tuple(name for value, _ in _CONTRASTED for name in (f"alt_{value}", f"all_{value}", f"{value}_contrast"))


@inline_kernel
def write_contrast_features(scratch: SiteScratch, out: np.ndarray) -> None:
    """Fill `out`: float32 (len(CONTRAST_FEATURES),). A contrast is 0 where either side has no reads."""
    alt, ref, everything = scratch.sums[ALT_ROW], scratch.sums[REF_ROW], scratch.sums[ALL_ROW]
    for index in range(len(_CONTRASTED_COLUMNS)):
        column = _CONTRASTED_COLUMNS[index]
        alt_mean = _share(alt[column], alt[N])
        out[3 * index] = alt_mean
        out[3 * index + 1] = _share(everything[column], everything[N])
        both = alt[N] > 0 and ref[N] > 0
        out[3 * index + 2] = alt_mean - _share(ref[column], ref[N]) if both else 0.0


class NeighbourhoodFeature(IntEnum):
    """Places of the values that `write_neighbourhood_features` writes; their names in lower case are the features'."""

    ALT_END_DISTANCE_SPREAD = 0
    ALT_END_DISTANCE_MAX = 1
    ALT_MAPQ_MAX = 2
    NOISY_COLUMNS = 3
    NOISIEST_COLUMN_SHARE = 4
    LINKED_COLUMNS = 5
    MOST_LINKED_SHARE = 6
    REF_LINKED_COLUMNS = 7
    NEARBY_INDELS = 8
    NEARBY_INDEL_SHARE = 9
    EXPLAINING_INDELS = 10


NEIGHBOURHOOD_FEATURES = tuple(one.name.lower() for one in NeighbourhoodFeature)


@inline_kernel
def write_neighbourhood_features(haplotypes: Haplotypes, scratch: SiteScratch, out: np.ndarray) -> None:
    """Fill `out`: float32 (len(NEIGHBOURHOOD_FEATURES),).

    A noisy column shows a good mismatch in at least two reads and a tenth of all; a linked one shows it in half of the ALT reads
    (at least two) and in less than a fifth of the REF reads, as reads of a paralog or a second variant on the haplotype do.
    """
    alt, ref, everything = scratch.sums[ALT_ROW], scratch.sums[REF_ROW], scratch.sums[ALL_ROW]
    n_alt, n_ref, n = alt[N], ref[N], everything[N]
    mean = _share(alt[END_DISTANCE], n_alt)
    out[NeighbourhoodFeature.ALT_END_DISTANCE_SPREAD.value] = math.sqrt(
        max(_share(alt[END_DISTANCE_SQUARED], n_alt) - mean * mean, 0.0)
    )
    out[NeighbourhoodFeature.ALT_END_DISTANCE_MAX.value] = scratch.extremes[ALT_ROW, LARGEST_DISTANCE]
    out[NeighbourhoodFeature.ALT_MAPQ_MAX.value] = scratch.extremes[ALT_ROW, LARGEST_MAPQ]
    n_noisy, n_linked, n_ref_linked = 0, 0, 0
    noisiest, most_linked = 0.0, 0.0
    for column in range(N_COLUMNS):
        in_alt, in_ref = scratch.columns[ALT_ROW, column], scratch.columns[REF_ROW, column]
        in_all = in_alt + in_ref + scratch.columns[UNINFORMATIVE_ROW, column]
        if in_all == 0:
            continue
        if in_all >= 2 and 10 * in_all >= n:
            n_noisy += 1
        noisiest = max(noisiest, in_all / n)
        alt_share, ref_share = _share(float(in_alt), n_alt), _share(float(in_ref), n_ref)
        if in_alt >= 2 and alt_share >= 0.5 and ref_share < 0.2:
            n_linked += 1
        if in_alt >= 2:
            most_linked = max(most_linked, alt_share - ref_share)
        if in_ref >= 2 and ref_share >= 0.5 and alt_share < 0.2:
            n_ref_linked += 1
    out[NeighbourhoodFeature.NOISY_COLUMNS.value] = n_noisy
    out[NeighbourhoodFeature.NOISIEST_COLUMN_SHARE.value] = noisiest
    out[NeighbourhoodFeature.LINKED_COLUMNS.value] = n_linked
    out[NeighbourhoodFeature.MOST_LINKED_SHARE.value] = most_linked
    out[NeighbourhoodFeature.REF_LINKED_COLUMNS.value] = n_ref_linked
    n_carrying, n_distinct = 0, haplotypes.n_nearby[DISTINCT]
    for index in range(n_distinct):
        n_carrying += haplotypes.nearby_count[index]
    out[NeighbourhoodFeature.NEARBY_INDELS.value] = min(n_distinct, 20)
    out[NeighbourhoodFeature.NEARBY_INDEL_SHARE.value] = _share(float(n_carrying), n)
    out[NeighbourhoodFeature.EXPLAINING_INDELS.value] = haplotypes.n_nearby[EXPLAINING]


assert (UNINFORMATIVE_ROW, REF_ROW, ALT_ROW) == (UNINFORMATIVE, SUPPORTS_REF, SUPPORTS_ALT)
