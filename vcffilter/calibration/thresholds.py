"""Which thresholds a run uses: the command line's, else those of a target recall or a preset, else the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vcffilter.annotation.settings import Thresholds
from vcffilter.calibration.presets import DEFAULT_PRESET
from vcffilter.errors import ModelError, UsageError

#: Where the model's card names none.
_FALLBACK = 0.5


def choose_thresholds(
    defaults: Mapping[str, float],
    operating_points: Sequence[Mapping[str, Any]],
    *,
    presets: Mapping[str, Any] | None = None,
    preset: str | None = None,
    target_recall: float | None = None,
    min_prob_snv: float | None = None,
    min_prob_indel: float | None = None,
) -> Thresholds:
    """The thresholds of a run.

    defaults: of the model, by type. operating_points: rows of its card, each with "thresholds" and, where it was chosen by
    recall, "target_recall". presets: `calibration.presets.preset_card` of its card; empty where it has none. preset: the one
    wanted. target_recall: the row that reaches it and fails the most. min_prob_snv, min_prob_indel: given by the user, and then
    last word.
    Raises ModelError when no row reaches the target or there is no such preset, UsageError when both are wanted.
    """
    if target_recall is not None and preset is not None:
        raise UsageError("--preset and --target-recall both choose the thresholds", hint="Leave one out")
    if target_recall is not None:
        chosen: Mapping[str, float] = reaching(operating_points, target_recall)["thresholds"]
    else:
        chosen = defaults if preset is None else _of_preset(defaults, presets or {}, preset)
    snv, snv_deep = _of_type(chosen, "snv", min_prob_snv)
    indel, indel_deep = _of_type(chosen, "indel", min_prob_indel)
    return Thresholds(snv, indel, snv_deep, indel_deep)


def _of_type(chosen: Mapping[str, float], name: str, given: float | None) -> tuple[float, float | None]:
    if given is not None:
        return given, None
    deep = chosen.get(f"{name}_deep")
    return float(chosen.get(name, _FALLBACK)), None if deep is None else float(deep)


def _of_preset(defaults: Mapping[str, float], presets: Mapping[str, Any], preset: str) -> Mapping[str, float]:
    found = presets.get("presets", {}).get(preset)
    if found is not None:
        return found["thresholds"]
    if preset == DEFAULT_PRESET:
        return defaults
    raise ModelError(
        f"the model's card has no preset {preset!r}: it was made before there were presets",
        hint="Use its default thresholds, --min-prob-snv and --min-prob-indel, or calibrate it: pileup-filter calibrate",
    )


def reaching(operating_points: Sequence[Mapping[str, Any]], target_recall: float) -> Mapping[str, Any]:
    """The operating point that reaches the recall and fails the most. Raises ModelError when none does."""
    by_recall = {float(point["target_recall"]): point for point in operating_points if "target_recall" in point}
    reached = [recall for recall in by_recall if recall >= target_recall - 1e-9]
    if not reached:
        offered = ", ".join(f"{recall:g}" for recall in sorted(by_recall)) or "none"
        raise ModelError(
            f"the model's card has no operating point for a recall of {target_recall:g}; it has: {offered}",
            hint="Choose one of these, or give --min-prob-snv and --min-prob-indel",
        )
    return by_recall[min(reached)]
