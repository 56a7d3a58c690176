"""Is one model better than another over the same folds, or is it chance? numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PairedTest:
    """Differences (other minus baseline) over the folds that both have a value for.

    effect_size: mean over standard deviation (Cohen's d of paired values). p_value: two-sided, t-test corrected for the overlap
    of the training folds (Nadeau and Bengio 2003). n_better: folds in which the other has the higher value. None: cannot be
    computed.
    """

    n_folds: int
    mean: float | None
    spread: float | None
    effect_size: float | None
    p_value: float | None
    n_better: int


def paired_test(baseline: np.ndarray, other: np.ndarray) -> PairedTest:
    """baseline, other: float (n_folds,), NaN where a fold has no value."""
    difference = np.asarray(other, np.float64) - np.asarray(baseline, np.float64)
    difference = difference[np.isfinite(difference)]
    n = len(difference)
    if n == 0:
        return PairedTest(0, None, None, None, None, 0)
    mean, n_better = float(difference.mean()), int((difference > 0).sum())
    if n < 2:
        return PairedTest(n, mean, None, None, None, n_better)
    spread = float(difference.std(ddof=1))
    if spread < 1e-12:
        # The same everywhere: no difference at all, or one without any noise, for which there is no test.
        return PairedTest(n, mean, spread, None, 1.0 if abs(mean) < 1e-12 else None, n_better)
    # Each fold is tested once and the training sets share all but two folds: 1/n + n_test / n_train.
    t = mean / (spread * np.sqrt(1 / n + 1 / (n - 1)))
    return PairedTest(n, mean, spread, mean / spread, t_tail(abs(float(t)), n - 1), n_better)


def t_tail(t: float, degrees: int) -> float:
    """P(|T| > t) of Student's distribution, for t >= 0."""
    # With t = sqrt(degrees) tan(angle) the density is proportional to cos(angle) ** (degrees - 1).
    return _cosine_integral(np.arctan(t / np.sqrt(degrees)), degrees) / _cosine_integral(0.0, degrees)


def _cosine_integral(start: float, degrees: int) -> float:
    angle = np.linspace(start, np.pi / 2, 20_001)
    height = np.clip(np.cos(angle), 0, None) ** (degrees - 1)
    return float(((height[1:] + height[:-1]) / 2).sum() * (angle[1] - angle[0]))
