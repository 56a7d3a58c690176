"""Contributions of site features to the logit of a network of trees, in arrays.

A forest of logits adds its trees up: Shapley values of its output as they are. A forest of probabilities averages them: its
values are those of the mean probability, and the logit of it is no sum. There, and in every step after it (members averaged, the
map of the calibration), all contributions of an allele are scaled by one factor, (change of the output) / (change of the input)
from the base to the allele (`rescaled`): shares, signs and order stay, and all still adds up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from vcffilter.calibration.maps import sigmoid
from vcffilter.errors import ModelError
from vcffilter.explanation.covers import Covers
from vcffilter.kernels.contributions import (
    CountedTrees,
    add_contributions,
    empty_contribution_scratch,
    expected_output,
    share_of_parent,
)
from vcffilter.models.ensemble import Ensemble
from vcffilter.models.forest import Forest

if TYPE_CHECKING:
    from vcffilter.models.network import Network

#: Where output and input change by less than this, a step's factor is its slope there.
_SAME = 1e-7


@dataclass(frozen=True)
class Contributions:
    """base: float64 (n,), the output where nothing is known of an allele. of_feature: float64 (n, n_features).

    base + their sum is the allele's output.
    """

    base: np.ndarray
    of_feature: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Outputs, float64 (n,)."""
        return self.base + self.of_feature.sum(axis=1)


def rescaled(contributions: Contributions, step: Callable[[np.ndarray], np.ndarray]) -> Contributions:
    """The contributions to step(output). step: never falling, float64 (n,) -> float64 (n,)."""
    base, total = contributions.base, contributions.total
    moved = step(total) - step(base)
    change = total - base
    is_same = np.abs(change) < _SAME
    slope = (step(base + _SAME) - step(base - _SAME)) / (2 * _SAME)
    factor = np.where(is_same, slope, moved / np.where(is_same, 1.0, change))
    return Contributions(step(base), contributions.of_feature * factor[:, None])


def counted_trees(forest: Forest, cover: np.ndarray) -> CountedTrees:
    """The arrays of a forest with its covers. cover: float64 (n_nodes,), examples that ended in each leaf."""
    root, feature, threshold, left = (tensor.numpy() for tensor in (forest.root, forest.feature, forest.threshold, forest.left))
    value = forest.value.detach().numpy().astype(np.float64)
    return CountedTrees(root, feature, threshold, left, value, share_of_parent(root, left, cover))


class ForestExplainer:
    """Contributions to the uncalibrated logit of a network of trees. Raises ModelError where it is made of anything else."""

    def __init__(self, module: Network, covers: Covers) -> None:
        self._module = module
        self._trees: dict[str, tuple[CountedTrees, float]] = {}
        self._prepare(module, "", covers)

    def _prepare(self, module: Network, name: str, covers: Covers) -> None:
        if isinstance(module, Ensemble):
            for index, member in enumerate(module.members):
                self._prepare(cast("Network", member), f"{name}.members.{index}".lstrip("."), covers)
        elif isinstance(module, Forest):
            trees = counted_trees(module, covers.of_forest[name or "forest"])
            self._trees[name] = trees, expected_output(trees)
        else:
            raise ModelError(
                "contributions are those of trees, and this network is none",
                hint="Take a model of trees, such as the shipped ones; reasons are found for any: pileup-filter filter --reasons",
            )

    def contributions(self, features: np.ndarray) -> Contributions:
        """To the logits of alleles. features: float32 (n, n_features)."""
        return self._of(self._module, "", np.ascontiguousarray(features))

    def _of(self, module: Network, name: str, features: np.ndarray) -> Contributions:
        if isinstance(module, Ensemble):
            return self._of_ensemble(module, name, features)
        assert isinstance(module, Forest)
        trees, expected = self._trees[name]
        config = module.config
        total = np.zeros(features.shape)
        add_contributions(features, trees, empty_contribution_scratch(config.depth, features.shape[1]), total)
        base = np.full(len(features), expected)
        if config.output == "logit":
            return Contributions(base + config.base, total)
        mean = Contributions(base / config.n_trees, total / config.n_trees)
        return rescaled(mean, lambda p: _logit(np.clip(p, config.clip, 1 - config.clip)))

    def _of_ensemble(self, module: Ensemble, name: str, features: np.ndarray) -> Contributions:
        shares = module.share.numpy().astype(np.float64)
        as_logits = module.config.average == "logit"
        base, total = np.zeros(len(features)), np.zeros(features.shape)
        for index, (member, share) in enumerate(zip(module.members, shares, strict=True)):
            one = self._of(cast("Network", member), f"{name}.members.{index}".lstrip("."), features)
            one = one if as_logits else rescaled(one, sigmoid)
            base, total = base + share * one.base, total + share * one.of_feature
        averaged = Contributions(base, total)
        return averaged if as_logits else rescaled(averaged, _logit)


def _logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability) - np.log1p(-probability)
