"""Keys of INFO, written into one record: compiled functions that the loop over records calls. They decide nothing.

Each returns below 0 where htslib could not write. `first`, `end`: the record's ALTs in the arrays.
"""

from __future__ import annotations

import numpy as np

from vcffilter.annotation.record_layout import (
    AND,
    COMMA,
    DOT,
    PLAN_HEADER,
    PLAN_KEY_ALLELE_DEPTH,
    PLAN_KEY_ALT_REASON,
    PLAN_KEY_ALT_SCORE,
    PLAN_KEY_BACKGROUND,
    PLAN_KEY_BACKGROUND_ALT_READS,
    PLAN_KEY_BACKGROUND_READS,
    PLAN_KEY_BAND,
    PLAN_KEY_DEPTH,
    PLAN_KEY_PROBABILITY,
    PLAN_KEY_REASON,
    PLAN_KEY_SCORE,
    PLAN_KEY_STAGE,
    PLAN_KEY_STATUS,
    PLAN_KEY_TIER,
    PLAN_KEY_VERDICT,
    PLAN_STALE_INFO,
    PLAN_WITH_BACKGROUND,
    PLAN_WITH_BAND,
    PLAN_WITH_STAGE,
    PLAN_WITH_TIER,
    SCORED,
    TIER_CONFIRM,
    TIER_NONE,
    TIER_SURE,
    VERDICT_PASS,
)
from vcffilter.annotation.record_verdicts import fails
from vcffilter.kernels.jit import inline_kernel, int64
from vcffilter.variants.allele_scores import READS_FOR_ALT, READS_FOR_REF, READS_INFORMING
from vcffilter.variants.htslib import MISSING_FLOAT_BITS, MISSING_INT32, TYPE_INT, TYPE_REAL, TYPE_STRING, bcf_update_info


@inline_kernel
def append_word(word, words, first, text, length):
    """Copy one of the joined words behind `text[:length]`; returns the new length."""
    for position in range(first[word], first[word + 1]):
        text[length] = words[position]
        length += 1
    return length


@inline_kernel
def append_reasons(bits, separator, words, text, length):
    """Write the names of the set bits; returns the new length."""
    is_first = True
    for index in range(len(words.reason_first) - 1):
        if not (bits >> index) & 1:
            continue
        if not is_first:
            text[length] = separator
            length += 1
        is_first = False
        length = append_word(index, words.reason, words.reason_first, text, length)
    return length


@inline_kernel
def _write_text(plan, record, key, text, length):
    """Write `text[:length]`; nothing is left of the key where it is empty."""
    text[length] = 0
    return bcf_update_info(plan[PLAN_HEADER], record, plan[key], text.ctypes.data, 1 if length > 0 else 0, TYPE_STRING)


@inline_kernel
def remove_info(plan, record, first_key, last_key):
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
        if alts.status[alt] == SCORED:
            scratch.floats[alt - first] = values[alt]
        else:
            scratch.bits[alt - first] = MISSING_FLOAT_BITS
    return bcf_update_info(plan[PLAN_HEADER], record, plan[key], scratch.bits.ctypes.data, end - first, TYPE_REAL)


@inline_kernel
def _write_read_counts(plan, record, first, end, best, alts, scratch):
    """Write the reads of each ALT, and those for REF and for each ALT. best: the ALT of the largest log-odds."""
    for alt in range(first, end):
        known = alts.status[alt] == SCORED
        scratch.ints[alt - first] = alts.counts[alt, READS_INFORMING] if known else MISSING_INT32
    problem = bcf_update_info(plan[PLAN_HEADER], record, plan[PLAN_KEY_DEPTH], scratch.ints.ctypes.data, end - first, TYPE_INT)
    scratch.ints[0] = alts.counts[best, READS_FOR_REF]
    for alt in range(first, end):
        known = alts.status[alt] == SCORED
        scratch.ints[alt - first + 1] = alts.counts[alt, READS_FOR_ALT] if known else MISSING_INT32
    key = plan[PLAN_KEY_ALLELE_DEPTH]
    return problem | bcf_update_info(plan[PLAN_HEADER], record, key, scratch.ints.ctypes.data, end - first + 1, TYPE_INT)


