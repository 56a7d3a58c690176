"""What cuts do to call sets: F1 against the callers' own and the best of each set, hard calls at few reads. Arrays only."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from cut_data import COLUMNS, CallSet

from vcffilter.calibration.operating_points import DECIMALS
from vcffilter.calibration.presets import LabelledCalls

Figures = dict[str, Any]
#: Of one call set: the cut of each ALT, float (n,).
Rule = Callable[[CallSet], np.ndarray]
FEW_READS = 20
#: Call sets with fewer true calls are left out: one call moves their F1 by more than cuts do.
FEWEST_TRUE = 20
_GRID = np.round(np.arange(0, 0.98, 0.02), 2)


def as_called(one: CallSet) -> np.ndarray:
    """Nothing fails."""
    return np.zeros(len(one.label))


def of_0_1_0(one: CallSet) -> np.ndarray:
    """The default of 0.1.0, which jumped from 20 reads to 21."""
    return one.cut_0_1_0


def by_type(snv: float, indel: float) -> Rule:
    """The same at every depth."""
    return lambda one: np.where(one.is_snv, snv, indel)


def smooth(sparse: float, deep: float, reads: float) -> Rule:
    """From `sparse` at no read towards `deep`, by e after so many reads."""
    return lambda one: deep + (sparse - deep) * np.exp(-one.depth / reads)


def passed(one: CallSet, rule: Rule) -> np.ndarray:
    """bool (n,)."""
    return np.round(one.probability, DECIMALS) >= rule(one)


def f1(true: np.ndarray, kept: np.ndarray) -> float:
    """F1 of a call set against its own true calls: what the caller missed is nobody's merit or fault here."""
    return float(2 * (true & kept).sum() / max(kept.sum() + true.sum(), 1))


def best_f1(one: CallSet) -> float:
    """The best that any pair of cuts by type, the same at every depth, gives the set."""
    true, kept = one.label == 1, []
    for of_type in (one.is_snv, ~one.is_snv):
        for of_label in (true, ~true):
            p = np.sort(np.round(one.probability[of_type & of_label], DECIMALS))
            kept.append(len(p) - np.searchsorted(p, _GRID))
    true_kept, false_kept = kept[0][:, None] + kept[2][None], kept[1][:, None] + kept[3][None]
    return float((2 * true_kept / (true_kept + false_kept + true.sum())).max())


def of_library(sets: Iterable[CallSet]) -> list[CallSet]:
    """One caller's calls on one copy of a library's reads, chromosomes together; call sets with few true calls left out."""
    return [joined for joined in joined_by_library(sets) if joined.label.sum() >= FEWEST_TRUE]


def joined_by_library(sets: Iterable[CallSet]) -> list[CallSet]:
    """As `of_library`, with those of few true calls or none."""
    parts: dict[tuple[str, float, int, str], list[CallSet]] = {}
    for one in sets:
        parts.setdefault((one.library, one.share, one.seed, one.caller), []).append(one)
    return [_join(group) for group in parts.values()]


def _join(group: Sequence[CallSet]) -> CallSet:
    first = group[0]
    arrays = {name: np.concatenate([getattr(one, name) for one in group]) for name in COLUMNS}
    return CallSet(f"{first.library}-chr", first.share, first.seed, first.caller, **arrays)


def taken(one: CallSet, chosen: np.ndarray) -> CallSet:
    """Some of its ALTs, bool (n,)."""
    return dataclasses.replace(one, **{name: getattr(one, name)[chosen] for name in COLUMNS})


def labelled(sets: Sequence[CallSet]) -> LabelledCalls:
    """All call sets as presets are chosen from: one call set for every caller and copy of a library."""
    names = [f"{one.library} {one.share} {one.seed} {one.caller}" for one in sets]
    lengths = [len(one.label) for one in sets]
    libraries = np.unique([one.library for one in sets], return_inverse=True)[1]
    return LabelledCalls(
        np.concatenate([one.probability for one in sets]),
        np.concatenate([one.label for one in sets]) == 1,
        np.concatenate([one.is_snv for one in sets]),
        np.repeat(np.unique(names, return_inverse=True)[1], lengths),
        np.repeat(libraries, lengths),
        np.concatenate([one.locus for one in sets]),
    )


def rule_figures(sets: Sequence[CallSet], rule: Rule) -> Figures:
    """F1 of call sets under a rule: mean, against as called, against each one's best; and hard calls of few reads."""
    after = np.array([f1(one.label == 1, passed(one, rule)) for one in sets])
    before = np.array([f1(one.label == 1, np.ones(len(one.label), bool)) for one in sets])
    best = np.array([best_f1(one) for one in sets])
    worse = before - after
    return {
        "n_sets": len(sets),
        "f1": float(after.mean()),
        "loss": float((best - after).mean()),
        "worst_loss": float((best - after).max()),
        "made_worse": int((worse > 1e-9).sum()),
        "made_worse_by_more": int((worse > 0.002).sum()),
        "most_worse": float(max(worse.max(), 0)),
        "few": hard_figures(sets, rule, FEW_READS),
        "hard": hard_figures(sets, rule, 2**31),
    }


def hard_figures(sets: Sequence[CallSet], rule: Rule, most_reads: int) -> Figures:
    """Hard calls informed by at most so many reads, all call sets together: true ones kept, false ones removed."""
    counts = np.zeros(4, int)
    for one in sets:
        chosen, kept, true = one.hard & (one.depth <= most_reads), passed(one, rule), one.label == 1
        counts += [int((chosen & part).sum()) for part in (true, true & kept, ~true, ~true & ~kept)]
    n_true, n_kept, n_false, n_removed = counts.tolist()
    return {"n_true": n_true, "kept": n_kept, "n_false": n_false, "removed": n_removed}


def expected_cut(one: CallSet, rate: float) -> float:
    """The lowest cut at which the false discovery rate that the probabilities of this file predict is at most `rate`."""
    p = np.sort(np.round(one.probability, DECIMALS))[::-1]
    fits = np.flatnonzero(np.cumsum(1 - p) / np.arange(1, len(p) + 1) <= rate)
    return float(p[fits[-1]]) if len(fits) else 1.0


def discovery_rate(one: CallSet, cut: float) -> tuple[int, int]:
    """(false ones kept, all kept) at a cut."""
    kept = np.round(one.probability, DECIMALS) >= cut
    return int((kept & (one.label == 0)).sum()), int(kept.sum())
