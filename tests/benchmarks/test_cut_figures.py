"""The study of cuts: what a rule does to call sets, from its definition."""

import numpy as np
import pytest
from cut_data import COLUMNS, CallSet, load, save
from cut_figures import (
    as_called,
    best_f1,
    by_type,
    discovery_rate,
    expected_cut,
    f1,
    labelled,
    of_0_1_0,
    of_library,
    passed,
    rule_figures,
    smooth,
    taken,
)


def call_set(set_name="nygc-chr21", share=1.0, caller="bcftools", n=200, seed=0):
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(0.3, 0.3, n), 4)
    return CallSet(
        set_name, share, 0, caller, (rng.random(n) < p).astype(int), rng.random(n) < 0.7, rng.random(n) < 0.6, p,
        rng.integers(1, 40, n), np.full(n, 0.1), np.zeros(n, int), np.arange(n),
    )  # fmt: skip


def test_rules_say_what_passes():
    one = call_set()
    assert passed(one, as_called).all()
    assert (passed(one, of_0_1_0) == (one.probability >= 0.1)).all()
    snv, other = passed(one, by_type(0.9, 0.2))[one.is_snv], passed(one, by_type(0.9, 0.2))[~one.is_snv]
    assert (snv == (one.probability[one.is_snv] >= 0.9)).all()
    assert (other == (one.probability[~one.is_snv] >= 0.2)).all()
    limit = smooth(0.5, 0.1, 10)(one)
    assert ((limit > 0.1) & (limit < 0.5)).all()
    assert (np.diff(limit[np.argsort(one.depth)]) <= 0).all()


def test_f1_and_the_best_of_a_set():
    one = call_set()
    true = one.label == 1
    kept = passed(one, by_type(0.4, 0.4))
    right, wrong, lost = (true & kept).sum(), (~true & kept).sum(), (true & ~kept).sum()
    assert f1(true, kept) == pytest.approx(2 * right / (2 * right + wrong + lost))
    pairs = [f1(true, passed(one, by_type(a / 50, b / 50))) for a in range(0, 49, 4) for b in range(0, 49, 4)]
    assert best_f1(one) >= max(pairs)
    assert best_f1(one) < 1


def test_chromosomes_of_a_library_are_one_call_set():
    sets = [call_set("nygc-chr21"), call_set("nygc-chr22", seed=1), call_set("broad8x-chr20"), call_set("nygc-chr21", 0.5)]
    joined = of_library(sets)
    assert [(one.library, one.share, len(one.label)) for one in joined] == [
        ("nygc", 1, 400),
        ("broad8x", 1, 200),
        ("nygc", 0.5, 200),
    ]
    few = taken(call_set("nygc-chr21b", caller="x"), np.arange(200) < 10)
    assert len(of_library([few])) == 0
    calls = labelled(sets)
    assert len(np.unique(calls.call_set)) == 3
    assert len(np.unique(calls.library)) == 2


def test_figures_count_what_got_worse_and_hard_calls_of_few_reads():
    sets = [call_set(seed=seed) for seed in range(4)]
    figures = rule_figures(sets, by_type(0.9, 0.9))
    scores = [(f1(one.label == 1, passed(one, by_type(0.9, 0.9))), f1(one.label == 1, np.ones(200, bool))) for one in sets]
    assert figures["f1"] == pytest.approx(np.mean([after for after, _ in scores]))
    assert figures["made_worse"] == sum(after < before for after, before in scores)
    few = sum((one.hard & (one.depth <= 20) & (one.label == 1)).sum() for one in sets)
    assert figures["few"]["n_true"] == few
    assert figures["few"]["kept"] < few


def test_a_predicted_rate_of_honest_probabilities_holds():
    one = call_set(n=20_000)
    cut = expected_cut(one, 0.05)
    false, kept = discovery_rate(one, cut)
    assert (1 - one.probability[one.probability >= cut]).mean() <= 0.05
    assert false / kept == pytest.approx(0.05, abs=0.01)


def test_call_sets_are_kept(tmp_path):
    sets = [call_set(), call_set("broad8x-chr20", 0.25, "mutect2", 30)]
    save(tmp_path / "sets.npz", sets)
    for before, after in zip(sets, load(tmp_path / "sets.npz"), strict=True):
        assert (before.set_name, before.share, before.seed, before.caller) == (
            after.set_name, after.share, after.seed, after.caller
        )  # fmt: skip
        assert all((getattr(before, name) == getattr(after, name)).all() for name in COLUMNS)
