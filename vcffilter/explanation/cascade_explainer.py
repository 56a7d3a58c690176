"""One call explained by the stage of a cascade that decided on it. Knows arrays and models; no reads' files.

What the trees settle is explained as trees. Of what they doubt, the logit is the trees' and, faded towards the gate's borders,
the network's output: the trees' contributions add up to the one, integrated gradients to the other. What the network makes of the
trees' logit is a fact of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from vcffilter.explanation.explainer import Alleles, Explainer, explained
from vcffilter.explanation.families import CHANNEL_PREFIX
from vcffilter.explanation.forest_contributions import Contributions, ForestExplainer, rescaled
from vcffilter.explanation.network_explainer import NetworkExplanation, TensorMaps
from vcffilter.explanation.saliency import baseline_of, check_differentiable, grad_cam, integrated_gradients
from vcffilter.models.cascade import Cascade, second_spec
from vcffilter.models.encoder_spec import FIRST_LOGIT
from vcffilter.scoring.network import one_intra_op_thread

if TYPE_CHECKING:
    from vcffilter.explanation.covers import Covers
    from vcffilter.scoring.two_stages import CascadeScorer


class CascadeExplainer:
    """Explains one allele at a time. covers: of the first stage's trees. Raises ModelError where the first stage is not made of
    trees, or the second one has some.
    """

    def __init__(self, module: Cascade, scorer: CascadeScorer, covers: Covers) -> None:
        check_differentiable(module.second_stage)
        self._settled = Explainer(module.first_stage, scorer.first, covers)
        self._trees = ForestExplainer(module.first_stage, covers)
        self._module, self._scorer = module, scorer
        channels = (f"{CHANNEL_PREFIX}{name}" for name in scorer.encoder.channels)
        self._names = (*scorer.encoder.features, FIRST_LOGIT, *channels)

    def explain(self, features: np.ndarray, reads: np.ndarray | None, is_snv: bool, depth: int) -> NetworkExplanation:
        """features: float32 (n_features,). reads: uint8 (rows, columns, channels). depth: informing reads."""
        assert reads is not None, "a cascade looks at reads"
        alleles = Alleles(features[None], reads[None], np.array([is_snv]), np.array([depth]))
        first = self._scorer.first_stage(alleles.features)
        if not first.doubtful[0]:
            return NetworkExplanation(self._settled.explain(alleles.features, alleles.is_snv, alleles.depth)[0], None)
        given, z1 = torch.from_numpy(alleles.features), torch.from_numpy(first.logits)
        with torch.no_grad():
            share = float(self._module.gate.taper(z1, given)[0])
            seen = self._module.second_features(given, z1)[0].numpy()
        second, spec = self._module.second_stage, second_spec(self._module.config, self._scorer.encoder)
        with one_intra_op_thread():
            parts = integrated_gradients(second, seen, reads, baseline_of(second, spec, seen, reads))
            cam = grad_cam(second, seen, reads)
        trees = self._trees.contributions(alleles.features)
        of_feature = np.zeros(len(self._names))
        of_feature[: len(features)] = trees.of_feature[0]
        places = [self._names.index(name) for name in spec.features]
        of_feature[places] += share * parts.of_feature
        if parts.of_cell is not None:
            of_feature[len(features) + 1 :] = share * parts.of_cell.sum(axis=(0, 1))
        raw = Contributions(trees.base + share * parts.base, of_feature[None])
        found = rescaled(raw, lambda logits: self._scorer.calibration.logits(logits, alleles.is_snv, alleles.depth))
        (explanation,) = explained(self._scorer, found, self._names, alleles)
        log_odds = float(self._scorer.log_odds(alleles.features, alleles.reads, alleles.is_snv, alleles.depth)[0])
        explanation = replace(explanation, log_odds=log_odds, missed=log_odds - explanation.log_odds)
        if parts.of_cell is None:
            return NetworkExplanation(explanation, None)
        largest = int(np.abs(raw.of_feature[0]).argmax())
        factor = found.of_feature[0, largest] / raw.of_feature[0, largest] if raw.of_feature[0, largest] else 1.0
        cells = parts.of_cell.sum(axis=2) * share * factor
        return NetworkExplanation(explanation, TensorMaps(cells, None if cam is None else cam * share))
