"""Which files are fit to be a background: reads of others, aligned to the same reference, by the same kind of machine.

What `filter` refuses or warns of as it opens them, and what `check` says of them before. Counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vcffilter.errors import ReadsFileError
from vcffilter.inspection.calls_sample import CallsSample
from vcffilter.inspection.check_report import CheckInputs, CheckReport
from vcffilter.inspection.contigs import contigs_of_reads
from vcffilter.inspection.model_choice import described, facts_of_files
from vcffilter.inspection.samples import named, samples_of_reads
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.pipeline.sample_reads import reads_file
from vcffilter.reads.alignment_file import AlignmentHeader, read_header
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile

_OTHERS = "Give the reads of others that cover the calls, or leave it out"


def refuse_other_build(path: str, reference_path: str, length_of_contig: Mapping[str, int]) -> None:
    """Raise ReadsFileError where a contig of the reads is of another length than the reference's."""
    for name, contig in contigs_of_reads(path, reference_path).items():
        length = length_of_contig.get(name)
        if length is not None and contig.length is not None and contig.length != length:
            raise ReadsFileError(
                f"its {name} has {contig.length:,} bases, that of {reference_path} has {length:,}: another build",
                path=path,
                hint="Give reads as --background that were aligned to the reference of -f",
            )


def other_platform(reads_paths: Sequence[str], background_paths: Sequence[str], reference_path: str) -> RunWarning | None:
    """A warning of the first file whose reads are of another platform than the scored ones."""
    scored = next(iter(facts_of_files(reads_paths, reference_path).values()), None)
    for path, facts in facts_of_files(background_paths, reference_path).items():
        if scored is not None and facts.platform != scored.platform:
            return RunWarning(
                "other_platform",
                f"the reads of {path}, given as --background, are {described(facts)}; those of -b are {described(scored)}",
                "Noise of one platform says nothing of another's: give reads of the same platform",
            )
    return None


def find_background(
    inputs: CheckInputs,
    report: CheckReport,
    sample: CallsSample | None,
    headers: Sequence[AlignmentHeader],
    reference: ReferenceFile | None,
) -> None:
    """Findings on every file of --background. headers: of the scored reads."""
    fitting = [text for text in inputs.background_paths if _fits(reads_file(text).path, inputs, report, sample, reference)]
    if len(fitting) < len(inputs.background_paths) or not fitting or not headers or reference is None:
        return
    with report.findings.errors_as_failures("background"):
        _open(inputs, headers)
        paths = [reads_file(text).path for text in fitting]
        scored = [reads_file(text).path for text in inputs.reads_paths]
        report.findings.warning("background", other_platform(scored, paths, inputs.reference_path))


def _fits(
    path: str, inputs: CheckInputs, report: CheckReport, sample: CallsSample | None, reference: ReferenceFile | None
) -> bool:
    """Whether one file can be opened, and has the contigs of reference and calls; says what is so."""
    findings = report.findings
    with findings.errors_as_failures("background"):
        header = read_header(path, inputs.reference_path)
        if reference is not None:
            refuse_other_build(path, inputs.reference_path, reference.length_of_contig)
        used = [] if sample is None else list(sample.contigs)
        for name in used:
            check_naming(name, inputs.variants, path, header.contigs)
        if used and not set(used) & set(header.contigs):
            findings.warn("background", f"{path} has none of the contigs of the calls: it says nothing of them", _OTHERS)
        elif reference is not None and not facts_of_files([path], inputs.reference_path):
            findings.warn("background", f"{path} has no mapped reads: it says nothing of any call", _OTHERS)
        else:
            whose = named(samples_of_reads([header])) or "nobody named (no @RG SM)"
            findings.ok("background", f"{path}: {'CRAM' if header.is_cram else 'BAM'}, indexed, of {whose}")
        return True
    return False


def _open(inputs: CheckInputs, headers: Sequence[AlignmentHeader]) -> None:
    """As a run does. Raises UsageError where reads are the scored sample's, or given twice."""
    from vcffilter.pipeline.background import BackgroundOptions, open_background

    of_reads = frozenset(samples_of_reads(headers))
    open_background(
        BackgroundOptions(
            variants_path=inputs.variants,
            paths=inputs.background_paths,
            reference_path=inputs.reference_path,
            reads_paths=inputs.reads_paths,
            scored_names=of_reads & frozenset(inputs.samples) if inputs.samples else of_reads,
        )
    ).close()
