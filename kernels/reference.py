"""Reference windows of a chunk as flat arrays, in htslib's 4-bit base codes so that reads compare without unpacking."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels.jit import inline_kernel, int64, kernel

#: Code of N and of every ambiguous base.
UNKNOWN_BASE = 15


class ReferenceSegments(NamedTuple):
    """Stretches of one contig, sorted and apart.

    start0, end0: int64 (n_segments,), half-open. offset: int64 (n_segments + 1,), into `codes`.
    codes: uint8 pool, 4-bit base codes (A=1 C=2 G=4 T=8, 15 = unknown).
    """

    start0: np.ndarray
    end0: np.ndarray
    offset: np.ndarray
    codes: np.ndarray


def base_code_table() -> np.ndarray:
    """uint8 (256,): ASCII base, either case, to its 4-bit code."""
    table = np.full(256, UNKNOWN_BASE, np.uint8)
    for base, code in zip("ACGTU", (1, 2, 4, 8, 8), strict=True):
        table[ord(base)] = table[ord(base.lower())] = code
    return table


@inline_kernel
def reference_code(segments: ReferenceSegments, segment: int, pos0: int) -> int:
    """Code of the base at `pos0`; UNKNOWN_BASE outside of the segment."""
    if pos0 < segments.start0[segment] or pos0 >= segments.end0[segment]:
        return UNKNOWN_BASE
    return int64(segments.codes[segments.offset[segment] + pos0 - segments.start0[segment]])


@kernel
def merge_intervals(start0: np.ndarray, end0: np.ndarray, gap: int, merged_start0: np.ndarray, merged_end0: np.ndarray) -> int:
    """Union of half-open intervals sorted by start; those at most `gap` bases apart are joined. Returns how many remain.

    start0, end0, merged_start0, merged_end0: int64 (n,); the last two are written.
    """
    n_merged = 0
    for index in range(len(start0)):
        if n_merged > 0 and start0[index] <= merged_end0[n_merged - 1] + gap:
            if end0[index] > merged_end0[n_merged - 1]:
                merged_end0[n_merged - 1] = end0[index]
        else:
            merged_start0[n_merged] = start0[index]
            merged_end0[n_merged] = end0[index]
            n_merged += 1
    return n_merged
