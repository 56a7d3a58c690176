"""Changes to a batch that leave its truth as it is: fewer reads, another order of them, noise. Works on
tensors, before the network.
"""

from __future__ import annotations

import numpy as np
import torch

from vcffilter.errors import TrainingError
from vcffilter.kernels.context_features import MIRRORED_FEATURES
from vcffilter.kernels.tensor import MIRRORED_CHANNELS
from vcffilter.training.fit_config import AugmentationConfig

IS_SNV = "is_snv"


class Augmentation:
    """An AugmentationConfig bound to an encoder's channels and to the spread of the training features."""

    def __init__(
        self,
        config: AugmentationConfig,
        channels: tuple[str, ...],
        features: np.ndarray,
        feature_names: tuple[str, ...] = (),
    ) -> None:
        unknown = [name for name, _ in config.channel_noise if name not in channels]
        if unknown:
            raise TrainingError(f"channel_noise names no channel of the tensor: {', '.join(unknown)}")
        if config.reverse_complement and IS_SNV not in feature_names:
            raise TrainingError(f"reverse_complement needs the site feature {IS_SNV}")
        self._config = config
        self._channels = channels
        self._feature_names = feature_names
        self._channel_noise = [(channels.index(name), largest) for name, largest in config.channel_noise]
        deviation = features.std(0)
        # One-hots and small counts would turn into values that never occur.
        for column in range(features.shape[1]):
            if len(np.unique(features[:4096, column])) < 20:
                deviation[column] = 0.0
        self._deviation = torch.from_numpy(deviation.astype(np.float32))

    def apply(self, features: torch.Tensor, reads: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Changed copies of a batch; draws from torch's global generator, which training seeds per epoch."""
        config = self._config
        if config.reverse_complement:
            features, reads = self._reverse_complement(features, reads)
        if config.feature_noise:
            noise = torch.randn_like(features) * self._deviation.to(features.device)
            features = features + config.feature_noise * noise
        if reads is not None:
            if config.keep_reads_from < 1:
                reads = drop_rows(reads, config.keep_reads_from)
            if config.shuffle_reads:
                reads = shuffle_rows(reads)
            for channel, largest in self._channel_noise:
                reads = jitter_channel(reads, channel, largest)
        return features, reads

    def _reverse_complement(self, features: torch.Tensor, reads: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Some SNVs from the other strand: neighbouring runs change sides, columns turn round, bases and strands swap."""
        names = self._feature_names
        turned = torch.rand(len(features), device=features.device) < self._config.reverse_complement
        turned &= features[:, names.index(IS_SNV)] > 0.5
        features = features.clone()
        for left, right in MIRRORED_FEATURES:
            if left in names and right in names:
                pair = [names.index(left), names.index(right)]
                features[:, pair] = torch.where(turned[:, None], features[:, pair[::-1]], features[:, pair])
        if reads is None:
            return features, None
        mirrored = reads.flip(2)
        for name, total in MIRRORED_CHANNELS.items():
            if name in self._channels:
                values = mirrored[..., self._channels.index(name)]
                # An unknown base lies below every pair and has no mirror image.
                paired = values >= total - 255
                mirrored[..., self._channels.index(name)] = torch.where(paired, total - values.to(torch.int16), values).to(
                    torch.uint8
                )
        return features, torch.where(turned[:, None, None, None], mirrored, reads)


def drop_rows(reads: torch.Tensor, keep_from: float) -> torch.Tensor:
    """Blank read rows (never the reference row); each example keeps its own share between keep_from and 1."""
    n, rows = reads.shape[:2]
    share = keep_from + (1 - keep_from) * torch.rand(n, 1, device=reads.device)
    keep = torch.rand(n, rows, device=reads.device) < share
    keep[:, 0] = True
    return reads * keep[:, :, None, None]


def shuffle_rows(reads: torch.Tensor) -> torch.Tensor:
    """Another order of the read rows of each example; the reference row stays first, filled rows stay before
    empty ones.
    """
    n, rows = reads.shape[:2]
    present = reads.flatten(2).amax(2) > 0
    key = torch.rand(n, rows, device=reads.device) + (~present).float() * 2
    key[:, 0] = -1
    order = key.argsort(1)
    return torch.gather(reads, 1, order[:, :, None, None].expand_as(reads))


def jitter_channel(reads: torch.Tensor, channel: int, largest: int) -> torch.Tensor:
    """Add one whole number from -largest to largest per read row to a channel where it is not 0, kept within
    1 to 255.
    """
    values = reads[..., channel].to(torch.int16)
    change = torch.randint(-largest, largest + 1, (*values.shape[:2], 1), device=reads.device, dtype=torch.int16)
    change[:, 0] = 0
    changed = reads.clone()
    changed[..., channel] = torch.where(values > 0, (values + change).clamp(1, 255), values).to(torch.uint8)
    return changed
