"""Contributions of trees against the definition, subset by subset, and against LightGBM's own on a forest that it grew."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forests import N_FEATURES, grow

from vcffilter.kernels.contributions import (
    CountedTrees,
    add_contributions,
    cover_of_nodes,
    empty_contribution_scratch,
    expected_output,
    share_of_parent,
)


def grow_counted(rng, n_trees, n_splits):
    """Random trees whose leaves have random counts, some none: (CountedTrees, depth, whole cover)."""
    root, feature, threshold, left, depth = grow(rng, n_trees, n_splits)
    cover = rng.integers(1, 50, len(left)) * (rng.random(len(left)) < 0.7)
    trees = CountedTrees(root, feature, threshold, left, rng.normal(size=len(left)), share_of_parent(root, left, cover))
    return trees, depth, cover_of_nodes(root, left, cover)


def known_output(trees, cover, row, known, node):
    """Expected output below a node where only some features are known, by the definition."""
    left = int(trees.left[node])
    if left == node:
        return trees.value[node]
    if trees.feature[node] in known:
        return known_output(trees, cover, row, known, left + int(row[trees.feature[node]] > trees.threshold[node]))
    total = cover[left] + cover[left + 1]
    share = cover[left] / total if total else 0.5
    below = [known_output(trees, cover, row, known, child) for child in (left, left + 1)]
    return share * below[0] + (1 - share) * below[1]


def by_definition(trees, cover, row):
    """(contributions, expected output): the mean over all orders in which features become known."""

    def output(known):
        return sum(known_output(trees, cover, row, set(known), int(root)) for root in trees.root)

    contributions = np.zeros(N_FEATURES)
    for feature in range(N_FEATURES):
        others = [other for other in range(N_FEATURES) if other != feature]
        for size in range(N_FEATURES):
            weight = factorial(size) * factorial(N_FEATURES - size - 1) / factorial(N_FEATURES)
            for known in combinations(others, size):
                contributions[feature] += weight * (output((*known, feature)) - output(known))
    return contributions, output(())


def contributions_of(trees, depth, rows):
    found = np.zeros(rows.shape)
    add_contributions(rows, trees, empty_contribution_scratch(depth, rows.shape[1]), found)
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(0, 12))
def test_contributions_are_those_of_the_definition(seed, n_trees, n_splits):
    rng = np.random.default_rng(seed)
    trees, depth, cover = grow_counted(rng, n_trees, n_splits)
    rows = rng.normal(size=(2, N_FEATURES)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    found = contributions_of(trees, depth, rows)
    for row, contributions in zip(rows, found, strict=True):
        expected, base = by_definition(trees, cover, row)
        np.testing.assert_allclose(contributions, expected, atol=1e-12)
        assert expected_output(trees) == pytest.approx(base, abs=1e-12)


def test_a_tree_that_splits_on_one_feature_again_and_again():
    # A chain of 20 splits on two features: every edge merges with an earlier one.
    n = 20
    left = np.array([1 + 2 * (node // 2) if node % 2 == 0 and node < 2 * n else node for node in range(2 * n + 1)], np.int32)
    feature = np.array([(node // 2) % 2 for node in range(2 * n + 1)], np.int32)
    threshold = np.where(left != np.arange(2 * n + 1), np.linspace(-1, 1, 2 * n + 1), np.inf).astype(np.float32)
    cover = np.arange(1, 2 * n + 2)
    root = np.zeros(1, np.int32)
    rng = np.random.default_rng(3)
    trees = CountedTrees(root, feature, threshold, left, rng.normal(size=len(left)), share_of_parent(root, left, cover))
    rows = rng.normal(size=(4, N_FEATURES)).astype(np.float32)
    whole = cover_of_nodes(root, left, cover)
    for row, contributions in zip(rows, contributions_of(trees, n, rows), strict=True):
        np.testing.assert_allclose(contributions, by_definition(trees, whole, row)[0], atol=1e-12)


def test_lightgbm_says_the_same_of_its_own_trees():
    lightgbm = pytest.importorskip("lightgbm")
    from vcffilter.explanation.covers import count_covers, forests_of
    from vcffilter.explanation.forest_contributions import counted_trees
    from vcffilter.models.encoder_spec import EncoderSpec
    from vcffilter.training.forests import from_lightgbm

    rng = np.random.default_rng(8)
    rows = rng.normal(size=(3000, 12)).astype(np.float32)
    label = (rows[:, 0] * rows[:, 1] + rows[:, 2] + rng.normal(size=3000) > 0).astype(int)
    grown = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=31, max_depth=9, verbose=-1, n_jobs=1).fit(rows, label)
    own = grown.booster_.predict(rows[:60], pred_contrib=True)
    _, module = from_lightgbm(grown, EncoderSpec(1, tuple("abcdefghijkl")))
    forest = forests_of(module)["forest"]
    trees = counted_trees(forest, count_covers(module, rows, "training rows").of_forest["forest"])
    found = contributions_of(trees, forest.config.depth, rows[:60])
    # Leaves are float32 in a checkpoint and float64 in LightGBM.
    np.testing.assert_allclose(found, own[:, :-1], atol=2e-6)
    np.testing.assert_allclose(expected_output(trees), own[:, -1], atol=2e-6)
    assert np.abs(found).max() > 0.5


def test_contributions_of_deep_trees_add_up():
    rng = np.random.default_rng(5)
    trees, depth, _ = grow_counted(rng, 30, 300)
    assert depth > 12
    rows = rng.normal(size=(20, N_FEATURES)).astype(np.float32)
    total = np.zeros(len(rows))
    for index, row in enumerate(rows):
        for node in trees.root.tolist():
            while trees.left[node] != node:
                node = int(trees.left[node]) + int(row[trees.feature[node]] > trees.threshold[node])
            total[index] += trees.value[node]
    found = contributions_of(trees, depth, rows)
    np.testing.assert_allclose(found.sum(1) + expected_output(trees), total, atol=1e-11)
