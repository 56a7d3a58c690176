"""`pileup-filter show`: the pileups of chosen calls as a person reads them, in the terminal, as SVG or as PNG."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vcffilter.commands import options
from vcffilter.commands.chosen_calls import chosen_calls, of_chosen_calls, write_pictures
from vcffilter.commands.options import option
from vcffilter.errors import UsageError

if TYPE_CHECKING:
    from vcffilter.pictures.facts import CallFacts
    from vcffilter.pictures.painter import PileupSource

_PICTURE = "Picture"


@click.command("show", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("variants", metavar="INPUT")
@click.argument("places", metavar="[CHROM:POS]...", nargs=-1)
@options.apply(
    [
        *of_chosen_calls,
        option("-o", "--output", "folder", group=_PICTURE, type=click.Path(path_type=Path), metavar="DIR",
               help="Write pictures there, one file a call. [default: text to stdout]"),
        option("--format", "kinds", group=_PICTURE, type=click.Choice(["svg", "png", "txt"]), multiple=True,
               default=["svg"], show_default=True, help="Of the files in DIR; may be given several times."),
        option("--columns", "n_columns", group=_PICTURE, type=click.IntRange(21, 401), default=81, show_default=True,
               metavar="N", help="Reference bases shown."),
        option("--rows", "most_rows", group=_PICTURE, type=click.IntRange(5, 500), default=60, show_default=True,
               metavar="N", help="Most reads drawn; how many more there are is said."),
        option("--channels", group=_PICTURE, metavar="LIST|all",
               help="Into DIR also what a network sees: one panel a channel of the tensor, such as base,support,strand."),
        options.quiet,
        options.verbose,
    ]
)  # fmt: skip
def show(
    variants: str,
    places: tuple[str, ...],
    reads_paths: tuple[str, ...],
    reference_path: str,
    samples: str | None,
    failed: int | None,
    borderline: int | None,
    lost: Path | None,
    folder: Path | None,
    kinds: tuple[str, ...],
    n_columns: int,
    most_rows: int,
    channels: str | None,
    info_prefix: str,
    quiet: bool,
    verbose: bool,
) -> None:
    """Draw the reads behind chosen calls of INPUT, a filtered VCF or BCF: reads for ALT, for REF, and the rest.

    The reads and what each of them supports are those that the score was made of.

    pileup-filter show filtered.vcf.gz -b reads.bam -f reference.fa chr20:10008921
    """
    from vcffilter.pictures.layout import draw_pileup
    from vcffilter.pictures.painter import PileupSource
    from vcffilter.pictures.selection import CallFile
    from vcffilter.pictures.terminal import pileup_text

    options.start_logging(quiet=quiet, verbose=verbose)
    if channels is not None and folder is None:
        raise UsageError("--channels draws pictures", hint="Say where to: -o DIR")
    calls = CallFile(variants, info_prefix)
    chosen = chosen_calls(calls, places, failed, borderline, lost)
    with PileupSource(reads_paths, reference_path, tuple(samples.split(",")) if samples else ()) as source:
        for facts in chosen:
            pileup = source.pileup(facts.contig, facts.pos1, facts.ref, facts.alt, n_columns=n_columns, most_rows=most_rows)
            if folder is None:
                click.echo(pileup_text(pileup, facts, colour=sys.stdout.isatty()))
            else:
                write_pictures(folder, kinds, facts, draw_pileup(pileup, facts), pileup_text(pileup, facts, colour=False))
                if channels is not None:
                    _write_channels(folder, kinds, facts, source, channels)
    if not chosen:
        click.echo("No call is of that kind.", err=True)
    elif folder is not None and not quiet:
        click.echo(f"{len(chosen)} calls drawn in {folder}", err=True)


def _write_channels(folder: Path, kinds: tuple[str, ...], facts: CallFacts, source: PileupSource, channels: str) -> None:
    from vcffilter.kernels.tensor import ALL_CHANNELS
    from vcffilter.pictures.channels import draw_channels

    names = ALL_CHANNELS if channels == "all" else tuple(channels.split(","))
    tensor = source.tensor(facts.contig, facts.pos1, facts.ref, facts.alt, names)
    drawing = draw_channels(tensor, names, facts.place, facts.lines()[1])
    pictures = tuple(kind for kind in kinds if kind != "txt")
    write_pictures(folder, pictures, facts, drawing, "", "_channels")
