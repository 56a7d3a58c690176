"""Calibration maps: what they do to probabilities, and that fitting repairs wrong ones without losing the ranking."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcffilter.calibration.binomial_bounds import lower_limit
from vcffilter.calibration.maps import (
    IDENTITY,
    LOGIT_LIMIT,
    Calibration,
    LogitMap,
    fit_calibration,
    fit_isotonic,
    fit_platt,
    fit_temperature,
    linear_map,
    pool_adjacent_violators,
)
from vcffilter.calibration.operating_points import (
    at_thresholds,
    operating_points,
    threshold_for_precision,
    threshold_for_recall,
)
from vcffilter.errors import ModelError


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def drawn(n=20_000, slope=0.5, intercept=-1.0, seed=0):
    """Logits of which slope * logit + intercept would be right, and labels drawn so."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, n).astype(np.float32)
    return logits, (rng.random(n) < sigmoid(slope * logits + intercept)).astype(float)


def error(probabilities, labels):
    index = np.minimum((probabilities * 10).astype(int), 9)
    return np.abs(np.bincount(index, labels - probabilities, 10)).sum() / len(labels)


def test_maps_are_linear_between_and_beyond_knots():
    one = LogitMap(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 2.5]))
    assert one.apply(np.array([-1.0, 0, 0.5, 1, 2, 3, 5])).tolist() == [-2, 0, 1, 2, 2.25, 2.5, 3]
    assert linear_map(0.5, 1).apply(np.array([2.0, -2.0])).tolist() == [2, 0]
    assert IDENTITY.apply(np.array([1e9, -1e9])).tolist() == [LOGIT_LIMIT, -LOGIT_LIMIT]


def test_bad_knots_are_refused():
    for logit_in, logit_out in (([0, 0], [0, 1]), ([0, 1], [1, 0]), ([0], [0]), ([0, 1, 2], [0, 1])):
        with pytest.raises(ModelError):
            LogitMap(np.array(logit_in, float), np.array(logit_out, float))


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_fitting_repairs_probabilities(fit):
    logits, labels = drawn()
    new_logits, new_labels = drawn(seed=1)
    assert error(sigmoid(new_logits), new_labels) > 0.08
    assert error(sigmoid(fit(logits, labels).apply(new_logits)), new_labels) < 0.012


def test_platt_and_temperature_find_their_numbers():
    logits, labels = drawn(60_000)
    platt = fit_platt(logits, labels).apply(np.array([0.0, 1.0]))
    assert platt[0] == pytest.approx(-1, abs=0.05)
    assert platt[1] - platt[0] == pytest.approx(0.5, abs=0.03)
    logits, labels = drawn(60_000, intercept=0)
    temperature = fit_temperature(logits, labels).apply(np.array([0.0, 1.0]))
    assert temperature == pytest.approx([0, 0.5], abs=0.03)


def test_weights_count_like_copies():
    logits, labels = drawn(500)
    weights = np.random.default_rng(2).integers(1, 4, 500)
    copies = np.repeat(np.arange(500), weights)
    for fit in (fit_platt, fit_temperature, fit_isotonic):
        weighted = fit(logits, labels, weights.astype(float)).apply(np.linspace(-5, 5, 9))
        copied = fit(logits[copies], labels[copies]).apply(np.linspace(-5, 5, 9))
        assert weighted == pytest.approx(copied, abs=1e-3 if fit is not fit_isotonic else 0.35)


def test_isotonic_follows_what_platt_cannot():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 40_000)
    truth = np.where(logits < 0, 0.3, 0.9)
    labels = (rng.random(len(logits)) < truth).astype(float)
    fitted = sigmoid(fit_isotonic(logits, labels).apply(np.array([-2.0, 2.0])))
    assert fitted == pytest.approx([0.3, 0.9], abs=0.03)


def test_few_clean_examples_do_not_claim_certainty():
    logits = np.concatenate([np.full(20, -3.0), np.full(20, 3.0)]) + np.random.default_rng(0).normal(0, 0.1, 40)
    labels = np.repeat([0.0, 1.0], 20)
    p = sigmoid(fit_isotonic(logits, labels).apply(np.array([-3.0, 3.0])))
    assert 0.001 < p[0] < 0.1
    assert 0.9 < p[1] < 0.999


@given(st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=2, max_size=80), st.sampled_from([fit_platt, fit_isotonic]))
@settings(max_examples=100, deadline=None)
def test_the_ranking_survives_any_fit(pairs, fit):
    logits = np.array([logit for logit, _ in pairs])
    fitted = fit(logits, np.array([label for _, label in pairs], float))
    out = fitted.apply(np.linspace(-9, 9, 50))
    assert np.isfinite(out).all()
    assert (np.diff(out) >= 0).all()
    assert np.ptp(fitted.apply(np.linspace(-2, 2, 5))) > 0


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 3)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_pool_adjacent_violators_is_the_projection(pairs):
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    got = pool_adjacent_violators(values, weights)
    # min-max formula, the slow definition
    n = len(values)
    mean = [[np.average(values[i : j + 1], weights=weights[i : j + 1]) if j >= i else np.inf for j in range(n)] for i in range(n)]
    expected = [max(min(mean[i][j] for j in range(k, n)) for i in range(k + 1)) for k in range(n)]
    assert got == pytest.approx(expected, abs=1e-9)


