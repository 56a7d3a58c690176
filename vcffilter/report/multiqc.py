"""A tally as MultiQC's custom content: one row of a table, for reports of many samples. Plain data; knows no files.

MultiQC finds such content in files whose names end with SUFFIX, without a plugin.
"""

from __future__ import annotations

from typing import Any

from vcffilter.report.page import ReportInputs, expected_real_share
from vcffilter.report.tally import TYPES

SUFFIX = "_mqc.json"
_ID = "pileup_filter_report"


def custom_content(inputs: ReportInputs) -> dict[str, Any]:
    """The table; the row has the call set's name less its endings."""
    tally = inputs.tally
    row: dict[str, float | int | str] = {
        "model": inputs.model_id or "unknown",
        "passing": tally.n_passing,
        "failing": tally.n_failing,
    }
    n_scored = tally.n_passing + tally.n_failing
    if n_scored:
        row["failing_share"] = 100 * tally.n_failing / n_scored
    for name in TYPES:
        row[f"failing_{name.lower()}"] = int(tally.types[name].by_depth[:, 1].sum())
    row["not_scored"] = sum(tally.status.values())
    expected = expected_real_share(inputs)
    if expected is not None:
        row["expected_real_share"] = 100 * expected
    return {
        "id": _ID,
        "section_name": "pileup-filter report",
        "description": "ALTs that pass and fail by their reads; what is expected to be real is so as far as probabilities hold.",
        "plot_type": "table",
        "pconfig": {"id": f"{_ID}_table", "title": "pileup-filter: filtered calls", "namespace": "pileup-filter"},
        "headers": _headers(),
        "data": {_sample(inputs.name): row},
    }


def _sample(name: str) -> str:
    for ending in (".gz", ".vcf", ".bcf"):
        name = name.removesuffix(ending)
    return name


def _headers() -> dict[str, dict[str, Any]]:
    share = {"suffix": "%", "min": 0, "max": 100, "format": "{:,.1f}"}
    count = {"format": "{:,.0f}", "min": 0}
    return {
        "model": {"title": "Model"},
        "passing": {"title": "Passing", **count},
        "failing": {"title": "Failing", **count},
        "failing_share": {"title": "Failing, %", **share},
        "failing_snv": {"title": "Failing SNVs", **count},
        "failing_other": {"title": "Failing others", **count},
        "not_scored": {"title": "Not scored", **count},
        "expected_real_share": {"title": "Passing expected real, %", **share},
    }
