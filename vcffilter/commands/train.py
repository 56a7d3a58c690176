"""`pileup-filter train`: a network from labelled examples. Only turns options into one call."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click


@click.command("train", short_help="Train or fine-tune a network on labelled examples.")
@click.argument("config", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Run folder: config, metrics, weights and card.")
@click.option("--init", help="Start from these weights (name or file) instead of from scratch.")
@click.option("--resume", is_flag=True, help="Go on with the unfinished run in the run folder.")
@click.option(
    "--without", "left_out", metavar="FOLD", multiple=True,
    help="Never see this fold of out_of_fold; weights NAME-without-FOLD. May be repeated.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say nothing while training.")
def train(config: str, output: str, init: str | None, resume: bool, left_out: tuple[str, ...], quiet: bool) -> None:
    """Train the network that CONFIG (YAML) describes on files made by `pileup-filter examples`.

    Whole regions, contigs or sets are held out for validation, never a random part. Under torchrun several GPUs
    (or processes) share the work. The last line on stdout is the path of the weights.
    """
    from vcffilter.files import refuse_overwriting
    from vcffilter.progress import progress_line
    from vcffilter.reads.alignment_file import forbid_network_references
    from vcffilter.training.config import load_train_config
    from vcffilter.training.run import run_training

    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, format="pileup-filter: %(message)s")
    forbid_network_references()
    parsed = load_train_config(config)
    for fold in left_out:
        parsed = parsed.without_fold(fold)
    weights = Path(output, f"{parsed.model_id}.safetensors")
    refuse_overwriting([str(weights), str(weights.with_suffix(".md"))], [config, init])
    with progress_line(sys.stderr, "trainings", quiet=quiet) as progress:
        checkpoint = run_training(parsed, Path(config).parent, Path(output), init, resume, progress)
    click.echo(checkpoint)
