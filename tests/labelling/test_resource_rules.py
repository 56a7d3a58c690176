"""The rules that label without truth, each by facts made for it."""

from __future__ import annotations

import math

import pytest

from vcffilter.errors import UsageError
from vcffilter.labelling.resource_rules import ReadCount, ResourceRules

SHOWN, ABSENT, SHALLOW = ReadCount(30, 15), ReadCount(40, 2), ReadCount(8, 0)


@pytest.mark.parametrize(
    ("is_known", "own", "witnesses", "expected"),
    [
        (True, SHOWN, (), ("TP", "resource")),
        (True, None, (), ("TP", "resource")),
        (True, ReadCount(5, 2), (), ("UNK", "few_reads")),
        (True, ABSENT, (), ("UNK", "in_dispute")),
        (True, SHOWN, (ABSENT,), ("UNK", "in_dispute")),
        (False, ABSENT, (), ("FP", "own_reads")),
        # Eight reads without the allele are chance: 0.65 ** 8 is 3%.
        (False, SHALLOW, (), ("UNK", "undecided")),
        (False, SHOWN, (), ("UNK", "undecided")),
        # On its own haplotype as many fragments show REF as show it; not where one is fewer, nor where two are all.
        (False, ReadCount(30, 15, 9, 9), (), ("FP", "own_haplotype")),
        (False, ReadCount(30, 15, 9, 8), (), ("UNK", "undecided")),
        (False, ReadCount(30, 15, 1, 2), (), ("UNK", "undecided")),
        (True, ReadCount(30, 15, 3, 3), (), ("UNK", "in_dispute")),
        (False, SHOWN, (ABSENT,), ("FP", "witness")),
        # One parent has it, or says nothing about it.
        (False, SHOWN, (ABSENT, SHOWN), ("UNK", "undecided")),
        (False, SHOWN, (ABSENT, SHALLOW), ("UNK", "undecided")),
        (False, SHOWN, (ABSENT, ABSENT), ("FP", "witness")),
        (False, None, (), ("UNK", "undecided")),
    ],
)
def test_what_reads_and_resources_say(is_known, own, witnesses, expected):
    assert ResourceRules().label(is_known, own, witnesses) == expected


@pytest.mark.parametrize(
    ("maximum", "probability", "is_known", "expected"),
    [
        (None, 0.01, False, "undecided"),
        (0.05, 0.01, False, "low_score"),
        (0.05, 0.06, False, "undecided"),
        (0.05, math.nan, False, "undecided"),
        (0.05, 0.01, True, "resource"),
    ],
)
def test_a_low_score_counts_only_when_asked_for_and_where_no_resource_has_the_allele(maximum, probability, is_known, expected):
    assert ResourceRules(max_probability=maximum).label(is_known, SHOWN, (), probability).how == expected


def test_reads_contradict_by_the_exact_binomial():
    """Where P(X <= alt) of a real allele is below the chance, and not where it is above."""
    rules = ResourceRules(real_share=0.35, chance=0.001)
    for informing in (10, 17, 40, 300):
        for alt in range(informing + 1):
            terms = (math.comb(informing, i) * 0.35**i * 0.65 ** (informing - i) for i in range(alt + 1))
            assert rules.contradict(ReadCount(informing, alt)) == (sum(terms) < 0.001), (informing, alt)
    assert not rules.contradict(ReadCount(0, 0))


@pytest.mark.parametrize("settings", [{"real_share": 0.0}, {"chance": 1.5}, {"weight": 0.0}])
def test_settings_that_are_no_shares_are_refused(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        ResourceRules(**settings)
