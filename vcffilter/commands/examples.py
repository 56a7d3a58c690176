"""`pileup-filter examples`: labelled calls and their reads to a file to train on. Only turns options into calls."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vcffilter.commands import options
from vcffilter.errors import UsageError
from vcffilter.files import refuse_overwriting

if TYPE_CHECKING:
    from vcffilter.models.encoder_spec import EncoderSpec

log = logging.getLogger(__name__)

_EXAMPLES, _ENCODER = "Examples", "Encoder"


class _ShareRange(click.ParamType):
    """`0.5` or `0.1-0.6`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        low, dash, high = str(value).partition("-")
        try:
            parsed = float(low), float(high if dash else low)
        except ValueError:
            self.fail(f"{value!r} is neither a share nor a range of shares such as 0.1-0.6", param, ctx)
        if not 0 < parsed[0] <= parsed[1] <= 1:
            self.fail(f"{value!r} does not lie within 0 and 1", param, ctx)
        return parsed


@click.command("examples", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("calls", metavar="CALLS")
@options.reads
@options.reference
@options.samples
@options.option(
    "--labels", group=_EXAMPLES, required=True, metavar="TSV", help="Written by pileup-filter label; TP and FP become examples."
)
@options.option("-o", "--output", group=_EXAMPLES, required=True, metavar="FILE.h5", help="Where the examples go.")
@options.option("--append", group=_EXAMPLES, is_flag=True, help="Add to the file: several samples in one.")
@options.option("--set", "set_name", group=_EXAMPLES, metavar="NAME", help="Name kept with each example. [default: of CALLS]")
@options.option(
    "--group", group=_EXAMPLES, default="", metavar="NAME", help="Unit that is held out together. [default: the contig]"
)
@options.option(
    "--downsample", group=_EXAMPLES, type=_ShareRange(), default="1", metavar="SHARE|LOW-HIGH",
    help="See this share of the fragments; a range draws anew every 512 alleles. [default: all]",
)  # fmt: skip
@options.option(
    "--copies", group=_EXAMPLES, type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="Make each allele so often, each time with other fragments.",
)  # fmt: skip
@options.option(
    "--share", group=_EXAMPLES, type=click.FloatRange(0, 1, min_open=True), default=1.0, metavar="SHARE",
    help="READS hold this share of the sample's fragments: a copy thinned before the calls were made. [default: 1]",
)  # fmt: skip
@options.option("--seed", group=_EXAMPLES, type=click.IntRange(0), default=1, show_default=True, metavar="N")
@options.option("--model", group=_ENCODER, metavar="NAME|FILE", help="Arrays as these weights take them, for fine-tuning.")
@options.option(
    "--rows", group=_ENCODER, type=click.IntRange(0), metavar="N",
    help="Rows of the read tensor, the reference's included; 0 = site features only. [default: 49]",
)  # fmt: skip
@options.option("--columns", group=_ENCODER, type=click.IntRange(1), metavar="N", help="Columns of it, odd. [default: 1]")
@options.option(
    "--channels", group=_ENCODER, metavar="NAME,...", help="Channels of it, by name (a model's card lists them). [default: all]"
)
@options.option(
    "--phase-reach", group=_ENCODER, type=click.IntRange(0, 10_000), metavar="N",
    help="Haplotypes of the reads by heterozygous sites within N bases; short reads 500, long ones 3000. [default: 0 = none]",
)  # fmt: skip
@options.quiet
@options.verbose
def examples(
    calls: str,
    reads_paths: tuple[str, ...],
    reference_path: str,
    samples: str | None,
    labels: str,
    output: str,
    append: bool,
    set_name: str | None,
    group: str,
    downsample: tuple[float, float],
    copies: int,
    share: float,
    seed: int,
    model: str | None,
    rows: int | None,
    columns: int | None,
    channels: str | None,
    phase_reach: int | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Make labelled examples of CALLS (VCF or BCF) and their reads, for pileup-filter train.

    \b
    pileup-filter label calls.vcf.gz --truth truth.vcf.gz --confident confident.bed -f ref.fa -o labels.tsv
    pileup-filter examples calls.vcf.gz -b reads.bam -f ref.fa --labels labels.tsv -o examples.h5
    """
    from vcffilter.labelling.files import has_no_truth
    from vcffilter.progress import progress_line
    from vcffilter.reads.alignment_file import forbid_network_references
    from vcffilter.training.example_file import ExampleWriter
    from vcffilter.training.example_source import ExampleMaker, ExampleSource

    options.start_logging(quiet=quiet, verbose=verbose)
    forbid_network_references()
    refuse_overwriting([output], [calls, labels, *reads_paths, reference_path])
    spec = encoder_spec(model, rows, columns, phase_reach, channels)
    source = ExampleSource(
        calls=calls,
        labels=labels,
        reads=reads_paths,
        reference=reference_path,
        set_name=set_name or Path(calls).name.split(".")[0],
        group=group,
        downsample=downsample,
        copies=copies,
        share=share,
        samples=tuple(name for name in (samples or "").split(",") if name),
    )
    without_truth = [source.set_name] if has_no_truth(labels) else []
    n_written, n_true, started = 0, 0, time.monotonic()
    with (
        ExampleMaker(source, spec) as maker,
        ExampleWriter(output, spec, {"seed": seed}, append=append, without_truth=without_truth) as writer,
        progress_line(sys.stderr, "examples", quiet=quiet) as progress,
    ):
        for piece in maker.examples(seed):
            writer.append(piece)
            n_written += len(piece)
            n_true += int(piece.label.sum())
            if len(piece):
                progress(n_written, maker.n_labelled * copies, f"{piece.contig[-1]}:{piece.pos0[-1] + 1}")
        n_without_reads = maker.n_labelled * copies - n_written
    seconds = time.monotonic() - started
    log.info(
        "%d examples (%d true, %d false), %d alleles without reads left out; %.0f examples/s",
        n_written, n_true, n_written - n_true, n_without_reads, n_written / max(seconds, 1e-9),
    )  # fmt: skip


def encoder_spec(
    model: str | None, rows: int | None, columns: int | None, phase_reach: int | None = None, channels: str | None = None
) -> EncoderSpec:
    """The encoder asked for: a model's, or everything the program makes with so many rows, columns, and reach of phase.

    channels: names of those wanted, with commas; None = all.
    """
    from vcffilter.kernels.encode import ALL_FEATURES, ENCODER_VERSION, FEATURE_NAMES
    from vcffilter.kernels.tensor import ALL_CHANNELS, CHANNEL_NAMES
    from vcffilter.models.checkpoint import load_checkpoint
    from vcffilter.models.encoder_spec import EncoderSpec

    if model is not None:
        if any(option is not None for option in (rows, columns, phase_reach, channels)):
            raise UsageError(
                "--model says what the encoder makes", hint="Leave --rows, --columns, --channels and --phase-reach out"
            )
        return load_checkpoint(model).metadata.encoder
    rows, columns = 49 if rows is None else rows, 1 if columns is None else columns
    if columns % 2 == 0:
        raise UsageError("--columns must be odd: as many on either side of the event")
    features, known = (ALL_FEATURES, ALL_CHANNELS) if phase_reach else (FEATURE_NAMES, CHANNEL_NAMES)
    if rows == 0:
        return EncoderSpec(ENCODER_VERSION, features, phase_reach=phase_reach or 0)
    chosen = _chosen_channels(channels, known)
    return EncoderSpec(ENCODER_VERSION, features, chosen, rows, columns, phase_reach or 0)


def _chosen_channels(names: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if names is None:
        return known
    chosen = tuple(names.split(","))
    unknown = [name for name in chosen if name not in known]
    if unknown or len(set(chosen)) < len(chosen):
        what = f"no channel is called {unknown[0]!r}" if unknown else "--channels names one twice"
        raise UsageError(what, hint=f"There are: {', '.join(known)} (and phase, with --phase-reach)")
    return chosen
