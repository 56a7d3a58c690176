"""What an allele is in the reads of others, by fixed rules: seen there, noise there, not there, or too few reads to say.

A diploid sample that has an allele shows it in about half of its reads or in all. Knows neither files nor the sample that is
scored; no number of a run changes a rule.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vcffilter.variants.background_counts import BackgroundCounts

#: Values by their code, from what says least against an allele's absence. Output vocabulary: never renumber.
BACKGROUND_NAMES = ("none", ".", "noise", "support")
NONE, UNKNOWN, NOISE, SUPPORT = range(len(BACKGROUND_NAMES))

#: An allele is seen where so many reads show it, and they are such a share of the reads that tell.
LEAST_SUPPORTING_READS, LEAST_SUPPORTING_SHARE = 3, 0.2
#: One read with an allele is what any place can have: from so many on it is noise of this place.
LEAST_NOISY_READS = 2
#: Reads exclude a heterozygous genotype that would show as few of them with the ALT less often than this.
_EXCLUDED_BELOW = 0.001
#: Noise explains the sample's reads where its share of ALT reads is less than so many times the background's.
EXPLAINED_TIMES = 2.0


def _fewest_reads() -> np.ndarray:
    """int64 (n,): by the reads with the ALT, how many must tell so that a heterozygous genotype is excluded.

    As far as the share stays below LEAST_SUPPORTING_SHARE at all; beyond, the share alone decides.
    """
    fewest = []
    for n_showing in range(100):
        n = n_showing + 1
        while sum(math.comb(n, k) for k in range(n_showing + 1)) >= _EXCLUDED_BELOW * 2**n:
            n += 1
        if n_showing >= LEAST_SUPPORTING_SHARE * n:
            break
        fewest.append(n)
    return np.array(fewest, np.int64)


#: Reads that must tell, by how many of them show the ALT, before these are too few for a heterozygous genotype.
FEWEST_READS = _fewest_reads()


def judge_samples(counts: BackgroundCounts) -> np.ndarray:
    """uint8 (n_samples, n_alleles): the value of each sample on each allele."""
    showing, telling = counts.showing.astype(np.int64), counts.telling.astype(np.int64)
    has_share = showing >= LEAST_SUPPORTING_SHARE * telling
    seen = (showing >= LEAST_SUPPORTING_READS) & has_share
    needed = FEWEST_READS[np.minimum(showing, len(FEWEST_READS) - 1)]
    excluded = (telling >= needed) & ((showing == 0) | ~has_share)
    value = np.full(showing.shape, UNKNOWN, np.uint8)
    value[excluded & (showing < LEAST_NOISY_READS)] = NONE
    value[excluded & (showing >= LEAST_NOISY_READS)] = NOISE
    value[seen] = SUPPORT
    return value


def judge(counts: BackgroundCounts) -> np.ndarray:
    """uint8 (n_alleles,): the value of each allele, that of the sample which shows most of it.

    `none` only where every sample says so; one with too few reads may have the allele.
    """
    return judge_samples(counts).max(axis=0)


def least_share(counts: BackgroundCounts) -> np.ndarray:
    """float64 (n_alleles,): share of a sample's reads for the ALT below which noise explains them; 0 where there is none."""
    return EXPLAINED_TIMES * noise_share(counts)


def is_explained(n_alt: Any, n_ref: Any, least_share: Any) -> Any:
    """Whether noise explains a sample's reads for an ALT and for REF. Of numbers, in a kernel too, or of arrays of one length."""
    return (least_share > 0) & (n_alt < least_share * (n_alt + n_ref))


def noise_share(counts: BackgroundCounts) -> np.ndarray:
    """float64 (n_alleles,): the largest share of ALT reads in a sample where the allele is noise; 0 where it is not `noise`."""
    values = judge_samples(counts)
    share = np.where(values == NOISE, counts.showing / np.maximum(counts.telling, 1), 0.0)
    return np.where(values.max(axis=0) == NOISE, share.max(axis=0), 0.0)