@inline_kernel
def _append_of_alt(follows, code, word, word_first, text, length):
    """Append one ALT's word, behind a comma where another ALT's stands before it; returns the new length."""
    if follows:
        text[length] = COMMA
        length += 1
    return append_word(code, word, word_first, text, length)


@inline_kernel
def _write_words(plan, record, first, end, codes, word, word_first, key, scratch):
    """Of each ALT the word of its code. word, word_first: a vocabulary of `Words`. key: the slot of the plan."""
    length = int64(0)
    for alt in range(first, end):
        length = _append_of_alt(alt > first, int64(codes[alt]), word, word_first, scratch.text, length)
    return _write_text(plan, record, key, scratch.text, length)


@inline_kernel
def _write_tier(plan, record, first, end, alts, thresholds, words, scratch):
    """Say of each ALT whether it needs confirmation; one that fails is never sure."""
    length = int64(0)
    for alt in range(first, end):
        tier = TIER_NONE
        if alts.status[alt] == SCORED:
            enough = alts.verdict[alt] == VERDICT_PASS and alts.counts[alt, READS_INFORMING] >= thresholds.sure_reads
            tier = TIER_SURE if enough and not fails(alts.probability[alt], thresholds.sure) else TIER_CONFIRM
        length = _append_of_alt(alt > first, int64(tier), words.tier, words.tier_first, scratch.text, length)
    return _write_text(plan, record, int64(PLAN_KEY_TIER), scratch.text, length)


@inline_kernel
def _write_bands(plan, record, first, end, alts, thresholds, words, scratch):
    """Say of each ALT which of the thresholds it still reaches."""
    length = int64(0)
    for alt in range(first, end):
        band = 0
        if alts.status[alt] == SCORED:
            of_type = thresholds.bands[0 if alts.is_snv[alt] else 1]
            band = 1
            for threshold in of_type:
                band += fails(alts.probability[alt], threshold)
        length = _append_of_alt(alt > first, int64(band), words.band, words.band_first, scratch.text, length)
    return _write_text(plan, record, int64(PLAN_KEY_BAND), scratch.text, length)


@inline_kernel
def _write_background(plan, record, first, end, alts, words, scratch):
    """Say of each scored ALT what it is in the background, and how many reads say so."""
    key = int64(PLAN_KEY_BACKGROUND)
    problem = _write_words(plan, record, first, end, alts.background, words.background, words.background_first, key, scratch)
    for column in range(2):
        for alt in range(first, end):
            known = alts.status[alt] == SCORED
            scratch.ints[alt - first] = alts.background_counts[alt, column] if known else MISSING_INT32
        key = plan[PLAN_KEY_BACKGROUND_ALT_READS + column]
        problem |= bcf_update_info(plan[PLAN_HEADER], record, key, scratch.ints.ctypes.data, end - first, TYPE_INT)
    return problem


@inline_kernel
def write_reasons(plan, record, failed, first, end, alts, words, scratch):
    """For a failing record all reasons in one list; and why each failing ALT fails."""
    bits = np.uint32(0)
    for alt in range(first, end):
        if alts.verdict[alt] > VERDICT_PASS:
            bits |= alts.reasons[alt]
    length = append_reasons(int64(bits), COMMA, words, scratch.text, int64(0)) if failed else int64(0)
    problem = _write_text(plan, record, int64(PLAN_KEY_REASON), scratch.text, length)
    length = int64(0)
    for alt in range(first, end):
        if alt > first:
            scratch.text[length] = COMMA
            length += 1
        if alts.verdict[alt] > VERDICT_PASS and alts.reasons[alt] != 0:
            length = append_reasons(int64(alts.reasons[alt]), AND, words, scratch.text, length)
        else:
            scratch.text[length] = DOT
            length += 1
    return problem | _write_text(plan, record, int64(PLAN_KEY_ALT_REASON), scratch.text, length if bits != 0 else int64(0))


