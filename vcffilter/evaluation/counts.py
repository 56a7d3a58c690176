"""Recall, precision and F1 by type, size and subset, before and after filtering, in hap.py's columns. numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcffilter.calibration.binomial_bounds import lower_limit
from vcffilter.evaluation.context import COMPLEX, DELETION, INSERTION, SNV
from vcffilter.evaluation.tables import FALSE, HARD, HARD_UNKNOWN, OUTSIDE, TRUE, AlleleFacts, CallTable, TruthTable

#: Rows of Filter: all calls, and those that the filter let pass.
FILTERS = ("ALL", "PASS")
#: Depth bands, both ends inclusive: coarse ones first, then finer ones.
DEPTH_BANDS: tuple[tuple[int, int | None], ...] = (
    (1, 7), (8, 20), (21, None),
    (1, 3), (4, 5), (6, 7), (8, 12), (13, 16), (17, 20), (21, 30), (31, 40), (41, 60), (61, None),
)  # fmt: skip
_HOMOPOLYMERS: tuple[tuple[int, int | None], ...] = ((0, 3), (4, 6), (7, 9), (10, None))
_SIZES: tuple[tuple[int, int | None], ...] = ((1, 5), (6, 15), (16, None))
_INDEL_LETTERS = {INSERTION: "I", DELETION: "D", COMPLEX: "C"}


@dataclass(frozen=True)
class CountRow:
    """One row of the table. n_wrong_genotype: false calls whose allele is right; None when genotypes were not compared."""

    type: str
    subtype: str
    subset: str
    filter: str
    truth_total: int
    truth_tp: int
    query_tp: int
    query_fp: int
    query_outside: int
    n_wrong_genotype: int | None

    @property
    def recall(self) -> float | None:
        """Share of the truth that is found; None without truth."""
        return self.truth_tp / self.truth_total if self.truth_total else None

    @property
    def precision(self) -> float | None:
        """Share of the judged calls that is true; None without calls."""
        judged = self.query_tp + self.query_fp
        return self.query_tp / judged if judged else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of recall and precision; None when either is missing."""
        recall, precision = self.recall, self.precision
        if recall is None or precision is None:
            return None
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0

    @property
    def recall_at_least(self) -> float | None:
        """The limit of the recall (Clopper-Pearson, one-sided, 95%)."""
        return lower_limit(self.truth_tp, self.truth_total) if self.truth_total else None

    @property
    def precision_at_least(self) -> float | None:
        """The limit of the precision."""
        judged = self.query_tp + self.query_fp
        return lower_limit(self.query_tp, judged) if judged else None

    def columns(self) -> dict[str, Any]:
        """By the names that hap.py gives them, and two limits of ours."""
        total = self.query_tp + self.query_fp + self.query_outside
        return {
            "Type": self.type,
            "Subtype": self.subtype,
            "Subset": self.subset,
            "Filter": self.filter,
            "TRUTH.TOTAL": self.truth_total,
            "TRUTH.TP": self.truth_tp,
            "TRUTH.FN": self.truth_total - self.truth_tp,
            "QUERY.TOTAL": total,
            "QUERY.TP": self.query_tp,
            "QUERY.FP": self.query_fp,
            "QUERY.UNK": self.query_outside,
            "FP.gt": self.n_wrong_genotype,
            "METRIC.Recall": self.recall,
            "METRIC.Precision": self.precision,
            "METRIC.Frac_NA": self.query_outside / total if total else None,
            "METRIC.F1_Score": self.f1,
            "METRIC.Recall.AtLeast": self.recall_at_least,
            "METRIC.Precision.AtLeast": self.precision_at_least,
        }


def count_rows(calls: CallTable, truth: TruthTable, strata: Sequence[str] = ()) -> list[CountRow]:
    """Every row that has a truth allele or a call; with genotype columns in the tables a wrong genotype counts as wrong."""
    rows = []
    counted = np.ones(len(truth.facts), bool) if truth.excluded is None else ~truth.excluded
    call_types, truth_types = list(_types(calls.facts)), list(_types(truth.facts))
    subsets = zip(_subsets(calls.facts, strata), _subsets(truth.facts, strata), strict=True)
    for (subset, call_chosen), (_, truth_chosen) in subsets:
        for (kind, subtype, call_kind), (_, _, truth_kind) in zip(call_types, truth_types, strict=True):
            if subset != "*" and subtype not in ("*", "INS", "DEL", "COMPLEX"):
                continue
            some_calls, some_truth = call_chosen & call_kind, truth_chosen & truth_kind & counted
            if some_calls.any() or some_truth.any():
                names = (kind, subtype, subset)
                rows += [_count(calls, truth, some_calls, some_truth, names, number) for number in range(len(FILTERS))]
    return rows


