"""Called alleles of several VCFs pooled by normalised allele. Knows nothing of truth or labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vcffilter.truth.normalise import Edit, is_sequence, left_align, trim
from vcffilter.truth.truth_files import open_variants

Allele = tuple[int, str, str]


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


def normalised(pos0: int, ref: str, alt: str, reference: str) -> Edit | None:
    """The allele trimmed and left-aligned; None when it is no sequence, REF, or off the reference."""
    ref, alt = ref.upper(), alt.upper()
    if not is_sequence(alt) or ref == alt or reference[pos0 : pos0 + len(ref)] != ref:
        return None
    return left_align(trim(pos0, ref, alt), reference)


def as_vcf(edit: Edit, reference: str) -> tuple[int, str, str]:
    """(POS, REF, ALT) of a normalised edit as in a VCF, with the base before an insertion or deletion."""
    if edit.start0 < edit.end0 and edit.alt:
        return edit.start0 + 1, reference[edit.start0 : edit.end0], edit.alt
    if edit.start0 == 0:
        return 1, reference[: edit.end0 + 1], edit.alt + reference[edit.end0]
    anchor = reference[edit.start0 - 1]
    return edit.start0, anchor + reference[edit.start0 : edit.end0], anchor + edit.alt


def called_alleles(path: Path, contig: str) -> list[tuple[Allele, float]]:
    """((pos0, ref, alt), score) of every ALT that a VCF has on the contig; score as in `PooledAllele`."""
    found = []
    with open_variants(path) as records:
        for record in records:
            if record.chrom != contig:
                continue
            lods = record.info.get("TLOD") if record.qual is None else None
            for index, alt in enumerate(record.alts or ()):
                score = record.qual if record.qual is not None else (lods[index] if lods else 0.0)
                found.append(((record.pos - 1, record.ref.upper(), alt.upper()), float(score)))
    return found


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
