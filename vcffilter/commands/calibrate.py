"""`pileup-filter calibrate`: probabilities and thresholds fitted to labelled calls; without labels, what each cut would do."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vcffilter.commands import options
from vcffilter.errors import TrainingError, UsageError
from vcffilter.files import refuse_overwriting

if TYPE_CHECKING:
    from vcffilter.calibration.cuts_without_truth import CutRow
    from vcffilter.calibration.recalibration import CalibrationQuality, RecalibrationSettings
    from vcffilter.models.checkpoint import CheckpointMetadata
    from vcffilter.training.example_source import ExampleSource

logger = logging.getLogger(__name__)

_CUTS_EXPLAINED = (
    "Predicted: by the probabilities themselves, as right as the model's calibration is on these data. Ratios do not depend on",
    "it: real human SNVs have a Ti/Tv of 2.0 to 2.1 (exomes about 3), random errors 0.5. A threshold is too high when the SNVs",
    "that it removes look as real as those it keeps, or when het/hom moves away from that of the rows above.",
    "To cut there: pileup-filter filter --min-prob-snv T --min-prob-indel T",
)
_INPUT, _LABELS, _FIT, _OUTPUT = "Input", "Labels", "Calibration", "Output"


class _Borders(click.ParamType):
    """`8,21`, or `none`."""

    name = "depths"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if value == "none":
            return ()
        parts = str(value).split(",")
        if not all(part.isdigit() for part in parts) or sorted({int(part) for part in parts}) != [int(part) for part in parts]:
            self.fail(f"{value!r} is neither none nor rising depths such as 8,21", param, ctx)
        return tuple(int(part) for part in parts)


@dataclass(frozen=True)
class CalibrateOptions:
    """The command line of `calibrate`, as parsed."""

    calls: str
    reads_paths: tuple[str, ...]
    reference_path: str | None
    samples: str | None
    model: str
    device: str
    labels: str | None
    truth: str | None
    confident: str | None
    truth_sample: str | None
    method: str
    depth_borders: tuple[int, ...]
    minimum_examples: int
    recalls: tuple[float, ...]
    precisions: tuple[float, ...]
    recall_snv: float | None
    recall_indel: float | None
    output: str | None
    is_forced: bool
    model_id: str | None
    info_prefix: str
    quiet: bool
    verbose: bool


@click.command("calibrate", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("calls", metavar="CALLS")
@options.option(
    "-b", "--reads", "reads_paths", group=_INPUT, multiple=True, metavar="FILE",
    help="BAM or CRAM with index; may be given several times.",
)  # fmt: skip
@options.option("-f", "--reference", "reference_path", group=_INPUT, metavar="FILE", help="FASTA with .fai.")
@options.samples
@options.model
@options.device
@options.option("--labels", group=_LABELS, metavar="TSV", help="Written by pileup-filter label; TP and FP count.")
@options.option("--truth", group=_LABELS, metavar="FILE", help="Truth VCF, instead of --labels.")
@options.option("--confident", group=_LABELS, metavar="BED", help="Regions where the truth is complete. [default: everywhere]")
@options.option("--truth-sample", group=_LABELS, metavar="NAME", help="Sample of the truth VCF. [default: the first]")
@options.option(
    "--method", group=_FIT, type=click.Choice(["temperature", "platt", "isotonic"]), default="isotonic", show_default=True,
    help="One map per variant type and depth band.",
)  # fmt: skip
@options.option(
    "--depth-borders", group=_FIT, type=_Borders(), default="8,21", show_default=True, metavar="N,N|none",
    help="Depths at which the next band begins.",
)  # fmt: skip
@options.option(
    "--minimum-examples", group=_FIT, type=click.IntRange(1), default=200, show_default=True, metavar="N",
    help="A band with fewer takes the map of its type.",
)  # fmt: skip
@options.option(
    "--target-recall", "recalls", group=_FIT, type=click.FloatRange(0, 1, min_open=True), multiple=True, metavar="R",
    help="A further operating point for the card, which filter --target-recall then finds.",
)  # fmt: skip
@options.option(
    "--target-precision", "precisions", group=_FIT, type=click.FloatRange(0, 1), multiple=True, metavar="P",
    help="An operating point by precision among these calls.",
)  # fmt: skip
@options.option(
    "--recall-snv", group=_FIT, type=click.FloatRange(0, 1), metavar="R",
    help="Share of true SNVs that the default threshold keeps. [default: that of the balanced preset]",
)  # fmt: skip
@options.option(
    "--recall-indel", group=_FIT, type=click.FloatRange(0, 1), metavar="R",
    help="The same of other ALTs. [default: that of the balanced preset]",
)  # fmt: skip
@options.option(
    "-o", "--output", group=_OUTPUT, old_names=["--out"], metavar="FILE.safetensors",
    help="The new checkpoint; its card goes beside it.",
)  # fmt: skip
@options.option("--force", "is_forced", group=_OUTPUT, is_flag=True, help="Write it although log loss got worse out of fold.")
@options.option("--model-id", group=_OUTPUT, metavar="NAME", help="[default: the old one with -calibrated]")
@options.info_prefix
@options.quiet
@options.verbose
def calibrate(**parsed: Any) -> None:
    """Fit probabilities and thresholds of a model to CALLS, whose ALTs are labelled, and write them to a new checkpoint.

    \b
    pileup-filter calibrate calls.vcf.gz -b reads.bam -f ref.fa --truth truth.vcf.gz --confident confident.bed -o new.safetensors

    Without --labels and --truth nothing is fitted: what each threshold would keep is printed, with predicted precision and
    recall, Ti/Tv, het/hom and insertion/deletion ratios. CALLS that were filtered before need no reads then.
    """
    from vcffilter.reads.alignment_file import forbid_network_references

    chosen = CalibrateOptions(**parsed)
    options.start_logging(quiet=chosen.quiet, verbose=chosen.verbose)
    forbid_network_references()
    if chosen.labels is not None and chosen.truth is not None:
        raise UsageError("--labels and --truth both say which calls are true", hint="Leave one out")
    if chosen.labels is None and chosen.truth is None:
        if chosen.output is not None:
            raise UsageError("without labels there is nothing to fit", hint="Give --labels or --truth, or leave out --output")
        _print_cuts(chosen)
        return
    if chosen.output is None:
        raise UsageError("no place for the new checkpoint", hint="Add --output new.safetensors")
    if not chosen.output.endswith(".safetensors"):
        raise UsageError("the checkpoint's name must end in .safetensors", path=chosen.output)
    if not chosen.reads_paths or chosen.reference_path is None:
        raise UsageError("labelled calls are scored anew", hint="Add -b READS and -f REF.fa")
    card = Path(chosen.output).with_suffix(".md")
    labels = [chosen.labels, chosen.truth, chosen.confident]
    inputs = [chosen.calls, *labels, *chosen.reads_paths, chosen.reference_path, chosen.model]
    refuse_overwriting([chosen.output, str(card)], inputs)
    _recalibrate(_with_named_model(chosen, chosen.reference_path), chosen.reference_path, chosen.output)


def _with_named_model(chosen: CalibrateOptions, reference: str) -> CalibrateOptions:
    """The options with a model's name or file, where the reads were to say which."""
    from vcffilter.inspection.model_choice import named_model

    return replace(chosen, model=named_model(chosen.model, chosen.reads_paths, reference))


