"""Called alleles in one form, however the caller wrote them: trimmed, left-aligned, with the range over which they can shift."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.kernels.reference import UNKNOWN_BASE, ReferenceSegments
from vcffilter.kernels.scan import MAX_SHIFT, empty_hash, hash_code
from vcffilter.kernels.search import first_above

#: Longer alleles are not scored: reads of 100-250 bases can neither span nor anchor them.
MAX_ALLELE_LENGTH = 128
#: Codes of NormalisedAlleles.problem.
FINE, REF_MISMATCH, TOO_LONG, NOT_AN_ALLELE, OFF_REFERENCE = 0, 1, 2, 3, 4
#: Codes of NormalisedAlleles.kind.
SUBSTITUTION, INSERTION, DELETION, COMPLEX = 0, 1, 2, 3


class NormalisedAlleles(NamedTuple):
    """One entry per ALT.

    problem: uint8 (n,), FINE or why it cannot be used. kind: uint8 (n,).
    start0, end0: int64 (n,), the replaced reference bases at the left-most equivalent place, half-open; equal for insertions.
    shift_end0: int64 (n,), end0 when the allele is moved as far right as it goes.
    alt_offset: int64 (n + 1,), alt_codes: uint8 pool, 4-bit codes of the new bases after trimming and shifting.
    indel_hash: uint64 (n,), as ReadEvents.indel_hash; 0 unless a pure insertion.
    segment: int32 (n,), reference segment. record: int32 (n,), equal for the ALTs of one record, which follow one another.
    """

    problem: np.ndarray
    kind: np.ndarray
    start0: np.ndarray
    end0: np.ndarray
    shift_end0: np.ndarray
    alt_offset: np.ndarray
    alt_codes: np.ndarray
    indel_hash: np.ndarray
    segment: np.ndarray
    record: np.ndarray

    def subset(self, chosen: np.ndarray) -> NormalisedAlleles:
        """Those of these indices (int64, ascending)."""
        lengths = np.diff(self.alt_offset)[chosen]
        alt_offset = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        places = np.repeat(self.alt_offset[chosen] - alt_offset[:-1], lengths) + np.arange(alt_offset[-1])
        of_each = {name: getattr(self, name)[chosen] for name in self._fields if not name.startswith("alt_")}
        return NormalisedAlleles(**of_each, alt_offset=alt_offset, alt_codes=self.alt_codes[places])


def empty_alleles(n_alleles: int, n_alt_bases: int) -> NormalisedAlleles:
    """Arrays for `n_alleles` ALTs, each a record of its own, with `n_alt_bases` bases in all."""
    return NormalisedAlleles(
        np.zeros(n_alleles, np.uint8),
        np.zeros(n_alleles, np.uint8),
        np.zeros(n_alleles, np.int64),
        np.zeros(n_alleles, np.int64),
        np.zeros(n_alleles, np.int64),
        np.zeros(n_alleles + 1, np.int64),
        np.zeros(n_alt_bases, np.uint8),
        np.zeros(n_alleles, np.uint64),
        np.zeros(n_alleles, np.int32),
        np.arange(n_alleles, dtype=np.int32),
    )


@inline_kernel
def _reference_differs(segments: ReferenceSegments, segment: int, start0: int, ref_codes: np.ndarray) -> bool:
    """Whether a known base of REF differs from a known base of the reference."""
    base = segments.offset[segment] + start0 - segments.start0[segment]
    for index in range(len(ref_codes)):
        code = segments.codes[base + index]
        if code != ref_codes[index] and code != UNKNOWN_BASE and ref_codes[index] != UNKNOWN_BASE:
            return True
    return False


@inline_kernel
def _shift_left(segments: ReferenceSegments, segment: int, start0: int, end0: int, inserted: np.ndarray) -> int:
    """Bases by which a pure insertion (start0 == end0) or deletion (nothing inserted) can move left."""
    base = segments.offset[segment] - segments.start0[segment]
    length = len(inserted)
    shift = 0
    while shift < MAX_SHIFT and start0 - shift > segments.start0[segment]:
        before = segments.codes[base + start0 - shift - 1]
        last = inserted[(length - 1 - shift) % length] if length > 0 else segments.codes[base + end0 - shift - 1]
        if before != last or before == UNKNOWN_BASE:
            break
        shift += 1
    return shift


@inline_kernel
def _shift_right(segments: ReferenceSegments, segment: int, start0: int, end0: int, inserted: np.ndarray) -> int:
    """Bases by which a pure insertion or deletion can move right from `start0`."""
    base = segments.offset[segment] - segments.start0[segment]
    length = len(inserted)
    shift = 0
    while shift < 2 * MAX_SHIFT and end0 + shift < segments.end0[segment]:
        after = segments.codes[base + end0 + shift]
        first = inserted[shift % length] if length > 0 else segments.codes[base + start0 + shift]
        if after != first or after == UNKNOWN_BASE:
            break
        shift += 1
    return shift


@inline_kernel
def _normalise_one(
    allele: int,
    start0: int,
    ref: np.ndarray,
    alt: np.ndarray,
    segments: ReferenceSegments,
    segment: int,
    alleles: NormalisedAlleles,
) -> None:
    n_suffix = 0
    n_shorter = min(len(ref), len(alt))
    while n_suffix < n_shorter and ref[len(ref) - 1 - n_suffix] == alt[len(alt) - 1 - n_suffix]:
        n_suffix += 1
    n_prefix = 0
    while n_prefix < n_shorter - n_suffix and ref[n_prefix] == alt[n_prefix]:
        n_prefix += 1
    first0 = start0 + n_prefix
    last0 = start0 + len(ref) - n_suffix
    inserted = alt[n_prefix : len(alt) - n_suffix]
    n_replaced, n_new = last0 - first0, len(inserted)
    written = alleles.alt_offset[allele]
    alleles.shift_end0[allele] = last0
    shift = 0
    if n_replaced == 0 and n_new == 0:
        alleles.problem[allele] = NOT_AN_ALLELE
    elif n_replaced == 0 or n_new == 0:
        alleles.kind[allele] = INSERTION if n_replaced == 0 else DELETION
        shift = _shift_left(segments, segment, first0, last0, inserted)
        alleles.shift_end0[allele] = last0 + _shift_right(segments, segment, first0, last0, inserted)
    else:
        alleles.kind[allele] = SUBSTITUTION if n_replaced == n_new else COMPLEX
    value = empty_hash()
    for index in range(n_new):
        code = inserted[(index - shift) % n_new]
        alleles.alt_codes[written + index] = code
        value = hash_code(value, int64(code))
    alleles.indel_hash[allele] = value if alleles.kind[allele] == INSERTION else np.uint64(0)
    alleles.alt_offset[allele + 1] = written + n_new
    alleles.start0[allele] = first0 - shift
    alleles.end0[allele] = last0 - shift
    if max(n_replaced, n_new) > MAX_ALLELE_LENGTH:
        alleles.problem[allele] = TOO_LONG


@kernel
def normalise_alleles(
    start0: np.ndarray,
    ref_offset: np.ndarray,
    ref_bases: np.ndarray,
    alt_offset: np.ndarray,
    alt_bases: np.ndarray,
    code_of_base: np.ndarray,
    ref_codes: np.ndarray,
    alt_codes: np.ndarray,
    segments: ReferenceSegments,
    alleles: NormalisedAlleles,
) -> None:
    """Trim, left-align and measure the shift range of every allele; marks those that cannot be used.

    start0: int64 (n,), POS - 1 as written. ref_offset, alt_offset: int64 (n + 1,), into ref_bases, alt_bases: uint8 ASCII pools.
    code_of_base: `base_code_table`. ref_codes, alt_codes: uint8, as long as the pools, scratch. alleles: written.
    Normalisation as in Tan et al. 2015 (vt), with MAX_SHIFT as the limit.
    """
    for index in range(len(ref_bases)):
        ref_codes[index] = code_of_base[ref_bases[index]]
    for index in range(len(alt_bases)):
        alt_codes[index] = code_of_base[alt_bases[index]]
    for allele in range(len(start0)):
        ref = ref_codes[ref_offset[allele] : ref_offset[allele + 1]]
        alt = alt_codes[alt_offset[allele] : alt_offset[allele + 1]]
        first0 = start0[allele]
        segment = first_above(segments.start0, first0) - 1
        alleles.segment[allele] = segment
        alleles.alt_offset[allele + 1] = alleles.alt_offset[allele]
        alleles.problem[allele] = FINE
        alleles.start0[allele] = first0
        alleles.end0[allele] = first0 + len(ref)
        alleles.shift_end0[allele] = first0 + len(ref)
        if segment < 0 or first0 + len(ref) > segments.end0[segment]:
            alleles.problem[allele] = OFF_REFERENCE
        elif _reference_differs(segments, segment, first0, ref):
            alleles.problem[allele] = REF_MISMATCH
        else:
            _normalise_one(allele, first0, ref, alt, segments, segment, alleles)
