"""Thresholds on calibrated probabilities that reach a wanted recall or precision. numpy only.

An ALT fails when its probability is below the threshold of its class: its type, or its type and depth. Probabilities are taken
rounded, as they are compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vcffilter.models.threshold_classes import DEEP_READS, THRESHOLD_NAMES

DECIMALS = 4
#: Fewer true ones than this make a threshold a guess.
FEWEST_TRUE = 50
#: Of a class without true ones, of which no recall can be measured: what is rather false than true fails.
WITHOUT_TRUE = 0.5


def threshold_classes(is_snv: np.ndarray, depth: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Name of a threshold -> which ALTs it holds for, bool (n,). is_snv: bool (n,). depth: int (n,), informing reads; None =
    one threshold per type whatever the depth.
    """
    if depth is None:
        return {"snv": is_snv, "indel": ~is_snv}
    deep = depth >= DEEP_READS
    parts = (is_snv & ~deep, ~is_snv & ~deep, is_snv & deep, ~is_snv & deep)
    return dict(zip(THRESHOLD_NAMES, parts, strict=True))


def threshold_for_recall(probabilities: np.ndarray, labels: np.ndarray, recall: float) -> float:
    """The highest threshold (4 decimals) that keeps at least the share `recall` of the true ones; WITHOUT_TRUE when there
    are none.

    probabilities: float (n,). labels: 1 true, 0 false.
    """
    true = np.sort(np.round(np.asarray(probabilities, np.float64)[np.asarray(labels) > 0.5], DECIMALS))
    if len(true) == 0:
        return WITHOUT_TRUE
    # The small amount keeps 0.99 * 100 from meaning 99.00000000000001 needed.
    needed = max(int(np.ceil(recall * len(true) - 1e-9)), 1)
    return float(round(true[len(true) - needed], DECIMALS))


def thresholds_for_recall(
    probabilities: np.ndarray,
    labels: np.ndarray,
    is_snv: np.ndarray,
    depth: np.ndarray,
    recalls: dict[str, float],
) -> dict[str, float]:
    """Thresholds by type that keep the type's recall; where few and many reads both inform FEWEST_TRUE true ones of a type, one
    for each of the two. recalls: by VARIANT_TYPES. depth: int (n,), informing reads.
    """
    true = np.asarray(labels) > 0.5
    by_type, by_depth = threshold_classes(is_snv), threshold_classes(is_snv, depth)
    thresholds = {}
    for name, recall in recalls.items():
        parts = {one: by_depth[one] for one in (name, f"{name}_deep")}
        if min(int((part & true).sum()) for part in parts.values()) < FEWEST_TRUE:
            parts = {name: by_type[name]}
        for one, part in parts.items():
            thresholds[one] = threshold_for_recall(probabilities[part], labels[part], recall)
    return thresholds


def threshold_for_precision(probabilities: np.ndarray, labels: np.ndarray, precision: float) -> float:
    """The lowest threshold (4 decimals) at and above which at least the share `precision` is true; NaN when none is."""
    rounded = np.round(np.asarray(probabilities, np.float64), DECIMALS)
    order = np.argsort(-rounded, kind="stable")
    ordered, true = rounded[order], (np.asarray(labels)[order] > 0.5)
    last_of_tie = np.append(np.diff(ordered) != 0, True) if len(ordered) else np.zeros(0, bool)
    share = np.cumsum(true) / np.maximum(np.arange(len(true)) + 1, 1)
    reached = np.flatnonzero(last_of_tie & (share >= precision))
    return float(round(ordered[reached[-1]], DECIMALS)) if len(reached) else float("nan")


def at_thresholds(
    probabilities: np.ndarray,
    labels: np.ndarray,
    is_snv: np.ndarray,
    thresholds: dict[str, float],
    depth: np.ndarray | None = None,
) -> dict[str, dict[str, float | None]]:
    """What thresholds do: recall, precision and share of false ones removed, by class of `threshold_classes`."""
    rounded = np.round(np.asarray(probabilities, np.float64), DECIMALS)
    true = np.asarray(labels) > 0.5
    result: dict[str, dict[str, float | None]] = {}
    for name, of_class in threshold_classes(is_snv, depth).items():
        passed = rounded >= thresholds[name]
        kept, false_kept = int((of_class & true & passed).sum()), int((of_class & ~true & passed).sum())
        n_true, n_false = int((of_class & true).sum()), int((of_class & ~true).sum())
        result[name] = {
            "n_true": n_true,
            "n_false": n_false,
            "recall": kept / n_true if n_true else None,
            "precision": kept / (kept + false_kept) if kept + false_kept else None,
            "false_removed": (n_false - false_kept) / n_false if n_false else None,
        }
    return result


def operating_points(
    probabilities: np.ndarray,
    labels: np.ndarray,
    is_snv: np.ndarray,
    depth: np.ndarray | None = None,
    recalls: tuple[float, ...] = (0.9999, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9),
) -> list[dict[str, Any]]:
    """Rows for the card: per target recall the thresholds of every class that reach it there, and what they did on these
    examples.
    """
    classes = threshold_classes(is_snv, depth)
    if depth is not None:
        classes = _with_true(classes, labels, threshold_classes(is_snv))
    rows = []
    for recall in recalls:
        thresholds = {
            name: threshold_for_recall(probabilities[of_class], labels[of_class], recall) for name, of_class in classes.items()
        }
        rows.append(
            {
                "name": f"recall_{recall:g}",
                "target_recall": recall,
                "thresholds": thresholds,
                "measured": at_thresholds(probabilities, labels, is_snv, thresholds, depth),
            }
        )
    return rows


def _with_true(by_depth: dict[str, np.ndarray], labels: np.ndarray, by_type: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The classes, of which one without true ones is judged by all of its type."""
    true = np.asarray(labels) > 0.5
    return {
        name: of_class if (of_class & true).any() else by_type[name.removesuffix("_deep")] for name, of_class in by_depth.items()
    }
