"""Flat arrays of the scores of alleles: what the scorer hands back to the stream, or why it could not.

Knows neither the VCF library nor reads: plain arrays, so that every floor can use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vcffilter.variants.background_counts import BackgroundCounts

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
#: Which stage of a model decided, by its uint8 code: none, trees on site features, or the network on reads.
STAGE_NAMES = (".", "trees", "network")
STAGE_NONE, STAGE_TREES, STAGE_NETWORK = range(3)
#: Columns of read counts: reads that informed the score; of these those for REF against every ALT of the record, and for the ALT.
READS_INFORMING, READS_FOR_REF, READS_FOR_ALT = range(3)


@dataclass(frozen=True)
class SampleScores:
    """Scores of several samples, each by its own reads: fields of `AlleleScores` with an axis of samples before that of alleles.

    columns: int64 (n_samples,), the samples' columns in the records. status: `no_carrier` where a sample does not have the ALT.
    features: "features" of the first carrier of each allele, float32 (n_alleles, n_features), once there are any, and "known",
    whose are there; not of every sample, which would fill the memory.
    background: reads of others at the alleles; None when not asked for.
    """

    columns: np.ndarray
    probability: np.ndarray
    log_odds: np.ndarray
    counts: np.ndarray
    status: np.ndarray
    reasons: np.ndarray
    stage: np.ndarray
    features: dict[str, np.ndarray] = field(default_factory=dict)
    background: BackgroundCounts | None = None

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
            np.zeros(shape, np.uint8),
        )

    def put(self, sample: int, alleles: np.ndarray, scores: AlleleScores) -> None:
        """Take in the scores of one sample (its place in `columns`) for some alleles (their indices)."""
        self.probability[sample, alleles] = scores.probability
        self.log_odds[sample, alleles] = scores.log_odds
        self.counts[sample, alleles] = scores.counts
        self.status[sample, alleles] = scores.status
        if scores.reasons is not None:
            self.reasons[sample, alleles] = scores.reasons
        if scores.stage is not None:
            self.stage[sample, alleles] = scores.stage
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
            self.stage[one],
            samples=self,
            background=self.background,
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
    stage: uint8 (n_alleles,), code of STAGE_NAMES: which stage of the model decided; None of a model without stages.
    samples: scores of each sample, where these are those of the best one; None where reads are pooled.
    background: reads of others at the alleles, which no score knows; None when not asked for.
    """

    probability: np.ndarray
    log_odds: np.ndarray
    counts: np.ndarray
    status: np.ndarray
    reasons: np.ndarray | None = None
    features: np.ndarray | None = None
    stage: np.ndarray | None = None
    samples: SampleScores | None = None
    background: BackgroundCounts | None = None

    @classmethod
    def unscored(cls, status: Sequence[int]) -> AlleleScores:
        """Of alleles that were not scored, by the codes of their statuses."""
        n = len(status)
        nothing = np.full(n, np.nan, np.float32)
        return cls(nothing, nothing.astype(np.float64), np.zeros((n, 3), np.int32), np.array(status, np.uint8))

    def subset(self, chosen: np.ndarray) -> AlleleScores:
        """Those of the alleles of these indices, as arrays of their own; without samples and background."""
        return AlleleScores(
            self.probability[chosen],
            self.log_odds[chosen],
            self.counts[chosen],
            self.status[chosen],
            None if self.reasons is None else self.reasons[chosen],
            None if self.features is None else self.features[chosen],
            None if self.stage is None else self.stage[chosen],
        )

    @property
    def n_reads(self) -> np.ndarray:
        """int32 (n_alleles,), reads that informed the score."""
        return self.counts[..., READS_INFORMING]