def _recalibrate(chosen: CalibrateOptions, reference: str, output: str) -> None:
    from vcffilter.calibration.recalibration import labelled_logits, recalibrate
    from vcffilter.files import write_text
    from vcffilter.labelling.files import has_no_truth
    from vcffilter.models.card import render_card
    from vcffilter.models.checkpoint import load_checkpoint, save_checkpoint
    from vcffilter.scoring.two_stages import open_network

    checkpoint = load_checkpoint(chosen.model)
    with tempfile.TemporaryDirectory() as folder:
        source = _source(chosen, reference, Path(folder))
        data = labelled_logits(source, open_network(checkpoint, chosen.device))
    provenance = {"calls": Path(chosen.calls).name, "labels": Path(chosen.labels or chosen.truth or "").name}
    model_id = chosen.model_id or f"{checkpoint.metadata.model_id.removesuffix('-calibrated')}-calibrated"
    without_truth = chosen.labels is not None and has_no_truth(chosen.labels)
    result = recalibrate(checkpoint, data, _settings(chosen), provenance, model_id, without_truth)
    click.echo("\n".join(_quality_table(result.quality)))
    overall = result.quality[0]
    if overall.is_worse and not chosen.is_forced:
        raise TrainingError(
            f"not written: on calls that were held out, log loss got worse ({overall.log_loss_before:.4f} before, "
            f"{overall.log_loss_after:.4f} after)",
            path=output,
            hint="Keep the model as it is, label more calls, try --method platt, or give --force",
        )
    save_checkpoint(output, checkpoint.build(), result.metadata)
    card = Path(output).with_suffix(".md")
    write_text(card, render_card(load_checkpoint(output)))
    click.echo()
    click.echo("\n".join(_points_table(result.metadata)))
    logger.info("written: %s, and its card %s, which says what the presets keep and remove by depth", output, card)


def _source(chosen: CalibrateOptions, reference: str, folder: Path) -> ExampleSource:
    from vcffilter.labelling.files import LabelInputs, label_file
    from vcffilter.training.example_source import ExampleSource

    labels = chosen.labels
    if labels is None:
        labels = str(folder / "labels.tsv")
        inputs = LabelInputs(chosen.truth or "", reference, chosen.confident, chosen.truth_sample)
        with open(labels, "w") as stream:
            label_file(chosen.calls, inputs, stream)
    samples = tuple(name for name in (chosen.samples or "").split(",") if name)
    return ExampleSource(chosen.calls, labels, chosen.reads_paths, reference, samples=samples)


