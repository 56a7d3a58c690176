"""Watches a run: sees every chunk with its scores, in order, and warns of what does not fit. Changes no score and no record."""

from __future__ import annotations

from vcffilter.pipeline.run_warnings import RunWarnings
from vcffilter.variants.alleles import AlleleScores
from vcffilter.variants.chunks import RecordChunk
from vcffilter.variants.header import VariantHeader


class RunWatch:
    """`saw` each chunk before it is written, then `finish`.

    What the first chunk shows still goes into the header, which is written with that chunk; what shows later cannot.
    """

    def __init__(self, warnings: RunWarnings, header: VariantHeader) -> None:
        self.warnings = warnings
        self._header = header
        self._header_is_open = True

    def saw(self, chunk: RecordChunk, scores: AlleleScores) -> None:
        """Take a chunk in."""
        self._declare()

    def finish(self) -> None:
        """Judge the run as a whole; before the output is committed."""
        self._declare()

    def _declare(self) -> None:
        """Put the warnings known so far into the header, once."""
        if self._header_is_open:
            self._header_is_open = False
            for warning in self.warnings.all():
                self._header.append(warning.header_line())
