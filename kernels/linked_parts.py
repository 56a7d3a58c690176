"""Whether the reads show the single bases of a substitution of several together: on one haplotype, or each on its own."""

from __future__ import annotations

import numpy as np

from vcffilter.kernels import sam
from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.kernels.normalised_alleles import FINE, MAX_ALLELE_LENGTH, SUBSTITUTION, NormalisedAlleles
from vcffilter.kernels.reads import ReadArrays
from vcffilter.kernels.reference import ReferenceSegments
from vcffilter.kernels.scan import read_code
from vcffilter.kernels.search import first_above, first_at_least
from vcffilter.kernels.support import INFORMATIVE_PHRED

#: Of the reads with the rarest of the bases at least so many in so many have all of them. The rarest, as a base that is
#: homozygous is also on the other haplotype, alone.
TOGETHER_SHARE = 4, 5


@inline_kernel
def _is_changed(allele: int, alleles: NormalisedAlleles, segments: ReferenceSegments, index: int) -> bool:
    """Whether the base at `index` of the allele is another than the reference's."""
    segment = alleles.segment[allele]
    reference = segments.codes[segments.offset[segment] + alleles.start0[allele] + index - segments.start0[segment]]
    return reference != alleles.alt_codes[alleles.alt_offset[allele] + index]


@inline_kernel
def _bases_shown(
    allele: int, alleles: NormalisedAlleles, segments: ReferenceSegments, reads: ReadArrays, read: int, shown: np.ndarray
) -> bool:
    """Mark the columns of the allele at which the read has the ALT base; False where it does not show every changed column well.

    shown: uint8 (MAX_ALLELE_LENGTH,), 1 = the ALT base, from the allele's start on.
    """
    start0, end0 = alleles.start0[allele], alleles.end0[allele]
    n_missing = int64(0)
    for index in range(end0 - start0):
        shown[index] = 0
        n_missing += _is_changed(allele, alleles, segments, index)
    pos0 = reads.start0[read]
    query_index = 0
    for operation_index in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
        operation = int64(reads.cigar[operation_index] & 15)
        length = int64(reads.cigar[operation_index] >> 4)
        if operation in sam.ALIGNED:
            for column0 in range(max(pos0, start0), min(pos0 + length, end0)):
                index = column0 - start0
                if not _is_changed(allele, alleles, segments, index):
                    continue
                at = query_index + column0 - pos0
                if reads.quality_phred[reads.quality_offset[read] + at] < INFORMATIVE_PHRED:
                    return False
                shown[index] = read_code(reads, read, at) == alleles.alt_codes[alleles.alt_offset[allele] + index]
                n_missing -= 1
            pos0 += length
            query_index += length
        elif operation in sam.REFERENCE_ONLY:
            pos0 += length
        elif operation in sam.READ_ONLY:
            query_index += length
        if pos0 >= end0:
            break
    return n_missing == 0


@inline_kernel
def _are_together(
    allele: int,
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    n_reads: int,
    furthest_end0: np.ndarray,
    shown: np.ndarray,
    n_with: np.ndarray,
) -> bool:
    start0, end0 = alleles.start0[allele], alleles.end0[allele]
    n_with[: end0 - start0] = 0
    n_all = int64(0)
    first = first_above(furthest_end0[:n_reads], start0)
    last = first_at_least(reads.start0[:n_reads], start0 + 1)
    for read in range(first, last):
        if reads.end0[read] < end0 or reads.query_length[read] == 0:
            continue
        if not _bases_shown(allele, alleles, segments, reads, read, shown):
            continue
        has_all = True
        for index in range(end0 - start0):
            n_with[index] += shown[index]
            if shown[index] == 0 and _is_changed(allele, alleles, segments, index):
                has_all = False
        n_all += has_all
    rarest = int64(n_reads)
    for index in range(end0 - start0):
        if _is_changed(allele, alleles, segments, index):
            rarest = min(rarest, n_with[index])
    return n_all > 0 and n_all * TOGETHER_SHARE[1] >= rarest * TOGETHER_SHARE[0]


@kernel
def find_together(
    alleles: NormalisedAlleles,
    segments: ReferenceSegments,
    reads: ReadArrays,
    n_reads: int,
    furthest_end0: np.ndarray,
    shown: np.ndarray,
    n_with: np.ndarray,
    together: np.ndarray,
) -> None:
    """Of which substitutions of several bases the reads show all bases together.

    furthest_end0: as `encode_alleles` has it. shown: uint8, n_with: int64, (MAX_ALLELE_LENGTH,), scratch. Written: together: bool
    (n_alleles,), False for every other allele.
    """
    for allele in range(len(alleles.problem)):
        together[allele] = False
        length = alleles.end0[allele] - alleles.start0[allele]
        if alleles.problem[allele] != FINE or alleles.kind[allele] != SUBSTITUTION or not 1 < length <= MAX_ALLELE_LENGTH:
            continue
        together[allele] = _are_together(allele, alleles, segments, reads, n_reads, furthest_end0, shown, n_with)
