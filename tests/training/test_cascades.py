"""A cascade by `pileup-filter train`: trees, then a network on the reads of what they leave in doubt."""

from __future__ import annotations

import json

import numpy as np
import pytest
from training_examples import make_examples, make_spec

from vcffilter.commands.main import run
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.dataset import concatenate, without_reads
from vcffilter.training.example_file import write_examples
from vcffilter.training.fit import predict
from vcffilter.training.metrics import log_loss

yaml = pytest.importorskip("yaml")
pytest.importorskip("h5py")
pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

FAST = {"epochs": 6, "batch_size": 64, "learning_rate": 1e-2, "ema_decay": 0.9, "seed": 3, "threads": 1}
MODEL = {
    "first": {"model": {"boosted_trees": 10, "learning_rate": 0.3, "extra_trees": 5, "extra_depth": 6, "left_out": []}},
    "second": {"architecture": "read_set", "config": {"hidden": [16], "n_members": 2}},
    "gate": [{"kind": kind, "low": -1.5, "high": 1.5} for kind in ("snv", "other")],
}
BASE = {
    "model_id": "both-1",
    "data": ["examples.h5"],
    "architecture": "cascade",
    "model": MODEL,
    "fit": FAST,
    "out_of_fold": {"folds": {name: {"contigs": [name]} for name in ("chr1", "chr2")}},
    "calibration": "platt",
}


def spec_and_examples(with_reads=True):
    """Half of the truth is in the reads alone. The third contig lies in no fold."""
    spec = make_spec(with_reads, named={3: "is_snv", 4: "log_depth"})
    parts = [make_examples(300, seed, with_reads, contig=f"chr{seed + 1}") for seed in range(3)]
    for part in parts:
        part.features[:, 3] = part.is_snv
        part.features[:, 4] = np.log2(7)
    return spec, concatenate(parts)


@pytest.fixture
def folder(tmp_path):
    spec, examples = spec_and_examples()
    write_examples(tmp_path / "examples.h5", examples, spec)
    return tmp_path


def train(folder, *options, output="run", **changes):
    (folder / "config.yaml").write_text(yaml.safe_dump(BASE | changes))
    return run(["train", str(folder / "config.yaml"), "-o", str(folder / output), "-q", *options])


def evaluation_of(folder, name="run/both-1"):
    return load_checkpoint(folder / f"{name}.safetensors").metadata.evaluation


def test_both_stages_are_trained_calibrated_and_written(folder):
    assert train(folder, in_memory=False) == 0
    checkpoint = load_checkpoint(folder / "run" / "both-1.safetensors")
    metadata = checkpoint.metadata
    spec, examples = spec_and_examples()
    assert metadata.architecture == "cascade"
    assert metadata.encoder == spec
    assert set(metadata.calibration["maps"]) == {"snv", "indel"}
    assert 0.3 < metadata.evaluation["share of whole reads in doubt"]["all"] < 1
    # The reads hold what the trees cannot see, and the folds show it; the third contig is in none.
    both = metadata.evaluation["held-out folds, whole reads"]
    alone = metadata.evaluation["held-out folds, whole reads, first stage alone"]
    assert both["n_true"] + both["n_false"] == 600
    assert both["log_loss"] < 0.9 * alone["log_loss"]
    assert both["auroc"] > alone["auroc"] + 0.02
    module = checkpoint.build()
    new = make_examples(300, seed=9)
    new.features[:, 3], new.features[:, 4] = new.is_snv, np.log2(7)
    first = module.first(*(_tensor(new.features), None)).detach().numpy()
    assert log_loss(new.label, predict(module, new)) < 0.9 * log_loss(new.label, first)
    assert len(examples) == json.loads((folder / "run" / "data.json").read_text())["train examples"]


def _tensor(array):
    import torch

    return torch.from_numpy(array)


@pytest.mark.long
def test_pretraining_and_the_same_seed_give_the_same_file(folder):
    model = MODEL | {"pretraining": FAST | {"epochs": 2}}
    assert train(folder, output="a", model=model) == 0
    assert train(folder, output="b", model=model) == 0
    a, b = ((folder / name / "both-1.safetensors").read_bytes() for name in "ab")
    assert a == b
    # A killed run goes on with the networks that were done.
    assert train(folder, "--resume", output="a", model=model) == 0
    assert (folder / "a" / "both-1.safetensors").read_bytes() == a


@pytest.mark.long
def test_a_fold_that_is_left_out_is_never_seen(folder):
    folds = {"folds": {name: {"contigs": [name]} for name in ("chr1", "chr2", "chr3")}}
    assert train(folder, "--without", "chr2", out_of_fold=folds) == 0
    name = "run/both-1-without-chr2"
    whole = (folder / f"{name}.safetensors").read_bytes()
    assert evaluation_of(folder, name)["held-out folds, whole reads"]["n_true"] > 0
    spec, examples = spec_and_examples()
    examples.label[examples.contig == "chr2"] = 1 - examples.label[examples.contig == "chr2"]
    write_examples(folder / "examples.h5", examples, spec)
    assert train(folder, "--without", "chr2", output="other", out_of_fold=folds) == 0
    weights = [load_checkpoint(folder / out / "both-1-without-chr2.safetensors") for out in ("run", "other")]
    assert all((weights[0].tensors[key] == weights[1].tensors[key]).all() for key in weights[0].tensors)
    assert whole != (folder / "other" / "both-1-without-chr2.safetensors").read_bytes()  # the data's hash differs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out_of_fold": {"folds": {"chr1": {"contigs": ["chr1"]}}}}, "two folds"),
        ({"model": {"second": MODEL["second"]}}, "model.gate"),
        ({"model": MODEL | {"gate": [{"kind": "snv", "low": 60.0, "high": 70.0}]}}, "nothing in doubt"),
        ({"model": MODEL | {"second": {"architecture": "site_mlp"}}}, "must take reads"),
        ({"model": MODEL | {"second_features": ["colour"]}}, "colour"),
    ],
)
def test_what_cannot_be_trained_is_refused(folder, capsys, changes, message):
    assert train(folder, **changes) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("device", "ctu", "fit.device is 'ctu'"), ("batch_size", -1, "fit.batch_size is -1"), ("epochs", 0, "fit.epochs is 0"),
        ("learning_rate", -1.0, "fit.learning_rate is -1"), ("threads", -1, "fit.threads is -1"),
        ("warmup", 1.5, "fit.warmup is 1.5"),
        ("mixed_precision", "fp8", "fit.mixed_precision is 'fp8'"), ("teacher_share", 2.0, "fit.teacher_share is 2"),
    ],
)  # fmt: skip
def test_settings_of_the_second_training_are_refused_before_the_first(folder, capsys, key, value, message):
    assert train(folder, model=MODEL | {"pretraining": FAST | {"epochs": 1}}, fit=FAST | {key: value}) == 1
    assert message in capsys.readouterr().err
    assert not (folder / "run").exists()


def test_examples_without_reads_are_refused(folder, capsys):
    spec, examples = spec_and_examples(with_reads=False)
    write_examples(folder / "examples.h5", examples, without_reads(spec))
    assert train(folder) == 1
    assert "--rows" in capsys.readouterr().err