def find_row(rows: Sequence[CountRow], kind: str, filter_name: str, subset: str = "*", subtype: str = "*") -> CountRow | None:
    """The row of that name, or None."""
    for row in rows:
        if (row.type, row.subtype, row.subset, row.filter) == (kind, subtype, subset, filter_name):
            return row
    return None


def _count(
    calls: CallTable,
    truth: TruthTable,
    some_calls: np.ndarray,
    some_truth: np.ndarray,
    names: tuple[str, str, str],
    number: int,
) -> CountRow:
    """One row; number: index into FILTERS."""
    kept = some_calls & calls.passed if number else some_calls
    is_true, is_found = calls.label == TRUE, truth.found[:, number]
    wrong = None
    if calls.genotype_right is not None and truth.genotype_right is not None:
        wrong = is_true & ~calls.genotype_right[:, number]
        is_true = is_true & ~wrong
        is_found = is_found & truth.genotype_right[:, number]
    n_wrong = None if wrong is None else int((kept & wrong).sum())
    return CountRow(
        *names,
        FILTERS[number],
        truth_total=int(some_truth.sum()),
        truth_tp=int((some_truth & is_found).sum()),
        query_tp=int((kept & is_true).sum()),
        query_fp=int((kept & (calls.label == FALSE)).sum()) + (n_wrong or 0),
        query_outside=int((kept & (calls.label == OUTSIDE)).sum()),
        n_wrong_genotype=n_wrong,
    )


def _types(facts: AlleleFacts) -> Iterator[tuple[str, str, np.ndarray]]:
    """(Type, Subtype, mask), always the same names in the same order."""
    is_snv = facts.kind == SNV
    yield "ALL", "*", np.ones(len(facts), bool)
    yield "SNP", "*", is_snv
    yield "SNP", "ti", is_snv & facts.is_transition
    yield "SNP", "tv", is_snv & ~facts.is_transition
    yield "INDEL", "*", ~is_snv
    for kind, name in ((INSERTION, "INS"), (DELETION, "DEL"), (COMPLEX, "COMPLEX")):
        yield "INDEL", name, facts.kind == kind
    for kind, letter in _INDEL_LETTERS.items():
        for low, high in _SIZES:
            name = f"{letter}{low}_PLUS" if high is None else f"{letter}{low}_{high}"
            yield "INDEL", name, (facts.kind == kind) & within(facts.size_bases, low, high)


def _subsets(facts: AlleleFacts, strata: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """(Subset, mask), always the same names in the same order."""
    yield "*", np.ones(len(facts), bool)
    yield "hard", facts.hard == HARD
    yield "easy", (facts.hard != HARD) & (facts.hard != HARD_UNKNOWN)
    yield "never_called", facts.hard == HARD_UNKNOWN
    for low, high in DEPTH_BANDS:
        yield f"depth_{band_name(low, high)}", within(facts.depth, low, high)
    yield "depth_0", facts.depth == 0
    yield "depth_unknown", facts.depth < 0
    for low, high in _HOMOPOLYMERS:
        yield f"homopolymer_{band_name(low, high)}", within(facts.homopolymer_bases, low, high)
    yield "tandem_repeat", facts.in_repeat
    yield "no_repeat", ~facts.in_repeat & (facts.homopolymer_bases < 4)
    for index, name in enumerate(strata):
        yield name, facts.strata[:, index]


def band_name(low: int, high: int | None) -> str:
    """`8_20` or `21_plus`."""
    return f"{low}_plus" if high is None else f"{low}_{high}"


def within(values: np.ndarray, low: int, high: int | None) -> np.ndarray:
    """bool (n,): low <= value <= high; no upper end when high is None."""
    return (values >= low) if high is None else (values >= low) & (values <= high)
