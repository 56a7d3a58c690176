"""Whether `--target-recall` was measured at the depth of this run's calls. Sees scores only; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vcffilter.variants.allele_scores import AlleleScores

_MOST_READS = 10_000
#: Likelier real than not: what true ALTs look like here.
_RATHER_REAL = 0.5


class PromiseDepth:
    """`saw` the scores of every chunk, then `note`.

    point: the operating point in use, with the "depth" (low, median, high informing reads) of the true ALTs that it was measured
    on; None, or a point without it: nothing is watched.
    """

    def __init__(self, point: Mapping[str, Any] | None) -> None:
        self._point = point if point is not None and "depth" in point else None
        self._n_by_depth = np.zeros(_MOST_READS + 1, np.int64)

    def saw(self, scores: AlleleScores) -> None:
        """Take a chunk in."""
        if self._point is not None:
            depth = scores.n_reads[(scores.status == 0) & (scores.probability >= _RATHER_REAL)]
            self._n_by_depth += np.bincount(np.clip(depth, 0, _MOST_READS), minlength=_MOST_READS + 1)

    def note(self) -> str | None:
        """One sentence where the median depth lies outside of what the promise was measured on; None otherwise."""
        total = int(self._n_by_depth.sum())
        if self._point is None or total == 0:
            return None
        here = int(np.searchsorted(np.cumsum(self._n_by_depth), (total + 1) // 2))
        there = self._point["depth"]
        if there["low"] <= here <= there["high"]:
            return None
        return (
            f"--target-recall {self._point['target_recall']:g} was measured on true ALTs with {there['low']}-{there['high']} "
            f"reads (median {there['median']}); here the median is {here}, and the share that is kept may be another"
        )
