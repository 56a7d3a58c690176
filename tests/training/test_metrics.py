"""Metrics against slow definitions and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcffilter.training import metrics

labelled_scores = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=1, max_size=60)


@given(labelled_scores)
@settings(max_examples=200, deadline=None)
def test_auroc_is_the_share_of_rightly_ordered_pairs(pairs):
    labels = np.array([label for label, _ in pairs])
    scores = np.array([score for _, score in pairs], float)
    true, false = scores[labels], scores[~labels]
    if len(true) == 0 or len(false) == 0:
        assert np.isnan(metrics.auroc(labels, scores))
        return
    differences = true[:, None] - false[None, :]
    expected = ((differences > 0) + 0.5 * (differences == 0)).mean()
    assert metrics.auroc(labels, scores) == pytest.approx(expected)


@given(labelled_scores)
@settings(max_examples=100, deadline=None)
def test_auroc_and_auprc_agree_with_sklearn(pairs):
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    labels = np.array([label for label, _ in pairs])
    scores = np.array([score for _, score in pairs], float)
    if labels.all() or not labels.any():
        assert np.isnan(metrics.auprc(labels, scores))
        return
    assert metrics.auroc(labels, scores) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    assert metrics.auprc(labels, scores) == pytest.approx(sklearn_metrics.average_precision_score(labels, scores))


@given(labelled_scores, st.floats(0.01, 1.0))
@settings(max_examples=200, deadline=None)
def test_the_cut_keeps_enough_and_no_higher_one_does(pairs, kept):
    labels = np.array([label for label, _ in pairs])
    scores = np.array([score for _, score in pairs], float)
    cut = metrics.cut_for_true_kept(labels, scores, kept)
    if not labels.any():
        assert np.isnan(cut)
        return
    assert (scores[labels] >= cut).mean() >= kept - 1e-9
    higher = np.unique(scores[scores > cut])
    if len(higher):
        assert (scores[labels] >= higher[0]).mean() < kept


def test_false_removed_by_hand():
    labels = np.array([1] * 100 + [0] * 4)
    scores = np.concatenate([np.arange(100.0), [-1, 0.5, 1, 50]])
    assert metrics.false_removed(labels, scores, 0.99) == 0.5  # one true one may go: the cut is 1
    assert metrics.false_removed(labels, scores, 1.0) == 0.25


def test_calibration_error_and_log_loss_by_hand():
    labels = np.array([1, 1, 0, 0])
    assert metrics.expected_calibration_error(labels, np.array([0.95, 0.95, 0.05, 0.05])) == pytest.approx(0.05)
    assert metrics.expected_calibration_error(labels, np.full(4, 0.5)) == 0
    assert metrics.log_loss(labels, np.zeros(4)) == pytest.approx(np.log(2))
    assert metrics.log_loss(labels, np.array([800, 800, -800, -800])) == 0


def test_groups_and_direction():
    labels, logits = np.array([1, 0, 1, 0]), np.array([2.0, -1, -3, 1])
    facts = metrics.summarise_groups(labels, logits, np.array([True, True, False, False]), np.ones(4, bool))
    assert (facts["snv_auroc"], facts["indel_auroc"], facts["hard_auroc"]) == (1, 0, facts["auroc"])
    assert facts["n_true"] == 2
    assert metrics.is_better("hard_auroc", 0.9, 0.8)
    assert not metrics.is_better("hard_log_loss", 0.9, 0.8)
    assert metrics.is_better("auroc", 0.1, float("nan"))


def test_block_bootstrap_is_wider_when_neighbours_repeat():
    rng = np.random.default_rng(0)
    labels = (rng.random(200) < 0.5).astype(int)
    scores = labels + rng.normal(size=200)
    repeated_labels, repeated_scores = np.repeat(labels, 10), np.repeat(scores, 10)
    honest = metrics.block_bootstrap(metrics.auroc, repeated_labels, repeated_scores, np.repeat(np.arange(200), 10), 100)
    naive = metrics.block_bootstrap(metrics.auroc, repeated_labels, repeated_scores, np.arange(2000), 100)
    assert honest[0] < metrics.auroc(labels, scores) < honest[1]
    assert honest[1] - honest[0] > 2 * (naive[1] - naive[0])
