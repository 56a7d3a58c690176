"""What a run of `filter` writes into records, by what was asked for and what the model says of itself."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from typing import TYPE_CHECKING

from vcffilter.filter_job.options import FilterOptions
from vcffilter.version import __version__

if TYPE_CHECKING:
    from vcffilter.annotation.annotator import Annotator
    from vcffilter.annotation.declarations import Provenance
    from vcffilter.calibration.tiers import Tier
    from vcffilter.pipeline.background import Background
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.variants.reader import VariantReader

logger = logging.getLogger(__name__)


def run_annotator(
    chosen: FilterOptions, reader: VariantReader, scorer: EvidenceScorer, background: Background | None
) -> Annotator:
    """The annotator of this run: its keys, thresholds, tier and bands, and what the header says of it."""
    from vcffilter.annotation.annotator import Annotator
    from vcffilter.annotation.settings import AnnotationSettings, FilterMode, annotation_keys
    from vcffilter.calibration.bands import choose_bands
    from vcffilter.calibration.thresholds import choose_thresholds
    from vcffilter.calibration.tiers import choose_tier

    tier = None if chosen.tier is None else _told_tier(choose_tier(scorer.presets, chosen.tier), chosen.tier)
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
        bands=None if chosen.bands is None else choose_bands(scorer.operating_points, chosen.bands),
        background=() if background is None else tuple(sample.name for sample in background.samples),
        background_decides=chosen.background_filter,
        with_stage=scorer.stage is not None,
    )
    scorer.explained_below = max(scorer.explained_below, *settings.thresholds.by_depth)
    return Annotator(reader.header, settings, _provenance(chosen, scorer), reader.name)


def _told_tier(tier: Tier, share: float) -> Tier:
    logger.warning(
        "note: --tier %g: ALTs with a probability of %g or more by %d or more reads are SURE; of such calls %d of %d were "
        "false where the model was measured, at most %.2f%%",
        share, tier.probability, tier.n_reads, tier.n_false, tier.n, 100 * tier.false_at_most,
    )  # fmt: skip
    return tier


def _provenance(chosen: FilterOptions, scorer: EvidenceScorer) -> Provenance:
    from vcffilter.annotation.declarations import Provenance

    return Provenance(
        model_id=scorer.model_id,
        model_sha256=scorer.model_sha256,
        info_prefix=chosen.info_prefix,
        stage=scorer.stage,
        version=None if chosen.no_version else __version__,
        command=None if chosen.no_version else f"{shlex.join(sys.argv[1:])}; Date={time.ctime()}",
    )
