"""Counts of scored ALTs by type, verdict and probability, for a run's summary. Arrays of a chunk in; knows no records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.calibration.operating_points import DECIMALS

#: Bins of equal width that probabilities from 0 to 1 are counted in.
N_PROBABILITY_BINS = 20
#: Probabilities are written in so many steps; they are counted in whole steps, so that none falls beside its bin.
_STEPS = 10**DECIMALS
_TYPES = ("snv", "indel")


@dataclass(frozen=True)
class AltCounts:
    """Scored ALTs of one type. failed: with a verdict below the threshold. by_probability: of each bin, from 0 up."""

    scored: int
    passed: int
    failed: int
    by_probability: tuple[int, ...]


class AltTally:
    """Takes the ALTs of chunk after chunk; of several samples those of the best carrier, which stand for the site."""

    def __init__(self) -> None:
        self._n = np.zeros((len(_TYPES), 2, N_PROBABILITY_BINS), np.int64)

    def add(self, is_snv: np.ndarray, failed: np.ndarray, probability: np.ndarray) -> None:
        """Take scored ALTs in. is_snv, failed: bool (n,). probability: float32 (n,), no NaN."""
        step = np.rint(_STEPS * probability.astype(np.float64)).astype(np.int64)
        bins = np.minimum(step * N_PROBABILITY_BINS // _STEPS, N_PROBABILITY_BINS - 1)
        flat = np.ravel_multi_index(((~is_snv).astype(np.int64), failed.astype(np.int64), bins), self._n.shape)
        self._n += np.bincount(flat, minlength=self._n.size).reshape(self._n.shape)

    def counts(self) -> dict[str, AltCounts]:
        """By type: snv, indel."""
        found = {}
        for name, (passed, failed) in zip(_TYPES, self._n, strict=True):
            n_passed, n_failed = int(passed.sum()), int(failed.sum())
            found[name] = AltCounts(n_passed + n_failed, n_passed, n_failed, tuple((passed + failed).tolist()))
        return found
