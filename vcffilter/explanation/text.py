"""An explanation as lines of text and as plain data for JSON. Knows no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vcffilter.explanation.call_explainer import CallExplanation
from vcffilter.explanation.explainer import Change
from vcffilter.explanation.nearest import Neighbours
from vcffilter.explanation.occlusion import Occlusion
from vcffilter.pictures.facts import CallFacts

#: Facts, and values of a change, that text lists; JSON has all of them.
MOST_FACTS, _MOST_VALUES, _MOST_CHANNELS = 10, 4, 6
#: What the parts are off by, from which it is said.
_WORTH_SAYING = 0.005
_BAR = 24


def threshold_log_odds(call: CallFacts) -> float | None:
    """The cut as log-odds; None where the call has none, or where it lets everything pass or nothing."""
    if call.threshold is None or not 0 < call.threshold < 1:
        return None
    return math.log(call.threshold / (1 - call.threshold))


def scored_by_parts(log_odds: float, call: CallFacts) -> bool:
    """Whether the call's score is that of a part of it. log_odds: of the call by itself."""
    return call.has_parts and call.log_odds > log_odds + _WORTH_SAYING


def explanation_text(found: CallExplanation, call: CallFacts) -> str:
    """Lines of text: the call, the families' contributions with bars, the strongest facts, what would have to change, what the
    strands and channels are worth.
    """
    explanation = found.explanation
    cut = threshold_log_odds(call)
    threshold = f"; threshold {cut:+.2f}" if cut is not None else ""
    lines = [call.place, *call.lines(), ""]
    lines += [
        f"log-odds {explanation.log_odds:+.2f} = base {explanation.base:+.2f} and what the reads and the place add{threshold}"
    ]
    if scored_by_parts(found.explanation.log_odds, call):
        lines.append(f"scored {call.log_odds:+.2f}: as the least of its single bases, which reads show together; explain these")
    longest = max((abs(amount) for _, amount in explanation.families), default=1.0)
    lines += [_bar_line(name, amount, longest) for name, amount in explanation.families if abs(amount) >= 0.005]
    if abs(explanation.missed) >= _WORTH_SAYING:
        lines.append(f"  {'(missed)':<20}{explanation.missed:+6.2f}")
    lines += ["", "strongest facts"]
    lines += [
        f"  {fact.name:<28}{'' if math.isnan(fact.value) else _number(fact.value):>10}  {fact.log_odds:+6.2f}  {fact.family}"
        for fact in explanation.facts[:MOST_FACTS]
    ]
    lines += ["", *_change_lines(explanation.changes, cut)]
    lines += ["", *_occlusion_lines(found.occlusion)]
    lines += [] if found.neighbours is None else ["", *_neighbour_lines(found.neighbours)]
    return "\n".join(lines) + "\n"


def _bar_line(name: str, amount: float, longest: float) -> str:
    bar = ("+" if amount > 0 else "-") * max(round(_BAR * abs(amount) / longest), 1)
    return f"  {name:<20}{amount:+6.2f}  {bar}"


def _occlusion_lines(occlusion: Occlusion) -> list[str]:
    lines = ["what is lost where it is left out and the model scores again"]
    for name, amount in (("all forward reads", occlusion.forward), ("all reverse reads", occlusion.reverse)):
        lines.append(f"  {name:<20}" + ("no reads are left" if math.isnan(amount) else f"{amount:+6.2f}"))
    strongest = sorted(occlusion.of_channel.items(), key=lambda entry: -abs(entry[1]))[:_MOST_CHANNELS]
    return lines + [f"  {f'channel {name}':<26}{amount:+6.2f}" for name, amount in strongest]


def _neighbour_lines(neighbours: Neighbours) -> list[str]:
    if not neighbours.nearest:
        return [f"no example of this type among the {neighbours.about}"]
    lines = [f"nearest of the {neighbours.about}, by what weighs here (0: alike)"]
    lines += [
        f"  {'true' if one.is_true else 'false':<6}{one.distance:.3f}  {one.place}  {one.set_name}" for one in neighbours.nearest
    ]
    return lines + [f"  of the {neighbours.n_counted} nearest {neighbours.n_true} are true"]


def _change_lines(changes: Sequence[Change], cut: float | None) -> list[str]:
    if not changes:
        return ["no family that the reads bear out would, made to look like a clean call's, raise it by 1 or more"]
    return ["what would raise it: a family made to look like a clean call's"] + [
        f"  {change.reason:<20}{change.log_odds:+6.2f}{_verdict_after(change, cut)}  {_values(change)}" for change in changes
    ]


def _verdict_after(change: Change, cut: float | None) -> str:
    return "" if cut is None else " passes" if change.log_odds >= cut else " fails "


def _values(change: Change) -> str:
    shown = [f"{name} {_number(before)} to {_number(after)}" for name, before, after in change.values[:_MOST_VALUES]]
    more = len(change.values) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _number(value: float) -> str:
    return f"{value:.3g}"


def _neighbours_json(neighbours: Neighbours) -> dict[str, Any]:
    return {
        "about": neighbours.about,
        "n_counted": neighbours.n_counted,
        "n_true": neighbours.n_true,
        "nearest": [
            {"place": one.place, "set": one.set_name, "true": one.is_true, "distance": one.distance} for one in neighbours.nearest
        ],
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def explanation_json(found: CallExplanation, call: CallFacts) -> dict[str, Any]:
    """Plain data, every fact included."""
    explanation, occlusion = found.explanation, found.occlusion
    return {
        "chrom": call.contig,
        "pos": call.pos1,
        "ref": call.ref,
        "alt": call.alt,
        "verdict": call.verdict,
        "log_odds": explanation.log_odds,
        "log_odds_in_file": _or_none(call.log_odds),
        "threshold_log_odds": threshold_log_odds(call),
        "base": explanation.base,
        "reasons": list(explanation.reasons),
        "families": dict(explanation.families),
        "missed": explanation.missed,
        "left_out": {
            "forward_reads": _or_none(occlusion.forward),
            "reverse_reads": _or_none(occlusion.reverse),
            "channels": occlusion.of_channel,
        },
        "nearest_examples": None if found.neighbours is None else _neighbours_json(found.neighbours),
        "facts": [
            {"name": fact.name, "value": _or_none(fact.value), "log_odds": fact.log_odds, "family": fact.family}
            for fact in explanation.facts
        ],
        "changes": [
            {
                "reason": change.reason,
                "log_odds": change.log_odds,
                "values": {name: [before, after] for name, before, after in change.values},
            }
            for change in explanation.changes
        ],
    }
