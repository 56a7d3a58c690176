"""Architecture `forest`: an ensemble of decision trees on the site features, walked in step as tensors on CPU or GPU.

Splits are not learned here: `vcffilter.training.forests` fills it from LightGBM or scikit-learn. What the leaves hold are
parameters, so that training from such weights fits the leaves anew to other data and leaves the splits as they are. Two siblings
lie side by side, and a leaf leads to itself, so that every tree takes the same number of steps. 32-bit indices: twice as fast as
torch's usual 64. On CPU who runs the network can give a `walk` of compiled code, twice as fast, that finds the same leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.models.plain_data import Range
from vcffilter.models.settings import Count

#: (features float32 (n, F), root, feature, threshold, left, depth, leaf): writes into leaf, int32 (n, n_trees), the node of each
#: tree's leaf.
Walk = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, np.ndarray], None]


@dataclass(frozen=True)
class ForestConfig:
    """n_trees, n_nodes (of all trees together), depth (steps from the root to the deepest leaf).

    output: what leaves hold: `logit`, added up over the trees and to `base`, or `probability`, averaged over them and kept `clip`
    away from 0 and 1.
    """

    n_trees: Count = 1
    n_nodes: Count = 1
    depth: Annotated[int, Range(0, 2**31 - 1)] = 0
    output: Literal["logit", "probability"] = "logit"
    base: float = 0.0
    clip: Annotated[float, Range(1e-12, 0.5)] = 1e-3


class Forest(Network):
    """(features float32 (n, F), reads ignored) -> logits float32 (n,)."""

    root: torch.Tensor
    feature: torch.Tensor
    threshold: torch.Tensor
    left: torch.Tensor

    def __init__(self, config: ForestConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        self.n_features = spec.n_features
        self.register_buffer("root", torch.zeros(config.n_trees, dtype=torch.int32))
        self.register_buffer("feature", torch.zeros(config.n_nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.full((config.n_nodes,), torch.inf))
        self.register_buffer("left", torch.arange(config.n_nodes, dtype=torch.int32))
        self.value = nn.Parameter(torch.zeros(config.n_nodes))
        self.walk: Walk | None = None

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Raises ModelError: only the leaves can be trained, from a forest that has been grown."""
        raise ModelError(
            "the splits of a forest are not learned by gradients: grow it (architecture: trees:both), or start from weights that "
            "hold one (--init)"
        )

    def check_weights(self) -> None:
        """Raise ModelError unless every step of a walk stays inside the nodes, and `depth` steps end at leaves."""
        if not bool(torch.isfinite(self.value).all()):
            raise ModelError("value holds what is no finite number")
        # Compiled code walks the trees without looking at the bounds.
        root, feature, left = (tensor.numpy().astype(np.int64) for tensor in (self.root, self.feature, self.left))
        check_trees(root, feature, self.threshold.numpy(), left, self.n_features, self.config.depth)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, 1)."""
        return self(features, reads)[:, None]

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Sum or mean of the leaves that each example falls into."""
        node = self._leaves(features.contiguous())
        leaves = self.value.index_select(0, node).view(len(features), self.config.n_trees)
        if self.config.output == "logit":
            return leaves.sum(1) + self.config.base
        return torch.logit(leaves.mean(1), eps=self.config.clip)

    def _leaves(self, features: torch.Tensor) -> torch.Tensor:
        """int32 (n * n_trees,), the node of each leaf: of all trees for the first example, then for the next."""
        n, n_trees = len(features), self.config.n_trees
        if self.walk is not None and features.device.type == "cpu":
            leaf = torch.empty(n, n_trees, dtype=torch.int32)
            trees = (self.root.numpy(), self.feature.numpy(), self.threshold.numpy(), self.left.numpy())
            self.walk(features.numpy(), *trees, self.config.depth, leaf.numpy())
            return leaf.flatten()
        flat = features.flatten()
        first = torch.arange(n, dtype=torch.int32, device=features.device) * self.n_features
        first = first.repeat_interleave(n_trees)
        node = self.root.repeat(n)
        for _ in range(self.config.depth):
            seen = flat.index_select(0, self.feature.index_select(0, node) + first)
            node = self.left.index_select(0, node) + (seen > self.threshold.index_select(0, node))
        return node


def check_trees(
    root: np.ndarray, feature: np.ndarray, threshold: np.ndarray, left: np.ndarray, n_features: int, depth: int
) -> None:
    """Raise ModelError unless these are trees, the deepest of `depth` steps.

    root: int64 (n_trees,). feature, left: int64, threshold: float32 (n_nodes,); as the buffers of `Forest`.
    """
    n_nodes = len(left)
    is_leaf = left == np.arange(n_nodes)
    if np.any((root < 0) | (root >= n_nodes)):
        raise ModelError("root of a forest names nodes that are not there")
    if np.any((feature < 0) | (feature >= n_features)):
        raise ModelError("feature of a forest names site features that are not there")
    if np.any((left < 0) | (left + ~is_leaf >= n_nodes)):
        raise ModelError("left of a forest leads to nodes that are not there")
    if np.any(np.isnan(threshold)) or np.any(threshold[is_leaf] != np.inf):
        raise ModelError("threshold of a forest holds what is no number, or lets a walk go on from a leaf")
    found = _depth(root, left, is_leaf)
    if found is None:
        raise ModelError("a node of a forest is reached by two ways: these are no trees")
    if found != depth:
        raise ModelError(f"the deepest tree of a forest has {found} steps, not {depth}")


def _depth(root: np.ndarray, left: np.ndarray, is_leaf: np.ndarray) -> int | None:
    """Steps to the deepest leaf; None when some node is reached twice."""
    seen = np.zeros(len(left), bool)
    reached, depth = root, 0
    while True:
        if len(np.unique(reached)) < len(reached) or np.any(seen[reached]):
            return None
        seen[reached] = True
        inner = reached[~is_leaf[reached]]
        if len(inner) == 0:
            return depth
        reached, depth = np.concatenate([left[inner], left[inner] + 1]), depth + 1
