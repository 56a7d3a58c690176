"""A file scored before it is filtered, for a cut that depends on all of its probabilities. Keeps counts, no records.

A stream cannot know them in advance: what is read here is read and scored again.
"""

from __future__ import annotations

import numpy as np

from vcffilter.pipeline.protocol import ChunkScorer
from vcffilter.pipeline.score_ahead import score_ahead
from vcffilter.variants.allele_scores import AlleleScores, SampleScores
from vcffilter.variants.chunks import RecordChunk, take_chunk
from vcffilter.variants.reader import VariantReader

#: Probabilities are rounded to this many steps.
_STEPS = 10_000


class ProbabilityCounts:
    """How many scored ALTs have each probability; of several samples' the highest counts."""

    def __init__(self) -> None:
        self._n = np.zeros(_STEPS + 1, np.int64)

    def add(self, scores: AlleleScores | SampleScores) -> None:
        """Take the scores of a chunk in."""
        probability = np.where(scores.status == 0, scores.probability, np.nan)
        if probability.ndim > 1:
            probability = np.fmax.reduce(probability, axis=0)
        steps = np.rint(_STEPS * probability[~np.isnan(probability)].astype(np.float64)).astype(np.int64)
        self._n += np.bincount(steps, minlength=_STEPS + 1)

    @property
    def total(self) -> int:
        """Scored ALTs."""
        return int(self._n.sum())

    def cut_for_rate(self, rate: float) -> float:
        """The lowest probability of an ALT at and above which at most a share `rate` is expected to be false; 1 where none is."""
        kept, false = self._kept_and_false()
        fits = np.flatnonzero((self._n > 0) & (false <= rate * kept + 1e-9))
        return int(fits[0]) / _STEPS if len(fits) else 1.0

    def expected(self, cut: float) -> tuple[int, float]:
        """(ALTs at and above a cut, how many of them are expected to be false)."""
        kept, false = self._kept_and_false()
        step = round(_STEPS * cut)
        return int(kept[step]), float(false[step])

    def _kept_and_false(self) -> tuple[np.ndarray, np.ndarray]:
        """Of every cut, in steps: ALTs at and above it, and the sum of 1 - P over them."""
        false = self._n * (1 - np.arange(_STEPS + 1) / _STEPS)
        return np.cumsum(self._n[::-1])[::-1], np.cumsum(false[::-1])[::-1]


def count_probabilities(
    reader: VariantReader, scorer: ChunkScorer, *, n_threads: int = 1, columns: np.ndarray | None = None
) -> ProbabilityCounts:
    """Score every record of the reader on `n_threads` workers. Memory stays bounded. Raises what reading and scoring raise."""
    counts = ProbabilityCounts()

    def finish(chunk: RecordChunk, scores: AlleleScores | SampleScores) -> None:
        counts.add(scores)
        reader.release(chunk.records)

    chunks = (take_chunk(reader.header, batch, columns) for batch in reader.batches())
    score_ahead(chunks, lambda chunk: scorer.score(chunk.alleles), finish, n_threads=n_threads)
    return counts
