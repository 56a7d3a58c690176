"""The numba loop that writes verdicts into FILTER and INFO of records. Addresses and arrays in, nothing else."""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.htslib import load_int32, load_int64
from vcffilter.kernels.jit import inline_kernel, kernel
from vcffilter.variants.alleles import STATUS_CODE, STATUS_NAMES
from vcffilter.variants.htslib import (
    OFFSET_FILTER,
    OFFSET_N_FILTER,
    TYPE_INT,
    TYPE_REAL,
    TYPE_STRING,
    UNPACK_FILTER,
    bcf_unpack,
    bcf_update_filter,
    bcf_update_info,
)

# Modes: the values of settings.FilterMode.
_APPEND, _REPLACE, _RESET = 0, 1, 2
_SCORED, _NO_ALT = STATUS_CODE["scored"], STATUS_CODE["no_alt"]
#: Probabilities come with this many steps between 0 and 1 (4 decimals).
PROBABILITY_STEPS = 10_000

# Slots of the plan, int64.
(
    PLAN_HEADER,  # address of the header
    PLAN_KEY_PROBABILITY,  # addresses of the key names
    PLAN_KEY_SCORE,
    PLAN_KEY_DEPTH,
    PLAN_KEY_STATUS,
    PLAN_KEY_REASON,  # 0 = not declared
    PLAN_FILTER_PASS,  # FILTER identifiers; -1 = not declared
    PLAN_FILTER_SNV,
    PLAN_FILTER_INDEL,
    PLAN_MODE,
    PLAN_ANNOTATE_ONLY,
    PLAN_STALE_INFO,  # an earlier run may have left INFO keys of ours
    PLAN_STALE_FILTER,  # ... or FILTER values
    PLAN_WITH_REASONS,
    PLAN_SCRATCH_SCORE,  # addresses of the scratch arrays given beside the plan: a kernel cannot take them itself
    PLAN_SCRATCH_FILTERS,
    PLAN_SCRATCH_TEXT,
) = range(17)
PLAN_SIZE = 17

# Slots of the counts, int64; two blocks per status code follow: records not scored, then ALTs.
(
    COUNT_RECORDS,
    COUNT_BLOCKS,
    COUNT_SCORED,
    COUNT_FAILED,
    COUNT_FAILED_SNV,
    COUNT_FAILED_INDEL,
    COUNT_STATUS,
) = range(7)
COUNT_ALT_STATUS = COUNT_STATUS + len(STATUS_NAMES)
COUNT_SIZE = COUNT_ALT_STATUS + len(STATUS_NAMES)


@kernel
def fails(probability, threshold):
    """Whether a probability of 4 decimals is below a threshold, whatever float32 made of it."""
    return np.rint(np.float64(probability) * PROBABILITY_STEPS) < threshold * PROBABILITY_STEPS - 1e-6


@inline_kernel
def _update_filter(plan, record, scored, fails_snv, fails_indel, scratch):
    """Bring FILTER in line with the verdict; returns below 0 on failure. scratch: int32, room for all filters."""
    if bcf_unpack(record, UNPACK_FILTER) < 0:
        return -1
    n_old = load_int32(record + OFFSET_N_FILTER)
    old = load_int64(record + OFFSET_FILTER)
    failed = fails_snv or fails_indel
    mode = plan[PLAN_MODE]
    keeps_earlier = not scored or mode == _APPEND or (mode == _REPLACE and not failed)
    n_new = 0
    for index in range(n_old):
        identifier = load_int32(old + 4 * index)
        is_ours = identifier == plan[PLAN_FILTER_SNV] or identifier == plan[PLAN_FILTER_INDEL]
        is_pass = identifier == plan[PLAN_FILTER_PASS]
        if keeps_earlier and not is_ours and not (is_pass and scored):
            scratch[n_new] = identifier
            n_new += 1
    if fails_snv:
        scratch[n_new] = plan[PLAN_FILTER_SNV]
        n_new += 1
    if fails_indel:
        scratch[n_new] = plan[PLAN_FILTER_INDEL]
        n_new += 1
    if n_new == 0 and scored:
        scratch[0] = plan[PLAN_FILTER_PASS]
        n_new = 1
    changed = n_new != n_old
    for index in range(min(n_new, n_old)):
        changed = changed or scratch[index] != load_int32(old + 4 * index)
    if not changed:
        return 0
    return bcf_update_filter(plan[PLAN_HEADER], record, plan[PLAN_SCRATCH_FILTERS], n_new)


@inline_kernel
def _write_reasons(plan, record, bits, reason_names, reason_first, text):
    """Write the names of the set bits, comma-separated. text: uint8, room for all names."""
    length = 0
    for index in range(len(reason_first) - 1):
        if not (bits >> index) & 1:
            continue
        if length:
            text[length] = 44  # a comma
            length += 1
        for position in range(reason_first[index], reason_first[index + 1]):
            text[length] = reason_names[position]
            length += 1
    text[length] = 0
    n_values = 1 if length else 0
    return bcf_update_info(plan[PLAN_HEADER], record, plan[PLAN_KEY_REASON], plan[PLAN_SCRATCH_TEXT], n_values, TYPE_STRING)


