"""Architecture `site_mlp`: site features only, quantile embedding, a small perceptron of several implicit
members.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.members import MemberHead, average_members
from vcffilter.models.network import Network
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.settings import Average, Count, CountOrNone, Dropped, Shown, Widths


@dataclass(frozen=True)
class SiteMlpConfig:
    """n_bins: quantile bins per feature. embedding: width per feature after them (0 = the bins themselves).
    hidden: layer widths.

    n_members: implicit members. average: `logit` or `probability`. dropout: between layers, training only.
    feature_dropout: share of whole features hidden from a training example, so that no single one is leant on.
    feature_share: share of the features that each member sees, drawn once (random subspaces, as trees of a forest have).
    """

    n_bins: Count = 12
    embedding: CountOrNone = 4
    hidden: Widths = (64, 64)
    n_members: Count = 8
    average: Average = "logit"
    dropout: Dropped = 0.1
    feature_dropout: Dropped = 0.0
    feature_share: Shown = 1.0


class SiteMlp(Network):
    """(features float32 (n, F), reads ignored) -> logits float32 (n,)."""

    stem_prefixes = ("embedding.",)
    shown: torch.Tensor

    def __init__(self, config: SiteMlpConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        self.embedding = QuantileEmbedding(spec.n_features, config.n_bins, config.embedding)
        self.head = MemberHead(self.embedding.out_features, config.hidden, config.n_members, config.dropout)
        if config.feature_share < 1:
            shown = torch.rand(config.n_members, spec.n_features, 1) < config.feature_share
            width = self.embedding.out_features // spec.n_features
            self.register_buffer("shown", shown.expand(-1, -1, width).flatten(1).to(torch.float32))

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots from the training data."""
        self.embedding.fit(features)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): trained each on its own loss."""
        embedded = self.embedding(features)
        embedded = drop_features(embedded, self.embedding.n_features, self.config.feature_dropout, self.training)
        if self.config.feature_share < 1:
            return self.head.apply_to_members(embedded.unsqueeze(1) * self.shown)
        return self.head(embedded)

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Average of the members."""
        return average_members(self.member_logits(features, reads), self.config.average)


def drop_features(embedded: torch.Tensor, n_features: int, share: float, training: bool) -> torch.Tensor:
    """Hide whole embedded features (n, n_features * width) from random examples while training."""
    if not training or share <= 0:
        return embedded
    keep = (torch.rand(len(embedded), n_features, 1, device=embedded.device) >= share).to(embedded.dtype)
    return (embedded.unflatten(1, (n_features, -1)) * keep).flatten(1) / (1 - share)
