"""Random trees in the arrays of the kernels, for tests that walk them."""

import numpy as np

N_FEATURES = 5


def grow(rng, n_trees, n_splits):
    """Random trees: (root, feature, threshold, left, depth)."""
    root, feature, threshold, left, depths = [], [], [], [], []

    def add_leaf(depth):
        left.append(len(left))
        feature.append(0)
        threshold.append(np.inf)
        depths.append(depth)

    for _ in range(n_trees):
        root.append(len(left))
        add_leaf(0)
        leaves = [root[-1]]
        for _ in range(int(rng.integers(0, n_splits + 1))):
            node = leaves.pop(int(rng.integers(len(leaves))))
            feature[node], threshold[node], left[node] = int(rng.integers(N_FEATURES)), rng.normal(), len(left)
            for _ in range(2):
                leaves.append(len(left))
                add_leaf(depths[node] + 1)
    arrays = (np.array(root, np.int32), np.array(feature, np.int32), np.array(threshold, np.float32), np.array(left, np.int32))
    return *arrays, max(depths)
