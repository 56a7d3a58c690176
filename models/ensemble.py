"""Architecture `ensemble`: several networks averaged inside one module, so that one checkpoint and one
forward pass hold them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models import registry
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network


@dataclass(frozen=True)
class EnsembleConfig:
    """members: one {"architecture": name, "config": settings} each; all take the same encoder.

    average: `logit` or `probability`. weights: share of each member, summing to 1; empty = equal shares.
    """

    members: tuple[dict[str, Any], ...] = ()
    average: str = "logit"
    weights: tuple[float, ...] = ()


class Ensemble(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels) or None) -> logits float32 (n,)."""

    share: torch.Tensor

    def __init__(self, config: EnsembleConfig, spec: EncoderSpec) -> None:
        super().__init__()
        if not config.members:
            raise ModelError("an ensemble needs members")
        if config.weights and len(config.weights) != len(config.members):
            raise ModelError("an ensemble needs as many weights as members")
        self.config = config
        self.members = nn.ModuleList(
            registry.build(member["architecture"], member.get("config", {}), spec) for member in config.members
        )
        equal = [1.0 / len(config.members)] * len(config.members)
        self.register_buffer("share", torch.tensor(config.weights or equal, dtype=torch.float32))

    def is_stem(self, parameter_name: str) -> bool:
        """Whether a parameter belongs to a member's stem."""
        _, index, rest = parameter_name.split(".", 2)
        return self._members()[int(index)].is_stem(rest)

    def _members(self) -> list[Network]:
        return cast(list[Network], list(self.members))

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set every member's knots and scales from the training data."""
        for member in self._members():
            member.fit_inputs(features, reads)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): each member's average, trained each on its own loss."""
        return torch.stack([member(features, reads) for member in self._members()], 1)

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Weighted average of the members."""
        logits = self.member_logits(features, reads)
        if self.config.average == "logit":
            return (logits * self.share).sum(1)
        log_share = torch.log(self.share)
        positive = torch.logsumexp(nn.functional.logsigmoid(logits) + log_share, 1)
        return positive - torch.logsumexp(nn.functional.logsigmoid(-logits) + log_share, 1)


def combine(
    members: Sequence[tuple[str, dict[str, Any], nn.Module]],
    spec: EncoderSpec,
    average: str = "logit",
    weights: Sequence[float] = (),
) -> tuple[dict[str, Any], Network]:
    """Trained networks as one: (architecture, config, module) of each -> (config of `ensemble`, module in
    evaluation mode). weights: as in EnsembleConfig.
    """
    config = {
        "members": [{"architecture": name, "config": settings} for name, settings, _ in members],
        "average": average,
        "weights": list(weights),
    }
    module = registry.build("ensemble", config, spec)
    assert isinstance(module, Ensemble)
    for target, (_, _, source) in zip(module.members, members, strict=True):
        target.load_state_dict(source.state_dict())
    return config, module.eval()
