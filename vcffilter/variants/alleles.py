"""Flat arrays of the alleles to score: what the stream hands to the scorer, and what the scorer hands back.

Knows neither the VCF library nor reads: plain arrays, so that every floor can use them.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    contig: str
    start0: np.ndarray
    ref_offset: np.ndarray
    ref_bases: np.ndarray
    alt_offset: np.ndarray
    alt_bases: np.ndarray
    record_index: np.ndarray
    alt_index: np.ndarray

    @property
    def n_alleles(self) -> int:
        """Number of alleles in the chunk."""
        return len(self.start0)


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
    """

    probability: np.ndarray
    log_odds: np.ndarray
    counts: np.ndarray
    status: np.ndarray
    reasons: np.ndarray | None = None
    features: np.ndarray | None = None

    @property
    def n_reads(self) -> np.ndarray:
        """int32 (n_alleles,), reads that informed the score."""
        return self.counts[..., READS_INFORMING]
