"""The workflow by real Nextflow: what comes out is what the filter writes of each sample, whichever way it is shared out."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cohort import Cohort, Sample
from engine import PIPELINE, ROOT, Engine, Run

Recorder = Callable[[str, object], None]


def _common(cohort: Cohort, sheet: Path | None = None) -> list[str | Path]:
    return ["--input", sheet or cohort.sheet, "--fasta", cohort.reference, "--filter_args=--no-version"]


_WITH_BACKGROUND = "sample,vcf,reads,background"


def _beside(other: Sample) -> list[str | Path]:
    """Options of the filter for another sample's reads as background."""
    return [option for bam in other.reads for option in ("--background", bam)]


def _succeeded(run: Run) -> Run:
    assert run.exit_code == 0, run.said
    return run


def _records(run: Run, sample: Sample) -> bytes:
    path = run.results / sample.name / f"{sample.name}.filtered.vcf.gz"
    # An index that does not fit would not find the last record.
    last = subprocess.run(["bcftools", "view", "-H", "-r", "chrB", path], check=True, stdout=subprocess.PIPE).stdout
    whole = gzip.decompress(path.read_bytes())
    assert whole.endswith(last)
    assert last
    return whole


def _summary(run: Run, sample: Sample) -> dict:
    return json.loads((run.results / sample.name / f"{sample.name}.filtered.summary.json").read_text())


@pytest.mark.reliability("Nextflow: one task a sample, several BAMs; -resume: nothing runs again, or one sample")
def test_one_task_a_sample_and_resume(cohort: Cohort, engine: Engine, tmp_path: Path, record_property: Recorder) -> None:
    record_property("cases", 3)
    copy = tmp_path / "S2.vcf.gz"
    copy.write_bytes(cohort.samples[1].calls.read_bytes())
    first, second = cohort.samples
    lines = [f"{first.name},{first.calls},{bam}," for bam in first.reads]
    lines.append(f"{second.name},{copy},{second.reads[0]},{';'.join(map(str, first.reads))}")
    sheet = cohort.write_sheet("resume.csv", lines, _WITH_BACKGROUND)

    arguments = [*_common(cohort, sheet), "--skip_multiqc"]
    run = _succeeded(engine.run(*arguments))

    for sample in cohort.samples:
        assert _records(run, sample) == cohort.filtered(sample, *(_beside(first) if sample is second else []))
        assert _summary(run, sample)["records"]["total"] > 50
    assert _summary(run, first)["background"] is None
    assert [one["name"] for one in _summary(run, second)["background"]["samples"]] == ["S1"]
    assert len(_summary(run, first)["data"]["reads"]) == 2
    assert [attempt.status for attempt in run.of("PILEUP_FILTER")] == ["COMPLETED"] * 2
    versions = (run.results / "pipeline_info/software_mqc_versions.yml").read_text()
    assert "PILEUP_FILTER:\n" in versions
    assert "    pileup-filter: 0." in versions
    assert "    bcftools: 1." in versions

    again = _succeeded(engine.run(*arguments, "-resume"))
    assert {attempt.tag: attempt.status for attempt in again.attempts} == {"S1": "CACHED", "S2": "CACHED"}

    subprocess.run(["bcftools", "view", "-r", "chrA", "-Oz", "-o", copy, second.calls], check=True)
    changed = _succeeded(engine.run(*arguments, "-resume"))
    assert {attempt.tag: attempt.status for attempt in changed.attempts} == {"S1": "CACHED", "S2": "COMPLETED"}


