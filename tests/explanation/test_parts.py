"""An explanation says where a call's score is that of a part of it."""

import pytest

from vcffilter.explanation.text import scored_by_parts
from vcffilter.pictures.facts import CallFacts


@pytest.mark.parametrize(
    ("ref", "alt", "log_odds", "expected"),
    [
        ("ACG", "TCA", 1.5, True),
        ("ACG", "TCA", 1.0, False),
        ("ACG", "TCA", 0.5, False),
        ("ACG", "ACA", 1.5, False),
        ("A", "T", 1.5, False),
        ("AC", "A", 1.5, False),
        ("ACG", "TCA", float("nan"), False),
    ],
)
def test_only_substitutions_of_several_bases_are_raised(ref, alt, log_odds, expected):
    assert scored_by_parts(1.0, CallFacts("one", 5, ref, alt, log_odds=log_odds)) is expected
