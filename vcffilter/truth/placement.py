"""An allele on its contig: as written, in its left-most spelling, and where else it can be written. Plain strings, no files."""

from __future__ import annotations

from typing import NamedTuple

from vcffilter.truth.normalise import Edit, Span, equivalent_span, left_align, trim


class PlacedAllele(NamedTuple):
    """written: trimmed, where the record put it. normalised: left-most. span: reference bases over which it can be written."""

    written: Edit
    normalised: Edit
    span: Span


def place(pos0: int, ref: str, alt: str, reference: str) -> PlacedAllele:
    """Trim and normalise an allele. reference: the contig's sequence, upper case; an allele that is not on it stays in place."""
    written = trim(pos0, ref, alt)
    is_single_base = len(written.alt) == 1 and written.end0 == written.start0 + 1
    if is_single_base or not is_on(pos0, ref, reference):
        return PlacedAllele(written, written, Span(written.start0, written.end0))
    return PlacedAllele(written, left_align(written, reference), equivalent_span(written, reference))


def is_on(pos0: int, ref: str, reference: str) -> bool:
    """Whether REF is what the reference has there."""
    return reference[pos0 : pos0 + len(ref)] == ref
