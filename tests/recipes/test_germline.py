"""The recipe of the germline weights: that no model sees what it is held out from."""

from pathlib import Path

import numpy as np
import pytest
from dataset import Alleles

train = pytest.importorskip("train")


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
        ["chr21", "chr21", "chr22", "20", "chr20", "chr4"],
        [
            *("nygc-chr21", "na19401-nygc-chr21", "nygc-chr22", "broad8x-chr20", "sim-hiseq-9x", "na12878-hiseq-slices"),
        ],
    )
    expected = ["chr21", "chr21", "chr22", "chr20", "always", "always"]
    assert train.illumina_group(alleles).tolist() == expected


def test_simulated_snvs_are_left_out() -> None:
    alleles = make_alleles(["chr20", "chr20"], ["sim-hiseq-9x", "nygc-chr21"])
    assert train.select_short_reads(alleles, train.RECIPES["illumina"]).set_name.tolist() == ["nygc-chr21"]


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
