"""Explanations add up to the score, fall into the reasons' families, and are drawn and written as they are."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.commands.main import run
from vcffilter.errors import ModelError
from vcffilter.explanation.bars import draw_bars
from vcffilter.explanation.covers import count_covers, covers_path, find_covers, forests_of, read_covers, write_covers
from vcffilter.explanation.explainer import Explainer
from vcffilter.explanation.families import FAMILIES, FAMILY_OF_FEATURE, OTHER, PHASE, VARIANT_KIND
from vcffilter.explanation.forest_contributions import Contributions, ForestExplainer, rescaled
from vcffilter.kernels.encode import ALL_FEATURES
from vcffilter.models.checkpoint import WEIGHTS_DIR, available_weights, load_checkpoint, save_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.ensemble import combine
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.registry import build
from vcffilter.pictures.drawing import to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.scoring.network import NetworkScorer
from vcffilter.training.forests import LEAF, Tree, to_network

SPEC = EncoderSpec(1, ("a", "b", "c"))
NO_CALL = CallFacts("chr1", 10, "A", "C", threshold=0.5)


def alleles(n, seed=0):
    """Site features near those of real alleles: between the shipped model's ranges."""
    text = (WEIGHTS_DIR / "illumina-germline.ranges.json").read_text()
    ends = json.loads(text)["features"]
    names = load_checkpoint("illumina-germline").metadata.encoder.features
    low, high = np.array([ends[name] for name in names]).T
    return (low + np.random.default_rng(seed).random((n, len(names))) * (high - low)).astype(np.float32)


def stump(feature, threshold, low, high):
    """A tree of one split."""
    nodes = np.array([feature, 0, 0]), np.array([threshold, 0.0, 0.0])
    return Tree(*nodes, np.array([1, LEAF, LEAF]), np.array([2, LEAF, LEAF]), np.array([0.0, low, high]))


