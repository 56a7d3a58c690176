"""`pileup-filter compare`: folds that keep regions whole, honest cuts, tests, tables, and the effect on call sets."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

pytest.importorskip("h5py")
yaml = pytest.importorskip("yaml")

from call_set_files import line, snv, truth_line, write_files  # noqa: E402

from vcffilter.commands.main import run  # noqa: E402
from vcffilter.errors import TrainingError  # noqa: E402
from vcffilter.experiments.config import (  # noqa: E402
    CallSet,
    ComparisonConfig,
    Experiment,
    assign_folds,
    load_comparison_config,
)
from vcffilter.experiments.cross_validation import judge  # noqa: E402
from vcffilter.experiments.filter_effect import FilteredCallSets  # noqa: E402
from vcffilter.experiments.paired_test import paired_test, t_tail  # noqa: E402
from vcffilter.models.encoder_spec import EncoderSpec  # noqa: E402
from vcffilter.training.dataset import ArrayDataset  # noqa: E402
from vcffilter.training.example_file import write_examples  # noqa: E402

SPEC = EncoderSpec(1, tuple(f"feature_{number}" for number in range(4)), ("base_quality", "support", "mapping_quality"), 5, 1)
EXPERIMENTS = (Experiment("trees", "trees:extratrees", {"n_estimators": 20}), Experiment("mlp", "site_mlp", {"hidden": [8]}))


def make_examples(n=600, seed=0):
    """The first feature tells truth from error; neighbours every 100 bases."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 4)).astype(np.float32)
    label = (2 * features[:, 0] + rng.logistic(size=n) > 0).astype(np.float32)
    reads = rng.integers(1, 255, (n, 5, 1, 3), dtype=np.uint8)
    is_snv = rng.random(n) < 0.6
    return ArrayDataset.create(features, label, reads, is_snv=is_snv, pos0=np.arange(n) * 100, contig="chr1", set_name="a")


def config(**changes):
    return dataclasses.replace(ComparisonConfig(("x.h5",), EXPERIMENTS, n_folds=4, region_bases=5_000), **changes)


