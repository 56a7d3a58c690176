"""VCF spellings of an allele: left-most, or moved right within its range. Knows no file and no reads."""

from __future__ import annotations

from vcffilter.truth.normalise import Edit, equivalent_span, left_align, spelled, trim


def normalised(reference: str, pos0: int, ref: str, alt: str) -> tuple[int, str, str]:
    """The allele trimmed and moved left."""
    return spelled(reference, left_align(trim(pos0, ref, alt), reference))


def shift_range(reference: str, pos0: int, ref: str, alt: str) -> int:
    """By how many bases a plain insertion or deletion could be moved right from its left-most place; 0 for anything else."""
    edit = trim(pos0, ref, alt)
    span = equivalent_span(edit, reference)
    if edit.alt and edit.end0 > edit.start0:
        return 0
    return span.end0 - span.start0 - (edit.end0 - edit.start0)


def shifted(reference: str, pos0: int, ref: str, alt: str, steps: int) -> tuple[int, str, str]:
    """A plain insertion or deletion written `steps` bases right of its left-most place (at most `shift_range`)."""
    start0, end0, inserted = left_align(trim(pos0, ref, alt), reference)
    turn = steps % len(inserted) if inserted else 0
    return spelled(reference, Edit(start0 + steps, end0 + steps, inserted[turn:] + inserted[:turn]))
