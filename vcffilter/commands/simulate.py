"""`pileup-filter simulate`: turns options into one simulated sample on disk, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vcffilter.commands import options
from vcffilter.errors import UsageError
from vcffilter.simulation.settings import PRESETS, with_options

_SAMPLE, _FILES, _TILES = "Sample", "Files", "Tiling"


@click.command("simulate", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@options.option(
    "-o", "--output", "directory", group=_FILES, old_names=["--out"], required=True, metavar="DIR", help="Folder to write to."
)
@options.option(
    "-f",
    "--reference",
    group=_FILES,
    metavar="FASTA[:REGION]",
    help="Take the sequence from here (CONTIG or CONTIG:START-END) instead of making one up.",
)
@options.option("--cram", group=_FILES, is_flag=True, help="Write reads.cram instead of reads.bam.")
@options.option("--compress-reference", group=_FILES, is_flag=True, help="Write reference.fa.gz (BGZF).")
@options.option(
    "--preset",
    group=_SAMPLE,
    type=click.Choice(tuple(PRESETS)),
    default="novaseq",
    show_default=True,
    help="Library and machine.",
)
@options.option(
    "--seed", group=_SAMPLE, type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same bytes."
)
@options.option("--length", group=_SAMPLE, type=click.IntRange(min=2_000), help="Bases of the contig. [default: 100000]")
@options.option("--depth", group=_SAMPLE, type=click.FloatRange(min=0), help="Mean reads per base. [default: 30]")
@options.option("--read-length", group=_SAMPLE, type=click.IntRange(min=35), help="Bases per read. [default: the preset's]")
@options.option("--sample", group=_SAMPLE, help="Name of the sample. [default: SIM]")
@options.option(
    "--variant-rate", group=_SAMPLE, type=click.FloatRange(0, 0.1), help="Planted variants per base. [default: 1/600]"
)
@options.option(
    "--artefacts", group=_SAMPLE, type=click.FloatRange(min=0), help="Factor on the number of planted artefacts. [default: 1]"
)
@options.option(
    "--tile-records", group=_TILES, type=click.IntRange(min=1), help="Repeat the sample until it has this many records."
)
@options.option(
    "--tile-depth", group=_TILES, type=click.FloatRange(0, min_open=True), help="Thin the reads of the repeats to this depth."
)
@options.verbose
def simulate(
    directory: str,
    reference: str | None,
    cram: bool,
    compress_reference: bool,
    preset: str,
    seed: int,
    length: int | None,
    depth: float | None,
    read_length: int | None,
    sample: str | None,
    variant_rate: float | None,
    artefacts: float | None,
    tile_records: int | None,
    tile_depth: float | None,
    verbose: bool,
) -> None:
    """Make a sample whose variants are known: reference, reads with errors and artefacts, truth, and a careless caller's VCF.

    DIR gets reference.fa, reads.bam, truth.vcf.gz, confident.bed, artefacts.bed, calls.vcf.gz and calls.labels.tsv.
    """
    from vcffilter.files import refuse_overwriting
    from vcffilter.progress import progress_line
    from vcffilter.simulation.sample import SampleFiles, simulate_sample

    options.start_logging(quiet=False, verbose=verbose)
    if tile_depth is not None and tile_records is None:
        raise UsageError("--tile-depth needs --tile-records")
    settings = with_options(
        PRESETS[preset],
        seed=seed,
        length=length,
        depth=depth,
        read_length=read_length,
        sample=sample,
        variant_rate=variant_rate,
        artefact_scale=artefacts,
    )
    fasta, region = split_reference(reference) if reference is not None else (None, None)
    target = Path(directory) if tile_records is None else Path(directory) / "unit"
    folders = {target, Path(directory)}
    written = [SampleFiles.within(folder, cram=cram, compress_reference=compress_reference).reference for folder in folders]
    refuse_overwriting([str(path) for path in written], [fasta])
    with progress_line(sys.stderr, "fragments") as progress:
        report = simulate_sample(
            target, settings, fasta=fasta, region=region, cram=cram, compress_reference=compress_reference, progress=progress
        )
    labels = ", ".join(f"{name} {report.labels[name]}" for name in ("TP", "FP", "OUT") if name in report.labels)
    click.echo(
        f"simulated: {report.n_variants} variants, {report.n_reads} reads, {report.n_calls} calls (ALTs: {labels}) "
        f"in {report.seconds:.1f} s; {target}",
        err=True,
    )
    if tile_records is not None:
        from vcffilter.simulation.tiling import tile_sample

        keep = 1.0 if tile_depth is None else min(1.0, tile_depth / settings.reads.depth)
        with progress_line(sys.stderr, "tiles") as progress:
            files = tile_sample(report.files, Path(directory), tile_records, keep_reads=keep, progress=progress)
        click.echo(f"tiled: at least {tile_records} records; {files.directory}", err=True)


def split_reference(text: str) -> tuple[str, str | None]:
    """(path, region or None) of FASTA[:REGION]; the longest prefix that is a file is the path."""
    path, colon, _ = text, "", ""
    while not Path(path).is_file():
        path, colon, _ = path.rpartition(":")
        if not colon:
            return text, None
    region = text[len(path) + 1 :]
    return path, region or None
