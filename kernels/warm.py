"""Loads the largest kernel, or compiles it, in the thread that calls: before workers begin, for the types they will ask for.

Compiling in a thread beside the main one costs more: there the C library gives memory back to the system after each function and
takes it again for the next.
"""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.encode import FEATURE_NAMES, N_COUNTS, empty_encode_scratch, encode_alleles
from vcffilter.kernels.normalised_alleles import empty_alleles
from vcffilter.kernels.phase import no_columns
from vcffilter.kernels.reads import empty_reads
from vcffilter.kernels.reference import ReferenceSegments
from vcffilter.kernels.scan import empty_events


def load_encoder() -> None:
    """Encode no allele, as for a model that takes no tensor."""
    none = np.zeros(0, np.int64)
    encode_alleles(
        empty_alleles(0, 0),
        ReferenceSegments(none, none, np.zeros(1, np.int64), np.zeros(0, np.uint8)),
        empty_reads(0, 0, 0),
        0,
        empty_events(0, 0, 0),
        none,
        no_columns(),
        none,
        empty_encode_scratch(0),
        np.zeros((0, len(FEATURE_NAMES)), np.float32),
        None,
        np.zeros((0, N_COUNTS), np.int32),
    )
