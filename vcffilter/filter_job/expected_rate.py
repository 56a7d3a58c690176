"""`--fdr`: a threshold from all probabilities of the file, which is scored once before it is filtered."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from vcffilter.errors import UsageError
from vcffilter.filter_job.options import FilterOptions

if TYPE_CHECKING:
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.variants.reader import VariantReader

logger = logging.getLogger(__name__)


def check_fdr(chosen: FilterOptions) -> None:
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


def cut_for_rate(
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
