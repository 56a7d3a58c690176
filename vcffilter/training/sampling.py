"""Which examples an epoch shows, and in what order. Knows only the columns of a data set; seeded, so an epoch
can be repeated.
"""

from __future__ import annotations

import numpy as np

from vcffilter.training.block_reader import BLOCK
from vcffilter.training.dataset import ArrayDataset


def balanced_share(data: ArrayDataset, balance_class: float, balance_type: float, balance_set: float) -> np.ndarray | None:
    """Probability of each example to be drawn, float64 (n,) summing to 1; None when nothing is to be
    balanced.

    Each strength goes from 0 (as they come) to 1 (every class, type or set is drawn equally often).
    """
    if balance_class == balance_type == balance_set == 0:
        return None
    share = np.ones(len(data))
    for values, strength in (
        (data.label > 0.5, balance_class),
        (data.is_snv, balance_type),
        (data.set_name, balance_set),
    ):
        if strength:
            _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
            share *= (counts[index] / len(data)) ** -strength
    return share / share.sum()


def epoch_order(data: ArrayDataset, n_examples: int, share: np.ndarray | None, seed: int, epoch: int) -> np.ndarray:
    """Indices of the examples of an epoch, int64 (n_examples,), shuffled; the same for the same seed and
    epoch.

    n_examples: 0 = as many as there are. share: see `balanced_share`; drawn with replacement when given.
    Tensors on disk are visited in shuffled runs of neighbouring blocks, so that each block is read once or a
    few times per epoch.
    """
    rng = np.random.default_rng([seed, epoch, 1])
    count = n_examples or len(data)
    if share is not None:
        order = rng.choice(len(data), count, p=share)
    elif count <= len(data):
        order = rng.permutation(len(data))[:count]
    else:
        order = np.concatenate([rng.permutation(len(data)) for _ in range(-(-count // len(data)))])[:count]
    if not data.on_disk:
        return order
    n_blocks = -(-len(data) // BLOCK)
    place_of_block = rng.permutation(n_blocks)
    # Runs of 32 blocks in random order; inside a run the examples are mixed again.
    run = place_of_block[order // BLOCK] // 32
    return order[np.lexsort((rng.random(len(order)), run))]
