"""Forests as networks: exactly the decisions of the libraries that grew them, however they are batched."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from vcffilter.errors import ModelError, TrainingError
from vcffilter.models.checkpoint import decode_checkpoint, encode_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.ensemble import combine
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.registry import build
from vcffilter.scoring.network import CPU_TILE, NetworkScorer
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit import FitConfig, fit, predict
from vcffilter.training.forests import LEAF, Tree, from_lightgbm, from_sklearn, to_network
from vcffilter.training.metrics import auroc

SPEC = EncoderSpec(1, tuple(f"feature_{i}" for i in range(6)))


def examples(n, seed=0):
    rng = np.random.default_rng(seed)
    features = np.round(rng.normal(size=(n, 6)), 2).astype(np.float32)  # ties with thresholds are common
    label = (features[:, 0] * features[:, 1] + features[:, 2] + rng.normal(0, 0.5, n) > 0).astype(np.float32)
    return ArrayDataset.create(features, label)


def test_a_tree_by_hand():
    # feature_2 <= 1 ? -1 : (feature_0 <= 0.1 ? 2 : 3); 0.1 has no float32 of its own
    tree = Tree(
        feature=np.array([2, LEAF, 0, LEAF, LEAF]),
        threshold=np.array([1.0, 0, 0.1, 0, 0]),
        left=np.array([1, LEAF, 3, LEAF, LEAF]),
        right=np.array([2, LEAF, 4, LEAF, LEAF]),
        value=np.array([0, -1.0, 0, 2.0, 3.0]),
    )
    config, module = to_network([tree, tree], SPEC, "logit", base=0.5)
    assert (config["n_nodes"], config["depth"]) == (10, 2)
    features = np.zeros((5, 6), np.float32)
    features[:, 2] = [1, np.nextafter(np.float32(1), np.float32(2)), 5, 5, -5]
    tenth = np.float32(0.1)  # above the threshold 0.1 in exact numbers
    features[:, 0] = [9, 0, np.nextafter(tenth, np.float32(0)), tenth, 9]
    assert module(torch.from_numpy(features), None).tolist() == [-1.5, 4.5, 4.5, 6.5, -1.5]


def test_extra_trees_decide_alike():
    ensemble = pytest.importorskip("sklearn.ensemble")
    train, test = examples(800), examples(500, seed=1)
    forest = ensemble.ExtraTreesClassifier(30, min_samples_leaf=2, random_state=0).fit(train.features, train.label)
    _, module = from_sklearn(forest, SPEC)
    p = np.clip(forest.predict_proba(test.features)[:, 1], 1e-3, 1 - 1e-3)
    assert np.allclose(predict(module, test), np.log(p) - np.log1p(-p), atol=1e-4)


def test_lightgbm_decides_alike():
    lightgbm = pytest.importorskip("lightgbm")
    train, test = examples(800), examples(500, seed=1)
    booster = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=9, n_jobs=1, verbose=-1).fit(train.features, train.label)
    _, module = from_lightgbm(booster, SPEC)
    assert np.allclose(predict(module, test), booster.predict(test.features, raw_score=True), atol=1e-4)


def test_a_forest_and_a_network_ship_as_one_module():
    ensemble = pytest.importorskip("sklearn.ensemble")
    train, test = examples(500), examples(2 * CPU_TILE + 11, seed=1)
    forest = ensemble.RandomForestClassifier(20, random_state=0).fit(train.features, train.label)
    tree_config, trees = from_sklearn(forest, SPEC)
    net_config = {"hidden": (8,), "n_members": 2}
    torch.manual_seed(0)
    net = fit(build("site_mlp", net_config, SPEC), train, None, FitConfig(epochs=2, device="cpu")).module
    config, module = combine([("forest", tree_config, trees), ("site_mlp", net_config, net)], SPEC)
    data = encode_checkpoint(module, CheckpointMetadata("both", "ensemble", config, SPEC))
    scorer = NetworkScorer(decode_checkpoint(data), "cpu")
    whole = scorer.logits(test.features, None)
    assert np.allclose(whole, (predict(trees, test) + predict(net, test)) / 2, atol=1e-5)
    order = np.random.default_rng(0).permutation(len(test))
    assert np.array_equal(scorer.logits(test.features[order], None), whole[order])
    for n in (1, 7):
        few = NetworkScorer(decode_checkpoint(data), "cpu").logits(test.features[:n], None)
        assert np.array_equal(few, whole[:n])


def test_what_cannot_be_is_said():
    tree = Tree(np.array([7, LEAF, LEAF]), np.zeros(3), np.array([1, LEAF, LEAF]), np.array([2, LEAF, LEAF]), np.zeros(3))
    with pytest.raises(TrainingError, match="features"):
        to_network([tree], SPEC, "logit")
    tree = dataclasses.replace(tree, feature=np.array([0, LEAF, LEAF]))
    with pytest.raises(ModelError, match="magic"):
        to_network([tree], SPEC, "magic")
    with pytest.raises(ModelError, match="--init"):
        fit(to_network([tree], SPEC, "logit")[1], examples(50), None, FitConfig(epochs=1, device="cpu"))


@pytest.mark.parametrize("library", ["lightgbm", "sklearn"])
def test_fine_tuning_fits_the_leaves_to_other_data_and_keeps_the_splits(library):
    train, other, test = examples(800), examples(800, seed=1), examples(800, seed=2)
    flipped = [dataclasses.replace(data, label=1 - data.label) for data in (other, test)]
    if library == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        booster = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=9, n_jobs=1, verbose=-1).fit(train.features, train.label)
        _, module = from_lightgbm(booster, SPEC)
    else:
        ensemble = pytest.importorskip("sklearn.ensemble")
        forest = ensemble.ExtraTreesClassifier(30, min_samples_leaf=2, random_state=0).fit(train.features, train.label)
        _, module = from_sklearn(forest, SPEC)
    splits = {name: buffer.clone() for name, buffer in module.named_buffers()}
    assert auroc(flipped[1].label, predict(module, flipped[1])) < 0.2
    config = FitConfig(epochs=30, batch_size=128, learning_rate=2e-2, device="cpu", ema_decay=0.9)
    tuned = fit(module, flipped[0], None, config, fit_inputs=False).module
    assert auroc(flipped[1].label, predict(tuned, flipped[1])) > 0.8
    assert all(torch.equal(buffer, splits[name]) for name, buffer in tuned.named_buffers())
