"""Looks at all files of a run, in seconds and before any scoring: what would end it, what it would warn of, what it would take.

The same functions as `filter` uses for what it looks at by itself. Scores nothing, writes nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pysam

from vcffilter.errors import ContigNamingError, VcffilterError
from vcffilter.inspection.before_run import warnings_before_run
from vcffilter.inspection.calls_sample import CallsSample, estimated_records, sample_calls
from vcffilter.inspection.contigs import ContigRow, contigs_of_calls, contigs_of_fasta, contigs_of_reads, side_by_side
from vcffilter.inspection.findings import Findings
from vcffilter.inspection.indexes import index_of
from vcffilter.inspection.model_choice import AUTO, choose_model, described, facts_of_files, platform_warning
from vcffilter.inspection.read_facts import ReadFacts
from vcffilter.inspection.samples import named, samples_of_reads
from vcffilter.models.training_ranges import TrainingRanges, training_ranges
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.pipeline.sample_reads import read_sample_map, reads_file, relabelled
from vcffilter.reads.alignment_file import AlignmentHeader, forbid_network_references, read_header
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile

if TYPE_CHECKING:
    from vcffilter.models.checkpoint import Checkpoint

#: Places whose reads are counted, and the share of them without any that is doubtful.
_PLACES, _LOW_SHARE = 60, 0.5
#: Records a second and thread at 30 reads a place, measured with the default model; and start-up.
_RECORDS_PER_SECOND, _USUAL_DEPTH, _START_SECONDS = 6000, 30, 4
#: Room the output takes, by the input's size.
_OUTPUT_FACTOR = 1.3
_LEFT_OUT = 4 | 256 | 512 | 1024


@dataclass(frozen=True)
class CheckInputs:
    """As `filter` takes them. output: where the result would go, for its room on disk."""

    variants: str
    reads_paths: tuple[str, ...]
    reference_path: str
    model: str
    device: str = "auto"
    samples: tuple[str, ...] = ()
    sample_map: str | None = None
    n_threads: int = 1
    output: str = "."


@dataclass
class CheckReport:
    """What was found. depth: median reads at the places looked at. model_id: the model a run would take."""

    findings: Findings = field(default_factory=Findings)
    contigs: list[ContigRow] = field(default_factory=list)
    used_contigs: list[str] = field(default_factory=list)
    reads: dict[str, ReadFacts] = field(default_factory=dict)
    model_id: str | None = None
    depth: float | None = None
    n_records: int | None = None
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "verdict": self.findings.verdict,
            "findings": self.findings.to_json(),
            "contigs": [
                {"name": row.name, **{part: vars(one) if one else None for part, one in _parts(row)}} for row in self.contigs
            ],
            "contigs_of_records": self.used_contigs,
            "reads": {path: facts.to_json() for path, facts in self.reads.items()},
            "model": self.model_id,
            "median_depth": self.depth,
            "records": self.n_records,
            "seconds": self.seconds,
        }


def _parts(row: ContigRow) -> list[tuple[str, Any]]:
    return [("calls", row.calls), ("reads", row.reads), ("fasta", row.fasta)]


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
        _contigs(inputs, report, sample, headers, reference)
    if sample is not None and headers and reference is not None:
        _depth(inputs, report, sample, headers)
    _device(inputs, report)
    _room(inputs, report, sample)
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
    for warning in warnings:
        report.findings.warning(topics.get(warning.code, warning.code), warning)
    codes = {warning.code for warning in warnings}
    shared = [name for name in sample.samples if name in samples_of_reads(headers)]
    if shared and "sample_mismatch" not in codes:
        report.findings.ok("samples", f"{named(shared)} in calls and reads")
    if "stale_index" not in codes:
        report.findings.ok("indexes", "none is older than its file")


def _contigs(
    inputs: CheckInputs,
    report: CheckReport,
    sample: CallsSample,
    headers: Sequence[AlignmentHeader],
    reference: ReferenceFile | None,
) -> None:
    calls = contigs_of_calls(sample.header_text)
    reads = {}
    if reference is not None:
        for header in headers:
            reads.update(contigs_of_reads(header.path, inputs.reference_path))
    stated = {name for table in (calls, reads) for name, one in table.items() if one.md5 is not None}
    fasta = {} if reference is None else contigs_of_fasta(reference, stated & set(sample.contigs))
    report.contigs = side_by_side(calls, reads, fasta, sample.contigs)
    of_records = [row for row in report.contigs if row.name in sample.contigs]
    lacking = {
        path: [row.name for row in of_records if (row.fasta if is_fasta else row.reads) is None]
        for path, is_fasta in ((inputs.reference_path, True), (", ".join(header.path for header in headers), False))
        if (reference is not None if is_fasta else bool(headers))
    }
    _lacking(inputs, report, lacking, {inputs.reference_path: list(fasta)}, list(reads), len(of_records))
    _differing(report)


def _lacking(
    inputs: CheckInputs,
    report: CheckReport,
    lacking: dict[str, list[str]],
    fasta: dict[str, list[str]],
    of_reads: list[str],
    n_contigs: int,
) -> None:
    """Contigs with records that FASTA or reads do not have, or have under another name."""
    for path, names in lacking.items():
        there = fasta.get(path, of_reads)
        try:
            for name in names:
                check_naming(name, inputs.variants, path, there)
        except ContigNamingError as error:
            report.findings.fail("contigs", str(error).removesuffix(f". {error.hint}"), error.hint or "")
            continue
        if names:
            text = f"{path} lacks {len(names)} of {n_contigs} contigs with records: {named(names)} (it has {named(there)})"
            hint = "Give the files of the build that the calls are on"
            if len(names) == n_contigs:
                report.findings.fail("contigs", text, hint)
            else:
                report.findings.warn("contigs", text, f"{hint}; records there are not scored")
    if not any(lacking.values()):
        report.findings.ok("contigs", f"{named(report.used_contigs) or 'none'} in calls, reads and FASTA")


def _differing(report: CheckReport) -> None:
    lengths = [row for row in report.contigs if row.lengths_differ]
    digests = [row for row in report.contigs if row.digests_differ and not row.lengths_differ]
    if lengths:
        first = lengths[0]
        stated = ", ".join(f"{part} {one.length:,}" for part, one in _parts(first) if one and one.length is not None)
        report.findings.warn(
            "contigs",
            f"lengths differ for {len(lengths)} of the contigs: {first.name} ({stated})",
            "Calls, reads and FASTA are of different builds: use files of one",
        )
    if digests:
        report.findings.warn(
            "contigs",
            f"bases differ, by their digests, for {len(digests)} of the contigs: {named([row.name for row in digests])}",
            "The FASTA is another version, or masked: give the one that the reads were aligned to",
        )


def _depth(inputs: CheckInputs, report: CheckReport, sample: CallsSample, headers: Sequence[AlignmentHeader]) -> None:
    spread = (
        [sample.places[i] for i in np.unique(np.linspace(0, len(sample.places) - 1, _PLACES).astype(int))]
        if sample.places
        else []
    )
    depths = np.zeros(len(spread), np.int64)
    with report.findings.errors_as_failures("depth"):
        for header in headers:
            try:
                with pysam.AlignmentFile(header.path, "r", reference_filename=inputs.reference_path) as alignments:
                    for index, (contig, pos0) in enumerate(spread):
                        if contig in header.contigs and pos0 >= 0:
                            depths[index] += sum(not read.flag & _LEFT_OUT for read in alignments.fetch(contig, pos0, pos0 + 1))
            except (OSError, ValueError) as error:
                raise VcffilterError(f"its reads cannot be fetched ({error})", path=header.path, hint="Index it again") from error
        if not len(spread):
            return
        n_bare = int((depths == 0).sum())
        report.depth = float(np.median(depths))
        text = f"{report.depth:.0f} reads at the median of {len(spread)} calls looked at"
        if n_bare == len(spread):
            report.findings.fail(
                "depth", f"no reads at any of {n_bare} calls looked at", "Give the BAM or CRAM that these calls were made from"
            )
        elif n_bare > _LOW_SHARE * len(spread):
            report.findings.warn(
                "depth",
                f"no reads at {n_bare} of {len(spread)} calls looked at",
                "Are the reads of a part only? A run fails where fewer than 2 of 100 calls can be scored",
            )
        else:
            report.findings.ok("depth", text)


def _device(inputs: CheckInputs, report: CheckReport) -> None:
    from vcffilter.kernels import jit
    from vcffilter.scoring.network import choose_device

    with report.findings.errors_as_failures("device"):
        report.findings.ok("device", f"the network would run on {choose_device(inputs.device).type}")
    folder = jit.cache_folder()
    if folder is None:
        report.findings.warn(
            "cache",
            "compiled kernels can be kept nowhere: every run compiles for a minute",
            "Set NUMBA_CACHE_DIR to a folder of yours",
        )
    else:
        report.findings.ok("cache", f"compiled kernels are kept in {folder}")


def _room(inputs: CheckInputs, report: CheckReport, sample: CallsSample | None) -> None:
    if sample is None:
        return
    folder = os.path.dirname(os.path.abspath(inputs.output)) if not os.path.isdir(inputs.output) else inputs.output
    needed = int(os.path.getsize(inputs.variants) * _OUTPUT_FACTOR)
    free = shutil.disk_usage(folder).free if os.path.isdir(folder) else None
    if free is None:
        report.findings.fail("room", f"{folder} is no folder", "Make the folder first, or name another output")
    elif free < needed:
        report.findings.warn(
            "room", f"{free / 2**20:.0f} MiB are free in {folder}, about {needed / 2**20:.0f} MiB are needed", "Free some"
        )
    else:
        report.findings.ok("room", f"{free / 2**30:.1f} GiB free in {folder}, about {needed / 2**20:.1f} MiB needed")
    if report.n_records is not None:
        slower = max(report.depth or _USUAL_DEPTH, 5) / _USUAL_DEPTH
        report.seconds = round(_START_SECONDS + report.n_records * slower / (_RECORDS_PER_SECOND * inputs.n_threads), 1)
        report.findings.ok("time", f"about {_duration(report.seconds)} on {inputs.n_threads} threads, very roughly")


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} seconds"
        if seconds < 120
        else f"{seconds / 60:.0f} minutes"
        if seconds < 7200
        else f"{seconds / 3600:.1f} hours"
    )
