"""The reads over one allele with their support, kept instead of summed up: for pictures and explanations."""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.haplotypes import Haplotypes
from vcffilter.kernels.jit import int64, kernel
from vcffilter.kernels.normalised_alleles import NormalisedAlleles
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import ReferenceSegments
from vcffilter.kernels.scan import ReadEvents
from vcffilter.kernels.support import N_COVERING, SiteReads, find_site_reads, weigh_site_reads
from vcffilter.kernels.tensor import TensorScratch, choose_rows


@kernel
def view_site(
    allele: int,
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    n_reads: int,
    events: ReadEvents,
    furthest_end0: np.ndarray,
    haplotypes: Haplotypes,
    site: SiteReads,
) -> None:
    """Fill `site` for one usable allele as `encode_alleles` does on its way to the features; `site` must be fresh."""
    find_site_reads(allele, alleles, reads, n_reads, furthest_end0, site)
    if site.counts[N_COVERING] > 0:
        weigh_site_reads(allele, alleles, segments, reads, events, haplotypes, site)


@kernel
def reads_of_rows(
    allele: int, alleles: NormalisedAlleles, reads: ReadArrays, site: SiteReads, scratch: TensorScratch, read_of_row: np.ndarray
) -> None:
    """Which read each row of the allele's tensor shows. site: as `view_site` filled it.

    Written: read_of_row, int32 (rows,), index in ReadArrays, -1 for the reference row and for rows without a read.
    """
    read_of_row[:] = -1
    n_shown = choose_rows(reads, site, alleles.start0[allele], len(read_of_row) - 1, scratch)
    for index in range(n_shown):
        read_of_row[index + 1] = site.read[int64(scratch.order[index])]
