"""The section of pileup-filter in a MultiQC report."""

from __future__ import annotations

import html
import logging
from typing import Any

from multiqc.base_module import BaseMultiqcModule, ModuleNoSamplesFound
from multiqc.plots import bargraph, linegraph, table

from multiqc_pileup_filter.hooks import MODULE_ID
from multiqc_pileup_filter.summaries import TYPES, NoSummary, Summary, read_summary, row_names, together

log = logging.getLogger(f"multiqc.modules.{MODULE_ID}")

_TYPE_NAMES = {"snv": "SNVs", "indel": "Indels"}
_PASSED, _FAILED, _UNSCORED, _BLOCK = "#7cb5ec", "#d9534f", "#b0b0b0", "#e4d8a8"


class MultiqcModule(BaseMultiqcModule):
    """General statistics, a table, what was filtered by type, probabilities and warnings, by sample."""

    def __init__(self) -> None:
        super().__init__(
            name="pileup-filter",
            anchor=MODULE_ID,
            info="Looks at the reads behind every call of a VCF and says in FILTER and INFO whether the call is real.",
        )
        runs = self.ignore_samples(self._runs())
        if not runs:
            raise ModuleNoSamplesFound
        log.info("Found %d reports", len(runs))
        self._add_general_stats(runs)
        self._add_table(runs)
        self._add_records(runs)
        self._add_types(runs)
        self._add_probabilities(runs)
        self._add_warnings(runs)
        self.write_data_file({name: _flat(one) for name, one in runs.items()}, f"multiqc_{MODULE_ID}")

    def _runs(self) -> dict[str, Summary]:
        """By the name of its row."""
        files: dict[str, Any] = {}
        read: list[tuple[str, Summary]] = []
        for file in self.find_log_files(MODULE_ID):
            path = f"{file['root']}/{file['fn']}"
            try:
                read.append((path, read_summary(file["f"])))
            except NoSummary as error:
                log.warning("%s is no summary of pileup-filter, left out: %s", path, error)
                continue
            files[path] = file
        found = together(read)
        wanted = row_names([(files[path]["s_name"], summary) for path, summary in found])
        runs: dict[str, Summary] = {}
        for (path, summary), unique in zip(found, wanted, strict=True):
            name = self.clean_s_name(unique, files[path])
            # Where the user's settings make two names one, both rows stay.
            name = unique if name in runs else name
            self.add_data_source(files[path], name)
            self.add_software_version(summary.version, name)
            runs[name] = summary
        return runs

    def _add_general_stats(self, runs: dict[str, Summary]) -> None:
        headers = {
            "scored": _count("Scored", "Records whose calls were looked at", "Blues"),
            "failed_pct": _percent("Filtered", "Share of the scored records that fail", "OrRd"),
            "unscored_pct": _percent("Not scored", "Share of the records that were left as they were", "Greys", hidden=True),
            "n_warnings": _count("Warnings", "Warnings of pileup-filter: see its section", "Reds", max=4),
        }
        self.general_stats_addcols({name: _flat(one) for name, one in runs.items()}, headers)

    def _add_table(self, runs: dict[str, Summary]) -> None:
        self.add_section(
            name="Samples",
            anchor=f"{MODULE_ID}-samples",
            description="Each run of `pileup-filter filter`. Runs over parts of one file of calls are put together.",
            plot=table.plot(
                {name: _flat(one) for name, one in runs.items()},
                _columns(),
                {"id": f"{MODULE_ID}-table", "title": "pileup-filter: samples"},
            ),
        )

    def _add_records(self, runs: dict[str, Summary]) -> None:
        statuses = sorted({status for one in runs.values() for status in one.unscored})
        categories = {
            "passed": {"name": "Passed", "color": _PASSED},
            "failed": {"name": "Failed", "color": _FAILED},
            **{f"unscored_{status}": {"name": f"Not scored: {status}", "color": _UNSCORED} for status in statuses},
            "blocks": {"name": "gVCF blocks", "color": _BLOCK},
        }
        data = {
            name: {
                "passed": one.n_passed,
                "failed": one.n_failed,
                "blocks": one.n_blocks,
                **{f"unscored_{status}": one.unscored[status] for status in statuses},
            }
            for name, one in runs.items()
        }
        self.add_section(
            name="Records",
            anchor=f"{MODULE_ID}-records",
            description="What became of every record. What was not scored stays exactly as it was.",
            plot=bargraph.plot(
                data, categories, {"id": f"{MODULE_ID}-records-plot", "title": "pileup-filter: records", "ylab": "Records"}
            ),
        )

    def _add_types(self, runs: dict[str, Summary]) -> None:
        data = [
            {name: {"passed": one.of_type(kind).passed, "failed": one.of_type(kind).failed} for name, one in runs.items()}
            for kind in TYPES
        ]
        if not any(row["passed"] + row["failed"] for rows in data for row in rows.values()):
            return
        categories = {"passed": {"name": "Passed", "color": _PASSED}, "failed": {"name": "Failed", "color": _FAILED}}
        self.add_section(
            name="Filtered by type",
            anchor=f"{MODULE_ID}-types",
            description="Scored ALTs that pass and that fail; indels are all that are no single-base substitutions.",
            plot=bargraph.plot(
                data,
                [categories] * len(TYPES),
                {
                    "id": f"{MODULE_ID}-types-plot",
                    "title": "pileup-filter: scored ALTs",
                    "ylab": "ALTs",
                    "data_labels": [{"name": _TYPE_NAMES[kind], "ylab": _TYPE_NAMES[kind]} for kind in TYPES],
                },
            ),
        )

    def _add_probabilities(self, runs: dict[str, Summary]) -> None:
        data = [{name: shares for name, one in runs.items() if (shares := _shares(one, kind))} for kind in TYPES]
        if not any(data):
            return
        self.add_section(
            name="Probabilities",
            anchor=f"{MODULE_ID}-probabilities",
            description="How probable the scored ALTs are to be real.",
            helptext="""
            Of each sample the share of its scored ALTs in each of twenty bins of the calibrated probability. Good calls of good
            data lie at both ends. Much in the middle means that the reads do not tell: few reads, long homopolymers, paralogs, or
            data unlike those that the model was trained on.
            """,
            plot=linegraph.plot(
                data,
                {
                    "id": f"{MODULE_ID}-probabilities-plot",
                    "title": "pileup-filter: probabilities",
                    "xlab": "Probability that the ALT is real",
                    "ylab": "Scored ALTs",
                    "ysuffix": "%",
                    "xmin": 0,
                    "xmax": 1,
                    "ymin": 0,
                    "logswitch": True,
                    "tt_label": "{point.x:.3f}: {point.y:.2f}%",
                    "data_labels": [{"name": _TYPE_NAMES[kind], "ylab": f"Scored {_TYPE_NAMES[kind]}"} for kind in TYPES],
                },
            ),
        )

    def _add_warnings(self, runs: dict[str, Summary]) -> None:
        rows = [
            f"<tr><td>{html.escape(name)}</td><td><code>{html.escape(one.code)}</code></td>"
            f"<td>{html.escape(one.text)}. {html.escape(one.hint)}</td></tr>"
            for name, run in runs.items()
            for one in run.warnings
        ]
        if not rows:
            return
        n_warned = sum(bool(run.warnings) for run in runs.values())
        self.add_section(
            name="Warnings",
            anchor=f"{MODULE_ID}-warnings",
            description=f"{n_warned} of {len(runs)} samples ran with warnings: their results may be wrong.",
            content='<table class="table table-sm table-condensed"><thead><tr><th>Sample</th><th>Warning</th>'
            f"<th>What, and what to do</th></tr></thead><tbody>{''.join(rows)}</tbody></table>",
        )


