"""Thresholds on calibrated probabilities that reach a wanted recall or precision. numpy only.

An ALT fails when its probability is below the threshold of its type. Probabilities are taken rounded, as they are compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vcffilter.calibration.binomial_bounds import lower_limit_of_copies

DECIMALS = 4
#: Fewer true ones than this make a threshold a guess.
FEWEST_TRUE = 50
#: Of a class without true ones, of which no recall can be measured: what is rather false than true fails.
WITHOUT_TRUE = 0.5


def is_below(probability: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Whether probabilities of DECIMALS decimals are below a threshold, whatever float32 made of them: as the stream judges."""
    steps = 10**DECIMALS
    return np.rint(np.asarray(probability, np.float64) * steps) < np.asarray(threshold) * steps - 1e-6


def types_of(is_snv: np.ndarray) -> dict[str, np.ndarray]:
    """Name of a threshold -> which ALTs it holds for, bool (n,). is_snv: bool (n,)."""
    return {"snv": is_snv, "indel": ~is_snv}


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
    locus: np.ndarray | None = None,
) -> dict[str, dict[str, float | None]]:
    """What thresholds do: recall, precision and share of false ones removed, by type, each with its limit (one-sided, 95%).

    locus: int (n,), as in `presets.LabelledCalls`: limits are those of as many ALTs as there are different ones.
    """
    rounded = np.round(np.asarray(probabilities, np.float64), DECIMALS)
    true = np.asarray(labels) > 0.5
    result: dict[str, dict[str, float | None]] = {}
    for name, of_type in types_of(is_snv).items():
        passed = rounded >= thresholds[name]
        kept, false_kept = int((of_type & true & passed).sum()), int((of_type & ~true & passed).sum())
        n_true, n_false = int((of_type & true).sum()), int((of_type & ~true).sum())
        limits = {
            "recall": _at_least(kept, of_type & true, locus),
            "precision": _at_least(kept, of_type & passed, locus),
            "removed": _at_least(n_false - false_kept, of_type & ~true, locus),
        }
        result[name] = {
            "n_true": n_true,
            "n_false": n_false,
            "recall": kept / n_true if n_true else None,
            "precision": kept / (kept + false_kept) if kept + false_kept else None,
            "false_removed": (n_false - false_kept) / n_false if n_false else None,
            **{f"{what}_at_least": limit for what, limit in limits.items()},
        }
    return result


def _at_least(k: int, among: np.ndarray, locus: np.ndarray | None) -> float | None:
    """The limit of k of the ALTs among, bool (n,); None where there are none."""
    n = int(among.sum())
    n_different = n if locus is None else len(np.unique(locus[among]))
    return round(lower_limit_of_copies(k, n, n_different), 5) if n else None


def operating_points(
    probabilities: np.ndarray,
    labels: np.ndarray,
    is_snv: np.ndarray,
    depth: np.ndarray | None = None,
    recalls: tuple[float, ...] = (0.9999, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9),
    locus: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Rows for the card: per target recall the thresholds of every type that reach it there, and what they did on these
    examples. depth: int (n,), informing reads: a share of true ones kept is one of calls so deep. locus: as `at_thresholds`.
    """
    rows: list[dict[str, Any]] = []
    for recall in recalls:
        thresholds = {
            name: threshold_for_recall(probabilities[of_type], labels[of_type], recall)
            for name, of_type in types_of(is_snv).items()
        }
        rows.append(
            {
                "name": f"recall_{recall:g}",
                "target_recall": recall,
                "thresholds": thresholds,
                "measured": at_thresholds(probabilities, labels, is_snv, thresholds, locus),
            }
        )
        if depth is not None:
            rows[-1]["depth"] = _depth_of_true(labels, depth)
    return rows


def _depth_of_true(labels: np.ndarray, depth: np.ndarray) -> dict[str, int]:
    """Informing reads of true ALTs: the tenth, fifth and ninth tenth of them."""
    true = np.asarray(depth)[np.asarray(labels) > 0.5]
    low, median, high = np.quantile(true, (0.1, 0.5, 0.9)) if len(true) else (0, 0, 0)
    return {"low": int(low), "median": int(median), "high": int(high)}
