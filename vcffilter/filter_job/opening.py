"""Opens what a run of `filter` reads: regions, and the scorer with the model that fits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vcffilter.errors import UsageError
from vcffilter.filter_job.options import FilterOptions

if TYPE_CHECKING:
    from vcffilter.inspection.before_run import AskedRegions
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.variants.intervals import Regions
    from vcffilter.variants.reader import VariantReader

logger = logging.getLogger(__name__)


def regions_of(text: str | None, path: str | None) -> Regions | None:
    """Regions of an option, or of the file that another one names; None where neither is given."""
    from vcffilter.variants.intervals import regions_from_file, regions_from_text

    if text is not None and path is not None:
        raise UsageError("regions come from the command line or from a file, not both", hint="Leave one out")
    if text is not None:
        return regions_from_text(text)
    return None if path is None else regions_from_file(path)


def open_run_scorer(chosen: FilterOptions, reader: VariantReader) -> EvidenceScorer:
    """The scorer of a run, its files opened and its model loaded. Raises VcffilterError."""
    from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer
    from vcffilter.pipeline.sample_reads import read_sample_map

    return open_scorer(
        EvidenceOptions(
            variants_path=reader.name,
            reads_paths=chosen.reads_paths,
            reference_path=chosen.reference_path,
            samples=reader.chosen_samples,
            model=_model_name(chosen),
            stage=chosen.stage,
            device=chosen.device,
            use_supplementary=chosen.use_supplementary,
            allow_ref_mismatch=chosen.allow_ref_mismatch,
            want_reasons=chosen.with_reasons,
            sample_of=read_sample_map(chosen.sample_map) if chosen.sample_map else {},
            columns_of=tuple(reader.header.sample_names()),
            known_samples=tuple(reader.all_samples),
            each_sample=chosen.sample_ft,
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


def asked_regions(chosen: FilterOptions, regions: Regions | None, targets: Regions | None) -> list[AskedRegions]:
    """The regions of a run by the options that they came from."""
    from vcffilter.inspection.before_run import AskedRegions

    asked = []
    if regions is not None:
        in_file = chosen.regions_file is not None
        asked.append(AskedRegions("-R" if in_file else "-r", regions, in_file))
    if targets is not None:
        in_file = chosen.targets_file is not None
        asked.append(AskedRegions("-T" if in_file else "-t", targets, in_file))
    return asked
