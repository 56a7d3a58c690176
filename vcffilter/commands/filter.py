"""`pileup-filter filter`: turns options into one call of `filter_job`."""

from __future__ import annotations

import time
from typing import Any

import click

from vcffilter.commands import options


@click.command("filter", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@options.apply(
    [
        options.variants_argument,
        options.sample_reads,
        options.reference,
        options.regions,
        options.regions_file,
        options.targets,
        options.targets_file,
        options.chosen_samples,
        options.samples_file,
        options.sample_map,
        options.background,
        options.supplementary,
        options.allow_ref_mismatch,
        options.output,
        options.output_type,
        options.write_index,
        options.mode,
        options.annotate_only,
        options.info_prefix,
        options.score_key,
        options.reasons,
        options.sample_ft,
        options.no_version,
        options.summary,
        options.model,
        options.stage,
        options.device,
        options.min_prob_snv,
        options.min_prob_indel,
        options.preset,
        options.target_recall,
        options.fdr,
        options.tier,
        options.bands,
        options.background_filter,
        options.threads,
        options.batch_size,
        options.strict,
        options.allow_unscored,
        options.quiet,
        options.verbose,
    ]
)
def filter_command(**parsed: Any) -> None:
    """Score every ALT of INPUT (VCF, VCF.gz, BCF, or - for stdin) by the reads at its site.

    The probability that an ALT is real goes into INFO, and records that no scored ALT saves get LowPileupSNV or
    LowPileupIndel in FILTER. No record is dropped, moved or re-genotyped.

    \b
    pileup-filter filter calls.vcf.gz -b reads.bam -f reference.fa -Oz -o filtered.vcf.gz
    """
    from vcffilter.filter_job.job import run_filter
    from vcffilter.filter_job.options import FilterOptions

    started = time.monotonic()
    chosen = FilterOptions(**parsed)
    options.start_logging(quiet=chosen.quiet, verbose=chosen.verbose)
    summary = run_filter(chosen, started)
    if not chosen.quiet:
        click.echo(f"pileup-filter: {summary.line()}", err=True)