def small_ensemble(average):
    """A forest of logits and one of probabilities; and the features that were counted."""
    logits = to_network([stump(0, 0.5, -1.0, 2.0), stump(1, 0.5, 0.5, -0.5)], SPEC, "logit", base=0.25)
    shares = to_network([stump(0, 0.2, 0.1, 0.9), stump(2, 0.5, 0.0, 1.0)], SPEC, "probability")
    members = [("forest", *logits), ("forest", *shares)]
    _, module = combine(members, SPEC, average, (0.25, 0.75))
    return module, np.random.default_rng(2).random((200, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ["illumina-germline", "hifi-germline"])
def test_contributions_add_up_to_the_logit_and_to_the_log_odds(name):
    checkpoint = load_checkpoint(name)
    module, scorer = checkpoint.build(), NetworkScorer(checkpoint, "cpu")
    features = (
        alleles(40)
        if name == "illumina-germline"
        else np.random.default_rng(1).random((40, scorer.encoder.n_features), np.float32) * 5
    )
    covers = find_covers(module, checkpoint.path)
    explainer = Explainer(module, scorer, covers)
    is_snv, depth = np.arange(40) % 2 == 0, np.full(40, 30)
    raw = ForestExplainer(module, covers).contributions(features)
    with torch.inference_mode():
        exact = checkpoint.build().double()(torch.from_numpy(features), None).numpy()
    np.testing.assert_allclose(raw.total, exact, atol=1e-6)
    found = explainer.contributions(features, is_snv, depth)
    np.testing.assert_allclose(found.total, scorer.log_odds(features, None, is_snv, depth), atol=1e-3)
    assert len(np.unique(found.base)) == 2, "each type of variant has its own map"
    assert np.abs(found.of_feature).max() > 0.2


@pytest.mark.parametrize("average", ["logit", "probability"])
def test_members_are_averaged_as_the_network_does(average):
    module, counted = small_ensemble(average)
    rows = np.random.default_rng(3).random((50, 3)).astype(np.float32)
    found = ForestExplainer(module, count_covers(module, counted, "rows")).contributions(rows)
    with torch.inference_mode():
        exact = module(torch.from_numpy(rows), None).numpy()
    np.testing.assert_allclose(found.total, exact, atol=1e-6)
    # Only the first feature moves both members; a feature with no say has none.
    assert (np.abs(found.of_feature) > 0.01).all(axis=0).all()
    assert np.all(np.sign(found.of_feature[:, 2]) == np.where(rows[:, 2] > 0.5, 1, -1))


def test_a_step_scales_all_alike_and_takes_the_slope_where_nothing_changes():
    contributions = Contributions(np.array([0.0, 0.0]), np.array([[1.0, 2.0], [1.5, -1.5]]))
    cubed = rescaled(contributions, lambda x: x**3 + x)
    np.testing.assert_allclose(cubed.of_feature[0], np.array([1.0, 2.0]) * (27 + 3) / 3)
    np.testing.assert_allclose(cubed.of_feature[1], [1.5, -1.5], atol=1e-6)


def test_every_feature_has_a_family_of_the_vocabulary():
    assert set(FAMILY_OF_FEATURE) == set(ALL_FEATURES)
    assert set(FAMILY_OF_FEATURE.values()) == set(FAMILIES)
    assert set(FAMILIES) - {VARIANT_KIND, PHASE, OTHER} == set(REASON_NAMES) - {"few_alt_reads", "no_alt_reads", OTHER}


@pytest.mark.parametrize("name", available_weights())
def test_shipped_covers_fit_the_shipped_trees(name):
    checkpoint = load_checkpoint(name)
    module = checkpoint.build()
    covers = read_covers(covers_path(checkpoint.path))
    assert find_covers(module, checkpoint.path).about == covers.about
    n_examples = {int(cover.sum() / forest.config.n_trees) for cover, forest in zip(
        covers.of_forest.values(), forests_of(module).values(), strict=True)}  # fmt: skip
    assert len(n_examples) == 1, "every tree has seen the same examples"
    assert n_examples.pop() > (1000 if name == "ont-germline" else 3000), "ONT has few real calls"


def test_covers_are_found_by_the_splits_and_refused_for_other_trees(tmp_path):
    module, counted = small_ensemble("logit")
    covers = count_covers(module, counted, "200 rows")
    weights = tmp_path / "mine.safetensors"
    assert find_covers(module, str(weights)) is None
    write_covers(covers_path(weights), covers)
    first = covers_path(weights).read_bytes()
    write_covers(covers_path(weights), covers)
    assert covers_path(weights).read_bytes() == first
    with torch.no_grad():
        for forest in forests_of(module).values():
            forest.value += 0.1
    found = find_covers(module, str(weights))
    assert found.about == "200 rows"
    np.testing.assert_array_equal(found.of_forest["members.0"], covers.of_forest["members.0"])
    forests_of(module)["members.0"].threshold[0] = 0.75
    with pytest.raises(ModelError, match="other trees"):
        find_covers(module, str(weights))
    covers_path(weights).write_bytes(first[:100])
    with pytest.raises(ModelError, match="cannot be read"):
        find_covers(module, str(weights))


def test_a_network_that_is_no_trees_is_refused():
    module = build("site_mlp", {}, SPEC)
    with pytest.raises(ModelError, match="this network is none"):
        ForestExplainer(module, count_covers(module, np.zeros((1, 3), np.float32), ""))


@pytest.fixture(scope="module")
def filtered(simulated, tmp_path_factory):
    """The simulated calls, filtered with reasons."""
    path = tmp_path_factory.mktemp("explain") / "filtered.vcf.gz"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "-q"]
    assert run([*arguments, "-Oz", "-o", str(path)]) == 0
    return str(path)


def explain(filtered, simulated, *more):
    return run(["explain", filtered, *more, "-b", str(simulated.files.reads), "-f", str(simulated.files.reference)])


def test_command_explains_the_score_that_the_file_has(filtered, simulated, capsys, caplog):
    assert explain(filtered, simulated, "--failed", "6", "--borderline", "3", "--json") == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(objects) >= 6
    for one in objects:
        assert one["log_odds"] == pytest.approx(one["log_odds_in_file"], abs=1e-3)
        assert one["base"] + sum(one["families"].values()) == pytest.approx(one["log_odds"], abs=1e-9)
        assert one["base"] + sum(fact["log_odds"] for fact in one["facts"]) == pytest.approx(one["log_odds"], abs=1e-9)
    assert "INPUT has log-odds" not in caplog.text


