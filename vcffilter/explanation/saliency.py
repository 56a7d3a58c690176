"""Gradients of a network's logit: integrated from a baseline to an allele, and as Grad-CAM of its last map of rows and columns.

Arrays and torch, public hooks only. Knows no calls, no reads' files, and nothing of what features and channels mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models.encoder_spec import SUPPORT_CHANNEL, EncoderSpec
from vcffilter.models.ensemble import Ensemble
from vcffilter.models.forest import Forest
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.read_rows import ChannelScale

if TYPE_CHECKING:
    from vcffilter.models.network import Network

#: Channels that say which rows hold a read and for which allele it is. Networks choose rows by them, which has no gradient:
#: the baseline keeps them.
KEPT_CHANNELS = ("present", SUPPORT_CHANNEL)
#: Pieces of the path: at first, and at most; those that miss most are halved until all parts add up to TOLERANCE (log-odds).
_FIRST_PIECES, _MOST_PIECES = 24, 768
TOLERANCE = 0.05
#: Points computed at once.
_TILE = 32


@dataclass(frozen=True)
class Baseline:
    """An allele of which nothing particular is known, with the same reads for the same alleles.

    features: float32 (n_features,), the middle of the quantiles that the network tells apart. reads: float32 (rows, columns,
    channels), in every cell that holds something the channels' means in the training data, those of KEPT_CHANNELS as they are;
    None where a network takes none.
    """

    features: np.ndarray
    reads: np.ndarray | None


@dataclass(frozen=True)
class Gradients:
    """Integrated gradients of one allele's logit, float64.

    base, logit: outputs at the baseline and at the allele. of_feature: (n_features,). of_cell: (rows, columns, channels), or
    None. missed: logit - base - all parts, what the integral is off by.
    """

    base: float
    logit: float
    of_feature: np.ndarray
    of_cell: np.ndarray | None
    missed: float


def has_trees(module: Network) -> bool:
    """Whether a part of a network is trees."""
    return any(isinstance(part, Forest) for part in module.modules())


def channel_means(module: Network) -> np.ndarray | None:
    """Means of the tensor's channels in the training data, float32 (n_channels,); None where a network has none."""
    scale = _first(module, ChannelScale)
    return None if scale is None else scale.mean.numpy().astype(np.float32)


def check_differentiable(module: Network) -> None:
    """Raise ModelError where a part of a network is trees, which have no gradients."""
    if has_trees(module):
        raise ModelError(
            "trees within this network have no gradients",
            hint="Explain a model of trees alone, or of networks alone; --reasons works for any",
        )


def baseline_of(module: Network, spec: EncoderSpec, features: np.ndarray, reads: np.ndarray | None) -> Baseline:
    """The baseline of one allele. features: float32 (n_features,). reads: uint8 (rows, columns, channels), or None."""
    embedding = _first(module, QuantileEmbedding)
    base = features.copy() if embedding is None else _middles(embedding, features)
    mean = channel_means(module)
    if reads is None or mean is None:
        return Baseline(base, None)
    is_there = reads.max(axis=2, keepdims=True) > 0
    # A cell is told from nothing by any channel above 0: the mean of one at least must be.
    cells = np.where(is_there, np.maximum(mean, np.float32(1e-3)), np.float32(0))
    for name in KEPT_CHANNELS:
        if name in spec.channels:
            at = spec.channels.index(name)
            cells[:, :, at] = reads[:, :, at]
    return Baseline(base, cells)


def _first(module: nn.Module, kind: type) -> Any:
    return next((part for part in module.modules() if isinstance(part, kind)), None)


