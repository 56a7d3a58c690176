"""What every network that takes reads does first: uint8 rows to numbers, which rows hold a read, which of
them support the ALT.

The tensor is uint8 (n, rows, columns, channels); row 0 is the reference row; a row of zeros is no read. Knows
the channels' names only.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models.encoder_spec import COLUMN_CHANNELS, EncoderSpec


def require_reads(architecture: str, spec: EncoderSpec, minimum_columns: int) -> None:
    """Raise ModelError unless the encoder yields a tensor that the architecture can use."""
    if spec.rows < 2 or spec.n_channels == 0 or spec.columns < minimum_columns:
        raise ModelError(
            f"architecture {architecture} needs a tensor of at least 2 rows and {minimum_columns} columns; "
            f"the encoder gives rows={spec.rows}, columns={spec.columns}, channels={spec.n_channels}",
            hint="Take an architecture without reads (site_mlp), or an encoder with a larger tensor",
        )


def channel_index(spec: EncoderSpec, name: str) -> int:
    """Position of a channel; raises ModelError when the encoder does not have it."""
    if name not in spec.channels:
        raise ModelError(f"the encoder has no channel named {name}", hint=f"Its channels are: {', '.join(spec.channels)}")
    return spec.channels.index(name)


class ChannelScale(nn.Module):
    """Per-channel mean and deviation over the positions that hold anything, fitted on training data."""

    mean: torch.Tensor
    inverse_deviation: torch.Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("inverse_deviation", torch.full((n_channels,), 1 / 64))

    def fit(self, reads: np.ndarray) -> None:
        """Set mean and deviation from uint8 (n, rows, columns, channels); the reference row is left out."""
        present = reads[:, 1:].reshape(-1, reads.shape[3])
        # A few hundred thousand positions settle two moments.
        present = present[:: max(1, len(present) // 500_000)]
        present = present[present.any(axis=1)].astype(np.float64)
        if len(present) == 0:
            return
        self.mean.copy_(torch.from_numpy(present.mean(0)))
        # A nearly constant channel keeps a sane scale instead of exploding on the first other value.
        self.inverse_deviation.copy_(torch.from_numpy(1.0 / np.maximum(present.std(0), 4.0)))

    def forward(self, reads: torch.Tensor) -> torch.Tensor:
        """uint8 (..., channels) -> standardised float32 of the same shape."""
        return (reads.to(self.mean.dtype) - self.mean) * self.inverse_deviation


def row_masks(reads: torch.Tensor, support: int, alt_minimum: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(present, alt), both bool (n, rows - 1): rows after the reference row that hold a read, and those of them that support the
    ALT.

    support: index of the support channel, which a read carries in all its columns. alt_minimum: uint8 value from which a row
    counts as ALT-supporting.
    """
    values = reads[:, 1:, 0, support]
    return values > 0, values >= alt_minimum


def as_image(reads: torch.Tensor, scale: ChannelScale) -> torch.Tensor:
    """uint8 (n, rows, columns, channels) -> (n, channels + 1, rows, columns): standardised, 0 where nothing
    is, presence last.
    """
    present = (reads.amax(3, keepdim=True) > 0).to(scale.mean.dtype)
    return torch.cat((scale(reads) * present, present), 3).permute(0, 3, 1, 2)


class RowVectors(nn.Module):
    """uint8 (n, rows, columns, channels) -> float32 (n, rows, n_values): column channels flattened, the read's own facts once."""

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.scale = ChannelScale(spec.n_channels)
        varying = [i for i, name in enumerate(spec.channels) if name in COLUMN_CHANNELS] if spec.columns > 1 else []
        self._varying = as_slice(varying)
        self._facts = as_slice([i for i in range(spec.n_channels) if i not in varying])
        self.n_values = spec.columns * len(varying) + spec.n_channels - len(varying)
        self._has_columns = bool(varying)

    def fit(self, reads: np.ndarray) -> None:
        """Set the channels' scales from training data."""
        self.scale.fit(reads)

    def forward(self, reads: torch.Tensor) -> torch.Tensor:
        """Standardised values of every row."""
        facts = self._scaled(reads[:, :, 0], self._facts)
        if not self._has_columns:
            return facts
        return torch.cat((self._scaled(reads, self._varying).flatten(2), facts), 2)

    def _scaled(self, values: torch.Tensor, chosen: slice | list[int]) -> torch.Tensor:
        mean, inverse_deviation = self.scale.mean[chosen], self.scale.inverse_deviation[chosen]
        return (values[..., chosen].to(mean.dtype) - mean) * inverse_deviation


def as_slice(index: list[int]) -> slice | list[int]:
    """The same channels as a slice where they are neighbours: much cheaper to take than a list."""
    if index and index == list(range(index[0], index[-1] + 1)):
        return slice(index[0], index[-1] + 1)
    return index