@inline_kernel
def _remove(plan, record, key, value_type):
    return bcf_update_info(plan[PLAN_HEADER], record, plan[key], 0, 0, value_type)


@kernel
def update_records(
    plan,
    thresholds,
    deep_reads,
    records,
    alt_first,
    alt_sent,
    alt_status,
    alt_is_indel,
    is_block,
    probability,
    log_odds,
    probability_bits,
    depth,
    reasons,
    status_names,
    reason_names,
    reason_first,
    score,
    filters,
    text,
    counts,
):
    """Write FILTER and INFO of each record.

    plan: int64 (PLAN_SIZE,). thresholds: float64 of (SNV, indel, deep SNV, deep indel), deep from deep_reads reads on.
    records: int64 (n,), addresses.
    alt_first: int64 (n + 1,), borders of each record's ALTs in the next arrays, all (n_alts,):
    alt_sent: bool, given to the scorer. alt_status: uint8, 0 = scored. alt_is_indel: bool.
    probability, log_odds: float32. reasons: uint32. probability_bits, depth: addresses of probabilities as BCF has them (uint32),
    and of the reads (int32), missing values included.
    is_block: bool (n,), leave the record alone.
    status_names: int64, address of each status name. reason_names: uint8, the names joined; reason_first: int64, their borders.
    score: float32 (1,); filters: int32, room for a record's FILTER and two more; text: uint8, room for all reasons: scratch.
    counts: int64 (COUNT_SIZE,), added to.
    Returns the index of the record that could not be changed, or -1.
    """
    header = plan[PLAN_HEADER]
    for index in range(len(records)):
        record = records[index]
        first, end = alt_first[index], alt_first[index + 1]
        counts[COUNT_RECORDS] += 1
        if is_block[index]:
            counts[COUNT_BLOCKS] += 1
            continue
        n_scored, n_failed, bits = 0, 0, np.uint32(0)
        has_snv, has_indel = False, False
        best = np.float32(-np.inf)
        status, status_is_of_sent = np.uint8(_NO_ALT), False
        for alt in range(first, end):
            counts[COUNT_ALT_STATUS + alt_status[alt]] += 1
            if alt_status[alt] != _SCORED:
                if alt == first or (alt_sent[alt] and not status_is_of_sent):
                    status, status_is_of_sent = alt_status[alt], alt_sent[alt]
                continue
            n_scored += 1
            best = max(best, log_odds[alt])
            bits |= reasons[alt]
            is_deep = load_int32(depth + 4 * alt) >= deep_reads
            if alt_is_indel[alt]:
                has_indel = True
                n_failed += fails(probability[alt], thresholds[3] if is_deep else thresholds[1])
            else:
                has_snv = True
                n_failed += fails(probability[alt], thresholds[2] if is_deep else thresholds[0])
        scored = n_scored > 0
        failed = scored and n_failed == n_scored
        problem = 0
        if scored:
            n_alts = end - first
            score[0] = best
            problem |= bcf_update_info(
                header, record, plan[PLAN_KEY_PROBABILITY], probability_bits + 4 * first, n_alts, TYPE_REAL
            )
            problem |= bcf_update_info(header, record, plan[PLAN_KEY_SCORE], plan[PLAN_SCRATCH_SCORE], 1, TYPE_REAL)
            problem |= bcf_update_info(header, record, plan[PLAN_KEY_DEPTH], depth + 4 * first, n_alts, TYPE_INT)
            counts[COUNT_SCORED] += 1
            counts[COUNT_FAILED] += failed
            counts[COUNT_FAILED_SNV] += failed and has_snv
            counts[COUNT_FAILED_INDEL] += failed and has_indel
            if plan[PLAN_STALE_INFO]:
                problem |= _remove(plan, record, PLAN_KEY_STATUS, TYPE_STRING)
        else:
            counts[COUNT_STATUS + status] += 1
            if plan[PLAN_STALE_INFO]:
                problem |= _remove(plan, record, PLAN_KEY_PROBABILITY, TYPE_REAL)
                problem |= _remove(plan, record, PLAN_KEY_SCORE, TYPE_REAL)
                problem |= _remove(plan, record, PLAN_KEY_DEPTH, TYPE_INT)
            problem |= bcf_update_info(header, record, plan[PLAN_KEY_STATUS], status_names[status], 1, TYPE_STRING)
        if failed and plan[PLAN_WITH_REASONS]:
            problem |= _write_reasons(plan, record, bits, reason_names, reason_first, text)
        elif plan[PLAN_STALE_INFO] and plan[PLAN_KEY_REASON]:
            problem |= _remove(plan, record, PLAN_KEY_REASON, TYPE_STRING)
        if not plan[PLAN_ANNOTATE_ONLY] and (scored or plan[PLAN_STALE_FILTER]):
            if bcf_unpack(record, UNPACK_FILTER) < 0:
                return index
            if load_int32(record + OFFSET_N_FILTER) + 2 > len(filters):
                return index
            problem |= _update_filter(plan, record, scored, failed and has_snv, failed and has_indel, filters)
        if problem < 0:
            return index
    return -1
