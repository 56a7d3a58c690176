"""`pileup-filter report`: one self-contained HTML page about a filtered call set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vcffilter.commands import options
from vcffilter.commands.options import option
from vcffilter.errors import UsageError

if TYPE_CHECKING:
    from vcffilter.pictures.facts import CallFacts
    from vcffilter.pictures.selection import CallFile

#: A page stays below 5 MB whatever is drawn: pictures end at this many bytes.
_PICTURE_BYTES = 3_500_000


@click.command("report", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("variants", metavar="INPUT")
@options.apply(
    [
        option("-b", "--reads", "reads_paths", group="Input", multiple=True, metavar="FILE",
               help="BAM or CRAM with index: draws the calls that are listed."),
        option("-f", "--reference", "reference_path", group="Input", metavar="FILE", help="FASTA with .fai; needed with -b."),
        option("--summary", "summary_path", group="Input", metavar="FILE",
               help="What `filter --summary` wrote: how many ALTs lie outside what the model was trained on."),
        option("--compare", "earlier", group="Input", metavar="EARLIER",
               help="Another filtered file of the same calls: the page says what moved from it to INPUT, and why."),
        option("--info-prefix", group="Input", default="PILEUP", show_default=True, metavar="TEXT", help="Of the INFO keys."),
        option("-o", "--output", group="Output", default="report.html", show_default=True, metavar="FILE", help="The page."),
        option("--json", "json_path", group="Output", metavar="FILE",
               help="The page's numbers for programs; in a file named *_mqc.json those that MultiQC shows."),
        option("--list", "n_listed", group="Output", type=click.IntRange(0, 500), default=25, show_default=True, metavar="N",
               help="Failed and borderline calls that are listed, each."),
        options.quiet,
        options.verbose,
    ]
)  # fmt: skip
def report(
    variants: str,
    reads_paths: tuple[str, ...],
    reference_path: str | None,
    summary_path: str | None,
    earlier: str | None,
    info_prefix: str,
    output: str,
    json_path: str | None,
    n_listed: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Make one page about INPUT, a filtered VCF or BCF: what fails and why, what another cut would do, which calls to look at.

    The page needs nothing beside itself and stays below 5 MB whatever the size of the call set. With -b and -f it shows reads.

    \b
    pileup-filter report filtered.vcf.gz -b reads.bam -f reference.fa -o report.html
    pileup-filter report --compare old.vcf.gz new.vcf.gz -b reads.bam -f reference.fa -o moved.html
    """
    import json

    from vcffilter.files import refuse_overwriting, write_text
    from vcffilter.pictures.selection import CallFile
    from vcffilter.report.multiqc import SUFFIX, custom_content
    from vcffilter.report.page import ReportInputs, page, sentence, to_json
    from vcffilter.report.run_summary import outside_share
    from vcffilter.report.tally import tally_calls

    options.start_logging(quiet=quiet, verbose=verbose)
    if bool(reads_paths) != bool(reference_path):
        raise UsageError("reads are drawn on a reference", hint="Give both -b and -f, or neither")
    refuse_overwriting([output, json_path], [variants, earlier, summary_path, *reads_paths, reference_path])
    calls = CallFile(variants, info_prefix)
    calls.need_scores()
    if earlier is not None:
        _compare(CallFile(earlier, info_prefix), calls, reads_paths, reference_path, output, json_path, n_listed, quiet)
        return
    tally = tally_calls(calls.calls(), calls.cuts.thresholds, n_listed)
    listed = list(dict.fromkeys([*tally.failed, *tally.borderline]))
    pictures = _pictures(listed, reads_paths, reference_path) if reference_path else {}
    outside = None if summary_path is None else outside_share(summary_path)
    inputs = ReportInputs(Path(variants).name, calls.model_id, calls.cuts.thresholds, calls.warnings, tally, pictures, outside)
    write_text(output, page(inputs))
    if json_path is not None:
        content = custom_content(inputs) if json_path.endswith(SUFFIX) else to_json(inputs)
        write_text(json_path, json.dumps(content, indent=1) + "\n")
    if not quiet:
        click.echo(f"{output}: {sentence(inputs)}", err=True)


def _compare(
    before: CallFile,
    after: CallFile,
    reads_paths: tuple[str, ...],
    reference_path: str | None,
    output: str,
    json_path: str | None,
    n_listed: int,
    quiet: bool,
) -> None:
    import json

    from vcffilter.files import write_text
    from vcffilter.report.comparison import compare_calls, paired_calls
    from vcffilter.report.comparison_page import ComparisonInputs, Side, comparison_json, comparison_page, comparison_sentence

    before.need_scores()
    contigs = list(dict.fromkeys([*before.contigs, *after.contigs]))
    found = compare_calls(paired_calls(before.calls(), after.calls(), (before.path, after.path), contigs), n_listed)
    listed = [one.after for one in (*found.newly_fail, *found.newly_pass)]
    pictures = _pictures(listed, reads_paths, reference_path) if reference_path else {}
    sides = [Side(Path(one.path).name, one.model_id, one.cuts.thresholds, one.warnings) for one in (before, after)]
    inputs = ComparisonInputs(sides[0], sides[1], found, pictures)
    write_text(output, comparison_page(inputs))
    if json_path is not None:
        write_text(json_path, json.dumps(comparison_json(inputs), indent=1) + "\n")
    if not quiet:
        click.echo(f"{output}: {comparison_sentence(inputs)}", err=True)


def _pictures(listed: Sequence[CallFacts], reads_paths: tuple[str, ...], reference_path: str) -> dict[CallFacts, str]:
    """SVG of the calls, in the order given, until the bytes are used up."""
    from vcffilter.pictures.drawing import to_svg
    from vcffilter.pictures.layout import draw_pileup
    from vcffilter.pictures.painter import PileupSource

    drawn: dict[CallFacts, str] = {}
    left = _PICTURE_BYTES
    with PileupSource(reads_paths, reference_path) as source:
        for facts in listed:
            pileup = source.pileup(facts.contig, facts.pos1, facts.ref, facts.alt, most_rows=40)
            picture = to_svg(draw_pileup(pileup, facts))
            left -= len(picture)
            if left < 0:
                break
            drawn[facts] = picture
    return drawn
