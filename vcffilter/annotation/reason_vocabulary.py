"""The vocabulary of PILEUP_REASON: why an ALT looks false. How a reason is found is no business of this module."""

from __future__ import annotations

#: Bit i of `AlleleScores.reasons` stands for the i-th name. Output vocabulary: append only, never renumber.
REASON_NAMES = (
    "strand_bias",
    "low_mapq",
    "read_end",
    "homopolymer",
    "few_alt_reads",
    "clipped_reads",
    "low_base_quality",
    "mismatch_load",
    "nearby_indel",
    "allele_imbalance",
    "tandem_repeat",
    "few_distinct_starts",
    "other",
    "no_alt_reads",
    "linked_variants",
)
