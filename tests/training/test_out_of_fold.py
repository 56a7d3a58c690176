"""Weights that are trained on everything, calibrated on what each fold's weights never saw: the road of the shipped weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from training_examples import make_examples, make_spec

from vcffilter.calibration.maps import fit_calibration
from vcffilter.calibration.presets import LabelledCalls, choose_presets
from vcffilter.commands.main import run
from vcffilter.errors import TrainingError
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.config import ExampleFiles, OutOfFold, Selection
from vcffilter.training.dataset import ArrayDataset, concatenate, without_reads
from vcffilter.training.example_file import write_examples
from vcffilter.training.fit import predict
from vcffilter.training.grown_trees import TreesConfig, grow_both
from vcffilter.training.out_of_fold import copies_of, cross_fit, fold_of

yaml = pytest.importorskip("yaml")
pytest.importorskip("h5py")
pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

SMALL = {"boosted_trees": 20, "extra_trees": 10, "extra_depth": 6, "left_out": ["feature_3"]}
FOLDS = {"one": {"contigs": ["chr1"]}, "two": {"contigs": ["chr2"]}, "three": {"sets": ["set_c"]}}
BASE = {
    "model_id": "whole-1",
    "data": ["whole.h5", {"files": "thin/*.h5"}, {"files": "simulated.h5", "only": "indel", "weight": 0.5}],
    "architecture": "trees:both",
    "model": SMALL,
    "out_of_fold": {"folds": FOLDS},
    "calibration": "platt",
    "recall_snv": 0.95,
    "recall_indel": 0.9,
    "fit": {"seed": 3, "threads": 1},
}


def parts() -> dict[str, ArrayDataset]:
    """Two folds by contig, one by set, and simulated examples that are in every training."""
    whole = concatenate(
        [
            make_examples(900, seed=0, contig="chr1"),
            make_examples(900, seed=1, contig="chr2"),
            make_examples(900, seed=2, contig="chr3", set_name="set_c"),
        ]
    )
    # The same places and alleles again, seen by a quarter of the fragments.
    thin = make_examples(900, seed=3, contig="chr1")
    thin = ArrayDataset(**{**vars(thin), "share": np.full(900, 0.25, np.float32)})
    return {"whole": whole, "thin/a": thin, "simulated": make_examples(600, seed=4, contig="chr1", set_name="simulated")}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "thin").mkdir()
    for name, examples in parts().items():
        if name == "simulated":
            examples = ArrayDataset(**{**vars(examples), "contig": np.full(len(examples), "simulated")})
        write_examples(tmp_path / f"{name}.h5", examples, make_spec())
    return tmp_path


def train(folder, *options, output="run", **changes):
    (folder / "config.yaml").write_text(yaml.safe_dump(BASE | changes))
    return run(["train", str(folder / "config.yaml"), "-o", str(folder / output), "-q", *options])


def used() -> ArrayDataset:
    """What BASE trains on, in its order."""
    made = parts()
    simulated = made["simulated"].take(~made["simulated"].is_snv)
    changed = {"contig": np.full(len(simulated), "simulated"), "weight": simulated.weight / 2}
    simulated = ArrayDataset(**{**vars(simulated), **changed})
    return concatenate([made["whole"], made["thin/a"], simulated])


def grown(examples: ArrayDataset):
    spec = without_reads(make_spec())
    settings = TreesConfig(20, boosted_depth=6, extra_trees=10, extra_depth=6, left_out=("feature_3",))
    weight = None if (examples.weight == 1).all() else examples.weight
    return grow_both(examples.features, examples.label, settings, spec, seed=3, weight=weight)


def test_weights_are_those_of_the_recipe_that_stood_apart(folder):
    assert train(folder) == 0
    checkpoint = load_checkpoint(folder / "run" / "whole-1.safetensors")
    examples = used()
    expected = grown(examples)
    assert checkpoint.metadata.config == expected.config
    for name, tensor in expected.module.state_dict().items():
        assert tensor.equal(checkpoint.tensors[name]), name
    fold = np.where(examples.set_name == "set_c", "three", np.where(examples.contig == "chr1", "one", "two"))
    fold = np.where(examples.contig == "simulated", "", fold)
    index = np.concatenate([np.flatnonzero(fold == name) for name in ("one", "three", "two")])
    logits = np.concatenate(
        [
            predict(grown(examples.take(fold != name)).module, examples.take(fold == name)).astype(np.float64)
            for name in ("one", "three", "two")
        ]
    )
    held = examples.take(index)
    # chr1 of set_a is there whole and thinned: two examples of each allele.
    weights = np.where((held.contig == "chr1") & (held.set_name == "set_a"), 1 / np.sqrt(2), 1.0)
    calibration = fit_calibration(logits, held.label, held.is_snv, weights, method="platt")
    assert checkpoint.metadata.calibration == calibration.to_json()
    probability = calibration.probabilities(logits, held.is_snv)
    # One call set for chr1 and chr2 of set_a whole, one for chr1 thinned, one for set_c; two sets that count the same.
    call_set = np.where(held.set_name == "set_c", 0, np.where(held.share == 1, 1, 2))
    calls = LabelledCalls(probability, held.label > 0.5, held.is_snv, call_set, (held.set_name == "set_c").astype(int))
    presets = checkpoint.metadata.presets["presets"]
    expected_cuts = choose_presets(calls)
    assert {name: presets[name]["thresholds"] for name in ("sensitive", "strict")} == {
        name: expected_cuts[name] for name in ("sensitive", "strict")
    }
    for name, of_type, recall in (("snv", held.is_snv, 0.95), ("indel", ~held.is_snv, 0.9)):
        true = np.sort(np.round(probability[of_type & (held.label > 0.5)], 4))[::-1]
        assert checkpoint.metadata.thresholds[name] == pytest.approx(true[int(np.ceil(recall * len(true) - 1e-9)) - 1])
    assert set(checkpoint.metadata.evaluation) == {"held-out folds, whole reads", "held-out folds, all copies"}
    assert checkpoint.metadata.evaluation["held-out folds, whole reads"]["n_true"] == int(held.label[held.share == 1].sum())
    facts = json.loads((folder / "run" / "data.json").read_text())
    assert facts["train examples"] == len(examples)
    assert "file thin/a.h5" in facts


def test_without_a_fold_nothing_of_it_is_seen(folder):
    assert train(folder, "--without", "two", output="without") == 0
    checkpoint = load_checkpoint(folder / "without" / "whole-1-without-two.safetensors")
    examples = used()
    expected = grown(examples.take(examples.contig != "chr2"))
    assert all(tensor.equal(checkpoint.tensors[name]) for name, tensor in expected.module.state_dict().items())
    assert set(checkpoint.metadata.training["out_of_fold"]["folds"]) == {"one", "three"}


def test_two_folds_can_be_left_out_together(folder):
    folds = {**FOLDS, "four": {"contigs": ["simulated"]}}
    options = ("--without", "one", "--without", "two")
    assert train(folder, *options, output="without", out_of_fold={"folds": folds}) == 0
    checkpoint = load_checkpoint(folder / "without" / "whole-1-without-one-without-two.safetensors")
    examples = used()
    expected = grown(examples.take(~np.isin(examples.contig, ["chr1", "chr2"])))
    assert all(tensor.equal(checkpoint.tensors[name]) for name, tensor in expected.module.state_dict().items())
    assert set(checkpoint.metadata.training["out_of_fold"]["folds"]) == {"three", "four"}


def test_no_training_sees_the_fold_that_it_scores():
    examples, seen = used(), []
    fold = fold_of(examples, OutOfFold({"a": Selection(contigs=("chr1",)), "b": Selection(sets=("set_c",))}))

    class Constant:
        training = False

    def fake(chosen):
        seen.append(set(zip(chosen.contig.tolist(), chosen.set_name.tolist(), strict=True)))
        return grown(examples.take(np.arange(200))).module

    held = cross_fit(examples, fold, fake)
    always = {("chr2", "set_a"), ("simulated", "simulated")}
    assert seen == [always | {("chr3", "set_c")}, always | {("chr1", "set_a")}]
    assert held.fold.tolist() == ["a"] * 1800 + ["b"] * 900


def test_copies_of_an_allele_are_counted_by_set_place_and_alleles():
    examples = ArrayDataset.create(
        np.zeros((5, 1)),
        np.ones(5),
        set_name=["a", "a", "a", "b", "a"],
        contig="chr1",
        pos0=[1, 1, 1, 1, 2],
        allele=[7, 7, 8, 7, 7],
    )
    assert copies_of(examples).tolist() == [2, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"out_of_fold": {"folds": FOLDS | {"four": {"contigs": ["chr2"]}}}}, "folds 'four' and 'two' share examples"),
        ({"out_of_fold": {"folds": FOLDS | {"four": {"contigs": ["chr9"]}}}}, "no example lies in fold 'four'"),
        ({"out_of_fold": {"folds": {"one": FOLDS["one"]}}}, "needs two folds"),
        ({"validation": {"contigs": ["chr2"]}}, "validation and out_of_fold are both given"),
        ({"architecture": "site_mlp", "model": {}}, "out_of_fold is for trees"),
        ({"data": ["none/*.h5"]}, "none/*.h5: no example file is called so"),
        ({"data": [{"files": "whole.h5", "only": "snvs"}]}, "data[0].only is 'snvs'"),
        ({"data": [{"files": "whole.h5", "weight": 0}]}, "data[0].weight is 0"),
        ({"data": [3]}, "data[0] is 3"),
        ({"model": SMALL | {"left_out": ["alt_base_qualty"]}}, "left_out names no site feature: alt_base_qualty"),
    ],
)
def test_what_cannot_be_meant_is_refused(folder, capfd, changes, said):
    assert train(folder, **changes) == 1
    assert said in capfd.readouterr().err


def test_a_fold_to_leave_out_must_be_there(folder, capfd):
    assert train(folder, "--without", "four") == 1
    assert "no fold 'four' in out_of_fold. Known are: one, three, two" in capfd.readouterr().err


def test_wrong_choices_are_refused_where_they_are_made():
    with pytest.raises(TrainingError, match="only is"):
        ExampleFiles("a.h5", only="indels")
