"""The page of accuracy: counts and F1 of its rows from their definition, and what it says of sets without true calls."""

import dataclasses

import numpy as np
import pytest
from accuracy_page import counts_of, decided, f1_of, unseeing_cuts
from accuracy_page_text import render
from cut_data import CallSet
from cut_figures import labelled

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit
from vcffilter.calibration.presets import choose_cuts
from vcffilter.models.checkpoint import load_checkpoint


def call_set(set_name="broad8x-chr20", n=200, part=None, seed=0):
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(0.3, 0.3, n), 4)
    part = np.zeros(n, int) if part is None else part
    return CallSet(
        set_name, 1.0, 0, "bcftools", (rng.random(n) < p).astype(int), np.ones(n, bool), rng.random(n) < 0.6, p,
        rng.integers(1, 40, n), np.full(n, 0.1), part, np.arange(n),
    )  # fmt: skip


def test_each_part_is_cut_by_weights_that_never_saw_it():
    one = call_set("hifi-revio-chr20", part=1 + np.arange(200) % 4)
    passes = decided(one, lambda one, part: unseeing_cuts("hifi-germline", [one], one, part)).probability
    for part in (1, 2, 3, 4):
        cuts = load_checkpoint(f"benchmarks/folds/hifi-germline-without-quarter{part}.safetensors").metadata.thresholds
        chosen = one.part == part
        cut = np.where(one.is_snv, cuts["snv"], cuts["indel"])[chosen]
        assert (passes[chosen] == (one.probability[chosen] >= cut)).all()


def test_cuts_of_a_library_without_a_fold_are_chosen_without_it():
    sets = [call_set("na12878-pg-chr3-a", 2000), call_set("broad8x-chr20", 2000, seed=1)]
    found = unseeing_cuts("illumina-germline", sets, sets[0], 0)
    assert found == choose_cuts(labelled(sets[1:]), 4.0) != choose_cuts(labelled(sets[:1]), 4.0)


def test_copies_do_not_narrow_the_limits():
    one = dataclasses.replace(call_set(), probability=np.round(call_set().probability > 0.5).astype(float))
    single, twice = counts_of([one]), counts_of([one, one])
    true, fails = one.label == 1, one.probability < 0.5
    assert (single["lost"], single["n_true"]) == ((true & fails).sum(), true.sum())
    assert single["lost_at_most"] == pytest.approx(upper_limit(single["lost"], single["n_true"]))
    assert single["removed_at_least"] == pytest.approx(lower_limit(single["removed"], single["n_false"]))
    assert twice["lost"] == 2 * single["lost"]
    assert (twice["lost_at_most"], twice["removed_at_least"]) == (single["lost_at_most"], single["removed_at_least"])


def test_call_sets_that_get_worse_are_counted():
    one = call_set()
    worse = dataclasses.replace(one, label=np.ones(200, int), probability=(np.arange(200) > 0).astype(float))
    found = f1_of([worse, dataclasses.replace(one, probability=np.ones(200))])
    assert (found["n_sets"], found["n_worse"]) == (2, 1)
    assert found["most_worse"] == pytest.approx(1 - 2 * 199 / (199 + 200))


def test_a_library_without_true_calls_has_no_f1():
    none = dataclasses.replace(call_set("chm13-hifi-chr20"), label=np.zeros(200, int), probability=np.zeros(200))
    row = {"library": "chm13-hifi", "callers": "defaults", "reads": "8-20"} | counts_of([none]) | f1_of([none])
    page = render({"illumina-germline": [], "hifi-germline": [row], "ont-germline": [], "rna": [], "apart": []})
    assert "| CHM13, Sequel, no true variant | defaults | 8-20 | - | - | - | - | 200 of 200 (at least 98.5%) |" in page
