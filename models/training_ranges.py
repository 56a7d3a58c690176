"""Where a model's training data lay: the range of every site feature, and the platform of the reads. Plain data.

A checkpoint holds them in its metadata (`training["ranges"]`), or a file beside it does (NAME.ranges.json), so that weights that
ship need not change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcffilter.errors import ModelError
from vcffilter.models.checkpoint import WEIGHTS_DIR, CheckpointMetadata, available_weights

#: Key within `CheckpointMetadata.training`.
RANGES_KEY = "ranges"
_ENDING = ".ranges.json"


@dataclass(frozen=True)
class TrainingRanges:
    """platform: of the reads (a name of `inspection.read_facts.PLATFORMS`). features: name -> (low, high), the 0.2% and 99.8%
    points over the training alleles. reads: fact -> (low, high) over the training samples. sets: names of the data.
    """

    platform: str
    features: dict[str, tuple[float, float]]
    reads: dict[str, tuple[float, float]]
    sets: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "platform": self.platform,
            "sets": list(self.sets),
            "reads": {name: list(ends) for name, ends in self.reads.items()},
            "features": {name: list(ends) for name, ends in self.features.items()},
        }

    @classmethod
    def from_json(cls, data: Any, path: str) -> TrainingRanges:
        """From `to_json`. Raises ModelError with `path`."""
        try:
            return cls(
                str(data["platform"]), _pairs(data["features"]), _pairs(data["reads"]), tuple(map(str, data.get("sets", ())))
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"the ranges of the training data cannot be understood ({error!r})",
                path=path,
                hint="Take the file that came with the weights, or remove it",
            ) from error


def _pairs(data: Any) -> dict[str, tuple[float, float]]:
    return {str(name): (float(low), float(high)) for name, (low, high) in data.items()}


def ranges_path(weights_path: str | Path) -> Path:
    """The file beside a checkpoint."""
    path = Path(weights_path)
    return path.with_name(path.name.removesuffix(".safetensors") + _ENDING)


def training_ranges(metadata: CheckpointMetadata, weights_path: str) -> TrainingRanges | None:
    """Of a checkpoint: its metadata's own, else those of the file beside it; None where there are none. Raises ModelError."""
    if RANGES_KEY in metadata.training:
        return TrainingRanges.from_json(metadata.training[RANGES_KEY], weights_path)
    path = ranges_path(weights_path) if weights_path else None
    return None if path is None or not path.is_file() else read_ranges(path)


def read_ranges(path: Path) -> TrainingRanges:
    """From a file. Raises ModelError."""
    try:
        return TrainingRanges.from_json(json.loads(path.read_text("utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise ModelError(f"the ranges of the training data cannot be read ({error})", path=str(path)) from error


def shipped_platforms() -> dict[str, str]:
    """Name of every model that ships -> platform it was trained on, where that is known."""
    paths = {name: WEIGHTS_DIR / f"{name}{_ENDING}" for name in available_weights()}
    return {name: read_ranges(path).platform for name, path in paths.items() if path.is_file()}
