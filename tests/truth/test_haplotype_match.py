from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from vcffilter.truth.haplotype_match import MatchResult, apply_edits, find_match
from vcffilter.truth.normalise import Edit

REFERENCE = "GATTACAGATCCCCCTTGACAGTACA"


def as_truth(*edits):
    return {edit: [] for edit in edits}


def test_mnp_is_its_two_snvs():
    mnp, first, second = Edit(5, 7, "GT"), Edit(5, 6, "G"), Edit(6, 7, "T")
    assert find_match(mnp, [mnp], as_truth(first, second), REFERENCE, 1000) is MatchResult.MATCH
    assert find_match(first, [first, second], as_truth(mnp), REFERENCE, 1000) is MatchResult.MATCH


def test_one_snv_of_an_mnp_alone_is_no_match():
    mnp, first = Edit(5, 7, "GT"), Edit(5, 6, "G")
    assert find_match(first, [first], as_truth(mnp), REFERENCE, 1000) is MatchResult.NO_MATCH


def test_insertion_and_deletion_that_together_are_a_substitution():
    # REF[2:4] = TT; deleting one T and inserting a G before ACA is REF with T>G.
    deletion, insertion = Edit(2, 3, ""), Edit(4, 4, "G")
    truth = as_truth(Edit(3, 4, "G"))
    for wanted in (deletion, insertion):
        assert find_match(wanted, [deletion, insertion], truth, REFERENCE, 1000) is MatchResult.MATCH
    assert find_match(deletion, [deletion], truth, REFERENCE, 1000) is MatchResult.NO_MATCH


def test_errors_that_cancel_each_other_match_nothing():
    deletion, insertion = Edit(10, 11, ""), Edit(14, 14, "C")
    far_truth = as_truth(Edit(20, 21, "T"))
    assert find_match(deletion, [deletion, insertion], far_truth, REFERENCE, 1000) is MatchResult.NO_MATCH


def test_errors_that_make_up_for_each_other_beside_the_right_call_do_not_count():
    # The truth loses one C; the caller says so, and also claims a loss of two and, apart, a gain of one.
    right, two, one = Edit(10, 11, ""), Edit(13, 15, ""), Edit(12, 12, "C")
    truth = {right: [right]}
    assert find_match(two, [right, two, one], truth, REFERENCE, 1000) is MatchResult.NO_MATCH
    truth_not_called = {right: []}
    assert find_match(two, [two, one], truth_not_called, REFERENCE, 1000) is MatchResult.MATCH


def test_a_search_that_is_cut_short_says_so():
    calls = [Edit(pos0, pos0 + 1, "A" if REFERENCE[pos0] != "A" else "C") for pos0 in range(4, 24)]
    truth = as_truth(*calls[:-1], Edit(23, 24, "G"))
    assert find_match(calls[-1], calls, truth, REFERENCE, 5) is MatchResult.LIMIT


def compatible(edits):
    """Can the edits be made together: no shared base, one insertion per place?"""
    ordered = sorted(edits)
    for before, after in zip(ordered, ordered[1:], strict=False):
        if before.start0 == before.end0 == after.start0 == after.end0 or before.end0 > after.start0:
            return False
    return True


def subsets(edits):
    groups = (group for size in range(len(edits) + 1) for group in combinations(sorted(edits), size))
    return [group for group in groups if compatible(group)]


@st.composite
def edit_sets(draw, reference):
    edits = set()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(2, len(reference) - 4))
        kind = draw(st.sampled_from(("snv", "insertion", "deletion")))
        if kind == "snv":
            edits.add(Edit(start, start + 1, "A" if reference[start] == "C" else "C"))
        elif kind == "insertion":
            edits.add(Edit(start, start, draw(st.text("AC", min_size=1, max_size=2))))
        else:
            edits.add(Edit(start, start + draw(st.integers(1, 2)), ""))
    return sorted(edits)


@st.composite
def cases(draw):
    reference = draw(st.text("AC", min_size=10, max_size=16))
    return reference, draw(edit_sets(reference)), draw(edit_sets(reference))


@settings(max_examples=300, deadline=None)
@given(cases())
def test_agrees_with_trying_every_subset(case):
    reference, calls, truth = case
    whole = (0, len(reference))
    truth_haplotypes = {apply_edits(group, reference, *whole) for group in subsets(truth) if group}
    for wanted in calls:
        found = find_match(wanted, calls, as_truth(*truth), reference, 100_000)
        if apply_edits([wanted], reference, *whole) in truth_haplotypes:
            assert found is MatchResult.MATCH
        spelled = {apply_edits(group, reference, *whole) for group in subsets(calls) if wanted in group}
        if not spelled & truth_haplotypes:
            assert found is MatchResult.NO_MATCH
