"""Flat arrays of what an allele looks like in the reads of others: what the stream hands on beside the scores.

Knows neither reads nor what the numbers mean: `vcffilter.scoring.background_rules` says that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BackgroundCounts:
    """Reads of each sample of the background at each allele of an `AlleleChunk`; two mates are one read.

    telling: int32 (n_samples, n_alleles), reads that tell the ALT from what is there without it.
    showing: int32 (n_samples, n_alleles), of these the reads for the ALT.
    """

    telling: np.ndarray
    showing: np.ndarray

    @classmethod
    def without_reads(cls, n_samples: int, n_alleles: int) -> BackgroundCounts:
        """Nothing counted yet."""
        shape = n_samples, n_alleles
        return cls(np.zeros(shape, np.int32), np.zeros(shape, np.int32))
