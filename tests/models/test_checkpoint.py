"""The checkpoint format: exact round trips, reproducible bytes, and a clear error for everything that does not fit."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch
from model_arrays import make_arrays, make_spec
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vcffilter.errors import ModelError, OutputError
from vcffilter.models import checkpoint as checkpoint_module
from vcffilter.models.card import render_card
from vcffilter.models.checkpoint import (
    decode_checkpoint,
    encode_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.registry import build

CONFIG = {"hidden": [8], "n_members": 2}


def make(tmp_path, **changes):
    spec = make_spec()
    torch.manual_seed(0)
    module = build("read_set", CONFIG, spec)
    module.fit_inputs(*make_arrays(spec, 100))
    metadata = CheckpointMetadata(
        "test-1", "read_set", CONFIG, spec, thresholds={"snv": 0.2, "indel": 0.3}, training={"seed": 1}, **changes
    )
    path = tmp_path / "test-1.safetensors"
    digest = save_checkpoint(path, module, metadata)
    return module.eval(), metadata, path, digest


def rewrite(path, change_tensors=None, change_metadata=None):
    """Write the file again with something changed."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = json.loads(file.metadata()["vcffilter"])
    if change_tensors:
        change_tensors(tensors)
    if change_metadata:
        change_metadata(metadata)
    save_file(tensors, path, {"vcffilter": json.dumps(metadata)})


def test_round_trip(tmp_path):
    module, metadata, path, digest = make(tmp_path)
    loaded = load_checkpoint(path)
    assert loaded.metadata == metadata
    assert loaded.sha256 == digest == hashlib.sha256(path.read_bytes()).hexdigest()
    features, reads = (torch.from_numpy(array) for array in make_arrays(metadata.encoder, 20))
    with torch.inference_mode():
        again = loaded.build()
        assert not again.training
        assert np.array_equal(again(features, reads).numpy(), module(features, reads).numpy())
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_bytes_are_reproducible_and_metadata_is_one_sorted_key(tmp_path):
    module, metadata, path, _ = make(tmp_path)
    swapped = dataclasses.replace(metadata, thresholds={"indel": 0.3, "snv": 0.2})
    assert encode_checkpoint(module, swapped) == path.read_bytes()
    loaded = load_checkpoint(path)
    assert encode_checkpoint(loaded.build(), loaded.metadata) == path.read_bytes()
    with safe_open(path, "pt") as file:
        assert list(file.metadata()) == ["vcffilter"]
        text = file.metadata()["vcffilter"]
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_names_resolve_to_shipped_weights(tmp_path, monkeypatch):
    _, _, path, digest = make(tmp_path)
    monkeypatch.setattr(checkpoint_module, "WEIGHTS_DIR", tmp_path)
    assert load_checkpoint("test-1").sha256 == digest
    with pytest.raises(ModelError, match="test-1"):
        load_checkpoint("test-2")
    with pytest.raises(ModelError, match="no such weights file"):
        load_checkpoint(tmp_path / "absent.safetensors")
    assert load_checkpoint(path, sha256=digest.upper()).sha256 == digest
    with pytest.raises(ModelError, match="sha256"):
        load_checkpoint(path, sha256="0" * 64)


def drop(tensors):
    del tensors["head.out_bias"]


def add(tensors):
    tensors["extra"] = torch.zeros(2)


def reshape(tensors):
    tensors["head.out_bias"] = torch.zeros(5)


def retype(tensors):
    tensors["head.out_bias"] = tensors["head.out_bias"].double()


@pytest.mark.parametrize(("change", "said"), [(drop, "missing"), (add, "extra"), (reshape, r"\(5,\)"), (retype, "float64")])
def test_every_tensor_is_checked(tmp_path, change, said):
    _, _, path, _ = make(tmp_path)
    rewrite(path, change_tensors=change)
    with pytest.raises(ModelError, match=said) as caught:
        load_checkpoint(path).build()
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update(format_version=99), "format 99"),
        (lambda m: m.update(architecture="no_such"), "no_such"),
        (lambda m: m.update(surprise=1), "surprise"),
        (lambda m: m.pop("architecture"), "architecture"),
        (lambda m: m["encoder"].update(surprise=1), "surprise"),
        (lambda m: m["config"].update(surprise=1), "surprise"),
    ],
)
def test_metadata_is_checked(tmp_path, change, said):
    _, _, path, _ = make(tmp_path)
    rewrite(path, change_metadata=change)
    with pytest.raises(ModelError, match=said):
        load_checkpoint(path).build()


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_cut_files_are_refused(tmp_path, length):
    _, _, path, _ = make(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelError, match="safetensors"):
        load_checkpoint(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="metadata"):
        load_checkpoint(path)
    torch.save({"x": 1}, path)
    with pytest.raises(ModelError):
        load_checkpoint(path)


def test_unwritable_place(tmp_path):
    module, metadata, _, _ = make(tmp_path)
    with pytest.raises(OutputError, match="written"):
        save_checkpoint(tmp_path / "no" / "such" / "folder.safetensors", module, metadata)


def preset(false_per_true, cut):
    row = {"n_true": 90, "true_lost": 3, "lost_at_most": 0.071, "n_false": 4, "false_removed": 4, "removed_at_least": 0.47}
    measured = [{"callers": "all", "depth": "any", **row}]
    return {"false_per_true": false_per_true, "thresholds": {"snv": cut, "indel": cut}, "measured": measured}


def test_card_tells_what_a_user_needs(tmp_path):
    point = {
        "name": "recall_0.995",
        "thresholds": {"snv": 0.1234, "indel": 0.4321},
        "measured": {"snv": {"recall": 0.9951, "precision": None, "false_removed": 0.8}},
    }
    _, _, path, digest = make(
        tmp_path,
        operating_points=[point],
        evaluation={"fold chr22": {"hard_auroc": 0.987654}},
        limits=["Not for pools | cells."],
        description="Made up.",
        presets={"measured_on": "On toys.", "presets": {"strict": preset(0.25, 0.71), "sensitive": preset(16.0, 0.07)}},
    )
    card = render_card(load_checkpoint(path))
    for fact in (
        "# test-1",
        digest,
        "MIT",
        "0.1234",
        "0.9951",
        "0.98765",
        "Not for pools",
        "Made up.",
        "support",
        "On toys.",
        "at most 7.10%",
    ):
        assert fact in card
    assert card == render_card(decode_checkpoint(path.read_bytes()))
    assert card.index("| sensitive | 0.07 | 0.07 | 16 kept false ones |") < card.index(
        "| strict | 0.71 | 0.71 | 0.25 kept false ones |"
    )
    assert "| strict | all | any | 3 of 90 | at most 7.10% | 4 of 4 | at least 47.00% |" in card
