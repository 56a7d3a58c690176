"""The accuracy benchmark and the recipe: figures on hand-made data, and that no model sees what it is held out from."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS / "recipe")]

from accuracy_data import Pool, Record  # noqa: E402
from accuracy_figures import best_qual_cut, compare, f1, hard_filter_figures, join, kept_at, passes_hard_filters  # noqa: E402
from dataset import Alleles, allele_chunk  # noqa: E402

train = pytest.importorskip("train")


def make_pool(probability: list[float], label: list[int], alts: list[str], score: float = 10.0) -> Pool:
    n = len(label)
    keys = [(100 + index, "A", alt) for index, alt in enumerate(alts)]
    return Pool("nygc-chr22", keys, np.array(label), np.full(n, score), np.array(probability), np.full(n, 30), np.full(n, np.nan))


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
    figures = compare(np.array([0, 1]), {"model": np.array([0.1, 0.9]), "forest": np.array([np.nan, 1.0])}, np.array([1, 2]), 0)
    assert figures["model"]["auroc"] == 1.0
    assert "forest" not in figures


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


def test_allele_chunk_is_flat_and_zero_based() -> None:
    chunk = allele_chunk("c", [(10, "AT", "a"), (12, "G", "GCC")])
    assert chunk.start0.tolist() == [9, 11]
    assert bytes(chunk.ref_bases) == b"ATG"
    assert chunk.ref_offset.tolist() == [0, 2, 3]
    assert bytes(chunk.alt_bases) == b"AGCC"


def make_alleles(contigs: list[str], sets: list[str]) -> Alleles:
    n = len(contigs)
    rng = np.random.default_rng(1)
    return Alleles(
        features=rng.normal(size=(n, 3)).astype(np.float32),
        reads=np.zeros((n, 1, 1, 1), np.uint8),
        label=np.arange(n, dtype=np.float32) % 2,
        hard=np.ones(n, bool),
        score=np.ones(n),
        depth=np.full(n, 10),
        share=np.ones(n),
        seed=np.zeros(n, int),
        pos1=np.arange(1, n + 1),
        set_name=np.array(sets),
        contig=np.array(contigs),
        ref=np.full(n, "A"),
        alt=np.full(n, "C"),
        callers=np.full(n, ""),
    )


def test_groups_hold_a_chromosome_together_whatever_the_set() -> None:
    alleles = make_alleles(
        ["chr21", "chr21", "chr22", "20", "chr20", "chr4", "chr21", "20", "chr4"],
        [
            *("nygc-chr21", "na19401-nygc-chr21", "nygc-chr22", "broad8x-chr20", "sim-hiseq-9x", "na12878-hiseq-slices"),
            *("planted-nygc-chr21", "planted-broad8x-chr20", "planted-na12878-hiseq-slices-chr4"),
        ],
    )
    expected = ["chr21", "chr21", "chr22", "chr20", "always", "always", "chr21", "chr20", "always"]
    assert train.illumina_group(alleles).tolist() == expected


def test_simulated_snvs_are_left_out() -> None:
    alleles = make_alleles(["chr20", "chr20"], ["sim-hiseq-9x", "nygc-chr21"])
    assert train.select_short_reads(alleles, train.RECIPES["illumina"]).set_name.tolist() == ["nygc-chr21"]


def test_planted_alleles_are_trained_on_when_asked_and_never_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alleles = make_alleles(["chr21", "chr22", "chr21", "chr22"], ["nygc-chr21", "nygc-chr22", "planted-nygc-chr21", "planted-x"])
    recipe = train.RECIPES["illumina"]
    assert len(train.select_short_reads(alleles, recipe)) == 2
    assert len(train.select_short_reads(alleles, replace(recipe, planted=True))) == 2  # all are SNVs
    both = train.select_short_reads(alleles, replace(recipe, planted_snvs=True))
    assert len(both) == 4
    workshop = train.Workshop(both, train.illumina_group(both), recipe, tmp_path, 1)
    monkeypatch.setattr(workshop, "logits", lambda _, index: np.zeros(len(index)))
    assert workshop.held_out_logits(("chr21", "chr22"))[0].tolist() == [0, 1]


def test_no_model_is_scored_on_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contigs = ["chr20", "chr21", "chr22"] * 4
    alleles = make_alleles(contigs, ["nygc"] * 12)
    workshop = train.Workshop(alleles, train.illumina_group(alleles), train.RECIPES["illumina"], tmp_path, 1)
    asked: list[tuple[set[str], set[str]]] = []

    def fake_logits(groups: list[str], index: np.ndarray) -> np.ndarray:
        asked.append((set(groups), set(workshop.group[index].tolist())))
        return np.zeros(len(index))

    monkeypatch.setattr(workshop, "logits", fake_logits)
    index, _ = workshop.held_out_logits(("chr20", "chr21"))
    assert set(workshop.group[index].tolist()) == {"chr20", "chr21"}
    assert all(not trained & scored and "chr22" not in trained | scored for trained, scored in asked)


def test_training_rows_are_only_those_of_the_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alleles = make_alleles(["chr20", "chr21", "chr22", "chr4"] * 3, ["nygc"] * 12)
    workshop = train.Workshop(alleles, train.illumina_group(alleles), train.RECIPES["illumina"], tmp_path, 1)
    seen: list[set[str]] = []

    def fake_train(chosen: Alleles, recipe: object, threads: int) -> tuple[dict, None]:
        seen.append(set(chosen.contig.tolist()))
        return {}, None

    monkeypatch.setattr(train, "train_model", fake_train)
    monkeypatch.setattr(train, "save_checkpoint", lambda *_: None)
    workshop.model(("chr21", "chr22"))
    assert seen == [{"chr21", "chr22", "chr4"}]


def test_default_thresholds_keep_the_share_in_every_group() -> None:
    rng = np.random.default_rng(2)
    n = 400
    alleles = make_alleles(["chr20"] * (n // 2) + ["chr21"] * (n // 2), ["nygc"] * n)
    group = train.illumina_group(alleles)
    probability = np.clip(np.where(alleles.label > 0, 0.8, 0.2) + rng.normal(size=n) * 0.15 - 0.2 * (group == "chr20"), 0, 1)
    thresholds = train.default_thresholds(alleles, group, probability, train.RECIPES["illumina"])
    for name in ("chr20", "chr21"):
        true = (group == name) & (alleles.label > 0.5)
        assert (np.round(probability[true], 4) >= thresholds["snv"]).mean() >= 0.995
