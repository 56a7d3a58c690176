"""What a checkpoint asks of the encoder. Plain data: the encoder is built from it, and refuses what it does not know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EncoderSpec:
    """The arrays a network takes.

    version: of the meaning of features and channels (`vcffilter.kernels` says which versions it can make).
    features: names of the site features, in order: float32 (n_alleles, len(features)).
    channels: names of the tensor's channels, in order; empty when the network takes no reads.
    rows: rows of the tensor: row 0 is the reference row, the others are reads; 0 when the network takes no reads.
    columns: reference columns around the event, odd; 1 gives one column of per-read facts.
    The tensor is uint8 (n_alleles, rows, columns, len(channels)).
    """

    version: int
    features: tuple[str, ...]
    channels: tuple[str, ...] = ()
    rows: int = 0
    columns: int = 0

    @property
    def n_features(self) -> int:
        """Number of site features."""
        return len(self.features)

    @property
    def n_channels(self) -> int:
        """Number of tensor channels."""
        return len(self.channels)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for the checkpoint's metadata."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EncoderSpec:
        """The spec from a checkpoint's metadata; raises KeyError/TypeError on unknown or missing fields."""
        plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return cls(**plain)
