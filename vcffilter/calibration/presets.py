"""Named cuts of a model, each by one rule from labelled calls that the model did not see. numpy only.

A preset says how many kept false calls a lost true one counts as: N. With true probabilities the cut then is 1 / (1 + N): an ALT
below it costs more when it passes than when it fails. Where labelled call sets show that another cut does better (probabilities
are only as true as their calibration), the cut moves towards it, no further than needed. One cut per type, the same at every
depth: probabilities know the depth already.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vcffilter.calibration.binomial_bounds import lower_limit_of_copies, upper_limit_of_copies
from vcffilter.calibration.maps import VARIANT_TYPES
from vcffilter.calibration.operating_points import DECIMALS, FEWEST_TRUE, threshold_for_recall, types_of

logger = logging.getLogger(__name__)

#: Preset -> how many kept false calls a lost true one counts as, from the least to the most that fails.
FALSE_PER_TRUE = {"sensitive": 16.0, "balanced": 4.0, "strict": 0.25}
DEFAULT_PRESET = "balanced"
#: Cuts that are tried.
_CANDIDATES = np.round(np.arange(0.01, 0.96, 0.01), 2)
#: Losses that differ by less are the same: of the score of a call set, and of its true calls.
_TOLERANCE, _TOLERATED_CALLS = 0.001, 1.5
#: Types with fewer false calls, and call sets with fewer true ones, say nothing of a cut.
FEWEST_FALSE = 20
_FEWEST_TRUE_OF_SET = 20
#: Calls so probable, with so many informing reads, are told apart as the ones that need no second look.
SURE_PROBABILITIES, SURE_READS = (0.9, 0.99, 0.999), (1, 8, 21)
#: Informing reads of the bands that costs are told for: name -> (least, most).
DEPTH_BANDS = {"1-7": (1, 7), "8-20": (8, 20), "21 or more": (21, 2**31)}


@dataclass(frozen=True)
class LabelledCalls:
    """n ALTs of one or more call sets.

    probability: float (n,), calibrated, of weights that did not see them. is_true, is_snv: bool (n,). call_set: int (n,), which
    caller's file on which reads. library: int (n,), what was sequenced together: every library counts the same, whatever the
    number of its call sets. locus: int (n,), which ALT of which person's reads; None = all others. One that is there several
    times (callers, thinned copies) is one fact: it does not narrow the limits of what cuts cost.
    """

    probability: np.ndarray
    is_true: np.ndarray
    is_snv: np.ndarray
    call_set: np.ndarray
    library: np.ndarray
    locus: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.probability)

    def take(self, index: np.ndarray) -> LabelledCalls:
        """The calls at `index`: integers, or bool (n,)."""
        return replace(self, **{name: array[index] for name, array in vars(self).items() if array is not None})

    @classmethod
    def of_one_set(cls, probability: np.ndarray, label: np.ndarray, is_snv: np.ndarray) -> LabelledCalls:
        """Calls of which nothing is known but their labels (1 true, 0 false)."""
        nothing = np.zeros(len(probability), np.int64)
        return cls(np.asarray(probability, np.float64), np.asarray(label) > 0.5, np.asarray(is_snv, bool), nothing, nothing)


def weighted_score(true_kept: np.ndarray, false_kept: np.ndarray, n_true: int, false_per_true: float) -> np.ndarray:
    """F-score in which a lost true call counts as `false_per_true` kept false ones; F1 for 1."""
    cost = false_per_true * (n_true - true_kept) + false_kept
    right = (1 + false_per_true) * true_kept
    return right / np.maximum(right + cost, 1e-9)


def theory_cut(false_per_true: float) -> float:
    """The cut of true probabilities: below it an ALT costs more when it passes than when it fails."""
    return round(1 / (1 + false_per_true), DECIMALS)


def choose_cuts(calls: LabelledCalls, false_per_true: float) -> dict[str, float]:
    """Cut by type: of the pairs whose mean loss is the least, or as good as that, the pair nearest to 1 / (1 + N).

    The loss of a pair of cuts: how far below its own best pair a call set's `weighted_score` falls; mean over the call sets of a
    library, then over libraries. A type with few true or few false calls takes 1 / (1 + N).
    """
    theory = theory_cut(false_per_true)
    told = [name for name, of_type in types_of(calls.is_snv).items() if _tells(calls, of_type)]
    loss, n_true = mean_loss(calls, false_per_true)
    if loss is None or not told:
        return dict.fromkeys(VARIANT_TYPES, theory)
    cuts = _cuts(false_per_true)
    free = [np.ones(len(cuts), bool) if name in told else cuts == theory for name in VARIANT_TYPES]
    loss = np.where(np.logical_and.outer(*free), loss, np.inf)
    near = loss <= loss.min() + max(_TOLERANCE, _TOLERATED_CALLS / n_true)
    away = np.abs(_log_odds(cuts) - _log_odds(np.array(theory)))
    distance = np.where(near, np.hypot(away[:, None], away[None, :]), np.inf)
    snv, indel = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return {"snv": float(cuts[snv]), "indel": float(cuts[indel])}


def choose_presets(calls: LabelledCalls) -> dict[str, dict[str, float]]:
    """Preset -> cut by type; a stricter preset is never below a more sensitive one."""
    for name, of_type in types_of(calls.is_snv).items():
        if not _tells(calls, of_type):
            logger.warning("few true or few false %ss are labelled: the presets' cuts for them are those of theory", name)
    presets: dict[str, dict[str, float]] = {}
    lowest = dict.fromkeys(VARIANT_TYPES, 0.0)
    for preset, false_per_true in FALSE_PER_TRUE.items():
        cuts = choose_cuts(calls, false_per_true)
        lowest = {name: max(cuts[name], lowest[name]) for name in VARIANT_TYPES}
        presets[preset] = dict(lowest)
    return presets


def presets_for_card(
    calls: LabelledCalls, depth: np.ndarray, recalls: Mapping[str, float | None], measured_on: str
) -> dict[str, Any]:
    """`preset_card` of `choose_presets`.

    recalls: by type, share of true ones that the default preset is to keep instead; None = by the rule.
    """
    presets = choose_presets(calls)
    for name, of_type in types_of(calls.is_snv).items():
        recall = recalls.get(name)
        if recall is not None and np.any(of_type & calls.is_true):
            presets[DEFAULT_PRESET][name] = threshold_for_recall(calls.probability[of_type], calls.is_true[of_type], recall)
    return preset_card(presets, calls, depth, measured_on=measured_on)


def default_thresholds(card: Mapping[str, Any]) -> dict[str, float]:
    """Those of the default preset."""
    return dict(card["presets"][DEFAULT_PRESET]["thresholds"])


def preset_card(
    presets: Mapping[str, Mapping[str, float]],
    calls: LabelledCalls,
    depth: np.ndarray,
    callers: np.ndarray | None = None,
    measured_on: str = "",
) -> dict[str, Any]:
    """What a checkpoint keeps of its presets: cuts, and their cost on labelled calls by depth and kind of caller.

    depth: int (n,), informing reads. callers: str (n,), kind of the caller of each ALT; None = of one kind. measured_on: one
    sentence. Counted is every call of every call set; limits are those of as many ALTs as there are different ones.
    """
    kinds = np.full(len(calls), "all") if callers is None else np.asarray(callers)
    return {
        "measured_on": measured_on,
        "sure": [_sure(calls, np.asarray(depth), least, reads) for least in SURE_PROBABILITIES for reads in SURE_READS],
        "presets": {
            name: {
                "false_per_true": FALSE_PER_TRUE[name],
                "thresholds": dict(thresholds),
                "measured": _costs(calls, thresholds, np.asarray(depth), kinds),
            }
            for name, thresholds in presets.items()
        },
    }


def _sure(calls: LabelledCalls, depth: np.ndarray, least: float, reads: int) -> dict[str, Any]:
    """How many of the calls at or above a probability and a number of reads are false, and their share of all true ones."""
    chosen = (np.round(calls.probability, DECIMALS) >= least) & (depth >= reads)
    n, n_false, n_true = int(chosen.sum()), int((chosen & ~calls.is_true).sum()), int(calls.is_true.sum())
    n_alts = _n_different(calls, chosen)
    return {
        "probability": least,
        "reads": reads,
        "n": n,
        "n_false": n_false,
        "false_at_most": round(upper_limit_of_copies(n_false, n, n_alts), 5),
        "share_of_true": round((n - n_false) / max(n_true, 1), 4),
    }


def _costs(calls: LabelledCalls, thresholds: Mapping[str, float], depth: np.ndarray, kinds: np.ndarray) -> list[dict[str, Any]]:
    passed = np.round(calls.probability, DECIMALS) >= np.where(calls.is_snv, thresholds["snv"], thresholds["indel"])
    names = sorted(set(kinds.tolist()))
    parts = [(kind, kinds == kind) for kind in names]
    if len(names) > 1:
        parts.append(("all", np.ones(len(calls), bool)))
    rows = []
    for kind, of_kind in parts:
        for band, (low, high) in (*DEPTH_BANDS.items(), ("any", (0, 2**31))):
            chosen = of_kind & (depth >= low) & (depth <= high)
            if chosen.any():
                rows.append({"callers": kind, "depth": band, **_cost(calls, chosen, passed)})
    return rows


def _cost(calls: LabelledCalls, chosen: np.ndarray, passed: np.ndarray) -> dict[str, Any]:
    true, false = chosen & calls.is_true, chosen & ~calls.is_true
    n_true, n_lost = int(true.sum()), int((true & ~passed).sum())
    n_false, n_removed = int(false.sum()), int((false & ~passed).sum())
    cost: dict[str, Any] = {"n_true": n_true, "true_lost": n_lost, "n_false": n_false, "false_removed": n_removed}
    if n_true:
        n_alts = _n_different(calls, true)
        cost["lost_at_most"] = round(upper_limit_of_copies(n_lost, n_true, n_alts), 5)
    if n_false:
        n_alts = _n_different(calls, false)
        cost["removed_at_least"] = round(lower_limit_of_copies(n_removed, n_false, n_alts), 5)
    return cost


def _n_different(calls: LabelledCalls, chosen: np.ndarray) -> int:
    return int(chosen.sum()) if calls.locus is None else len(np.unique(calls.locus[chosen]))


def _tells(calls: LabelledCalls, of_type: np.ndarray) -> bool:
    return int((of_type & calls.is_true).sum()) >= FEWEST_TRUE and int((of_type & ~calls.is_true).sum()) >= FEWEST_FALSE


def mean_loss(calls: LabelledCalls, false_per_true: float) -> tuple[np.ndarray | None, int]:
    """(mean loss of every pair of cuts, as `scores_of_pairs` has them; number of true calls behind it). None where no call set
    has enough true ones.
    """
    of_library: dict[int, list[np.ndarray]] = {}
    n_behind = 0
    for one in np.unique(calls.call_set).tolist():
        chosen = calls.call_set == one
        n_true = int(calls.is_true[chosen].sum())
        if n_true >= _FEWEST_TRUE_OF_SET:
            score = scores_of_pairs(calls, chosen, false_per_true)
            of_library.setdefault(int(calls.library[chosen][0]), []).append(score.max() - score)
            n_behind += n_true
    if not of_library:
        return None, 0
    return np.mean([np.mean(losses, axis=0) for losses in of_library.values()], axis=0), n_behind


def scores_of_pairs(calls: LabelledCalls, chosen: np.ndarray, false_per_true: float) -> np.ndarray:
    """`weighted_score` of the chosen calls, bool (n,), at every pair of cuts, float64 (n_cuts, n_cuts), SNV cut first."""
    cuts, kept = _cuts(false_per_true), []
    for of_type in (calls.is_snv, ~calls.is_snv):
        for of_label in (calls.is_true, ~calls.is_true):
            p = np.sort(np.round(calls.probability[chosen & of_type & of_label], DECIMALS))
            kept.append(len(p) - np.searchsorted(p, cuts))
    true_kept = kept[0][:, None] + kept[2][None, :]
    false_kept = kept[1][:, None] + kept[3][None, :]
    return weighted_score(true_kept, false_kept, int(calls.is_true[chosen].sum()), false_per_true)


def _cuts(false_per_true: float) -> np.ndarray:
    return np.array([*_CANDIDATES.tolist(), theory_cut(false_per_true)])


def _log_odds(p: np.ndarray) -> np.ndarray:
    return np.log(p) - np.log1p(-p)
