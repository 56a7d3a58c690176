"""Click options as named objects that commands share, and help in groups. Knows nothing of what the options do."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import click


class GroupedOption(click.Option):
    """An option that the help lists under a heading. old_names: earlier spellings, still understood and no longer shown."""

    def __init__(self, *args: Any, group: str = "General", old_names: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group, self.old_names = group, tuple(old_names)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Teach the parser the old names, too, without showing them."""
        super().add_to_parser(parser, ctx)
        if self.old_names:
            parser.add_option(self, self.old_names, dest=self.name, action="store", nargs=self.nargs)


class GroupedCommand(click.Command):
    """A command whose help lists its options in groups, and that understands -W[=csi|tbi] as bcftools does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the optional value of -W/--write-index out before click sees it."""
        return super().parse_args(ctx, _spell_out_write_index(args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section per group, in order of appearance."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if row is not None:
                groups.setdefault(getattr(parameter, "group", _GENERAL), []).append(row)
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def _spell_out_write_index(args: Sequence[str]) -> list[str]:
    spelled: list[str] = []
    for position, argument in enumerate(args):
        if argument == "--":
            return [*spelled, *args[position:]]
        if argument in ("-W", "--write-index"):
            spelled.append("--write-index=csi")
        elif argument.startswith("-W"):
            spelled.append("--write-index=" + argument[2:].removeprefix("="))
        else:
            spelled.append(argument)
    return spelled


def option(*declarations: str, group: str, **attributes: Any) -> Callable[[Any], Any]:
    """A decorator that adds an option to a group."""
    return click.option(*declarations, cls=GroupedOption, group=group, **attributes)


def usable_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _say_unused(batch_size: int | None) -> None:
    """Scripts of version 0.1 may still give it."""
    if batch_size is not None:
        click.echo("pileup-filter: --batch-size has no effect and will go: networks take fixed batches", err=True)


_INPUT, _OUTPUT, _MODEL, _GENERAL = "Input", "Output", "Model and thresholds", "General"

variants_argument = click.argument("variants", metavar="[INPUT]", default="-")

reads = option(
    "-b", "--reads", "reads_paths", group=_INPUT, multiple=True, required=True, metavar="FILE",
    help="BAM or CRAM with index; may be given several times.",
)  # fmt: skip
sample_reads = option(
    "-b", "--reads", "reads_paths", group=_INPUT, multiple=True, required=True, metavar="[NAME=]FILE",
    help="BAM or CRAM with index; may be given several times. NAME: the sample of INPUT whose reads they all are. "
    "[default: as @RG SM says]",
)  # fmt: skip
reference = option("-f", "--reference", "reference_path", group=_INPUT, required=True, metavar="FILE", help="FASTA with .fai.")
regions = option("-r", "--regions", group=_INPUT, metavar="LIST", help="Only records that overlap these regions; needs an index.")
regions_file = option("-R", "--regions-file", group=_INPUT, metavar="FILE", help="Like -r, from a BED, VCF or table.")
targets = option("-t", "--targets", group=_INPUT, metavar="[^]LIST", help="Only records with POS in these regions; streams.")
targets_file = option("-T", "--targets-file", group=_INPUT, metavar="[^]FILE", help="Like -t, from a file.")
samples = option(
    "-s", "--samples", group=_INPUT, metavar="LIST",
    help="Only these samples: their columns, and the reads of their read groups.",
)  # fmt: skip
chosen_samples = option(
    "-s", "--samples", group=_INPUT, metavar="[^]LIST",
    help="Only these samples, or all but these: their columns, and the reads of their read groups.",
)  # fmt: skip
samples_file = option("-S", "--samples-file", group=_INPUT, metavar="[^]FILE", help="Like -s, from a file, one name a line.")
sample_map = option(
    "--sample-map", group=_INPUT, metavar="FILE",
    help="Lines of NAME, tab, SAMPLE: whose reads an @RG SM, or a file of -b, holds by the names of INPUT.",
)  # fmt: skip
background = option(
    "--background", "background_paths", group=_INPUT, multiple=True, metavar="[NAME=]FILE",
    help="BAM or CRAM of others on the same platform: unrelated people, samples of the same run, parents. Also write INFO "
    "PILEUP_BACKGROUND: whether their reads show the ALT (support), some do as errors would (noise), or none. May be given "
    "several times.",
)  # fmt: skip
supplementary = option(
    "--supplementary", "use_supplementary", group=_INPUT, is_flag=True, help="Use supplementary alignments too."
)
allow_ref_mismatch = option(
    "--allow-ref-mismatch", group=_INPUT, is_flag=True,
    help="Pass records whose REF is not the reference's unscored, instead of stopping.",
)  # fmt: skip

output = option("-o", "--output", group=_OUTPUT, default="-", metavar="FILE", help="[default: stdout]")
output_type = option(
    "-O", "--output-type", group=_OUTPUT, metavar="v|z|b|u[0-9]",
    help="VCF, VCF.gz, BCF or uncompressed BCF. [default: by the name of -o, else v]",
)  # fmt: skip
write_index = option(
    "-W", "--write-index", group=_OUTPUT, metavar="[=csi|tbi]", type=click.Choice(["csi", "tbi"]),
    help="Index the output.",
)  # fmt: skip
mode = option(
    "--mode", group=_OUTPUT, type=click.Choice(["append", "replace", "reset"]), default="append", show_default=True,
    help="append: failing adds to FILTER; replace: failing replaces it; reset: passing sets PASS too.",
)  # fmt: skip
annotate_only = option("--annotate-only", group=_OUTPUT, is_flag=True, help="Write INFO, leave FILTER alone.")
info_prefix = option(
    "--info-prefix", group=_OUTPUT, default="PILEUP", show_default=True, metavar="TEXT", help="Of the INFO keys."
)
score_key = option("--score-key", group=_OUTPUT, metavar="KEY", help="Write the log-odds under this INFO key, such as CNN_2D.")
reasons = option("--reasons", "with_reasons", group=_OUTPUT, is_flag=True, help="Write why a record failed.")
sample_ft = option(
    "--sample-ft",
    group=_OUTPUT,
    is_flag=True,
    help="Write the verdict on each sample into FORMAT, too; of a lone sample its scores as well, which then survive a merge.",
)
no_version = option("--no-version", group=_OUTPUT, is_flag=True, help="Leave program and command out of the header.")
summary = option("--summary", "summary_path", group=_OUTPUT, metavar="FILE", help="Write counts and speed as JSON.")

model = option(
    "--model", group=_MODEL, default="illumina-germline", show_default=True, metavar="NAME|FILE|auto",
    help="A model that ships, a .safetensors file, or auto: the one that fits the reads.",
)  # fmt: skip
stage = option(
    "--stage", group=_MODEL, type=click.Choice(["trees", "both"]),
    help="Of a model of two stages: let trees decide alone, or trees and, where these doubt, a network on reads. [default: both]",
)  # fmt: skip
device = option(
    "--device", group=_MODEL, type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True,
    help="Where the network runs.",
)  # fmt: skip
min_prob_snv = option("--min-prob-snv", group=_MODEL, type=click.FloatRange(0, 1), metavar="P", help="[default: the model's]")
min_prob_indel = option(
    "--min-prob-indel", group=_MODEL, type=click.FloatRange(0, 1), metavar="P",
    help="Also of MNPs and complex alleles. [default: the model's]",
)  # fmt: skip
preset = option(
    "--preset", group=_MODEL, type=click.Choice(["sensitive", "balanced", "strict"]),
    help="The model's thresholds where a lost true call counts as 16, 4 or 1/4 kept false ones. [default: balanced]",
)  # fmt: skip
target_recall = option(
    "--target-recall", group=_MODEL, type=click.FloatRange(0, 1), metavar="R",
    help="Thresholds that keep this share of true variants, from the model's card.",
)  # fmt: skip

fdr = option(
    "--fdr", group=_MODEL, type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="X",
    help="Lowest threshold at which the probabilities of this very file expect a share X of false ones among what passes. The "
    "file is read and scored twice: not for stdin.",
)  # fmt: skip

tier = option(
    "--tier", "tier", group=_MODEL, type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="X",
    help="Also write INFO PILEUP_TIER: SURE for ALTs so probable and with so many reads that at most a share X of such calls was "
    "false where the model was measured (95% limit of its card), CONFIRM for the others.",
)  # fmt: skip

background_filter = option(
    "--background-filter", group=_MODEL, is_flag=True,
    help="An ALT that is noise in the --background, and in the sample less than twice as frequent, fails: BackgroundNoise.",
)  # fmt: skip


class _Percents(click.ParamType):
    """Per cents between commas, as shares."""

    name = "percents"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            shares = tuple(round(float(part) / 100, 6) for part in value.split(","))
        except ValueError:
            shares = ()
        if not shares or not all(0 < share < 1 for share in shares):
            self.fail(f"{value!r} is no list such as 99,99.9", param, ctx)
        return shares


bands = option(
    "--bands", "bands", group=_MODEL, type=_Percents(), metavar="LIST",
    help="Also write INFO PILEUP_BAND: between which of these per cents of true calls kept each ALT lies, as GATK's tranches do: "
    "such as 99,99.5,99.9, of those that the model's card was measured at.",
)  # fmt: skip

threads = option(
    "--threads", "n_threads", group=_GENERAL, type=click.IntRange(1), default=usable_cpus, metavar="N",
    help="Scoring threads. [default: the CPUs of this process]",
)  # fmt: skip
batch_size = click.option(
    "--batch-size", type=click.IntRange(1), hidden=True, expose_value=False,
    callback=lambda context, parameter, value: _say_unused(value),
)  # fmt: skip
strict = option("--strict", group=_GENERAL, is_flag=True, help="Take any warning for an error: exit 1, no output under its name.")
allow_unscored = option(
    "--allow-unscored", group=_GENERAL, is_flag=True,
    help="Exit 0 although nothing or nearly nothing could be scored.",
)  # fmt: skip
quiet = option("-q", "--quiet", group=_GENERAL, is_flag=True, help="Errors only.")
verbose = option("-v", "--verbose", group=_GENERAL, is_flag=True, help="Say more, htslib's own messages included.")


def apply(options: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Add options to a command, listed in the order given."""

    def decorate(command: Any) -> Any:
        for add in reversed(options):
            command = add(command)
        return command

    return decorate


def start_logging(*, quiet: bool, verbose: bool) -> None:
    """Messages to stderr: warnings and the summary by default, errors only with -q, everything with -v."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="pileup-filter: %(message)s")
    logging.getLogger("vcffilter").setLevel(level)