def test_folds_keep_regions_whole_and_have_about_one_size():
    data = make_examples()
    folds = assign_folds(data, config())
    for region in np.unique(data.pos0 // 5_000):
        assert len(set(folds[data.pos0 // 5_000 == region])) == 1
    assert np.bincount(folds).tolist() == [150] * 4
    assert (assign_folds(data, config(seed=1)) != folds).any()
    with pytest.raises(TrainingError, match="1 groups by contig"):
        assign_folds(data, config(group_by="contig"))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_generator_takes_is_refused(tmp_path, seed):
    path = tmp_path / "compare.yaml"
    path.write_text(yaml.safe_dump({"data": ["x.h5"], "experiments": [{"name": "a", "architecture": "site_mlp"}], "seed": seed}))
    with pytest.raises(TrainingError, match=f"seed is {seed}"):
        load_comparison_config(path)


def test_cuts_and_calibration_of_a_fold_come_from_the_others():
    data = make_examples(2000)
    folds = assign_folds(data, config())
    honest = (2 * data.features[:, 0]).astype(np.float32)
    scores = judge(3 * honest, data, folds, config(recall_snv=0.9, recall_indel=0.9))
    assert scores.pooled["snv_true_kept"] == pytest.approx(0.9, abs=0.03)
    assert scores.pooled["ece"] < 0.03  # three times too sure before
    assert len(scores.fold_metrics) == 4
    # What a fold's own labels say changes nothing in it.
    turned = dataclasses.replace(data, label=np.where(folds == 0, 1 - data.label, data.label))
    other = judge(3 * honest, turned, folds, config(recall_snv=0.9, recall_indel=0.9))
    assert (other.passed[folds == 0] == scores.passed[folds == 0]).all()
    assert (other.logits[folds == 0] == scores.logits[folds == 0]).all()
    assert (other.logits[folds == 1] != scores.logits[folds == 1]).any()


@pytest.mark.parametrize(("t", "degrees", "p"), [(0.0, 4, 1.0), (2.776445, 4, 0.05), (12.7062, 1, 0.05), (2.262157, 9, 0.05)])
def test_tail_of_t(t, degrees, p):
    assert t_tail(t, degrees) == pytest.approx(p, abs=1e-5)


def test_paired_test_by_hand():
    test = paired_test(np.array([0.9, 0.8, 0.7, np.nan]), np.array([0.92, 0.83, 0.74, 0.9]))
    assert (test.n_folds, test.n_better) == (3, 3)
    assert test.mean == pytest.approx(0.03)
    assert test.spread == pytest.approx(0.01)
    assert test.effect_size == pytest.approx(3)
    assert test.p_value == pytest.approx(t_tail(3 / np.sqrt(1 / 3 + 1 / 2), 2))
    assert paired_test(np.ones(3), np.ones(3)).p_value == 1.0
    assert paired_test(np.array([np.nan]), np.array([1.0])).mean is None


def test_effect_on_a_call_set(tmp_path):
    contig, pos1, ref, alt = snv(60)
    two_alts = (contig, pos1, ref, f"{alt},{snv(60, 2)[3]}")
    calls = [line(snv(50)), line(two_alts, probability="0.9,0.9", genotype="1/2"), line(snv(100)), line(snv(950))]
    files = write_files(tmp_path, calls, [truth_line(snv(50)), truth_line(snv(60)), truth_line(snv(300))])
    data = ArrayDataset.create(
        np.zeros((4, 4)), np.array([1, 1, 0, 0]), pos0=np.array([49, 59, 59, 99]), contig="chr1", set_name="a"
    )
    call_set = CallSet("a", files.calls.name, files.truth.name, files.reference.name, files.confident.name)
    effect = FilteredCallSets([call_set], tmp_path, data)
    assert effect.n_matched == 4

    def after(*passed):
        row = next(row for row in effect.counts(np.array(passed)) if (row.type, row.subset, row.filter) == ("ALL", "*", "PASS"))
        return row.truth_total, row.truth_tp, row.query_fp

    assert after(True, True, True, True) == (3, 2, 2)
    assert after(True, True, False, False) == (3, 2, 1)  # a record passes with its best ALT
    assert after(True, False, False, False) == (3, 1, 0)
    assert after(False, True, True, True) == (3, 1, 2)
    with pytest.raises(TrainingError, match="'b'"):
        FilteredCallSets([dataclasses.replace(call_set, set="b")], tmp_path, data)


def write_yaml(folder, **changes):
    data = {
        "data": ["examples.h5"],
        "n_folds": 3,
        "region_bases": 5000,
        "fit": {"epochs": 2, "batch_size": 128, "threads": 1, "device": "cpu", "learning_rate": "5e-3"},
        "experiments": [
            {"name": "trees", "architecture": "trees:extratrees", "model": {"n_estimators": 20}},
            {"name": "mlp", "architecture": "site_mlp", "model": {"hidden": [8]}},
            {"name": "reads", "architecture": "read_set", "model": {"hidden": [8], "n_members": 2}, "fit": {"epochs": 1}},
        ],
    }
    path = folder / "experiments.yaml"
    path.write_text(yaml.safe_dump(data | changes))
    return str(path)


def test_tables_plot_and_scores_taken_again(tmp_path, capfd, caplog):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    write_examples(tmp_path / "examples.h5", make_examples(), SPEC)
    folder = tmp_path / "out"
    assert run(["compare", write_yaml(tmp_path), "-o", str(folder)]) == 0
    first = capfd.readouterr()
    assert "epoch" not in first.err
    # What is logged is what the table says.
    shown = {cells[1].strip(): cells[2].strip() for cells in (text.split("|") for text in first.out.splitlines()[2:])}
    assert all(f"{name}: hard_auroc {mean}, mean over the folds" in caplog.messages for name, mean in shown.items())
    assert (folder / "comparison.md").read_text() == first.out
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    with open(folder / "comparison.csv") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert list(rows) == ["trees", "mlp", "reads"]
    assert float(rows["trees"]["mean"]) > 0.8
    assert rows["trees"]["p_value"] == ""
    assert 0 <= float(rows["mlp"]["p_value"]) <= 1
    assert float(rows["mlp"]["flops_per_allele"]) > 0
    assert int(rows["reads"]["cpu_alleles_per_second"]) > 0
    with open(folder / "folds.csv") as stream:
        assert len(list(csv.DictReader(stream))) == 9
    kept = sorted((folder / "scores").iterdir())
    times = [path.stat().st_mtime_ns for path in kept]
    assert run(["compare", write_yaml(tmp_path), "-o", str(folder), "--no-plot"]) == 0
    assert capfd.readouterr().out == first.out
    assert [path.stat().st_mtime_ns for path in kept] == times
    # Other settings are other experiments.
    assert run(["compare", write_yaml(tmp_path, seed=3), "-o", str(folder), "--no-plot", "-q"]) == 0
    assert len(list((folder / "scores").iterdir())) == 6


def test_a_metric_that_no_fold_has_is_said(tmp_path, capfd, caplog):
    """False calls in which no caller believed, as of a good call set: a table of dashes alone tells nobody why."""
    data = make_examples()
    write_examples(tmp_path / "examples.h5", dataclasses.replace(data, hard=data.label > 0.5), SPEC)
    one = [{"name": "trees", "architecture": "trees:extratrees", "model": {"n_estimators": 5}}]
    assert run(["compare", write_yaml(tmp_path, experiments=one)]) == 0
    assert "| trees" in capfd.readouterr().out
    assert "so hard_auroc says nothing" in caplog.text
    assert "QUAL or TLOD of 1 or more" in caplog.text


TOY = {"name": "a", "architecture": "site_mlp"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"experiments": []}, "experiments"),
        ({"experiments": [TOY, dict(TOY)]}, "name of its own"),
        ({"experiments": [{"name": "a", "architecture": "site_mlp", "fit": {"epoch": 3}}]}, "a.fit.epoch"),
        ({"experiments": [{"name": "a", "architecture": "trees:oak"}]}, "oak"),
        ({"experiments": [{"name": "a", "architecture": "nothing"}]}, "nothing"),
        # Found before the first of them is trained.
        ({"experiments": [TOY, {"name": "b", "architecture": "site_mlp", "model": {"softness": 1}}]}, "softness"),
        ({"experiments": [TOY, {"name": "b", "architecture": "cascade"}]}, "b: a cascade cannot be compared"),
        ({"metric": "beauty"}, "beauty"),
        ({"group_by": "moon"}, "moon"),
        ({"n_folds": 1}, "two folds"),
        ({"data": ["absent.h5"]}, "absent.h5"),
        ({"folds": 3}, "unknown key folds"),
    ],
)
def test_errors_name_what_is_wrong(tmp_path, capfd, changes, message):
    write_examples(tmp_path / "examples.h5", make_examples(200), SPEC)
    assert run(["compare", write_yaml(tmp_path, **changes)]) == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert len(errors.splitlines()) == 1
