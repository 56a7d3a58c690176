"""Architecture `read_attention`: a transformer whose tokens are the reads, with a site token that holds the
site features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.members import MemberHead, average_members
from vcffilter.models.network import Network
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.read_rows import RowVectors
from vcffilter.models.settings import Average, Count, CountOrNone, Dropped, Layers, Widths


@dataclass(frozen=True)
class ReadAttentionConfig:
    """width: of a token, a multiple of heads. depth: number of layers. feed_forward: inner width of a layer.

    n_bins, embedding: site features. hidden, n_members, average, dropout: the head, as in SiteMlpConfig.
    """

    width: Count = 48
    depth: Layers = 2
    heads: Count = 4
    feed_forward: Count = 96
    n_bins: Count = 12
    embedding: CountOrNone = 4
    hidden: Widths = (64,)
    n_members: Count = 4
    average: Average = "logit"
    dropout: Dropped = 0.1

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ModelError(f"width {self.width} of a token is no multiple of the {self.heads} heads")


class AttentionLayer(nn.Module):
    """Pre-norm self-attention over tokens, then a perceptron on each token."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, feed_forward)
        self.down = nn.Linear(feed_forward, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """tokens (n, t, width), bias (n, 1, 1, t): added to the attention scores, very negative where there
        is no read.
        """
        heads = self.query_key_value(self.norm_1(tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)  # (n, heads, t, width / heads)
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5 + bias
        mixed = (torch.softmax(scores, 3) @ value).transpose(1, 2).flatten(2)
        tokens = tokens + self.dropout(self.projection(mixed))
        return tokens + self.dropout(self.down(torch.relu(self.up(self.norm_2(tokens)))))


class ReadAttention(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels)) -> logits float32 (n,)."""

    minimum_columns = 1
    stem_prefixes = ("embedding.", "site_token.", "row_token.", "layers.")

    def __init__(self, config: ReadAttentionConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        self.embedding = QuantileEmbedding(spec.n_features, config.n_bins, config.embedding)
        self.vectors = RowVectors(spec)
        self.site_token = nn.Linear(self.embedding.out_features, config.width)
        self.row_token = nn.Linear(self.vectors.n_values, config.width)
        self.reference_mark = nn.Parameter(torch.zeros(config.width))
        self.layers = nn.ModuleList(
            AttentionLayer(config.width, config.heads, config.feed_forward, config.dropout) for _ in range(config.depth)
        )
        self.out_norm = nn.LayerNorm(config.width)
        self.head = MemberHead(self.embedding.out_features + config.width, config.hidden, config.n_members, config.dropout)

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and channel scales from the training data."""
        self.embedding.fit(features)
        if reads is not None:
            self.vectors.fit(reads)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): trained each on its own loss."""
        assert reads is not None
        embedded = self.embedding(features)
        rows = self.row_token(self.vectors(reads))
        marks = torch.zeros(rows.shape[1], 1, dtype=rows.dtype, device=rows.device)
        marks[0] = 1.0
        tokens = torch.cat((self.site_token(embedded).unsqueeze(1), rows + marks * self.reference_mark), 1)
        absent = reads.flatten(2).amax(2) == 0
        # The site token is always there, so that no softmax is over nothing.
        absent = torch.cat((torch.zeros_like(absent[:, :1]), absent), 1)
        bias = (absent.to(tokens.dtype) * -1e4)[:, None, None, :]
        for layer in self.layers:
            tokens = layer(tokens, bias)
        return self.head(torch.cat((embedded, self.out_norm(tokens[:, 0])), 1))

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Average of the members."""
        return average_members(self.member_logits(features, reads), self.config.average)
