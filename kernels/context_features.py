"""Site features of the allele and the reference around it; no reads are looked at.

Every block function fills `out` in the order of the names tuple above it.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from vcffilter.kernels.jit import inline_kernel, int64
from vcffilter.kernels.normalised_alleles import COMPLEX, DELETION, INSERTION, SUBSTITUTION, NormalisedAlleles
from vcffilter.kernels.reference import UNKNOWN_BASE, ReferenceSegments, reference_code

#: Bases looked at on either side.
GC_REACH, NARROW_REACH, NEAR_REACH = 50, 20, 10
#: Longest run or repeat tract measured.
MAX_RUN = 60
MAX_UNIT = 6


# As an index a member is written with `.value`: numba below 0.68 takes no IntEnum there.
class ContextFeature(IntEnum):
    """Places of the values that `write_context_features` writes; their names in lower case are the features'."""

    IS_SNV = 0
    IS_INSERTION = 1
    IS_DELETION = 2
    IS_COMPLEX = 3
    LENGTH_CHANGE = 4
    LOG_ALLELE_LENGTH = 5
    IS_TRANSITION = 6
    RUN_LEFT = 7
    RUN_RIGHT = 8
    RUN_AT_EVENT = 9
    ALT_JOINS_RUN = 10
    LONGEST_RUN_NEAR = 11
    REPEAT_UNIT = 12
    REPEAT_TRACT = 13
    REPEAT_COPIES = 14
    INDEL_IS_WHOLE_UNITS = 15
    LOG_SHIFT_RANGE = 16
    GC_50 = 17
    ENTROPY_20 = 18
    DISTINCT_3MERS_20 = 19
    CPG = 20


CONTEXT_FEATURES = tuple(one.name.lower() for one in ContextFeature)
#: Features that change places where a site is seen from the other strand; all others are the same on both.
MIRRORED_FEATURES = (("run_left", "run_right"),)
assert {name for pair in MIRRORED_FEATURES for name in pair} <= set(CONTEXT_FEATURES), "a mirrored feature is not written"


@inline_kernel
def _run_length(segments: ReferenceSegments, segment: int, pos0: int, step: int) -> int:
    """Length of the run of one base that begins at `pos0` and goes in the direction of `step`."""
    code = reference_code(segments, segment, pos0)
    if code == UNKNOWN_BASE:
        return 0
    length = 1
    while length < MAX_RUN and reference_code(segments, segment, pos0 + step * length) == code:
        length += 1
    return length


@inline_kernel
def _tract_length(segments: ReferenceSegments, segment: int, pos0: int, unit: int) -> int:
    """Bases around `pos0` that repeat with period `unit`: the longest stretch through it with base[i] == base[i + unit]."""
    right = 0
    while right < MAX_RUN:
        code = reference_code(segments, segment, pos0 + right)
        if code == UNKNOWN_BASE or code != reference_code(segments, segment, pos0 + right + unit):
            break
        right += 1
    left = 0
    while left < MAX_RUN:
        code = reference_code(segments, segment, pos0 - 1 - left)
        if code == UNKNOWN_BASE or code != reference_code(segments, segment, pos0 - 1 - left + unit):
            break
        left += 1
    return left + right + unit if left + right > 0 else 0


@inline_kernel
def _best_repeat(segments: ReferenceSegments, segment: int, pos0: int) -> tuple[int, int]:
    """Unit and tract length of the repeat at `pos0` with the most copies beyond the first; (0, 0) where there is none."""
    best_unit, best_tract = 0, 0
    for unit in range(1, MAX_UNIT + 1):
        tract = _tract_length(segments, segment, pos0, unit)
        if tract >= 2 * unit and (best_unit == 0 or tract > best_tract + unit - best_unit):
            best_unit, best_tract = unit, tract
    return best_unit, best_tract


@inline_kernel
def _longest_run(segments: ReferenceSegments, segment: int, first0: int, last0: int) -> int:
    longest, current, previous = 0, 0, -1
    for pos0 in range(first0, last0):
        code = reference_code(segments, segment, pos0)
        current = current + 1 if code == previous and code != UNKNOWN_BASE else 1
        previous = code
        longest = max(longest, current)
    return longest


@inline_kernel
def _base_index(code: int) -> int:
    """0-3 for A, C, G, T; -1 for the rest."""
    if code == 1:
        return 0
    if code == 2:
        return 1
    if code == 4:
        return 2
    if code == 8:
        return 3
    return -1


@inline_kernel
def _gc_share(segments: ReferenceSegments, segment: int, first0: int, last0: int) -> float:
    n_gc, n_known = 0, 0
    for pos0 in range(first0, last0):
        code = reference_code(segments, segment, pos0)
        if code != UNKNOWN_BASE:
            n_known += 1
            if code == 2 or code == 4:
                n_gc += 1
    return n_gc / n_known if n_known > 0 else 0.5


@inline_kernel
def _dinucleotide_entropy(segments: ReferenceSegments, segment: int, first0: int, last0: int, tally: np.ndarray) -> float:
    """Shannon entropy (bits) of the dinucleotides. tally: int64 (64,) scratch."""
    tally[:16] = 0
    n_pairs = 0
    for pos0 in range(first0, last0 - 1):
        left = _base_index(reference_code(segments, segment, pos0))
        right = _base_index(reference_code(segments, segment, pos0 + 1))
        if left >= 0 and right >= 0:
            tally[4 * left + right] += 1
            n_pairs += 1
    entropy = 0.0
    for index in range(16):
        if tally[index] > 0:
            share = tally[index] / n_pairs
            entropy -= share * math.log2(share)
    return entropy


