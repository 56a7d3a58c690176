"""The numba loop that writes verdicts into FILTER and INFO of records. Addresses and arrays in, nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels.htslib import load_int32, load_int64
from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.scoring.background_rules import is_explained
from vcffilter.variants.allele_scores import READS_FOR_ALT, READS_FOR_REF, READS_INFORMING, STATUS_CODE, STATUS_NAMES
from vcffilter.variants.htslib import (
    END_INT32,
    MISSING_FLOAT_BITS,
    MISSING_INT32,
    OFFSET_FILTER,
    OFFSET_N_FILTER,
    TYPE_INT,
    TYPE_REAL,
    TYPE_STRING,
    UNPACK_FILTER,
    bcf_unpack,
    bcf_update_filter,
    bcf_update_format,
    bcf_update_info,
)

# Modes: the values of settings.FilterMode.
_APPEND, _REPLACE, _RESET = 0, 1, 2
_SCORED, _NO_ALT, _NO_CARRIER = STATUS_CODE["scored"], STATUS_CODE["no_alt"], STATUS_CODE["no_carrier"]
#: Probabilities come with this many steps between 0 and 1 (4 decimals).
PROBABILITY_STEPS = 10_000

# Slots of the plan, int64. Where one is given to a function it is given as int64(...): of a constant numba compiles a version of
# the function for each value.
(
    PLAN_HEADER,  # address of the header
    PLAN_KEY_PROBABILITY,  # addresses of the key names; those of scores up to PLAN_KEY_ALT_SCORE
    PLAN_KEY_SCORE,
    PLAN_KEY_DEPTH,
    PLAN_KEY_ALLELE_DEPTH,
    PLAN_KEY_VERDICT,
    PLAN_KEY_ALT_SCORE,
    PLAN_KEY_STATUS,
    PLAN_KEY_REASON,  # 0 = not declared
    PLAN_KEY_ALT_REASON,  # 0 = not declared
    PLAN_FILTER_PASS,  # FILTER identifiers; -1 = not declared
    PLAN_FILTER_SNV,
    PLAN_FILTER_INDEL,
    PLAN_MODE,
    PLAN_ANNOTATE_ONLY,
    PLAN_STALE_INFO,  # an earlier run may have left INFO keys of ours
    PLAN_STALE_FILTER,  # ... or FILTER values
    PLAN_WITH_REASONS,
    PLAN_STALE_FORMAT,  # ... or FORMAT keys, in files with samples
    PLAN_WITH_SAMPLE_VERDICTS,
    PLAN_KEY_TIER,  # 0 = not declared
    PLAN_KEY_BAND,  # 0 = not declared
    PLAN_WITH_TIER,
    PLAN_WITH_BAND,
    PLAN_KEY_BACKGROUND,  # 0 = not declared
    PLAN_KEY_BACKGROUND_ALT_READS,  # 0 = not declared
    PLAN_KEY_BACKGROUND_READS,  # 0 = not declared
    PLAN_WITH_BACKGROUND,
    PLAN_FILTER_NOISE,
    PLAN_KEY_STAGE,  # 0 = not declared
    PLAN_WITH_STAGE,
) = range(31)
PLAN_SIZE = 31

# Slots of the counts, int64; two blocks per status code follow: records not scored, then ALTs.
(
    COUNT_RECORDS,
    COUNT_BLOCKS,
    COUNT_SCORED,
    COUNT_FAILED,
    COUNT_FAILED_SNV,
    COUNT_FAILED_INDEL,
    COUNT_FAILED_NOISE,
    COUNT_STATUS,
) = range(8)
COUNT_ALT_STATUS = COUNT_STATUS + len(STATUS_NAMES)
COUNT_SIZE = COUNT_ALT_STATUS + len(STATUS_NAMES)

# Verdicts: places in the texts. What fails is 1 and the bits of all that does: 1 an SNV, 2 another, 4 what the background
# explains. An ALT has one of them, a sample may have several.
VERDICT_NONE, VERDICT_PASS, VERDICT_SNV, VERDICT_INDEL, VERDICT_NOISE = 0, 1, 2, 3, 5
N_VERDICTS = 9
#: Places in the texts of the tier: of an ALT that was not scored, within, and not.
TIER_NONE, TIER_SURE, TIER_CONFIRM = range(3)
_COMMA, _AND, _DOT = (np.uint8(ord(character)) for character in ",&.")


class JudgedBy(NamedTuple):
    """Probabilities below which an ALT fails: an SNV or another, and where `deep_reads` reads or more inform the score.

    sure, sure_reads: least probability and informing reads of an ALT that needs no confirmation.
    bands: float64 (2, n), falling: thresholds of an SNV, and of another, that keep a rising share of true calls.
    """

    snv: float
    indel: float
    deep_snv: float
    deep_indel: float
    deep_reads: int
    sure: float
    sure_reads: int
    bands: np.ndarray


class AltScores(NamedTuple):
    """What is known of the ALTs of all records, in their order.

    is_sent: bool (n_alts,), given to the scorer. is_snv: bool (n_alts,), REF and ALT both of one base.
    status: uint8 (n_alts,), 0 = scored.
    probability, log_odds: float32 (n_alts,). counts: int32 (n_alts, 3), columns READS_*. reasons: uint32 (n_alts,).
    background: uint8 (n_alts,), place in the texts. background_counts: int32 (n_alts, 2), reads for the ALT, and that tell.
    least_share: float64 (n_alts,), share of ALT reads below which the background explains them; 0 where it does not decide.
    verdict: uint8 (n_alts,), written. stage: uint8 (n_alts,), codes of STAGE_NAMES.
    """

    is_sent: np.ndarray
    is_snv: np.ndarray
    status: np.ndarray
    probability: np.ndarray
    log_odds: np.ndarray
    counts: np.ndarray
    reasons: np.ndarray
    background: np.ndarray
    background_counts: np.ndarray
    least_share: np.ndarray
    verdict: np.ndarray
    stage: np.ndarray


class SampleAlts(NamedTuple):
    """What is known of the ALTs that were sent to the scorer, by sample; no samples where reads are pooled.

    columns: int64 (n_samples,), of the samples in the records. n_columns: samples of a record.
    place: int64 (n_alts,), of each ALT in the next arrays' second axis; -1 = not sent.
    verdict: uint8 (n_samples, n_sent), VERDICT_NONE where not scored. probability: float32 (n_samples, n_sent).
    counts: int32 (n_samples, n_sent, 3), columns READS_*.
    """

    columns: np.ndarray
    n_columns: int
    place: np.ndarray
    verdict: np.ndarray
    probability: np.ndarray
    counts: np.ndarray


class Words(NamedTuple):
    """Texts that are written: joined as uint8, and int64 borders of each.

    status: int64, address of each status name, with a 0 at its end. verdict: by the codes of verdicts. reason: by bit.
    tier: by the codes of tiers. band: "." of an ALT that was not scored, then from the surest to the one below all thresholds.
    background: by the codes of `scoring.background_rules`. stage: by the codes of stages.
    """

    status: np.ndarray
    verdict: np.ndarray
    verdict_first: np.ndarray
    reason: np.ndarray
    reason_first: np.ndarray
    tier: np.ndarray
    tier_first: np.ndarray
    band: np.ndarray
    band_first: np.ndarray
    background: np.ndarray
    background_first: np.ndarray
    stage: np.ndarray
    stage_first: np.ndarray


class Scratch(NamedTuple):
    """Room for the values of one key: floats (float32) and bits (uint32) are the same memory; ints: int32; text: uint8.

    filters: int32, room for a record's FILTER and three more.
    """

    floats: np.ndarray
    bits: np.ndarray
    ints: np.ndarray
    text: np.ndarray
    filters: np.ndarray


def empty_scratch(n_values: int, n_text: int, n_filters: int) -> Scratch:
    """Scratch with room for so many values, characters and FILTER values."""
    floats = np.zeros(n_values, np.float32)
    return Scratch(
        floats, floats.view(np.uint32), np.zeros(n_values, np.int32), np.zeros(n_text, np.uint8), np.zeros(n_filters, np.int32)
    )


@inline_kernel
def fails(probability, threshold):
    """Whether a probability of 4 decimals is below a threshold, whatever float32 made of it."""
    return np.rint(np.float64(probability) * PROBABILITY_STEPS) < threshold * PROBABILITY_STEPS - 1e-6


@inline_kernel
def _update_filter(plan, record, scored, fails_snv, fails_indel, fails_noise, filters):
    """Bring FILTER in line with the verdict; returns below 0 on failure. filters: int32, scratch with room for all of them."""
    if bcf_unpack(record, UNPACK_FILTER) < 0:
        return -1
    n_old = load_int32(record + OFFSET_N_FILTER)
    old = load_int64(record + OFFSET_FILTER)
    failed = fails_snv or fails_indel or fails_noise
    mode = plan[PLAN_MODE]
    keeps_earlier = not scored or mode == _APPEND or (mode == _REPLACE and not failed)
    n_new = 0
    for index in range(n_old):
        identifier = load_int32(old + 4 * index)
        is_ours = identifier in (plan[PLAN_FILTER_SNV], plan[PLAN_FILTER_INDEL], plan[PLAN_FILTER_NOISE])
        is_pass = identifier == plan[PLAN_FILTER_PASS]
        if keeps_earlier and not is_ours and not (is_pass and scored):
            filters[n_new] = identifier
            n_new += 1
    if fails_snv:
        filters[n_new] = plan[PLAN_FILTER_SNV]
        n_new += 1
    if fails_indel:
        filters[n_new] = plan[PLAN_FILTER_INDEL]
        n_new += 1
    if fails_noise:
        filters[n_new] = plan[PLAN_FILTER_NOISE]
        n_new += 1
    if n_new == 0 and scored:
        filters[0] = plan[PLAN_FILTER_PASS]
        n_new = 1
    changed = n_new != n_old
    for index in range(min(n_new, n_old)):
        changed = changed or filters[index] != load_int32(old + 4 * index)
    if not changed:
        return 0
    return bcf_update_filter(plan[PLAN_HEADER], record, filters.ctypes.data, n_new)


_is_explained = inline_kernel(is_explained)


@inline_kernel
def _judge(probability, counts, is_snv, least_share, thresholds):
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
            own_rank = 0 if code == _NO_CARRIER else 1
            if code == _SCORED:
                reads = counts[sample, allele]
                own = _judge(probability[sample, allele], reads, is_snv[allele], least_share[allele], thresholds)
                verdict[sample, allele] = own
                own_rank = 3 if own == VERDICT_PASS else 2
            better = own_rank == rank and own_rank >= 2 and log_odds[sample, allele] > log_odds[best[allele], allele]
            if own_rank > rank or better:
                best[allele], rank = sample, own_rank


@inline_kernel
def _append_word(word, words, first, text, length):
    """Copy one of the joined words behind `text[:length]`; returns the new length."""
    for position in range(first[word], first[word + 1]):
        text[length] = words[position]
        length += 1
    return length


@inline_kernel
def _append_reasons(bits, separator, words, text, length):
    """Write the names of the set bits; returns the new length."""
    is_first = True
    for index in range(len(words.reason_first) - 1):
        if not (bits >> index) & 1:
            continue
        if not is_first:
            text[length] = separator
            length += 1
        is_first = False
        length = _append_word(index, words.reason, words.reason_first, text, length)
    return length


@inline_kernel
def _write_text(plan, record, key, text, length):
    """Write `text[:length]`; nothing is left of the key where it is empty."""
    text[length] = 0
    return bcf_update_info(plan[PLAN_HEADER], record, plan[key], text.ctypes.data, 1 if length > 0 else 0, TYPE_STRING)


@inline_kernel
def _remove(plan, record, first_key, last_key):
    """Take keys of INFO away: those of the slots from the first to the last."""
    problem = 0
    for key in range(first_key, last_key + 1):
        if plan[key] != 0:
            # Of what type a key is matters only where it is written.
            problem |= bcf_update_info(plan[PLAN_HEADER], record, plan[key], 0, 0, TYPE_STRING)
    return problem


@inline_kernel
def _write_floats(plan, record, key, values, first, end, alts, scratch):
    """Write one number of each ALT; missing where the ALT was not scored."""
    for alt in range(first, end):
        if alts.status[alt] == _SCORED:
            scratch.floats[alt - first] = values[alt]
        else:
            scratch.bits[alt - first] = MISSING_FLOAT_BITS
    return bcf_update_info(plan[PLAN_HEADER], record, plan[key], scratch.bits.ctypes.data, end - first, TYPE_REAL)


@inline_kernel
def _write_read_counts(plan, record, first, end, best, alts, scratch):
    """Write the reads of each ALT, and those for REF and for each ALT. best: the ALT of the largest log-odds."""
    for alt in range(first, end):
        known = alts.status[alt] == _SCORED
        scratch.ints[alt - first] = alts.counts[alt, READS_INFORMING] if known else MISSING_INT32
    problem = bcf_update_info(plan[PLAN_HEADER], record, plan[PLAN_KEY_DEPTH], scratch.ints.ctypes.data, end - first, TYPE_INT)
    scratch.ints[0] = alts.counts[best, READS_FOR_REF]
    for alt in range(first, end):
        known = alts.status[alt] == _SCORED
        scratch.ints[alt - first + 1] = alts.counts[alt, READS_FOR_ALT] if known else MISSING_INT32
    key = plan[PLAN_KEY_ALLELE_DEPTH]
    return problem | bcf_update_info(plan[PLAN_HEADER], record, key, scratch.ints.ctypes.data, end - first + 1, TYPE_INT)


@inline_kernel
def _write_words(plan, record, first, end, codes, word, word_first, key, scratch):
    """Of each ALT the word of its code. word, word_first: a vocabulary of `Words`. key: the slot of the plan."""
    length = int64(0)
    for alt in range(first, end):
        if alt > first:
            scratch.text[length] = _COMMA
            length += 1
        length = _append_word(int64(codes[alt]), word, word_first, scratch.text, length)
    return _write_text(plan, record, key, scratch.text, length)


@inline_kernel
def _write_tier(plan, record, first, end, alts, thresholds, words, scratch):
    """Say of each ALT whether it needs confirmation; one that fails is never sure."""
    length = int64(0)
    for alt in range(first, end):
        if alt > first:
            scratch.text[length] = _COMMA
            length += 1
        tier = TIER_NONE
        if alts.status[alt] == _SCORED:
            enough = alts.verdict[alt] == VERDICT_PASS and alts.counts[alt, READS_INFORMING] >= thresholds.sure_reads
            tier = TIER_SURE if enough and not fails(alts.probability[alt], thresholds.sure) else TIER_CONFIRM
        length = _append_word(int64(tier), words.tier, words.tier_first, scratch.text, length)
    return _write_text(plan, record, int64(PLAN_KEY_TIER), scratch.text, length)


@inline_kernel
def _write_bands(plan, record, first, end, alts, thresholds, words, scratch):
    """Say of each ALT which of the thresholds it still reaches."""
    length = int64(0)
    for alt in range(first, end):
        if alt > first:
            scratch.text[length] = _COMMA
            length += 1
        band = 0
        if alts.status[alt] == _SCORED:
            of_type = thresholds.bands[0 if alts.is_snv[alt] else 1]
            band = 1
            for threshold in of_type:
                band += fails(alts.probability[alt], threshold)
        length = _append_word(int64(band), words.band, words.band_first, scratch.text, length)
    return _write_text(plan, record, int64(PLAN_KEY_BAND), scratch.text, length)


@inline_kernel
def _write_background(plan, record, first, end, alts, words, scratch):
    """Say of each scored ALT what it is in the background, and how many reads say so."""
    key = int64(PLAN_KEY_BACKGROUND)
    problem = _write_words(plan, record, first, end, alts.background, words.background, words.background_first, key, scratch)
    for column in range(2):
        for alt in range(first, end):
            known = alts.status[alt] == _SCORED
            scratch.ints[alt - first] = alts.background_counts[alt, column] if known else MISSING_INT32
        key = plan[PLAN_KEY_BACKGROUND_ALT_READS + column]
        problem |= bcf_update_info(plan[PLAN_HEADER], record, key, scratch.ints.ctypes.data, end - first, TYPE_INT)
    return problem


@inline_kernel
def _write_reasons(plan, record, failed, first, end, alts, words, scratch):
    """For a failing record all reasons in one list; and why each failing ALT fails."""
    bits = np.uint32(0)
    for alt in range(first, end):
        if alts.verdict[alt] > VERDICT_PASS:
            bits |= alts.reasons[alt]
    length = _append_reasons(int64(bits), _COMMA, words, scratch.text, int64(0)) if failed else int64(0)
    problem = _write_text(plan, record, int64(PLAN_KEY_REASON), scratch.text, length)
    length = int64(0)
    for alt in range(first, end):
        if alt > first:
            scratch.text[length] = _COMMA
            length += 1
        if alts.verdict[alt] > VERDICT_PASS and alts.reasons[alt] != 0:
            length = _append_reasons(int64(alts.reasons[alt]), _AND, words, scratch.text, length)
        else:
            scratch.text[length] = _DOT
            length += 1
    return problem | _write_text(plan, record, int64(PLAN_KEY_ALT_REASON), scratch.text, length if bits != 0 else int64(0))


@inline_kernel
def _write_scores(plan, record, first, end, best, alts, words, scratch):
    """Write everything that a scored record gets in INFO but the reasons."""
    problem = _write_floats(plan, record, int64(PLAN_KEY_PROBABILITY), alts.probability, first, end, alts, scratch)
    scratch.floats[0] = alts.log_odds[best]
    problem |= bcf_update_info(plan[PLAN_HEADER], record, plan[PLAN_KEY_SCORE], scratch.floats.ctypes.data, 1, TYPE_REAL)
    problem |= _write_read_counts(plan, record, first, end, best, alts, scratch)
    key = int64(PLAN_KEY_VERDICT)
    problem |= _write_words(plan, record, first, end, alts.verdict, words.verdict, words.verdict_first, key, scratch)
    problem |= _write_floats(plan, record, int64(PLAN_KEY_ALT_SCORE), alts.log_odds, first, end, alts, scratch)
    if plan[PLAN_STALE_INFO]:
        problem |= _remove(plan, record, int64(PLAN_KEY_STATUS), int64(PLAN_KEY_STATUS))
    return problem


@inline_kernel
def _write_status(plan, record, status, words):
    """Say why nothing was scored, and take away what an earlier run wrote."""
    problem = 0
    if plan[PLAN_STALE_INFO]:
        problem |= _remove(plan, record, int64(PLAN_KEY_PROBABILITY), int64(PLAN_KEY_ALT_SCORE))
        problem |= _remove(plan, record, int64(PLAN_KEY_TIER), int64(PLAN_KEY_BAND))
        problem |= _remove(plan, record, int64(PLAN_KEY_BACKGROUND), int64(PLAN_KEY_BACKGROUND_READS))
        problem |= _remove(plan, record, int64(PLAN_KEY_STAGE), int64(PLAN_KEY_STAGE))
    return problem | bcf_update_info(plan[PLAN_HEADER], record, plan[PLAN_KEY_STATUS], words.status[status], 1, TYPE_STRING)


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
        scratch.text[column * width] = _DOT
    for sample in range(len(samples.columns)):
        verdict = _verdict_on_sample(sample, first, end, samples)
        _append_word(int64(verdict), words.verdict, words.verdict_first, scratch.text, samples.columns[sample] * width)
    n_bytes = samples.n_columns * width
    key = plan[PLAN_KEY_VERDICT]
    return bcf_update_format(plan[PLAN_HEADER], record, key, scratch.text.ctypes.data, n_bytes, TYPE_STRING)


@inline_kernel
def _write_samples(plan, record, first, end, samples, words, scratch):
    problem = _write_sample_probabilities(plan, record, first, end, samples, scratch)
    problem |= _write_sample_counts(plan, record, first, end, samples, scratch)
    if plan[PLAN_WITH_SAMPLE_VERDICTS]:
        problem |= _write_sample_verdicts(plan, record, first, end, samples, words, scratch)
    return problem


@inline_kernel
def _remove_samples(plan, record):
    """Take away what an earlier run wrote for each sample."""
    problem = 0
    for key in (PLAN_KEY_PROBABILITY, PLAN_KEY_ALLELE_DEPTH, PLAN_KEY_DEPTH, PLAN_KEY_VERDICT):
        problem |= bcf_update_format(plan[PLAN_HEADER], record, plan[key], 0, 0, TYPE_REAL)
    return problem


@kernel
def update_records(plan, thresholds, records, alt_first, is_block, alts, samples, words, scratch, counts):
    """Write FILTER and INFO of each record, and FORMAT where samples are scored each by itself.

    plan: int64 (PLAN_SIZE,). thresholds: see `JudgedBy`.
    records: int64 (n,), addresses. alt_first: int64 (n + 1,), borders of each record's ALTs in `alts`.
    is_block: bool (n,), leave the record alone. counts: int64 (COUNT_SIZE,), added to.
    Returns the index of the record that could not be changed, or -1.
    """
    for index in range(len(records)):
        record = records[index]
        first, end = alt_first[index], alt_first[index + 1]
        counts[COUNT_RECORDS] += 1
        if is_block[index]:
            counts[COUNT_BLOCKS] += 1
            continue
        n_scored, n_failed, best = 0, 0, first
        has_snv, has_indel, has_noise = False, False, False
        status, status_is_of_sent = np.uint8(_NO_ALT), False
        for alt in range(first, end):
            counts[COUNT_ALT_STATUS + alts.status[alt]] += 1
            alts.verdict[alt] = VERDICT_NONE
            if alts.status[alt] != _SCORED:
                if alt == first or (alts.is_sent[alt] and not status_is_of_sent):
                    status, status_is_of_sent = alts.status[alt], alts.is_sent[alt]
                continue
            if n_scored == 0 or alts.log_odds[alt] > alts.log_odds[best]:
                best = alt
            n_scored += 1
            verdict = _judge(alts.probability[alt], alts.counts[alt], alts.is_snv[alt], alts.least_share[alt], thresholds)
            alts.verdict[alt] = verdict
            n_failed += verdict != VERDICT_PASS
            has_snv = has_snv or verdict == VERDICT_SNV
            has_indel = has_indel or verdict == VERDICT_INDEL
            has_noise = has_noise or verdict == VERDICT_NOISE
        scored = n_scored > 0
        failed = scored and n_failed == n_scored
        problem = 0
        if scored:
            problem |= _write_scores(plan, record, first, end, best, alts, words, scratch)
            counts[COUNT_SCORED] += 1
            counts[COUNT_FAILED] += failed
            counts[COUNT_FAILED_SNV] += failed and has_snv
            counts[COUNT_FAILED_INDEL] += failed and has_indel
            counts[COUNT_FAILED_NOISE] += failed and has_noise
        else:
            problem |= _write_status(plan, record, status, words)
            counts[COUNT_STATUS + status] += 1
        if scored and plan[PLAN_WITH_TIER]:
            problem |= _write_tier(plan, record, first, end, alts, thresholds, words, scratch)
        elif scored and plan[PLAN_STALE_INFO]:
            problem |= _remove(plan, record, int64(PLAN_KEY_TIER), int64(PLAN_KEY_TIER))
        if scored and plan[PLAN_WITH_BAND]:
            problem |= _write_bands(plan, record, first, end, alts, thresholds, words, scratch)
        elif scored and plan[PLAN_STALE_INFO]:
            problem |= _remove(plan, record, int64(PLAN_KEY_BAND), int64(PLAN_KEY_BAND))
        if scored and plan[PLAN_WITH_BACKGROUND]:
            problem |= _write_background(plan, record, first, end, alts, words, scratch)
        elif scored and plan[PLAN_STALE_INFO]:
            problem |= _remove(plan, record, int64(PLAN_KEY_BACKGROUND), int64(PLAN_KEY_BACKGROUND_READS))
        if scored and plan[PLAN_WITH_STAGE]:
            key = int64(PLAN_KEY_STAGE)
            problem |= _write_words(plan, record, first, end, alts.stage, words.stage, words.stage_first, key, scratch)
        elif scored and plan[PLAN_STALE_INFO]:
            problem |= _remove(plan, record, int64(PLAN_KEY_STAGE), int64(PLAN_KEY_STAGE))
        if plan[PLAN_STALE_FORMAT]:
            problem |= _remove_samples(plan, record)
        if scored and len(samples.columns) > 0:
            problem |= _write_samples(plan, record, first, end, samples, words, scratch)
        if n_failed > 0 and plan[PLAN_WITH_REASONS]:
            problem |= _write_reasons(plan, record, failed, first, end, alts, words, scratch)
        elif plan[PLAN_STALE_INFO]:
            problem |= _remove(plan, record, int64(PLAN_KEY_REASON), int64(PLAN_KEY_ALT_REASON))
        if not plan[PLAN_ANNOTATE_ONLY] and (scored or plan[PLAN_STALE_FILTER]):
            if bcf_unpack(record, UNPACK_FILTER) < 0:
                return index
            if load_int32(record + OFFSET_N_FILTER) + 3 > len(scratch.filters):
                return index
            fails_snv, fails_indel, fails_noise = failed and has_snv, failed and has_indel, failed and has_noise
            problem |= _update_filter(plan, record, scored, fails_snv, fails_indel, fails_noise, scratch.filters)
        if problem < 0:
            return index
    return -1
