"""A comparison of two filtered files as one HTML page that needs nothing beside itself, and as JSON. Knows no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vcffilter.pictures.facts import CallFacts
from vcffilter.report.comparison import MOVES, NEWLY_FAIL, NEWLY_PASS, SHIFT_BORDERS, Comparison, Crossing
from vcffilter.report.page import render, type_name
from vcffilter.report.tally import DEPTH_NAMES, TYPES
from vcffilter.version import __version__

#: Marks the JSON for programs that search for reports.
COMPARISON_MARKER = "vcffilter-report-comparison"
_LIST_HEADER = (
    "call", "now", "probability before", "after", "threshold before", "after", "QUAL", "reads", "moved by", "reasons"
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One of the two files. name: of the file. thresholds: by "snv" and "indel"."""

    name: str
    model_id: str
    thresholds: Mapping[str, float]
    warnings: tuple[str, ...]

    @property
    def text(self) -> str:
        """Model and thresholds in a few words."""
        cuts = ", ".join(f"{name} {value:g}" for name, value in self.thresholds.items())
        return f"{self.name}: model {self.model_id or 'unknown'}, thresholds {cuts or 'unknown'}"


@dataclass(frozen=True)
class ComparisonInputs:
    """What a page is made of. pictures: SVG by call, of the second file's facts."""

    before: Side
    after: Side
    comparison: Comparison
    pictures: Mapping[CallFacts, str]


def comparison_sentence(inputs: ComparisonInputs) -> str:
    """The one sentence on top."""
    found = inputs.comparison
    if found.n_both == 0:
        return "No ALT is scored in both files."
    fail, keep = found.moved(NEWLY_FAIL), found.moved(NEWLY_PASS)
    share = (fail + keep) / found.n_both
    more = f"; {found.only_first + found.only_second:,} are in one file alone" if found.only_first or found.only_second else ""
    return f"Of {found.n_both:,} ALTs scored in both, {fail:,} newly fail and {keep:,} newly pass ({share:.1%}){more}."


def comparison_page(inputs: ComparisonInputs) -> str:
    """The page. Raises MissingExtraError without jinja2."""
    found = inputs.comparison
    warnings = [f"{side.name}: {text}" for side in (inputs.before, inputs.after) for text in side.warnings]
    return render(
        title=f"What moved: {inputs.before.name} to {inputs.after.name}",
        sentence=comparison_sentence(inputs),
        facts=[f"before: {inputs.before.text}", f"after: {inputs.after.text}"],
        warnings=warnings,
        count_tables=[_by_type(found), _causes(found), _reasons(found), _shifts(found)],
        charts=[],
        cuts=None,
        listings=[
            _listing("Newly failing calls", found.newly_fail, inputs.pictures),
            _listing("Newly passing calls", found.newly_pass, inputs.pictures),
        ],
        footer=f"vcffilter {__version__}. A call is one ALT of a record. Reasons of what newly fails are the second file's, of "
        "what newly passes the first's; filter --reasons writes them.",
    )


def comparison_json(inputs: ComparisonInputs) -> dict[str, Any]:
    """The page's numbers as a plain dictionary, for programs."""
    found = inputs.comparison
    return {
        "report": COMPARISON_MARKER,
        "program_version": __version__,
        "sentence": comparison_sentence(inputs),
        **{
            name: {"name": side.name, "model": side.model_id, "thresholds": dict(side.thresholds)}
            for name, side in (("before", inputs.before), ("after", inputs.after))
        },
        "by_depth": {
            name: {
                depth: dict(zip(MOVES, map(int, row), strict=True))
                for depth, row in zip(DEPTH_NAMES, found.by_type_and_depth[index], strict=True)
            }
            for index, name in enumerate(TYPES)
        },
        "causes": _by_direction(found.causes),
        "reasons": _by_direction(found.reasons),
        "log_odds_shift": {"borders": list(SHIFT_BORDERS), "alts": found.shifts.tolist()},
        "only_first": found.only_first,
        "only_second": found.only_second,
        "scored_in_one": found.scored_in_one,
    }


def _by_direction(counted: Mapping[tuple[bool, str], int]) -> dict[str, dict[str, int]]:
    return {
        MOVES[NEWLY_FAIL if newly_fails else NEWLY_PASS]: {
            name: n for (fails, name), n in sorted(counted.items()) if fails == newly_fails
        }
        for newly_fails in (True, False)
    }


def _by_type(found: Comparison) -> list[list[str]]:
    rows = [["Type, reads that informed the score", *MOVES]]
    for index, name in enumerate(TYPES):
        for depth, counts in zip(DEPTH_NAMES, found.by_type_and_depth[index], strict=True):
            if counts.any():
                rows.append([f"{type_name(name)}, {depth}", *(f"{int(n):,}" for n in counts)])
    rows.append(["all", *(f"{found.moved(move):,}" for move in range(len(MOVES)))])
    one_alone = [("only in the first file", found.only_first), ("only in the second file", found.only_second)]
    one_alone.append(("scored in one file alone", found.scored_in_one))
    return rows + [[f"{text}: {n:,}", "", "", "", ""] for text, n in one_alone if n]


def _causes(found: Comparison) -> list[list[str]]:
    return [["Moved across the cut by", MOVES[NEWLY_FAIL], MOVES[NEWLY_PASS]], *_directions(found.causes)]


def _reasons(found: Comparison) -> list[list[str]]:
    return [["Reason of the failing side", MOVES[NEWLY_FAIL], MOVES[NEWLY_PASS]], *_directions(found.reasons)]


def _directions(counted: Mapping[tuple[bool, str], int]) -> list[list[str]]:
    names = {name for _, name in counted}
    both = {name: (counted.get((True, name), 0), counted.get((False, name), 0)) for name in names}
    return [[name, f"{both[name][0]:,}", f"{both[name][1]:,}"] for name in sorted(names, key=lambda one: (-sum(both[one]), one))]


def _shifts(found: Comparison) -> list[list[str]]:
    edges = ["", *(f"{border:+g}" for border in SHIFT_BORDERS), ""]
    rows = [["Log-odds after minus before", "ALTs"]]
    for index, n in enumerate(found.shifts):
        low, high = edges[index], edges[index + 1]
        name = f"below {high}" if not low else (f"{low} and more" if not high else f"{low} to {high}")
        rows.append([name, f"{int(n):,}"])
    return rows


def _listing(heading: str, crossings: Sequence[Crossing], pictures: Mapping[CallFacts, str]) -> dict[str, Any]:
    rows = []
    for one in crossings:
        before, after = one.before, one.after
        failing = after if one.newly_fails else before
        cuts = ["–" if call.threshold is None else f"{call.threshold:g}" for call in (before, after)]
        rows.append({
            "place": after.place,
            "verdict": after.verdict,
            "verdict_class": after.verdict if after.verdict in ("passes", "fails") else "",
            "cells": [
                f"{before.probability:.4f}", f"{after.probability:.4f}", *cuts,
                "–" if after.qual_phred is None else f"{after.qual_phred:.1f}",
                "–" if after.n_reads is None else str(after.n_reads),
                one.cause or "–",
            ],
            "reasons": ", ".join(failing.reasons) or "–",
            "picture": pictures.get(after, ""),
        })  # fmt: skip
    note = "Those that the caller was surest of, by its own QUAL. Reasons are those of the file in which the call fails."
    return {"heading": heading, "note": note, "header": _LIST_HEADER, "rows": rows}
