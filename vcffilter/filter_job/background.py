"""`--background`: opens the reads of others for a run, and says what of them does not fit it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vcffilter.errors import UsageError
from vcffilter.filter_job.options import FilterOptions

if TYPE_CHECKING:
    from vcffilter.pipeline.background import Background
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.pipeline.protocol import ChunkScorer
    from vcffilter.pipeline.run_warnings import RunWarning
    from vcffilter.variants.reader import VariantReader


def check_background(chosen: FilterOptions) -> None:
    """Raises UsageError where the background is to decide and there is none."""
    if chosen.background_filter and not chosen.background_paths:
        raise UsageError(
            "--background-filter asks for what the background says, and there is none",
            hint="Give the reads of others with --background FILE, or leave it out",
        )


def open_run_background(chosen: FilterOptions, reader: VariantReader, scorer: EvidenceScorer) -> Background | None:
    """The background of a run, its headers read; None where none is asked for. Raises VcffilterError."""
    if not chosen.background_paths:
        return None
    from vcffilter.inspection.background_reads import refuse_other_build
    from vcffilter.pipeline.background import BackgroundOptions, open_background

    background = open_background(
        BackgroundOptions(
            variants_path=reader.name,
            paths=chosen.background_paths,
            reference_path=chosen.reference_path,
            use_supplementary=chosen.use_supplementary,
            reads_paths=chosen.reads_paths,
            scored_names=scorer.scored_names,
        )
    )
    try:
        for path in chosen.background_files:
            refuse_other_build(path, chosen.reference_path, scorer.reference.length_of_contig)
    except BaseException:
        background.close()
        raise
    return background


def beside_background(scorer: ChunkScorer, background: Background | None) -> ChunkScorer:
    """The scorer, whose scores come with what the background shows where there is one."""
    if background is None:
        return scorer
    from vcffilter.pipeline.background import BesideBackground

    return BesideBackground(scorer, background)


def background_warnings(chosen: FilterOptions) -> Iterator[RunWarning]:
    """A warning for the first file whose reads are of another platform than the scored ones."""
    if not chosen.background_paths:
        return
    from vcffilter.inspection.background_reads import other_platform

    warning = other_platform(chosen.reads_files, chosen.background_files, chosen.reference_path)
    if warning is not None:
        yield warning
