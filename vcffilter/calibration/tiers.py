"""Which calls need no confirmation: the tier of a model's card whose share of false calls is known to be small enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vcffilter.errors import ModelError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Tier:
    """Which ALTs need no confirmation: of a probability and with so many informing reads, or more.

    n_false of n such calls were false where the model was measured; at most the share false_at_most is (one-sided, 95%).
    """

    probability: float
    n_reads: int
    n: int
    n_false: int
    false_at_most: float

    def holds(self, probability: np.ndarray, n_reads: np.ndarray) -> np.ndarray:
        """Which ALTs it holds, bool (n,). probability: float32 (n,), rounded to 4 decimals. n_reads: int32 (n,)."""
        from vcffilter.calibration.operating_points import is_below

        return ~is_below(probability, self.probability) & (n_reads >= self.n_reads)


def tiers_of(card: Mapping[str, Any]) -> list[tuple[Tier, float]]:
    """(tier, share of all true calls that lie in it) of each row that a card has; none in older checkpoints.

    card: `calibration.presets.preset_card`.
    """
    return [
        (Tier(row["probability"], row["reads"], row["n"], row["n_false"], row["false_at_most"]), row["share_of_true"])
        for row in card.get("sure", [])
    ]


def choose_tier(card: Mapping[str, Any], at_most: float) -> Tier:
    """The tier with the most true calls of those in which at most this share of calls is false, by its limit (95%).

    Raises ModelError where the card has none.
    """
    found = tiers_of(card)
    if not found:
        raise ModelError(
            "the model's card does not say which of its calls need no confirmation: it was made before there were tiers",
            hint="Calibrate it on labelled calls: pileup-filter calibrate",
        )
    good = [(share, tier) for tier, share in found if tier.false_at_most <= at_most + 1e-9]
    if not good:
        least = min(tier.false_at_most for tier, _ in found)
        raise ModelError(
            f"of no tier of the model's card it is known that at most {at_most:g} of its calls are false; the least is {least:g}",
            hint=f"Give --tier {least:g} or more: with the calls that the model was measured on, less cannot be shown",
        )
    return max(good, key=lambda one: one[0])[1]
