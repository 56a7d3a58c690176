"""LightGBM and ExtraTrees on site features: what the shipped weights are made of, and the benchmark's honest baseline.

Knows features and labels only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Predictor = Callable[[np.ndarray], np.ndarray]

#: Leaves of ExtraTrees are averages and shy of certainty: counted twice, their logit has about the boosted trees' spread.
EXTRA_WEIGHT = 2.0


@dataclass(frozen=True)
class TreesConfig:
    """boosted_depth, extra_depth: steps from the root, None = no limit. threads: of both."""

    boosted_trees: int = 300
    leaves: int = 15
    boosted_depth: int | None = None
    learning_rate: float = 0.05
    extra_trees: int = 400
    extra_depth: int | None = None
    seed: int = 0
    threads: int = 2


def log_odds(probability: np.ndarray, least: float) -> np.ndarray:
    """Logits of probabilities kept `least` away from 0 and 1."""
    clipped = np.clip(probability, least, 1 - least)
    return np.log(clipped) - np.log1p(-clipped)


def grow(features: np.ndarray, label: np.ndarray, config: TreesConfig) -> tuple[Any, Any]:
    """(LightGBM classifier, ExtraTrees classifier), fitted."""
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import ExtraTreesClassifier

    boosted = LGBMClassifier(
        n_estimators=config.boosted_trees,
        num_leaves=config.leaves,
        max_depth=config.boosted_depth or -1,
        learning_rate=config.learning_rate,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.5,
        min_child_samples=10,
        reg_lambda=5,
        n_jobs=config.threads,
        random_state=config.seed,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    extra = ExtraTreesClassifier(
        config.extra_trees,
        max_depth=config.extra_depth,
        min_samples_leaf=2,
        max_features=0.3,
        n_jobs=config.threads,
        random_state=config.seed,
    )
    return boosted.fit(features, label), extra.fit(features, label)


def fit_forest(features: np.ndarray, label: np.ndarray, config: TreesConfig) -> Predictor:
    """Both, averaged: features -> logits. The baseline, by the libraries themselves and without a limit to the depth."""
    boosted, extra = grow(features, label, config)

    def predict(rows: np.ndarray) -> np.ndarray:
        from_boosted = log_odds(boosted.booster_.predict(rows), 1e-6)
        return (from_boosted + EXTRA_WEIGHT * log_odds(extra.predict_proba(rows)[:, 1], 1e-3)) / (1 + EXTRA_WEIGHT)

    return predict
