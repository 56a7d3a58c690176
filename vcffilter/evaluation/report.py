"""An evaluation as Markdown, CSV and JSON. Knows its dataclasses; draws nothing."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit
from vcffilter.evaluation.counts import CountRow, find_row
from vcffilter.evaluation.evaluation import Evaluation
from vcffilter.evaluation.scores import ScoreRow
from vcffilter.version import __version__

#: By this a JSON is recognised as such a report.
MARKER, FORMAT_VERSION = "vcffilter-evaluation", 1
#: Columns of a terminal that what is printed fits.
WIDTH = 100

_MAIN_TYPES = (("SNP", "*"), ("INDEL", "*"), ("INDEL", "INS"), ("INDEL", "DEL"), ("INDEL", "COMPLEX"), ("ALL", "*"))
# What a terminal shows of the columns of counts.csv: all of it fits a line of 100.
_COLUMNS = {
    "Filter": "Filter", "Truth": "TRUTH.TOTAL", "Found": "TRUTH.TP", "False": "QUERY.FP", "Recall": "METRIC.Recall",
    "Precision": "METRIC.Precision", "F1": "METRIC.F1_Score",
}  # fmt: skip
_WIDEST_SUBSET = 20
_REMOVED_EXPLAINED = "Removed: the share of false calls below the cut that keeps 99% of the true ones (and its limit)."
_LIMITS = "Limits: Clopper-Pearson, one-sided, 95%; wider where neighbouring calls go wrong together."
_SUBSETS_SHOWN = ("hard", "depth_1_7", "depth_8_20", "depth_21_plus", "homopolymer_7_9", "homopolymer_10_plus", "tandem_repeat")


def markdown(evaluation: Evaluation) -> str:
    """The main numbers for a terminal, at most 100 columns wide: what the filter did, types and a few subsets before and
    after filtering, and the scores.
    """
    rows = evaluation.rows
    shown = [row for kind, subtype in _MAIN_TYPES for row in _both(rows, kind, "*", subtype)]
    for subset in (*_SUBSETS_SHOWN, *evaluation.inputs.strata):
        for kind in ("SNP", "INDEL"):
            shown += [row for row in _both(rows, kind, subset) if row.truth_total or row.query_tp or row.query_fp]
    cells = ([row.type, _subset(row), *(row.columns()[name] for name in _COLUMNS.values())] for row in shown)
    lines = [*_wrapped(summary(evaluation)), "", *markdown_table(("Type", "Subset", *_COLUMNS), cells)]
    lines += ["", *_wrapped(limits_text(rows))]
    if evaluation.inputs.exclude:
        lines += ["", excluded_text(evaluation)]
    if evaluation.scores:
        lines += [
            "",
            *score_table(evaluation.scores),
            _REMOVED_EXPLAINED,
        ]
    return "\n".join(lines) + "\n"


def summary(evaluation: Evaluation) -> str:
    """What the filter did, and which model at which cut, in one sentence each."""
    sides = [find_row(evaluation.rows, "ALL", name) for name in ("ALL", "PASS")]
    before, after = (sides[0], sides[1])
    if before is None or after is None:
        return "No call was judged."
    parts = []
    for name, kind in (("SNVs", "SNP"), ("other alleles", "INDEL")):
        of_type = [find_row(evaluation.rows, kind, side) for side in ("ALL", "PASS")]
        if of_type[0] is not None and of_type[1] is not None:
            parts.append(f"{name}: {_done(of_type[0], of_type[1])}")
    run = f" Model and cut: {evaluation.run}." if evaluation.run is not None else ""
    return f"{_done(before, after)} ({'; '.join(parts)}).{run}"


def _done(before: CountRow, after: CountRow) -> str:
    removed, lost = before.query_fp - after.query_fp, before.query_tp - after.query_tp
    least = f" (at least {100 * lower_limit(max(removed, 0), before.query_fp):.1f}%)" if before.query_fp else ""
    most = f" (at most {100 * upper_limit(max(lost, 0), before.query_tp):.1f}%)" if before.query_tp else ""
    return f"{removed:,} of {before.query_fp:,} false calls removed{least}, {lost:,} of {before.query_tp:,} true ones lost{most}"


def limits_text(rows: Sequence[CountRow]) -> str:
    """What the counts after filtering allow to claim; of every row in counts.csv."""
    parts = []
    for kind in ("SNP", "INDEL", "ALL"):
        row = find_row(rows, kind, "PASS")
        if row is not None:
            claims = (("recall", row.recall_at_least), ("precision", row.precision_at_least))
            parts.append(f"{kind} " + ", ".join(f"{name} {least:.4f}" for name, least in claims if least is not None))
    return f"After filtering at least: {'; '.join(parts)}. {_LIMITS}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _subset(row: CountRow) -> str:
    """Subtype and subset in one short cell; a stratum's long name is cut in the middle."""
    name = row.subset if row.subtype == "*" else row.subtype if row.subset == "*" else f"{row.subset} {row.subtype}"
    half = _WIDEST_SUBSET // 2 - 1
    return name if len(name) <= _WIDEST_SUBSET else f"{name[:half]}..{name[-half:]}"


