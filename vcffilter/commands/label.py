"""`pileup-filter label`: TP, FP or OUT for every ALT of a call set, by truth or resources. Only turns options into one call."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

import click

from vcffilter.commands import options
from vcffilter.errors import UsageError
from vcffilter.files import refuse_overwriting, text_file

_TRUTH, _NO_TRUTH, _FILES = "By truth", "Without truth", "Files"


@dataclass(frozen=True)
class LabelOptions:
    """The command line of `label`, as parsed."""

    calls: str
    truth: str | None
    confident: str | None
    truth_sample: str | None
    match_genotypes: bool
    gap: int
    max_states: int
    resources: tuple[str, ...]
    reads_paths: tuple[str, ...]
    samples: str | None
    witnesses: tuple[str, ...]
    phase_reach: int
    real_share: float
    chance: float
    min_alt_reads: int
    max_prob: float | None
    weight: float
    reference: str | None
    output: str


@click.command(
    "label",
    cls=options.GroupedCommand,
    short_help="TP / FP / OUT for every ALT, by a truth set, or weaker by resources and reads.",
)
@click.argument("calls", default="-", type=click.Path(allow_dash=True))
@options.option(
    "--truth",
    group=_TRUTH,
    metavar="FILE",
    help="Truth VCF. Without it and --resource: CALLS was annotated by vcfeval, hap.py or aardvark.",
)
@options.option("--confident", group=_TRUTH, metavar="BED", help="Regions where the truth is complete. [default: everywhere]")
@options.option("--truth-sample", group=_TRUTH, metavar="NAME", help="Sample of the truth VCF. [default: the first]")
@options.option(
    "--match-genotypes", group=_TRUTH, is_flag=True,
    help="Annotated input only: a right allele with a wrong genotype is FP.",
)  # fmt: skip
@options.option(
    "--gap", group=_TRUTH, default=30, show_default=True, type=click.IntRange(0), metavar="N",
    help="Truth alleles this near (bp) are compared together.",
)  # fmt: skip
@options.option(
    "--max-states", group=_TRUTH, default=20_000, show_default=True, type=click.IntRange(1), metavar="N",
    help="Paths tried per call before giving up.",
)  # fmt: skip
@options.option(
    "--resource", "resources", group=_NO_TRUTH, multiple=True, metavar="FILE",
    help="Indexed VCF of alleles that people have, instead of --truth: 1000 Genomes, Mills, HapMap, common dbSNP (all of dbSNP "
    "holds too many errors). May be given several times.",
)  # fmt: skip
@options.option(
    "-b", "--reads", "reads_paths", group=_NO_TRUTH, multiple=True, metavar="FILE",
    help="BAM or CRAM of the calls: they say what is false. May be given several times.",
)  # fmt: skip
@options.option("-s", "--samples", group=_NO_TRUTH, metavar="LIST", help="Only the reads of -b in these samples' read groups.")
@options.option(
    "--witness", "witnesses", group=_NO_TRUTH, multiple=True, metavar="FILE",
    help="BAM or CRAM that must show a real ALT, too: of another library of the sample; or of both parents, given one after "
    "the other, of whom one must.",
)  # fmt: skip
@options.option(
    "--phase-reach", group=_NO_TRUTH, type=click.IntRange(0, 10_000), default=500, show_default=True, metavar="N",
    help="Bases on either side in which heterozygous columns say on which haplotype a read of -b lies; 0 = do not ask that. "
    "Short reads 500, long ones 3000.",
)  # fmt: skip
@options.option(
    "--real-share", group=_NO_TRUTH, type=click.FloatRange(0, 1, min_open=True), default=0.35, show_default=True, metavar="SHARE",
    help="Share of its reads that a real heterozygous ALT has at least, on average.",
)  # fmt: skip
@options.option(
    "--chance", group=_NO_TRUTH, type=click.FloatRange(0, 1, min_open=True), default=0.001, show_default=True, metavar="P",
    help="Reads contradict an ALT where a real one would have so few with a smaller probability.",
)  # fmt: skip
@options.option(
    "--min-alt-reads", group=_NO_TRUTH, type=click.IntRange(0), default=3, show_default=True, metavar="N",
    help="Reads of -b that must show an ALT of a resource before it is TP.",
)  # fmt: skip
@options.option(
    "--max-prob", group=_NO_TRUTH, type=click.FloatRange(0, 1), metavar="P",
    help="CALLS were filtered before: an ALT that no resource has is FP, too, where its PILEUP_PROB is not above P.",
)  # fmt: skip
@options.option(
    "--weight", group=_NO_TRUTH, type=click.FloatRange(0, 1, min_open=True), default=0.5, show_default=True, metavar="W",
    help="What such a label counts in training, where a label by truth counts 1.",
)  # fmt: skip
@options.option("-f", "--reference", group=_FILES, metavar="FILE", help="Indexed FASTA of the calls.")
@options.option("-o", "--output", group=_FILES, default="-", metavar="FILE", help="Labels (TSV). [default: stdout]")
def label(**parsed: Any) -> None:
    """Label every ALT of CALLS (VCF, VCF.gz, BCF or -) as TP, FP or OUT.

    \b
    pileup-filter label calls.vcf.gz --truth truth.vcf.gz --confident confident.bed -f ref.fa -o labels.tsv
    pileup-filter label calls.vcf.gz --resource known.vcf.gz -b reads.bam -f ref.fa -o labels.tsv

    By truth: haplotypes are compared, not strings: another spelling of an indel, an MNP against its SNVs, a complex
    allele and neighbours that match only together are recognised. Genotypes do not count. OUT: not wholly
    inside --confident.

    Without truth, by --resource: TP is what a resource has and the reads show, FP what no resource has and the reads
    contradict, UNK (no label) all else. Such labels are weaker, and training says that it had no truth.

    With a VCF that vcfeval, hap.py or aardvark annotated (BD, BK, CALL), both are left out and their
    verdict is taken.
    """
    chosen = LabelOptions(**parsed)
    options.start_logging(quiet=False, verbose=False)
    inputs = [chosen.calls, chosen.truth, chosen.confident, chosen.reference]
    refuse_overwriting([chosen.output], [*inputs, *chosen.resources, *chosen.reads_paths, *chosen.witnesses])
    _check(chosen)
    if chosen.resources:
        _by_resources(chosen)
    elif chosen.truth is not None:
        _by_truth(chosen)
    else:
        from vcffilter.labelling.annotated import label_annotated

        _say(write_whole(chosen.output, lambda stream: label_annotated(chosen.calls, stream, chosen.match_genotypes)))


def _check(chosen: LabelOptions) -> None:
    """Whether the options go together. Raises UsageError."""
    if chosen.truth is not None and chosen.resources:
        raise UsageError("--truth and --resource both say what is true", hint="Leave --resource out: a truth says all")
    if not chosen.resources and (chosen.reads_paths or chosen.witnesses or chosen.max_prob is not None):
        raise UsageError("reads and scores label what has no truth", hint="Add --resource KNOWN.vcf.gz")
    is_annotated = chosen.truth is None and not chosen.resources
    if chosen.truth is None and (chosen.confident is not None or (is_annotated and chosen.reference is not None)):
        raise UsageError("--confident and -f need --truth", hint="Add --truth TRUTH.vcf.gz")
    if not is_annotated and chosen.match_genotypes:
        raise UsageError("--match-genotypes works on annotated input only", hint="Leave out --truth, or the option")
    if not is_annotated and chosen.reference is None:
        raise UsageError(f"--{'resource' if chosen.resources else 'truth'} needs the reference", hint="Add -f REF.fa")


def _by_truth(chosen: LabelOptions) -> None:
    from vcffilter.labelling.files import LabelInputs, label_file
    from vcffilter.progress import progress_line
    from vcffilter.truth.haplotype_match import SearchLimits

    inputs = LabelInputs(chosen.truth or "", chosen.reference or "", chosen.confident, chosen.truth_sample)
    limits = SearchLimits(gap_bases=chosen.gap, max_states=chosen.max_states)
    with progress_line(sys.stderr, "records") as progress:
        _say(write_whole(chosen.output, lambda stream: label_file(chosen.calls, inputs, stream, limits, progress)))


def _by_resources(chosen: LabelOptions) -> None:
    from vcffilter.labelling.from_resources import ResourceInputs, label_by_resources
    from vcffilter.labelling.resource_rules import RULES_OF_FALSE, RULES_OF_NONE, RULES_OF_TRUE, ResourceRules
    from vcffilter.progress import progress_line
    from vcffilter.reads.alignment_file import forbid_network_references

    forbid_network_references()
    rules = ResourceRules(chosen.real_share, chosen.chance, chosen.min_alt_reads, chosen.max_prob, chosen.weight)
    samples = tuple(name for name in (chosen.samples or "").split(",") if name)
    reference, reach = chosen.reference or "", chosen.phase_reach
    inputs = ResourceInputs(chosen.resources, reference, chosen.reads_paths, samples, chosen.witnesses, reach, rules=rules)
    by_rule: Counter[str] = Counter()

    def write(stream: TextIO) -> Counter[str]:
        labels, used = label_by_resources(chosen.calls, inputs, stream, progress)
        by_rule.update(used)
        return labels

    with progress_line(sys.stderr, "records") as progress:
        _say(write_whole(chosen.output, write), ("TP", "FP", "UNK", "."))
    names = (*RULES_OF_TRUE, *RULES_OF_FALSE, *RULES_OF_NONE)
    click.echo("by rule: " + ", ".join(f"{name} {by_rule[name]}" for name in names if by_rule[name]), err=True)


def _say(counts: Counter[str], names: tuple[str, ...] = ("TP", "FP", "OUT", ".")) -> None:
    click.echo("labelled: " + ", ".join(f"{name} {counts[name]}" for name in names), err=True)


def write_whole(output: str, write: Callable[[TextIO], Counter[str]]) -> Counter[str]:
    """Call `write` with a stream; a file appears under its name only when complete. Raises OutputError."""
    if output == "-":
        return write(sys.stdout)
    with text_file(output) as stream:
        return write(stream)
