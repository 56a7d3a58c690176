"""A whole evaluation: compared tables in, every number of the report out. Knows no output format."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vcffilter.evaluation.counts import CountRow, count_rows
from vcffilter.evaluation.filter_run import FilterRun, filter_run
from vcffilter.evaluation.mistakes import Mistake, MistakeList
from vcffilter.evaluation.scores import Curve, ReliabilityBin, ScoreRow, curves, judged, reliability, score_rows
from vcffilter.evaluation.tables import EXCLUDED, TRUE, CallTable, TruthTable
from vcffilter.evaluation.tabulation import EvaluationInputs, Watcher, tabulate

logger = logging.getLogger(__name__)

_HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found. histogram: number of (false, true) calls per bin of equal width of the probability.

    n_excluded: (calls, truth alleles) that were left out of every count. run: what made the FILTER, None = unknown.
    mistakes: true calls lost, false ones kept.
    """

    inputs: EvaluationInputs
    rows: list[CountRow]
    scores: list[ScoreRow]
    curves: list[Curve]
    reliability: list[ReliabilityBin]
    histogram: tuple[list[int], list[int]]
    n_excluded: tuple[int, int] = (0, 0)
    run: FilterRun | None = None
    mistakes: Sequence[Mistake] = ()


def evaluate(inputs: EvaluationInputs, n_draws: int = 500, watchers: Sequence[Watcher] = ()) -> Evaluation:
    """Compare, count and judge. n_draws: of the bootstrap. watchers: as of `tabulate`, which says what is raised, too."""
    run = filter_run(inputs.calls, inputs.info_prefix)
    mistakes = MistakeList(run)
    calls, truth = tabulate(inputs, watchers=[mistakes.add, *watchers])
    if not np.isfinite(calls.probability).any():
        logger.warning("%s: no call has INFO/%s_PROB; only the caller's score is judged", inputs.calls, inputs.info_prefix)
    return dataclasses.replace(evaluate_tables(inputs, calls, truth, n_draws), run=run, mistakes=mistakes.found)


def evaluate_tables(inputs: EvaluationInputs, calls: CallTable, truth: TruthTable, n_draws: int = 500) -> Evaluation:
    """The same from tables."""
    return Evaluation(
        inputs,
        count_rows(calls, truth, tuple(inputs.strata)),
        score_rows(calls, n_draws),
        curves(calls),
        reliability(calls),
        _histogram(calls),
        (int((calls.label == EXCLUDED).sum()), 0 if truth.excluded is None else int(truth.excluded.sum())),
    )


def _histogram(calls: CallTable) -> tuple[list[int], list[int]]:
    chosen = judged(calls) & np.isfinite(calls.probability)
    index = np.minimum((calls.probability[chosen] * _HISTOGRAM_BINS).astype(int), _HISTOGRAM_BINS - 1)
    true = calls.label[chosen] == TRUE
    false_counts, true_counts = (np.bincount(index[side], minlength=_HISTOGRAM_BINS) for side in (~true, true))
    return false_counts.tolist(), true_counts.tolist()
