"""The rules that label a call where there is no truth: what a resource has is true, what contradicts itself is false.

Plain facts in, labels out. What no rule says anything about stays without a label. Knows no files and no reads.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vcffilter.calibration.binomial_bounds import upper_limit
from vcffilter.errors import UsageError
from vcffilter.truth.labeller import FALSE_POSITIVE, TRUE_POSITIVE, AlleleLabel

#: Neither true nor false by any rule.
UNKNOWN = "UNK"
#: How a label was reached without truth. resource: a resource has the allele and the reads show it. own_reads: no resource has
#: it, and fewer of the call's own reads show it than a real one's would. own_haplotype: no resource has it, and reads of the very
#: haplotype that it would lie on show REF. witness: as own_reads, of other reads that must show it. low_score: no resource has
#: it, and weights that scored the calls before found it improbable. Without a label: in_dispute (a resource has it, reads
#: contradict it), few_reads (a resource has it, too few reads show it), undecided.
RULES_OF_TRUE = ("resource",)
RULES_OF_FALSE = ("own_reads", "own_haplotype", "witness", "low_score")
RULES_OF_NONE = ("in_dispute", "few_reads", "undecided")


#: So many fragments on the allele's own haplotype must show REF, and at least as many as show the allele there.
_CONTRADICTING = 3


class ReadCount(NamedTuple):
    """Reads that inform about an allele (two mates are one), and those of them that show it.

    agreeing, contradicting: fragments on the haplotype with most of the allele that show it, and REF; 0 where none are phased.
    """

    informing: int
    alt: int
    agreeing: int = 0
    contradicting: int = 0


@dataclass(frozen=True)
class ResourceRules:
    """real_share: share of its reads that a real heterozygous allele has at least, on average. chance: reads contradict an allele
    where a real one would have so few of them with a smaller probability. min_alt_reads: needed of an allele that a resource has.
    max_probability: PILEUP_PROB up to which an allele that no resource has is false; None = no such rule. weight: of these labels
    in training, beside 1 for labels by truth.
    """

    real_share: float = 0.35
    chance: float = 0.001
    min_alt_reads: int = 3
    max_probability: float | None = None
    weight: float = 0.5

    def __post_init__(self) -> None:
        for name in ("real_share", "chance", "weight"):
            if not 0 < getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name):g}", hint="Give a number above 0 and up to 1")

    def contradict(self, count: ReadCount) -> bool:
        """Whether so few of the reads show the allele that a real one is ruled out (exact binomial limit)."""
        return _share_at_most(count.alt, count.informing, 1 - self.chance) < self.real_share

    @staticmethod
    def contradict_by_haplotype(count: ReadCount) -> bool:
        """Whether the allele's own haplotype shows REF as often as the allele: all its fragments would show a real one."""
        return count.contradicting >= max(_CONTRADICTING, count.agreeing)

    def label(
        self, is_known: bool, own: ReadCount | None, witnesses: Sequence[ReadCount], probability: float = math.nan
    ) -> AlleleLabel:
        """The label of one called allele.

        is_known: a resource has it. own: of the reads that it was called on; None = not looked at. witnesses: of other reads, at
        least one of which must show a real allele: of another library of the sample, or of both parents. probability: by which
        weights scored the call before; NaN = not.
        """
        by_own = own is not None and self.contradict(own)
        by_haplotype = own is not None and self.contradict_by_haplotype(own)
        by_witness = bool(witnesses) and all(self.contradict(count) for count in witnesses)
        if is_known:
            if by_own or by_haplotype or by_witness:
                return AlleleLabel(UNKNOWN, "in_dispute")
            shown = own is None or own.alt >= self.min_alt_reads
            return AlleleLabel(TRUE_POSITIVE, "resource") if shown else AlleleLabel(UNKNOWN, "few_reads")
        if by_own:
            return AlleleLabel(FALSE_POSITIVE, "own_reads")
        if by_haplotype:
            return AlleleLabel(FALSE_POSITIVE, "own_haplotype")
        if by_witness:
            return AlleleLabel(FALSE_POSITIVE, "witness")
        if self.max_probability is not None and probability <= self.max_probability:
            return AlleleLabel(FALSE_POSITIVE, "low_score")
        return AlleleLabel(UNKNOWN, "undecided")


@functools.lru_cache(maxsize=1 << 16)
def _share_at_most(alt: int, informing: int, confidence: float) -> float:
    return upper_limit(alt, informing, confidence)
