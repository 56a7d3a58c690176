"""Watches a run: sees every chunk with its scores, in order, and warns of what does not fit. Changes no score and no record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vcffilter.inspection.contradictions import ContradictedCalls
from vcffilter.inspection.foreign_data import ForeignFeatures
from vcffilter.inspection.model_choice import advice
from vcffilter.inspection.read_facts import ReadFacts
from vcffilter.inspection.reference_bases import ReferenceBases
from vcffilter.inspection.unscored import UnscoredAlts
from vcffilter.models.training_ranges import TrainingRanges
from vcffilter.pipeline.run_warnings import RunWarning, RunWarnings
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_scores import AlleleScores
from vcffilter.variants.chunks import RecordChunk
from vcffilter.variants.header import VariantHeader


@dataclass(frozen=True)
class WatchedModel:
    """What a run is judged by. feature_names: of the model, in order. ranges: of its training data. reads: facts by file."""

    model_id: str
    feature_names: Sequence[str]
    ranges: TrainingRanges
    reads: dict[str, ReadFacts]


class RunWatch:
    """`saw` each chunk before it is written, then `finish`.

    What the first chunk shows still goes into the header, which is written with that chunk; what shows later cannot.
    header: of the calls. reference: open, or None. model: None where its training data are unknown.
    """

    def __init__(
        self,
        warnings: RunWarnings,
        header: VariantHeader,
        reference: ReferenceFile | None = None,
        model: WatchedModel | None = None,
    ) -> None:
        self.warnings = warnings
        self.unscored = UnscoredAlts()
        self._header = header
        self._header_is_open = True
        self._reference = reference
        self._bases = ReferenceBases()
        self._contradicted = ContradictedCalls()
        self._model = model
        self._foreign_is_judged = False
        self._foreign = None if model is None else ForeignFeatures(model.ranges, model.feature_names)

    def saw(self, chunk: RecordChunk, scores: AlleleScores) -> None:
        """Take a chunk in."""
        self.unscored.saw(chunk, scores)
        if self._reference is not None:
            self._bases.saw(self._reference, chunk.alleles)
        self._contradicted.saw(chunk, scores)
        if self._foreign is not None and scores.features is not None:
            self._foreign.saw(scores.features[scores.status == 0])
        if self._header_is_open:
            self._add(self._bases_warning(), self._foreign_warning())
        self._declare()

    def finish(self, allow_unscored: bool = False) -> None:
        """Judge the run as a whole, before the output is committed. Raises UnscoredError where nearly nothing was scored."""
        self._declare()
        if not allow_unscored:
            self.unscored.refuse()
        self._add(self.unscored.warning(), self._contradicted.warning(), self._bases_warning(), self._foreign_warning())

    def data_to_json(self) -> dict[str, Any] | None:
        """The reads and how many ALTs lie outside the model's training data, as a plain dictionary; None where it is unknown."""
        if self._model is None or self._foreign is None:
            return None
        n_alts, n_outside = self._foreign.n_alts, self._foreign.n_outside
        return {
            "reads": {path: facts.to_json() for path, facts in self._model.reads.items()},
            "unlike_features": self._foreign.unlike(),
            "alleles_outside_training": n_outside,
            "alleles_outside_training_share": round(n_outside / n_alts, 4) if n_alts else None,
        }

    def _bases_warning(self) -> RunWarning | None:
        """Of the FASTA, once: by the first chunk, or by all."""
        if self._reference is None or self._has_said("reference_unknown_bases"):
            return None
        return self._bases.warning(self._reference.path)

    def _has_said(self, code: str) -> bool:
        return any(warning.code == code for warning in self.warnings.all())

    def _foreign_warning(self) -> RunWarning | None:
        """Of the features, judged once; not where the platform was warned of already."""
        if self._model is None or self._foreign is None or self._foreign_is_judged or not self._foreign.can_judge:
            return None
        self._foreign_is_judged = True
        if self._has_said("foreign_data"):
            return None
        platforms = {facts.platform for facts in self._model.reads.values()} or {self._model.ranges.platform}
        return self._foreign.warning(self._model.model_id, advice(platforms.pop(), self._model.model_id))

    def _add(self, *warnings: RunWarning | None) -> None:
        self.warnings.add(*(warning for warning in warnings if warning is not None))

    def _declare(self) -> None:
        """Put the warnings known so far into the header, once."""
        if self._header_is_open:
            self._header_is_open = False
            for warning in self.warnings.all():
                self._header.append(warning.header_line())
