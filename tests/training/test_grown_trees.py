"""Trees by the command line: what ships, grown on one's own examples."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from training_examples import make_examples, make_spec

from vcffilter.commands.main import run
from vcffilter.errors import TrainingError
from vcffilter.explanation.covers import find_covers
from vcffilter.kernels.phase import PHASE_FEATURES, PHASE_RATIO
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.scoring.network import NetworkScorer
from vcffilter.training.dataset import concatenate, without_reads
from vcffilter.training.example_file import write_examples
from vcffilter.training.grown_trees import TreesConfig, grow_both, grow_network

yaml = pytest.importorskip("yaml")
pytest.importorskip("h5py")
pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

SMALL = {"boosted_trees": 20, "extra_trees": 10, "extra_depth": 6, "left_out": []}
BASE = {
    "model_id": "grown-1",
    "data": ["examples.h5"],
    "architecture": "trees:both",
    "model": SMALL,
    "validation": {"contigs": ["chr2"]},
    "fit": {"seed": 3, "threads": 1},
}


@pytest.fixture
def folder(tmp_path):
    examples = concatenate([make_examples(1500), make_examples(600, seed=1, contig="chr2")])
    write_examples(tmp_path / "examples.h5", examples, make_spec())
    return tmp_path


def train(folder, *options, output="run", **changes):
    (folder / "config.yaml").write_text(yaml.safe_dump(BASE | changes))
    return run(["train", str(folder / "config.yaml"), "-o", str(folder / output), "-q", *options])


def test_trees_are_grown_calibrated_and_written(folder):
    assert train(folder) == 0
    checkpoint = load_checkpoint(folder / "run" / "grown-1.safetensors")
    metadata = checkpoint.metadata
    assert metadata.architecture == "ensemble"
    assert [member["architecture"] for member in metadata.config["members"]] == ["forest", "forest"]
    assert metadata.encoder == without_reads(make_spec())
    assert metadata.training["grown"] == {"architecture": "trees:both", "model": SMALL}
    assert set(metadata.thresholds) == {"snv", "indel"}
    covers = find_covers(checkpoint.build(), checkpoint.path)
    assert covers.about == "the 1,500 examples that grown-1 grew on"
    assert {int(cover.sum()) for cover in covers.of_forest.values()} == {
        1500 * member["config"]["n_trees"] for member in metadata.config["members"]
    }
    facts = json.loads((folder / "run" / "metrics.jsonl").read_text())
    held = make_examples(600, seed=1, contig="chr2")
    p = NetworkScorer(checkpoint, "cpu").probabilities(held.features, None, held.is_snv)
    true = held.label > 0.5
    auroc = (p[true][:, None] > p[~true][None]).mean() + 0.5 * (p[true][:, None] == p[~true][None]).mean()
    assert auroc > 0.7
    assert facts["auroc"] == pytest.approx(auroc, abs=0.02)


def test_the_same_seed_gives_the_same_file(folder):
    assert train(folder, output="a") == 0
    assert train(folder, output="b") == 0
    a, b = ((folder / name / "grown-1.safetensors").read_bytes() for name in "ab")
    assert a == b
    assert train(folder, output="c", fit={"seed": 4, "threads": 1}) == 0
    assert (folder / "c" / "grown-1.safetensors").read_bytes() != a


def test_grown_weights_can_be_fine_tuned(folder):
    assert train(folder) == 0
    weights = str(folder / "run" / "grown-1.safetensors")
    changes = {"architecture": "", "model": {}, "fit": {"epochs": 1, "device": "cpu", "threads": 1}}
    assert train(folder, "--init", weights, output="tuned", **changes) == 0
    before, after = load_checkpoint(weights), load_checkpoint(folder / "tuned" / "grown-1.safetensors")
    moved = {name for name, tensor in before.tensors.items() if not tensor.equal(after.tensors[name])}
    assert moved == {"members.0.value", "members.1.value"}


def test_the_second_half_does_not_see_what_is_left_out():
    rng = np.random.default_rng(0)
    spec = without_reads(make_spec())
    features = rng.normal(size=(600, len(spec.features))).astype(np.float32)
    label = (features[:, 1] > 0).astype(int)
    config = TreesConfig(boosted_trees=5, extra_trees=5, left_out=(spec.features[1],))
    forests = grow_both(features, label, config, spec).module.members
    splits = [forest.left.numpy() != np.arange(len(forest.left)) for forest in forests]
    used = [1 in forest.feature.numpy()[split] for forest, split in zip(forests, splits, strict=True)]
    assert used == [True, True, False, False]


def test_no_tree_sees_what_is_unseen():
    rng = np.random.default_rng(0)
    spec = without_reads(make_spec())
    features = rng.normal(size=(600, len(spec.features))).astype(np.float32)
    label = (features[:, 1] + 0.5 * features[:, 2] > 0).astype(int)
    config = TreesConfig(boosted_trees=5, extra_trees=5, left_out=(spec.features[2],), unseen=(spec.features[1],))
    before = features.copy()
    forests = grow_both(features, label, config, spec).module.members
    splits = [forest.left.numpy() != np.arange(len(forest.left)) for forest in forests]
    seen = [set(forest.feature.numpy()[split].tolist()) for forest, split in zip(forests, splits, strict=True)]
    assert all(1 not in of_member for of_member in seen)
    assert [2 in of_member for of_member in seen] == [True, True, False, False]
    assert np.array_equal(features, before)
    with pytest.raises(TrainingError, match="unseen names no site feature: nothing"):
        grow_both(features, label, TreesConfig(unseen=("nothing",)), spec)


def test_what_trees_see_of_phase():
    """All of it, the ratio alone, or nothing: then the ratio is added to what they say, by its weight and within its limits."""
    rng = np.random.default_rng(0)
    spec = EncoderSpec(1, ("a", "b", *PHASE_FEATURES), phase_reach=500)
    ratio = spec.features.index(PHASE_RATIO)
    features = rng.normal(size=(600, len(spec.features))).astype(np.float32)
    label = (features.sum(1) > 0).astype(int)
    seen, logits = {}, {}
    for use in ("all", "ratio", "added"):
        grown = grow_both(features, label, TreesConfig(boosted_trees=20, extra_trees=5, left_out=(), phase=use), spec)
        splits = [(forest, forest.left.numpy() != np.arange(len(forest.left))) for forest in list(grown.module.members)[:2]]
        seen[use] = {int(one) for forest, split in splits for one in forest.feature.numpy()[split]}
        tried = np.repeat(features[:1], 5, axis=0)
        tried[:, ratio] = (-9, -2, 0, 1, 9)
        logits[use] = grown.module(torch.from_numpy(tried), None).detach().numpy()
    assert (len(seen["all"]), seen["ratio"], seen["added"]) == (len(spec.features), {0, 1, ratio}, {0, 1})
    added = (logits["added"] - logits["added"][2]) / 0.9
    assert added == pytest.approx(0.2 * np.log(10) * np.array([-3, -2, 0, 1, 3]), rel=1e-4)
    with pytest.raises(TrainingError, match="phase is 'some'"):
        TreesConfig(phase="some")


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"architecture": "trees:oak"}, (), "trees:both, trees:lightgbm, trees:extratrees"),
        ({"model": {"branches": 3}}, (), "branches"),
        ({}, ("--init", "illumina-germline"), "grown from nothing"),
    ],
)
def test_what_cannot_be_grown_is_said(folder, capfd, changes, options, message):
    assert train(folder, *options, **changes) == 1
    assert message in capfd.readouterr().err


def test_a_setting_of_another_kind_is_named():
    examples = make_examples(300)
    with pytest.raises(TrainingError, match="boosted"):
        grow_network("trees:both", {"boosted_trees": "many"}, examples, without_reads(make_spec()))
