"""Are the genotypes of matched alleles right, too? Neighbours are compared as pairs of haplotypes. Must not know files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from vcffilter.truth.call_sets import HETEROZYGOUS, NOT_CARRIED, UNKNOWN_ZYGOSITY
from vcffilter.truth.haplotype_match import overlap
from vcffilter.truth.normalise import Edit, Span

#: Alleles this near are compared together; clusters with more heterozygous alleles than this are compared allele by allele.
_GAP_BASES, _MAX_HETEROZYGOUS = 30, 10


class GenotypedAllele(NamedTuple):
    """written: trimmed. normalised: left-most. span: bases over which it can be written."""

    written: Edit
    normalised: Edit
    span: Span
    zygosity: int


def right_genotypes(
    calls: Sequence[GenotypedAllele], truth: Sequence[GenotypedAllele], reference: str
) -> tuple[list[bool], list[bool]]:
    """For matched calls and found truth alleles of one contig: whether the genotype is right, in the order given.

    A cluster of neighbours is right when some phasing of the calls spells the same two haplotypes as some phasing of the truth.
    Otherwise an allele is right when the same allele on the other side has the same zygosity. A call without genotype is right.
    """
    calls_right, truth_right = [False] * len(calls), [False] * len(truth)
    for call_indices, truth_indices in _clusters(calls, truth):
        some_calls, some_truth = [calls[i] for i in call_indices], [truth[i] for i in truth_indices]
        if _same_haplotypes(some_calls, some_truth, reference):
            answers = [True] * len(some_calls), [True] * len(some_truth)
        else:
            answers = _agreeing(some_calls, some_truth), _agreeing(some_truth, some_calls)
        for index, answer in zip(call_indices, answers[0], strict=True):
            calls_right[index] = answer
        for index, answer in zip(truth_indices, answers[1], strict=True):
            truth_right[index] = answer
    return calls_right, truth_right


def _clusters(calls: Sequence[GenotypedAllele], truth: Sequence[GenotypedAllele]) -> Iterator[tuple[list[int], list[int]]]:
    """Indices of calls and truth alleles that lie together."""
    ordered = sorted(
        [(item.span, 0, index) for index, item in enumerate(calls)] + [(item.span, 1, index) for index, item in enumerate(truth)]
    )
    together: tuple[list[int], list[int]] = ([], [])
    reached = 0
    for span, side, index in ordered:
        if any(together) and span.start0 > reached + _GAP_BASES:
            yield together
            together = ([], [])
        together[side].append(index)
        reached = max(reached, span.end0) if len(together[0]) + len(together[1]) > 1 else span.end0
    if any(together):
        yield together


def _agreeing(items: Sequence[GenotypedAllele], others: Sequence[GenotypedAllele]) -> list[bool]:
    zygosity_of: dict[Edit, set[int]] = {}
    for other in others:
        zygosity_of.setdefault(other.normalised, set()).add(other.zygosity)
    return [
        item.zygosity == UNKNOWN_ZYGOSITY or bool(zygosity_of.get(item.normalised, set()) & {item.zygosity, UNKNOWN_ZYGOSITY})
        for item in items
    ]


def _same_haplotypes(calls: Sequence[GenotypedAllele], truth: Sequence[GenotypedAllele], reference: str) -> bool:
    items = [*calls, *truth]
    if not calls or not truth or any(item.zygosity in (UNKNOWN_ZYGOSITY, NOT_CARRIED) for item in items):
        return False
    start0 = min(min(item.span.start0, item.written.start0) for item in items)
    end0 = max(max(item.span.end0, item.written.end0) for item in items)
    theirs = set(_haplotype_pairs(truth, reference, start0, end0))
    return any(pair in theirs for pair in _haplotype_pairs(calls, reference, start0, end0))


def _haplotype_pairs(items: Sequence[GenotypedAllele], reference: str, start0: int, end0: int) -> Iterator[tuple[str, str]]:
    """Both haplotypes (sorted) of every phasing in which no two alleles of a haplotype overlap."""
    heterozygous = [item.written for item in items if item.zygosity == HETEROZYGOUS]
    on_both = [item.written for item in items if item.zygosity != HETEROZYGOUS]
    if len(heterozygous) > _MAX_HETEROZYGOUS:
        return
    for sides in product((0, 1), repeat=len(heterozygous)):
        if sides and sides[0] == 1:
            return  # the mirror image of what came before
        spelled = []
        for side in (0, 1):
            edits = sorted(on_both + [edit for edit, chosen in zip(heterozygous, sides, strict=True) if chosen == side])
            if any(overlap(one, other) for one, other in zip(edits, edits[1:], strict=False)):
                break
            spelled.append(_spell(edits, reference, start0, end0))
        else:
            first, second = sorted(spelled)
            yield first, second


def _spell(edits: Sequence[Edit], reference: str, start0: int, end0: int) -> str:
    parts, pos0 = [], start0
    for edit in edits:
        parts += [reference[pos0 : edit.start0], edit.alt]
        pos0 = edit.end0
    return "".join([*parts, reference[pos0:end0]])
