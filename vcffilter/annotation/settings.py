"""What to write: key names, thresholds, and how FILTER is treated. Plain data, checked on construction."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, replace
from enum import IntEnum

import numpy as np

from vcffilter.calibration.bands import Bands
from vcffilter.calibration.tiers import Tier
from vcffilter.errors import UsageError

SNV_FILTER = "LowPileupSNV"
#: What is written of an ALT within the tier, and of the others.
SURE, CONFIRM = "SURE", "CONFIRM"
INDEL_FILTER = "LowPileupIndel"
#: Of an ALT that would pass, and that others' reads explain as noise.
BACKGROUND_FILTER = "BackgroundNoise"
#: From so many informing reads on the thresholds of older checkpoints for many reads hold.
DEEP_READS = 21
_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
#: INFO keys whose meaning the VCF specification fixes, whether a header declares them or not.
_RESERVED_KEYS = frozenset((
    "1000G", "AA", "AC", "AD", "ADF", "ADR", "AF", "AN", "BQ", "CIEND", "CIGAR", "CILEN",
    "CIPOS", "CN", "DB", "DP", "END", "EVENT", "H2", "H3", "HOMLEN", "HOMSEQ", "IMPRECISE", "MATEID",
    "METRANS", "MQ", "MQ0", "NOVEL", "NS", "PARID", "SB", "SOMATIC", "SVCLAIM", "SVLEN", "SVTYPE", "VALIDATED",
))  # fmt: skip


class FilterMode(IntEnum):
    """How a verdict meets the FILTER that is there. What was not scored stays as it was in every mode.

    APPEND: failing adds to what is there (PASS or "." gives way); passing turns "." into PASS and leaves earlier filters.
    REPLACE: failing replaces what is there; passing as in APPEND.
    RESET: FILTER becomes the verdict alone, PASS included.
    """

    APPEND = 0
    REPLACE = 1
    RESET = 2


@dataclass(frozen=True)
class Thresholds:
    """An ALT fails when its probability is below the one of its type; 0 fails nothing.

    snv_deep, indel_deep: of ALTs informed by at least DEEP_READS reads, which only older checkpoints tell apart; None = as the
    others.
    """

    snv: float
    indel: float
    snv_deep: float | None = None
    indel_deep: float | None = None

    def __post_init__(self) -> None:
        for name, value in zip(("SNV", "indel", "deep SNV", "deep indel"), self.by_depth, strict=True):
            if not 0 <= value <= 1:
                raise UsageError(f"the {name} threshold {value} is no probability", hint="Give a number from 0 to 1")

    @property
    def by_depth(self) -> tuple[float, float, float, float]:
        """(SNV, indel, deep SNV, deep indel), whatever was given."""
        deep_snv = self.snv if self.snv_deep is None else self.snv_deep
        deep_indel = self.indel if self.indel_deep is None else self.indel_deep
        return self.snv, self.indel, deep_snv, deep_indel

    def of_alleles(self, is_snv: np.ndarray, n_reads: np.ndarray) -> np.ndarray:
        """The threshold of each ALT, float32 (n,). is_snv: bool (n,). n_reads: int (n,), that informed it."""
        return np.array(self.by_depth, np.float32)[2 * (n_reads >= DEEP_READS) + ~is_snv]


@dataclass(frozen=True)
class AnnotationKeys:
    """Names of the INFO keys, made by `annotation_keys`."""

    probability: str
    score: str
    depth: str
    allele_depth: str
    verdict: str
    alt_score: str
    status: str
    reason: str
    alt_reason: str
    tier: str
    band: str
    background: str
    background_alt_reads: str
    background_reads: str
    stage: str


def annotation_keys(prefix: str = "PILEUP", score_key: str | None = None) -> AnnotationKeys:
    """The keys under a prefix; `score_key` names the scalar otherwise. Raises UsageError on a name that VCF does not allow."""
    if not prefix:
        raise UsageError("--info-prefix is empty", hint="Give a name, or leave it out")
    if score_key in _RESERVED_KEYS:
        raise UsageError(f"INFO/{score_key} means something else in every VCF", hint="Give another --score-key")
    if score_key in (SNV_FILTER, INDEL_FILTER, BACKGROUND_FILTER, "PASS"):
        raise UsageError(f"{score_key} is the name of a FILTER", hint="Give another --score-key")
    keys = AnnotationKeys(
        probability=f"{prefix}_PROB",
        score=score_key or f"{prefix}_SCORE",
        depth=f"{prefix}_DP",
        allele_depth=f"{prefix}_AD",
        verdict=f"{prefix}_FT",
        alt_score=f"{prefix}_ALT_SCORE",
        status=f"{prefix}_STATUS",
        reason=f"{prefix}_REASON",
        alt_reason=f"{prefix}_ALT_REASON",
        tier=f"{prefix}_TIER",
        band=f"{prefix}_BAND",
        background=f"{prefix}_BACKGROUND",
        background_alt_reads=f"{prefix}_BACKGROUND_AD",
        background_reads=f"{prefix}_BACKGROUND_DP",
        stage=f"{prefix}_STAGE",
    )
    for key in (keys.probability, keys.score):
        if not _KEY.fullmatch(key):
            raise UsageError(f"{key!r} is no INFO key", hint="Use letters, digits, '_' and '.', not starting with a digit")
    others = astuple(replace(keys, score=""))
    if keys.score in others:
        raise UsageError(f"the score cannot be written as {keys.score}, which means something else here")
    return keys


@dataclass(frozen=True)
class AnnotationSettings:
    """keys: names to write. thresholds: where an ALT fails. mode: how FILTER is treated. annotate_only: leave FILTER alone.

    with_reasons: write why a failing record failed. with_samples: write scores of each sample;
    with_sample_verdicts: and verdicts. tier: say of each ALT whether it lies there; bands: in which of them;
    None = not written. background: names of the samples whose reads are the background; () = none is written.
    background_decides: what it explains as noise fails.
    with_stage: say of each ALT which stage of the model decided.
    """

    keys: AnnotationKeys
    thresholds: Thresholds
    mode: FilterMode = FilterMode.APPEND
    annotate_only: bool = False
    with_reasons: bool = False
    with_samples: bool = False
    with_sample_verdicts: bool = False
    tier: Tier | None = None
    bands: Bands | None = None
    background: tuple[str, ...] = ()
    background_decides: bool = False
    with_stage: bool = False
