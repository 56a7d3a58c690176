"""The benchmark's honest baseline: LightGBM averaged with ExtraTrees on site features, by the libraries themselves.

Knows features and labels only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vcffilter.training.grown_trees import TreesConfig, fit_classifiers

Predictor = Callable[[np.ndarray], np.ndarray]

#: Larger and deeper than what ships.
BASELINE = TreesConfig(boosted_trees=300, boosted_depth=0, learning_rate=0.05, extra_trees=400, extra_depth=0)


def log_odds(probability: np.ndarray, least: float) -> np.ndarray:
    """Logits of probabilities kept `least` away from 0 and 1."""
    clipped = np.clip(probability, least, 1 - least)
    return np.log(clipped) - np.log1p(-clipped)


def fit_forest(features: np.ndarray, label: np.ndarray, seed: int, threads: int = 2) -> Predictor:
    """Both, averaged: features -> logits."""
    boosted, extra = fit_classifiers(features, label, BASELINE, seed, threads)

    def predict(rows: np.ndarray) -> np.ndarray:
        from_boosted = log_odds(boosted.booster_.predict(rows), 1e-6)
        from_extra = log_odds(extra.predict_proba(rows)[:, 1], 1e-3)
        return (from_boosted + BASELINE.extra_weight * from_extra) / (1 + BASELINE.extra_weight)

    return predict
