"""Architecture `ensemble`: several networks averaged inside one module, so that one checkpoint and one
forward pass hold them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict, cast

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models import registry
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.models.plain_data import Range
from vcffilter.models.settings import Average

#: Ensembles of ensembles, so many deep.
_MOST_NESTED = 4


class _Named(TypedDict):
    architecture: str


class Member(_Named, total=False):
    """A member: name of its architecture, its settings."""

    config: dict[str, Any]


@dataclass(frozen=True)
class EnsembleConfig:
    """members: one {"architecture": name, "config": settings} each; all take the same encoder.

    average: `logit` or `probability`. weights: share of each member, summing to 1; empty = equal shares.
    """

    members: Annotated[tuple[Member, ...], Range(0, 1000)] = ()
    average: Average = "logit"
    weights: tuple[Annotated[float, Range(0, 1)], ...] = ()

    def __post_init__(self) -> None:
        if self.weights and len(self.weights) != len(self.members):
            raise ModelError("an ensemble needs as many weights as members")
        if self.weights and abs(sum(self.weights) - 1) > 1e-3:
            raise ModelError(f"the weights of an ensemble sum to {sum(self.weights):g}, not to 1")
        inner: list[Any] = list(self.members)
        for _ in range(_MOST_NESTED):
            inner = [one for member in inner for one in _members_of(member)]
        if inner:
            raise ModelError(f"ensembles lie more than {_MOST_NESTED} deep in each other")
        if any(member["architecture"] == "cascade" for member in self.members):
            raise ModelError("a member of an ensemble cannot be a cascade", hint="Make the ensemble a stage of the cascade")


class Ensemble(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels) or None) -> logits float32 (n,)."""

    share: torch.Tensor

    def __init__(self, config: EnsembleConfig, spec: EncoderSpec) -> None:
        super().__init__()
        if not config.members:
            raise ModelError("an ensemble needs members")
        self.config = config
        self.members = nn.ModuleList(
            registry.build(member["architecture"], member.get("config", {}), spec) for member in config.members
        )
        equal = [1.0 / len(config.members)] * len(config.members)
        self.register_buffer("share", torch.tensor(config.weights or equal, dtype=torch.float32))

    @classmethod
    def takes_reads(cls, config: EnsembleConfig) -> bool:
        """Whether any member looks at the read tensor."""
        return any(registry.takes_reads(member["architecture"], member.get("config", {})) for member in config.members)

    def check_weights(self) -> None:
        """Raise ModelError where a member's weights or its share cannot be computed with."""
        if not bool(((self.share >= 0) & (self.share <= 1)).all()):
            raise ModelError("share of an ensemble holds what is no share")
        for member in self._members():
            member.check_weights()

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


def _members_of(member: Any) -> list[Any]:
    """Members of a member that is an ensemble itself; nothing where the data are something else."""
    config = member.get("config") if isinstance(member, dict) and member.get("architecture") == "ensemble" else None
    members = config.get("members") if isinstance(config, dict) else None
    return list(members) if isinstance(members, list | tuple) else []


def combine(
    members: Sequence[tuple[str, dict[str, Any], nn.Module]],
    spec: EncoderSpec,
    average: Average = "logit",
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
