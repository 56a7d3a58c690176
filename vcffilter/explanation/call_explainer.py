"""One call explained, whatever the model is made of: trees by contributions, networks by gradients, all by leaving out.

Knows arrays and models; no files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vcffilter.explanation.cascade_explainer import CascadeExplainer
from vcffilter.explanation.explainer import Explainer, Explanation
from vcffilter.explanation.nearest import Neighbours, ReferenceExamples, nearest_examples
from vcffilter.explanation.network_explainer import NetworkExplainer, TensorMaps
from vcffilter.explanation.occlusion import Evidence, Occlusion, occlude
from vcffilter.explanation.saliency import channel_means, has_trees
from vcffilter.models.cascade import Cascade
from vcffilter.scoring.two_stages import CascadeScorer

if TYPE_CHECKING:
    from vcffilter.explanation.covers import Covers
    from vcffilter.models.network import Network
    from vcffilter.scoring.two_stages import Scorer


@dataclass(frozen=True)
class CallExplanation:
    """Of one ALT. maps: cell by cell of the tensor; None where the model looks at none. neighbours: None without examples."""

    explanation: Explanation
    maps: TensorMaps | None
    occlusion: Occlusion
    neighbours: Neighbours | None = None


class CallExplainer:
    """Explains one ALT after the other. covers: of a model of trees, None of any other. examples: of which the nearest are named.

    Raises ModelError as its parts do.
    """

    def __init__(
        self, module: Network, scorer: Scorer, covers: Covers | None, examples: ReferenceExamples | None = None
    ) -> None:
        self._scorer = scorer
        self._examples = examples
        self._means = channel_means(module) if scorer.encoder.rows else None
        self._trees: Explainer | None = None
        self._network: NetworkExplainer | CascadeExplainer | None = None
        if isinstance(scorer, CascadeScorer):
            assert isinstance(module, Cascade), "the scorer is of another model"
            assert covers is not None, "trees need covers"
            self._network = CascadeExplainer(module, scorer, covers)
        elif covers is not None:
            self._trees = Explainer(module, scorer, covers)
        if self._network is None and not has_trees(module):
            self._network = NetworkExplainer(module, scorer)

    def explain(self, evidence: Evidence, place: tuple[str, int]) -> CallExplanation:
        """evidence: of an ALT that reads inform. place: its contig and pos1, for it to be no neighbour of itself."""
        found = self._explained(evidence)
        if self._examples is None:
            return found
        names, values = self._scorer.encoder.features, evidence.encoded.features[0]
        weight_of = {fact.name: abs(fact.log_odds) for fact in found.explanation.facts}
        weight = np.array([weight_of.get(name, 0.0) for name in names])
        return replace(found, neighbours=nearest_examples(self._examples, names, values, weight, evidence.is_snv, place))

    def _explained(self, evidence: Evidence) -> CallExplanation:
        encoded, occlusion = evidence.encoded, occlude(evidence, self._scorer, self._means)
        if self._network is not None:
            reads = None if encoded.reads is None else encoded.reads[0]
            found = self._network.explain(encoded.features[0], reads, evidence.is_snv, int(encoded.n_informing[0]))
            return CallExplanation(found.explanation, found.maps, occlusion)
        assert self._trees is not None, "trees need covers"
        (explanation,) = self._trees.explain(encoded.features, np.array([evidence.is_snv]), encoded.n_informing)
        return CallExplanation(explanation, None, occlusion)
