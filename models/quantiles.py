"""Piecewise-linear embedding of raw numbers, with knots at quantiles of the training data.

Every feature becomes `n_bins` numbers between 0 and 1: how far the value has come through each bin. Values
outside the training range saturate, so that another library cannot drive a network to places it never saw.
Knows nothing of what the features mean.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def quantile_knots(features: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Knots of each feature from training data.

    features: float32 (n_alleles, n_features), raw, no NaN. Returns (lower, inverse_width), both float32
    (n_features, n_bins): bin t of a feature spans lower .. lower + 1/inverse_width. A feature with few
    distinct values uses one bin for each step between them; bins that are not needed have inverse_width 0 and
    always yield 0.
    """
    n_features = features.shape[1]
    lower = np.zeros((n_features, n_bins), np.float32)
    inverse_width = np.zeros((n_features, n_bins), np.float32)
    fractions = np.linspace(0.0, 1.0, n_bins + 1)
    for feature in range(n_features):
        column = features[:, feature].astype(np.float64)
        distinct = np.unique(column)
        if len(distinct) <= n_bins + 1:
            knots = distinct
        else:
            # Quantiles of the values and of the distinct values together: a column that is nearly always 0
            # still gets bins elsewhere.
            by_mass = np.quantile(column, fractions)
            knots = np.unique(by_mass)
            missing = n_bins + 1 - len(knots)
            if missing > 0:
                rest = np.setdiff1d(distinct, knots)
                extra = np.quantile(rest, np.linspace(0.0, 1.0, missing + 2)[1:-1]) if len(rest) else rest
                knots = np.unique(np.concatenate([knots, extra]))
        widths = np.diff(knots)
        used = min(len(widths), n_bins)
        lower[feature, :used] = knots[:used]
        inverse_width[feature, :used] = 1.0 / np.maximum(widths[:used], 1e-12)
    return lower, inverse_width


class QuantileEmbedding(nn.Module):
    """float32 (n, n_features) -> float32 (n, n_features * width).

    width is `embedding` when that is positive (a small linear map and ReLU per feature over its bins), else
    `n_bins`.
    """

    lower: torch.Tensor
    inverse_width: torch.Tensor

    def __init__(self, n_features: int, n_bins: int, embedding: int) -> None:
        super().__init__()
        self.n_features = n_features
        self.n_bins = n_bins
        self.embedding = embedding
        self.register_buffer("lower", torch.zeros(n_features, n_bins))
        self.register_buffer("inverse_width", torch.zeros(n_features, n_bins))
        if embedding:
            bound = n_bins**-0.5
            self.weight = nn.Parameter(torch.empty(n_features, n_bins, embedding).uniform_(-bound, bound))
            self.bias = nn.Parameter(torch.empty(n_features, embedding).uniform_(-bound, bound))

    @property
    def out_features(self) -> int:
        """Width of what `forward` returns."""
        return self.n_features * (self.embedding or self.n_bins)

    def fit(self, features: np.ndarray) -> None:
        """Set the knots from training data, float32 (n_alleles, n_features)."""
        lower, inverse_width = quantile_knots(features, self.n_bins)
        self.lower.copy_(torch.from_numpy(lower))
        self.inverse_width.copy_(torch.from_numpy(inverse_width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Embed raw features (n, n_features)."""
        bins = ((features.unsqueeze(2) - self.lower) * self.inverse_width).clamp_(0.0, 1.0)
        if self.embedding:
            bins = torch.relu(torch.einsum("nft,fte->nfe", bins, self.weight) + self.bias)
        return bins.flatten(1)
