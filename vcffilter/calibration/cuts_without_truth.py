"""Without any truth: what a cut would keep, how right the model believes that to be, and whether it looks like real variation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vcffilter.truth.call_sets import HETEROZYGOUS, HOMOZYGOUS, CalledAllele
from vcffilter.truth.normalise import trim
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import AlleleScores

#: Thresholds shown.
CUTS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
_TRANSITIONS = frozenset(("AG", "GA", "CT", "TC"))
_PIECE = 2048
#: Ratios of fewer calls are shown with their counts: they could be anything.
_FEW = 50


class Ratio(NamedTuple):
    """Two counts, as `2.07`, with the counts when they are few: `4.00 (8/2)`."""

    one: int
    other: int

    @property
    def value(self) -> float | None:
        """one / other; None where that would divide by 0."""
        return self.one / self.other if self.other else None

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.one}/{self.other}" if self.one else "-"
        return f"{self.value:.2f}" + (f" ({self.one}/{self.other})" if self.one + self.other < _FEW else "")


@dataclass(frozen=True)
class CutRow:
    """What passes a threshold. predicted_precision: mean probability of what is kept. predicted_recall: share of all probability
    that is kept. Ratios are None where they do not apply to the type. is_default: the model's own threshold.
    """

    type: str
    threshold: float
    n_kept: int
    n_removed: int
    predicted_precision: float | None
    predicted_recall: float | None
    ti_tv_kept: Ratio | None
    ti_tv_removed: Ratio | None
    insertion_deletion_kept: Ratio | None
    het_hom_kept: Ratio
    is_default: bool = False


@dataclass(frozen=True)
class UnlabelledCalls:
    """n scored ALTs. probability: float (n,). is_snv, is_transition, is_insertion, is_deletion: bool (n,). zygosity: int (n,)."""

    probability: np.ndarray
    is_snv: np.ndarray
    is_transition: np.ndarray
    is_insertion: np.ndarray
    is_deletion: np.ndarray
    zygosity: np.ndarray


def unlabelled_calls(calls: Sequence[CalledAllele], probability: np.ndarray) -> UnlabelledCalls:
    """Facts of the calls that have a probability (not NaN); probability: float (n_calls,)."""
    scored = np.flatnonzero(np.isfinite(probability)).tolist()
    some = [calls[index] for index in scored]
    alleles = [call.allele for call in some]
    edits = [trim(*allele) for allele in alleles]
    inserted = np.array([len(edit.alt) - (edit.end0 - edit.start0) for edit in edits], np.int64)
    substituted = [
        ref[edit.start0 - pos0 : edit.end0 - pos0] + edit.alt for (pos0, ref, _), edit in zip(alleles, edits, strict=True)
    ]
    return UnlabelledCalls(
        probability=np.asarray(probability, np.float64)[scored],
        is_snv=np.array([call.is_snv for call in some], bool),
        is_transition=np.array([change in _TRANSITIONS for change in substituted], bool),
        is_insertion=inserted > 0,
        is_deletion=inserted < 0,
        zygosity=np.array([call.zygosity for call in some], np.int64),
    )


def cut_rows(calls: UnlabelledCalls, own_thresholds: dict[str, float] | None = None) -> list[CutRow]:
    """One row per type and threshold, the model's own thresholds among them; of thresholds that keep the same calls the lowest
    and the model's own.
    """
    rows: list[CutRow] = []
    for name, of_type in (("snv", calls.is_snv), ("indel", ~calls.is_snv)):
        own, n_before = (own_thresholds or {}).get(name), -1
        for cut in sorted({*CUTS, *(() if own is None else (own,))}) if of_type.any() else ():
            row = _row(calls, name, of_type, cut, is_default=cut == own)
            if row.n_kept != n_before or row.is_default:
                rows.append(row)
            n_before = row.n_kept
    return rows


def score_contig(contig: str, calls: Sequence[CalledAllele], score: Callable[[AlleleChunk], AlleleScores]) -> np.ndarray:
    """Probability of each call, float64 (n_calls,), NaN where it cannot be scored."""
    parts = [score(chunk).probability for chunk in _chunks(contig, calls)]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)


def _chunks(contig: str, calls: Sequence[CalledAllele]) -> Iterator[AlleleChunk]:
    for begin in range(0, len(calls), _PIECE):
        yield AlleleChunk.from_alleles(contig, [call.allele for call in calls[begin : begin + _PIECE]])


def _row(calls: UnlabelledCalls, name: str, of_type: np.ndarray, cut: float, *, is_default: bool) -> CutRow:
    # Probabilities are written and compared with four decimals.
    kept = of_type & (np.round(calls.probability, 4) >= cut)
    removed = of_type & ~kept
    is_snv = name == "snv"
    believed, total = calls.probability[kept].sum(), calls.probability[of_type].sum()
    return CutRow(
        type=name,
        threshold=cut,
        n_kept=int(kept.sum()),
        n_removed=int(removed.sum()),
        predicted_precision=float(believed / kept.sum()) if kept.any() else None,
        predicted_recall=float(believed / total) if total else None,
        ti_tv_kept=_ratio(kept & calls.is_transition, kept & ~calls.is_transition) if is_snv else None,
        ti_tv_removed=_ratio(removed & calls.is_transition, removed & ~calls.is_transition) if is_snv else None,
        insertion_deletion_kept=None if is_snv else _ratio(kept & calls.is_insertion, kept & calls.is_deletion),
        het_hom_kept=_ratio(kept & (calls.zygosity == HETEROZYGOUS), kept & (calls.zygosity == HOMOZYGOUS)),
        is_default=is_default,
    )


def _ratio(one: np.ndarray, other: np.ndarray) -> Ratio:
    return Ratio(int(one.sum()), int(other.sum()))
