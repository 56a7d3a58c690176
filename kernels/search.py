"""Binary search in sorted arrays. As `np.searchsorted`, which numba compiles for every kind of number there is."""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.jit import inline_kernel


@inline_kernel
def first_at_least(values: np.ndarray, value: int) -> int:
    """Index of the first of the sorted int64 `values` that is `value` or more; len(values) where there is none."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@inline_kernel
def first_above(values: np.ndarray, value: int) -> int:
    """Index of the first of the sorted int64 `values` that is more than `value`; len(values) where there is none."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) >> 1
        if values[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low
