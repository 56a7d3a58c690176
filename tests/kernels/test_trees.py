"""Compiled walk of decision trees against one node after the other, and against torch's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forests import N_FEATURES, grow

from vcffilter.kernels.trees import walk_trees
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.forest import Forest, ForestConfig


def plain_leaf(row, node, feature, threshold, left):
    while left[node] != node:
        node = left[node] + int(row[feature[node]] > threshold[node])
    return node


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.integers(1, 6), st.integers(0, 12))
def test_walk_finds_the_leaves(seed, n, n_trees, n_splits):
    rng = np.random.default_rng(seed)
    root, feature, threshold, left, depth = grow(rng, n_trees, n_splits)
    rows = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[rng.random(rows.shape) < 0.1] = np.inf
    leaf = np.full((n, n_trees), -1, np.int32)
    walk_trees(rows, root, feature, threshold, left, depth, leaf)
    assert leaf.tolist() == [[plain_leaf(row, node, feature, threshold, left) for node in root.tolist()] for row in rows]


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_a_forest_gives_the_same_with_either_walk(output):
    rng = np.random.default_rng(4)
    root, feature, threshold, left, depth = grow(rng, 9, 30)
    config = ForestConfig(len(root), len(left), depth, output)
    forest = Forest(config, EncoderSpec("1", tuple("abcde"))).eval()
    value = rng.random(len(left)).astype(np.float32)
    named = {"root": root, "feature": feature, "threshold": threshold, "left": left, "value": value}
    forest.load_state_dict({name: torch.from_numpy(array) for name, array in named.items()})
    rows = torch.from_numpy(rng.normal(size=(133, N_FEATURES)).astype(np.float32))
    with torch.inference_mode():
        by_torch = forest(rows, None)
        forest.walk = walk_trees
        assert torch.equal(forest(rows, None), by_torch)
    assert len(by_torch.unique()) > 50
