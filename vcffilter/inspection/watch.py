"""Watches a run: sees every chunk with its scores, in order, and warns of what does not fit. Changes no score and no record."""

from __future__ import annotations

from collections.abc import Sequence

from vcffilter.inspection.contradictions import ContradictedCalls
from vcffilter.inspection.reference_bases import ReferenceBases
from vcffilter.inspection.unscored import UnscoredAlts
from vcffilter.pipeline.run_warnings import RunWarning, RunWarnings
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.alleles import AlleleScores
from vcffilter.variants.chunks import RecordChunk
from vcffilter.variants.header import VariantHeader


class RunWatch:
    """`saw` each chunk before it is written, then `finish`.

    What the first chunk shows still goes into the header, which is written with that chunk; what shows later cannot.
    header: of the calls. reference: open, or None. feature_names: of the model.
    """

    def __init__(
        self,
        warnings: RunWarnings,
        header: VariantHeader,
        reference: ReferenceFile | None = None,
        feature_names: Sequence[str] = (),
    ) -> None:
        self.warnings = warnings
        self.unscored = UnscoredAlts()
        self._header = header
        self._header_is_open = True
        self._reference = reference
        self._bases = ReferenceBases()
        self._contradicted = ContradictedCalls()

    def saw(self, chunk: RecordChunk, scores: AlleleScores) -> None:
        """Take a chunk in."""
        self.unscored.saw(chunk, scores)
        if self._reference is not None:
            self._bases.saw(self._reference, chunk.alleles)
        self._contradicted.saw(chunk, scores)
        if self._header_is_open and self._reference is not None:
            self._add(self._bases.warning(self._reference.path))
        self._declare()

    def finish(self, allow_unscored: bool = False) -> None:
        """Judge the run as a whole, before the output is committed. Raises UnscoredError where nearly nothing was scored."""
        self._declare()
        if not allow_unscored:
            self.unscored.refuse()
        self._add(self.unscored.warning(), self._contradicted.warning())

    def _add(self, *warnings: RunWarning | None) -> None:
        self.warnings.add(*(warning for warning in warnings if warning is not None))

    def _declare(self) -> None:
        """Put the warnings known so far into the header, once."""
        if self._header_is_open:
            self._header_is_open = False
            for warning in self.warnings.all():
                self._header.append(warning.header_line())
