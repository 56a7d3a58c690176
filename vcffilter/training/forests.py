"""Forests of LightGBM or scikit-learn as a `forest` network: exactly their decisions, in one torch module.

Knows their public tree structures; imports neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vcffilter.errors import TrainingError
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.models.registry import build

LEAF = -1


@dataclass(frozen=True)
class Tree:
    """One binary tree; node 0 is the root. feature, left, right: int64 (n,), LEAF at leaves. threshold: float64 (n,), not above
    it goes left. value: float64 (n,), used at leaves.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray


def from_sklearn(forest: Any, spec: EncoderSpec, clip: float = 1e-3) -> tuple[dict[str, Any], Network]:
    """(config of `forest`, module) of a fitted two-class RandomForestClassifier or ExtraTreesClassifier."""
    if list(forest.classes_) != [0, 1]:
        raise TrainingError("the forest's classes must be 0 and 1")
    trees = []
    for estimator in forest.estimators_:
        tree = estimator.tree_
        counts = tree.value[:, 0, :]
        share = counts[:, 1] / counts.sum(1)
        trees.append(Tree(tree.feature, tree.threshold, tree.children_left, tree.children_right, share))
    return to_network(trees, spec, "probability", clip=clip)


def from_lightgbm(booster: Any, spec: EncoderSpec) -> tuple[dict[str, Any], Network]:
    """(config of `forest`, module) of a fitted two-class LightGBM booster (or classifier) without categorical splits."""
    booster = getattr(booster, "booster_", booster)
    trees = [_lightgbm_tree(entry["tree_structure"]) for entry in booster.dump_model()["tree_info"]]
    return to_network(trees, spec, "logit")


def _lightgbm_tree(root: dict[str, Any]) -> Tree:
    rows: list[tuple[int, float, int, int, float]] = []

    def add(node: dict[str, Any]) -> int:
        index = len(rows)
        rows.append((LEAF, 0.0, LEAF, LEAF, float(node.get("leaf_value", 0.0))))
        if "split_feature" in node:
            if node["decision_type"] != "<=":
                raise TrainingError("categorical splits cannot be put into a network")
            left, right = add(node["left_child"]), add(node["right_child"])
            rows[index] = (node["split_feature"], node["threshold"], left, right, 0.0)
        return index

    add(root)
    feature, threshold, left, right, value = zip(*rows, strict=True)
    return Tree(np.array(feature), np.array(threshold, np.float64), np.array(left), np.array(right), np.array(value))


def step_tree(feature: int, centres: np.ndarray, values: np.ndarray) -> Tree:
    """A function of one feature in steps: values[i] around centres[i], which rise. float64 both (n,), n of 2 or more."""
    rows: list[tuple[int, float, int, int, float]] = []

    def add(first: int, last: int) -> int:
        index = len(rows)
        rows.append((LEAF, 0.0, LEAF, LEAF, float(values[first])))
        if last - first > 1:
            middle = (first + last) // 2
            left, right = add(first, middle), add(middle, last)
            rows[index] = (feature, float(centres[middle - 1] + centres[middle]) / 2, left, right, 0.0)
        return index

    add(0, len(centres))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Tree(columns[0], columns[1].astype(np.float64), columns[2], columns[3], columns[4])


def to_network(
    trees: Sequence[Tree], spec: EncoderSpec, output: str, base: float = 0.0, clip: float = 1e-3
) -> tuple[dict[str, Any], Network]:
    """(config of `forest`, module in evaluation mode) of some trees over the spec's site features."""
    packed = [_siblings_together(tree) for tree in trees]
    first = np.cumsum([0, *(len(tree.feature) for tree, _ in packed)])
    config = {
        "n_trees": len(packed),
        "n_nodes": int(first[-1]),
        "depth": max(depth for _, depth in packed),
        "output": output,
        "base": base,
        "clip": clip,
    }
    module = build("forest", config, spec)
    left = np.concatenate([tree.left + offset for (tree, _), offset in zip(packed, first[:-1], strict=True)])
    arrays = {
        "root": first[:-1].astype(np.int32),
        "feature": np.concatenate([tree.feature for tree, _ in packed]).astype(np.int32),
        "threshold": np.concatenate([tree.threshold for tree, _ in packed]).astype(np.float32),
        "left": left.astype(np.int32),
        "value": np.concatenate([tree.value for tree, _ in packed]).astype(np.float32),
    }
    if arrays["feature"].max(initial=0) >= spec.n_features:
        raise TrainingError("the forest was trained on other features than the encoder makes")
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return config, module.eval()


def _siblings_together(tree: Tree) -> tuple[Tree, int]:
    """(the same tree with each right child next to its left one and leaves that lead to themselves, its depth)."""
    order, depth_of, left = [0], [0], dict[int, int]()
    for place, node in enumerate(order):  # grows while it is walked
        if tree.left[node] != LEAF:
            left[place] = len(order)
            order += [int(tree.left[node]), int(tree.right[node])]
            depth_of += [depth_of[place] + 1] * 2
    index = np.array(order)
    is_leaf = tree.left[index] == LEAF
    return (
        Tree(
            feature=np.where(is_leaf, 0, tree.feature[index]),
            threshold=np.where(is_leaf, np.inf, _not_above(tree.threshold[index])),
            left=np.array([left.get(place, place) for place in range(len(order))]),
            right=np.empty(0),
            value=tree.value[index],
        ),
        max(depth_of),
    )


def _not_above(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 not above each float64: float32 features are then sent the same way."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
