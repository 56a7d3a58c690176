"""Synthetic labelled examples that a network can learn, with and without read tensors."""

from __future__ import annotations

import numpy as np

from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.training.dataset import ArrayDataset

ROWS, CHANNELS, FEATURES = 9, ("base_quality", "support", "mapping_quality"), 6


def make_spec(with_reads=True, named=None):
    """named: place -> name of site features that are called something."""
    features = tuple((named or {}).get(i, f"feature_{i}") for i in range(FEATURES))
    return EncoderSpec(1, features, CHANNELS if with_reads else (), ROWS if with_reads else 0, 1 if with_reads else 0)


def make_examples(n, seed=0, with_reads=True, contig="chr1", set_name="set_a"):
    """Truth depends on two site features and on the base quality of the reads that support the ALT."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, FEATURES)).astype(np.float32)
    reads = rng.integers(1, 255, (n, ROWS, 1, len(CHANNELS)), dtype=np.uint8)
    alt = rng.random((n, ROWS)) < 0.5
    reads[:, :, 0, 1] = np.where(alt, 255, 128)
    reads[:, 7:] = 0
    quality = np.where(alt[:, 1:7], reads[:, 1:7, 0, 0].astype(float), 0).sum(1) / np.maximum(alt[:, 1:7].sum(1), 1)
    signal = features[:, 0] + np.abs(features[:, 1]) - 0.8 + features[:, 2] + (quality - 128) / 30 * with_reads
    label = (signal + 0.3 * rng.logistic(size=n) > 0).astype(np.float32)
    return ArrayDataset.create(
        features,
        label,
        reads if with_reads else None,
        is_snv=rng.random(n) < 0.7,
        hard=rng.random(n) < 0.9,
        depth=np.full(n, 6),
        pos0=np.arange(n) * 100,
        contig=contig,
        group=contig,
        set_name=set_name,
    )
