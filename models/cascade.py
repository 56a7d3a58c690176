"""Architecture `cascade`: a first stage on the site features, and a second one on the reads for the alleles left in doubt.

    z1    = first(features)                                      the logit of the trees
    gate  = band of the allele's kind and depth: low < z1 < high is doubt
    delta = second((features, z1), reads)
    logit = z1 + taper(z1) * delta

`taper` is 1 inside the band and falls to 0 over its outer quarters, and it is 0 outside: the logit is one continuous scale, and
what is settled has the first stage's logit to the bit. Kind and depth are read from the site features `is_snv` and `log_depth`,
so `forward` needs nothing else. Who scores many alleles calls the parts, and makes tensors only for what `doubtful` names:

    first = cascade.first_logits(features)
    doubtful = cascade.gate.doubtful(first, features)
    delta = cascade.second_logits(features[doubtful], reads_of_the_doubtful, first[doubtful])
    first[doubtful] = cascade.gate.combine(first[doubtful], delta, features[doubtful])

Who trains sets the first stage's weights beforehand (`cascade.first`): it takes part as it is, its parameters want no gradient.
A gate made of shares (`vcffilter.training.gates`) says in each of its bands which share of the ALTs of that depth it lets
through; such a gate is complete: every kind and depth has a band.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models import registry
from vcffilter.models.encoder_spec import FIRST_LOGIT, EncoderSpec
from vcffilter.models.ensemble import Member
from vcffilter.models.network import Network
from vcffilter.models.plain_data import Range

Kind = Literal["snv", "other"]
KINDS: tuple[Kind, ...] = ("other", "snv")
#: Site features that say an allele's kind and depth.
_IS_SNV, _LOG_DEPTH = "is_snv", "log_depth"
#: Share of a band over which the second stage fades, at either border.
_FADING = 0.25
#: Bounds of a border: float32 tells borders so far apart from each other.
_Border = Annotated[float, Range(-1000, 1000)]
_LEAST_WIDTH = 0.01


@dataclass(frozen=True)
class GateBand:
    """Alleles of one kind with `reads_from` informing reads or more, up to the kind's next band.

    low, high: borders of the first stage's raw logit between which they are doubtful; at either border they are settled. share:
    how many of the ALTs with so many reads, of both kinds, that is, where the gate was made of shares; null = borders were given.
    """

    kind: Kind
    low: _Border
    high: _Border
    reads_from: Annotated[int, Range(0, 100_000)] = 0
    share: float | None = None

    def __post_init__(self) -> None:
        if not self.high - self.low >= _LEAST_WIDTH:
            raise ModelError(f"a band of the gate reaches from {self.low:g} to {self.high:g}, not {_LEAST_WIDTH:g} or more")
        if self.share is not None and not 0 <= self.share <= 1:
            raise ModelError(f"a band of the gate has the share {self.share:g}, not 0 to 1")


@dataclass(frozen=True)
class CascadeConfig:
    """first: takes site features alone. second: takes reads, and the site features with `first_logit` behind them.

    gate: which alleles the second stage sees; in each kind bands by rising `reads_from`. The first stage settles a kind or depth
    without a band. second_features: names of the site features that the second stage sees; empty = all.
    """

    first: Member
    second: Member
    gate: Annotated[tuple[GateBand, ...], Range(1, 200)]
    second_features: Annotated[tuple[str, ...], Range(0, 10_000)] = ()

    def __post_init__(self) -> None:
        if "cascade" in (self.first["architecture"], self.second["architecture"]):
            raise ModelError("a stage of a cascade cannot be a cascade")
        for kind in KINDS:
            begins = [band.reads_from for band in self.gate if band.kind == kind]
            if any(later <= earlier for earlier, later in zip(begins, begins[1:], strict=False)):
                raise ModelError(f"the gate's bands for {kind} are not by rising reads_from")
        if any(band.share is not None for band in self.gate):
            _check_complete(self.gate)
        if len(set(self.second_features)) < len(self.second_features):
            raise ModelError("second_features holds a name twice")


def _check_complete(gate: tuple[GateBand, ...]) -> None:
    """Of a gate made of shares: raise ModelError unless each kind and depth has its band, and each depth its share."""
    shares = [{band.reads_from: band.share for band in gate if band.kind == kind} for kind in KINDS]
    if shares[0] != shares[1] or 0 not in shares[0] or None in shares[0].values():
        raise ModelError("the gate's bands with shares are not complete: every kind needs the same ones, from 0 reads on")


class Gate(nn.Module):
    """Which alleles are doubtful, and how much the second stage has to say of each. A function of each allele alone."""

    begin: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, bands: tuple[GateBand, ...], spec: EncoderSpec) -> None:
        super().__init__()
        self._is_snv, self._log_depth = (_position(spec, name) for name in (_IS_SNV, _LOG_DEPTH))
        of_kind = [[band for band in bands if band.kind == kind] for kind in KINDS]
        most = max(len(some) for some in of_kind)
        # Column 0 of the borders is for what has too few reads for any band: nothing lies between its borders.
        begin = torch.full((len(KINDS), most), torch.inf)
        low, high = torch.zeros(len(KINDS), most + 1), torch.zeros(len(KINDS), most + 1)
        for kind, some in enumerate(of_kind):
            for index, band in enumerate(some):
                # Half a read below: the feature is a rounded logarithm of a whole number.
                begin[kind, index] = math.log2(band.reads_from + 0.5) if band.reads_from else -math.inf
                low[kind, index + 1], high[kind, index + 1] = band.low, band.high
        # Settings, not weights: the checkpoint has them in its configuration.
        self.register_buffer("begin", begin, persistent=False)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("high", high, persistent=False)

    def doubtful(self, first: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """bool (n,). first: float32 (n,), the first stage's logits. features: float32 (n, F), as the cascade takes them."""
        low, high = self._borders(features)
        return (low < first) & (first < high)

    def taper(self, first: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """float32 (n,), share of the second stage's output that counts: 0 to 1. Arguments as `doubtful`."""
        low, high = self._borders(features)
        fading = ((high - low) * _FADING).clamp(min=_LEAST_WIDTH * _FADING)
        return (torch.minimum(first - low, high - first) / fading).clamp(0.0, 1.0)

    def combine(self, first: torch.Tensor, delta: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Logits of both stages, float32 (n,); where nothing is in doubt those of the first, to the bit."""
        return torch.where(self.doubtful(first, features), first + self.taper(first, features) * delta, first)

    def _borders(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(low, high), float32 (n,) each: of every allele's band."""
        kind = (features[:, self._is_snv] > 0.5).long()
        band = (features[:, self._log_depth, None] >= self.begin[kind]).sum(1)
        return self.low[kind, band], self.high[kind, band]


class Cascade(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels)) -> logits float32 (n,).

    The reads of what is settled have no say.
    """

    minimum_columns = 1

    def __init__(self, config: CascadeConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        if FIRST_LOGIT in spec.features:
            raise ModelError(f"the encoder of a cascade cannot have a site feature named {FIRST_LOGIT}")
        if not registry.takes_reads(config.second["architecture"], config.second.get("config", {})):
            raise ModelError("the second stage of a cascade must take reads")
        self.gate = Gate(config.gate, spec)
        #: Places of the site features that the second stage sees; empty = all.
        self.seen = tuple(_position(spec, name) for name in config.second_features)
        self.first = _stage(config.first, first_spec(spec)).requires_grad_(False)
        self.second = _stage(config.second, second_spec(config, spec))

    def check_weights(self) -> None:
        """Raise ModelError where the weights of a stage cannot be computed with."""
        self.first_stage.check_weights()
        self.second_stage.check_weights()

    def is_stem(self, parameter_name: str) -> bool:
        """The first stage is stem throughout: it reads the input, and stays as it is."""
        stage, _, rest = parameter_name.partition(".")
        return stage == "first" or self.second_stage.is_stem(rest)

    @property
    def first_stage(self) -> Network:
        """The network on site features."""
        return cast(Network, self.first)

    @property
    def second_stage(self) -> Network:
        """The network on reads."""
        return cast(Network, self.second)

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and scales of the second stage from what is in doubt of the training data; the first stage is made before."""
        given = torch.from_numpy(features)
        with torch.no_grad():
            first = self.first_logits(given)
            doubtful = self.gate.doubtful(first, given)
            if not bool(doubtful.any()):
                raise ModelError("the first stage leaves nothing of the training data in doubt", hint="Widen the cascade's gate")
            seen = self.second_features(given[doubtful], first[doubtful])
        self.second_stage.fit_inputs(seen.numpy(), None if reads is None else reads[doubtful.numpy()])

    def first_logits(self, features: torch.Tensor) -> torch.Tensor:
        """The first stage's logits, float32 (n,)."""
        return cast(torch.Tensor, self.first(features, None))

    def second_features(self, features: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        """What the second stage takes beside reads; arguments and result as the function of this name."""
        return second_features(self.seen, features, first)

    def second_logits(self, features: torch.Tensor, reads: torch.Tensor | None, first: torch.Tensor) -> torch.Tensor:
        """The second stage's output (delta), float32 (n,): what is to be added to the first stage's logits."""
        return cast(torch.Tensor, self.second(self.second_features(features, first), reads))

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): both stages' logit by each member of the second stage."""
        first = self.first_logits(features)
        deltas = self.second_stage.member_logits(self.second_features(features, first), reads)
        return torch.stack([self.gate.combine(first, delta, features) for delta in deltas.unbind(1)], 1)

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Logits of both stages."""
        first = self.first_logits(features)
        return self.gate.combine(first, self.second_logits(features, reads, first), features)


def second_features(seen: tuple[int, ...], features: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """The site features of the second stage, `first_logit` last: float32 (n, n_second_features).

    seen: `Cascade.seen`. features: float32 (n, n_features). first: float32 (n,), the first stage's logits.
    """
    return torch.cat((features[:, list(seen)] if seen else features, first[:, None]), 1)


def first_spec(spec: EncoderSpec) -> EncoderSpec:
    """What the first stage takes: the site features alone."""
    return dataclasses.replace(spec, channels=(), rows=0, columns=0)


def second_spec(config: CascadeConfig, spec: EncoderSpec) -> EncoderSpec:
    """What the second stage takes: its site features, `first_logit` behind them, and the reads."""
    return dataclasses.replace(spec, features=(*(config.second_features or spec.features), FIRST_LOGIT))


def _stage(member: Member, spec: EncoderSpec) -> Network:
    settings: dict[str, Any] = member.get("config", {})
    return registry.build(member["architecture"], settings, spec)


def _position(spec: EncoderSpec, name: str) -> int:
    if name not in spec.features:
        raise ModelError(f"a cascade needs the site feature {name}, which its encoder does not make")
    return spec.features.index(name)
