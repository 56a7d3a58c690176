"""An evaluation as one HTML page that needs nothing beside itself. Needs the extra [report]."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from vcffilter.errors import MissingExtraError, install_hint
from vcffilter.evaluation.evaluation import Evaluation
from vcffilter.evaluation.mistakes import FALSE_KEPT, TRUE_LOST
from vcffilter.evaluation.plots import all_plots, require_matplotlib
from vcffilter.evaluation.report import excluded_text, summary
from vcffilter.version import __version__

_COUNT_COLUMNS = (
    "Type", "Subtype", "Subset", "Filter", "TRUTH.TOTAL", "TRUTH.TP", "TRUTH.FN", "QUERY.TOTAL", "QUERY.FP",
    "METRIC.Recall", "METRIC.Recall.AtLeast", "METRIC.Precision", "METRIC.Precision.AtLeast", "METRIC.F1_Score",
)  # fmt: skip
_SCORE_COLUMNS = (
    "group", "score", "n_true", "n_false", "auroc", "auroc_low", "auroc_high", "auprc", "false_removed_99",
    "removed_at_least", "calibration_error",
)  # fmt: skip

_MISTAKE_COLUMNS = ("chrom", "pos", "ref", "alt", "type", "depth", "probability", "threshold", "reasons", "filter")
#: Mistakes shown in the page: the surest ones; all of them are in calls.tsv.
_MOST_MISTAKES = 200

_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
.note { color: #57606a; } img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .45rem; text-align: right; border-bottom: 1px solid #eaecef; white-space: nowrap; }
th { border-bottom: 1px solid #8b949e; } .text { text-align: left; }
tr.after td { border-bottom: 1px solid #8b949e; }
summary { cursor: pointer; color: #0b57d0; margin: .6rem 0; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>{{ summary }}</p>
<p class="note">{{ facts | join(", ") }}. Genotypes {{ "count" if match_genotypes else "do not count" }}. {{ excluded }}</p>
{% for heading, image in plots %}
<h2>{{ heading }}</h2>
<img alt="{{ heading }}" src="data:image/png;base64,{{ image }}">
{% endfor %}
{% for table in tables %}
<h2>{{ table.heading }}</h2>
{% if table.folded %}<details><summary>{{ table.rows | length }} rows</summary>{% endif %}
<div class="wide"><table>
<tr>{% for name in table.header %}<th{% if loop.index0 < table.n_text %} class="text"{% endif %}>{{ name }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr{% if row[3] == "PASS" %} class="after"{% endif %}>
{%- for cell in row %}<td{% if loop.index0 < table.n_text %} class="text"{% endif %}>{{ cell }}</td>{% endfor -%}
</tr>
{% endfor %}</table></div>
{% if table.folded %}</details>{% endif %}
{% endfor %}
<p class="note">vcffilter {{ version }}. ALL: every call. PASS: FILTER is PASS or empty.
Hard: the caller's own score is 1 or more. AtLeast, at least, at most: Clopper-Pearson, one-sided, 95%.
ECE and the intervals are explained in docs/evaluation.md.</p>
</body>
</html>
"""


def require_report_extra() -> None:
    """Raise MissingExtraError before any work when a page could not be made."""
    require_matplotlib()
    _jinja2()


def html(evaluation: Evaluation, title: str = "Evaluation of a filtered call set") -> str:
    """The page."""
    inputs = evaluation.inputs
    counts = [row.columns() for row in evaluation.rows]
    main = [row for row in counts if row["Subset"] == "*" and row["Subtype"] in ("*", "INS", "DEL", "COMPLEX")]
    hard = [row for row in counts if row["Subset"] in ("hard", "easy", "never_called")]
    tables = [
        _table("Counts by type", _COUNT_COLUMNS, main, n_text=4),
        _table("What the caller believed", _COUNT_COLUMNS, hard, n_text=4),
        _table("True calls lost", _MISTAKE_COLUMNS, _worst(evaluation, TRUE_LOST), n_text=5, folded=True),
        _table("False calls kept", _MISTAKE_COLUMNS, _worst(evaluation, FALSE_KEPT), n_text=5, folded=True),
        _table("Scores", _SCORE_COLUMNS, [row.columns() for row in evaluation.scores], n_text=2),
        _table("Every type, size and subset", _COUNT_COLUMNS, counts, n_text=4, folded=True),
    ]
    environment = _jinja2().Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE).render(
        title=title,
        facts=[
            f"calls {inputs.calls}",
            f"truth {inputs.truth}",
            f"confident {inputs.confident or 'everywhere'}",
            f"evaluated {_now()}",
        ],
        summary=summary(evaluation),
        excluded=excluded_text(evaluation) if inputs.exclude else "",
        match_genotypes=inputs.match_genotypes,
        plots=[(heading, base64.b64encode(image).decode()) for heading, image in all_plots(evaluation)],
        tables=[table for table in tables if table["rows"]],
        version=__version__,
    )


def _worst(evaluation: Evaluation, outcome: str) -> list[dict[str, Any]]:
    """The mistakes that the model was surest of: true calls of the lowest probability, false ones of the highest."""
    chosen = [one for one in evaluation.mistakes if one.outcome == outcome]
    chosen.sort(key=lambda one: one.probability if outcome == TRUE_LOST else -one.probability)
    return [{**one._asdict(), "pos": str(one.pos)} for one in chosen[:_MOST_MISTAKES]]


def _table(
    heading: str, header: Sequence[str], records: Iterable[dict[str, Any]], *, n_text: int, folded: bool = False
) -> dict[str, Any]:
    rows = [[_text(record[name]) for name in header] for record in records]
    return {"heading": heading, "header": header, "rows": rows, "n_text": n_text, "folded": folded}


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _jinja2() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError(
            "the HTML page needs jinja2", hint=f"{install_hint('jinja2', 'report')}, or give --no-html"
        ) from error
    return jinja2
