"""Architecture `cnn2d`: a plain 2-D convolutional network over the read rows, site features joined before the
head.
"""

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
from vcffilter.models.settings import Average, Count, CountOrNone, Dropped, Widths


@dataclass(frozen=True)
class Cnn2dConfig:
    """widths: channels of each 3 x 3 convolution, with the rows halved after each. n_bins, embedding: site
    features.

    hidden, n_members, average, dropout: the head, as in SiteMlpConfig.
    """

    widths: Widths = (24, 32, 48)
    n_bins: Count = 12
    embedding: CountOrNone = 4
    hidden: Widths = (64,)
    n_members: Count = 4
    average: Average = "logit"
    dropout: Dropped = 0.1


class Cnn2d(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels)) -> logits float32 (n,)."""

    minimum_columns = 3
    stem_prefixes = ("embedding.", "convolutions.")

    def __init__(self, config: Cnn2dConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        self.embedding = QuantileEmbedding(spec.n_features, config.n_bins, config.embedding)
        self.scale = ChannelScale(spec.n_channels)
        layers: list[nn.Module] = []
        # One more channel than the tensor has: where anything is present at all.
        width = spec.n_channels + 1
        for out in config.widths:
            layers += [
                nn.Conv2d(width, out, 3, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
            ]
            layers += [nn.MaxPool2d((2, 1), ceil_mode=True)]
            width = out
        self.convolutions = nn.Sequential(*layers)
        self.head = MemberHead(self.embedding.out_features + 2 * width, config.hidden, config.n_members, config.dropout)

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and channel scales from the training data."""
        self.embedding.fit(features)
        if reads is not None:
            self.scale.fit(reads)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): trained each on its own loss."""
        assert reads is not None
        maps = self.convolutions(as_image(reads, self.scale))
        pooled = torch.cat((maps.mean((2, 3)), maps.amax((2, 3))), 1)
        return self.head(torch.cat((self.embedding(features), pooled), 1))

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Average of the members."""
        return average_members(self.member_logits(features, reads), self.config.average)
