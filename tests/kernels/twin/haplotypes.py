"""Twin of kernels/haplotypes.py: REF, ALT, and each with the indels that other reads carry nearby."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twin.normalised_alleles import MAX_ALLELE_LENGTH, Allele
from twin.reference import Contig
from twin.scan import Indel

FLANK = 30
MAX_NEARBY_LENGTH = 50
SLACK = MAX_ALLELE_LENGTH + MAX_NEARBY_LENGTH + 2
MAX_NEARBY = 2
MAX_DISTINCT_NEARBY = 64


@dataclass(frozen=True)
class Haplotype:
    """bases: the sequence from reference position `origin0` on. delta: its length minus that of the reference.

    first0, last0: where the first replaced stretch begins and the last one ends on the reference; None where all places hold.
    """

    bases: str
    origin0: int
    delta: int
    first0: int | None
    last0: int | None
    has_allele: bool


@dataclass(frozen=True)
class Nearby:
    """Indels around an allele: how often reads carry each, and those that count as explanations."""

    n_distinct: int
    n_carried: int
    chosen: tuple[Indel, ...]


def is_the_allele(indel: Indel, allele: Allele) -> bool:
    """Whether a read's indel is the called one."""
    return allele.is_pure_indel and indel.key == (allele.start0, allele.change, allele.alt)


def find_nearby(allele: Allele, indels_of_reads: Sequence[Sequence[Indel]]) -> Nearby:
    """Count the other indels that the site's reads carry inside the compared window; the most frequent two explain."""
    first0, last0 = allele.start0 - FLANK, allele.shift_end0 + FLANK
    count: dict[tuple[int, int, str], int] = {}
    one: dict[tuple[int, int, str], Indel] = {}
    for indels in indels_of_reads:
        for indel in indels:
            if not first0 <= indel.pos0 < last0 or abs(indel.length) > MAX_NEARBY_LENGTH or is_the_allele(indel, allele):
                continue
            if indel.key not in count and len(count) == MAX_DISTINCT_NEARBY:
                continue
            one.setdefault(indel.key, indel)
            count[indel.key] = count.get(indel.key, 0) + 1
    ranked = sorted(one.values(), key=lambda indel: (-count[indel.key], indel.pos0, indel.length, indel.hash))
    chosen = [indel for indel in ranked[:MAX_NEARBY] if count[indel.key] >= 2 and 16 * count[indel.key] >= len(indels_of_reads)]
    return Nearby(len(count), sum(count.values()), tuple(chosen))


def _with_changes(contig: Contig, origin0: int, stop0: int, changes: list[tuple[int, int, str]]) -> str:
    """The reference from origin0 to stop0 with (start0, end0, new bases) put in."""
    bases, position = "", origin0
    for start0, end0, new in changes:
        bases += contig.bases(position, start0) + new
        position = end0
    return bases + contig.bases(position, stop0)


def _haplotype(contig: Contig, allele: Allele, with_allele: bool, indel: Indel | None) -> Haplotype:
    origin0 = allele.start0 - FLANK - SLACK
    stop0 = allele.shift_end0 + FLANK + SLACK
    changes, moving = [], []
    if with_allele:
        change = (allele.start0, allele.end0, allele.alt)
        changes.append(change)
        if not allele.is_substitution:
            moving.append(change)
    if indel is not None:
        change = (indel.pos0, indel.end0, indel.inserted)
        changes.append(change)
        moving.append(change)
    changes.sort(key=lambda change: change[:2])
    return Haplotype(
        bases=_with_changes(contig, origin0, stop0, changes),
        origin0=origin0,
        delta=sum(len(new) - (end0 - start0) for start0, end0, new in changes),
        first0=min((start0 for start0, _, _ in moving), default=None),
        last0=max((end0 for _, end0, _ in moving), default=None),
        has_allele=with_allele,
    )


def _fits_alt(indel: Indel, allele: Allele) -> bool:
    """Whether ALT and a nearby indel can lie on one haplotype without touching."""
    if allele.is_substitution:
        return indel.end0 <= allele.start0 or indel.pos0 >= allele.end0
    return indel.end0 < allele.start0 or indel.pos0 > allele.shift_end0


def build_haplotypes(contig: Contig, allele: Allele, chosen: Sequence[Indel]) -> list[Haplotype]:
    """All sequences that a read is compared with.

    A nearby indel that alone makes the ALT sequence is the same variant placed differently: it is no other explanation.
    """
    alt = _haplotype(contig, allele, True, None)
    haplotypes = [_haplotype(contig, allele, False, None), alt]
    for indel in chosen:
        alone = _haplotype(contig, allele, False, indel)
        if alone.bases == alt.bases:
            continue
        haplotypes.append(alone)
        if _fits_alt(indel, allele):
            haplotypes.append(_haplotype(contig, allele, True, indel))
    return haplotypes
