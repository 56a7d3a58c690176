"""A tally as one HTML page that needs nothing beside itself, and as JSON. Knows no files but its own template."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from vcffilter.errors import MissingExtraError, install_hint
from vcffilter.pictures.facts import CallFacts
from vcffilter.report.charts import charts
from vcffilter.report.tally import DEPTH_NAMES, THRESHOLD_OF_TYPE, TYPES, Tally, TypeTally, cut_facts
from vcffilter.version import __version__

#: Marks the JSON for programs that search for reports.
REPORT_MARKER = "vcffilter-report"
#: Cuts of the table, besides those in force.
_CUTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
_LIST_HEADER = ("call", "verdict", "probability", "threshold", "QUAL", "reads", "genotype", "reasons")


@dataclass(frozen=True)
class ReportInputs:
    """What a page is made of. name: of the call set. pictures: SVG by call. outside_share: of ALTs unlike the training data."""

    name: str
    model_id: str
    thresholds: dict[str, float]
    warnings: tuple[str, ...]
    tally: Tally
    pictures: dict[CallFacts, str]
    outside_share: float | None = None


def sentence(inputs: ReportInputs) -> str:
    """The one sentence on top."""
    tally = inputs.tally
    n = tally.n_passing + tally.n_failing
    if n == 0:
        return "No ALT of this call set was scored."
    unscored = sum(tally.status.values())
    more = f"; {unscored:,} were not scored" if unscored else ""
    share = expected_real_share(inputs)
    expected = "" if share is None else f" Of what passes the model expects {share:.1%} to be real."
    return f"{tally.n_failing:,} of {n:,} scored ALTs fail ({tally.n_failing / n:.1%}){more}.{expected}"


def expected_real_share(inputs: ReportInputs) -> float | None:
    """Of what passes the thresholds in force, by the probabilities; None where nothing does."""
    tally = inputs.tally
    kept = sum(cut_facts(tally.types[name], _cut(name, inputs.thresholds)).n_kept for name in TYPES)
    real = sum(tally.types[name].above(_cut(name, inputs.thresholds))[1] for name in TYPES)
    return float(real / kept) if kept else None


def _cut(name: str, thresholds: dict[str, float]) -> float:
    return thresholds.get(THRESHOLD_OF_TYPE[name], 0.0)


def page(inputs: ReportInputs) -> str:
    """The page. Raises MissingExtraError without jinja2 or matplotlib."""
    tally = inputs.tally
    # A call that failed by a hair stands in both lists; its picture is in the first.
    other_pictures = {call: picture for call, picture in inputs.pictures.items() if call not in set(tally.failed)}
    return render(
        title=f"Filtered calls: {inputs.name}",
        sentence=sentence(inputs),
        facts=_facts(inputs),
        warnings=inputs.warnings,
        count_tables=[_by_type(tally), _by_depth(tally), *([_by_stage(tally)] if tally.stages else []), _by_status(tally)],
        charts=charts(tally, inputs.thresholds),
        cuts=_cut_table(inputs),
        listings=[
            _listing("Failed calls that the caller was surest of", "By the caller's own QUAL.", tally.failed, inputs.pictures),
            _listing(
                "Borderline calls", "Nearest to their threshold: where another cut changes the verdict.", tally.borderline,
                other_pictures,
            ),
        ],
        footer=f"vcffilter {__version__}. A call is one ALT of a record. FILTER and INFO keys: docs/output.md.",
    )  # fmt: skip


def render(**parts: Any) -> str:
    """A page of the template's parts. Raises MissingExtraError without jinja2."""
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("a report needs jinja2", hint=install_hint("jinja2", "report")) from error
    template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    table = environment.from_string(_TABLE)
    text: str = environment.from_string(template).render(
        plain_table=lambda rows: jinja2.utils.markupsafe.Markup(table.render(rows=rows)), **parts
    )
    return text


_TABLE = """<div class="wide" tabindex="0" role="region" aria-label="{{ rows[0][0] }}"><table><thead><tr>
{% for name in rows[0] %}<th scope="col"{% if loop.first %} class="text"{% endif %}>{{ name }}</th>{% endfor %}
</tr></thead><tbody>
{% for row in rows[1:] %}<tr><th scope="row" class="text">{{ row[0] }}</th>
{%- for cell in row[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>"""


def to_json(inputs: ReportInputs) -> dict[str, Any]:
    """The page's numbers as a plain dictionary, for programs."""
    tally = inputs.tally
    return {
        "report": REPORT_MARKER,
        "program_version": __version__,
        "name": inputs.name,
        "model": inputs.model_id,
        "sentence": sentence(inputs),
        "thresholds": inputs.thresholds,
        "warnings": list(inputs.warnings),
        "outside_training_share": inputs.outside_share,
        "passing": tally.n_passing,
        "failing": tally.n_failing,
        "not_scored": dict(sorted(tally.status.items())),
        "filters": dict(sorted(tally.filters.items())),
        "by_depth": {name: _depth_json(tally.types[name]) for name in TYPES},
        **({"by_stage": {name: _counts_json(counts) for name, counts in sorted(tally.stages.items())}} if tally.stages else {}),
        "probability_histogram": {
            name: {"lowest": tally.types[name].lowest.tolist(), "calls": tally.types[name].by_bin[:, 0].astype(int).tolist()}
            for name in TYPES
        },
    }


