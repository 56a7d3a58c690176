"""Several small networks in one (BatchEnsemble): members share their matrices and differ by scalings, and are
averaged inside the module.

Cheaper and steadier than one larger network when there are a few thousand real examples. Knows nothing of
features or reads.
"""

from __future__ import annotations

import torch
from torch import nn

from vcffilter.models.settings import Average


def average_members(member_logits: torch.Tensor, average: Average) -> torch.Tensor:
    """float32 (n, members) -> logits (n,): the mean logit, or the logit of the mean probability."""
    if average == "logit":
        return member_logits.mean(1)
    # log(mean p) - log(mean (1 - p)), without leaving log space.
    positive = torch.logsumexp(nn.functional.logsigmoid(member_logits), 1)
    negative = torch.logsumexp(nn.functional.logsigmoid(-member_logits), 1)
    return positive - negative


class SharedLinear(nn.Module):
    """Linear map whose matrix the members share: y_k = ((x_k * scale_in_k) W) * scale_out_k + bias_k.

    (n, members, n_in) or (n, 1, n_in) -> (n, members, n_out).
    """

    def __init__(self, n_in: int, n_out: int, n_members: int, random_signs: bool) -> None:
        super().__init__()
        bound = n_in**-0.5
        self.weight = nn.Parameter(torch.empty(n_out, n_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_members, n_out).uniform_(-bound, bound))
        # Random signs where the members part, so that they start from different functions of the same input.
        # In place: on the meta device, where checkpoints are checked, other forms load a library of symbols (1 s, 150 MB).
        signs = torch.empty(n_members, n_in, dtype=torch.int64).random_(0, 2).float().mul_(2).sub_(1) if random_signs else None
        self.scale_in = nn.Parameter(torch.ones(n_members, n_in) if signs is None else signs)
        self.scale_out = nn.Parameter(torch.ones(n_members, n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply to every member's own input."""
        return nn.functional.linear(x * self.scale_in, self.weight) * self.scale_out + self.bias


class MemberHead(nn.Module):
    """Multi-layer perceptron of `n_members` implicit members: (n, n_in) -> member logits (n, n_members)."""

    def __init__(self, n_in: int, hidden: tuple[int, ...], n_members: int, dropout: float) -> None:
        super().__init__()
        widths = (n_in, *hidden)
        self.layers = nn.ModuleList(
            SharedLinear(a, b, n_members, random_signs=layer == 0)
            for layer, (a, b) in enumerate(zip(widths[:-1], widths[1:], strict=True))
        )
        self.dropout = nn.Dropout(dropout)
        bound = widths[-1] ** -0.5
        self.out_weight = nn.Parameter(torch.empty(n_members, widths[-1]).uniform_(-bound, bound))
        self.out_bias = nn.Parameter(torch.zeros(n_members))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of each member, all given the same (n, n_in)."""
        return self.apply_to_members(x.unsqueeze(1))

    def apply_to_members(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of each member, each given its own (n, n_members, n_in)."""
        for layer in self.layers:
            x = self.dropout(torch.relu(layer(x)))
        return (x * self.out_weight).sum(2) + self.out_bias
