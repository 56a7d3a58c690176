"""Architecture `wide_resnet`: pre-activation residual blocks over the read rows, a few of them and wide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.members import MemberHead, average_members
from vcffilter.models.network import Network
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.read_rows import ChannelScale, as_image
from vcffilter.models.settings import Average, Count, CountOrNone, Dropped, Layers, Widths


@dataclass(frozen=True)
class WideResnetConfig:
    """stem: channels of the first convolution. widths: channels of each stage, halving rows and columns after
    the first.

    blocks: residual blocks per stage. n_bins, embedding: site features. hidden, n_members, average, dropout:
    the head.
    """

    stem: Count = 32
    widths: Widths = (64, 128)
    blocks: Layers = 2
    n_bins: Count = 12
    embedding: CountOrNone = 4
    hidden: Widths = (64,)
    n_members: Count = 4
    average: Average = "logit"
    dropout: Dropped = 0.1


class ResidualBlock(nn.Module):
    """norm, ReLU, convolution, twice, added to the input (projected when the shape changes)."""

    def __init__(self, n_in: int, n_out: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm_1 = nn.BatchNorm2d(n_in)
        self.convolution_1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.norm_2 = nn.BatchNorm2d(n_out)
        self.dropout = nn.Dropout(dropout)
        self.convolution_2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        changes = n_in != n_out or stride != 1
        self.projection = nn.Conv2d(n_in, n_out, 1, stride, bias=False) if changes else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, n_in, height, width) -> (n, n_out, height / stride, width / stride)."""
        inner = self.convolution_1(torch.relu(self.norm_1(x)))
        return self.convolution_2(self.dropout(torch.relu(self.norm_2(inner)))) + self.projection(x)


class WideResnet(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels)) -> logits float32 (n,)."""

    minimum_columns = 3
    stem_prefixes = ("embedding.", "stem.", "stages.")

    def __init__(self, config: WideResnetConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        self.embedding = QuantileEmbedding(spec.n_features, config.n_bins, config.embedding)
        self.scale = ChannelScale(spec.n_channels)
        self.stem = nn.Conv2d(spec.n_channels + 1, config.stem, 3, padding=1, bias=False)
        blocks: list[nn.Module] = []
        width = config.stem
        for stage, out in enumerate(config.widths):
            for block in range(config.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(ResidualBlock(width, out, stride, config.dropout))
                width = out
        self.stages = nn.Sequential(*blocks, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.head = MemberHead(self.embedding.out_features + 2 * width, config.hidden, config.n_members, config.dropout)

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and channel scales from the training data."""
        self.embedding.fit(features)
        if reads is not None:
            self.scale.fit(reads)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): trained each on its own loss."""
        assert reads is not None
        maps = self.stages(self.stem(as_image(reads, self.scale)))
        pooled = torch.cat((maps.mean((2, 3)), maps.amax((2, 3))), 1)
        return self.head(torch.cat((self.embedding(features), pooled), 1))

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Average of the members."""
        return average_members(self.member_logits(features, reads), self.config.average)
