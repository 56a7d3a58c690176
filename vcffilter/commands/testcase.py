"""`pileup-filter testcase`: one call with its reads as a small, anonymous archive for a bug report."""

from __future__ import annotations

import click

from vcffilter.commands import options
from vcffilter.commands.options import option
from vcffilter.errors import RegionError


@click.command("testcase", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("variants", metavar="INPUT")
@click.argument("place", metavar="CHROM:POS")
@options.apply(
    [
        options.reads,
        options.reference,
        option("-o", "--output", group="Output", default="testcase.tar.gz", show_default=True, metavar="FILE", help="Archive."),
        options.model,
        options.quiet,
        options.verbose,
    ]
)
def testcase(
    variants: str,
    place: str,
    reads_paths: tuple[str, ...],
    reference_path: str,
    output: str,
    model: str,
    quiet: bool,
    verbose: bool,
) -> None:
    """Put the call at CHROM:POS of INPUT, the reads around it and a piece of the reference into one archive.

    Names of reads, samples, read groups and programs are replaced, and positions count from the beginning of the piece. It is
    meant for a bug report: look into it before you send it, as it holds bases of a person's reads.

    pileup-filter testcase calls.vcf.gz chr20:10008921 -b reads.bam -f reference.fa
    """
    import platform

    from vcffilter.inspection.model_choice import named_model
    from vcffilter.inspection.testcase import TestcaseFiles, write_testcase
    from vcffilter.models.checkpoint import load_checkpoint
    from vcffilter.reads.alignment_file import forbid_network_references, read_header
    from vcffilter.version import __version__

    options.start_logging(quiet=quiet, verbose=verbose)
    contig, _, position = place.rpartition(":")
    digits = position.replace(",", "")
    if not contig or not (digits.isascii() and digits.isdigit()):
        raise RegionError(f"place '{place}' cannot be understood", hint="Write it as chr20:10008921")
    forbid_network_references()
    for path in reads_paths:
        read_header(path, reference_path)
    checkpoint = load_checkpoint(named_model(model, reads_paths, reference_path))
    facts = {
        "vcffilter": __version__,
        "python": platform.python_version(),
        "model": checkpoint.metadata.model_id,
        "model_sha256": checkpoint.sha256,
    }
    files = TestcaseFiles(variants, reads_paths, reference_path, contig, int(digits))
    n_reads = write_testcase(files, facts, output)
    if not quiet:
        click.echo(f"{output}: {n_reads} reads. It holds bases of a person's reads: look into it before you send it.", err=True)
