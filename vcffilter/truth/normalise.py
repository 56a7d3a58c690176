"""Alleles in their shortest, left-most spelling, and the range over which an indel can be written.

Pure sequence arithmetic on one contig held as a string. Must not know files, VCF libraries or labels.
"""

from __future__ import annotations

from typing import NamedTuple

#: Letters that an allele may be made of; anything else (symbolic, breakend, `*`) has no sequence to compare.
_BASES = frozenset("ACGTN")
#: (pos0, ref, alt) of one ALT, in upper case.
Allele = tuple[int, str, str]


class Edit(NamedTuple):
    """Replace reference[start0:end0] by `alt`, 0-based half open; start0 == end0: insert before start0."""

    start0: int
    end0: int
    alt: str


class Span(NamedTuple):
    """Half-open range of the reference, 0-based."""

    start0: int
    end0: int


def is_sequence(allele: str) -> bool:
    """True when the (upper-case) allele is made of A, C, G, T and N only, and is not empty."""
    return bool(allele) and _BASES.issuperset(allele)


def trim(pos0: int, ref: str, alt: str) -> Edit:
    """Cut what REF and ALT share, the right end first; the edit stays where the record put it (no shifting).

    An ALT equal to REF becomes an empty edit (start0 == end0, alt == "").
    """
    if len(ref) == 1 and len(alt) == 1 and ref != alt:
        return Edit(pos0, pos0 + 1, alt)
    n_ref, n_alt = len(ref), len(alt)
    while n_ref and n_alt and ref[n_ref - 1] == alt[n_alt - 1]:
        n_ref -= 1
        n_alt -= 1
    left = 0
    while left < n_ref and left < n_alt and ref[left] == alt[left]:
        left += 1
    return Edit(pos0 + left, pos0 + n_ref, alt[left:n_alt])


def left_align(edit: Edit, reference: str) -> Edit:
    """The same change written as far left as it can be; only pure insertions and deletions move."""
    start0, end0, alt = edit
    if start0 == end0:
        moved = bytearray(alt, "ascii")
        shift = 0
        size = len(moved)
        # Rotating by index instead of rebuilding the string keeps long homopolymers linear.
        while size and start0 > 0 and reference[start0 - 1] == chr(moved[(size - 1 - shift) % size]):
            start0 -= 1
            shift += 1
        turn = shift % size if size else 0
        return Edit(start0, start0, alt[size - turn :] + alt[: size - turn])
    if not alt:
        while start0 > 0 and reference[start0 - 1] == reference[end0 - 1]:
            start0 -= 1
            end0 -= 1
        return Edit(start0, end0, "")
    return edit


def normalised(pos0: int, ref: str, alt: str, reference: str) -> Edit | None:
    """The allele trimmed and moved left; None when it is no sequence, REF, or does not stand on the reference's bases."""
    ref, alt = ref.upper(), alt.upper()
    if not is_sequence(alt) or ref == alt or reference[pos0 : pos0 + len(ref)] != ref:
        return None
    return left_align(trim(pos0, ref, alt), reference)


def spelled(reference: str, edit: Edit) -> tuple[int, str, str]:
    """(pos0, REF, ALT) of an edit; a plain insertion or deletion gets the base before it, at the contig's start the one after."""
    start0, end0, alt = edit
    ref = reference[start0:end0]
    if ref and alt:
        return start0, ref, alt
    if start0 == 0:
        after = reference[end0 : end0 + 1]
        return 0, ref + after, alt + after
    before = reference[start0 - 1]
    return start0 - 1, before + ref, before + alt


def equivalent_span(edit: Edit, reference: str) -> Span:
    """Reference bases over which the edit can be written, from its left-most to its right-most spelling.

    For an insertion: the bases it can be placed between, so an insertion with one spelling only has an empty
    span.
    """
    start0, end0, alt = left_align(edit, reference)
    length = len(reference)
    if start0 == end0 and alt:
        size = len(alt)
        right = start0
        while right < length and reference[right] == alt[(right - start0) % size]:
            right += 1
        return Span(start0, right)
    if not alt:
        right = end0
        size = end0 - start0
        while size and right < length and reference[right] == reference[right - size]:
            right += 1
        return Span(start0, right)
    return Span(start0, end0)
