"""`pileup-filter explain`: what makes the log-odds of chosen calls, in parts that add up, and what would have to change."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vcffilter.commands import options
from vcffilter.commands.chosen_calls import chosen_calls, of_chosen_calls, write_pictures
from vcffilter.commands.options import option
from vcffilter.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from vcffilter.encoding.encoder import PreparedChunk
    from vcffilter.explanation.bedgraph import ColumnValues
    from vcffilter.explanation.call_explainer import CallExplanation
    from vcffilter.explanation.covers import Covers
    from vcffilter.explanation.explainer import Explanation
    from vcffilter.explanation.occlusion import Evidence
    from vcffilter.models.checkpoint import Checkpoint
    from vcffilter.models.encoder_spec import EncoderSpec
    from vcffilter.models.network import Network
    from vcffilter.pictures.facts import CallFacts
    from vcffilter.pictures.painter import PileupSource
    from vcffilter.pictures.selection import CallFile
    from vcffilter.reads.tagged_copy import ReadValues

logger = logging.getLogger(__name__)

_DEFAULT_MODEL = "illumina-germline"
#: Calls of INPUT that are counted where nobody has counted the trees' examples.
_MOST_COUNTED = 2000
#: Bases of an allele in a read's tag.
_NAME_BASES = 20
#: Log-odds by which a file's own may differ from those that are explained.
_SAME_LOG_ODDS = 0.01


@click.command("explain", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("variants", metavar="INPUT")
@click.argument("places", metavar="[CHROM:POS]...", nargs=-1)
@options.apply(
    [
        *of_chosen_calls,
        option("--model", group="Model", metavar="NAME|FILE",
               help="A model that ships, or a .safetensors file. [default: the one that filtered INPUT]"),
        option("--examples", "examples_path", group="Model", metavar="FILE",
               help="Labelled examples (.h5 of pileup-filter examples) of which the nearest are named. [default: the model's]"),
        option("--json", "as_json", group="Output", is_flag=True, help="One JSON object a line, with every fact."),
        option("-o", "--output", "folder", group="Output", type=click.Path(path_type=Path), metavar="DIR",
               help="Also draw the contributions beside the reads there; those of a network over the reads, and its Grad-CAM."),
        option("--format", "kinds", group="Output", type=click.Choice(["svg", "png"]), multiple=True, default=["svg"],
               show_default=True, help="Of the files in DIR; may be given twice."),
        option("--bam", "bam_path", group="Output", metavar="FILE",
               help="Also the reads of these calls, tagged with the log-odds lost without each (YL) and coloured for IGV (YC)."),
        option("--bedgraph", "bedgraph_path", group="Output", metavar="FILE",
               help="Also what each column adds to the log-odds, for IGV; of networks that look at columns."),
        options.quiet,
        options.verbose,
    ]
)  # fmt: skip
def explain(
    variants: str,
    places: tuple[str, ...],
    reads_paths: tuple[str, ...],
    reference_path: str,
    samples: str | None,
    info_prefix: str,
    failed: int | None,
    borderline: int | None,
    lost: Path | None,
    model: str | None,
    examples_path: str | None,
    as_json: bool,
    folder: Path | None,
    kinds: tuple[str, ...],
    bam_path: str | None,
    bedgraph_path: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Explain chosen calls of INPUT, a filtered VCF or BCF: what every family of facts adds to the log-odds that an ALT is real.

    The parts are Shapley values of the model's trees, or integrated gradients of a network, and add up. Beside them: the facts
    that weigh most, which family, made to look like a clean call's, would raise the log-odds, what strands and channels are
    worth, and the training examples most like it. A network that looks at the pileup is also drawn over it (-o).
    docs/explain.md says what it all means and what not.

    pileup-filter explain filtered.vcf.gz -b reads.bam -f reference.fa chr20:10008921
    """
    from vcffilter.explanation.bedgraph import ColumnValues
    from vcffilter.explanation.call_explainer import CallExplainer
    from vcffilter.explanation.nearest import examples_of_file, find_examples
    from vcffilter.explanation.picture import evidence_of
    from vcffilter.explanation.saliency import has_trees
    from vcffilter.explanation.text import explanation_json, explanation_text
    from vcffilter.files import refuse_overwriting, write_text
    from vcffilter.models.checkpoint import load_checkpoint
    from vcffilter.pictures.painter import PileupSource
    from vcffilter.pictures.selection import CallFile
    from vcffilter.reads.tagged_copy import ReadValues, write_tagged_reads
    from vcffilter.scoring.two_stages import open_network
    from vcffilter.version import __version__

    options.start_logging(quiet=quiet, verbose=verbose)
    refuse_overwriting([bam_path, bedgraph_path], [variants, *reads_paths, reference_path])
    calls = CallFile(variants, info_prefix)
    chosen = chosen_calls(calls, places, failed, borderline, lost)
    checkpoint = _deciding(load_checkpoint(model or _model_of(calls)), calls.stage)
    if bedgraph_path is not None:
        _require_columns(checkpoint)
    examples = find_examples(checkpoint.path) if examples_path is None else examples_of_file(examples_path)
    read_values, column_values = ReadValues(), ColumnValues()
    module, scorer = checkpoint.build(), open_network(checkpoint, "cpu")
    with PileupSource(reads_paths, reference_path, tuple(samples.split(",")) if samples else ()) as source:
        covers = _covers(module, checkpoint, calls, source) if has_trees(module) else None
        explainer = CallExplainer(module, scorer, covers, examples)
        logger.info("base: %s", "the network's baseline" if covers is None else f"the expected output over {covers.about}")
        for call in chosen:
            evidence = evidence_of(source, scorer.encoder, call.contig, call.pos1, call.ref, call.alt)
            if evidence is None:
                click.echo(f"{call.place}: no reads inform it", err=True)
                continue
            found = explainer.explain(evidence, (call.contig, call.pos1))
            _compare(call, found.explanation)
            click.echo(json.dumps(explanation_json(found, call)) if as_json else explanation_text(found, call))
            if folder is not None:
                _draw(folder, kinds, evidence, call, found, checkpoint.metadata.model_id)
            _gather(call, evidence.prepared, found, read_values, column_values)
    if bam_path is not None:
        program = {"ID": "pileup-filter", "PN": "pileup-filter", "VN": __version__, "CL": "pileup-filter explain --bam"}
        write_tagged_reads(bam_path, reads_paths, reference_path, read_values, program)
    if bedgraph_path is not None:
        name = f"{checkpoint.metadata.model_id} columns"
        write_text(bedgraph_path, column_values.text(name, "integrated gradients, log-odds; positive speaks for the ALT"))
    if not chosen:
        click.echo("No call is of that kind.", err=True)


