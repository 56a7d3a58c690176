"""Cuts templates into spliced transcripts of uneven abundance. Knows no reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vcffilter.errors import UsageError
from vcffilter.simulation.haplotypes import Template, without_introns
from vcffilter.simulation.reference import Reference

_LONGEST_DESERT = 4_000
#: A copy of an intron with little or nothing of its exons leaves no molecule to draw from.
_SHORTEST_TRANSCRIPT = 100


@dataclass(frozen=True)
class Gene:
    """Exons as (start0, end0), 0-based half-open, in order; abundance relative to the mean."""

    exons: list[tuple[int, int]]
    abundance: float

    @property
    def introns(self) -> list[tuple[int, int]]:
        """What lies between the exons."""
        return [(before[1], after[0]) for before, after in zip(self.exons, self.exons[1:], strict=False)]


def place_genes(rng: np.random.Generator, reference: Reference) -> list[Gene]:
    """Genes one after the other: 2 to 7 exons of 80 to 400 bases, a long last one, introns of 100 to 1200 bases.

    Raises UsageError when the reference is too short for one.
    """
    genes: list[Gene] = []
    at, last = reference.callable0[0] + 300, reference.callable0[1] - 300
    while at < last - 2_000:
        exons = []
        n_exons = int(rng.integers(2, 8))
        for number in range(n_exons):
            length = int(rng.integers(600, 1_500)) if number == n_exons - 1 else int(rng.integers(80, 400))
            if at + length > last:
                break
            exons.append((at, at + length))
            at += length + int(rng.integers(100, 1_200))
        if exons:
            genes.append(Gene(exons, float(rng.lognormal(-0.8, 1.4))))
        at += int(rng.integers(100, _LONGEST_DESERT))
    if not genes:
        raise _too_short(len(reference), "too few for a gene")
    return genes


def _too_short(n_bases: int, why: str) -> UsageError:
    return UsageError(f"{n_bases} bases are {why}", hint="Take 5,000 or more: --length 5000")


def spliced_templates(rng: np.random.Generator, templates: list[Template], genes: list[Gene]) -> list[Template]:
    """One template per gene and given template, without introns; a few stay unspliced.

    Raises UsageError when no gene is long enough to draw reads from.
    """
    transcripts = []
    for template in templates:
        known = np.maximum.accumulate(template.ref_pos0)
        for gene in genes:
            low, high = np.searchsorted(known, (gene.exons[0][0], gene.exons[-1][1]))
            if high - low < 300:
                continue
            # Alleles of one gene are seldom transcribed equally.
            copies = template.copies * gene.abundance * float(rng.uniform(0.6, 1.4))
            piece = replace(template, bases=template.bases[low:high], ref_pos0=template.ref_pos0[low:high], copies=0.96 * copies)
            spliced = without_introns(piece, gene.introns)
            if len(spliced.bases) >= _SHORTEST_TRANSCRIPT:
                transcripts.append(spliced)
            transcripts.append(replace(piece, copies=0.04 * copies))
    if not transcripts:
        raise _too_short(max(gene.exons[-1][1] - gene.exons[0][0] for gene in genes), "too few for a gene that reads fit into")
    return transcripts


def exonic(genes: list[Gene]) -> list[tuple[int, int]]:
    """All exons in order."""
    return sorted(exon for gene in genes for exon in gene.exons)