def test_types_and_depth_bands_have_their_own_maps():
    rng = np.random.default_rng(0)
    n = 12_000
    logits, is_snv, depth = rng.normal(0, 2, n), rng.random(n) < 0.5, rng.integers(1, 40, n)
    shift = np.where(is_snv, 1.0, -1.0) + np.where(depth < 8, -1.0, 0.5)
    labels = (rng.random(n) < sigmoid(logits + shift)).astype(float)
    fitted = fit_calibration(logits, labels, is_snv, method="platt", depth=depth, depth_borders=(8,))
    at_zero = fitted.logits(np.zeros(4), np.array([True, True, False, False]), np.array([7, 8, 7, 8]))
    assert at_zero == pytest.approx([0, 1.5, -2, -0.5], abs=0.2)
    with pytest.raises(ModelError, match="depth"):
        fitted.logits(np.zeros(1), np.array([True]))
    again = Calibration.from_json(json.loads(json.dumps(fitted.to_json())))
    assert np.array_equal(again.logits(logits, is_snv, depth), fitted.logits(logits, is_snv, depth))


def test_small_bands_and_types_fall_back():
    logits, labels = drawn(1000)
    all_snv = fit_calibration(logits, labels, np.ones(1000, bool), method="platt")
    assert all_snv.maps["indel"][0].apply(np.zeros(1)) == pytest.approx(all_snv.maps["snv"][0].apply(np.zeros(1)))
    banded = fit_calibration(logits, labels, np.ones(1000, bool), method="platt", depth=np.full(1000, 5), depth_borders=(8,))
    assert np.array_equal(banded.maps["snv"][1].logit_out, all_snv.maps["snv"][0].logit_out)


def test_nothing_is_the_identity_and_nonsense_is_refused():
    logits = np.array([-2.0, 0.5])
    assert np.array_equal(Calibration.from_json({}).logits(logits, np.array([True, False])), logits)
    for broken in ({"maps": {}}, {"depth_borders": [], "maps": {"snv": []}}, {"depth_borders": "x", "maps": {}}):
        with pytest.raises(ModelError):
            Calibration.from_json(broken)
    with pytest.raises(ModelError, match="method"):
        fit_calibration(logits, logits, np.ones(2, bool), method="magic")


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50), st.floats(0.01, 1))
@settings(max_examples=200, deadline=None)
def test_threshold_for_recall_is_the_highest_that_reaches_it(pairs, recall):
    labels = np.array([label for label, _ in pairs], float)
    p = np.array([probability for _, probability in pairs])
    threshold = threshold_for_recall(p, labels, recall)
    if not labels.any():
        # 0 would never filter that class.
        assert threshold == 0.5
        return
    true = np.round(p[labels > 0.5], 4)
    assert (true >= threshold).mean() >= recall - 1e-9
    assert (true > threshold).mean() < recall


def test_threshold_for_precision():
    p, labels = np.array([0.9, 0.8, 0.8, 0.4, 0.3]), np.array([1, 1, 0, 1, 0])
    assert threshold_for_precision(p, labels, 0.75) == 0.4
    assert threshold_for_precision(p, labels, 0.7) == 0.4
    assert threshold_for_precision(p, labels, 1.0) == 0.9
    assert np.isnan(threshold_for_precision(p, 1 - labels, 0.99))


@pytest.mark.parametrize("with_depth", [False, True])
def test_a_class_without_true_examples_is_still_filtered(with_depth):
    p, labels = np.array([0.9, 0.8, 0.7, 0.2, 0.1]), np.array([1.0, 1, 0, 0, 0])
    is_snv, depth = np.array([True, True, True, False, False]), np.array([30, 30, 5, 5, 30])
    (point,) = operating_points(p, labels, is_snv, depth if with_depth else None, recalls=(1.0,))
    assert point["thresholds"]["indel"] == 0.5
    assert point["measured"]["indel"]["false_removed"] == 1
    assert point["measured"]["indel"]["recall"] is None
    # Few reads informed no true SNV: the cut of all SNVs holds for them.
    assert set(point["thresholds"].values()) == {0.5, 0.8}
    assert point["thresholds"]["snv"] == 0.8


def test_operating_points_say_what_they_do():
    rng = np.random.default_rng(0)
    labels = (rng.random(4000) < 0.5).astype(float)
    p = sigmoid(rng.normal(0, 1, 4000) + 4 * labels - 2)
    is_snv = rng.random(4000) < 0.7
    points = operating_points(p, labels, is_snv, recalls=(0.99, 0.9))
    assert [point["name"] for point in points] == ["recall_0.99", "recall_0.9"]
    for point in points:
        for variant_type in ("snv", "indel"):
            assert point["measured"][variant_type]["recall"] >= point["target_recall"]
    assert points[0]["thresholds"]["snv"] < points[1]["thresholds"]["snv"]
    everything = at_thresholds(p, labels, is_snv, {"snv": 0.0, "indel": 1.1})
    assert (everything["snv"]["recall"], everything["indel"]["recall"]) == (1, 0)
    assert everything["indel"]["precision"] is None
    assert everything["indel"]["precision_at_least"] is None
    n_true = everything["snv"]["n_true"]
    assert everything["snv"]["recall_at_least"] == pytest.approx(lower_limit(n_true, n_true), abs=1e-5)
    # Three copies of each allele are one fact.
    cuts = {"snv": 0.4, "indel": 0.4}
    plain, copied = at_thresholds(p, labels, is_snv, cuts), at_thresholds(p, labels, is_snv, cuts, np.arange(len(p)) // 3)
    for name in ("recall", "precision", "removed"):
        assert copied["snv"][f"{name}_at_least"] < plain["snv"][f"{name}_at_least"]
    assert everything["snv"]["n_true"] + everything["indel"]["n_true"] == labels.sum()