def _model_of(calls: CallFile) -> str:
    """The shipped model that filtered the calls. Raises UsageError where it was another one."""
    from vcffilter.models.checkpoint import available_weights

    if not calls.model_id:
        return _DEFAULT_MODEL
    if calls.model_id in available_weights():
        return calls.model_id
    raise UsageError(f"{calls.path} was filtered by {calls.model_id}, which does not ship", hint="Give the file: --model FILE")


def _deciding(checkpoint: Checkpoint, stage: str) -> Checkpoint:
    """The model, of two stages the first one alone where it alone decided on INPUT. stage: as `CallFile` has it."""
    from vcffilter.models.stages import first_alone, is_staged

    return first_alone(checkpoint) if stage == "trees" and is_staged(checkpoint) else checkpoint


def _require_columns(checkpoint: Checkpoint) -> None:
    """Raise UsageError where a model looks at no columns."""
    if checkpoint.metadata.encoder.columns <= 1:
        raise UsageError(
            f"{checkpoint.metadata.model_id} looks at no columns, so none adds anything",
            hint="Leave --bedgraph out (--bam works for any model), or give a network that looks at the pileup with --model",
        )


def _gather(
    call: CallFacts, prepared: PreparedChunk, found: CallExplanation, read_values: ReadValues, column_values: ColumnValues
) -> None:
    """Keep what the tracks show of a call: its reads' arrays go with the next one."""
    import numpy as np

    from vcffilter.pictures.heat import first_column0, read_of_each_row, sum_of_each_read

    of_read, of_row = found.occlusion.of_read, np.full(prepared.n_reads, np.nan)
    if found.maps is not None:
        n_rows, n_columns = found.maps.gradients.shape
        of_row = sum_of_each_read(found.maps.gradients, read_of_each_row(prepared, n_rows), prepared.n_reads)
        column_values.add(call.contig, first_column0(prepared, n_columns), found.maps.gradients.sum(axis=0))
    name = f"{call.contig}:{call.pos1}:{call.ref[:_NAME_BASES]}>{call.alt[:_NAME_BASES]}"
    read_values.add(call.contig, name, prepared.reads, of_read, of_row)


def _covers(module: Network, checkpoint: Checkpoint, calls: CallFile, source: PileupSource) -> Covers:
    """Of the trees; where nobody has counted them, counted over calls of INPUT, spread evenly."""
    from vcffilter.explanation.covers import count_covers, find_covers

    found = find_covers(module, checkpoint.path)
    if found is not None:
        return found
    n_calls = sum(1 for _ in calls.calls())
    step = max(-(-n_calls // _MOST_COUNTED), 1)
    encoder = checkpoint.metadata.encoder
    features = list(_features((call for index, call in enumerate(calls.calls()) if index % step == 0), source, encoder))
    if not features:
        raise UsageError("no call of INPUT has reads", hint="Give the reads that the calls were made from")
    import numpy as np

    logger.warning("no file has the counts of this model's trees: taken over %d calls of %s", len(features), calls.path)
    return count_covers(module, np.concatenate(features), f"{len(features):,} calls of {Path(calls.path).name}")


def _features(calls: Iterator[CallFacts], source: PileupSource, encoder: EncoderSpec) -> Iterator[np.ndarray]:
    """Of the calls that have reads, float32 (1, n_features) each."""
    from vcffilter.errors import ReferenceFileError

    for call in calls:
        try:
            encoded = source.encoded(call.contig, call.pos1, call.ref, call.alt, encoder)
        except ReferenceFileError:  # an allele that cannot be scored
            continue
        if encoded.n_informing[0]:
            yield encoded.features


def _compare(call: CallFacts, explanation: Explanation) -> None:
    """Warn where the file says something else than what is explained."""
    from vcffilter.explanation.text import scored_by_parts

    if scored_by_parts(explanation.log_odds, call):
        return
    if not math.isnan(call.log_odds) and abs(call.log_odds - explanation.log_odds) > _SAME_LOG_ODDS:
        logger.warning(
            "%s: INPUT has log-odds %.2f, these reads and this model give %.2f: other reads, samples (-s) or --model?",
            call.place, call.log_odds, explanation.log_odds,
        )  # fmt: skip


def _draw(
    folder: Path, kinds: tuple[str, ...], evidence: Evidence, call: CallFacts, found: CallExplanation, model_id: str
) -> None:
    from vcffilter.explanation.picture import draw_cam, draw_explained, draw_left_out

    write_pictures(folder, kinds, call, draw_explained(evidence, call, found, model_id), "", "_explained")
    write_pictures(folder, kinds, call, draw_left_out(evidence, call, found), "", "_leftout")
    cam = draw_cam(evidence, call, found)
    if cam is not None:
        write_pictures(folder, kinds, call, cam, "", "_gradcam")
