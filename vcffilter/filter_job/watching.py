"""What watches over a run of `filter`, with what is known before its first record already said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vcffilter.filter_job.options import FilterOptions

if TYPE_CHECKING:
    from vcffilter.inspection.before_run import AskedRegions
    from vcffilter.inspection.promise_depth import PromiseDepth
    from vcffilter.inspection.read_facts import ReadFacts
    from vcffilter.inspection.watch import RunWatch, WatchedModel
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.variants.reader import VariantReader


def watch_run(
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


def watch_promise(chosen: FilterOptions, scorer: EvidenceScorer) -> PromiseDepth:
    """The watch over the depth that --target-recall was measured at."""
    from vcffilter.calibration.thresholds import reaching
    from vcffilter.inspection.promise_depth import PromiseDepth

    recall = chosen.target_recall
    return PromiseDepth(None if recall is None else reaching(scorer.operating_points, recall))
