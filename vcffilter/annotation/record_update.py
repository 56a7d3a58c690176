"""The numba loop that writes verdicts into FILTER, INFO and FORMAT of records. Addresses and arrays in, nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.annotation.record_info import (
    remove_info,
    write_reasons,
    write_requested,
    write_scores,
    write_status,
)
from vcffilter.annotation.record_layout import (
    COUNT_ALT_STATUS,
    COUNT_BLOCKS,
    COUNT_FAILED,
    COUNT_FAILED_INDEL,
    COUNT_FAILED_NOISE,
    COUNT_FAILED_SNV,
    COUNT_RECORDS,
    COUNT_SCORED,
    COUNT_STATUS,
    MODE_APPEND,
    MODE_REPLACE,
    NO_ALT,
    PLAN_ANNOTATE_ONLY,
    PLAN_FILTER_INDEL,
    PLAN_FILTER_NOISE,
    PLAN_FILTER_PASS,
    PLAN_FILTER_SNV,
    PLAN_HEADER,
    PLAN_KEY_ALT_REASON,
    PLAN_KEY_REASON,
    PLAN_MODE,
    PLAN_STALE_FILTER,
    PLAN_STALE_FORMAT,
    PLAN_STALE_INFO,
    PLAN_WITH_REASONS,
    SCORED,
    VERDICT_INDEL,
    VERDICT_NOISE,
    VERDICT_NONE,
    VERDICT_PASS,
    VERDICT_SNV,
)
from vcffilter.annotation.record_samples import remove_samples, write_samples
from vcffilter.annotation.record_verdicts import judge
from vcffilter.kernels.htslib import load_int32, load_int64
from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.variants.htslib import OFFSET_FILTER, OFFSET_N_FILTER, UNPACK_FILTER, bcf_unpack, bcf_update_filter


class Judged(NamedTuple):
    """The verdict on one record. best: its scored ALT of the largest log-odds. status: why none was scored.

    fails_*: the record fails, and an ALT of it for this: an SNV or another by its probability, or what the background explains.
    """

    scored: bool
    failed: bool
    any_alt_failed: bool
    fails_snv: bool
    fails_indel: bool
    fails_noise: bool
    best: int
    status: int


@inline_kernel
def _judge_record(first, end, alts, thresholds, counts):
    """Judge each ALT, and the record by them: it fails where every scored ALT does. Of `counts` those of ALTs are added to."""
    n_scored, n_failed, best = 0, 0, first
    has_snv, has_indel, has_noise = False, False, False
    status, status_is_of_sent = np.uint8(NO_ALT), False
    for alt in range(first, end):
        counts[COUNT_ALT_STATUS + alts.status[alt]] += 1
        alts.verdict[alt] = VERDICT_NONE
        if alts.status[alt] != SCORED:
            if alt == first or (alts.is_sent[alt] and not status_is_of_sent):
                status, status_is_of_sent = alts.status[alt], alts.is_sent[alt]
            continue
        if n_scored == 0 or alts.log_odds[alt] > alts.log_odds[best]:
            best = alt
        n_scored += 1
        verdict = judge(alts.probability[alt], alts.counts[alt], alts.is_snv[alt], alts.least_share[alt], thresholds)
        alts.verdict[alt] = verdict
        n_failed += verdict != VERDICT_PASS
        has_snv = has_snv or verdict == VERDICT_SNV
        has_indel = has_indel or verdict == VERDICT_INDEL
        has_noise = has_noise or verdict == VERDICT_NOISE
    failed = n_scored > 0 and n_failed == n_scored
    return Judged(
        n_scored > 0, failed, n_failed > 0, failed and has_snv, failed and has_indel, failed and has_noise, best, int64(status)
    )


@inline_kernel
def _count(judged, counts):
    """Add a judged record to the counts."""
    if not judged.scored:
        counts[COUNT_STATUS + judged.status] += 1
        return
    counts[COUNT_SCORED] += 1
    counts[COUNT_FAILED] += judged.failed
    counts[COUNT_FAILED_SNV] += judged.fails_snv
    counts[COUNT_FAILED_INDEL] += judged.fails_indel
    counts[COUNT_FAILED_NOISE] += judged.fails_noise


@inline_kernel
def _write_info(plan, record, judged, first, end, alts, thresholds, words, scratch):
    """Write the keys of INFO, and take away what an earlier run left."""
    if judged.scored:
        problem = write_scores(plan, record, first, end, judged.best, alts, words, scratch)
        problem |= write_requested(plan, record, first, end, alts, thresholds, words, scratch)
    else:
        problem = write_status(plan, record, judged.status, words)
    if judged.any_alt_failed and plan[PLAN_WITH_REASONS]:
        problem |= write_reasons(plan, record, judged.failed, first, end, alts, words, scratch)
    elif plan[PLAN_STALE_INFO]:
        problem |= remove_info(plan, record, int64(PLAN_KEY_REASON), int64(PLAN_KEY_ALT_REASON))
    return problem


@inline_kernel
def _update_filter(plan, record, judged, filters):
    """Bring FILTER in line with the verdict; returns below 0 on failure. filters: int32, scratch with room for all of them."""
    if bcf_unpack(record, UNPACK_FILTER) < 0:
        return -1
    n_old = load_int32(record + OFFSET_N_FILTER)
    if n_old + 3 > len(filters):
        return -1
    old = load_int64(record + OFFSET_FILTER)
    scored = judged.scored
    mode = plan[PLAN_MODE]
    keeps_earlier = not scored or mode == MODE_APPEND or (mode == MODE_REPLACE and not judged.failed)
    n_new = 0
    for index in range(n_old):
        identifier = load_int32(old + 4 * index)
        is_ours = identifier in (plan[PLAN_FILTER_SNV], plan[PLAN_FILTER_INDEL], plan[PLAN_FILTER_NOISE])
        is_pass = identifier == plan[PLAN_FILTER_PASS]
        if keeps_earlier and not is_ours and not (is_pass and scored):
            filters[n_new] = identifier
            n_new += 1
    if judged.fails_snv:
        filters[n_new] = plan[PLAN_FILTER_SNV]
        n_new += 1
    if judged.fails_indel:
        filters[n_new] = plan[PLAN_FILTER_INDEL]
        n_new += 1
    if judged.fails_noise:
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
        judged = _judge_record(first, end, alts, thresholds, counts)
        _count(judged, counts)
        problem = _write_info(plan, record, judged, first, end, alts, thresholds, words, scratch)
        if plan[PLAN_STALE_FORMAT]:
            problem |= remove_samples(plan, record)
        if judged.scored and len(samples.columns) > 0:
            problem |= write_samples(plan, record, first, end, samples, words, scratch)
        if not plan[PLAN_ANNOTATE_ONLY] and (judged.scored or plan[PLAN_STALE_FILTER]):
            problem |= _update_filter(plan, record, judged, scratch.filters)
        if problem < 0:
            return index
    return -1
