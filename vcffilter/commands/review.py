"""`pileup-filter review`: a local page on which people judge calls; their verdicts become labels."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vcffilter.commands import options
from vcffilter.commands.options import option
from vcffilter.errors import UsageError

_VERDICTS, _SERVER = "Verdicts", "Page"


@click.command("review", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("variants", metavar="INPUT")
@options.apply(
    [
        option("-b", "--reads", "reads_paths", group="Input", multiple=True, metavar="FILE",
               help="BAM or CRAM with index; several: all samples in which a place can be looked at."),
        option("-f", "--reference", "reference_path", group="Input", metavar="FILE", help="FASTA with .fai."),
        option("--info-prefix", group="Input", default="PILEUP", show_default=True, metavar="TEXT", help="Of the INFO keys."),
        option("--verdicts", "verdicts_path", group=_VERDICTS, type=click.Path(path_type=Path), metavar="FILE",
               help="Where they are kept (SQLite). [default: INPUT.verdicts]"),
        option("--reviewer", group=_VERDICTS, metavar="NAME", default="", help="Who judges. [default: the page asks once]"),
        option("--export", "export_path", group=_VERDICTS, metavar="FILE",
               help="Write the verdicts as labels for examples, train and calibrate (- = stdout), and end. Needs no reads."),
        option("--host", group=_SERVER, default="127.0.0.1", show_default=True, metavar="ADDRESS",
               help="Where to listen. Other than this machine alone: a token is asked for."),
        option("--port", group=_SERVER, type=click.IntRange(0, 65535), default=8642, show_default=True, metavar="N",
               help="0 = any that is free."),
        option("--token-file", group=_SERVER, metavar="FILE",
               help="The token is its first line. [default: $VCFFILTER_TOKEN, else a new one]"),
        options.quiet,
        options.verbose,
    ]
)  # fmt: skip
def review(
    variants: str,
    reads_paths: tuple[str, ...],
    reference_path: str | None,
    info_prefix: str,
    verdicts_path: Path | None,
    reviewer: str,
    export_path: str | None,
    host: str,
    port: int,
    token_file: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Judge calls of INPUT, a filtered VCF or BCF, on a page of your browser: reads, score, reasons, one call at a time.

    Verdicts are kept beside INPUT as they are given. Their labels train (pileup-filter train --init) and calibrate.

    pileup-filter review filtered.vcf.gz -b reads.bam -f reference.fa

    pileup-filter review filtered.vcf.gz --export labels.tsv
    """
    options.start_logging(quiet=quiet, verbose=verbose)
    if variants == "-":
        raise UsageError("calls are looked up again and again, which stdin cannot do", hint="Write them to a file first")
    verdicts = verdicts_path or Path(f"{variants}.verdicts")
    if export_path is not None:
        _export(verdicts, export_path, quiet=quiet)
        return
    if not reads_paths or reference_path is None:
        raise UsageError("calls are judged by their reads", hint="Give -b reads.bam and -f reference.fa, or --export FILE")
    _serve(variants, info_prefix, verdicts, (reads_paths, reference_path), reviewer, (host, port, token_file), quiet=quiet)


def _export(verdicts: Path, output: str, *, quiet: bool) -> None:
    from vcffilter.commands.label import write_whole
    from vcffilter.files import refuse_overwriting
    from vcffilter.review.labels import write_labels
    from vcffilter.review.verdict_store import VerdictStore

    if not verdicts.is_file():
        raise UsageError(f"{verdicts} does not exist: nothing was judged", hint="Judge first, or name the file: --verdicts FILE")
    refuse_overwriting([output], [str(verdicts)])
    store = VerdictStore(verdicts)
    try:
        given = store.all()
    finally:
        store.close()
    counts = write_whole(output, lambda stream: write_labels(given, stream))
    if not quiet:
        click.echo("labels: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())), err=True)


def _serve(
    variants: str,
    info_prefix: str,
    verdicts: Path,
    reads: tuple[tuple[str, ...], str],
    reviewer: str,
    address: tuple[str, int, str | None],
    *,
    quiet: bool,
) -> None:
    from vcffilter import web

    web.need_serve_extra("review")
    from vcffilter.pictures.selection import CallFile
    from vcffilter.progress import progress_line
    from vcffilter.review.application import ReviewParts, make_application
    from vcffilter.review.call_index import CallIndex, index_calls
    from vcffilter.review.tracks import TrackReader, tracks_of
    from vcffilter.review.verdict_store import VerdictStore

    host, port, token_file = address
    reads_paths, reference_path = reads
    token = web.token_in_force(host, token_file)
    tracks = TrackReader(tracks_of(reads_paths, reference_path), reference_path)
    store = VerdictStore(verdicts)
    index_path = Path(f"{verdicts}.calls")
    with progress_line(sys.stderr, "records", quiet=quiet) as progress:
        index_calls(CallFile(variants, info_prefix), index_path, progress)
    index = CallIndex(index_path, verdicts)
    listener = web.listen(host, port)
    parts = ReviewParts(Path(variants).name, index, store, tracks, reviewer)
    if not quiet:
        click.echo(f"Verdicts are kept in {verdicts}. Stop with Ctrl-C.", err=True)
    click.echo(f"Open {web.address_of(listener, token)}", err=True)
    try:
        web.run_server(web.Guard(make_application(parts), web.Access(token)), listener, drain_seconds=1)
    finally:
        listener.close()
        tracks.close()
        index.close()
        store.close()
