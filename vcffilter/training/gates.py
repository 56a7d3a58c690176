"""The gate of a cascade made of shares: which logits of the trees are doubt at which depth, and what a gate lets through.

One pair of borders for all depths sends half of the sparse alleles to the network and few of the deep ones. Here every band of
depth sends the same share. Knows arrays and bands; must not know networks.
"""

from __future__ import annotations

import numpy as np

from vcffilter.calibration.maps import sigmoid
from vcffilter.calibration.presets import DEPTH_BANDS
from vcffilter.models.cascade import KINDS, GateBand
from vcffilter.training.metrics import expected_calibration_error

#: Examples of a depth: with fewer, the borders are those of all depths together.
_FEWEST = 100
#: The narrowest gate, a half of it: borders are rounded to two decimals.
_LEAST_HALF = 0.01


def gate_of_share(first: np.ndarray, depth: np.ndarray, share: float) -> tuple[GateBand, ...]:
    """Bands that let through the share of each depth's alleles whose logit is nearest to 0, by the names of `DEPTH_BANDS`.

    first: float (n,), logits of trees that did not see the allele. depth: int (n,), informing reads. Labels have no say. Both
    kinds have the same borders: of variants other than SNVs, which trees know less well, more is in doubt.
    """
    bands: list[GateBand] = []
    for least, most in DEPTH_BANDS.values():
        inside = (depth >= least) & (depth <= most)
        chosen = np.abs(first[inside] if inside.sum() >= _FEWEST else first)
        half = max(round(float(np.quantile(chosen, share)), 2), _LEAST_HALF)
        let_through = round(float((chosen < half).mean()), 4)
        # What has no informing read is of the first band.
        reads_from = 0 if not bands else least
        bands += [GateBand(kind, -half, half, reads_from, let_through) for kind in KINDS]
    return tuple(bands)


def shares_by_depth(doubtful: np.ndarray, depth: np.ndarray, is_snv: np.ndarray) -> dict[str, float]:
    """Share of the alleles that are in doubt, by depth and by kind and depth: for the card. doubtful, is_snv: bool (n,)."""
    shares = {}
    for kind, of_kind in (("", np.ones(len(depth), bool)), ("snv, ", is_snv), ("other, ", ~is_snv)):
        for band, (low, high) in DEPTH_BANDS.items():
            chosen = of_kind & (depth >= low) & (depth <= high)
            if chosen.any():
                shares[f"{kind}{band} reads"] = round(float(doubtful[chosen].mean()), 4)
    if len(depth):
        shares["all"] = round(float(doubtful.mean()), 4)
    return shares


def errors_by_stage(
    joined: np.ndarray, alone: np.ndarray, label: np.ndarray, doubtful: np.ndarray, depth: np.ndarray
) -> dict[str, float]:
    """Calibration error of what each stage decided, by depth: where the stages join, neither makes the other's scale worse.

    joined, alone: float (n,), calibrated logits of both stages and of the first alone. What is doubtful is the hardest: its error
    is to be held against that of the trees for the same alleles.
    """
    errors = {}
    parts = (("trees", joined, ~doubtful), ("network", joined, doubtful), ("network's by trees alone", alone, doubtful))
    for band, (low, high) in DEPTH_BANDS.items():
        for stage, logits, decided in parts:
            chosen = decided & (depth >= low) & (depth <= high)
            if chosen.sum() >= _FEWEST:
                error = expected_calibration_error(label[chosen] > 0.5, sigmoid(logits[chosen]))
                errors[f"{band} reads, {stage}"] = round(error, 4)
    return errors
