"""Runs the job.

Puts the stream reader -> scorer -> annotator -> writer together and lets inspection watch it; computes nothing itself.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from vcffilter.errors import UsageError
from vcffilter.files import UnfinishedFile, refuse_overwriting
from vcffilter.filter_job.annotating import run_annotator
from vcffilter.filter_job.background import (
    background_warnings,
    beside_background,
    check_background,
    open_run_background,
)
from vcffilter.filter_job.expected_rate import check_fdr, cut_for_rate
from vcffilter.filter_job.opening import asked_regions, open_run_scorer, regions_of
from vcffilter.filter_job.options import FilterOptions
from vcffilter.filter_job.watching import watch_promise, watch_run

if TYPE_CHECKING:
    from vcffilter.annotation.annotator import Annotator
    from vcffilter.inspection.before_run import AskedRegions
    from vcffilter.inspection.promise_depth import PromiseDepth
    from vcffilter.inspection.read_facts import ReadFacts
    from vcffilter.inspection.watch import RunWatch
    from vcffilter.pipeline.background import Background
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.pipeline.run import StageSeconds
    from vcffilter.pipeline.summary import RunInputs, RunSummary
    from vcffilter.variants.allele_scores import AlleleScores
    from vcffilter.variants.chunks import RecordChunk
    from vcffilter.variants.reader import VariantReader
    from vcffilter.variants.writer import OutputSpec

logger = logging.getLogger(__name__)


def run_filter(chosen: FilterOptions, started: float) -> RunSummary:
    """Run the whole job. started: time.monotonic() of its beginning. Raises VcffilterError."""
    from vcffilter.variants.htslib import set_log_level
    from vcffilter.variants.reader import VariantReader
    from vcffilter.variants.sample_choice import sample_choice
    from vcffilter.variants.writer import output_spec

    set_log_level(3 if chosen.verbose else 0)
    output = output_spec(chosen.output, chosen.output_type, chosen.write_index)
    regions, targets = regions_of(chosen.regions, chosen.regions_file), regions_of(chosen.targets, chosen.targets_file)
    asked = asked_regions(chosen, regions, targets)
    samples = sample_choice(chosen.samples, chosen.samples_file)
    if chosen.variants == "-" and (sys.stdin is None or sys.stdin.isatty()):
        what = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(f"no input: stdin is {what}", hint="Give a VCF, or pipe one in")
    check_fdr(chosen)
    check_background(chosen)
    refuse_overwriting(chosen.output_paths, chosen.input_paths)

    def open_reader() -> VariantReader:
        return VariantReader(
            chosen.variants,
            regions=regions,
            targets=targets,
            samples=samples,
            declared_only=output.is_bcf,
        )

    with open_reader() as reader, ExitStack() as opened:
        scorer = open_run_scorer(chosen, reader)
        opened.callback(scorer.close)
        background = open_run_background(chosen, reader, scorer)
        if background is not None:
            opened.callback(background.close)
        return filter_records(
            chosen, reader, scorer, output, started, asked=asked, open_again=open_reader, background=background
        )


def filter_records(
    chosen: FilterOptions,
    reader: VariantReader,
    scorer: EvidenceScorer,
    output: OutputSpec,
    started: float,
    *,
    asked: Sequence[AskedRegions] = (),
    open_again: Callable[[], VariantReader] | None = None,
    facts: dict[str, ReadFacts] | None = None,
    go_on: Callable[[], None] | None = None,
    background: Background | None = None,
) -> RunSummary:
    """The job with its input and scorer open already; they stay the caller's to close.

    asked: regions that the reader was opened with. open_again: opens the input once more, for --fdr. facts: of the reads, by the
    names that warnings call them; None = looked up in the files. go_on: called with every chunk; what it raises ends the run.
    background: reads of others, open; None = none.
    """
    from vcffilter.scoring.network import one_intra_op_thread

    watch = watch_run(chosen, reader, scorer, asked, facts)
    watch.warnings.add(*background_warnings(chosen))
    # Set before the workers start: parallelism comes from them, not from within torch.
    with one_intra_op_thread():
        if chosen.fdr is not None:
            if open_again is None:
                raise UsageError("--fdr reads the calls twice, and these can be read once")
            chosen = cut_for_rate(chosen, chosen.fdr, open_again, scorer)
        return _stream(chosen, reader, scorer, background, watch, output, started, go_on)


def _n_records(chosen: FilterOptions) -> int | None:
    """Records that will be read, for the line of progress; None where nobody knows."""
    from vcffilter.variants.indexed_count import indexed_record_count

    chosen_by_place = any((chosen.regions, chosen.regions_file, chosen.targets, chosen.targets_file))
    return None if chosen.variants == "-" or chosen_by_place else indexed_record_count(chosen.variants)


def _inputs(chosen: FilterOptions, reader: VariantReader, scorer: EvidenceScorer) -> RunInputs:
    from vcffilter.pipeline.summary import RunInputs

    asked = ("-r", chosen.regions), ("-R", chosen.regions_file), ("-t", chosen.targets), ("-T", chosen.targets_file)
    part = " ".join(f"{option} {value}" for option, value in asked if value is not None)
    read_samples = {sample for header in scorer.headers for sample in header.groups_of_sample if sample}
    return RunInputs(chosen.variants, tuple(reader.header.sample_names()), tuple(sorted(read_samples)), part or None)


def _stream(
    chosen: FilterOptions,
    reader: VariantReader,
    scorer: EvidenceScorer,
    background: Background | None,
    watch: RunWatch,
    output: OutputSpec,
    started: float,
    go_on: Callable[[], None] | None,
) -> RunSummary:
    from vcffilter.pipeline.run import run_stream
    from vcffilter.variants.writer import VariantWriter

    annotator = run_annotator(chosen, reader, scorer, background)
    if scorer.columns is not None:
        reader.share_room(len(scorer.columns))
    promise = watch_promise(chosen, scorer)

    def observe(chunk: RecordChunk, scores: AlleleScores) -> None:
        if go_on is not None:
            go_on()
        watch.saw(chunk, scores)
        promise.saw(scores)

    with ExitStack() as stack:
        writer = stack.enter_context(VariantWriter(output, reader.header))
        summary_file = None if chosen.summary_path is None else stack.enter_context(UnfinishedFile(chosen.summary_path))
        with _progress(chosen) as progress:
            stages = run_stream(
                reader,
                beside_background(scorer, background),
                annotator,
                writer,
                n_threads=chosen.n_threads,
                columns=scorer.columns,
                progress=progress,
                observe=observe,
            )
        watch.finish(chosen.allow_unscored)
        _say_at_the_end(chosen, watch, promise)
        if chosen.strict:
            watch.warnings.refuse()
        writer.complete()
        summary = _summary(chosen, reader, scorer, background, watch, annotator, stages, started)
        if summary_file is None:
            writer.commit()
        else:
            summary.save(summary_file)
            writer.commit(summary_file)
    return summary


@contextmanager
def _progress(chosen: FilterOptions) -> Iterator[Callable[[int, str, int], None]]:
    """The line of progress on a terminal."""
    from vcffilter.progress import is_terminal, progress_line

    with progress_line(sys.stderr, "records", quiet=chosen.quiet) as progress:
        n_records = _n_records(chosen) if is_terminal(sys.stderr) and not chosen.quiet else None
        yield lambda done, contig, pos1: progress(done, n_records, f"{contig}:{pos1}")


def _say_at_the_end(chosen: FilterOptions, watch: RunWatch, promise: PromiseDepth) -> None:
    """Say what of that which was asked for may not hold for the data that were seen."""
    if (note := promise.note()) is not None:
        logger.warning("note: %s", note)
    resting = ("--fdr", chosen.fdr), ("--tier", chosen.tier), ("--bands", chosen.bands)
    trusting = [name for name, value in resting if value is not None]
    if trusting and any(one.code == "foreign_data" for one in watch.warnings.all()):
        words = "trusts" if len(trusting) == 1 else "trust"
        told = f"{' and '.join(trusting)} {words} the model's probabilities"
        logger.warning("note: %s, and on data unlike its training they may be wrong", told)


def _summary(
    chosen: FilterOptions,
    reader: VariantReader,
    scorer: EvidenceScorer,
    background: Background | None,
    watch: RunWatch,
    annotator: Annotator,
    stages: StageSeconds,
    started: float,
) -> RunSummary:
    from vcffilter.pipeline.summary import BackgroundFacts, RunSummary, peak_memory_bytes

    return RunSummary(
        inputs=_inputs(chosen, reader, scorer),
        counts=annotator.counts(),
        stages=stages,
        thresholds=annotator.settings.thresholds,
        model_id=scorer.model_id,
        model_sha256=scorer.model_sha256,
        elapsed_seconds=time.monotonic() - started,
        peak_bytes=peak_memory_bytes(),
        n_threads=chosen.n_threads,
        warnings=watch.warnings.all(),
        data=watch.data_to_json(),
        background=None if background is None else BackgroundFacts(background.files, chosen.background_filter),
    )
