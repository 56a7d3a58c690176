from hypothesis import given
from hypothesis import strategies as st

from vcffilter.truth.haplotype_match import apply_edits
from vcffilter.truth.normalise import Edit, Span, equivalent_span, is_sequence, left_align, trim

LOW_COMPLEXITY = st.text("AC", min_size=6, max_size=30)


@st.composite
def indels(draw):
    reference = draw(LOW_COMPLEXITY)
    start = draw(st.integers(1, len(reference) - 3))
    if draw(st.booleans()):
        return reference, Edit(start, start, draw(st.text("AC", min_size=1, max_size=5)))
    return reference, Edit(start, draw(st.integers(start + 1, len(reference) - 1)), "")


def test_trim_cuts_the_right_end_first_and_does_not_shift():
    assert trim(10, "CAA", "CA") == Edit(11, 12, "")
    assert trim(10, "CA", "CAAA") == Edit(11, 11, "AA")
    assert trim(10, "ACGT", "ATGT") == Edit(11, 12, "T")
    assert trim(10, "ACG", "TCA") == Edit(10, 13, "TCA")


def test_equal_alleles_become_an_empty_edit():
    edit = trim(10, "ACG", "ACG")
    assert (edit.start0 == edit.end0, edit.alt) == (True, "")


def test_deletion_in_a_homopolymer_moves_to_its_left_end():
    assert left_align(Edit(7, 8, ""), "GCAAAAAATG") == Edit(2, 3, "")
    assert equivalent_span(Edit(7, 8, ""), "GCAAAAAATG") == Span(2, 8)


def test_insertion_of_a_unit_rotates_while_moving():
    # ACACAC + CA inserted before the last C is ACACACAC: the same as AC at the left end.
    assert left_align(Edit(6, 6, "CA"), "GACACACG") == Edit(1, 1, "AC")


def test_substitutions_stay():
    assert left_align(Edit(3, 5, "GT"), "AAAAAAAA") == Edit(3, 5, "GT")


@given(indels())
def test_left_aligned_edit_gives_the_same_haplotype(case):
    reference, edit = case
    moved = left_align(edit, reference)
    assert moved.start0 <= edit.start0
    whole = (0, len(reference))
    assert apply_edits([moved], reference, *whole) == apply_edits([edit], reference, *whole)


@given(indels())
def test_every_spelling_lies_in_the_equivalent_span_and_both_ends_are_reached(case):
    reference, edit = case
    span = equivalent_span(edit, reference)
    haplotype = apply_edits([edit], reference, 0, len(reference))
    size = edit.end0 - edit.start0
    same = []
    for start in range(len(reference) - size + 1):
        added = haplotype[start : start + len(edit.alt)]
        other = Edit(start, start + size, added)
        if apply_edits([other], reference, 0, len(reference)) == haplotype:
            same.append(other)
    assert span == Span(min(e.start0 for e in same), max(e.end0 for e in same))


def test_only_plain_bases_are_sequences():
    assert is_sequence("ACGTN")
    assert not any(is_sequence(allele) for allele in ("", "*", "<DEL>", "<NON_REF>", "N[chr1:5[", "."))
