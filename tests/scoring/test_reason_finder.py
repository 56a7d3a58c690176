"""Reasons: the group of facts that would save an allele is named, and a name that does not exist is no group."""

from __future__ import annotations

import numpy as np
import pytest

from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.kernels.encode import FEATURE_NAMES
from vcffilter.scoring.reason_finder import COUNTERFACTUALS, FACTS, Condition, Counterfactual, Fact, ReasonFinder

COLUMN = {name: index for index, name in enumerate(FEATURE_NAMES)}


def alleles(n: int, **values: float) -> np.ndarray:
    """Site features of alleles with 10 ALT reads of 20, all else 0 but what is given."""
    features = np.zeros((n, len(FEATURE_NAMES)), np.float32)
    for name, value in {"log_depth": np.log2(21), "log_alt_reads": np.log2(11), **values}.items():
        features[:, COLUMN[name]] = value
    return features


def named(bits: int) -> list[str]:
    return [name for index, name in enumerate(REASON_NAMES) if int(bits) >> index & 1]


def find(features: np.ndarray, weight: dict[str, float], feature_names=FEATURE_NAMES) -> list[list[str]]:
    """Reasons under a network that is a weighted sum of site features."""

    def log_odds(seen: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return sum(w * seen[:, feature_names.index(name)].astype(np.float64) for name, w in weight.items())

    return [named(bits) for bits in ReasonFinder(feature_names, log_odds).find(features, np.arange(len(features)))]


@pytest.mark.parametrize(
    ("feature", "value", "weight", "expected"),
    [
        ("strand_log_odds", 4.0, -1.0, ["strand_bias"]),
        ("alt_mapq", 10.0, 0.1, ["low_mapq"]),
        ("run_left", 9.0, -1.0, ["homopolymer"]),
        ("alt_clipped", 1.0, -3.0, ["clipped_reads"]),
        ("hom_deviation", 0.0, 1.0, ["allele_imbalance"]),
        ("is_snv", 1.0, -9.0, ["other"]),
    ],
)
def test_the_reason_is_what_would_save_the_allele(feature, value, weight, expected):
    assert find(alleles(3, **{feature: value}), {feature: weight}) == [expected] * 3


def test_few_reads_are_called_so_instead_of_an_imbalance():
    assert find(alleles(1, log_alt_reads=np.log2(3)), {"log_alt_reads": 2.0}) == [["few_alt_reads"]]
    assert find(alleles(1, log_alt_reads=np.log2(6)), {"log_alt_reads": 2.0}) == [["allele_imbalance"]]


def test_only_chosen_alleles_get_reasons_and_no_more_than_three():
    features = alleles(4, strand_log_odds=4.0, run_left=9.0, alt_clipped=1.0, repeat_tract=8.0, entropy_20=3.0)
    weight = {"strand_log_odds": -1.0, "run_left": -1.0, "alt_clipped": -3.0, "repeat_tract": -1.0}
    finder = ReasonFinder(FEATURE_NAMES, lambda seen, chosen: sum(w * seen[:, COLUMN[name]] for name, w in weight.items()))
    bits = finder.find(features, np.array([1, 3]))
    assert list(bits[[0, 2]]) == [0, 0]
    assert [len(named(one)) for one in bits[[1, 3]]] == [3, 3]
    assert not np.any(finder.find(features, np.array([], np.int64)))


def test_features_that_a_network_does_not_take_are_left_out():
    names = tuple(name for name in FEATURE_NAMES if name != "all_end_distance")
    features = np.delete(alleles(1, alt_end_distance=2.0, strand_log_odds=4.0), COLUMN["all_end_distance"], axis=1)
    assert find(features, {"strand_log_odds": -1.0}, names) == [["strand_bias"]]


def test_every_reason_can_be_found():
    assert {one.reason for one in (*FACTS, *COUNTERFACTUALS)} | {"few_alt_reads", "other"} == set(REASON_NAMES)


def test_a_reason_that_the_reads_do_not_bear_out_is_not_given():
    few, many = np.log2(1 + 3), np.log2(1 + 4)
    assert find(alleles(1, strand_log_odds=4.0, log_alt_reads=many), {"strand_log_odds": -1.0}) == [["strand_bias"]]
    assert find(alleles(1, strand_log_odds=4.0, log_alt_reads=few), {"strand_log_odds": -1.0}) == [["other"]]
    assert find(alleles(1, alt_mapq=45.0, all_mapq=50.0), {"alt_mapq": 0.1}) == [["other"]]
    assert find(alleles(1, alt_base_quality=20.0), {"alt_base_quality": 0.1}) == [["low_base_quality"]]
    assert find(alleles(1, alt_base_quality=30.0, alt_beside_quality=30.0), {"alt_margin_mean": 0.1}) == [["other"]]
    assert find(alleles(1, alt_share_informative=0.45), {"hom_deviation": 1.0}) == [["other"]]


def test_of_reads_that_are_not_there_nothing_else_is_said():
    everything = {"strand_log_odds": -1.0, "alt_margin_mean": 0.1, "hom_deviation": 1.0}
    assert find(alleles(1, log_alt_reads=0.0, strand_log_odds=4.0), everything) == [["no_alt_reads"]]


def test_an_indel_that_explains_the_reads_is_named_instead_of_few_reads():
    weight = {"log_alt_reads": 2.0}
    one_of_twenty = {"log_alt_reads": 1.0, "explaining_indels": 1.0}
    assert find(alleles(1, literal_share=0.35, **one_of_twenty), weight) == [["nearby_indel"]]
    assert find(alleles(1, literal_share=0.05, **one_of_twenty), weight) == [["few_alt_reads"]]
    assert find(alleles(1, third_share=0.5, **one_of_twenty), weight) == [["nearby_indel"]]
    one_shows = {"log_alt_reads": 0.0, "literal_share": 0.05}
    assert find(alleles(1, explaining_indels=1.0, **one_shows), weight) == [["nearby_indel", "no_alt_reads"]]
    assert find(alleles(1, **one_shows), weight) == [["low_base_quality"]]
    none_of_twenty = {"log_alt_reads": 0.0, "explaining_indels": 1.0, "third_share": 1.0}
    assert find(alleles(1, **none_of_twenty), weight) == [["nearby_indel", "no_alt_reads"]]


@pytest.mark.parametrize(
    ("unit", "tract", "copies", "expected"),
    [(1.0, 8.0, 8.0, "homopolymer"), (2.0, 8.0, 4.0, "tandem_repeat"), (2.0, 5.0, 2.5, "other"), (1.0, 4.0, 4.0, "other")],
)
def test_an_indel_of_whole_units_of_a_repeat_is_called_so(unit, tract, copies, expected):
    indel = {"is_deletion": 1.0, "indel_is_whole_units": 1.0, "repeat_unit": unit, "repeat_tract": tract, "repeat_copies": copies}
    assert find(alleles(1, **indel), {"is_snv": 1.0}) == [[expected]]
    assert find(alleles(1, **indel | {"is_deletion": 0.0, "is_snv": 1.0}), {"is_snv": 1.0}) == [["other"]]


@pytest.mark.parametrize(
    ("mismatches", "linked", "expected"),
    [
        (1.0, 1.0, ["linked_variants"]),
        (5.0, 2.0, ["mismatch_load", "linked_variants"]),
        (5.0, 0.0, ["mismatch_load"]),
        (1.0, 0.0, ["other"]),
    ],
)
def test_mismatches_that_all_alt_reads_share_are_linked_variants(mismatches, linked, expected):
    features = alleles(1, alt_good_mismatches=mismatches, linked_columns=linked)
    assert find(features, {"alt_good_mismatches": -2.0}) == [expected]


@pytest.mark.parametrize(
    ("reason", "clean", "said"),
    [
        ("strand_bias", {"strand_log_ods": 0.0}, "strand_log_ods"),
        ("read_end", {"alt_near_end": "all_near_ends"}, "all_near_ends"),
        ("strand_byas", {"strand_log_odds": 0.0}, "strand_byas"),
    ],
)
def test_a_misspelt_name_is_an_error_where_it_is_written(reason, clean, said):
    with pytest.raises(ValueError, match=said):
        Counterfactual(reason, clean, Condition((), lambda: np.ones(1, bool)))
    with pytest.raises(ValueError, match="log_alt_read"):
        Fact("no_alt_reads", Condition(("log_alt_read",), lambda n: n == 0))
