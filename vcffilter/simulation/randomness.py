"""Seeded streams of random numbers: one per stage, so that changing one stage leaves the others' draws as they were."""

from __future__ import annotations

import numpy as np

_STAGES = ("reference", "variants", "artefacts", "fragments", "reads", "caller", "genes")
_MIX_A, _MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def stream(seed: int, stage: str) -> np.random.Generator:
    """The generator of one stage. Raises ValueError for an unknown stage."""
    return np.random.default_rng([seed, _STAGES.index(stage)])


def paired_uniform(first: np.ndarray, second: np.ndarray, seed: int) -> np.ndarray:
    """float64 in [0, 1) that depends on the two integers alone: both mates of a fragment draw the same number for a site."""
    with np.errstate(over="ignore"):
        mixed = first.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + second.astype(np.uint64) * _MIX_A + np.uint64(seed)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_A
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_B
        mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
