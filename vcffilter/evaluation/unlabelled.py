"""Without any truth: what a cut would keep, how right the model believes that to be, and whether it looks like real variation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vcffilter.evaluation.variants import HETEROZYGOUS, HOMOZYGOUS, CalledVariant
from vcffilter.labelling.normalise import trim
from vcffilter.variants.alleles import AlleleChunk, AlleleScores

#: Thresholds shown.
CUTS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
_TRANSITIONS = frozenset(("AG", "GA", "CT", "TC"))
_PIECE = 2048


@dataclass(frozen=True)
class CutRow:
    """What passes a threshold. predicted_precision: mean probability of what is kept. predicted_recall: share of all probability
    that is kept. Ratios are None where they would divide by 0 or do not apply to the type.
    """

    type: str
    threshold: float
    n_kept: int
    n_removed: int
    predicted_precision: float | None
    predicted_recall: float | None
    ti_tv_kept: float | None
    ti_tv_removed: float | None
    insertion_deletion_kept: float | None
    het_hom_kept: float | None


@dataclass(frozen=True)
class UnlabelledCalls:
    """n scored ALTs. probability: float (n,). is_snv, is_transition, is_insertion, is_deletion: bool (n,). zygosity: int (n,)."""

    probability: np.ndarray
    is_snv: np.ndarray
    is_transition: np.ndarray
    is_insertion: np.ndarray
    is_deletion: np.ndarray
    zygosity: np.ndarray


def unlabelled_calls(calls: Sequence[CalledVariant], probability: np.ndarray) -> UnlabelledCalls:
    """Facts of the calls that have a probability (not NaN); probability: float (n_calls,)."""
    scored = np.flatnonzero(np.isfinite(probability)).tolist()
    some = [calls[index] for index in scored]
    edits = [trim(call.pos0, call.ref, call.alt) for call in some]
    inserted = np.array([len(edit.alt) - (edit.end0 - edit.start0) for edit in edits], np.int64)
    substituted = [
        call.ref[edit.start0 - call.pos0 : edit.end0 - call.pos0] + edit.alt for call, edit in zip(some, edits, strict=True)
    ]
    return UnlabelledCalls(
        probability=np.asarray(probability, np.float64)[scored],
        is_snv=np.array([len(call.ref) == len(call.alt) == 1 for call in some], bool),
        is_transition=np.array([change in _TRANSITIONS for change in substituted], bool),
        is_insertion=inserted > 0,
        is_deletion=inserted < 0,
        zygosity=np.array([call.zygosity for call in some], np.int64),
    )


def cut_rows(calls: UnlabelledCalls, own_thresholds: dict[str, float] | None = None) -> list[CutRow]:
    """One row per type and threshold, the model's own thresholds among them."""
    rows = []
    for name, of_type in (("snv", calls.is_snv), ("indel", ~calls.is_snv)):
        if of_type.any():
            cuts = sorted({*CUTS, *((own_thresholds or {}).get(name, 0.0),)})
            rows += [_row(calls, name, of_type, cut) for cut in cuts]
    return rows


def score_contig(
    contig: str, calls: Sequence[CalledVariant], score: Callable[[AlleleChunk], AlleleScores]
) -> np.ndarray:
    """Probability of each call, float64 (n_calls,), NaN where it cannot be scored."""
    parts = [score(chunk).probability for chunk in _chunks(contig, calls)]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)


def _chunks(contig: str, calls: Sequence[CalledVariant]) -> Iterator[AlleleChunk]:
    for begin in range(0, len(calls), _PIECE):
        some = calls[begin : begin + _PIECE]
        ref_offset, ref_bases = _flat([call.ref for call in some])
        alt_offset, alt_bases = _flat([call.alt for call in some])
        index = np.arange(len(some), dtype=np.int32)
        start0 = np.array([call.pos0 for call in some], np.int64)
        yield AlleleChunk(contig, start0, ref_offset, ref_bases, alt_offset, alt_bases, index, np.zeros_like(index))


def _flat(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    borders = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    return borders, np.frombuffer("".join(texts).encode(), np.uint8)


def _row(calls: UnlabelledCalls, name: str, of_type: np.ndarray, cut: float) -> CutRow:
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
    )


def _ratio(one: np.ndarray, other: np.ndarray) -> float | None:
    return float(one.sum() / other.sum()) if other.any() else None
