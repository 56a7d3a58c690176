"""An evaluation as Markdown, CSV and JSON. Knows its dataclasses; draws nothing."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from vcffilter.evaluation.counts import CountRow, find_row
from vcffilter.evaluation.evaluation import Evaluation
from vcffilter.evaluation.scores import ScoreRow
from vcffilter.version import __version__

#: By this a JSON is recognised as such a report.
MARKER, FORMAT_VERSION = "vcffilter-evaluation", 1

_MAIN_TYPES = (("SNP", "*"), ("INDEL", "*"), ("INDEL", "INS"), ("INDEL", "DEL"), ("INDEL", "COMPLEX"), ("ALL", "*"))
_COUNT_HEADER = ("Type", "Subtype", "Subset", "Filter", "TRUTH.TOTAL", "TRUTH.TP", "TRUTH.FN", "QUERY.TOTAL", "QUERY.FP")
_METRIC_HEADER = ("METRIC.Recall", "METRIC.Precision", "METRIC.F1_Score")
_SUBSETS_SHOWN = ("hard", "depth_1_7", "depth_8_20", "depth_21_plus", "homopolymer_7_9", "homopolymer_10_plus", "tandem_repeat")


def markdown(evaluation: Evaluation) -> str:
    """The main numbers for a terminal: types, a few subsets before and after filtering, and the scores."""
    rows = evaluation.rows
    shown = [row for kind, subtype in _MAIN_TYPES for row in _both(rows, kind, "*", subtype)]
    for subset in (*_SUBSETS_SHOWN, *evaluation.inputs.strata):
        for kind in ("SNP", "INDEL"):
            shown += _both(rows, kind, subset)
    header = (*_COUNT_HEADER, *_METRIC_HEADER)
    lines = markdown_table(header, ([row.columns()[name] for name in header] for row in shown))
    if evaluation.inputs.exclude:
        lines += ["", excluded_text(evaluation)]
    if evaluation.scores:
        lines += ["", *score_table(evaluation.scores)]
    return "\n".join(lines) + "\n"


def excluded_text(evaluation: Evaluation) -> str:
    """One sentence on what was not counted."""
    n_calls, n_truth = evaluation.n_excluded
    return f"Excluded, counted neither as true nor as false: {n_calls} called ALTs, {n_truth} truth alleles."


def score_table(scores: Sequence[ScoreRow]) -> list[str]:
    """Markdown lines of the scores; depth bands only for probabilities."""
    header = ("Calls", "Score", "True", "False", "AUROC", "95% interval", "AUPRC", "False removed at 99% kept", "ECE")
    shown = [row for row in scores if "depth" not in row.group or row.calibration_error is not None]
    return markdown_table(
        header,
        (
            (
                row.group, row.score, row.n_true, row.n_false, row.auroc,
                "-" if row.interval is None else f"{row.interval[0]:.4f} to {row.interval[1]:.4f}",
                row.auprc, row.false_removed_99, row.calibration_error,
            )
            for row in shown
        ),
    )  # fmt: skip


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
