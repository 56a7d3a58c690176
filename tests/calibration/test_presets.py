"""Presets: cuts by one rule, what they cost, and that they stand in every checkpoint that is made."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit
from vcffilter.calibration.presets import (
    FALSE_PER_TRUE,
    LabelledCalls,
    choose_cuts,
    choose_presets,
    default_thresholds,
    preset_card,
    presets_for_card,
    scores_of_pairs,
    theory_cut,
)


def calls(n=4000, claimed=lambda honest: honest, seed=0, n_sets=4, shape=0.5):
    """Calls whose labels are drawn from honest probabilities, and that claim `claimed` of these; half of them SNVs."""
    rng = np.random.default_rng(seed)
    honest = rng.beta(shape, shape, n)
    return LabelledCalls(
        np.clip(claimed(honest), 0, 1), rng.random(n) < honest, rng.random(n) < 0.5, np.arange(n) % n_sets, np.arange(n) % 2
    )


def mean_score(data, cuts, false_per_true):
    """Weighted F of decisions, straight from its definition; mean over call sets, of equal libraries."""
    passed = data.probability >= np.where(data.is_snv, cuts["snv"], cuts["indel"])
    scores = []
    for one in np.unique(data.call_set):
        chosen = data.call_set == one
        kept = (chosen & data.is_true & passed).sum()
        lost, false = (chosen & data.is_true & ~passed).sum(), (chosen & ~data.is_true & passed).sum()
        scores.append((1 + false_per_true) * kept / ((1 + false_per_true) * kept + false_per_true * lost + false))
    return np.mean(scores)


@pytest.mark.parametrize("false_per_true", FALSE_PER_TRUE.values())
def test_true_probabilities_are_cut_where_theory_says(false_per_true):
    # Few doubtful ones: F stays near 1, where the cut of least cost is that of the best F.
    cuts = choose_cuts(calls(8000, shape=0.1), false_per_true)
    theory = theory_cut(false_per_true)
    assert theory == pytest.approx(1 / (1 + false_per_true), abs=1e-4)
    assert all(abs(cut - theory) < 0.12 for cut in cuts.values())


def test_cuts_move_where_probabilities_are_too_low():
    data = calls(claimed=lambda honest: honest**3)
    cuts = choose_cuts(data, 4.0)
    assert max(cuts.values()) < 0.12
    theory = dict.fromkeys(cuts, theory_cut(4.0))
    assert mean_score(data, cuts, 4.0) > mean_score(data, theory, 4.0) + 0.005
    best = scores_of_pairs(data, np.ones(len(data), bool), 4.0).max()
    assert mean_score(data, cuts, 4.0) > best - 0.01


def test_every_library_counts_the_same():
    honest, low = calls(seed=1), calls(seed=2, claimed=lambda honest: honest**3)
    many = LabelledCalls(
        np.concatenate([low.probability] * 6 + [honest.probability]),
        np.concatenate([low.is_true] * 6 + [honest.is_true]),
        np.concatenate([low.is_snv] * 6 + [honest.is_snv]),
        np.repeat(np.arange(7), len(low)),
        np.repeat([0, 0, 0, 0, 0, 0, 1], len(low)),
    )
    once = many.take(np.arange(5 * len(low), 7 * len(low)))
    # Six copies of one library are no reason to follow it: only the allowance for few calls differs.
    assert choose_cuts(many, 1.0)["snv"] == pytest.approx(choose_cuts(once, 1.0)["snv"], abs=0.03)


def test_few_labels_take_the_cut_of_theory(caplog):
    caplog.set_level("WARNING", "vcffilter")
    some = calls(120, claimed=lambda honest: honest**3)
    presets = choose_presets(some)
    assert presets["balanced"] == {"snv": 0.2, "indel": 0.2}
    assert "snv" in caplog.text
    assert "indel" in caplog.text
    nothing = LabelledCalls.of_one_set(np.empty(0), np.empty(0), np.empty(0, bool))
    assert choose_presets(nothing)["strict"] == {"snv": 0.8, "indel": 0.8}


def test_one_type_can_have_too_few():
    data = calls()
    few = np.flatnonzero(~data.is_snv)[:30]
    chosen = np.concatenate([np.flatnonzero(data.is_snv), few])
    assert choose_cuts(data.take(chosen), 4.0)["indel"] == 0.2


def test_a_stricter_preset_never_passes_more():
    for seed in range(5):
        presets = choose_presets(calls(600, seed=seed, claimed=lambda honest: honest**2))
        for name in ("snv", "indel"):
            assert presets["sensitive"][name] <= presets["balanced"][name] <= presets["strict"][name]


def test_costs_are_counted():
    data = LabelledCalls(
        np.array([0.1, 0.9, 0.1, 0.9, 0.3]),
        np.array([True, True, False, False, False]),
        np.array([True, True, True, True, False]),
        np.zeros(5, int),
        np.zeros(5, int),
    )
    cuts = {"snv": 0.5, "indel": 0.2}
    card = preset_card({"balanced": cuts}, data, np.array([3, 30, 3, 30, 9]), np.array(["a", "a", "a", "b", "b"]), "Here.")
    assert card["measured_on"] == "Here."
    one = card["presets"]["balanced"]
    assert (one["false_per_true"], one["thresholds"]) == (4.0, cuts)
    rows = {(row["callers"], row["depth"]): row for row in one["measured"]}
    assert ("b", "1-7") not in rows
    everything = rows["all", "any"]
    assert [everything[name] for name in ("n_true", "true_lost", "n_false", "false_removed")] == [2, 1, 3, 1]
    assert [rows["a", "1-7"][name] for name in ("true_lost", "false_removed")] == [1, 1]
    assert everything["lost_at_most"] == pytest.approx(upper_limit(1, 2), abs=1e-5)
    assert everything["removed_at_least"] == pytest.approx(lower_limit(1, 3), abs=1e-5)
    assert "removed_at_least" not in rows["a", "21 or more"]


def test_sure_calls_are_counted():
    data = calls(2000)
    depth = np.where(np.arange(2000) % 3 == 0, 30, 5)
    rows = {(row["probability"], row["reads"]): row for row in preset_card({}, data, depth)["sure"]}
    chosen = (np.round(data.probability, 4) >= 0.99) & (depth == 30)
    row = rows[0.99, 8]
    assert row == rows[0.99, 21] | {"reads": 8}
    n, n_false = chosen.sum(), (chosen & ~data.is_true).sum()
    assert (row["n"], row["n_false"]) == (n, n_false)
    assert n_false / n < row["false_at_most"] == pytest.approx(upper_limit(n_false, n), abs=1e-5)
    assert row["share_of_true"] == pytest.approx((n - n_false) / data.is_true.sum(), abs=1e-4)
    assert rows[0.9, 1]["n"] > rows[0.999, 1]["n"] > rows[0.999, 21]["n"]


def test_copies_of_one_alt_do_not_narrow_the_limits():
    data = calls(400)
    many = LabelledCalls(
        *(np.tile(getattr(data, name), 10) for name in ("probability", "is_true", "is_snv", "call_set", "library"))
    )
    cuts = {"balanced": {"snv": 0.3, "indel": 0.3}}

    def row(of):
        return preset_card(cuts, of, np.full(len(of), 9))["presets"]["balanced"]["measured"][-1]

    apart, copied = row(many), row(replace(many, locus=np.tile(np.arange(400), 10)))
    assert apart["true_lost"] == copied["true_lost"] == 10 * row(data)["true_lost"]
    for limit in ("lost_at_most", "removed_at_least"):
        assert copied[limit] == row(data)[limit]
    assert apart["lost_at_most"] < copied["lost_at_most"]
    assert apart["removed_at_least"] > copied["removed_at_least"]


def test_a_share_to_keep_replaces_the_default():
    data = calls()
    card = presets_for_card(data, np.full(len(data), 20), {"snv": 0.999, "indel": None}, "")
    plain = presets_for_card(data, np.full(len(data), 20), {}, "")
    thresholds = default_thresholds(card)
    true = data.is_true & data.is_snv
    assert (np.round(data.probability[true], 4) >= thresholds["snv"]).mean() >= 0.999
    assert thresholds["snv"] < default_thresholds(plain)["snv"]
    assert thresholds["indel"] == default_thresholds(plain)["indel"]


def test_limits_against_known_values():
    # The rule of three, and tables of the one-sided 95% Clopper-Pearson limit.
    assert upper_limit(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert upper_limit(5, 50) == pytest.approx(0.19882, abs=5e-5)
    assert lower_limit(45, 50) == pytest.approx(1 - 0.19882, abs=5e-5)
    assert (upper_limit(7, 7), lower_limit(0, 7)) == (1.0, 0.0)
    assert upper_limit(3, 200_000) == pytest.approx(3.877e-5, rel=1e-3)
    # So many that the normal distribution is as good.
    assert upper_limit(250_000, 500_000) == pytest.approx(0.5 + 1.64485 * 0.5 / math.sqrt(500_000), abs=2e-6)
    assert lower_limit(9_900_000, 10_000_000) == pytest.approx(0.99 - 1.64485 * math.sqrt(0.0099 / 1e7), abs=5e-7)


@settings(deadline=None, max_examples=20)
@given(st.integers(2_000, 20_000), st.floats(0, 0.999))
def test_what_is_not_counted_has_no_weight(n, share):
    k = round(share * n)
    limit = upper_limit(k, n)
    log_terms = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(limit) + (n - i) * math.log1p(-limit)
        for i in range(k + 1)
    ]
    assert math.fsum(map(math.exp, log_terms)) == pytest.approx(0.05, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.floats(0, 1))
def test_limits_enclose_the_share_and_close_in(n, share):
    k = round(share * n)
    assert lower_limit(k, n) <= k / n <= upper_limit(k, n)
    assert upper_limit(10 * k, 10 * n) <= upper_limit(k, n) + 1e-9
