"""How well scores part true from false variants. numpy only; knows nothing of networks or files.

Labels are 1 for true and 0 for false; scores rise with the belief that a variant is true. A metric that
cannot be computed (one class is missing) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vcffilter.calibration.binomial_bounds import lower_limit
from vcffilter.calibration.maps import sigmoid

#: Metrics of which less is better; of all others more is.
LOWER_IS_BETTER = ("log_loss", "ece")


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve, ties counted half. labels: bool or 0/1 (n,). scores: float (n,)."""
    true = np.asarray(labels) > 0.5
    n_true, n_false = int(true.sum()), int((~true).sum())
    if n_true == 0 or n_false == 0:
        return float("nan")
    _, index, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return float((mean_rank[index][true].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


def auprc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Average precision (area under the precision-recall curve by steps), tied scores taken together."""
    true = np.asarray(labels) > 0.5
    if not true.any() or true.all():
        return float("nan")
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    ordered = np.asarray(scores, np.float64)[order]
    last_of_tie = np.append(np.diff(ordered) != 0, True)
    hits = np.cumsum(true[order])[last_of_tie]
    taken = (np.arange(len(order)) + 1)[last_of_tie]
    gained = np.diff(np.concatenate([[0], hits]))
    return float(np.sum(gained * hits / taken) / true.sum())


def cut_for_true_kept(labels: np.ndarray, scores: np.ndarray, kept: float) -> float:
    """The highest cut such that at least the share `kept` of the true ones has score >= cut."""
    true_scores = np.sort(np.asarray(scores)[np.asarray(labels) > 0.5])
    if len(true_scores) == 0:
        return float("nan")
    # The small amount keeps 0.99 * 100 from meaning 99.00000000000001 needed.
    needed = int(np.ceil(kept * len(true_scores) - 1e-9))
    return float(true_scores[len(true_scores) - max(needed, 1)])


def false_removed(labels: np.ndarray, scores: np.ndarray, kept: float = 0.99) -> float:
    """Share of the false ones under the highest cut that keeps the share `kept` of the true ones."""
    false_scores = np.asarray(scores)[np.asarray(labels) <= 0.5]
    cut = cut_for_true_kept(labels, scores, kept)
    if len(false_scores) == 0 or np.isnan(cut):
        return float("nan")
    return float(np.mean(false_scores < cut))


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, n_bins: int = 10) -> float:
    """Mean distance between claimed and observed share of true ones over equally wide bins of probability."""
    if len(labels) == 0:
        return float("nan")
    claimed = np.asarray(probabilities, np.float64)
    index = np.minimum((claimed * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(index, np.asarray(labels, np.float64) - claimed, n_bins)
    return float(np.abs(gap).sum() / len(claimed))


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean logistic loss in nats."""
    if len(labels) == 0:
        return float("nan")
    x = np.asarray(logits, np.float64)
    return float(np.mean(np.logaddexp(0.0, x) - np.asarray(labels, np.float64) * x))


def removed_at_least(share: float, n_false: int) -> float:
    """The limit (Clopper-Pearson, one-sided, 95%) of a share of n_false removed; NaN where there is none."""
    return float("nan") if np.isnan(share) else round(lower_limit(round(share * n_false), n_false), 5)


def summarise(labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """All metrics of one group: n_true, n_false, auroc, auprc, fp_removed_99 and its limit, log_loss, ece."""
    x = np.asarray(logits, np.float64)
    labels = np.asarray(labels) > 0.5
    return {
        "n_true": int(labels.sum()),
        "n_false": int((~labels).sum()),
        "auroc": auroc(labels, x),
        "auprc": auprc(labels, x),
        "fp_removed_99": (removed := false_removed(labels, x)),
        "fp_removed_99_at_least": removed_at_least(removed, int((~labels).sum())),
        "log_loss": log_loss(labels, x),
        "ece": expected_calibration_error(labels, sigmoid(x)),
    }


def summarise_groups(labels: np.ndarray, logits: np.ndarray, is_snv: np.ndarray, hard: np.ndarray) -> dict[str, float]:
    """`summarise` of everything and, with a prefix, of hard_, snv_, indel_, hard_snv_ and hard_indel_
    examples.
    """
    groups = {
        "": np.ones(len(labels), bool),
        "hard_": hard,
        "snv_": is_snv,
        "indel_": ~is_snv,
        "hard_snv_": hard & is_snv,
        "hard_indel_": hard & ~is_snv,
    }
    return {
        prefix + name: value
        for prefix, chosen in groups.items()
        for name, value in summarise(labels[chosen], logits[chosen]).items()
    }


def is_better(metric: str, value: float, than: float) -> bool:
    """Whether `value` of the named metric is strictly better than another; anything is better than NaN."""
    if np.isnan(than):
        return not np.isnan(value)
    return value < than if metric.endswith(LOWER_IS_BETTER) else value > than


def block_bootstrap(
    metric: Callable[[np.ndarray, np.ndarray], float],
    labels: np.ndarray,
    scores: np.ndarray,
    blocks: np.ndarray,
    n_draws: int = 500,
    seed: int = 0,
) -> tuple[float, float]:
    """95% interval of a metric under resampling of whole blocks (neighbouring variants are no independent
    facts).

    blocks: int (n,), id of each example's block, e.g. position // 1000 with the contig mixed in.
    """
    rng = np.random.default_rng(seed)
    _, index = np.unique(blocks, return_inverse=True)
    order = np.argsort(index, kind="stable")
    borders = np.searchsorted(index[order], np.arange(index.max() + 2 if len(index) else 1))
    n_blocks = len(borders) - 1
    values = []
    for _ in range(n_draws):
        drawn = rng.integers(0, n_blocks, n_blocks)
        chosen = np.concatenate([order[borders[b] : borders[b + 1]] for b in drawn])
        values.append(metric(labels[chosen], scores[chosen]))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
