"""A whole run by the command line: folder, card, fine-tuning, resuming, and errors that name the key."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from training_examples import make_examples, make_spec

from vcffilter.commands.main import run as run_command
from vcffilter.errors import TrainingError
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.scoring.network import NetworkScorer
from vcffilter.training.config import Selection, load_train_config
from vcffilter.training.dataset import concatenate
from vcffilter.training.example_file import write_examples
from vcffilter.variants.intervals import parse_region

yaml = pytest.importorskip("yaml")
pytest.importorskip("h5py")

BASE = {
    "model_id": "tiny-1",
    "data": ["examples.h5"],
    "architecture": "read_set",
    "model": {"hidden": [16], "n_members": 2},
    "validation": {"contigs": ["chr2"]},
    "exclude": {"regions": ["chr1:1-1000"]},
    "fit": {"epochs": 3, "batch_size": 128, "learning_rate": "5e-3", "ema_decay": 0.9, "device": "cpu", "threads": 1},
    "limits": ["A toy."],
    "recall_snv": 0.95,
}


@pytest.fixture
def folder(tmp_path):
    examples = concatenate([make_examples(800), make_examples(400, seed=1, contig="chr2")])
    write_examples(tmp_path / "examples.h5", examples, make_spec())
    return tmp_path


def write_config(folder, **changes):
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(BASE | changes))
    return str(path)


def train(folder, *options, output="run", **changes):
    return run_command(["train", write_config(folder, **changes), "-o", str(folder / output), "-q", *options])


def test_a_run_leaves_everything_behind(folder, capfd):
    assert train(folder) == 0
    run_folder = folder / "run"
    assert capfd.readouterr().out.strip() == str(run_folder / "tiny-1.safetensors")
    checkpoint = load_checkpoint(run_folder / "tiny-1.safetensors")
    metadata = checkpoint.metadata
    assert metadata.training["data"]["train examples"] == 790  # ten are excluded
    assert metadata.training["data"]["validation examples"] == 400
    assert set(metadata.thresholds) == {"snv", "indel"}
    assert metadata.operating_points[0]["target_recall"] == 0.9999
    assert metadata.thresholds == metadata.presets["presets"]["balanced"]["thresholds"]
    assert set(metadata.presets["presets"]) == {"sensitive", "balanced", "strict"}
    metrics = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in metrics] == [0, 1, 2]
    assert metrics[-1]["hard_auroc"] > 0.6
    assert json.loads((run_folder / "config.json").read_text())["model"]["hidden"] == [16]
    assert "torch" in json.loads((run_folder / "versions.json").read_text())
    assert checkpoint.sha256 in (run_folder / "tiny-1.md").read_text()
    validation = make_examples(400, seed=1, contig="chr2")
    p = NetworkScorer(checkpoint, "cpu").probabilities(validation.features, validation.reads, validation.is_snv)
    kept = p[validation.is_snv & (validation.label > 0.5)] >= metadata.thresholds["snv"]
    assert 0.95 <= kept.mean() < 0.97


def test_events_for_tensorboard(folder):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train(folder) == 0
    events = EventAccumulator(str(folder / "run" / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"training/train_loss", "training/learning_rate", "validation_hard/auroc"} <= set(tags["scalars"])
    assert {"weights/head.out_weight", "gradients/head.out_weight"} <= set(tags["histograms"])
    assert "worst/0" in tags["images"]
    assert "confusion/text_summary" in tags["tensors"]


def test_runs_repeat_and_resume(folder):
    assert train(folder, output="a") == 0
    assert train(folder, output="b") == 0
    a, b = (folder / name / "tiny-1.safetensors" for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    b.unlink()
    assert train(folder, output="b") == 1  # holds a run already
    assert train(folder, "--resume", output="b") == 0
    assert a.read_bytes() == b.read_bytes()


def test_fine_tuning_starts_from_the_weights(folder):
    assert train(folder) == 0
    first = load_checkpoint(folder / "run" / "tiny-1.safetensors")
    changes = {
        "model_id": "tiny-2",
        "architecture": "",
        "model": {},
        "fit": BASE["fit"] | {"epochs": 1, "learning_rate": 1e-9, "freeze_stem_epochs": 1},
    }
    assert train(folder, "--init", first.path, output="tuned", **changes) == 0
    tuned = load_checkpoint(folder / "tuned" / "tiny-2.safetensors")
    assert tuned.metadata.config == first.metadata.config
    assert first.sha256 in tuned.metadata.training["init"]
    assert all(np.allclose(tuned.tensors[name], first.tensors[name], atol=1e-5) for name in first.tensors)
    assert train(folder, "--init", first.path, output="other", architecture="site_mlp", model={}) == 1


def test_a_network_without_reads_takes_the_same_file(folder):
    assert train(folder, architecture="site_mlp") == 0
    assert load_checkpoint(folder / "run" / "tiny-1.safetensors").metadata.encoder.rows == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": 1}, "colour"),
        ({"fit": {"epoch": 3}}, r"fit\.epoch"),
        ({"fit": {"epochs": "many"}}, r"fit\.epochs"),
        ({"fit": {"augmentation": {"mixup": True}}}, r"fit\.augmentation\.mixup"),
        ({"data": "examples.h5"}, "data"),
        ({"validation": {"contigs": ["chr9"]}}, "held out"),
        ({"validation": {"regions": ["chr9:x"]}}, "chr9"),
        ({"model": {"colour": 2}}, "colour"),
        ({"data": ["none.h5"]}, r"none\.h5"),
        ({"data": []}, "sources"),
    ],
)
def test_mistakes_in_the_configuration_are_named(folder, capfd, changes, said):
    assert train(folder, **changes) == 1
    assert re.search(said, capfd.readouterr().err)
    assert not (folder / "run" / "tiny-1.safetensors").exists()


def test_configuration_values(folder):
    config = load_train_config(
        write_config(folder, fit={"augmentation": {"channel_noise": [["base_quality", 5]]}, "learning_rate": "1e-3"})
    )
    assert config.fit.augmentation.channel_noise == (("base_quality", 5),)
    assert config.fit.learning_rate == 0.001
    (folder / "config.yaml").write_text("data: [a")
    with pytest.raises(TrainingError, match="YAML"):
        load_train_config(folder / "config.yaml")
    (folder / "config.yaml").write_text("data: [a]")
    with pytest.raises(TrainingError, match="model_id"):
        load_train_config(folder / "config.yaml")


def test_selection_by_place():
    data = concatenate([make_examples(20, contig="HLA:01"), make_examples(20, contig="chr2", set_name="b")])
    assert parse_region("HLA:01:1,001-1,100") == ("HLA:01", 1000, 1100)
    assert Selection(regions=("HLA:01:1-101",)).mask(data).sum() == 2  # pos0 0 and 100
    assert Selection(sets=("b",), regions=("HLA:01:1-1",)).mask(data).sum() == 21
    assert Selection(groups=("chr2",)).mask(data).sum() == 20
    assert Selection().mask(data).sum() == 0