@inline_kernel
def write_scores(plan, record, first, end, best, alts, words, scratch):
    """Write everything that a scored record gets in INFO but the reasons."""
    problem = _write_floats(plan, record, int64(PLAN_KEY_PROBABILITY), alts.probability, first, end, alts, scratch)
    scratch.floats[0] = alts.log_odds[best]
    problem |= bcf_update_info(plan[PLAN_HEADER], record, plan[PLAN_KEY_SCORE], scratch.floats.ctypes.data, 1, TYPE_REAL)
    problem |= _write_read_counts(plan, record, first, end, best, alts, scratch)
    key = int64(PLAN_KEY_VERDICT)
    problem |= _write_words(plan, record, first, end, alts.verdict, words.verdict, words.verdict_first, key, scratch)
    problem |= _write_floats(plan, record, int64(PLAN_KEY_ALT_SCORE), alts.log_odds, first, end, alts, scratch)
    if plan[PLAN_STALE_INFO]:
        problem |= remove_info(plan, record, int64(PLAN_KEY_STATUS), int64(PLAN_KEY_STATUS))
    return problem


@inline_kernel
def write_requested(plan, record, first, end, alts, thresholds, words, scratch):
    """Write what was asked for of a scored record: tier, band, background, stage. Of what was not, nothing stays."""
    problem = 0
    if plan[PLAN_WITH_TIER]:
        problem |= _write_tier(plan, record, first, end, alts, thresholds, words, scratch)
    elif plan[PLAN_STALE_INFO]:
        problem |= remove_info(plan, record, int64(PLAN_KEY_TIER), int64(PLAN_KEY_TIER))
    if plan[PLAN_WITH_BAND]:
        problem |= _write_bands(plan, record, first, end, alts, thresholds, words, scratch)
    elif plan[PLAN_STALE_INFO]:
        problem |= remove_info(plan, record, int64(PLAN_KEY_BAND), int64(PLAN_KEY_BAND))
    if plan[PLAN_WITH_BACKGROUND]:
        problem |= _write_background(plan, record, first, end, alts, words, scratch)
    elif plan[PLAN_STALE_INFO]:
        problem |= remove_info(plan, record, int64(PLAN_KEY_BACKGROUND), int64(PLAN_KEY_BACKGROUND_READS))
    if plan[PLAN_WITH_STAGE]:
        key = int64(PLAN_KEY_STAGE)
        problem |= _write_words(plan, record, first, end, alts.stage, words.stage, words.stage_first, key, scratch)
    elif plan[PLAN_STALE_INFO]:
        problem |= remove_info(plan, record, int64(PLAN_KEY_STAGE), int64(PLAN_KEY_STAGE))
    return problem


@inline_kernel
def write_status(plan, record, status, words):
    """Say why nothing was scored, and take away what an earlier run wrote."""
    problem = 0
    if plan[PLAN_STALE_INFO]:
        problem |= remove_info(plan, record, int64(PLAN_KEY_PROBABILITY), int64(PLAN_KEY_ALT_SCORE))
        problem |= remove_info(plan, record, int64(PLAN_KEY_TIER), int64(PLAN_KEY_BAND))
        problem |= remove_info(plan, record, int64(PLAN_KEY_BACKGROUND), int64(PLAN_KEY_BACKGROUND_READS))
        problem |= remove_info(plan, record, int64(PLAN_KEY_STAGE), int64(PLAN_KEY_STAGE))
    return problem | bcf_update_info(plan[PLAN_HEADER], record, plan[PLAN_KEY_STATUS], words.status[status], 1, TYPE_STRING)
