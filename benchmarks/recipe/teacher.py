"""The teacher of the shipped networks: a forest, and networks trained on the labels alone, averaged.

Also the honest baseline of the benchmark: the forest by itself. Knows features and labels only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Predictor = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ForestConfig:
    """LightGBM averaged with ExtraTrees. threads: of both."""

    boosted_trees: int = 300
    leaves: int = 15
    learning_rate: float = 0.05
    extra_trees: int = 400
    seed: int = 0
    threads: int = 2


def log_odds(probability: np.ndarray, least: float) -> np.ndarray:
    """Logits of probabilities kept `least` away from 0 and 1."""
    clipped = np.clip(probability, least, 1 - least)
    return np.log(clipped) - np.log1p(-clipped)


def fit_forest(features: np.ndarray, label: np.ndarray, config: ForestConfig) -> Predictor:
    """Trains both and returns features -> logits: the mean of the boosted trees' logit and twice the ExtraTrees'.

    ExtraTrees' leaves are averages and shy of certainty; twice their logit has about the boosted trees' spread.
    """
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import ExtraTreesClassifier

    boosted = LGBMClassifier(
        n_estimators=config.boosted_trees,
        num_leaves=config.leaves,
        learning_rate=config.learning_rate,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.5,
        min_child_samples=10,
        reg_lambda=5,
        n_jobs=config.threads,
        random_state=config.seed,
        verbose=-1,
    )
    extra = ExtraTreesClassifier(
        config.extra_trees, min_samples_leaf=2, max_features=0.3, n_jobs=config.threads, random_state=config.seed
    )
    boosted.fit(features, label)
    extra.fit(features, label)

    def predict(rows: np.ndarray) -> np.ndarray:
        from_boosted = log_odds(boosted.booster_.predict(rows), 1e-6)
        return (from_boosted + 2 * log_odds(extra.predict_proba(rows)[:, 1], 1e-3)) / 2

    return predict


def _ranks(features: np.ndarray) -> np.ndarray:
    """Every column by the rank of its value among the distinct ones, 0 to 1."""
    ranks = np.empty_like(features)
    for column in range(features.shape[1]):
        distinct, index = np.unique(features[:, column], return_inverse=True)
        ranks[:, column] = index / max(1, len(distinct) - 1)
    return ranks


def made_up_rows(features: np.ndarray, is_snv: np.ndarray, n_rows: int, seed: int, n_neighbours: int = 20) -> np.ndarray:
    """Unlabelled rows between the real ones: each is a real row with 10, 30 or 50% of its features taken from one of
    its nearest neighbours (by ranks) of the same type. float32 (n_rows, n_features).
    """
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(seed)
    ranks = _ranks(features)
    source = rng.integers(0, len(features), n_rows)
    made = np.empty((n_rows, features.shape[1]), np.float32)
    for of_type in (is_snv, ~is_snv):
        members = np.flatnonzero(of_type)
        wanted = np.flatnonzero(of_type[source])
        if len(wanted) == 0:
            continue
        search = NearestNeighbors(n_neighbors=min(n_neighbours + 1, len(members))).fit(ranks[members])
        near = search.kneighbors(ranks[members], return_distance=False)[:, 1:]
        if near.shape[1] == 0:
            made[wanted] = features[source[wanted]]
            continue
        place = np.searchsorted(members, source[wanted])
        other = members[near[place, rng.integers(0, near.shape[1], len(wanted))]]
        taken = rng.random((len(wanted), features.shape[1])) < rng.choice([0.1, 0.3, 0.5], (len(wanted), 1))
        made[wanted] = np.where(taken, features[other], features[source[wanted]])
    return made
