"""Flat arrays of the alleles to score: what the stream hands to the scorer, and what the scorer hands back.

Knows neither the VCF library nor reads: plain arrays, so that every floor can use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

#: Why an ALT has no probability. The position in the tuple is the uint8 code; 0 means scored. Output vocabulary: never renumber.
STATUS_NAMES = (
    "scored",
    "no_alt",
    "unsupported_allele",
    "no_reads",
    "ref_mismatch",
    "contig_missing",
    "outside_regions",
    "allele_too_long",
    "invalid_allele",
    "no_carrier",
)
STATUS_CODE = {name: code for code, name in enumerate(STATUS_NAMES)}
#: Columns of read counts: reads that informed the score; of these those for REF against every ALT of the record, and for the ALT.
READS_INFORMING, READS_FOR_REF, READS_FOR_ALT = range(3)


@dataclass(frozen=True)
class AlleleChunk:
    """Scorable ALTs of consecutive records on one contig, in input order.

    contig: name as in the VCF.
    start0: int64 (n_alleles,), POS - 1 as the record wrote it.
    ref_offset: int64 (n_alleles + 1,), borders of each REF in `ref_bases`.
    ref_bases: uint8 (total,), upper-case ASCII.
    alt_offset: int64 (n_alleles + 1,), borders of each ALT in `alt_bases`.
    alt_bases: uint8 (total,), upper-case ASCII.
    record_index: int32 (n_alleles,), index of the record within the chunk of records.
    alt_index: int32 (n_alleles,), 0-based index of the ALT within its record.
    carriers: bool (n_samples, n_alleles), whether the genotype of each sample with reads has the ALT; None: reads are pooled.
    """

    contig: str
    start0: np.ndarray
    ref_offset: np.ndarray
    ref_bases: np.ndarray
    alt_offset: np.ndarray
    alt_bases: np.ndarray
    record_index: np.ndarray
    alt_index: np.ndarray
    carriers: np.ndarray | None = None

    @classmethod
    def from_alleles(cls, contig: str, alleles: Sequence[tuple[int, str, str]]) -> AlleleChunk:
        """A chunk of (POS - 1, REF, ALT), each a record of its own, rising by position. Bases are made upper-case."""
        ref_offset, ref_bases = _pool([ref for _, ref, _ in alleles])
        alt_offset, alt_bases = _pool([alt for _, _, alt in alleles])
        start0 = np.array([pos0 for pos0, _, _ in alleles], np.int64)
        record_index = np.arange(len(alleles), dtype=np.int32)
        return cls(contig, start0, ref_offset, ref_bases, alt_offset, alt_bases, record_index, np.zeros_like(record_index))

    @property
    def n_alleles(self) -> int:
        """Number of alleles in the chunk."""
        return len(self.start0)

    def subset(self, chosen: np.ndarray) -> AlleleChunk:
        """The alleles of these indices (ascending), without carriers."""
        ref_offset, ref_bases = _pool_subset(self.ref_offset, self.ref_bases, chosen)
        alt_offset, alt_bases = _pool_subset(self.alt_offset, self.alt_bases, chosen)
        return AlleleChunk(
            self.contig,
            self.start0[chosen],
            ref_offset,
            ref_bases,
            alt_offset,
            alt_bases,
            self.record_index[chosen],
            self.alt_index[chosen],
        )


def _pool(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(borders int64 (n + 1,), upper-case bases uint8) of some texts."""
    borders = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(text) for text in texts], dtype=np.int64)])
    return borders, np.frombuffer("".join(texts).upper().encode("ascii"), np.uint8)


def _pool_subset(offset: np.ndarray, bases: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(borders, bases) of the chosen entries of a pool."""
    lengths = (offset[1:] - offset[:-1])[chosen]
    new_offset = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    places = np.repeat(offset[chosen] - new_offset[:-1], lengths) + np.arange(new_offset[-1])
    return new_offset, bases[places]


@dataclass(frozen=True)
class SampleScores:
    """Scores of several samples, each by its own reads: fields of `AlleleScores` with an axis of samples before that of alleles.

    columns: int64 (n_samples,), the samples' columns in the records. status: `no_carrier` where a sample does not have the ALT.
    features: "features" of the first carrier of each allele, float32 (n_alleles, n_features), once there are any, and "known",
    whose are there; not of every sample, which would fill the memory.
    """

    columns: np.ndarray
    probability: np.ndarray
    log_odds: np.ndarray
    counts: np.ndarray
    status: np.ndarray
    reasons: np.ndarray
    features: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def without_carriers(cls, columns: np.ndarray, n_alleles: int) -> SampleScores:
        """Nothing scored yet: no sample has any of the ALTs."""
        shape = len(columns), n_alleles
        return cls(
            columns,
            np.full(shape, np.nan, np.float32),
            np.full(shape, np.nan),
            np.zeros((*shape, 3), np.int32),
            np.full(shape, STATUS_CODE["no_carrier"], np.uint8),
            np.zeros(shape, np.uint32),
        )

    def put(self, sample: int, alleles: np.ndarray, scores: AlleleScores) -> None:
        """Take in the scores of one sample (its place in `columns`) for some alleles (their indices)."""
        self.probability[sample, alleles] = scores.probability
        self.log_odds[sample, alleles] = scores.log_odds
        self.counts[sample, alleles] = scores.counts
        self.status[sample, alleles] = scores.status
        if scores.reasons is not None:
            self.reasons[sample, alleles] = scores.reasons
        if scores.features is not None:
            kept = self.features.setdefault("features", np.zeros((self.status.shape[1], scores.features.shape[1]), np.float32))
            known = self.features.setdefault("known", np.zeros(self.status.shape[1], bool))
            new = (scores.status == 0) & ~known[alleles]
            kept[alleles[new]] = scores.features[new]
            known[alleles[new]] = True

    def of_samples(self, chosen: np.ndarray) -> AlleleScores:
        """For each allele the scores of one sample. chosen: int64 (n_alleles,), places in `columns`."""
        alleles = np.arange(len(chosen))
        one = chosen, alleles
        return AlleleScores(
            self.probability[one],
            self.log_odds[one],
            self.counts[one],
            self.status[one],
            self.reasons[one],
            self.features.get("features"),
            samples=self,
        )


@dataclass(frozen=True)
class AlleleScores:
    """What the scorer knows of each allele of an `AlleleChunk`, in the same order.

    probability: float32 (n_alleles,), calibrated and rounded to 4 decimals; NaN where not scored.
    log_odds: float64 (n_alleles,), natural logarithm, calibrated and rounded to 4 decimals: tells apart what the probability no
    longer can; NaN where not scored.
    counts: int32 (n_alleles, 3), reads, see READS_INFORMING. Two mates are one read.
    status: uint8 (n_alleles,), code of STATUS_NAMES; 0 = scored.
    reasons: uint32 (n_alleles,), bit i set = the i-th name of vcffilter.annotation.reason_vocabulary applies; None when
    not asked for. features: float32 (n_alleles, n_features), what the network was given, in the model's order; None when unknown.
    samples: scores of each sample, where these are those of the best one; None where reads are pooled.
    """

    probability: np.ndarray
    log_odds: np.ndarray
    counts: np.ndarray
    status: np.ndarray
    reasons: np.ndarray | None = None
    features: np.ndarray | None = None
    samples: SampleScores | None = None

    @property
    def n_reads(self) -> np.ndarray:
        """int32 (n_alleles,), reads that informed the score."""
        return self.counts[..., READS_INFORMING]
