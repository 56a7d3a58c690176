"""`pileup-filter check`: what would end a run and what it would warn of, as text or JSON, told apart by the exit code."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from vcffilter.commands import options
from vcffilter.commands.findings_text import findings_as_text
from vcffilter.errors import UsageError

if TYPE_CHECKING:
    from vcffilter.inspection.check_report import CheckReport

_MOST_ROWS = 12


@click.command("check", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@options.apply(
    [
        options.variants_argument,
        options.reads,
        options.reference,
        options.samples,
        options.sample_map,
        options.background,
        options.model,
        options.device,
        options.threads,
        options.option("-o", "--output", group="Output", default=".", metavar="FILE", help="Where a run would write."),
        options.option("--json", "as_json", group="Output", is_flag=True, help="JSON instead of text, on stdout."),
        options.verbose,
    ]
)  # fmt: skip
def check_command(**parsed: Any) -> int:
    """Look at INPUT, the reads, the FASTA and the model before a run of `filter`: do they fit each other?

    Contigs side by side, indexes and their age, samples, REF of calls spread over the file, platform and depth of the reads,
    the background, device, cache and room. Exit code 0: all fits; 1: a run would fail; 3: a run would warn; 2: usage.

    \b
    pileup-filter check calls.vcf.gz -b reads.bam -f reference.fa
    """
    from vcffilter.inspection.check import check
    from vcffilter.inspection.check_report import CheckInputs
    from vcffilter.inspection.findings import EXIT_CODES
    from vcffilter.variants.htslib import set_log_level

    if parsed["variants"] == "-":
        raise UsageError("check looks at a file twice, and stdin passes once", hint="Give a VCF or BCF file")
    if os.path.exists(parsed["variants"]) and not os.path.isfile(parsed["variants"]):
        raise UsageError(f"{parsed['variants']} is no file: check looks at it twice", hint="Give a VCF or BCF file")
    options.start_logging(quiet=not parsed["verbose"], verbose=parsed["verbose"])
    set_log_level(3 if parsed["verbose"] else 0)
    report = check(
        CheckInputs(
            variants=parsed["variants"],
            reads_paths=parsed["reads_paths"],
            reference_path=parsed["reference_path"],
            model=parsed["model"],
            device=parsed["device"],
            samples=tuple(name for name in (parsed["samples"] or "").split(",") if name),
            sample_map=parsed["sample_map"],
            n_threads=parsed["n_threads"],
            output=parsed["output"],
            background_paths=parsed["background_paths"],
        )
    )
    click.echo(json.dumps(report.to_json(), indent=2) if parsed["as_json"] else as_text(report))
    return EXIT_CODES[report.findings.verdict]


def as_text(report: CheckReport) -> str:
    """The report for people."""
    lines = findings_as_text(report.findings)
    if report.contigs:
        lines += ["", f"{'contig':20s} {'records':>8s} {'calls':>13s} {'reads':>13s} {'FASTA':>13s}"]
        for row in report.contigs[:_MOST_ROWS]:
            cells = [_length(row.calls), _length(row.reads), _length(row.fasta)]
            has_records = "yes" if row.name in report.used_contigs else ""
            note = "  lengths differ" if row.lengths_differ else "  bases differ" if row.digests_differ else ""
            lines.append(f"{row.name:20s} {has_records:>8s} " + " ".join(f"{cell:>13s}" for cell in cells) + note)
        if len(report.contigs) > _MOST_ROWS:
            lines.append(f"and {len(report.contigs) - _MOST_ROWS} more (--json has them all)")
    lines += ["", {"ok": "All fits.", "warning": "A run would warn.", "failure": "A run would fail."}[report.findings.verdict]]
    return "\n".join(lines)


def _length(contig: Any) -> str:
    if contig is None:
        return "-"
    return "yes" if contig.length is None else f"{contig.length:,}"
