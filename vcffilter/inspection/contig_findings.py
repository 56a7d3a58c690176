"""Do calls, reads and FASTA have the same contigs: findings for `check`, from their tables side by side."""

from __future__ import annotations

from collections.abc import Sequence

from vcffilter.errors import ContigNamingError
from vcffilter.inspection.calls_sample import CallsSample
from vcffilter.inspection.check_report import CheckInputs, CheckReport, parts_of
from vcffilter.inspection.contigs import contigs_of_calls, contigs_of_fasta, contigs_of_reads, side_by_side
from vcffilter.inspection.samples import named
from vcffilter.reads.alignment_file import AlignmentHeader
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile


def find_contigs(
    inputs: CheckInputs,
    report: CheckReport,
    sample: CallsSample,
    headers: Sequence[AlignmentHeader],
    reference: ReferenceFile | None,
) -> None:
    """Fill the report's table, and say what is missing, named otherwise, or differs."""
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
        stated = ", ".join(f"{part} {one.length:,}" for part, one in parts_of(first) if one and one.length is not None)
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
