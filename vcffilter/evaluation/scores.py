"""How well PILEUP_PROB and the caller's own score part true calls from false ones, and whether the probability keeps its word.

Judged are calls labelled true or false, whatever their genotype; truth that no call has is no part of it. numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vcffilter.evaluation.counts import DEPTH_BANDS, band_name, within
from vcffilter.evaluation.tables import FALSE, HARD, TRUE, CallTable
from vcffilter.training.metrics import auprc, auroc, expected_calibration_error, false_removed, removed_at_least

#: Names of the scores in the output.
PROBABILITY, CALLER_SCORE = "PILEUP_PROB", "QUAL/TLOD"
_N_BINS = 10
#: Points kept of a curve: enough for a plot, small enough for a page.
_MAX_POINTS = 500


@dataclass(frozen=True)
class ScoreRow:
    """One score on one group of calls. interval: 95%, of AUROC, resampling 1 kb blocks. false_removed_99: share of false calls
    below the cut that keeps 99% of the true ones, removed_at_least its limit (Clopper-Pearson, one-sided, 95%).
    calibration_error: of probabilities only. None: cannot be computed.
    """

    group: str
    score: str
    n_true: int
    n_false: int
    auroc: float | None
    interval: tuple[float, float] | None
    auprc: float | None
    false_removed_99: float | None
    removed_at_least: float | None
    calibration_error: float | None

    def columns(self) -> dict[str, Any]:
        """Plain values by column name, for CSV."""
        data = asdict(self)
        low, high = data.pop("interval") or (None, None)
        return data | {"auroc_low": low, "auroc_high": high}


@dataclass(frozen=True)
class Curve:
    """Points from the strictest cut to the loosest. recall, precision, false_rate: shares of the judged calls."""

    group: str
    score: str
    cut: list[float]
    recall: list[float]
    precision: list[float]
    false_rate: list[float]


@dataclass(frozen=True)
class ReliabilityBin:
    """Calls whose probability lies in a bin: how many, mean claimed probability, share that is true."""

    group: str
    low: float
    high: float
    n: int
    claimed: float
    observed: float


def judged(calls: CallTable) -> np.ndarray:
    """bool (n,): calls that have a verdict."""
    return (calls.label == TRUE) | (calls.label == FALSE)


def score_groups(calls: CallTable) -> Iterator[tuple[str, np.ndarray]]:
    """(name, mask) of the groups that scores are judged on."""
    known, hard, snv = judged(calls), calls.facts.hard == HARD, calls.is_snv
    yield "all", known
    yield "snv", known & snv
    yield "indel", known & ~snv
    yield "hard", known & hard
    yield "hard_snv", known & hard & snv
    yield "hard_indel", known & hard & ~snv
    for low, high in DEPTH_BANDS:
        yield f"hard_depth_{band_name(low, high)}", known & hard & within(calls.facts.depth, low, high)


def score_rows(calls: CallTable, n_draws: int = 500) -> list[ScoreRow]:
    """One row per group and score that has calls. n_draws: of the bootstrap; 0 = no intervals."""
    rows = []
    for group, mask in score_groups(calls):
        for name, values in _scores(calls).items():
            chosen = mask & np.isfinite(values)
            if chosen.any():
                rows.append(_row(calls, group, name, values, chosen, n_draws))
    return rows


def curves(calls: CallTable) -> list[Curve]:
    """ROC and precision-recall points of both scores, on all and on hard calls."""
    groups = dict(score_groups(calls))
    found = []
    for group in ("all", "hard"):
        for name, values in _scores(calls).items():
            chosen = groups[group] & np.isfinite(values)
            true = calls.label[chosen] == TRUE
            if true.any() and not true.all():
                found.append(_curve(group, name, true, values[chosen]))
    return found


def reliability(calls: CallTable) -> list[ReliabilityBin]:
    """Bins of equal width of the probability, on all and on hard calls; empty bins are left out."""
    groups = dict(score_groups(calls))
    bins = []
    for group in ("all", "hard"):
        chosen = groups[group] & np.isfinite(calls.probability)
        claimed, true = calls.probability[chosen], calls.label[chosen] == TRUE
        index = np.minimum((claimed * _N_BINS).astype(int), _N_BINS - 1)
        for number in range(_N_BINS):
            inside = index == number
            if inside.any():
                bins.append(
                    ReliabilityBin(
                        group, number / _N_BINS, (number + 1) / _N_BINS, int(inside.sum()),
                        float(claimed[inside].mean()), float(true[inside].mean()),
                    )
                )  # fmt: skip
    return bins


def auroc_interval(
    true: np.ndarray, values: np.ndarray, blocks: np.ndarray, n_draws: int, seed: int = 0
) -> tuple[float, float] | None:
    """95% interval of AUROC under resampling of whole blocks; None when hardly any draw holds both classes.

    true: bool (n,). values: float (n,). blocks: int (n,), id of each call's block.
    """
    rng = np.random.default_rng(seed)
    _, rank = np.unique(values, return_inverse=True)
    _, block = np.unique(blocks, return_inverse=True)
    n_ranks, n_blocks = int(rank.max()) + 1, int(block.max()) + 1
    areas = []
    for _ in range(n_draws):
        # A block drawn twice counts twice: the same as repeating its calls, without copying them.
        weight = np.bincount(rng.integers(0, n_blocks, n_blocks), minlength=n_blocks)[block]
        true_at = np.bincount(rank, weight * true, n_ranks)
        false_at = np.bincount(rank, weight * ~true, n_ranks)
        pairs = true_at.sum() * false_at.sum()
        if pairs:
            areas.append(float((true_at * (np.cumsum(false_at) - false_at / 2)).sum() / pairs))
    if 2 * len(areas) < n_draws:
        return None
    low, high = np.percentile(areas, [2.5, 97.5])
    return float(low), float(high)


def _scores(calls: CallTable) -> dict[str, np.ndarray]:
    return {PROBABILITY: calls.probability, CALLER_SCORE: calls.caller_score}


def _row(calls: CallTable, group: str, name: str, values: np.ndarray, chosen: np.ndarray, n_draws: int) -> ScoreRow:
    true, value = calls.label[chosen] == TRUE, values[chosen]
    n_true, n_false = int(true.sum()), int((~true).sum())
    area = _finite(auroc, true, value)
    interval = None
    if area is not None and n_draws:
        interval = auroc_interval(true, value, calls.facts.blocks[chosen], n_draws)
    removed = _finite(false_removed, true, value)
    return ScoreRow(
        group=group,
        score=name,
        n_true=n_true,
        n_false=n_false,
        auroc=area,
        interval=interval,
        auprc=_finite(auprc, true, value),
        false_removed_99=removed,
        removed_at_least=None if removed is None else removed_at_least(removed, n_false),
        calibration_error=_finite(expected_calibration_error, true, value) if name == PROBABILITY else None,
    )


def _finite(metric: Callable[[np.ndarray, np.ndarray], float], true: np.ndarray, values: np.ndarray) -> float | None:
    value = metric(true, values)
    return float(value) if np.isfinite(value) else None


def _curve(group: str, name: str, true: np.ndarray, values: np.ndarray) -> Curve:
    order = np.argsort(-values, kind="stable")
    ordered, hits = values[order], np.cumsum(true[order])
    last_of_tie = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    if len(last_of_tie) > _MAX_POINTS:
        last_of_tie = last_of_tie[np.unique(np.linspace(0, len(last_of_tie) - 1, _MAX_POINTS).astype(int))]
    taken, hits = last_of_tie + 1, hits[last_of_tie]
    return Curve(
        group,
        name,
        ordered[last_of_tie].tolist(),
        (hits / true.sum()).tolist(),
        (hits / taken).tolist(),
        ((taken - hits) / (~true).sum()).tolist(),
    )