@inline_kernel
def _distinct_3mers(segments: ReferenceSegments, segment: int, first0: int, last0: int, tally: np.ndarray) -> int:
    tally[:64] = 0
    n_distinct = 0
    for pos0 in range(first0, last0 - 2):
        a = _base_index(reference_code(segments, segment, pos0))
        b = _base_index(reference_code(segments, segment, pos0 + 1))
        c = _base_index(reference_code(segments, segment, pos0 + 2))
        if a >= 0 and b >= 0 and c >= 0:
            word = 16 * a + 4 * b + c
            if tally[word] == 0:
                n_distinct += 1
            tally[word] = 1
    return n_distinct


@inline_kernel
def _is_transition(reference: int, alternate: int) -> bool:
    """A<->G or C<->T."""
    pair = reference | alternate
    return reference != alternate and (pair == 5 or pair == 10)


@inline_kernel
def write_context_features(
    allele: int, alleles: NormalisedAlleles, segments: ReferenceSegments, tally: np.ndarray, out: np.ndarray
) -> None:
    """Fill `out`: float32 (len(CONTEXT_FEATURES),). tally: int64 (64,) scratch."""
    segment = alleles.segment[allele]
    start0, end0, shift_end0 = alleles.start0[allele], alleles.end0[allele], alleles.shift_end0[allele]
    kind = alleles.kind[allele]
    n_replaced = end0 - start0
    first_alt = alleles.alt_offset[allele]
    n_new = alleles.alt_offset[allele + 1] - first_alt
    change = n_new - n_replaced
    single = kind == SUBSTITUTION and n_replaced == 1
    # For an insertion the bases that follow it stand for the event; for the rest the first replaced base.
    backward, forward = int64(-1), int64(1)
    run_left = _run_length(segments, segment, start0 - 1, backward)
    run_right = _run_length(segments, segment, end0, forward)
    run_through = _run_length(segments, segment, start0, forward) + _run_length(segments, segment, start0, backward) - 1
    unit, tract = _best_repeat(segments, segment, start0)
    out[ContextFeature.IS_SNV.value] = 1.0 if single else 0.0
    out[ContextFeature.IS_INSERTION.value] = 1.0 if kind == INSERTION else 0.0
    out[ContextFeature.IS_DELETION.value] = 1.0 if kind == DELETION else 0.0
    out[ContextFeature.IS_COMPLEX.value] = 1.0 if kind == COMPLEX or (kind == SUBSTITUTION and not single) else 0.0
    out[ContextFeature.LENGTH_CHANGE.value] = min(max(change, -50), 50)
    out[ContextFeature.LOG_ALLELE_LENGTH.value] = math.log2(max(n_new, n_replaced))
    out[ContextFeature.IS_TRANSITION.value] = (
        1.0 if single and _is_transition(reference_code(segments, segment, start0), alleles.alt_codes[first_alt]) else 0.0
    )
    out[ContextFeature.RUN_LEFT.value] = run_left
    out[ContextFeature.RUN_RIGHT.value] = run_right
    out[ContextFeature.RUN_AT_EVENT.value] = max(run_through, 0)
    out[ContextFeature.ALT_JOINS_RUN.value] = _alt_joins_run(allele, alleles, segments, run_left, run_right)
    out[ContextFeature.LONGEST_RUN_NEAR.value] = _longest_run(segments, segment, start0 - NEAR_REACH, shift_end0 + NEAR_REACH)
    out[ContextFeature.REPEAT_UNIT.value] = unit
    out[ContextFeature.REPEAT_TRACT.value] = tract
    out[ContextFeature.REPEAT_COPIES.value] = tract / unit if unit > 0 else 0.0
    out[ContextFeature.INDEL_IS_WHOLE_UNITS.value] = (
        1.0 if unit > 0 and change != 0 and abs(change) % unit == 0 and shift_end0 > end0 else 0.0
    )
    out[ContextFeature.LOG_SHIFT_RANGE.value] = math.log2(1.0 + (shift_end0 - end0))
    out[ContextFeature.GC_50.value] = _gc_share(segments, segment, start0 - GC_REACH, end0 + GC_REACH)
    narrow0, narrow_end0 = start0 - NARROW_REACH, end0 + NARROW_REACH
    out[ContextFeature.ENTROPY_20.value] = _dinucleotide_entropy(segments, segment, narrow0, narrow_end0, tally)
    out[ContextFeature.DISTINCT_3MERS_20.value] = _distinct_3mers(segments, segment, narrow0, narrow_end0, tally)
    out[ContextFeature.CPG.value] = _in_cpg(segments, segment, start0)


@inline_kernel
def _alt_joins_run(allele: int, alleles: NormalisedAlleles, segments: ReferenceSegments, run_left: int, run_right: int) -> float:
    """Length of the neighbouring run whose base the ALT's first base repeats; 0 where neither."""
    if alleles.alt_offset[allele + 1] == alleles.alt_offset[allele]:
        return 0.0
    segment = alleles.segment[allele]
    first = alleles.alt_codes[alleles.alt_offset[allele]]
    joined = 0
    if first == reference_code(segments, segment, alleles.start0[allele] - 1):
        joined += run_left
    if first == reference_code(segments, segment, alleles.end0[allele]):
        joined += run_right
    return float(joined)


@inline_kernel
def _in_cpg(segments: ReferenceSegments, segment: int, pos0: int) -> float:
    code = reference_code(segments, segment, pos0)
    forward = code == 2 and reference_code(segments, segment, pos0 + 1) == 4
    backward = code == 4 and reference_code(segments, segment, pos0 - 1) == 2
    return 1.0 if forward or backward else 0.0
