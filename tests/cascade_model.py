"""A model of two stages for tests: the trees that ship, and a small network of random weights on the reads of what they doubt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.cascade import Cascade
from vcffilter.models.checkpoint import load_checkpoint, save_checkpoint
from vcffilter.models.registry import build, config_to_json, parse_config

TREES = "illumina-germline"
#: Bands wide enough that the doubtful are many.
GATE = [
    {"kind": "snv", "reads_from": 0, "low": -3.0, "high": 3.5},
    {"kind": "snv", "reads_from": 25, "low": -2.0, "high": 3.0},
    {"kind": "other", "reads_from": 5, "low": -3.0, "high": 3.0},
]
SECOND = {"width": 16, "depth": 1, "heads": 2, "feed_forward": 16, "hidden": [8], "n_members": 2, "dropout": 0.0}


def save_cascade(
    path: Path,
    gate: list[dict[str, Any]] | None = None,
    *,
    architecture: str = "read_attention",
    second: dict[str, Any] | None = None,
    rows: int = 12,
    columns: int = 17,
    **changes: Any,
) -> Path:
    """Write it. changes: of the metadata. The network's output is about as large as the gate is wide."""
    trees = load_checkpoint(TREES)
    spec = replace(trees.metadata.encoder, channels=CHANNEL_NAMES, rows=rows, columns=columns)
    config = {
        "first": {"architecture": trees.metadata.architecture, "config": trees.metadata.config},
        "second": {"architecture": architecture, "config": SECOND if second is None else second},
        "gate": GATE if gate is None else gate,
    }
    torch.manual_seed(5)
    module = build("cascade", config, spec)
    assert isinstance(module, Cascade)
    module.first.load_state_dict(trees.tensors)
    draw = np.random.default_rng(5)
    features = draw.normal(2.0, 4.0, (300, module.second.embedding.n_features if architecture == "read_attention" else 1))
    reads = draw.integers(0, 255, (300, rows, columns, spec.n_channels), np.uint8)
    if architecture == "read_attention":
        module.second.fit_inputs(features.astype(np.float32), reads)
    for parameter in module.second.parameters():
        parameter.data *= 2.0
    config = config_to_json(parse_config("cascade", config))
    metadata = replace(trees.metadata, model_id="two-stages-1", architecture="cascade", config=config, encoder=spec, **changes)
    save_checkpoint(path, module, metadata)
    return path