def _middles(embedding: QuantileEmbedding, features: np.ndarray) -> np.ndarray:
    """The middle knot of each feature (its median, where it has many values); the allele's own value where there is no knot."""
    lower, inverse_width = embedding.lower.numpy(), embedding.inverse_width.numpy()
    n_used = (inverse_width > 0).sum(axis=1)
    middle = lower[np.arange(len(lower)), n_used // 2]
    return np.where(n_used > 0, middle, features).astype(np.float32)


def integrated_gradients(module: Network, features: np.ndarray, reads: np.ndarray | None, base: Baseline) -> Gradients:
    """What features and cells add to the logit on the straight path from the baseline; arguments as `baseline_of`.

    The path is cut into pieces. What a piece adds is known exactly, by the logits at its ends; what its gradient in the middle
    says is compared with that, and where both differ most the piece is halved.
    """
    path = _Path(module, features, reads, base)
    ends = np.linspace(0.0, 1.0, _FIRST_PIECES + 1)
    whole = path.pieces(ends[:-1], ends[1:])
    while abs(whole.missed.sum()) > TOLERANCE and len(whole.begin) < _MOST_PIECES:
        worst = np.argsort(-np.abs(whole.missed), kind="stable")[: max(len(whole.begin) // 3, 1)]
        begin, end = whole.begin[worst], whole.end[worst]
        middle = (begin + end) / 2
        halves = path.pieces(np.concatenate([begin, middle]), np.concatenate([middle, end]))
        whole = whole.without(worst).joined(halves)
    base_logit, logit = path.logits(np.array([0.0, 1.0]))
    of_feature, of_cell = whole.feature_parts.sum(0), None if whole.cell_parts is None else whole.cell_parts.sum(0)
    return Gradients(float(base_logit), float(logit), of_feature, of_cell, float(whole.missed.sum()))


@dataclass(frozen=True)
class _Pieces:
    """Pieces of a path. begin, end: float64 (n,), shares of it. missed: float64 (n,), change of the logit that the parts lack.

    feature_parts: float64 (n, n_features). cell_parts: float32 (n, rows, columns, channels), or None.
    """

    begin: np.ndarray
    end: np.ndarray
    missed: np.ndarray
    feature_parts: np.ndarray
    cell_parts: np.ndarray | None

    def without(self, index: np.ndarray) -> _Pieces:
        return self._changed(self, lambda one, _: np.delete(one, index, 0))

    def joined(self, more: _Pieces) -> _Pieces:
        return self._changed(more, lambda one, other: np.concatenate([one, other]))

    def _changed(self, other: _Pieces, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> _Pieces:
        cells = None
        if self.cell_parts is not None and other.cell_parts is not None:
            cells = change(self.cell_parts, other.cell_parts)
        return _Pieces(
            change(self.begin, other.begin),
            change(self.end, other.end),
            change(self.missed, other.missed),
            change(self.feature_parts, other.feature_parts),
            cells,
        )


class _Path:
    """The straight path from a baseline to an allele; shares of it go from 0 to 1."""

    def __init__(self, module: Network, features: np.ndarray, reads: np.ndarray | None, base: Baseline) -> None:
        self._module = module
        pairs = [(features, base.features)] + ([] if base.reads is None or reads is None else [(reads, base.reads)])
        self._start = [torch.from_numpy(start) for _, start in pairs]
        self._change = [torch.from_numpy(own.astype(np.float32) - start) for own, start in pairs]

    def logits(self, share: np.ndarray) -> np.ndarray:
        """float64 (n,)."""
        with torch.no_grad():
            parts = [self._run(self._at(share[i : i + _TILE])).double().numpy() for i in range(0, len(share), _TILE)]
        return np.concatenate(parts)

    def pieces(self, begin: np.ndarray, end: np.ndarray) -> _Pieces:
        """The pieces from begin to end, float64 (n,) each, by the gradients in their middles."""
        parts: list[list[np.ndarray]] = []
        for at in range(0, len(begin), _TILE):
            here = slice(at, at + _TILE)
            inputs = [one.requires_grad_() for one in self._at((begin[here] + end[here]) / 2)]
            gradients = torch.autograd.grad(self._run(inputs).sum(), inputs, allow_unused=True, materialize_grads=True)
            width = torch.from_numpy((end[here] - begin[here]).astype(np.float32))
            parts.append([
                (gradient * change * width.reshape(-1, *([1] * change.ndim))).detach().numpy()
                for gradient, change in zip(gradients, self._change, strict=True)
            ])  # fmt: skip
        joined = [np.concatenate(one) for one in zip(*parts, strict=True)]
        feature_parts = joined[0].astype(np.float64)
        cell_parts = joined[1] if len(joined) > 1 else None
        added = feature_parts.sum(1) + (0.0 if cell_parts is None else cell_parts.sum((1, 2, 3), dtype=np.float64))
        return _Pieces(begin, end, self.logits(end) - self.logits(begin) - added, feature_parts, cell_parts)

    def _at(self, share: np.ndarray) -> list[torch.Tensor]:
        along = torch.from_numpy(share.astype(np.float32))
        return [
            start + along.reshape(-1, *([1] * start.ndim)) * change
            for start, change in zip(self._start, self._change, strict=True)
        ]

    def _run(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        logits: torch.Tensor = self._module(inputs[0], inputs[1] if len(inputs) > 1 else None)
        return logits


def grad_cam(module: Network, features: np.ndarray, reads: np.ndarray) -> np.ndarray | None:
    """Grad-CAM of the logit, float64 (rows, columns): positive where the network sees what speaks for the ALT, negative against.

    Of the last map that still has rows and columns, cells repeated to the tensor's size: coarse where the network halves them.
    Unlike the original, negative values are kept, as a logit has two sides. Of an ensemble the sum over its members. None where
    no part of the network has such a map. features: float32 (n_features,). reads: uint8 (rows, columns, channels).
    """
    maps = _MapsOfParts(module)
    with maps:
        logit = module(torch.from_numpy(features[None]), torch.from_numpy(reads[None]))
    activations = maps.last()
    if not activations:
        return None
    gradients = torch.autograd.grad(logit.sum(), activations, allow_unused=True, materialize_grads=True)
    cam = np.zeros(reads.shape[:2])
    for activation, gradient in zip(activations, gradients, strict=True):
        weighted = (gradient.mean((2, 3), keepdim=True) * activation).sum(1)[0]
        cam += _spread(weighted.detach().double().numpy(), reads.shape[0], reads.shape[1])
    return cam


def _spread(small: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    """Each cell repeated over the rows and columns that it stands for."""
    row = np.arange(n_rows) * small.shape[0] // n_rows
    column = np.arange(n_columns) * small.shape[1] // n_columns
    spread: np.ndarray = small[np.ix_(row, column)]
    return spread


class _MapsOfParts:
    """Hooks on the parts of a network that keep the last map of channels, rows and columns that each of them made."""

    def __init__(self, module: Network) -> None:
        self._parts = list(_parts(module))
        self._last: dict[int, torch.Tensor] = {}
        self._handles: list[Any] = []

    def __enter__(self) -> None:
        for index, part in enumerate(self._parts):
            for layer in part.modules():
                # Layers over the last axis may have channels there: such arrays are no maps of (channels, rows, columns).
                if next(layer.children(), None) is None and not isinstance(layer, nn.Linear | nn.LayerNorm):
                    self._handles.append(layer.register_forward_hook(self._keeper(index)))

    def _keeper(self, index: int) -> Any:
        def keep(layer: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
                self._last[index] = output

        return keep

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def last(self) -> list[torch.Tensor]:
        """Of the parts that made one and that learn."""
        return [output for _, output in sorted(self._last.items()) if output.requires_grad]


def _parts(module: Network) -> Iterator[Network]:
    if isinstance(module, Ensemble):
        for member in module.members:
            yield from _parts(cast("Network", member))
    else:
        yield module