def _columns() -> dict[str, dict[str, Any]]:
    """Of the table of samples."""
    unlike = "Share of the ALTs with many facts outside of what the model was trained on"
    return {
        "model": _plain("Model", "Model that scored"),
        "records": _count("Records", "Records read", "Blues"),
        "scored": _count("Scored", "Records with a scored ALT", "Blues"),
        "passed": _count("Passed", "Scored records that pass", "Greens"),
        "failed": _count("Failed", "Scored records of which every scored ALT fails", "OrRd"),
        "failed_pct": _percent("Failed", "Share of the scored records that fail", "OrRd"),
        "snv_failed_pct": _percent("SNVs failed", "Share of the scored single-base ALTs that fail", "OrRd"),
        "indel_failed_pct": _percent("Indels failed", "Share of the scored other ALTs that fail", "OrRd"),
        "unscored": _count("Not scored", "Records left as they were", "Greys"),
        "outside_pct": _percent("Unlike training", unlike, "Purples"),
        "threshold_snv": _plain("SNV cut", "Lowest probability that passes, SNVs", format="{:.2f}"),
        "threshold_indel": _plain("Indel cut", "Lowest probability that passes, indels", format="{:.2f}"),
        "blocks": _count("gVCF blocks", "Blocks left alone", "Greys", hidden=True),
        "parts": _count("Parts", "Runs over parts of the calls, put together here", "Greys", hidden=True),
        "seconds": _plain("Seconds", "Wall clock, all parts", hidden=True, format="{:,.0f}"),
        "peak_mib": _plain("Memory", "Peak of resident memory", hidden=True, format="{:,.0f}", suffix=" MiB"),
        "version": _plain("Version", "Of pileup-filter", hidden=True),
    }


