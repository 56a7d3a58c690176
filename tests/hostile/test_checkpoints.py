"""Checkpoints of the shipped kind with one thing wrong in them, through `filter`: used or refused by name, never a crash.

tests/models/test_hostile_checkpoints.py holds what decoding refuses, number by number; here are whole runs on the real kernels.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_files import Inputs, row
from safetensors.torch import save as serialise

from vcffilter.models.checkpoint import METADATA_KEY, decode_checkpoint, load_checkpoint

pytestmark = pytest.mark.reliability("Checkpoints: one field of a shipped one changed")
MODELS = ("illumina-germline", "hifi-germline")


def parts(model: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and metadata of a shipped checkpoint."""
    checkpoint = decode_checkpoint(Path(load_checkpoint(model).path).read_bytes())
    return {name: tensor.clone() for name, tensor in checkpoint.tensors.items()}, json.loads(checkpoint.metadata.to_json_text())


def filtered(inputs: Inputs, tensors: dict[str, torch.Tensor], metadata: object) -> int:
    """Exit code of a run with it."""
    path = inputs.folder / "changed.safetensors"
    path.write_bytes(serialise(tensors, {METADATA_KEY: json.dumps(metadata)}))
    return inputs.filter(inputs.calls([row(), row(pos1=500)]), "--model", path, "--reasons")


def extreme(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """The first number, the last, and one between them, set to the value."""

    def change(tensor: torch.Tensor) -> torch.Tensor:
        flat = tensor.reshape(-1).clone()
        for at in (0, len(flat) // 2, len(flat) - 1):
            flat[at] = value
        return flat.reshape(tensor.shape)

    return change


FLOATS = {"nan": extreme(float("nan")), "inf": extreme(float("inf")), "-inf": extreme(-float("inf")), "1e38": extreme(1e38)}
INTEGERS = {"2^31-1": extreme(2**31 - 1), "-2^31": extreme(-(2**31)), "-1": extreme(-1), "100,000,000": extreme(10**8)}
SHAPES = {
    "shorter": lambda tensor: tensor.reshape(-1)[:-1].clone(),
    "empty": lambda tensor: tensor.reshape(-1)[:0].clone(),
    "longer": lambda tensor: torch.cat([tensor.reshape(-1), tensor.reshape(-1)]),
    "another type": lambda tensor: tensor.to(torch.float64 if tensor.dtype != torch.float64 else torch.float32),
}


#: What `make test-hard` changes; `make test-all` takes every change there is.
FEW = ("nan", "1e38", "2^31-1", "-1", "shorter")


@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.long)], ids=["few changes", "all changes"])
@pytest.mark.parametrize("model", MODELS)
def test_every_tensor(inputs: Inputs, capfd, record_property, model: str, few: bool) -> None:
    """Each tensor of the file in turn with each change: exit code 0 or 1, one message, and shapes and NaN always refused."""
    tensors, metadata = parts(model)
    tried = 0
    for name in sorted(tensors):
        values = FLOATS if tensors[name].is_floating_point() else INTEGERS
        for how, change in {**values, **SHAPES}.items():
            if few and how not in FEW:
                continue
            changed = change(tensors[name])
            if torch.equal(changed.reshape(-1)[:1], tensors[name].reshape(-1)[:1]) and changed.shape == tensors[name].shape:
                continue
            code = filtered(inputs, {**tensors, name: changed}, metadata)
            message = capfd.readouterr().err
            tried += 1
            assert code in (0, 1), (name, how)
            assert message.count("pileup-filter: error:") == code, (name, how, message)
            if how in SHAPES or how == "nan" or not tensors[name].is_floating_point():
                assert code == 1, (name, how)
                assert "changed.safetensors" in message, (name, how, message)
    assert tried > (15 if few else 30)
    record_property("cases", tried)


@pytest.mark.parametrize(
    ("way", "value", "code"),
    [
        (("thresholds",), {}, 0),
        (("thresholds",), {"snv": 0.2}, 0),
        (("thresholds", "snv"), float("nan"), 1),
        (("thresholds", "snv"), 2.0, 1),
        (("operating_points",), [], 0),
        (("presets",), {}, 0),
        (("calibration",), {}, None),
        (("encoder", "features"), [], 1),
        (("encoder", "features"), ["no_such_feature"] * 3, 1),
        (("encoder", "version"), 10**9, 1),
        (("encoder", "rows"), 10**9, 1),
        (("encoder", "columns"), -1, 1),
        (("architecture",), "no_such_network", 1),
        (("config",), {}, None),
        (("model_id",), "../../etc", 1),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_every_field_that_a_run_reads(
    inputs: Inputs, capfd, model: str, way: tuple[str, ...], value: object, code: int | None
) -> None:
    tensors, metadata = parts(model)
    parent = metadata
    for key in way[:-1]:
        parent = parent[key]
    parent[way[-1]] = value
    found = filtered(inputs, tensors, metadata)
    message = capfd.readouterr().err
    assert found in ((0, 1) if code is None else (code,)), message
    assert message.count("pileup-filter: error:") == found


def test_a_tensor_that_is_none_of_the_network(inputs: Inputs, capfd) -> None:
    tensors, metadata = parts(MODELS[0])
    assert filtered(inputs, {**tensors, "more": torch.zeros(3)}, metadata) == 1
    first = sorted(tensors)[0]
    assert filtered(inputs, {name: tensor for name, tensor in tensors.items() if name != first}, metadata) == 1
    assert capfd.readouterr().err.count("pileup-filter: error:") == 2
