"""Twin of kernels/normalised_alleles.py: an ALT as called, trimmed, moved left, with the range over which it shifts."""

from __future__ import annotations

from dataclasses import dataclass

from twin.bases import bases_hash, plain_bases
from twin.reference import Contig
from twin.scan import MAX_SHIFT

MAX_ALLELE_LENGTH = 128
FINE, REF_MISMATCH, TOO_LONG, NOT_AN_ALLELE, OFF_REFERENCE = range(5)
SUBSTITUTION, INSERTION, DELETION, COMPLEX = range(4)


@dataclass(frozen=True)
class Called:
    """An ALT as the caller wrote it."""

    start0: int
    ref: str
    alt: str


@dataclass(frozen=True)
class Allele:
    """start0, end0: replaced reference bases, half-open, as far left as it goes. shift_end0: end0 as far right as it goes."""

    kind: int
    start0: int
    end0: int
    shift_end0: int
    alt: str

    @property
    def is_substitution(self) -> bool:
        return self.kind == SUBSTITUTION

    @property
    def is_pure_indel(self) -> bool:
        return self.kind in (INSERTION, DELETION)

    @property
    def n_replaced(self) -> int:
        return self.end0 - self.start0

    @property
    def change(self) -> int:
        """Bases gained."""
        return len(self.alt) - self.n_replaced

    @property
    def indel_hash(self) -> int:
        return bases_hash(self.alt) if self.kind == INSERTION else 0


def _moved_left(contig: Contig, start0: int, end0: int, alt: str) -> tuple[int, int, str]:
    """A pure insertion or deletion one base further left, again and again."""
    for _ in range(MAX_SHIFT):
        before = contig.base(start0 - 1)
        if before == "N" or before != (alt or contig.bases(start0, end0))[-1]:
            break
        start0, end0 = start0 - 1, end0 - 1
        alt = alt[-1:] + alt[:-1]
    return start0, end0, alt


def _right_end(contig: Contig, start0: int, end0: int, alt: str) -> int:
    for _ in range(2 * MAX_SHIFT):
        after = contig.base(end0)
        if after == "N" or after != (alt or contig.base(start0))[0]:
            break
        start0, end0 = start0 + 1, end0 + 1
        alt = alt[1:] + alt[:1]
    return end0


def normalise(contig: Contig, called: Called) -> tuple[int, Allele | None]:
    """The problem code, and the allele where it is FINE."""
    ref, alt = plain_bases(called.ref), plain_bases(called.alt)
    start0, end0 = called.start0, called.start0 + len(ref)
    if start0 < 0 or end0 > contig.length:
        return OFF_REFERENCE, None
    if any(mine != theirs and "N" not in (mine, theirs) for mine, theirs in zip(ref, contig.bases(start0, end0), strict=True)):
        return REF_MISMATCH, None
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt, end0 = ref[:-1], alt[:-1], end0 - 1
    while ref and alt and ref[0] == alt[0]:
        ref, alt, start0 = ref[1:], alt[1:], start0 + 1
    if not ref and not alt:
        return NOT_AN_ALLELE, None
    if max(len(ref), len(alt)) > MAX_ALLELE_LENGTH:
        return TOO_LONG, None
    if ref and alt:
        return FINE, Allele(SUBSTITUTION if len(ref) == len(alt) else COMPLEX, start0, end0, end0, alt)
    shift_end0 = _right_end(contig, start0, end0, alt)
    start0, end0, alt = _moved_left(contig, start0, end0, alt)
    return FINE, Allele(INSERTION if alt else DELETION, start0, end0, shift_end0, alt)
