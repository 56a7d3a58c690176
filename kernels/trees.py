"""Decision trees, walked for many examples. Arrays in, arrays out; knows no networks.

A step down a tree waits for memory, and cannot begin before the last one ended: eight examples walk side by side, so that the
processor has eight chains of waiting to overlap.
"""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.jit import inline_kernel, kernel


@inline_kernel
def _child(features, example, node, feature, threshold, left):
    return left[node] + np.int64(features[example, feature[node]] > threshold[node])


@kernel
def walk_trees(
    features: np.ndarray,
    root: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    depth: int,
    leaf: np.ndarray,
) -> None:
    """Find the leaf of every tree that each example falls into.

    features: float32 (n, n_features). root: int32 (n_trees,), node of each tree. feature, left: int32, threshold: float32
    (n_nodes,): where an example's feature is above the threshold it goes to left + 1, else (not-a-number too) to left; a leaf
    leads to itself, with a threshold that nothing is above. depth: steps to the deepest leaf.
    Written: leaf: int32 (n, n_trees).
    """
    n = len(features)
    n_together = n - n % 8
    for tree in range(len(root)):
        start = np.int64(root[tree])
        for first in range(0, n_together, 8):
            a = b = c = d = e = f = g = h = start
            for _ in range(depth):
                a = _child(features, first, a, feature, threshold, left)
                b = _child(features, first + 1, b, feature, threshold, left)
                c = _child(features, first + 2, c, feature, threshold, left)
                d = _child(features, first + 3, d, feature, threshold, left)
                e = _child(features, first + 4, e, feature, threshold, left)
                f = _child(features, first + 5, f, feature, threshold, left)
                g = _child(features, first + 6, g, feature, threshold, left)
                h = _child(features, first + 7, h, feature, threshold, left)
            leaf[first, tree] = a
            leaf[first + 1, tree] = b
            leaf[first + 2, tree] = c
            leaf[first + 3, tree] = d
            leaf[first + 4, tree] = e
            leaf[first + 5, tree] = f
            leaf[first + 6, tree] = g
            leaf[first + 7, tree] = h
        for example in range(n_together, n):
            node = start
            for _ in range(depth):
                node = _child(features, example, node, feature, threshold, left)
            leaf[example, tree] = node
