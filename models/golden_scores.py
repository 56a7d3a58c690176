"""Fixed inputs of a model and the logits that it gave when it was released: whether this machine computes the same. Plain data.

A file beside the weights (NAME.golden.json) holds the features and the logits. A model that takes a tensor gets one of fixed
random bytes, which need not be kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.errors import ModelError
from vcffilter.models.encoder_spec import EncoderSpec

_ENDING = ".golden.json"
_SEED = 20
_HINT = "Install vcffilter again"


@dataclass(frozen=True)
class GoldenScores:
    """features: float32 (n, n_features), in the model's order. logits: float64 (n,), uncalibrated."""

    features: np.ndarray
    logits: np.ndarray

    def reads(self, spec: EncoderSpec) -> np.ndarray | None:
        """The tensors that go with the features: uint8 (n, rows, columns, channels); None where the model takes none."""
        if spec.rows == 0:
            return None
        shape = (len(self.features), spec.rows, spec.columns, spec.n_channels)
        # The legacy generator: its stream is fixed for good.
        return np.random.RandomState(_SEED).randint(0, 256, shape).astype(np.uint8)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "logits": [round(float(value), 5) for value in self.logits],
            "features": [[float(f"{value:.6g}") for value in row] for row in self.features],
        }


def golden_path(weights_path: str | Path) -> Path:
    """The file beside a checkpoint."""
    path = Path(weights_path)
    return path.with_name(path.name.removesuffix(".safetensors") + _ENDING)


def read_golden(path: Path) -> GoldenScores:
    """From a file. Raises ModelError."""
    try:
        data = json.loads(path.read_text("utf-8"))
        features = np.array(data["features"], np.float32)
        logits = np.array(data["logits"], np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the fixed scores cannot be read ({error!r})", path=str(path), hint=_HINT) from error
    if features.ndim != 2 or logits.shape != (len(features),):
        raise ModelError("the fixed scores do not go with their features", path=str(path), hint=_HINT)
    return GoldenScores(features, logits)


def fixed_features(ranges: dict[str, tuple[float, float]], names: tuple[str, ...], n: int) -> np.ndarray:
    """Features for `n` made-up alleles within the ranges of the training data: float32 (n, n_features)."""
    ends = np.array([ranges[name] for name in names])
    steps = np.random.RandomState(_SEED).random_sample((n, len(names)))
    values = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * steps
    return np.array([[float(f"{value:.6g}") for value in row] for row in values], np.float32)
