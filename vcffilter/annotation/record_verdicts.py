"""The rule of a verdict: one ALT, and one ALT in every sample. It knows probabilities and reads, no record."""

from __future__ import annotations

import numpy as np

from vcffilter.annotation.record_layout import (
    NO_CARRIER,
    PROBABILITY_STEPS,
    SCORED,
    VERDICT_INDEL,
    VERDICT_NOISE,
    VERDICT_NONE,
    VERDICT_PASS,
    VERDICT_SNV,
)
from vcffilter.kernels.jit import inline_kernel, kernel
from vcffilter.scoring.background_rules import is_explained
from vcffilter.variants.allele_scores import READS_FOR_ALT, READS_FOR_REF, READS_INFORMING

_is_explained = inline_kernel(is_explained)


@inline_kernel
def fails(probability, threshold):
    """Whether a probability of 4 decimals is below a threshold, whatever float32 made of it."""
    return np.rint(np.float64(probability) * PROBABILITY_STEPS) < threshold * PROBABILITY_STEPS - 1e-6


@inline_kernel
def judge(probability, counts, is_snv, least_share, thresholds):
    """The verdict on a scored ALT. counts: int32 (3,), columns READS_*. least_share: see `AltScores`."""
    is_deep = counts[READS_INFORMING] >= thresholds.deep_reads
    if is_snv:
        threshold = thresholds.deep_snv if is_deep else thresholds.snv
    else:
        threshold = thresholds.deep_indel if is_deep else thresholds.indel
    if fails(probability, threshold):
        return VERDICT_SNV if is_snv else VERDICT_INDEL
    return VERDICT_NOISE if _is_explained(counts[READS_FOR_ALT], counts[READS_FOR_REF], least_share) else VERDICT_PASS


@kernel
def judge_samples(thresholds, is_snv, least_share, status, probability, log_odds, counts, verdict, best):
    """The verdict of each sample on each ALT, and of each ALT the sample whose scores stand for the site.

    That is the one that passes with the largest log-odds; where none passes, the one with the largest log-odds; where none was
    scored, the first that has the ALT. So the site passes where a sample does.
    is_snv: bool (n_alleles,). least_share: float64 (n_alleles,), as in `AltScores`.
    status, probability, log_odds, counts: as in `SampleScores`.
    verdict: uint8 (n_samples, n_alleles), best: int64 (n_alleles,), written.
    """
    for allele in range(len(is_snv)):
        best[allele] = 0
        rank = -1
        for sample in range(len(status)):
            code = status[sample, allele]
            verdict[sample, allele] = VERDICT_NONE
            own_rank = 0 if code == NO_CARRIER else 1
            if code == SCORED:
                reads = counts[sample, allele]
                own = judge(probability[sample, allele], reads, is_snv[allele], least_share[allele], thresholds)
                verdict[sample, allele] = own
                own_rank = 3 if own == VERDICT_PASS else 2
            better = own_rank == rank and own_rank >= 2 and log_odds[sample, allele] > log_odds[best[allele], allele]
            if own_rank > rank or better:
                best[allele], rank = sample, own_rank
