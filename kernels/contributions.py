"""What each feature adds to decision trees' outputs: exact path-dependent Shapley values.

Arrays in, arrays out; knows no networks.

A tree is a sum over its leaves, and the game of one leaf is a product: of a set S of features that are known, the leaf weighs
prod(one[i] for i in S) * prod(zero[i] for i not in S), where one[i] says whether the example goes the leaf's way at all splits on
feature i, and zero[i] is the share of the training examples that does. With n features on the path the Shapley value of i is

    value * (one[i] - zero[i]) * integral over x from 0 to 1 of prod(one[k] * x + zero[k] * (1 - x) for k other than i)

whose integrand is a polynomial of degree n - 1: a Gauss-Legendre rule of n / 2 points is exact, every number in it is positive,
and the sums of all leaves below an edge are shared. So a tree costs its nodes times half its depth, not its leaves times the
square of it, and nothing cancels (Lundberg et al. 2020 for the values; Yu et al. 2022, Linear TreeSHAP, for the sharing).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels.jit import inline_kernel, int64, kernel

_BOTH_SIDES = 2


class CountedTrees(NamedTuple):
    """Trees as `kernels.trees` has them, and how training examples spread in them.

    root: int32 (n_trees,). feature, left: int32, threshold: float32 (n_nodes,). value: float64 (n_nodes,), used at leaves.
    share: float64 (n_nodes,), of the examples at the parent those that come here; the two of a pair sum to 1.
    """

    root: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    value: np.ndarray
    share: np.ndarray


class ContributionScratch(NamedTuple):
    """What a walk keeps of the path from the root (level 0) to where it is. Made by `empty_contribution_scratch`.

    point, weight: float64 (n_points,), of the quadrature. node, side (the next child to go to), split (feature of the edge into
    the level), earlier (level of the edge above that splits on the same feature, 0 = none): int64 (depth + 1,).
    one, zero: float64 (depth + 1,), of that feature over all its splits so far. product, inverse (of the feature's factor), below
    (sum over the leaves below): float64 (depth + 1, n_points). last: int64 (n_features,), level of the last edge that splits on
    each feature, 0 = none.
    """

    point: np.ndarray
    weight: np.ndarray
    node: np.ndarray
    side: np.ndarray
    split: np.ndarray
    earlier: np.ndarray
    one: np.ndarray
    zero: np.ndarray
    product: np.ndarray
    inverse: np.ndarray
    below: np.ndarray
    last: np.ndarray


def empty_contribution_scratch(depth: int, n_features: int) -> ContributionScratch:
    """Scratch for trees of `depth` steps."""
    n_points = max((depth + 1) // 2, 1)
    point, weight = np.polynomial.legendre.leggauss(n_points)
    n_levels = depth + 1
    node, side, split, earlier = np.zeros((4, n_levels), np.int64)
    one, zero = np.ones((2, n_levels))
    product, inverse, below = np.ones((3, n_levels, n_points))
    last = np.zeros(n_features, np.int64)
    return ContributionScratch((point + 1) / 2, weight / 2, node, side, split, earlier, one, zero, product, inverse, below, last)


@inline_kernel
def _enter(trees: CountedTrees, path: ContributionScratch, features: np.ndarray, example: int, level: int, child: int) -> bool:
    """Put a child of the node at `level` on the path; False where its leaves never count, whatever is known."""
    parent = path.node[level]
    split = int64(trees.feature[parent])
    earlier = path.last[split]
    goes_right = features[example, split] > trees.threshold[parent]
    one = 1.0 if goes_right == (child != trees.left[parent]) else 0.0
    zero = trees.share[child]
    if earlier > 0:
        one *= path.one[earlier]
        zero *= path.zero[earlier]
    if one == 0.0 and zero == 0.0:
        return False
    below = level + 1
    path.node[below], path.side[below] = child, 0
    path.split[below], path.earlier[below] = split, earlier
    path.one[below], path.zero[below] = one, zero
    path.last[split] = below
    for point in range(len(path.point)):
        factor = one * path.point[point] + zero * (1.0 - path.point[point])
        path.inverse[below, point] = 1.0 / factor
        path.product[below, point] = path.product[level, point] * factor
        if earlier > 0:
            path.product[below, point] *= path.inverse[earlier, point]
        path.below[below, point] = 0.0
    return True


@inline_kernel
def _leave(path: ContributionScratch, level: int) -> float:
    """Take the last edge off the path: what its leaves add to its feature, beyond what the earlier edge on it will add."""
    amount = 0.0
    earlier = path.earlier[level]
    for point in range(len(path.point)):
        amount += path.weight[point] * path.below[level, point] * path.inverse[level, point]
        path.below[level - 1, point] += path.below[level, point]
    amount *= path.one[level] - path.zero[level]
    if earlier > 0:
        counted = 0.0
        for point in range(len(path.point)):
            counted += path.weight[point] * path.below[level, point] * path.inverse[earlier, point]
        amount -= (path.one[earlier] - path.zero[earlier]) * counted
    path.last[path.split[level]] = earlier
    return amount


@kernel
def add_contributions(features: np.ndarray, trees: CountedTrees, path: ContributionScratch, contributions: np.ndarray) -> None:
    """Add to each example's features what they contribute to the sum of the trees' outputs.

    features: float32 (n, n_features). path: of these trees' depth. Added to: contributions: float64 (n, n_features). Beyond them
    the sum holds only the trees' expected outputs (`expected_output`).
    """
    for example in range(len(features)):
        for tree in range(len(trees.root)):
            level = 0
            path.node[0], path.side[0] = trees.root[tree], 0
            while level >= 0:
                node = path.node[level]
                is_leaf = trees.left[node] == node
                if is_leaf:
                    for point in range(len(path.point)):
                        path.below[level, point] = trees.value[node] * path.product[level, point]
                elif path.side[level] < _BOTH_SIDES:
                    child = trees.left[node] + path.side[level]
                    path.side[level] += 1
                    if _enter(trees, path, features, example, level, child):
                        level += 1
                    continue
                if level > 0:
                    contributions[example, path.split[level]] += _leave(path, level)
                level -= 1


def levels_of(root: np.ndarray, left: np.ndarray) -> list[np.ndarray]:
    """Nodes that split, by their steps from the root, of all trees together: int64 (n,) each. root, left: as in CountedTrees."""
    reached, levels = root.astype(np.int64), []
    while len(reached):
        inner = reached[left[reached] != reached]
        levels.append(inner)
        reached = np.concatenate([left[inner], left[inner] + 1]).astype(np.int64)
    return levels


def cover_of_nodes(root: np.ndarray, left: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Examples that come to each node, from those that end in each leaf: float64 (n_nodes,). cover: as long."""
    whole = cover.astype(np.float64)
    for inner in reversed(levels_of(root, left)):
        whole[inner] = whole[left[inner]] + whole[left[inner] + 1]
    return whole


def share_of_parent(root: np.ndarray, left: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """`CountedTrees.share`. Below a node that no example came to, either side is taken to have half of them.

    cover: (n_nodes,), examples that end in each leaf; what it says of other nodes is not used.
    """
    whole, share = cover_of_nodes(root, left, cover), np.ones(len(left))
    for inner in levels_of(root, left):
        for child in (left[inner], left[inner] + 1):
            share[child] = np.divide(whole[child], whole[inner], out=np.full(len(inner), 0.5), where=whole[inner] > 0)
    return share


def expected_output(trees: CountedTrees) -> float:
    """The sum of the trees' outputs where no feature is known."""
    chance = np.zeros(len(trees.left))
    chance[trees.root] = 1.0
    for inner in levels_of(trees.root, trees.left):
        for child in (trees.left[inner], trees.left[inner] + 1):
            chance[child] = chance[inner] * trees.share[child]
    is_leaf = trees.left == np.arange(len(trees.left))
    return float((chance * trees.value)[is_leaf].sum())
