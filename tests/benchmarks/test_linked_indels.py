"""Which indels are judged together, and by what."""

import numpy as np
import pytest
from linked_indels import Judgement, groups, together

N_ALT = np.array([4, 3, 0, 2])
#: A deletion of five, one base beside its end; an SNV between; far off an insertion.
KEYS = [(100, "ATATAT", "A"), (103, "A", "G"), (106, "AC", "A"), (300, "G", "GTT")]
READS = {
    KEYS[0]: frozenset({"a", "b", "c"}),
    KEYS[2]: frozenset({"b", "c", "d", "e"}),
    KEYS[3]: frozenset({"f"}),
}  # fmt: skip


def test_only_indels_within_reach_belong_together():
    assert groups(KEYS, READS, Judgement(1, same_reads=False, mean=False)) == [[0, 2]]
    assert groups(KEYS, READS, Judgement(0, same_reads=False, mean=False)) == []
    assert groups(KEYS, READS, Judgement(300, same_reads=False, mean=False)) == [[0, 2, 3]]


def test_or_those_that_the_same_reads_show():
    assert groups(KEYS, READS, Judgement(300, same_reads=True, mean=False)) == [[0, 2]]
    apart = {**READS, KEYS[2]: frozenset({"d", "e", "f"})}
    assert groups(KEYS, apart, Judgement(300, same_reads=True, mean=False)) == [[2, 3]]
    assert groups(KEYS, dict.fromkeys(READS, frozenset()), Judgement(300, same_reads=True, mean=False)) == []


def test_a_member_joins_groups():
    keys = [(100, "AT", "A"), (110, "AT", "A"), (120, "AT", "A")]
    reads = {keys[0]: frozenset("a"), keys[1]: frozenset("b"), keys[2]: frozenset("ab")}
    assert groups(keys, reads, Judgement(30, same_reads=True, mean=False)) == [[0, 1, 2]]


def test_highest_and_mean():
    p = np.array([0.9, 0.05, 0.1, 0.2])
    assert together(KEYS, p, N_ALT, READS, Judgement(1, same_reads=False, mean=False)).tolist() == pytest.approx(
        [0.9, 0.05, 0.9, 0.2]
    )
    middle = 1 / (1 + np.exp(-(np.log(9) + np.log(1 / 9)) / 2))
    assert together(KEYS, p, N_ALT, READS, Judgement(1, same_reads=False, mean=True)).tolist() == pytest.approx(
        [middle, 0.05, middle, 0.2]
    )


def test_only_calls_that_no_read_supports():
    p = np.array([0.05, 0.3, 0.1, 0.9])
    rule = Judgement(300, same_reads=False, mean=False, unsupported=True)
    assert together(KEYS, p, N_ALT, READS, rule).tolist() == pytest.approx([0.05, 0.3, 0.9, 0.9])


def test_a_call_without_a_probability_counts_for_none():
    p = np.array([np.nan, 0.05, 0.1, 0.2])
    np.testing.assert_array_equal(together(KEYS, p, N_ALT, READS, Judgement(1, same_reads=False, mean=True)), p)
