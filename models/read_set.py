"""Architecture `read_set`: each read encoded apart, pooled over ALT-supporting and other reads, joined with
the site features.

The order of the reads does not matter. A row is flattened (columns * channels), so one column of per-read
facts and a window of columns both work. The reference row joins the first layer of every read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import nn

from vcffilter.models.encoder_spec import SUPPORT_CHANNEL, EncoderSpec
from vcffilter.models.members import MemberHead, average_members
from vcffilter.models.network import Network
from vcffilter.models.plain_data import Range
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.read_rows import RowVectors, channel_index, row_masks
from vcffilter.models.settings import Average, Count, CountOrNone, Dropped, Widths
from vcffilter.models.site_mlp import drop_features


@dataclass(frozen=True)
class ReadSetConfig:
    """n_bins, embedding, hidden, n_members, average, dropout, feature_dropout: as in SiteMlpConfig.

    read_hidden: width of a read's first layer. read_width: width of its code. alt_minimum: value of the
    support channel from which a read counts as ALT-supporting. reads_dropout: share of training examples
    whose pooled reads are hidden.
    """

    n_bins: Count = 12
    embedding: CountOrNone = 4
    read_hidden: Count = 48
    read_width: Count = 24
    alt_minimum: Annotated[int, Range(1, 255)] = 200
    hidden: Widths = (64, 64)
    n_members: Count = 8
    average: Average = "logit"
    dropout: Dropped = 0.1
    feature_dropout: Dropped = 0.0
    reads_dropout: Annotated[float, Range(0, 1)] = 0.0


class ReadSet(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels)) -> logits float32 (n,)."""

    minimum_columns = 1
    stem_prefixes = ("embedding.", "row_layer.", "reference_layer.", "code_layer.")

    def __init__(self, config: ReadSetConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        self.support = channel_index(spec, SUPPORT_CHANNEL)
        self.embedding = QuantileEmbedding(spec.n_features, config.n_bins, config.embedding)
        self.vectors = RowVectors(spec)
        self.row_layer = nn.Linear(self.vectors.n_values, config.read_hidden)
        self.reference_layer = nn.Linear(self.vectors.n_values, config.read_hidden, bias=False)
        self.code_layer = nn.Linear(config.read_hidden, config.read_width)
        self.pool_norm = nn.LayerNorm(4 * config.read_width)
        self.head = MemberHead(
            self.embedding.out_features + 4 * config.read_width,
            config.hidden,
            config.n_members,
            config.dropout,
        )

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and channel scales from the training data."""
        self.embedding.fit(features)
        if reads is not None:
            self.vectors.fit(reads)

    def pooled_reads(self, reads: torch.Tensor) -> torch.Tensor:
        """(n, 4 * read_width): mean and maximum of the reads' codes, ALT-supporting and others apart; 0 where
        there is none.
        """
        present, alt = row_masks(reads, self.support, self.config.alt_minimum)
        rows = self.vectors(reads)  # (n, rows, n_values)
        hidden = torch.relu(self.row_layer(rows[:, 1:]) + self.reference_layer(rows[:, :1]))
        codes = torch.relu(self.code_layer(hidden))  # (n, rows - 1, read_width), never negative: 0 is neutral for the maximum
        members = torch.stack((alt, present & ~alt), 1).to(codes.dtype)  # (n, 2, rows - 1)
        mean = torch.bmm(members, codes) / members.sum(2, keepdim=True).clamp_min(1.0)
        maximum = torch.stack([(codes * members[:, side, :, None]).amax(1) for side in (0, 1)], 1)
        return torch.cat((mean, maximum), 2).flatten(1)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): trained each on its own loss."""
        assert reads is not None
        embedded = drop_features(self.embedding(features), self.embedding.n_features, self.config.feature_dropout, self.training)
        pooled = self.pool_norm(self.pooled_reads(reads))
        if self.training and self.config.reads_dropout > 0:
            pooled = pooled * (torch.rand(len(pooled), 1, device=pooled.device) >= self.config.reads_dropout)
        return self.head(torch.cat((embedded, pooled), 1))

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Average of the members."""
        return average_members(self.member_logits(features, reads), self.config.average)
