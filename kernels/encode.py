"""Encoding a chunk: for every allele the reads that cover it, their support, its site features and its tensor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels.context_features import CONTEXT_FEATURES, write_context_features
from vcffilter.kernels.haplotypes import Haplotypes, empty_haplotypes
from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.kernels.normalised_alleles import FINE, NormalisedAlleles
from vcffilter.kernels.phase import PHASE_FEATURES, REACH, Columns, PhaseScratch, empty_phase_scratch, write_phase_features
from vcffilter.kernels.read_features import (
    ALL_ROW,
    ALT_ROW,
    CONTRAST_FEATURES,
    NEIGHBOURHOOD_FEATURES,
    SUPPORT_FEATURES,
    N,
    SiteScratch,
    empty_site_scratch,
    sum_site,
    write_contrast_features,
    write_neighbourhood_features,
    write_support_features,
)
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import ReferenceSegments
from vcffilter.kernels.scan import ReadEvents
from vcffilter.kernels.support import (
    N_COVERING,
    SUPPORTS_REF,
    SiteReads,
    empty_site_reads,
    find_site_reads,
    forget_site_reads,
    weigh_site_reads,
)
from vcffilter.kernels.tensor import TensorScratch, empty_tensor_scratch, write_tensor

#: Names of the site features in the order in which the encoder writes them: those of every encoder, and with those of phase,
#: which are written only where a reach is given.
FEATURE_NAMES = CONTEXT_FEATURES + SUPPORT_FEATURES + CONTRAST_FEATURES + NEIGHBOURHOOD_FEATURES
ALL_FEATURES = FEATURE_NAMES + PHASE_FEATURES
#: Absolute base qualities, likelihoods made of them, insert sizes, distances from the end of reads: they may tie a model to one
#: library and read length.
LIBRARY_FEATURES = (
    *("alt_base_quality", "all_base_quality", "alt_low_base_quality", "all_low_base_quality"),
    *("alt_beside_quality", "all_beside_quality"),
    *("log_likelihood_ratio", "log_likelihood_ratio_per_read", "log_het_likelihood_ratio"),
    *("alt_log_insert", "all_log_insert"),
    *("alt_end_distance", "all_end_distance", "alt_end_distance_spread", "alt_end_distance_max"),
)
assert set(LIBRARY_FEATURES) <= set(FEATURE_NAMES), "LIBRARY_FEATURES names a feature that is not written"
#: Version of their meaning and of the channels': a checkpoint that declares another one cannot be used.
ENCODER_VERSION = 1

#: Columns of the counts: reads that inform (two mates are one), of these for REF against every ALT of the record, and for ALT.
N_INFORMING, N_REF, N_ALT = range(3)
N_COUNTS = 3

_SUPPORT = len(CONTEXT_FEATURES)
_CONTRAST = _SUPPORT + len(SUPPORT_FEATURES)
_NEIGHBOURHOOD = _CONTRAST + len(CONTRAST_FEATURES)
_PHASE = _NEIGHBOURHOOD + len(NEIGHBOURHOOD_FEATURES)


class EncodeScratch(NamedTuple):
    """Everything `encode_alleles` needs besides its input; reused from allele to allele.

    phase: without room where no phase is asked for. for_ref: int32 (n_reads,), a stamp that says how many ALTs of the record in
    hand the read (or its mate) spoke against so far.
    """

    site: SiteReads
    haplotypes: Haplotypes
    sums: SiteScratch
    tensor: TensorScratch
    phase: PhaseScratch
    counts: np.ndarray
    for_ref: np.ndarray


def empty_encode_scratch(n_reads: int, phase_reach: int = 0) -> EncodeScratch:
    """Scratch for a chunk of `n_reads` reads."""
    return EncodeScratch(
        empty_site_reads(n_reads),
        empty_haplotypes(),
        empty_site_scratch(),
        empty_tensor_scratch(n_reads),
        empty_phase_scratch(n_reads if phase_reach else 0),
        np.zeros(4, np.int64),
        np.zeros(n_reads, np.int32),
    )


@inline_kernel
def _count_for_ref(site: SiteReads, mate: np.ndarray, is_first_of_record: bool, stamp: int, for_ref: np.ndarray) -> int:
    """Reads that speak for REF at this ALT and at every ALT of the record before it: the last one gave them `stamp`.

    They are given the next stamp. Two mates are one read, as which of them counts may change from ALT to ALT.
    """
    n = 0
    for slot in range(site.counts[N_COVERING]):
        if site.group[slot] != SUPPORTS_REF:
            continue
        read = int64(site.read[slot])
        fragment, following = read, int64(mate[read])
        while following >= 0 and following != read:
            fragment = min(fragment, following)
            following = int64(mate[following])
        if is_first_of_record or for_ref[fragment] == stamp:
            for_ref[fragment] = stamp + 1
            n += 1
    return n


@inline_kernel
def _give_every_alt_the_last_count(record: np.ndarray, counts: np.ndarray) -> None:
    """Reads for REF: of each ALT with reads those that the record's last such ALT has left."""
    left = np.int32(-1)
    for allele in range(len(record) - 1, -1, -1):
        if allele + 1 < len(record) and record[allele] != record[allele + 1]:
            left = np.int32(-1)
        if counts[allele, N_INFORMING] > 0:
            if left < 0:
                left = counts[allele, N_REF]
            counts[allele, N_REF] = left