def excluded_text(evaluation: Evaluation) -> str:
    """One sentence on what was not counted."""
    n_calls, n_truth = evaluation.n_excluded
    return f"Excluded, counted neither as true nor as false: {n_calls} called ALTs, {n_truth} truth alleles."


def score_table(scores: Sequence[ScoreRow]) -> list[str]:
    """Markdown lines of the scores; depth bands only for probabilities."""
    header = ("Calls", "Score", "True", "False", "AUROC", "95% interval", "Removed", "ECE")
    shown = [row for row in scores if "depth" not in row.group or row.calibration_error is not None]
    return markdown_table(
        header,
        (
            (
                row.group, row.score, row.n_true, row.n_false, row.auroc,
                "-" if row.interval is None else f"{row.interval[0]:.4f}-{row.interval[1]:.4f}",
                _with_limit(row), row.calibration_error,
            )
            for row in shown
        ),
    )  # fmt: skip


def _with_limit(row: ScoreRow) -> str:
    share, least = row.false_removed_99, row.removed_at_least
    return "-" if share is None or least is None else f"{100 * share:.1f}% ({100 * least:.0f}%)"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a Markdown table with columns padded to one width; None becomes `-`, floats get four decimals."""
    cells = [list(header), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def csv_text(records: Sequence[dict[str, Any]]) -> str:
    """CSV of dictionaries with the same keys; None becomes an empty field."""
    stream = io.StringIO()
    if records:
        writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return stream.getvalue()


def json_text(evaluation: Evaluation) -> str:
    """Everything, for programs."""
    data = {
        "report": MARKER,
        "format_version": FORMAT_VERSION,
        "vcffilter": __version__,
        "parameters": {**dataclasses.asdict(evaluation.inputs), "strata": dict(evaluation.inputs.strata)},
        "summary": summary(evaluation),
        "model": None if evaluation.run is None else dataclasses.asdict(evaluation.run),
        "excluded": {"calls": evaluation.n_excluded[0], "truth": evaluation.n_excluded[1]},
        "counts": [row.columns() for row in evaluation.rows],
        "scores": [row.columns() for row in evaluation.scores],
        "curves": [dataclasses.asdict(curve) for curve in evaluation.curves],
        "reliability": [dataclasses.asdict(one) for one in evaluation.reliability],
        "histogram": {"false": evaluation.histogram[0], "true": evaluation.histogram[1]},
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _both(rows: Sequence[CountRow], kind: str, subset: str, subtype: str = "*") -> list[CountRow]:
    """The rows before and after filtering, where there are any."""
    found = (find_row(rows, kind, name, subset, subtype) for name in ("ALL", "PASS"))
    return [row for row in found if row is not None]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
