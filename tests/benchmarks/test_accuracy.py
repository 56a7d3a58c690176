"""The accuracy benchmark: figures on hand-made data."""

import numpy as np
import pytest
from accuracy_data import Pool, Record
from accuracy_figures import best_qual_cut, compare, f1, hard_filter_figures, join, kept_at, passes_hard_filters


def make_pool(probability: list[float], label: list[int], alts: list[str], score: float = 10.0) -> Pool:
    n = len(label)
    keys = [(100 + index, "A", alt) for index, alt in enumerate(alts)]
    return Pool("nygc-chr22", keys, np.array(label), np.full(n, score), np.array(probability), np.full(n, 30))


def test_f1_counts_missed_variants() -> None:
    assert f1(8, 2, 10) == pytest.approx(2 * 8 / 20)
    assert f1(0, 5, 10) == 0


def test_best_qual_cut_parts_the_classes() -> None:
    assert best_qual_cut(np.array([0, 0, 1, 1]), np.array([1.0, 5.0, 9.0, 30.0])) == 9.0


def test_kept_at_uses_each_types_threshold() -> None:
    pool = make_pool([0.3, 0.3, 0.1, 0.6], [1, 1, 0, 0], ["C", "AT", "G", "ATT"])
    figures = kept_at(pool, {"snv": 0.2, "indel": 0.5})
    assert figures["SNV"]["kept"] == 1.0
    assert figures["SNV"]["removed"] == 1.0
    assert figures["non-SNV"]["kept"] == 0.0
    assert figures["non-SNV"]["removed"] == 0.0


def test_unscored_alleles_are_kept() -> None:
    assert kept_at(make_pool([float("nan")], [1], ["C"]), {"snv": 0.9, "indel": 0.9})["SNV"]["kept"] == 1.0


def test_compare_leaves_out_scores_with_gaps() -> None:
    figures = compare(np.array([0, 1]), {"model": np.array([0.1, 0.9]), "QUAL": np.array([np.nan, 1.0])}, np.array([1, 2]), 0)
    assert figures["model"]["auroc"] == 1.0
    assert "QUAL" not in figures


@pytest.mark.parametrize(
    ("info", "score", "alt", "passes"),
    [
        ({"QD": 20.0, "FS": 1.0, "SOR": 1.0, "MQ": 60.0}, 50.0, "C", True),
        ({"QD": 1.9, "FS": 1.0, "SOR": 1.0, "MQ": 60.0}, 50.0, "C", False),
        ({"QD": 20.0}, 29.0, "C", False),
        ({"QD": 20.0, "FS": 100.0}, 50.0, "C", False),
        ({"QD": 20.0, "FS": 100.0}, 50.0, "CT", True),
        ({"QD": 20.0, "MQ": 30.0}, 50.0, "CT", True),
        ({"QD": 20.0, "MQRankSum": float("nan")}, 50.0, "C", True),
    ],
)
def test_hard_filters(info: dict[str, float], score: float, alt: str, passes: bool) -> None:
    assert passes_hard_filters(Record((1, "A", alt), 1, score, info)) is passes


def test_hard_filters_are_compared_at_the_same_share_of_true_kept() -> None:
    pool = make_pool([0.9, 0.8, 0.1, 0.2], [1, 1, 0, 0], ["C", "G", "T", "AT"])
    records = [Record(key, int(label), 50.0, {"QD": 20.0}) for key, label in zip(pool.keys, pool.label, strict=True)]
    figures = hard_filter_figures([pool], [records])
    assert figures["filters_false_removed"] == 0
    assert figures["model_true_kept"] == 2
    assert figures["model_false_removed"] == 2


def test_join_keeps_order() -> None:
    pool = make_pool([0.1, 0.2], [0, 1], ["C", "G"])
    both = join([pool, pool])
    assert both.keys == pool.keys * 2
    assert both.probability.tolist() == [0.1, 0.2, 0.1, 0.2]