@kernel
def encode_alleles(
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    n_reads: int,
    events: ReadEvents,
    furthest_end0: np.ndarray,
    columns: Columns,
    channels: np.ndarray,
    scratch: EncodeScratch,
    features: np.ndarray,
    tensor: np.ndarray | None,
    counts: np.ndarray,
) -> None:
    """Encode every usable allele of a chunk.

    furthest_end0: int64 (n_reads,), running maximum of the reads' unclipped ends. columns: with the reach of phase, 0 = none is
    wanted. channels: int64, indices into ALL_CHANNELS.
    Written: features: float32 (n_alleles, len(ALL_FEATURES), or len(FEATURE_NAMES) without phase), zeroed before; tensor: uint8
    (n_alleles, rows, columns, channels), all of it, or None where none is wanted (then nothing of it is compiled); counts: int32
    (n_alleles, N_COUNTS), see N_INFORMING; all 0 = no reads.
    """
    counts[:] = 0
    stamp = int64(0)
    is_first_of_record = True
    for allele in range(len(alleles.problem)):
        if allele > 0 and alleles.record[allele] != alleles.record[allele - 1]:
            is_first_of_record = True
        if alleles.problem[allele] != FINE:
            if tensor is not None:
                tensor[allele] = 0
            continue
        find_site_reads(allele, alleles, reads, n_reads, furthest_end0, scratch.site)
        if scratch.site.counts[N_COVERING] > 0:
            weigh_site_reads(allele, alleles, segments, reads, events, scratch.haplotypes, scratch.site)
            sum_site(allele, alleles, reads, events, scratch.site, scratch.counts, scratch.sums)
            counts[allele, N_INFORMING] = np.int32(scratch.sums.sums[ALL_ROW, N])
            counts[allele, N_ALT] = np.int32(scratch.sums.sums[ALT_ROW, N])
            counts[allele, N_REF] = _count_for_ref(scratch.site, events.mate, bool(is_first_of_record), stamp, scratch.for_ref)
            stamp += 1
            is_first_of_record = False
            row = features[allele]
            write_context_features(allele, alleles, segments, scratch.sums.tally, row[:_SUPPORT])
            write_support_features(scratch.site, scratch.sums, row[_SUPPORT:_CONTRAST])
            write_contrast_features(scratch.sums, row[_CONTRAST:_NEIGHBOURHOOD])
            write_neighbourhood_features(scratch.haplotypes, scratch.sums, row[_NEIGHBOURHOOD:_PHASE])
            if columns.counts[REACH] > 0:
                write_phase_features(allele, alleles, events.mate, scratch.site, columns, scratch.phase, row[_PHASE:])
            if tensor is not None:
                level, room = scratch.phase.level, scratch.tensor
                write_tensor(allele, alleles, segments, reads, events, scratch.site, level, channels, room, tensor[allele])
        elif tensor is not None:
            tensor[allele] = 0
        forget_site_reads(scratch.site)
    _give_every_alt_the_last_count(alleles.record, counts)


@kernel
def running_maximum(values: np.ndarray, n: int, out: np.ndarray) -> None:
    """out[i] = max(values[: i + 1]) for i < n; int64 both."""
    largest = np.int64(-(1 << 62))
    for index in range(n):
        largest = max(largest, values[index])
        out[index] = largest