@pytest.mark.reliability("Nextflow: three tasks a sample, gathered: the whole run byte for byte; MultiQC over the summaries")
@pytest.mark.usefixtures("multiqc")
def test_scattered_equals_whole(cohort: Cohort, engine: Engine, tmp_path: Path, record_property: Recorder) -> None:
    record_property("cases", 3)
    bare = tmp_path / "bare.vcf.gz"
    first, second = cohort.samples
    bare.write_bytes(second.calls.read_bytes())
    lines = [f"{first.name},{first.calls},{bam}," for bam in first.reads]
    lines.append(f"{second.name},{bare},{second.reads[0]},{';'.join(map(str, first.reads))}")
    nothing = Sample("NONE", tmp_path / "nothing.vcf.gz", second.reads)
    subprocess.run(["bcftools", "view", "-h", "-Oz", "-o", nothing.calls, second.calls], check=True)
    lines.append(f"{nothing.name},{nothing.calls},{nothing.reads[0]},")
    sheet = cohort.write_sheet("scatter.csv", lines, _WITH_BACKGROUND)

    run = _succeeded(engine.run(*_common(cohort, sheet), "--scatter", "3"))

    table = (run.results / "multiqc/multiqc_report_data/multiqc_pileup_filter.txt").read_text().splitlines()
    # NONE's calls have the header of S2's, and so that sample's name.
    assert len(table) == 4
    assert {line.split("\t")[0].split()[0] for line in table} == {"Sample", "S1", "S2"}
    assert len(run.of("PILEUP_FILTER")) == 7
    assert {attempt.tag for attempt in run.of("INDEX_CALLS")} == {"S2", "NONE"}
    unfiltered = gzip.decompress((run.results / "NONE/NONE.filtered.vcf.gz").read_bytes())
    assert unfiltered == cohort.filtered(nothing)
    for sample in cohort.samples:
        whole = cohort.filtered(sample, *(_beside(first) if sample is second else []))
        assert _records(run, sample) == whole
        summary = _summary(run, sample)
        assert summary["shards"] == 3
        assert summary["records"]["total"] == sum(1 for line in whole.splitlines() if not line.startswith(b"#"))
        by_type = summary["alts"].values()
        assert sum(sum(counts["by_probability"]) for counts in by_type) == summary["alleles"]["scored"]


@pytest.mark.long
@pytest.mark.reliability("Nextflow: two samples in one task (panels)")
def test_several_samples_a_task(cohort: Cohort, engine: Engine, record_property: Recorder) -> None:
    record_property("cases", 2)
    first, second = cohort.samples
    lines = [f"{first.name},{first.calls},{bam},{second.reads[0]}" for bam in first.reads]
    lines.append(f"{second.name},{second.calls},{second.reads[0]},{';'.join(map(str, first.reads))}")
    sheet = cohort.write_sheet("panel.csv", lines, _WITH_BACKGROUND)
    run = _succeeded(engine.run(*_common(cohort, sheet), "--samples_per_task", "2", "--skip_multiqc"))

    assert len(run.of("PILEUP_FILTER_PANEL")) == 1
    for sample, other in ((first, second), (second, first)):
        assert _records(run, sample) == cohort.filtered(sample, *_beside(other))
        assert _summary(run, sample)["records"]["total"] > 50


@pytest.mark.long
@pytest.mark.reliability("Nextflow: -stub of the scattered workflow with its report; Nextflow 24.10.0")
def test_stub_by_the_older_nextflow(cohort: Cohort, engine: Engine, record_property: Recorder) -> None:
    older = Engine(engine.folder, version="24.10.0")
    arguments = ["--input", cohort.sheet, "--fasta", cohort.reference, "--scatter", "2", "-stub"]
    run = _succeeded(older.run(*arguments, script=PIPELINE / "main_24.10.nf"))

    done = {attempt.process for attempt in run.attempts}
    assert done == {"SPLIT_CALLS", "PILEUP_FILTER", "GATHER", "MULTIQC"}
    assert (run.results / "S1/S1.filtered.vcf.gz").exists()
    assert (run.results / "multiqc/multiqc_report.html").exists()


@pytest.mark.reliability("Nextflow: scripts and configurations by its own linter")
def test_lint(record_property: Recorder) -> None:
    found = {*PIPELINE.rglob("*.nf"), *PIPELINE.rglob("*.config")} - {PIPELINE / "main_24.10.nf"}
    # The branch for sarek is linted in its place (test_sarek.py).
    files = sorted(path for path in found if PIPELINE / "sarek" not in path.parents)
    record_property("cases", len(files))
    finished = subprocess.run([ROOT / ".ci/nextflow-lint", *files], stdout=subprocess.PIPE, text=True)
    assert finished.returncode == 0, finished.stdout
    assert finished.stdout == f"{len(files)} files, 0 findings\n"


@pytest.mark.reliability("Nextflow: --container reaches every task of ours")
def test_container_of_every_task(cohort: Cohort, tmp_path: Path) -> None:
    options = ["--input", cohort.sheet, "--fasta", cohort.reference, "--container", "other:1", "-profile", "docker"]
    command = [ROOT / ".ci/nextflow", "inspect", PIPELINE / "main.nf", *options, "-format", "json"]
    finished = subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.PIPE, text=True)
    processes = json.loads(finished.stdout[finished.stdout.index("{") :])["processes"]
    containers = {process["name"].rpartition(":")[2]: process["container"] for process in processes}
    assert containers.pop("MULTIQC").startswith("quay.io/biocontainers/multiqc:")
    ours = ("PILEUP_FILTER", "PILEUP_FILTER_PANEL", "INDEX_CALLS", "SPLIT_CALLS", "GATHER")
    assert containers == dict.fromkeys(ours, "other:1")
