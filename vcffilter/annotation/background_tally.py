"""Counts of scored ALTs by what they are in the background, for a run's summary. Arrays of a chunk in; knows no records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vcffilter.annotation import record_layout as layout
from vcffilter.scoring.background_rules import BACKGROUND_NAMES, judge_samples
from vcffilter.variants.background_counts import BackgroundCounts

_N = len(BACKGROUND_NAMES)
#: Values as they are reported.
_ORDER = ("support", "noise", "none", ".")


@dataclass(frozen=True)
class BackgroundVerdicts:
    """Scored ALTs of one value. failed: by their own probability. explained: failed by the background alone."""

    passed: int
    failed: int
    explained: int

    @property
    def n_alts(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.explained


@dataclass(frozen=True)
class BackgroundAlts:
    """alts: by value. samples: by the name of each sample of the background the ALTs of each value there."""

    alts: dict[str, BackgroundVerdicts]
    samples: dict[str, dict[str, int]]


class BackgroundTally:
    """Takes the ALTs of chunk after chunk. names: of the background's samples."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._verdicts = np.zeros((_N, layout.N_VERDICTS), np.int64)
        self._of_sample = np.zeros((len(self._names), _N), np.int64)

    def add(self, counts: BackgroundCounts, scored: np.ndarray, verdict: np.ndarray) -> None:
        """Take ALTs in that were sent to the scorer. scored: bool (n,). verdict: uint8 (n,), codes of `record_layout`."""
        values = judge_samples(counts)[:, scored].astype(np.int64)
        for sample, of_sample in enumerate(values):
            self._of_sample[sample] += np.bincount(of_sample, minlength=_N)
        flat = values.max(axis=0) * layout.N_VERDICTS + verdict[scored]
        self._verdicts += np.bincount(flat, minlength=self._verdicts.size).reshape(self._verdicts.shape)

    def counts(self) -> BackgroundAlts:
        """What was taken in so far."""
        alts = {name: self._of_value(BACKGROUND_NAMES.index(name)) for name in _ORDER}
        of_samples = {
            name: {value: int(row[BACKGROUND_NAMES.index(value)]) for value in _ORDER}
            for name, row in zip(self._names, self._of_sample, strict=True)
        }
        return BackgroundAlts(alts, of_samples)

    def _of_value(self, code: int) -> BackgroundVerdicts:
        row = self._verdicts[code]
        failed = row[layout.VERDICT_SNV] + row[layout.VERDICT_INDEL]
        return BackgroundVerdicts(int(row[layout.VERDICT_PASS]), int(failed), int(row[layout.VERDICT_NOISE]))
