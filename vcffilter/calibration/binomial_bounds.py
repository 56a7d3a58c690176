"""Exact (Clopper-Pearson) limits of a share from k of n. numpy only.

They hold for independent calls. Calls of one locus, or of several copies of the same reads, are not: the true limits are wider.
"""

from __future__ import annotations

import math

import numpy as np

_STEPS = 60


def upper_limit(k: int, n: int, confidence: float = 0.95) -> float:
    """The least share that k of n contradict: one-sided, exceeded in 1 - confidence of all cases. 1 for n = 0."""
    if k >= n:
        return 1.0
    i = _worth_counting(k, n)
    log_choose = _log_choose(n, i)
    low, high = k / n, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(i, n, log_choose, middle) > 1 - confidence else (low, middle)
    return high


def lower_limit(k: int, n: int, confidence: float = 0.95) -> float:
    """The greatest share that k of n contradict, as `upper_limit`. 0 for n = 0."""
    return 1.0 - upper_limit(n - k, n, confidence)


def upper_limit_of_copies(k: int, n: int, n_different: int) -> float:
    """`upper_limit` where n holds only so many different ones: copies do not narrow it."""
    return upper_limit(math.ceil(k * n_different / max(n, 1)), n_different)


def lower_limit_of_copies(k: int, n: int, n_different: int) -> float:
    """`lower_limit` where n holds only so many different ones: copies do not narrow it."""
    return lower_limit(k * n_different // max(n, 1), n_different)


def _worth_counting(k: int, n: int) -> np.ndarray:
    """Numbers up to k of any weight in P(X <= k), int64: ten standard deviations of the widest binomial, and some more."""
    return np.arange(max(0, k - int(5 * math.sqrt(n)) - 100), k + 1)


def _log_choose(n: int, i: np.ndarray) -> np.ndarray:
    """log(n over i) of rising numbers without gaps, float64."""
    first = int(i[0])
    at_first = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
    return at_first + np.concatenate([[0.0], np.cumsum(np.log((n - i[:-1]) / (i[:-1] + 1)))])


def _at_most(i: np.ndarray, n: int, log_choose: np.ndarray, share: float) -> float:
    """P(X <= the last i) of a binomial X with n draws."""
    if share >= 1:
        return float(i[-1] >= n)
    logs = log_choose + i * math.log(share) + (n - i) * math.log1p(-share) if share > 0 else np.where(i == 0, 0.0, -np.inf)
    return float(np.exp(logs - logs.max()).sum() * np.exp(logs.max()))
