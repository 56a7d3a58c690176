"""An explanation as lines of text and as plain data for JSON. Knows no files."""

from __future__ import annotations

import math
from typing import Any

from vcffilter.explanation.explainer import Change, Explanation
from vcffilter.pictures.facts import CallFacts

#: Facts, and values of a change, that text lists; JSON has all of them.
MOST_FACTS, _MOST_VALUES = 10, 4
_BAR = 24


def threshold_log_odds(call: CallFacts) -> float | None:
    """The cut as log-odds; None where the call has none, or where it lets everything pass or nothing."""
    if call.threshold is None or not 0 < call.threshold < 1:
        return None
    return math.log(call.threshold / (1 - call.threshold))


def explanation_text(explanation: Explanation, call: CallFacts) -> str:
    """Lines of text: the call, the families' contributions with bars, the strongest facts, what would have to change."""
    cut = threshold_log_odds(call)
    threshold = f"; threshold {cut:+.2f}" if cut is not None else ""
    lines = [call.place, *call.lines(), ""]
    lines += [
        f"log-odds {explanation.log_odds:+.2f} = base {explanation.base:+.2f} and what the reads and the place add{threshold}"
    ]
    longest = max((abs(amount) for _, amount in explanation.families), default=1.0)
    lines += [_bar_line(name, amount, longest) for name, amount in explanation.families if abs(amount) >= 0.005]
    lines += ["", "strongest facts"]
    lines += [
        f"  {fact.name:<28}{_number(fact.value):>10}  {fact.log_odds:+6.2f}  {fact.family}"
        for fact in explanation.facts[:MOST_FACTS]
    ]
    lines += ["", *_change_lines(explanation, cut)]
    return "\n".join(lines) + "\n"


def _bar_line(name: str, amount: float, longest: float) -> str:
    bar = ("+" if amount > 0 else "-") * max(round(_BAR * abs(amount) / longest), 1)
    return f"  {name:<20}{amount:+6.2f}  {bar}"


def _change_lines(explanation: Explanation, cut: float | None) -> list[str]:
    if not explanation.changes:
        return ["no family that the reads bear out would, made to look like a clean call's, raise it by 1 or more"]
    return ["what would raise it: a family made to look like a clean call's"] + [
        f"  {change.reason:<20}{change.log_odds:+6.2f}{_verdict_after(change, cut)}  {_values(change)}"
        for change in explanation.changes
    ]


def _verdict_after(change: Change, cut: float | None) -> str:
    return "" if cut is None else " passes" if change.log_odds >= cut else " fails "


def _values(change: Change) -> str:
    shown = [f"{name} {_number(before)} to {_number(after)}" for name, before, after in change.values[:_MOST_VALUES]]
    more = len(change.values) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _number(value: float) -> str:
    return f"{value:.3g}"


def explanation_json(explanation: Explanation, call: CallFacts) -> dict[str, Any]:
    """Plain data, every fact included."""
    return {
        "chrom": call.contig,
        "pos": call.pos1,
        "ref": call.ref,
        "alt": call.alt,
        "verdict": call.verdict,
        "log_odds": explanation.log_odds,
        "log_odds_in_file": None if math.isnan(call.log_odds) else call.log_odds,
        "threshold_log_odds": threshold_log_odds(call),
        "base": explanation.base,
        "reasons": list(explanation.reasons),
        "families": dict(explanation.families),
        "facts": [
            {"name": fact.name, "value": fact.value, "log_odds": fact.log_odds, "family": fact.family}
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
