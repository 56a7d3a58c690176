"""Bands of a model's operating points, as GATK's tranches are: how much of the true calls a cut keeps that still keeps an ALT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vcffilter.errors import ModelError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Bands:
    """recalls: shares of true calls, rising. snv, indel: of each the threshold that keeps it; these fall, or stay."""

    recalls: tuple[float, ...]
    snv: tuple[float, ...]
    indel: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        """From the surest band to the one that no recall keeps: 0.00to99.00, 99.00to99.90, 99.90to100.00 (percent)."""
        borders = [f"{100 * share:.2f}" for share in (0.0, *self.recalls, 1.0)]
        return [f"{low}to{high}" for low, high in zip(borders, borders[1:], strict=False)]

    def places(self, probability: np.ndarray, is_snv: np.ndarray) -> np.ndarray:
        """The band of each ALT, int64 (n,), an index into the names. probability: float32 (n,), rounded to 4 decimals."""
        import numpy as np

        from vcffilter.calibration.operating_points import is_below

        places = np.zeros(len(probability), np.int64)
        for snv, indel in zip(self.snv, self.indel, strict=True):
            places += is_below(probability, np.where(is_snv, snv, indel))
        return places


def choose_bands(operating_points: Sequence[Mapping[str, Any]], recalls: Sequence[float]) -> Bands:
    """The bands between these shares of true calls; each must be one that the model's card was measured at.

    operating_points: rows of the card. Raises ModelError for a share that the card has not.
    """
    by_recall = {float(point["target_recall"]): point["thresholds"] for point in operating_points if "target_recall" in point}
    wanted = sorted(set(recalls))
    missing = [recall for recall in wanted if recall not in by_recall]
    if missing:
        offered = ", ".join(f"{100 * recall:g}" for recall in sorted(by_recall)) or "none"
        raise ModelError(
            f"the model's card was not measured at {', '.join(f'{100 * recall:g}' for recall in missing)}% of true calls kept; "
            f"it was at: {offered}",
            hint="Give --bands some of these, as per cents; in Python as shares, bands=(0.99, 0.999)",
        )
    snv, indel = ([float(by_recall[recall][kind]) for recall in wanted] for kind in ("snv", "indel"))
    return Bands(tuple(wanted), tuple(snv), tuple(indel))
