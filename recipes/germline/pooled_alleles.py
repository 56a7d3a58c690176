"""Called alleles of several VCFs pooled by normalised allele. Knows nothing of truth or labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from vcffilter.truth.call_sets import CallsFile
from vcffilter.truth.normalise import Allele, Edit, normalised, spelled


@dataclass
class PooledAllele:
    """One normalised allele and who called it. max_score: highest QUAL, or TLOD without one; or 0."""

    edit: Edit
    callers: set[str] = field(default_factory=set)
    max_score: float = 0.0

    @property
    def hard(self) -> bool:
        """A caller was sure enough (QUAL or TLOD of 1 or more) that no plain cut on QUAL removes it."""
        return self.max_score >= 1


def called_alleles(path: Path, contig: str) -> list[tuple[Allele, float]]:
    """((pos0, ref, alt), score) of every ALT with a sequence that a VCF has on the contig; score as in `PooledAllele`."""
    with CallsFile(path) as calls:
        of_contig = [call for call in calls.alleles() if call.contig == contig and call.has_sequence]
    return [(call.allele, 0.0 if math.isnan(call.caller_score) else call.caller_score) for call in of_contig]


def as_vcf(edit: Edit, reference: str) -> tuple[int, str, str]:
    """(POS, REF, ALT) of an edit."""
    pos0, ref, alt = spelled(reference, edit)
    return pos0 + 1, ref, alt


def pool(calls: dict[str, list[tuple[Allele, float]]], reference: str) -> dict[Edit, PooledAllele]:
    """Alleles of several callers by normalised allele."""
    pooled: dict[Edit, PooledAllele] = {}
    for caller, alleles in calls.items():
        for (pos0, ref, alt), score in alleles:
            edit = normalised(pos0, ref, alt, reference)
            if edit is None:
                continue
            item = pooled.setdefault(edit, PooledAllele(edit))
            item.callers.add(caller)
            item.max_score = max(item.max_score, score)
    return pooled
