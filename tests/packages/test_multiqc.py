"""The plugin in real MultiQC: general statistics, tables and plots say what the summaries say; what is no summary is left out."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess

import pytest
from packaged import filter_calls


@pytest.fixture(scope="module")
def summary(sample):
    return json.loads((sample / "whole.summary.json").read_text())


def rows_of(path):
    """Sample -> column -> text, of a table of MultiQC."""
    with path.open(newline="") as file:
        return {row.pop("Sample", None): row for row in csv.DictReader(file, delimiter="\t")}


def report(folder, *options):
    """(rows by sample of the files in multiqc_data, the page, what MultiQC said)."""
    done = subprocess.run(
        ["multiqc", "--strict", "--no-ansi", "-o", "report", *options, "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    data = {path.stem: rows_of(path) for path in (folder / "report" / "multiqc_data").glob("multiqc_*.txt")}
    page = folder / "report" / "multiqc_report.html"
    return data, page.read_text() if page.exists() else "", done.stderr


@pytest.mark.reliability("MultiQC: real reports over summaries, good and damaged")
def test_the_report_says_what_the_summaries_say(summary, tmp_path, record_property):
    record_property("cases", 6)
    twin = {**summary, "model": {"id": "mine", "sha256": "0"}, "warnings": [{"code": "c", "text": "<b>odd", "hint": "look"}]}
    family = {**summary, "samples": ["a", "b"], "read_samples": ["a", "b"], "alts": {}, "data": None}
    nothing = {**summary, "samples": [], "read_samples": ["reads"], "records": {**summary["records"], "passed": 0, "failed": 0}}
    for name, content in {"one": summary, "two": twin, "family": family, "sites": nothing}.items():
        (tmp_path / f"{name}.summary.json").write_text(json.dumps(content, indent=2))
    (tmp_path / "cut.json").write_text(json.dumps(summary, indent=2)[:700])
    (tmp_path / "other.json").write_text('{"report": "of something else"}')
    data, page, said = report(tmp_path)
    rows = data["multiqc_pileup_filter"]
    assert set(rows) == {"SIM (one)", "SIM (two)", "family", "reads"}
    records, row = summary["records"], rows["SIM (one)"]
    assert (int(row["passed"]), int(row["failed"])) == (records["passed"], records["failed"])
    assert float(row["failed_pct"]) == pytest.approx(100 * records["failed"] / records["scored"])
    for kind in ("snv", "indel"):
        assert int(row[f"{kind}_failed"]) == summary["alts"][kind]["failed"]
    assert (row["model"], row["n_warnings"]) == ("illumina-germline", "0")
    assert (rows["SIM (two)"]["model"], rows["SIM (two)"]["warnings"]) == ("mine", "c")
    assert rows["reads"]["failed_pct"] == ""
    assert "cut.json is no summary" in said
    assert "other.json" not in said
    general = data["multiqc_general_stats"]
    assert set(general) == set(rows)
    for section in ("samples", "records", "types", "probabilities", "warnings"):
        assert f'id="pileup_filter-{section}"' in page
    assert "&lt;b&gt;odd. look" in page
    assert "<b>odd" not in page


def test_shards_are_one_row_and_repeated_parts_are_not(sample, summary, tmp_path, program):
    for number, region in enumerate(("sim1:1-20000", "sim1:20001-40000")):
        shard = tmp_path / f"{number}.vcf.gz"
        filter_calls(program, sample, shard, "-r", region, "--summary", tmp_path / f"{number}.summary.json")
    data, _, _ = report(tmp_path)
    (row,) = data["multiqc_pileup_filter"].values()
    parts = [json.loads((tmp_path / f"{number}.summary.json").read_text()) for number in (0, 1)]
    assert row["parts"] == "2"
    assert int(row["failed"]) == sum(part["records"]["failed"] for part in parts) >= summary["records"]["failed"]
    shutil.copy(tmp_path / "1.summary.json", tmp_path / "again.summary.json")
    data, _, _ = report(tmp_path, "-f")
    assert [row["parts"] for row in data["multiqc_pileup_filter"].values()] == ["1", "1", "1"]


def test_the_users_settings_win(summary, tmp_path):
    (tmp_path / "one.summary.json").write_text(json.dumps(summary, indent=2))
    (tmp_path / "multiqc_config.yaml").write_text("use_filename_as_sample_name: [pileup_filter]\n")
    data, page, _ = report(tmp_path)
    assert set(data["multiqc_pileup_filter"]) == {"one"}
    assert re.search(r"pileup-filter.{0,400}0\.2\.0", page, re.DOTALL)
    (tmp_path / "multiqc_config.yaml").write_text("sp:\n  pileup_filter:\n    fn: nothing\n")
    data, _, said = report(tmp_path, "-f")
    assert "No analysis results found" in said