def _settings(chosen: CalibrateOptions) -> RecalibrationSettings:
    from vcffilter.calibration.recalibration import RecalibrationSettings

    return RecalibrationSettings(
        method=chosen.method,
        depth_borders=chosen.depth_borders,
        minimum_examples=chosen.minimum_examples,
        recalls=RecalibrationSettings().recalls + chosen.recalls,
        precisions=chosen.precisions,
        recall_snv=chosen.recall_snv,
        recall_indel=chosen.recall_indel,
    )


def _quality_table(rows: list[CalibrationQuality]) -> list[str]:
    from vcffilter.evaluation.report import markdown_table

    header = ("Calls", "True", "False", "ECE before", "ECE after", "Log loss before", "Log loss after")
    cells = (
        (row.group, row.n_true, row.n_false, row.error_before, row.error_after, row.log_loss_before, row.log_loss_after)
        for row in rows
    )
    return markdown_table(header, cells)


def _points_table(metadata: CheckpointMetadata) -> list[str]:
    from vcffilter.evaluation.report import markdown_table

    presets = {name: one["thresholds"] for name, one in metadata.presets["presets"].items()}
    rows: list[tuple[Any, ...]] = [
        (preset, name, threshold)
        for preset, thresholds in ({"default": metadata.thresholds} | presets).items()
        for name, threshold in sorted(thresholds.items())
    ]
    rows = [(*row, None, None, None) for row in rows]
    for point in metadata.operating_points:
        for name, threshold in sorted(point["thresholds"].items()):
            measured = point["measured"][name]
            facts = (measured[fact] for fact in ("recall", "precision", "false_removed"))
            rows.append((point["name"], name, threshold, *facts))
    return markdown_table(("Operating point", "Type", "Threshold", "Recall", "Precision", "False removed"), rows)


def _print_cuts(chosen: CalibrateOptions) -> None:
    from vcffilter.calibration.cuts_without_truth import cut_rows
    from vcffilter.models.checkpoint import load_checkpoint
    from vcffilter.pictures.selection import CallFile

    if chosen.reads_paths:
        if chosen.reference_path is None:
            raise UsageError("reads are compared with the reference", hint="Add -f REF.fa")
        chosen = _with_named_model(chosen, chosen.reference_path)
    own, mark = None, "in force"
    if chosen.reads_paths:
        own, mark = load_checkpoint(chosen.model).metadata.thresholds, "default"
    elif Path(chosen.calls).is_file():
        own = CallFile(chosen.calls, chosen.info_prefix).cuts.thresholds
    rows = cut_rows(_unlabelled(chosen), own)
    if not rows:
        raise UsageError("no call could be scored", path=chosen.calls, hint="Are these the reads of the calls' sample?")
    click.echo("\n".join([*_cut_table(rows, mark), "", *_CUTS_EXPLAINED]))


def _unlabelled(chosen: CalibrateOptions) -> Any:
    import numpy as np

    from vcffilter.calibration.cuts_without_truth import score_contig, unlabelled_calls
    from vcffilter.truth.call_sets import CalledAllele, CallsFile

    calls: list[CalledAllele] = []
    probability = [np.empty(0)]
    scorer = None
    with CallsFile(chosen.calls, prefix=chosen.info_prefix) as file:
        if chosen.reads_paths:
            scorer = _open_scorer(chosen)
        elif not file.has_probabilities:
            raise UsageError(
                f"the calls have no INFO/{chosen.info_prefix}_PROB",
                path=chosen.calls,
                hint="Add -b READS and -f REF.fa to score them",
            )
        for contig, every_alt in file.contigs_in_order():
            alleles = [item for item in every_alt if item.has_sequence]
            calls += alleles
            written = np.array([call.probability for call in alleles])
            probability.append(written if scorer is None else score_contig(contig, alleles, scorer.score))
    if scorer is not None:
        scorer.close()
    return unlabelled_calls(calls, np.concatenate(probability))


def _open_scorer(chosen: CalibrateOptions) -> Any:
    from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer

    assert chosen.reference_path is not None, "asked for before"
    samples = tuple(name for name in (chosen.samples or "").split(",") if name)
    return open_scorer(
        EvidenceOptions(chosen.calls, chosen.reads_paths, chosen.reference_path, samples, chosen.model, chosen.device)
    )


def _cut_table(rows: list[CutRow], mark: str) -> list[str]:
    """mark: what the thresholds that the model or the file came with are called."""
    from vcffilter.evaluation.report import markdown_table

    header = (
        "Type", "Threshold", "Kept", "Removed", "Predicted precision", "Predicted recall", "Ti/Tv kept", "Ti/Tv removed",
        "Ins/del kept", "Het/hom kept",
    )  # fmt: skip
    cells = (
        (
            row.type, f"{row.threshold:.4f}{f' ({mark})' if row.is_default else ''}", row.n_kept, row.n_removed,
            row.predicted_precision, row.predicted_recall, row.ti_tv_kept, row.ti_tv_removed, row.insertion_deletion_kept,
            row.het_hom_kept,
        )
        for row in rows
    )  # fmt: skip
    return markdown_table(header, cells)
