"""Encoding a chunk: for every allele the reads that cover it, their support, its site features and its tensor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels.alleles import FINE, NormalisedAlleles
from vcffilter.kernels.context_features import CONTEXT_FEATURES, write_context_features
from vcffilter.kernels.haplotypes import Haplotypes, empty_haplotypes
from vcffilter.kernels.jit import kernel
from vcffilter.kernels.read_features import (
    ALL_ROW,
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
from vcffilter.kernels.support import SiteReads, empty_site_reads, find_site_reads, forget_site_reads, weigh_site_reads
from vcffilter.kernels.tensor import TensorScratch, empty_tensor_scratch, write_tensor

#: Names of the site features in the order in which the encoder writes them.
FEATURE_NAMES = CONTEXT_FEATURES + SUPPORT_FEATURES + CONTRAST_FEATURES + NEIGHBOURHOOD_FEATURES
#: Version of their meaning and of the channels': a checkpoint that declares another one cannot be used.
ENCODER_VERSION = 1

_SUPPORT = len(CONTEXT_FEATURES)
_CONTRAST = _SUPPORT + len(SUPPORT_FEATURES)
_NEIGHBOURHOOD = _CONTRAST + len(CONTRAST_FEATURES)


class EncodeScratch(NamedTuple):
    """Everything `encode_alleles` needs besides its input; reused from allele to allele."""

    site: SiteReads
    haplotypes: Haplotypes
    sums: SiteScratch
    tensor: TensorScratch
    counts: np.ndarray


def empty_encode_scratch(n_reads: int) -> EncodeScratch:
    """Scratch for a chunk of `n_reads` reads."""
    return EncodeScratch(
        empty_site_reads(n_reads), empty_haplotypes(), empty_site_scratch(), empty_tensor_scratch(n_reads), np.zeros(4, np.int64)
    )


@kernel
def encode_alleles(
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    n_reads: int,
    events: ReadEvents,
    furthest_end0: np.ndarray,
    channels: np.ndarray,
    scratch: EncodeScratch,
    features: np.ndarray,
    tensor: np.ndarray | None,
    n_informing: np.ndarray,
) -> None:
    """Encode every usable allele of a chunk.

    furthest_end0: int64 (n_reads,), running maximum of the reads' unclipped ends. channels: int64, indices into CHANNEL_NAMES.
    Written: features: float32 (n_alleles, len(FEATURE_NAMES)), zeroed before; tensor: uint8 (n_alleles, rows, columns, channels),
    all of it, or None where none is wanted (then nothing of it is compiled); n_informing: int32 (n_alleles,), reads counted (each
    pair of mates once), 0 = no reads.
    """
    for allele in range(len(alleles.problem)):
        n_informing[allele] = 0
        if alleles.problem[allele] != FINE:
            if tensor is not None:
                tensor[allele] = 0
            continue
        find_site_reads(allele, alleles, reads, n_reads, furthest_end0, scratch.site)
        if scratch.site.counts[0] > 0:
            weigh_site_reads(allele, alleles, segments, reads, events, scratch.haplotypes, scratch.site)
            sum_site(allele, alleles, reads, events, scratch.site, scratch.counts, scratch.sums)
            n_informing[allele] = np.int32(scratch.sums.sums[ALL_ROW, N])
            row = features[allele]
            write_context_features(allele, alleles, segments, scratch.sums.tally, row[:_SUPPORT])
            write_support_features(scratch.site, scratch.sums, row[_SUPPORT:_CONTRAST])
            write_contrast_features(scratch.sums, row[_CONTRAST:_NEIGHBOURHOOD])
            write_neighbourhood_features(scratch.haplotypes, scratch.sums, row[_NEIGHBOURHOOD:])
            if tensor is not None:
                write_tensor(allele, alleles, segments, reads, events, scratch.site, channels, scratch.tensor, tensor[allele])
        elif tensor is not None:
            tensor[allele] = 0
        forget_site_reads(scratch.site)


@kernel
def running_maximum(values: np.ndarray, n: int, out: np.ndarray) -> None:
    """out[i] = max(values[: i + 1]) for i < n; int64 both."""
    largest = np.int64(-(1 << 62))
    for index in range(n):
        largest = max(largest, values[index])
        out[index] = largest