def _plain(title: str, description: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "description": description, "scale": False, **more}


def _count(title: str, description: str, scale: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "description": description, "scale": scale, "min": 0, "format": "{:,d}", **more}


def _percent(title: str, description: str, scale: str, **more: Any) -> dict[str, Any]:
    shown = {"suffix": "%", "min": 0, "max": 100, "format": "{:,.1f}"}
    return {"title": title, "description": description, "scale": scale, **shown, **more}


def _shares(one: Summary, kind: str) -> dict[float, float]:
    """Middle of each bin of probabilities -> percent of the scored ALTs of the type; empty without any."""
    counts = one.of_type(kind).by_probability
    total = sum(counts)
    if not total:
        return {}
    return {round((place + 0.5) / len(counts), 4): 100 * n / total for place, n in enumerate(counts)}


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _flat(one: Summary) -> dict[str, Any]:
    """One row of numbers; those that are unknown are left out."""
    n_alts = sum(one.of_type(kind).scored for kind in TYPES)
    row = {
        "model": one.model,
        "version": one.version,
        "records": one.n_records,
        "scored": one.n_scored,
        "passed": one.n_passed,
        "failed": one.n_failed,
        "failed_pct": _share(one.n_failed, one.n_scored),
        "unscored": one.n_unscored,
        "unscored_pct": _share(one.n_unscored, one.n_scored + one.n_unscored),
        "blocks": one.n_blocks,
        "outside_pct": None if one.n_outside is None else _share(one.n_outside, n_alts),
        "threshold_snv": one.threshold_snv,
        "threshold_indel": one.threshold_indel,
        "parts": one.n_parts,
        "seconds": one.seconds,
        "peak_mib": one.peak_bytes / 2**20,
        "n_warnings": len(one.warnings),
        "warnings": ",".join(dict.fromkeys(warning.code for warning in one.warnings)),
    }
    for kind in TYPES:
        counts = one.of_type(kind)
        row.update({f"{kind}_passed": counts.passed, f"{kind}_failed": counts.failed})
        row[f"{kind}_failed_pct"] = _share(counts.failed, counts.scored)
    return {key: value for key, value in row.items() if value is not None}
