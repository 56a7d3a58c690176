"""`pileup-filter evaluate`: a filtered call set against a truth set. Only turns options into calls."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vcffilter.commands import options
from vcffilter.errors import UsageError
from vcffilter.files import refuse_overwriting

if TYPE_CHECKING:
    from vcffilter.evaluation.evaluation import Evaluation

_INPUT, _COMPARISON, _OUTPUT = "Input", "Comparison", "Output"
#: Files that are written into DIR.
_RESULTS = ("calls.tsv", "counts.csv", "scores.csv", "evaluation.html", "evaluation.json")


class _NamedFile(click.ParamType):
    """`NAME=BED`, or a BED alone, which is named by its file."""

    name = "name=file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        text = str(value)
        stem = re.sub(r"\.bed(\.b?gz)?$", "", Path(text).name)
        if stem != Path(text).name and ("=" not in text or Path(text).exists()):
            return stem, text
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            self.fail(f"{value!r} is neither FILE.bed nor NAME=FILE.bed", param, ctx)
        return name, path


@click.command("evaluate", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("calls", metavar="FILTERED")
@options.option("--truth", group=_INPUT, required=True, metavar="FILE", help="Truth VCF.")
@options.option("--confident", group=_INPUT, metavar="BED", help="Regions where the truth is complete. [default: everywhere]")
@options.reference
@options.option(
    "-b", "--reads", "reads_paths", group=_INPUT, multiple=True, metavar="FILE",
    help="BAM or CRAM: depth at truth variants that nobody called. [default: unknown]",
)  # fmt: skip
@options.option("--sample", group=_INPUT, metavar="NAME", help="Only ALTs that this sample carries. [default: every ALT]")
@options.option("--truth-sample", group=_INPUT, metavar="NAME", help="Sample of the truth VCF. [default: the first]")
@options.info_prefix
@options.option(
    "--stratification", "strata", group=_COMPARISON, multiple=True, type=_NamedFile(), metavar="[NAME=]BED",
    help="Count what overlaps these regions apart, such as GIAB's; may be given several times.",
)  # fmt: skip
@options.option(
    "--exclude", group=_COMPARISON, multiple=True, metavar="BED|VCF",
    help="Leave what overlaps the BED, or is an allele of the VCF, out of all counts; may be given several times.",
)  # fmt: skip
@options.option(
    "--match-genotypes", group=_COMPARISON, is_flag=True, help="A right allele with a wrong genotype counts as wrong."
)
@options.option(
    "--bootstrap", "n_draws", group=_COMPARISON, type=click.IntRange(0), default=500, show_default=True, metavar="N",
    help="Draws for the intervals of AUROC, over 1 kb blocks; 0 = no intervals.",
)  # fmt: skip
@options.option("-o", "--output", group=_OUTPUT, metavar="DIR", help="Folder for JSON, CSV and the HTML page.")
@options.option(
    "--vcf", "vcf_path", group=_OUTPUT, metavar="FILE", help="Calls and truth as VCF[.gz] with BD and BK, as hap.py has them."
)
@options.option("--html/--no-html", "with_html", group=_OUTPUT, default=True, help="Write the page, too. [default: --html]")
@options.quiet
@options.verbose
def evaluate(
    calls: str,
    truth: str,
    confident: str | None,
    reference_path: str,
    reads_paths: tuple[str, ...],
    sample: str | None,
    truth_sample: str | None,
    info_prefix: str,
    strata: tuple[tuple[str, str], ...],
    exclude: tuple[str, ...],
    match_genotypes: bool,
    n_draws: int,
    output: str | None,
    vcf_path: str | None,
    with_html: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Recall, precision and F1 of FILTERED (VCF or BCF) before and after its filters, and what its scores are worth.

    Haplotypes are compared, not strings. Before: every record. After: FILTER is PASS or empty. The main table goes to stdout as
    Markdown; with -o everything goes to files: evaluation.json, counts.csv, scores.csv, evaluation.html, and calls.tsv with the
    true calls that were lost and the false ones that were kept.

    \b
    pileup-filter evaluate filtered.vcf.gz --truth truth.vcf.gz --confident confident.bed -f reference.fa -o report
    """
    from vcffilter.evaluation.evaluation import evaluate as run_evaluation
    from vcffilter.evaluation.report import markdown
    from vcffilter.evaluation.tabulation import EvaluationInputs
    from vcffilter.evaluation.verdict_file import open_verdict_file
    from vcffilter.files import make_folder

    options.start_logging(quiet=quiet, verbose=verbose)
    named = dict(strata)
    if len(named) != len(strata):
        raise UsageError("two --stratification have the same name")
    results = [] if output is None else [os.path.join(output, name) for name in _RESULTS]
    inputs_given = [calls, truth, reference_path, confident, *reads_paths, *named.values(), *exclude]
    refuse_overwriting([vcf_path, *results], inputs_given)
    folder = None
    if output is not None:
        if with_html:
            from vcffilter.evaluation.page import require_report_extra

            require_report_extra()
        folder = make_folder(output)
    inputs = EvaluationInputs(
        calls=calls,
        truth=truth,
        reference=reference_path,
        confident=confident,
        strata=named,
        sample=sample,
        truth_sample=truth_sample,
        info_prefix=info_prefix,
        reads=reads_paths,
        match_genotypes=match_genotypes,
        exclude=exclude,
    )
    with open_verdict_file(vcf_path, calls, reference_path) as verdicts:
        evaluation = run_evaluation(inputs, n_draws, [] if verdicts is None else [verdicts.add])
    if folder is not None:
        _write(folder, evaluation, with_html)
    click.echo(markdown(evaluation), nl=False)


def _write(folder: Path, evaluation: Evaluation, with_html: bool) -> None:
    from vcffilter.evaluation.mistakes import tsv_text
    from vcffilter.evaluation.report import csv_text, json_text
    from vcffilter.files import write_text

    calls, counts, scores, page, facts = _RESULTS
    write_text(folder / calls, tsv_text(evaluation.mistakes))
    write_text(folder / counts, csv_text([row.columns() for row in evaluation.rows]))
    write_text(folder / scores, csv_text([row.columns() for row in evaluation.scores]))
    if with_html:
        from vcffilter.evaluation.page import html

        write_text(folder / page, html(evaluation))
    write_text(folder / facts, json_text(evaluation))
