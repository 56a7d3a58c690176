"""A substitution of several bases scores no lower than the least of its single bases, where the reads show these together.

Arrays of alleles and of their scores; knows neither reads nor models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import AlleleScores

#: A substitution with more changed bases is scored by itself alone.
MAX_PARTS = 8
_PLAIN = np.frombuffer(b"ACGT", np.uint8)


@dataclass(frozen=True)
class LinkedChunk:
    """chunk: the alleles, and after those of each record the single bases of its substitutions, each a record of its own, whose
    index is below 0. whole: int64 (chunk.n_alleles,), the allele that each is a part of, counted without the parts; -1: none.
    """

    chunk: AlleleChunk
    whole: np.ndarray

    def combined(self, scores: AlleleScores, together: np.ndarray, explained_below: float) -> AlleleScores:
        """Scores of the alleles without the parts.

        scores: of all. together: bool (chunk.n_alleles,), whether the reads show the bases of an allele together.
        explained_below: reasons are kept of alleles that are less probable.
        """
        parts = np.flatnonzero(self.whole >= 0)
        if not len(parts):
            return scores
        own = scores.subset(np.flatnonzero(self.whole < 0))
        part = self._least_parts(scores, parts)
        raised = np.flatnonzero(together[self.whole < 0] & (part >= 0) & (own.status == 0))
        raised = raised[(scores.status[part[raised]] == 0) & (scores.log_odds[part[raised]] > own.log_odds[raised])]
        own.probability[raised] = scores.probability[part[raised]]
        own.log_odds[raised] = scores.log_odds[part[raised]]
        if own.stage is not None and scores.stage is not None:
            own.stage[raised] = scores.stage[part[raised]]
        if own.reasons is not None:
            own.reasons[raised[own.probability[raised] >= explained_below]] = 0
        return own

    def _least_parts(self, scores: AlleleScores, parts: np.ndarray) -> np.ndarray:
        """int64 (n_alleles without the parts,), the part of each that scores least, one without a score first; -1: none."""
        log_odds = np.where(scores.status[parts] == 0, scores.log_odds[parts], -np.inf)
        falling = parts[np.argsort(-log_odds, kind="stable")]
        least = np.full(len(self.whole) - len(parts), -1, np.int64)
        least[self.whole[falling]] = falling  # of several the last one stays
        return least


def with_parts(chunk: AlleleChunk) -> LinkedChunk:
    """A chunk with the single bases of its substitutions of several."""
    n_ref, n_alt = np.diff(chunk.ref_offset), np.diff(chunk.alt_offset)
    start0: list[int] = []
    bases: list[tuple[int, int]] = []
    whole: list[int] = []
    for allele in np.flatnonzero((n_ref == n_alt) & (n_ref > 1)):
        ref = chunk.ref_bases[chunk.ref_offset[allele] : chunk.ref_offset[allele + 1]]
        alt = chunk.alt_bases[chunk.alt_offset[allele] : chunk.alt_offset[allele + 1]]
        columns = np.flatnonzero(ref != alt)
        plain = np.isin(ref[columns], _PLAIN).all() and np.isin(alt[columns], _PLAIN).all()
        if plain and 1 < len(columns) <= MAX_PARTS:
            start0 += (chunk.start0[allele] + columns).tolist()
            bases += zip(ref[columns].tolist(), alt[columns].tolist(), strict=True)
            whole += [int(allele)] * len(columns)
    if not whole:
        return LinkedChunk(chunk, np.full(chunk.n_alleles, -1, np.int64))
    return _inserted(chunk, np.array(start0, np.int64), np.array(bases, np.uint8), np.array(whole, np.int64))


def _inserted(chunk: AlleleChunk, start0: np.ndarray, bases: np.ndarray, whole: np.ndarray) -> LinkedChunk:
    """bases: uint8 (n_parts, 2), of REF and of ALT. whole: int64 (n_parts,)."""
    # The ALTs of a record stay together: parts come after the last of them.
    ends = np.append(np.flatnonzero(np.diff(chunk.record_index)) + 1, chunk.n_alleles)
    at = ends[np.searchsorted(ends, whole, side="right")]
    record_index = np.insert(chunk.record_index, at, -1 - np.arange(len(at), dtype=np.int32))
    return LinkedChunk(
        AlleleChunk(
            chunk.contig,
            np.insert(chunk.start0, at, start0),
            _longer(chunk.ref_offset, at),
            np.insert(chunk.ref_bases, chunk.ref_offset[at], bases[:, 0]),
            _longer(chunk.alt_offset, at),
            np.insert(chunk.alt_bases, chunk.alt_offset[at], bases[:, 1]),
            record_index,
            np.insert(chunk.alt_index, at, 0),
        ),
        np.insert(np.full(chunk.n_alleles, -1, np.int64), at, whole),
    )


def _longer(offset: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Borders of a pool into which one base was put before each of these entries."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.insert(np.diff(offset), at, 1))])
