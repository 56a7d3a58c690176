"""Are the site features where those of the model's training data were. Knows arrays and ranges; no reads, no records.

A feature is unlike when its median over the first ALTs lies outside the range of 99.6% of the training alleles. Measured with the
weights that ship: none or one on Illumina sets, four on RNA, five and more on HiFi and ONT by the Illumina weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vcffilter.models.training_ranges import TrainingRanges
from vcffilter.pipeline.run_warnings import RunWarning

#: Unlike features from which a run warns; of one ALT, from which it counts as outside.
LEAST_FEATURES, LEAST_FEATURES_OF_ALT = 3, 5
#: ALTs that medians are taken over: at least, at most.
FEWEST_ALTS, MOST_ALTS = 50, 4096
#: Features come as float32, ranges with six digits.
_TOLERANCE = 1e-4
_MOST_NAMES = 6


class ForeignFeatures:
    """Counts ALTs outside the training data, and judges the first of them as a whole."""

    def __init__(self, ranges: TrainingRanges, feature_names: Sequence[str]) -> None:
        known = [index for index, name in enumerate(feature_names) if name in ranges.features]
        self._columns = np.array(known, np.int64)
        self._names = [feature_names[index] for index in known]
        ends = np.array([ranges.features[name] for name in self._names], np.float32).reshape(-1, 2)
        slack = _TOLERANCE * np.maximum(1, np.abs(ends).max(axis=1, initial=0))
        self._low, self._high = ends[:, 0] - slack, ends[:, 1] + slack
        self._first: list[np.ndarray] = []
        self._n_first = 0
        self.n_alts = 0
        self.n_outside = 0

    def saw(self, features: np.ndarray) -> None:
        """Take scored ALTs in: float32 (n, n_features), in the model's order."""
        values = features[:, self._columns]
        outside = (values < self._low) | (values > self._high)
        self.n_alts += len(values)
        self.n_outside += int((outside.sum(axis=1) >= LEAST_FEATURES_OF_ALT).sum())
        if self._n_first < MOST_ALTS:
            self._first.append(values[: MOST_ALTS - self._n_first])
            self._n_first += len(self._first[-1])

    @property
    def can_judge(self) -> bool:
        """Whether there are ALTs enough."""
        return self._n_first >= FEWEST_ALTS

    def unlike(self) -> list[str]:
        """Names of the features whose median lies outside."""
        if not self.can_judge:
            return []
        median = np.median(np.concatenate(self._first), axis=0)
        return [name for name, is_out in zip(self._names, (median < self._low) | (median > self._high), strict=True) if is_out]

    def warning(self, model_id: str, advice: str) -> RunWarning | None:
        """A warning where several features are unlike. advice: what to do."""
        unlike = self.unlike()
        if len(unlike) < LEAST_FEATURES:
            return None
        more = f" and {len(unlike) - _MOST_NAMES} more" if len(unlike) > _MOST_NAMES else ""
        return RunWarning(
            "foreign_data",
            f"{len(unlike)} of {len(self._names)} facts about the first {self._n_first} ALTs lie outside what {model_id} was "
            f"trained on ({', '.join(unlike[:_MOST_NAMES])}{more})",
            advice,
        )
