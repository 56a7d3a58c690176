"""Keys of FORMAT, written into one record: compiled functions that the loop over records calls. They decide nothing.

Each returns below 0 where htslib could not write. `first`, `end`: the record's ALTs in the arrays.
"""

from __future__ import annotations

from vcffilter.annotation.record_info import append_word
from vcffilter.annotation.record_layout import (
    DOT,
    PLAN_HEADER,
    PLAN_KEY_ALLELE_DEPTH,
    PLAN_KEY_DEPTH,
    PLAN_KEY_PROBABILITY,
    PLAN_KEY_VERDICT,
    PLAN_WITH_SAMPLE_VERDICTS,
    VERDICT_NONE,
    VERDICT_PASS,
)
from vcffilter.kernels.jit import inline_kernel, int64
from vcffilter.variants.allele_scores import READS_FOR_ALT, READS_FOR_REF, READS_INFORMING
from vcffilter.variants.htslib import (
    END_INT32,
    MISSING_FLOAT_BITS,
    MISSING_INT32,
    TYPE_INT,
    TYPE_REAL,
    TYPE_STRING,
    bcf_update_format,
)


@inline_kernel
def _write_sample_probabilities(plan, record, first, end, samples, scratch):
    n_alts = end - first
    # One "." for each ALT: of a shorter list `bcftools norm -m -any` (1.16) makes a probability of 0.
    scratch.bits[: samples.n_columns * n_alts] = MISSING_FLOAT_BITS
    for sample in range(len(samples.columns)):
        start = samples.columns[sample] * n_alts
        for alt in range(first, end):
            place = samples.place[alt]
            if place >= 0 and samples.verdict[sample, place] != VERDICT_NONE:
                scratch.floats[start + alt - first] = samples.probability[sample, place]
    n_values = samples.n_columns * n_alts
    key = plan[PLAN_KEY_PROBABILITY]
    return bcf_update_format(plan[PLAN_HEADER], record, key, scratch.bits.ctypes.data, n_values, TYPE_REAL)


@inline_kernel
def _is_scored(sample, first, end, samples):
    """Whether any ALT of the record was scored for a sample."""
    for alt in range(first, end):
        place = samples.place[alt]
        if place >= 0 and samples.verdict[sample, place] != VERDICT_NONE:
            return True
    return False


@inline_kernel
def _write_sample_counts(plan, record, first, end, samples, scratch):
    """Write reads for REF and for each ALT, then reads that informed, of every sample."""
    n_alleles = end - first + 1
    scratch.ints[: samples.n_columns * n_alleles] = END_INT32
    for column in range(samples.n_columns):
        scratch.ints[column * n_alleles] = MISSING_INT32
    for sample in range(len(samples.columns)):
        start = samples.columns[sample] * n_alleles
        if _is_scored(sample, first, end, samples):
            for alt in range(first, end):
                place = samples.place[alt]
                if place >= 0 and samples.verdict[sample, place] != VERDICT_NONE:
                    scratch.ints[start] = samples.counts[sample, place, READS_FOR_REF]
                    scratch.ints[start + 1 + alt - first] = samples.counts[sample, place, READS_FOR_ALT]
                else:
                    scratch.ints[start + 1 + alt - first] = MISSING_INT32
    n_values = samples.n_columns * n_alleles
    key = plan[PLAN_KEY_ALLELE_DEPTH]
    problem = bcf_update_format(plan[PLAN_HEADER], record, key, scratch.ints.ctypes.data, n_values, TYPE_INT)
    scratch.ints[: samples.n_columns] = MISSING_INT32
    for sample in range(len(samples.columns)):
        column = samples.columns[sample]
        for alt in range(first, end):
            place = samples.place[alt]
            if place >= 0 and samples.verdict[sample, place] != VERDICT_NONE:
                scratch.ints[column] = max(scratch.ints[column], samples.counts[sample, place, READS_INFORMING])
    key = plan[PLAN_KEY_DEPTH]
    return problem | bcf_update_format(plan[PLAN_HEADER], record, key, scratch.ints.ctypes.data, samples.n_columns, TYPE_INT)


@inline_kernel
def _verdict_on_sample(sample, first, end, samples):
    """By the rule of the site: PASS where one of the sample's scored ALTs passes, else all that fails."""
    verdict = VERDICT_NONE
    for alt in range(first, end):
        place = samples.place[alt]
        own = samples.verdict[sample, place] if place >= 0 else VERDICT_NONE
        if own == VERDICT_PASS:
            return VERDICT_PASS
        if own != VERDICT_NONE:
            verdict = own if verdict == VERDICT_NONE else 1 + ((verdict - 1) | (own - 1))
    return verdict


@inline_kernel
def _write_sample_verdicts(plan, record, first, end, samples, words, scratch):
    """Write the verdict on every sample, in as many bytes for each as the longest takes."""
    width = 1
    for sample in range(len(samples.columns)):
        verdict = _verdict_on_sample(sample, first, end, samples)
        width = max(width, words.verdict_first[verdict + 1] - words.verdict_first[verdict])
    scratch.text[: samples.n_columns * width] = 0
    for column in range(samples.n_columns):
        scratch.text[column * width] = DOT
    for sample in range(len(samples.columns)):
        verdict = _verdict_on_sample(sample, first, end, samples)
        append_word(int64(verdict), words.verdict, words.verdict_first, scratch.text, samples.columns[sample] * width)
    n_bytes = samples.n_columns * width
    key = plan[PLAN_KEY_VERDICT]
    return bcf_update_format(plan[PLAN_HEADER], record, key, scratch.text.ctypes.data, n_bytes, TYPE_STRING)


@inline_kernel
def write_samples(plan, record, first, end, samples, words, scratch):
    """Write probabilities, reads and, where asked for, the verdict of every sample."""
    problem = _write_sample_probabilities(plan, record, first, end, samples, scratch)
    problem |= _write_sample_counts(plan, record, first, end, samples, scratch)
    if plan[PLAN_WITH_SAMPLE_VERDICTS]:
        problem |= _write_sample_verdicts(plan, record, first, end, samples, words, scratch)
    return problem


@inline_kernel
def remove_samples(plan, record):
    """Take away what an earlier run wrote for each sample."""
    problem = 0
    for key in (PLAN_KEY_PROBABILITY, PLAN_KEY_ALLELE_DEPTH, PLAN_KEY_DEPTH, PLAN_KEY_VERDICT):
        problem |= bcf_update_format(plan[PLAN_HEADER], record, plan[key], 0, 0, TYPE_REAL)
    return problem
