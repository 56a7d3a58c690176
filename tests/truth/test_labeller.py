import pytest

from vcffilter.truth.haplotype_match import SearchLimits
from vcffilter.truth.labeller import TruthIndex, label_alleles
from vcffilter.variants.intervals import Intervals

#          0         1         2         3         4         5
#          0123456789012345678901234567890123456789012345678901234
REFERENCE = "GATTACAGATCCCCCTTGACAGTACATGCATGCAAAAAAAAGTCTCTCTCAGGTCA"


def labels(calls, truth, confident=None, **limits):
    found = label_alleles("c", calls, truth, confident, REFERENCE, SearchLimits(**limits))
    return [label.label for label in found]


def hows(calls, truth, confident=None):
    return [label.how for label in label_alleles("c", calls, truth, confident, REFERENCE)]


def test_same_snv_is_true_and_another_base_is_false():
    assert labels([(4, "A", "G"), (4, "A", "T")], [(4, "A", "G")]) == ["TP", "FP"]


@pytest.mark.parametrize("call", [(9, "TC", "T"), (12, "CC", "C"), (9, "TCCCCC", "TCCCC"), (13, "CCT", "CT")])
def test_spellings_of_one_deletion_are_one_allele(call):
    assert labels([call], [(9, "TC", "T")]) == ["TP"]
    assert hows([call], [(9, "TC", "T")]) == ["exact"]


def test_another_length_in_the_same_homopolymer_is_false():
    assert labels([(9, "TCC", "T")], [(9, "TC", "T")]) == ["FP"]
    assert labels([(9, "T", "TC")], [(9, "TC", "T")]) == ["FP"]


def test_mnp_against_snvs_both_ways():
    mnp, snvs = (18, "AC", "GT"), [(18, "A", "G"), (19, "C", "T")]
    assert labels([mnp], snvs) == ["TP"]
    assert labels(snvs, [mnp]) == ["TP", "TP"]
    assert labels(snvs[:1], [mnp]) == ["FP"]


def test_mnp_beside_its_own_snvs_and_a_wrong_neighbour():
    calls = [(18, "A", "G"), (19, "C", "T"), (18, "AC", "GT"), (20, "A", "C")]
    assert labels(calls, [(18, "A", "G"), (19, "C", "T")]) == ["TP", "TP", "TP", "FP"]


def test_complex_allele_against_indel_and_snv():
    # CATG > CAG: one truth set loses the A and turns T to A, the other loses the T.
    block = (24, "CATG", "CAG")
    assert hows([block], [(24, "CA", "C"), (26, "T", "A")]) == ["haplotype"]
    assert hows([block], [(25, "AT", "A")]) == ["exact"]


def test_second_alt_of_a_truth_site_counts():
    truth = [(33, "AA", "A"), (33, "AAA", "A")]
    assert labels([(32, "CAA", "C"), (32, "CA", "C"), (32, "CAAA", "C")], truth) == ["TP", "TP", "FP"]


def test_false_neighbours_do_not_spoil_a_match():
    calls = [(18, "AC", "GT"), (16, "T", "G"), (22, "T", "C")]
    assert labels(calls, [(18, "A", "G"), (19, "C", "T")]) == ["TP", "FP", "FP"]


def test_outside_is_by_the_record_and_for_false_indels_by_the_whole_repeat():
    confident = [(0, 36)]
    true_deletion, false_deletion = (32, "CA", "C"), (32, "CAAA", "C")
    # The run of A is 33..40: both are written inside, only the true one is decided there.
    assert labels([true_deletion, false_deletion], [true_deletion], confident) == ["TP", "OUT"]
    assert labels([(35, "A", "G"), (36, "A", "G")], [], confident) == ["FP", "OUT"]
    assert labels([(36, "A", "G")], [(36, "A", "G")], confident) == ["OUT"]


def test_insertion_at_the_edge_needs_the_base_that_anchors_it():
    assert labels([(21, "G", "GCC")], [], [(0, 22)]) == ["FP"]
    assert labels([(21, "G", "GCC")], [], [(22, 40)]) == ["OUT"]


def test_no_confident_regions_on_the_contig_is_all_outside():
    assert labels([(4, "A", "G")], [(4, "A", "G")], Intervals(())) == ["OUT"]


@pytest.mark.parametrize("alt", ["*", "<DEL>", "<NON_REF>", "<*>", "A[c:5[", "A", ""])
def test_what_has_no_sequence_is_not_labelled(alt):
    assert labels([(4, "A", alt)], []) == ["."]


def test_ref_that_is_not_the_reference_is_not_labelled():
    assert hows([(4, "C", "G")], [(4, "A", "G")]) == ["ref_mismatch"]


def test_a_search_cut_short_is_false_and_says_so():
    snvs = [(pos0, REFERENCE[pos0], "A" if REFERENCE[pos0] != "A" else "C") for pos0 in range(8, 28)]
    wrong = (28, REFERENCE[28], "T")
    found = label_alleles("c", [*snvs, wrong], snvs, None, REFERENCE, SearchLimits(max_states=3))
    assert found[-1] == ("FP", "search_limit")


def test_indels_at_both_ends_of_a_repeat_that_together_are_one_snv():
    # TC is lost from TCTCTCTC and TT added behind it: the last C became T.
    calls = [(41, "GTC", "G"), (49, "C", "CTT")]
    assert labels(calls, [(49, "C", "T")]) == ["TP", "TP"]
    assert labels(calls[:1], [(49, "C", "T")]) == ["FP"]


def test_a_wide_gap_alone_matches_nothing():
    assert labels([(4, "A", "G")], [(41, "G", "C")], gap_bases=60) == ["FP"]


def test_an_index_serves_several_call_sets():
    index = TruthIndex([(4, "A", "G")], REFERENCE)
    assert [label.label for label in label_alleles("c", [(4, "A", "G")], index, None, REFERENCE)] == ["TP"]
    assert [label.label for label in label_alleles("c", [(5, "C", "G")], index, None, REFERENCE)] == ["FP"]


def test_order_of_calls_is_kept():
    calls = [(19, "C", "T"), (4, "A", "G"), (18, "A", "G")]
    assert labels(calls, [(4, "A", "G")]) == ["FP", "TP", "FP"]
