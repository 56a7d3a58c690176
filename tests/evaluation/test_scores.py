"""Scores, intervals and reliability on tables made by hand."""

import numpy as np
import pytest

from vcffilter.evaluation.scores import auroc_interval, curves, reliability, score_rows
from vcffilter.evaluation.tables import FALSE, OUTSIDE, TRUE, CallTable, facts_of
from vcffilter.training.metrics import auroc, block_bootstrap


def table(probability, label, caller_score=None):
    n = len(label)
    facts = facts_of(
        0,
        contig=np.zeros(n),
        pos0=np.arange(n) * 300,
        kind=np.zeros(n),
        size_bases=np.ones(n),
        is_transition=np.zeros(n),
        homopolymer_bases=np.ones(n),
        in_repeat=np.zeros(n),
        depth=np.full(n, 10),
        hard=np.ones(n),
        strata=np.zeros((n, 0)),
    )
    score = np.full(n, np.nan) if caller_score is None else np.asarray(caller_score, float)
    yes = np.ones(n, bool)
    return CallTable(facts, np.asarray(label, np.uint8), yes, np.arange(n), np.asarray(probability, float), score, yes)


def row(rows, group, score="PILEUP_PROB"):
    return next(one for one in rows if (one.group, one.score) == (group, score))


def test_only_judged_and_scored_calls_count():
    calls = table([0.9, 0.8, 0.1, np.nan, 0.5], [TRUE, TRUE, FALSE, FALSE, OUTSIDE])
    found = row(score_rows(calls, 20), "all")
    assert (found.n_true, found.n_false, found.auroc, found.false_removed_99) == (2, 1, 1.0, 1.0)
    assert found.removed_at_least == pytest.approx(0.05)
    assert found.calibration_error == pytest.approx((0.1 + 0.2 + 0.1) / 3)
    assert {one.score for one in score_rows(calls, 0)} == {"PILEUP_PROB"}


def test_a_group_of_one_class_has_no_area():
    found = row(score_rows(table([0.9, 0.8], [TRUE, TRUE]), 20), "all")
    assert found.auroc is None
    assert found.interval is None
    assert found.columns()["auroc_low"] is None


def test_interval_is_that_of_the_block_bootstrap():
    rng = np.random.default_rng(3)
    true = rng.random(300) < 0.6
    values = np.round(true + rng.normal(0, 1.2, 300), 1)
    blocks = np.arange(300) // 3
    wanted = block_bootstrap(auroc, true, values, blocks, 400)
    assert auroc_interval(true, values, blocks, 400) == pytest.approx(wanted, abs=1e-12)


def test_reliability_of_probabilities_that_claim_too_much():
    rng = np.random.default_rng(1)
    probability = rng.uniform(0, 1, 4000)
    label = np.where(rng.uniform(0, 1, 4000) < probability**2, TRUE, FALSE)
    bins = [one for one in reliability(table(probability, label)) if one.group == "all"]
    assert sum(one.n for one in bins) == 4000
    assert all(one.low <= one.claimed <= one.high for one in bins)
    assert bins[5].observed == pytest.approx(0.55**2, abs=0.06)


def test_curves_end_with_everything_kept():
    calls = table([0.9, 0.9, 0.4, 0.2], [TRUE, FALSE, TRUE, FALSE], caller_score=[4, 3, 2, 1])
    found = {curve.score: curve for curve in curves(calls) if curve.group == "all"}
    by_probability = found["PILEUP_PROB"]
    assert by_probability.cut == [0.9, 0.4, 0.2]
    assert by_probability.recall == [0.5, 1.0, 1.0]
    assert by_probability.precision == pytest.approx([0.5, 2 / 3, 0.5])
    assert by_probability.false_rate == [0.5, 0.5, 1.0]
    assert found["QUAL/TLOD"].recall == [0.5, 0.5, 1.0, 1.0]