def test_reasons_are_those_that_the_filter_found(filtered, simulated, capsys):
    from vcffilter.pictures.selection import CallFile

    failing = [call for call in CallFile(filtered).calls() if call.verdict == "fails" and call.reasons][:8]
    places = [f"{call.contig}:{call.pos1}" for call in failing]
    assert explain(filtered, simulated, *places, "--json") == 0
    found = {(one["pos"], one["alt"]): one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    n_changes = 0
    for call in failing:
        one = found[call.pos1, call.alt]
        assert tuple(one["reasons"]) == call.reasons
        asked = {change["reason"] for change in one["changes"]}
        assert len(asked) <= 3
        assert all(change["log_odds"] >= one["log_odds"] + 1 for change in one["changes"])
        n_changes += len(asked & set(call.reasons))
    assert n_changes >= 3


def test_text_says_what_json_says(filtered, simulated, capsys):
    assert explain(filtered, simulated, "--failed", "1", "--json") == 0
    one = json.loads(capsys.readouterr().out)
    assert explain(filtered, simulated, "--failed", "1") == 0
    text = capsys.readouterr().out
    strongest = next(iter(one["families"].items()))
    assert re.search(rf"^  {strongest[0]} +{strongest[1]:+.2f}  [+-]{{24}}$", text, re.MULTILINE)
    assert one["facts"][0]["name"] in text
    assert f"base {one['base']:+.2f}" in text


def test_pictures_have_bars_beside_the_reads(filtered, simulated, tmp_path, capsys):
    assert explain(filtered, simulated, "--failed", "2", "-o", str(tmp_path / "out"), "--json") == 0
    one = json.loads(capsys.readouterr().out.splitlines()[0])
    files = sorted((tmp_path / "out").iterdir())
    assert [path.stem.rpartition("_")[2] for path in files] == ["explained", "leftout"] * 2
    path, lost = (path for path in files if f"_{one['pos']}_" in path.name)
    texts = [element.text for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert {"base", "log-odds", "reference", *one["families"]} <= set(texts)
    texts = [element.text for element in ElementTree.parse(lost).iter("{http://www.w3.org/2000/svg}text")]
    assert "log-odds lost without a read and its mate" in texts
    assert sum(re.fullmatch(r"[+-]\d+\.\d{3}", text) is not None for text in texts) >= 5


def test_bars_begin_where_the_last_one_ended():
    checkpoint = load_checkpoint("illumina-germline")
    module = checkpoint.build()
    explainer = Explainer(module, NetworkScorer(checkpoint, "cpu"), find_covers(module, checkpoint.path))
    (explanation,) = explainer.explain(alleles(1), np.array([True]), np.array([30]))
    document = ElementTree.fromstring(to_svg(draw_bars(explanation, NO_CALL)))
    tips = [element.get("points").split() for element in document.iter("{http://www.w3.org/2000/svg}polygon")]
    assert len(tips) == len(explanation.families)
    ends = [float(points[1].split(",")[0]) for points in tips]
    low, high = min(ends), max(ends)
    assert high - low > 10
    assert np.corrcoef(ends, explanation.base + np.cumsum([amount for _, amount in explanation.families]))[0, 1] > 0.9999


def test_another_model_than_the_files_is_said(filtered, simulated, caplog):
    assert explain(filtered, simulated, "--failed", "1", "--model", "hifi-germline") == 0
    assert "INPUT has log-odds" in caplog.text


def test_trees_that_nobody_counted_are_counted_over_the_calls(filtered, simulated, tmp_path, capsys, caplog):
    checkpoint = load_checkpoint("illumina-germline")
    spec = checkpoint.metadata.encoder
    at = spec.features.index("alt_share_all")
    config, module = to_network([stump(at, 0.3, -2.0, 2.0)], spec, "logit")
    weights = tmp_path / "mine.safetensors"
    save_checkpoint(weights, module, CheckpointMetadata("mine", "forest", config, spec))
    assert explain(filtered, simulated, "--failed", "1", "--model", str(weights), "--json") == 0
    assert "no file has the counts" in caplog.text
    one = json.loads(capsys.readouterr().out)
    assert [fact["name"] for fact in one["facts"]] == ["alt_share_all"]
    assert abs(one["log_odds"]) == pytest.approx(2.0)


def test_what_was_chosen_must_be_said(filtered, simulated, capsys):
    assert explain(filtered, simulated) == 2
    assert "nothing was chosen" in capsys.readouterr().err
