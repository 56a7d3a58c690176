"""Labels for the alleles of one contig: TP, FP or OUT, whatever their genotype and spelling.

Plain tuples in, labels out. Must not know files or VCF libraries.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vcffilter.truth.haplotype_match import MatchResult, SearchLimits, find_match
from vcffilter.truth.normalise import Allele, Edit, Span, is_sequence
from vcffilter.truth.placement import PlacedAllele, is_on, place
from vcffilter.variants.intervals import Intervals

TRUE_POSITIVE = "TP"
FALSE_POSITIVE = "FP"
OUTSIDE = "OUT"
NOT_LABELLED = "."


class AlleleLabel(NamedTuple):
    """label: TP, FP, OUT or "." (no sequence to compare). how: one of HOW."""

    label: str
    how: str


#: How a label was reached. exact: the same allele, normalised, is in the truth. haplotype: alone or with
#: neighbouring calls it spells what truth alleles spell. no_match: nothing found. search_limit: nothing
#: found before the search was cut short.
#: unsupported_allele: symbolic, breakend, `*`, or equal to REF. ref_mismatch: REF is not what the reference
#: has there.
HOW = ("exact", "haplotype", "no_match", "search_limit", "unsupported_allele", "ref_mismatch")


class TruthIndex:
    """Truth alleles of one contig, ready to be searched; build once, label several call sets."""

    def __init__(self, truth: Iterable[Allele], reference: str) -> None:
        placed = {item.written: item for item in (_place(allele, reference) for allele in truth) if item}
        ordered = sorted(placed.values(), key=lambda item: item.span)
        self.normalised = {item.normalised for item in ordered}
        self.placed = ordered
        self.starts0 = [item.span.start0 for item in ordered]
        self.reached0: list[int] = []
        reached = -1
        for item in ordered:
            reached = max(reached, item.span.end0)
            self.reached0.append(reached)

    def near(self, span: Span, limits: SearchLimits) -> tuple[list[PlacedAllele], Span]:
        """Truth alleles within the gap of the span, or of one another in a chain; the range of it all."""
        nearest = Span(span.start0 - limits.max_reach_bases, span.end0 + limits.max_reach_bases)
        low, high = span.start0 - limits.gap_bases, span.end0 + limits.gap_bases
        first = last = bisect_left(self.starts0, low)
        grew = True
        while grew:
            grew = False
            while last < len(self.placed) and self.starts0[last] <= min(high, nearest.end0):
                high = max(high, self.placed[last].span.end0 + limits.gap_bases)
                last += 1
                grew = True
            while first > 0 and self.reached0[first - 1] >= max(low, nearest.start0):
                first -= 1
                low = min(low, self.starts0[first] - limits.gap_bases)
                high = max(high, self.placed[first].span.end0 + limits.gap_bases)
                grew = True
        return self.placed[first:last], Span(low, high)


def label_alleles(
    contig: str,
    calls: Sequence[Allele],
    truth: Sequence[Allele] | TruthIndex,
    confident: Intervals | Sequence[tuple[int, int]] | None,
    reference: str,
    limits: SearchLimits | None = None,
) -> list[AlleleLabel]:
    """One label per call, in the order of the calls.

    contig: name, for nothing but messages. calls, truth: (pos0, ref, alt) as in the VCF, upper case, in any
    order; one tuple per ALT.
    confident: 0-based half-open intervals; None means everywhere. reference: the contig's sequence, upper
    case.
    TP: the normalised allele is in the truth, or it belongs to a set of calls that spells the same haplotype
    as a set of truth alleles.
    OUT: not wholly inside `confident`; a false indel over its whole range of equivalent positions. FP: the
    rest.
    """
    limits = limits or SearchLimits()
    if confident is not None and not isinstance(confident, Intervals):
        confident = Intervals(confident)
    index = truth if isinstance(truth, TruthIndex) else TruthIndex(truth, reference)
    placed = [_place(call, reference) for call in calls]
    neighbours = _Neighbours(placed)
    labels = []
    for call, item in zip(calls, placed, strict=True):
        if item is None:
            labels.append(AlleleLabel(NOT_LABELLED, str(why_not_placed(call, reference))))
            continue
        how = _match(item, neighbours, index, reference, limits)
        labels.append(AlleleLabel(_name(item, call, how, confident, reference), how))
    return labels


def _place(allele: Allele, reference: str) -> PlacedAllele | None:
    return None if why_not_placed(allele, reference) else place(*allele, reference)


def why_not_placed(allele: Allele, reference: str) -> str | None:
    """Why an allele (upper case) cannot be compared, one of HOW; None where it can be."""
    pos0, ref, alt = allele
    if not is_sequence(alt) or ref == alt:
        return "unsupported_allele"
    return None if is_on(pos0, ref, reference) else "ref_mismatch"


class _Neighbours:
    """Calls of one contig by position, and by normalised allele."""

    def __init__(self, placed: Sequence[PlacedAllele | None]) -> None:
        self.spellings: dict[Edit, set[Edit]] = {}
        for item in placed:
            if item is not None:
                self.spellings.setdefault(item.normalised, set()).add(item.written)
        self.edits = sorted({item.written for item in placed if item is not None})
        self.starts0 = [edit.start0 for edit in self.edits]

    def within(self, span: Span) -> list[Edit]:
        first = bisect_left(self.starts0, span.start0)
        last = bisect_left(self.starts0, span.end0)
        return [edit for edit in self.edits[first:last] if edit.end0 <= span.end0]


def _match(item: PlacedAllele, neighbours: _Neighbours, truth: TruthIndex, reference: str, limits: SearchLimits) -> str:
    if item.normalised in truth.normalised:
        return "exact"
    near, covered = truth.near(item.span, limits)
    if not near:
        return "no_match"
    calls = neighbours.within(covered)
    candidates = {other.written: sorted(neighbours.spellings.get(other.normalised, ())) for other in near}
    found = find_match(item.written, calls, candidates, reference, limits.max_states)
    if found is MatchResult.MATCH:
        return "haplotype"
    return "search_limit" if found is MatchResult.LIMIT else "no_match"


def _name(item: PlacedAllele, call: Allele, how: str, confident: Intervals | None, reference: str) -> str:
    is_true = how in ("exact", "haplotype")
    if confident is not None:
        pos0, ref, _ = call
        inside = confident.contains(pos0, pos0 + len(ref))
        if inside and not is_true:
            # An insertion lies after the base that anchors it.
            is_insertion = item.written.start0 == item.written.end0
            inside = confident.contains(item.span.start0 - is_insertion, item.span.end0)
        if not inside:
            return OUTSIDE
    return TRUE_POSITIVE if is_true else FALSE_POSITIVE
