"""`pileup-filter label`: TP, FP or OUT for every ALT of a call set. Only turns options into one call."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import TextIO

import click

from vcffilter.errors import UsageError
from vcffilter.files import refuse_overwriting, text_file


@click.command("label", short_help="TP / FP / OUT for every ALT, by comparing haplotypes with a truth set.")
@click.argument("calls", default="-", type=click.Path(allow_dash=True))
@click.option(
    "--truth",
    type=click.Path(),
    help="Truth VCF. Left out: CALLS was annotated by vcfeval, hap.py or aardvark.",
)
@click.option(
    "--confident",
    type=click.Path(),
    help="BED of the regions where the truth is complete. [default: everywhere]",
)
@click.option("-f", "--reference", type=click.Path(), help="Indexed FASTA of the calls.")
@click.option("-o", "--output", default="-", type=click.Path(allow_dash=True), help="Labels (TSV). [default: stdout]")
@click.option("--truth-sample", help="Sample of the truth VCF. [default: the first]")
@click.option(
    "--match-genotypes",
    is_flag=True,
    help="Annotated input only: a right allele with a wrong genotype is FP.",
)
@click.option(
    "--gap",
    default=30,
    show_default=True,
    type=click.IntRange(0),
    help="Truth alleles this near (bp) are compared together.",
)
@click.option(
    "--max-states",
    default=20_000,
    show_default=True,
    type=click.IntRange(1),
    help="Paths tried per call before giving up.",
)
def label(
    calls: str,
    truth: str | None,
    confident: str | None,
    reference: str | None,
    output: str,
    truth_sample: str | None,
    match_genotypes: bool,
    gap: int,
    max_states: int,
) -> None:
    """Label every ALT of CALLS (VCF, VCF.gz, BCF or -) as TP, FP or OUT.

    Haplotypes are compared, not strings: another spelling of an indel, an MNP against its SNVs, a complex
    allele and neighbours that match only together are recognised. Genotypes do not count. OUT: not wholly
    inside --confident.

    With a VCF that vcfeval, hap.py or aardvark annotated (BD, BK, CALL), --truth is left out and their
    verdict is taken.
    """
    from vcffilter.labelling.annotated import label_annotated
    from vcffilter.labelling.files import LabelInputs, label_file
    from vcffilter.progress import progress_line
    from vcffilter.truth.haplotype_match import SearchLimits

    refuse_overwriting([output], [calls, truth, confident, reference])
    if truth is None:
        if confident is not None or reference is not None:
            raise UsageError("--confident and -f need --truth", hint="Add --truth TRUTH.vcf.gz")
        counts = write_whole(output, lambda stream: label_annotated(calls, stream, match_genotypes))
    else:
        if reference is None:
            raise UsageError("--truth needs the reference", hint="Add -f REF.fa")
        if match_genotypes:
            raise UsageError("--match-genotypes works on annotated input only", hint="Leave out --truth, or the option")
        inputs = LabelInputs(truth, reference, confident, truth_sample)
        limits = SearchLimits(gap_bases=gap, max_states=max_states)
        with progress_line(sys.stderr, "records") as progress:
            counts = write_whole(output, lambda stream: label_file(calls, inputs, stream, limits, progress))
    click.echo("labelled: " + ", ".join(f"{name} {counts[name]}" for name in ("TP", "FP", "OUT", ".")), err=True)


def write_whole(output: str, write: Callable[[TextIO], Counter[str]]) -> Counter[str]:
    """Call `write` with a stream; a file appears under its name only when complete. Raises OutputError."""
    if output == "-":
        return write(sys.stdout)
    with text_file(output) as stream:
        return write(stream)
