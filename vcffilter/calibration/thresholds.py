"""Which thresholds a run uses: the command line's, else those of a target recall, else the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vcffilter.annotation.settings import Thresholds
from vcffilter.errors import ModelError

#: Where the model's card names none.
_FALLBACK = 0.5


def choose_thresholds(
    defaults: Mapping[str, float],
    operating_points: Sequence[Mapping[str, Any]],
    *,
    target_recall: float | None = None,
    min_prob_snv: float | None = None,
    min_prob_indel: float | None = None,
) -> Thresholds:
    """The thresholds of a run.

    defaults: of the model, by `models.threshold_classes.THRESHOLD_NAMES`. operating_points: rows of its card, each with
    "thresholds" and, where it was chosen by recall, "target_recall". target_recall: the row that reaches it and fails the most.
    min_prob_snv, min_prob_indel: given by the user, and then last word at every depth. Raises ModelError when no row reaches the
    target.
    """
    chosen = defaults if target_recall is None else _reaching(operating_points, target_recall)
    snv, snv_deep = _of_type(chosen, "snv", min_prob_snv)
    indel, indel_deep = _of_type(chosen, "indel", min_prob_indel)
    return Thresholds(snv, indel, snv_deep, indel_deep)


def _of_type(chosen: Mapping[str, float], name: str, given: float | None) -> tuple[float, float | None]:
    if given is not None:
        return given, None
    deep = chosen.get(f"{name}_deep")
    return float(chosen.get(name, _FALLBACK)), None if deep is None else float(deep)


def _reaching(operating_points: Sequence[Mapping[str, Any]], target_recall: float) -> Mapping[str, float]:
    by_recall = {float(point["target_recall"]): point for point in operating_points if "target_recall" in point}
    reaching = [recall for recall in by_recall if recall >= target_recall - 1e-9]
    if not reaching:
        offered = ", ".join(f"{recall:g}" for recall in sorted(by_recall)) or "none"
        raise ModelError(
            f"the model's card has no operating point for a recall of {target_recall:g}; it has: {offered}",
            hint="Choose one of these, or give --min-prob-snv and --min-prob-indel",
        )
    return by_recall[min(reaching)]["thresholds"]
