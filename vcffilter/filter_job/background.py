"""`--background`: opens the reads of others for a run, and says what of them does not fit it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vcffilter.errors import ReadsFileError, UsageError
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
        _refuse_other_build(chosen, scorer)
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


def _refuse_other_build(chosen: FilterOptions, scorer: EvidenceScorer) -> None:
    """Raise ReadsFileError where a contig of the reads is of another length than the reference's."""
    from vcffilter.inspection.contigs import contigs_of_reads

    for path in chosen.background_files:
        for name, contig in contigs_of_reads(path, chosen.reference_path).items():
            length = scorer.reference.length_of_contig.get(name)
            if length is not None and contig.length is not None and contig.length != length:
                raise ReadsFileError(
                    f"its {name} has {contig.length:,} bases, that of {chosen.reference_path} has {length:,}: another build",
                    path=path,
                    hint="Give reads as --background that were aligned to the reference of -f",
                )


def background_warnings(chosen: FilterOptions) -> Iterator[RunWarning]:
    """A warning for the first file whose reads are of another platform than the scored ones."""
    if not chosen.background_paths:
        return
    from vcffilter.inspection.model_choice import described, facts_of_files
    from vcffilter.pipeline.run_warnings import RunWarning

    scored = next(iter(facts_of_files(chosen.reads_files, chosen.reference_path).values()), None)
    for path, facts in facts_of_files(chosen.background_files, chosen.reference_path).items():
        if scored is not None and facts.platform != scored.platform:
            yield RunWarning(
                "other_platform",
                f"the reads of {path}, given as --background, are {described(facts)}; those of -b are {described(scored)}",
                "Noise of one platform says nothing of another's: give reads of the same platform",
            )
            return
