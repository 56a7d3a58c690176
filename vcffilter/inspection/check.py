"""Looks at all files of a run, in seconds and before any scoring: what would end it, what it would warn of, what it would take.

The same functions as `filter` uses for what it looks at by itself. Scores nothing, writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vcffilter.inspection.background_reads import find_background
from vcffilter.inspection.before_run import warnings_before_run
from vcffilter.inspection.calls_sample import CallsSample, estimated_records, sample_calls
from vcffilter.inspection.check_report import CheckInputs, CheckReport
from vcffilter.inspection.contig_findings import find_contigs
from vcffilter.inspection.depth import find_depth
from vcffilter.inspection.indexes import index_of
from vcffilter.inspection.machine import find_device, find_room, find_time
from vcffilter.inspection.model_choice import AUTO, choose_model, described, facts_of_files, platform_warning
from vcffilter.inspection.read_facts import ReadFacts
from vcffilter.inspection.samples import named, samples_of_reads
from vcffilter.models.training_ranges import TrainingRanges, training_ranges
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.pipeline.sample_reads import (
    SEVERAL_SAMPLES,
    check_names,
    read_sample_map,
    reads_file,
    reads_of_samples,
    relabelled,
)
from vcffilter.reads.alignment_file import AlignmentHeader, forbid_network_references, read_header
from vcffilter.reads.reference_file import ReferenceFile

if TYPE_CHECKING:
    from vcffilter.models.checkpoint import Checkpoint


def check(inputs: CheckInputs) -> CheckReport:
    """Look at everything; whatever an earlier part found missing, the later ones do what they can without."""
    forbid_network_references()
    report = CheckReport()
    reference = _reference(inputs, report)
    headers = _headers(inputs, report)
    sample = _calls(inputs, report, reference)
    facts = _facts(headers, inputs, report) if reference is not None else {}
    checkpoint = _model(inputs, report, facts)
    if sample is not None:
        _names(inputs, report, sample, headers, checkpoint)
        find_contigs(inputs, report, sample, headers, reference)
    if sample is not None and headers and reference is not None:
        find_depth(report, sample.places, headers, inputs.reference_path)
    find_background(inputs, report, sample, headers, reference)
    find_device(report, inputs.device)
    if sample is not None:
        find_room(report, inputs)
        find_time(report, inputs.n_threads)
    if reference is not None:
        reference.close()
    return report


def _reference(inputs: CheckInputs, report: CheckReport) -> ReferenceFile | None:
    with report.findings.errors_as_failures("reference"):
        reference = ReferenceFile(inputs.reference_path)
        n = len(reference.length_of_contig)
        report.findings.ok("reference", f"{inputs.reference_path}: {n} contig{'s' * (n != 1)}, indexed")
        return reference
    return None


def _headers(inputs: CheckInputs, report: CheckReport) -> list[AlignmentHeader]:
    """Of every file that can be opened, under the names of the calls."""
    headers = []
    sample_of: dict[str, str] = {}
    with report.findings.errors_as_failures("samples"):
        sample_of = read_sample_map(inputs.sample_map) if inputs.sample_map else {}
    for file in map(reads_file, inputs.reads_paths):
        with report.findings.errors_as_failures("reads"):
            header = relabelled(read_header(file.path, inputs.reference_path), file, sample_of)
            headers.append(header)
            whose = named(samples_of_reads([header])) or "nobody named (no @RG SM)"
            report.findings.ok("reads", f"{file.path}: {'CRAM' if header.is_cram else 'BAM'}, indexed, of {whose}")
    if inputs.samples and headers and not set(inputs.samples) & set(samples_of_reads(headers)):
        with report.findings.errors_as_failures("samples"):
            headers[0].groups_of(inputs.samples)
    return headers


def _calls(inputs: CheckInputs, report: CheckReport, reference: ReferenceFile | None) -> CallsSample | None:
    findings = report.findings
    with findings.errors_as_failures("calls"):
        sample = sample_calls(inputs.variants, reference, list(inputs.samples) or None)
        report.used_contigs = sample.contigs
        report.n_records = sample.n_records if sample.is_whole else estimated_records(inputs.variants)
        number = (
            f"{sample.n_records} records" if sample.is_whole else f"about {report.n_records or 'an unknown number of'} records"
        )
        whose = named(sample.samples) or "no sample"
        findings.ok(
            "calls", f"{inputs.variants}: {number}, {whose}{'' if index_of(inputs.variants) else '; no index (-r needs one)'}"
        )
        if sample.n_records == 0:
            findings.warn("calls", "there are no records", "Is this what the caller was to write?")
        elif sample.n_scorable == 0:
            findings.warn(
                "calls",
                f"none of {sample.n_alts} ALTs looked at can be scored: they are symbolic, missing or too long",
                "The filter scores sequences; give it a small-variant VCF, and gVCFs after genotyping",
            )
        if reference is not None:
            _bases(inputs, report, sample)
        return sample
    return None


def _bases(inputs: CheckInputs, report: CheckReport, sample: CallsSample) -> None:
    bases = sample.bases
    if bases.n_other:
        report.findings.fail(
            "REF",
            f"REF is not what {inputs.reference_path} has at {bases.n_other} of {bases.n_calls} calls looked at "
            f"(the first at {bases.first_other})",
            "Give the FASTA that the calls were made with; --allow-ref-mismatch passes such records unscored",
        )
    warned = report.findings.warning("REF", bases.warning(inputs.reference_path))
    if bases.n_calls and not bases.n_other and not warned:
        report.findings.ok("REF", f"as in the FASTA at {bases.n_same} of {bases.n_calls} calls looked at")


def _facts(headers: Sequence[AlignmentHeader], inputs: CheckInputs, report: CheckReport) -> dict[str, ReadFacts]:
    with report.findings.errors_as_failures("platform"):
        report.reads = facts_of_files([header.path for header in headers], inputs.reference_path)
        for path, facts in report.reads.items():
            report.findings.ok("platform", f"{path}: {described(facts)}")
        for header in headers:
            if header.path not in report.reads and len(headers) == 1:
                report.findings.fail("platform", f"{header.path} has no mapped reads", "Give the reads that were called")
    return report.reads


def _model(inputs: CheckInputs, report: CheckReport, facts: dict[str, ReadFacts]) -> Checkpoint | None:
    from vcffilter.encoding.encoder import check_spec
    from vcffilter.models.checkpoint import load_checkpoint

    with report.findings.errors_as_failures("model"):
        name = choose_model(facts) if inputs.model == AUTO else inputs.model
        checkpoint = load_checkpoint(name)
        check_spec(checkpoint.metadata.encoder)
        report.model_id = checkpoint.metadata.model_id
        ranges = training_ranges(checkpoint.metadata, checkpoint.path)
        warning = None if ranges is None else platform_warning(facts, ranges, report.model_id)
        if not report.findings.warning("model", warning):
            known = f", trained on {', '.join(_trained_on(ranges))}" if ranges else "; what reads it was trained on is not known"
            report.findings.ok("model", f"{report.model_id}{known}")
        return checkpoint
    return None


def _trained_on(ranges: TrainingRanges) -> list[str]:
    low, high = ranges.reads.get("read_length", (0.0, 0.0))
    return [f"{ranges.platform} reads of {low:.0f} to {high:.0f} bases" if high else ranges.platform]


def _names(
    inputs: CheckInputs,
    report: CheckReport,
    sample: CallsSample,
    headers: Sequence[AlignmentHeader],
    checkpoint: Checkpoint | None,
) -> None:
    """Samples, somatic callers, times of indexes: what `filter` looks at before its first record."""
    metadata = None if checkpoint is None else checkpoint.metadata
    topics = {"sample_mismatch": "samples", "reads_left_out": "samples", "stale_index": "indexes", "somatic_calls": "caller"}
    warnings: list[RunWarning] = list(
        warnings_before_run(
            sample.header_text,
            sample.samples,
            headers,
            variants_path=inputs.variants,
            reference_path=inputs.reference_path,
            model_id="" if metadata is None else metadata.model_id,
            model_description="" if metadata is None else metadata.description,
            uses_index=True,
        )
    )
    if _no_sample_has_reads(inputs, report, sample, headers):
        warnings = [warning for warning in warnings if topics.get(warning.code) != "samples"]
    for warning in warnings:
        report.findings.warning(topics.get(warning.code, warning.code), warning)
    codes = {warning.code for warning in warnings}
    shared = [name for name in sample.samples if name in samples_of_reads(headers)]
    if shared and "sample_mismatch" not in codes:
        report.findings.ok("samples", f"{named(shared)} in calls and reads")
    if "stale_index" not in codes:
        report.findings.ok("indexes", "none is older than its file")


def _no_sample_has_reads(
    inputs: CheckInputs, report: CheckReport, sample: CallsSample, headers: Sequence[AlignmentHeader]
) -> bool:
    """Whether a run ends because reads are given to nobody whom the calls know, or of several samples none has reads."""
    n_before = len(report.findings.items)
    files = [reads_file(text) for text in inputs.reads_paths]
    if len(headers) == len(files) and not inputs.samples:
        with report.findings.errors_as_failures("samples"):
            check_names(files, {}, headers, sample.samples)
            if len(sample.samples) >= SEVERAL_SAMPLES:
                reads_of_samples(headers, [file.sample is not None for file in files], sample.samples)
    return len(report.findings.items) > n_before
