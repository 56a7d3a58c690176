"""Small encoder specs and arrays for the network tests."""

from __future__ import annotations

import numpy as np

from vcffilter.models.encoder_spec import EncoderSpec


def make_spec(columns: int = 1, rows: int = 9, n_features: int = 7, n_channels: int = 5) -> EncoderSpec:
    """A spec whose second channel is `support`; columns=0 means no reads."""
    channels = ("base_quality", "support", *(f"channel_{i}" for i in range(2, n_channels)))
    # Two have the names by which a cascade knows kind and depth.
    features = tuple({2: "is_snv", 3: "log_depth"}.get(i, f"feature_{i}") for i in range(n_features))
    return EncoderSpec(1, features, channels if columns else (), rows if columns else 0, columns)


def make_arrays(spec: EncoderSpec, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Random features (counts, fractions, a constant) and reads with 0 to rows - 1 of the rows filled."""
    rng = np.random.default_rng(seed)
    features = rng.gamma(1.0, 3.0, (n, spec.n_features)).astype(np.float32)
    features[:, 0] = np.floor(features[:, 0])
    features[:, -1] = 1.0
    if spec.rows == 0:
        return features, None
    reads = rng.integers(1, 255, (n, spec.rows, spec.columns, spec.n_channels), dtype=np.uint8)
    filled = rng.integers(1, spec.rows + 1, n)
    reads[np.arange(spec.rows)[None, :] >= filled[:, None]] = 0
    return features, reads
