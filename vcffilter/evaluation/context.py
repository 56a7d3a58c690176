"""What an allele is and where it lies: kind, size, and the repeats of the reference around it. Plain strings, no files."""

from __future__ import annotations

from typing import NamedTuple

from vcffilter.truth.normalise import Edit, Span

SNV, INSERTION, DELETION, COMPLEX = range(4)
#: By the codes above, as in tables.
KIND_NAMES = ("SNP", "INS", "DEL", "COMPLEX")
_TRANSITIONS = frozenset(("AG", "GA", "CT", "TC"))
#: A tandem repeat: so many copies of a unit of 2 to 6 bases, and so many bases.
_MIN_COPIES, _MIN_REPEAT_BASES, _UNITS = 3, 10, range(2, 7)


class AlleleKind(NamedTuple):
    """kind: a code of above. size_bases: 1 for an SNV, else inserted, deleted, or of a complex allele's longer side."""

    kind: int
    size_bases: int
    is_transition: bool


def describe(written: Edit, reference: str) -> AlleleKind:
    """What a trimmed allele is. reference: the contig's sequence, upper case."""
    n_replaced, n_written = written.end0 - written.start0, len(written.alt)
    if n_replaced == n_written == 1:
        return AlleleKind(SNV, 1, reference[written.start0 : written.end0] + written.alt in _TRANSITIONS)
    kind = COMPLEX if n_replaced and n_written else INSERTION if n_written else DELETION
    return AlleleKind(kind, max(n_replaced, n_written), False)


def homopolymer_bases(span: Span, reference: str) -> int:
    """Length of the longest run of one base that lies at the span or touches it; runs of N count 0."""
    longest, pos0 = 0, max(span.start0 - 1, 0)
    while pos0 <= min(span.end0, len(reference) - 1):
        base, first, last = reference[pos0], pos0, pos0
        while first > 0 and reference[first - 1] == base:
            first -= 1
        while last + 1 < len(reference) and reference[last + 1] == base:
            last += 1
        if base != "N":
            longest = max(longest, last - first + 1)
        pos0 = last + 1
    return longest


def in_tandem_repeat(span: Span, reference: str) -> bool:
    """Whether at least three copies of a unit of 2 to 6 bases, ten bases or more, lie at the span or touch it."""
    return any(
        _repeats(first, unit, reference)
        for unit in _UNITS
        for first in (span.start0, span.start0 - unit, span.end0)
        if 0 <= first <= len(reference) - unit
    )


def _repeats(first: int, unit: int, reference: str) -> bool:
    """Whether the `unit` bases at `first` belong to a tandem repeat of that unit."""
    start, end = first, first + unit
    while start > 0 and reference[start - 1] == reference[start - 1 + unit]:
        start -= 1
    while end < len(reference) and reference[end] == reference[end - unit]:
        end += 1
    long_enough = end - start >= max(_MIN_COPIES * unit, _MIN_REPEAT_BASES)
    return long_enough and len(set(reference[first : first + unit])) > 1
