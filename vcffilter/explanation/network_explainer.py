"""One call explained by a network of gradients, with or without reads. Knows arrays and models; no reads' files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vcffilter.explanation.explainer import Alleles, Explanation, explained
from vcffilter.explanation.families import CHANNEL_PREFIX
from vcffilter.explanation.forest_contributions import Contributions, rescaled
from vcffilter.explanation.saliency import baseline_of, check_differentiable, grad_cam, integrated_gradients
from vcffilter.scoring.network import one_intra_op_thread

if TYPE_CHECKING:
    from vcffilter.models.network import Network
    from vcffilter.scoring.network import CalibratedNetwork


@dataclass(frozen=True)
class TensorMaps:
    """What a network holds for or against an ALT, cell by cell of its tensor; float64 (rows, columns).

    gradients: integrated gradients in log-odds; with the site features' they add up. cam: Grad-CAM in units of its own, None
    where the network has no map of rows and columns.
    """

    gradients: np.ndarray
    cam: np.ndarray | None


@dataclass(frozen=True)
class NetworkExplanation:
    """explanation: as of trees; its base is the log-odds at the baseline. maps: None where the network takes no reads."""

    explanation: Explanation
    maps: TensorMaps | None


class NetworkExplainer:
    """Explains what a network without trees says, one allele at a time. Raises ModelError where it has trees."""

    def __init__(self, module: Network, scorer: CalibratedNetwork) -> None:
        check_differentiable(module)
        self._module = module
        self._scorer = scorer
        channels = [f"{CHANNEL_PREFIX}{name}" for name in scorer.encoder.channels]
        self.names = (*scorer.encoder.features, *(channels if scorer.encoder.rows else ()))

    def explain(self, features: np.ndarray, reads: np.ndarray | None, is_snv: bool, depth: int) -> NetworkExplanation:
        """features: float32 (n_features,). reads: uint8 (rows, columns, channels), or None. depth: informing reads."""
        base = baseline_of(self._module, self._scorer.encoder, features, reads)
        with one_intra_op_thread():  # so small tiles wait for each other's threads longer than they compute
            parts = integrated_gradients(self._module, features, reads, base)
            cam = None if reads is None else grad_cam(self._module, features, reads)
        of_channel = np.zeros(0) if parts.of_cell is None else parts.of_cell.sum(axis=(0, 1))
        if len(of_channel) == 0 and len(self.names) > len(features):
            of_channel = np.zeros(len(self.names) - len(features))
        alleles = Alleles(features[None], None if reads is None else reads[None], np.array([is_snv]), np.array([depth]))
        raw = Contributions(np.array([parts.base]), np.concatenate([parts.of_feature, of_channel])[None])
        found = rescaled(raw, lambda logits: self._scorer.calibration.logits(logits, alleles.is_snv, alleles.depth))
        (explanation,) = explained(self._scorer, found, self.names, alleles)
        log_odds = float(self._scorer.log_odds(alleles.features, alleles.reads, alleles.is_snv, alleles.depth)[0])
        explanation = replace(explanation, log_odds=log_odds, missed=log_odds - explanation.log_odds)
        if reads is None or parts.of_cell is None:
            return NetworkExplanation(explanation, None)
        largest = int(np.abs(raw.of_feature[0]).argmax())
        factor = found.of_feature[0, largest] / raw.of_feature[0, largest] if raw.of_feature[0, largest] else 1.0
        cells = parts.of_cell.sum(axis=2) * factor
        return NetworkExplanation(explanation, TensorMaps(cells, cam))