def _depth_json(kind: TypeTally) -> dict[str, dict[str, int]]:
    return {name: _counts_json(row) for name, row in zip(DEPTH_NAMES, kind.by_depth.tolist(), strict=True)}


def _counts_json(counts: Sequence[int]) -> dict[str, int]:
    return {"passing": int(counts[0]), "failing": int(counts[1])}


def _facts(inputs: ReportInputs) -> list[str]:
    thresholds = ", ".join(f"{name} {value:g}" for name, value in inputs.thresholds.items())
    outside = inputs.outside_share
    unlike = [] if outside is None else [f"{outside:.1%} of the ALTs lie outside what the model was trained on"]
    return [f"model {inputs.model_id or 'unknown'}", f"thresholds: {thresholds or 'unknown'}", *unlike]


def _by_type(tally: Tally) -> list[list[str]]:
    rows = [["Type", "passing", "failing", "failing share"]]
    for name in TYPES:
        passing, failing = tally.types[name].by_depth.sum(0)
        rows.append([type_name(name), f"{passing:,}", f"{failing:,}", _percent(failing, passing + failing)])
    return rows


def _by_depth(tally: Tally) -> list[list[str]]:
    rows = [["Reads that informed the score", "SNV passing", "SNV failing", "other passing", "other failing"]]
    for index, name in enumerate(DEPTH_NAMES):
        counts = [int(n) for kind in TYPES for n in tally.types[kind].by_depth[index]]
        if any(counts):
            rows.append([name, *(f"{n:,}" for n in counts)])
    return rows


def _by_stage(tally: Tally) -> list[list[str]]:
    rows = [["Decided by", "passing", "failing", "failing share"]]
    for name, (passing, failing) in sorted(tally.stages.items(), reverse=True):
        rows.append([name, f"{passing:,}", f"{failing:,}", _percent(failing, passing + failing)])
    return rows


def _by_status(tally: Tally) -> list[list[str]]:
    rows = [["Not scored, or FILTER", "ALTs"]]
    rows += [[f"not scored: {name}", f"{n:,}"] for name, n in sorted(tally.status.items())]
    return rows + [[f"FILTER {name}", f"{n:,}"] for name, n in tally.filters.most_common(12)]


def _cut_table(inputs: ReportInputs) -> list[list[str]]:
    rows = [["Threshold", "kept", "removed", "expected precision", "expected true kept", "Ti/Tv kept", "Ti/Tv removed",
             "insertions per deletion", "het/hom"]]  # fmt: skip
    for name in TYPES:
        kind, own = inputs.tally.types[name], inputs.thresholds.get(THRESHOLD_OF_TYPE[name])
        if kind.n_scored == 0:
            continue
        for cut in sorted({*_CUTS, *(() if own is None else (own,))}):
            facts = cut_facts(kind, cut)
            mark = " (in force)" if cut == own else ""
            rows.append([
                f"{type_name(name)} {cut:g}{mark}", f"{facts.n_kept:,}", f"{facts.n_removed:,}", _share(facts.precision),
                _share(facts.recall), _number(facts.ti_tv_kept), _number(facts.ti_tv_removed),
                _number(facts.insertions_per_deletion), _number(facts.het_hom),
            ])  # fmt: skip
    return rows


def _listing(heading: str, note: str, calls: Sequence[CallFacts], pictures: dict[CallFacts, str]) -> dict[str, Any]:
    rows = [
        {
            "place": call.place,
            "verdict": call.verdict,
            "verdict_class": call.verdict if call.verdict in ("passes", "fails") else "",
            "cells": [
                f"{call.probability:.4f}", "–" if call.threshold is None else f"{call.threshold:g}",
                "–" if call.qual_phred is None else f"{call.qual_phred:.1f}", "–" if call.n_reads is None else str(call.n_reads),
                call.genotype or "–",
            ],
            "reasons": ", ".join(call.reasons) or "–",
            "picture": pictures.get(call, ""),
        }
        for call in calls
    ]  # fmt: skip
    return {"heading": heading, "note": note, "header": _LIST_HEADER, "rows": rows}


def type_name(name: str) -> str:
    """What a page calls one of TYPES."""
    return "SNV" if name == "SNV" else "indel, MNP, complex"


def _percent(n: int, total: int) -> str:
    return f"{n / total:.1%}" if total else "–"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
