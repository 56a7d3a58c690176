"""`pileup-filter compare`: several models on the same data and folds. Only turns options into calls."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vcffilter.commands import options

if TYPE_CHECKING:
    from vcffilter.experiments.comparison import ModelComparison

_OUTPUT = "Output"


@click.command("compare", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", metavar="EXPERIMENTS.YAML", type=click.Path())
@options.option("-o", "--output", group=_OUTPUT, metavar="DIR", help="Folder for tables, plot, scores of finished experiments.")
@options.option("--plot/--no-plot", "with_plot", group=_OUTPUT, default=True, help="Draw the plot, too. [default: --plot]")
@options.quiet
@options.verbose
def compare(config: str, output: str | None, with_plot: bool, quiet: bool, verbose: bool) -> None:
    """Train every experiment of EXPERIMENTS.YAML on the same folds of the same examples, and put the results side by side.

    Folds keep regions whole. Calibration and thresholds of a fold come from the others. Each experiment is tested against the
    first, fold by fold. With call_sets in the file, what the filter then does to them is counted against their truth. The table
    goes to stdout as Markdown; with -o it goes to files, too, and finished experiments are not trained again.
    """
    from vcffilter.evaluation.report import markdown_table
    from vcffilter.experiments.comparison import run_comparison, short_table
    from vcffilter.experiments.config import load_comparison_config
    from vcffilter.files import make_folder
    from vcffilter.progress import progress_line

    options.start_logging(quiet=quiet, verbose=verbose)
    if not verbose:  # one line per experiment, not per epoch
        logging.getLogger("vcffilter.training.fit").setLevel(logging.WARNING)
    parsed = load_comparison_config(config)
    folder = None
    if output is not None:
        if with_plot:
            from vcffilter.evaluation.plots import require_matplotlib

            require_matplotlib("--no-plot")
        folder = make_folder(output)
        make_folder(str(folder / "scores"))
    with progress_line(sys.stderr, "models", quiet=quiet) as progress:
        comparison = run_comparison(parsed, Path(config).parent, None if folder is None else folder / "scores", progress)
    lines = markdown_table(*short_table(comparison))
    if folder is not None:
        _write(folder, comparison, lines, with_plot)
    click.echo("\n".join(lines))


def _write(folder: Path, comparison: ModelComparison, lines: list[str], with_plot: bool) -> None:
    from vcffilter.evaluation.report import csv_text
    from vcffilter.experiments.comparison import effect_table, fold_table, table
    from vcffilter.files import write_bytes, write_text

    write_text(folder / "comparison.md", "\n".join(lines) + "\n")
    write_text(folder / "comparison.csv", csv_text(table(comparison)))
    write_text(folder / "folds.csv", csv_text(fold_table(comparison)))
    if comparison.config.call_sets:
        write_text(folder / "call_sets.csv", csv_text(effect_table(comparison)))
    parameters = {"config": dataclasses.asdict(comparison.config), "examples_per_fold": comparison.n_in_fold}
    write_text(folder / "parameters.json", json.dumps(parameters, indent=1) + "\n")
    if with_plot:
        from vcffilter.experiments.plot import comparison_plot

        write_bytes(folder / "comparison.png", comparison_plot(comparison))
