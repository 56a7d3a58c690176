"""The whole job of `filter`, from options to a summary: what the command line and the Python API share.

Puts the stream reader -> scorer -> annotator -> writer together and lets inspection watch it; computes nothing itself.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vcffilter.errors import UsageError
from vcffilter.files import UnfinishedFile, refuse_overwriting
from vcffilter.version import __version__

if TYPE_CHECKING:
    from vcffilter.annotation.annotator import Annotator
    from vcffilter.inspection.before_run import AskedRegions
    from vcffilter.inspection.promise_depth import PromiseDepth
    from vcffilter.inspection.read_facts import ReadFacts
    from vcffilter.inspection.watch import RunWatch, WatchedModel
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.pipeline.summary import RunInputs, RunSummary
    from vcffilter.variants.allele_scores import AlleleScores
    from vcffilter.variants.chunks import RecordChunk
    from vcffilter.variants.intervals import Regions
    from vcffilter.variants.reader import VariantReader
    from vcffilter.variants.writer import OutputSpec

logger = logging.getLogger(__name__)


_INDEX_ENDINGS = (".bai", ".csi", ".tbi", ".crai", ".fai", ".gzi")


@dataclass(frozen=True)
class FilterOptions:
    """What a run is asked for; `pileup-filter filter --help` says what each means. Lists are comma-separated, as there."""

    variants: str
    reads_paths: tuple[str, ...]
    reference_path: str
    regions: str | None = None
    regions_file: str | None = None
    targets: str | None = None
    targets_file: str | None = None
    samples: str | None = None
    sample_map: str | None = None
    use_supplementary: bool = False
    allow_ref_mismatch: bool = False
    output: str = "-"
    output_type: str | None = None
    write_index: str | None = None
    mode: str = "append"
    annotate_only: bool = False
    info_prefix: str = "PILEUP"
    score_key: str | None = None
    with_reasons: bool = False
    sample_ft: bool = False
    no_version: bool = False
    summary_path: str | None = None
    model: str = "illumina-germline"
    device: str = "auto"
    min_prob_snv: float | None = None
    min_prob_indel: float | None = None
    preset: str | None = None
    target_recall: float | None = None
    fdr: float | None = None
    tier: float | None = None
    n_threads: int = 1
    strict: bool = False
    allow_unscored: bool = False
    quiet: bool = False
    verbose: bool = False

    @property
    def reads_files(self) -> list[str]:
        """The files of -b, without the samples that they are given to."""
        from vcffilter.pipeline.sample_reads import reads_file

        return [reads_file(text).path for text in self.reads_paths]

    @property
    def sample_names(self) -> list[str]:
        """Names of -s; empty when not given."""
        return [name for name in (self.samples or "").split(",") if name]

    @property
    def input_paths(self) -> list[str]:
        """Files that are read, their indexes included, whether there or not."""
        optional = (self.regions_file, self.targets_file, self.sample_map)
        named = [self.variants, *self.reads_files, self.reference_path, self.model, *optional]
        files = [name.removeprefix("^") for name in named if name not in (None, "-")]
        return [*files, *(os.path.splitext(file)[0] + end for file in files for end in _INDEX_ENDINGS),
                *(file + end for file in files for end in _INDEX_ENDINGS)]  # fmt: skip

    @property
    def output_paths(self) -> list[str]:
        """Files that are written."""
        index = f"{self.output}.{self.write_index}" if self.write_index else None
        return [name for name in (self.output, index, self.summary_path) if name not in (None, "-")]


def run_filter(chosen: FilterOptions, started: float) -> RunSummary:
    """Run the whole job. started: time.monotonic() of its beginning. Raises VcffilterError."""
    from vcffilter.variants.htslib import set_log_level
    from vcffilter.variants.reader import VariantReader
    from vcffilter.variants.writer import output_spec

    set_log_level(3 if chosen.verbose else 0)
    output = output_spec(chosen.output, chosen.output_type, chosen.write_index)
    regions, targets = _regions(chosen.regions, chosen.regions_file), _regions(chosen.targets, chosen.targets_file)
    asked = _asked(chosen, regions, targets)
    if chosen.variants == "-" and (sys.stdin is None or sys.stdin.isatty()):
        what = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(f"no input: stdin is {what}", hint="Give a VCF, or pipe one in")
    _check_fdr(chosen)
    refuse_overwriting(chosen.output_paths, chosen.input_paths)

    def open_reader() -> VariantReader:
        return VariantReader(
            chosen.variants,
            regions=regions,
            targets=targets,
            samples=chosen.sample_names or None,
            declared_only=output.is_bcf,
        )

    with open_reader() as reader:
        scorer = _open_scorer(chosen, reader)
        try:
            return filter_records(chosen, reader, scorer, output, started, asked=asked, open_again=open_reader)
        finally:
            scorer.close()


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
) -> RunSummary:
    """The job with its input and scorer open already; they stay the caller's to close.

    asked: regions that the reader was opened with. open_again: opens the input once more, for --fdr. facts: of the reads, by the
    names that warnings call them; None = looked up in the files. go_on: called with every chunk; what it raises ends the run.
    """
    from vcffilter.scoring.network import one_intra_op_thread

    watch = _watch(chosen, reader, scorer, asked, facts)
    # Set before the workers start: parallelism comes from them, not from within torch.
    with one_intra_op_thread():
        if chosen.fdr is not None:
            if open_again is None:
                raise UsageError("--fdr reads the calls twice, and these can be read once")
            chosen = _cut_for_rate(chosen, chosen.fdr, open_again, scorer)
        return _stream(chosen, reader, scorer, watch, output, started, go_on)


def _check_fdr(chosen: FilterOptions) -> None:
    """Raises UsageError where --fdr cannot be had."""
    if chosen.fdr is None:
        return
    if chosen.preset is not None or chosen.target_recall is not None:
        raise UsageError("--fdr, --preset and --target-recall each choose the thresholds", hint="Give one of them")
    if not os.path.isfile(chosen.variants):
        raise UsageError(
            "--fdr looks at all calls before it decides on the first: a stream cannot be read twice",
            hint="Give a file, or a threshold: --preset, --min-prob-snv and --min-prob-indel",
        )


def _cut_for_rate(
    chosen: FilterOptions, rate: float, open_reader: Callable[[], VariantReader], scorer: EvidenceScorer
) -> FilterOptions:
    """The options with the threshold that keeps the expected false discovery rate of this file; one for both types."""
    from vcffilter.pipeline.first_pass import count_probabilities

    with open_reader() as first:
        counts = count_probabilities(first, scorer, n_threads=chosen.n_threads, columns=scorer.columns)
    cut = counts.cut_for_rate(rate)
    n_kept, n_false = counts.expected(cut)
    logger.warning(
        "note: --fdr %g: ALTs with a probability of %g or more pass, %d of %d; of these %.1f are expected to be false",
        rate, cut, n_kept, counts.total, n_false,
    )  # fmt: skip
    return replace(
        chosen,
        min_prob_snv=cut if chosen.min_prob_snv is None else chosen.min_prob_snv,
        min_prob_indel=cut if chosen.min_prob_indel is None else chosen.min_prob_indel,
    )


def _regions(text: str | None, path: str | None) -> Regions | None:
    from vcffilter.variants.intervals import regions_from_file, regions_from_text

    if text is not None and path is not None:
        raise UsageError("regions come from the command line or from a file, not both", hint="Leave one out")
    if text is not None:
        return regions_from_text(text)
    return None if path is None else regions_from_file(path)


def _open_scorer(chosen: FilterOptions, reader: VariantReader) -> EvidenceScorer:
    from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer
    from vcffilter.pipeline.sample_reads import read_sample_map

    return open_scorer(
        EvidenceOptions(
            variants_path=reader.name,
            reads_paths=chosen.reads_paths,
            reference_path=chosen.reference_path,
            samples=tuple(chosen.sample_names),
            model=_model_name(chosen),
            device=chosen.device,
            use_supplementary=chosen.use_supplementary,
            allow_ref_mismatch=chosen.allow_ref_mismatch,
            want_reasons=chosen.with_reasons,
            sample_of=read_sample_map(chosen.sample_map) if chosen.sample_map else {},
            columns_of=tuple(reader.header.sample_names()),
            known_samples=tuple(reader.all_samples),
        )
    )


def _model_name(chosen: FilterOptions) -> str:
    """The model as asked for; where the reads are to decide, the one that fits them."""
    from vcffilter.inspection.model_choice import AUTO, choose_model, facts_of_files

    if chosen.model != AUTO:
        return chosen.model
    name = choose_model(facts_of_files(chosen.reads_files, chosen.reference_path))
    logger.info("model by the reads: %s", name)
    return name


def _asked(chosen: FilterOptions, regions: Regions | None, targets: Regions | None) -> list[AskedRegions]:
    from vcffilter.inspection.before_run import AskedRegions

    asked = []
    if regions is not None:
        in_file = chosen.regions_file is not None
        asked.append(AskedRegions("-R" if in_file else "-r", regions, in_file))
    if targets is not None:
        in_file = chosen.targets_file is not None
        asked.append(AskedRegions("-T" if in_file else "-t", targets, in_file))
    return asked


def _watch(
    chosen: FilterOptions,
    reader: VariantReader,
    scorer: EvidenceScorer,
    asked: Sequence[AskedRegions],
    facts: dict[str, ReadFacts] | None,
) -> RunWatch:
    """The watch over this run, with what is known before its first record already said."""
    from vcffilter.inspection.before_run import warnings_before_run
    from vcffilter.inspection.model_choice import platform_warning
    from vcffilter.inspection.watch import RunWatch
    from vcffilter.pipeline.run_warnings import RunWarnings

    warnings = RunWarnings()
    metadata = scorer.metadata
    warnings.add(
        *warnings_before_run(
            reader.header.text(),
            reader.header.sample_names(),
            scorer.headers,
            variants_path=chosen.variants,
            reference_path=chosen.reference_path,
            model_id=metadata.model_id,
            model_description=metadata.description,
            all_samples=reader.all_samples,
            asked=asked,
            uses_index=chosen.regions is not None or chosen.regions_file is not None,
        )
    )
    model = _watched_model(chosen, scorer, facts)
    if model is not None:
        warning = platform_warning(model.reads, model.ranges, metadata.model_id)
        warnings.add(*([] if warning is None else [warning]))
    if chosen.strict:
        warnings.refuse()
    return RunWatch(warnings, reader.header, scorer.reference, model)


def _watched_model(chosen: FilterOptions, scorer: EvidenceScorer, facts: dict[str, ReadFacts] | None) -> WatchedModel | None:
    from vcffilter.inspection.model_choice import facts_of_files
    from vcffilter.inspection.watch import WatchedModel
    from vcffilter.models.training_ranges import training_ranges

    metadata = scorer.metadata
    ranges = training_ranges(metadata, scorer.model_path)
    if ranges is None:
        return None
    if facts is None:
        facts = facts_of_files([header.path for header in scorer.headers], chosen.reference_path)
    return WatchedModel(metadata.model_id, metadata.encoder.features, ranges, facts)


def _promise(chosen: FilterOptions, scorer: EvidenceScorer) -> PromiseDepth:
    """The watch over the depth that --target-recall was measured at."""
    from vcffilter.calibration.thresholds import reaching
    from vcffilter.inspection.promise_depth import PromiseDepth

    recall = chosen.target_recall
    return PromiseDepth(None if recall is None else reaching(scorer.operating_points, recall))


def _annotator(chosen: FilterOptions, reader: VariantReader, scorer: EvidenceScorer) -> Annotator:
    from vcffilter.annotation.annotator import Annotator
    from vcffilter.annotation.declarations import Provenance
    from vcffilter.annotation.settings import AnnotationSettings, FilterMode, annotation_keys
    from vcffilter.calibration.thresholds import choose_thresholds
    from vcffilter.calibration.tiers import choose_tier

    tier = None if chosen.tier is None else choose_tier(scorer.presets, chosen.tier)
    if tier is not None:
        logger.warning(
            "note: --tier %g: ALTs with a probability of %g or more by %d or more reads are SURE; of such calls %d of %d were "
            "false where the model was measured, at most %.2f%%",
            chosen.tier, tier.probability, tier.n_reads, tier.n_false, tier.n, 100 * tier.false_at_most,
        )  # fmt: skip
    settings = AnnotationSettings(
        keys=annotation_keys(chosen.info_prefix, chosen.score_key),
        thresholds=choose_thresholds(
            scorer.thresholds,
            scorer.operating_points,
            presets=scorer.presets,
            preset=chosen.preset,
            target_recall=chosen.target_recall,
            min_prob_snv=chosen.min_prob_snv,
            min_prob_indel=chosen.min_prob_indel,
        ),
        mode=FilterMode[chosen.mode.upper()],
        annotate_only=chosen.annotate_only,
        with_reasons=chosen.with_reasons,
        with_samples=scorer.columns is not None,
        with_sample_verdicts=scorer.columns is not None and chosen.sample_ft,
        tier=tier,
    )
    scorer.explained_below = max(scorer.explained_below, *settings.thresholds.by_depth)
    provenance = Provenance(
        model_id=scorer.model_id,
        model_sha256=scorer.model_sha256,
        info_prefix=chosen.info_prefix,
        version=None if chosen.no_version else __version__,
        command=None if chosen.no_version else f"{shlex.join(sys.argv[1:])}; Date={time.ctime()}",
    )
    return Annotator(reader.header, settings, provenance, reader.name)


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
    watch: RunWatch,
    output: OutputSpec,
    started: float,
    go_on: Callable[[], None] | None,
) -> RunSummary:
    from vcffilter.pipeline.run import run_stream
    from vcffilter.pipeline.summary import RunSummary, peak_memory_bytes
    from vcffilter.progress import is_terminal, progress_line
    from vcffilter.variants.writer import VariantWriter

    annotator = _annotator(chosen, reader, scorer)
    if scorer.columns is not None:
        reader.share_room(len(scorer.columns))
    promise = _promise(chosen, scorer)

    def observe(chunk: RecordChunk, scores: AlleleScores) -> None:
        if go_on is not None:
            go_on()
        watch.saw(chunk, scores)
        promise.saw(scores)

    with ExitStack() as stack:
        writer = stack.enter_context(VariantWriter(output, reader.header))
        summary_file = None if chosen.summary_path is None else stack.enter_context(UnfinishedFile(chosen.summary_path))
        with progress_line(sys.stderr, "records", quiet=chosen.quiet) as progress:
            n_records = _n_records(chosen) if is_terminal(sys.stderr) and not chosen.quiet else None
            stages = run_stream(
                reader,
                scorer,
                annotator,
                writer,
                n_threads=chosen.n_threads,
                columns=scorer.columns,
                progress=lambda done, contig, pos1: progress(done, n_records, f"{contig}:{pos1}"),
                observe=observe,
            )
        watch.finish(chosen.allow_unscored)
        if (note := promise.note()) is not None:
            logger.warning("note: %s", note)
        trusting = [name for name, value in (("--fdr", chosen.fdr), ("--tier", chosen.tier)) if value is not None]
        if trusting and any(one.code == "foreign_data" for one in watch.warnings.all()):
            words = "trusts" if len(trusting) == 1 else "trust"
            told = f"{' and '.join(trusting)} {words} the model's probabilities"
            logger.warning("note: %s, and on data unlike its training they may be wrong", told)
        if chosen.strict:
            watch.warnings.refuse()
        writer.complete()
        summary = RunSummary(
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
        )
        if summary_file is None:
            writer.commit()
        else:
            summary.save(summary_file)
            writer.commit(summary_file)
    return summary
