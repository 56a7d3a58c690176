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
    low, high = k / n, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(k, n, middle) > 1 - confidence else (low, middle)
    return high


def lower_limit(k: int, n: int, confidence: float = 0.95) -> float:
    """The greatest share that k of n contradict, as `upper_limit`. 0 for n = 0."""
    return 1.0 - upper_limit(n - k, n, confidence)


def _at_most(k: int, n: int, share: float) -> float:
    """P(X <= k) of a binomial X with n draws."""
    if share >= 1:
        return float(k >= n)
    i = np.arange(k + 1)
    log_choose = math.lgamma(n + 1) - np.array([math.lgamma(j + 1) + math.lgamma(n - j + 1) for j in i.tolist()])
    logs = log_choose + i * math.log(share) + (n - i) * math.log1p(-share) if share > 0 else np.where(i == 0, 0.0, -np.inf)
    return float(np.exp(logs - logs.max()).sum() * np.exp(logs.max()))
