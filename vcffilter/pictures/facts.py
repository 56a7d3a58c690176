"""What stands beside a pileup: the call, its score and its verdict, as lines of text. Knows no reads."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class CallFacts:
    """One ALT of one record.

    pos1: as in the VCF. qual_phred: None where missing. probability, log_odds: NaN where not scored. threshold: probability below
    which the ALT fails, None where unknown. own_verdict: PASS or the filter's name, as the file has it for this ALT; "" where it
    has none. n_reads: reads that informed the score, None where unknown. sample: name, or "". stage: of a model of two stages the
    one that decided (`trees`, `network`), else "". alt_number: in the record, from 1.
    """

    contig: str
    pos1: int
    ref: str
    alt: str
    qual_phred: float | None = None
    filters: str = "."
    genotype: str = ""
    sample: str = ""
    probability: float = math.nan
    log_odds: float = math.nan
    threshold: float | None = None
    own_verdict: str = ""
    n_reads: int | None = None
    status: str = ""
    reasons: tuple[str, ...] = ()
    stage: str = ""
    alt_number: int = 1

    @property
    def place(self) -> str:
        """CHROM:POS REF>ALT, long alleles cut."""
        return f"{self.contig}:{self.pos1} {_short(self.ref)}>{_short(self.alt)}"

    @property
    def has_parts(self) -> bool:
        """Whether it is a substitution of several bases, which scores no lower than the least of them."""
        return len(self.ref) == len(self.alt) and sum(a != b for a, b in zip(self.ref, self.alt, strict=True)) > 1

    @property
    def file_stem(self) -> str:
        """A name for files of this call; nothing of a contig's or allele's name can lead out of a folder."""
        parts = (self.contig, str(self.pos1), self.ref[:12], self.alt[:12])
        return "_".join(re.sub(r"[^A-Za-z0-9.*-]", "-", part).lstrip(".") or "-" for part in parts)

    @property
    def verdict(self) -> str:
        """What the filter made of it."""
        if math.isnan(self.probability):
            return f"not scored ({self.status})" if self.status else "not scored"
        if self.own_verdict:
            return "passes" if self.own_verdict == "PASS" else "fails"
        if self.threshold is None:
            return "scored"
        return "fails" if self.probability < self.threshold else "passes"

    def lines(self) -> list[str]:
        """Two lines: what the caller said; what the reads say."""
        caller = [f"FILTER {self.filters}", f"QUAL {self.qual_phred:g}" if self.qual_phred is not None else "QUAL ."]
        caller += [f"GT {self.genotype}"] if self.genotype else []
        caller += [self.sample] if self.sample else []
        score = [self.verdict]
        if not math.isnan(self.probability):
            score.append(f"probability {self.probability:.4g}")
            score += [f"threshold {self.threshold:g}"] if self.threshold is not None else []
            score += [f"log-odds {self.log_odds:.3g}"] if not math.isnan(self.log_odds) else []
        score += [f"{self.n_reads} reads informed it"] if self.n_reads is not None else []
        score += [f"decided by the {self.stage}"] if self.stage else []
        score += ["because of " + ", ".join(self.reasons)] if self.reasons else []
        return ["  ".join(caller), "; ".join(score)]


def _short(allele: str) -> str:
    return allele if len(allele) <= 24 else f"{allele[:10]}...{allele[-6:]} ({len(allele)})"
