"""Calls that their caller was sure of and that no read shows: the mark of another person's reads. Knows no samples' names.

Measured on every set of calls and reads that belong together: at most 3 of 100 places, nearly all where a caller assembled
chimeric reads. Calls of one person with reads of another: 50 to 90 of 100.
"""

from __future__ import annotations

import numpy as np

from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.variants.allele_scores import READS_FOR_ALT, AlleleScores
from vcffilter.variants.chunks import RecordChunk

#: Calls of this QUAL and more are those that their caller was sure of: 1 in 1,000 is wrong by its own word.
SURE_QUAL_PHRED = 30.0
#: Calls nearer to each other than this are one place: they stand or fall together.
PLACE_GAP = 100
#: Places without support before anything is said, and their least share of all places. Siblings share three quarters of theirs.
FEWEST_PLACES, LEAST_SHARE = 8, 0.15


class ContradictedCalls:
    """Counts places with calls that their caller was sure of, and those where no read shows any of them."""

    def __init__(self) -> None:
        self.n_places = 0
        self.n_unsupported = 0
        self._contig = ""
        self._last0 = 0
        self._is_supported = True  # of the place that is still open; the first one opens with the first call

    def saw(self, chunk: RecordChunk, scores: AlleleScores) -> None:
        """Take a chunk in."""
        alleles = chunk.alleles
        sure = (scores.status == 0) & (chunk.qual_phred[alleles.record_index] >= SURE_QUAL_PHRED)
        if not sure.any():
            return
        pos0, shown = alleles.start0[sure], scores.counts[sure, READS_FOR_ALT] > 0
        if alleles.contig != self._contig:
            self._close_place()
            self._contig, self._last0 = alleles.contig, int(pos0[0]) - PLACE_GAP - 1
        first_of_place = np.flatnonzero(np.diff(pos0, prepend=self._last0) > PLACE_GAP)
        joined_before = first_of_place[0] if len(first_of_place) else len(pos0)
        self._is_supported |= bool(shown[:joined_before].any())
        if len(first_of_place):
            self._close_place()
            supported = np.logical_or.reduceat(shown, first_of_place)
            self.n_places += len(supported)
            self.n_unsupported += int((~supported[:-1]).sum())
            self._is_supported = bool(supported[-1])
        self._last0 = int(pos0[-1])

    def warning(self) -> RunWarning | None:
        """What the whole run showed."""
        self._close_place()
        if self.n_unsupported < FEWEST_PLACES or self.n_unsupported < LEAST_SHARE * self.n_places:
            return None
        return RunWarning(
            "contradicted_calls",
            f"at {self.n_unsupported} of {self.n_places} places with calls of QUAL {SURE_QUAL_PHRED:.0f} or more no read shows "
            "the ALT; where calls and reads belong together it is 3 of 100 at most",
            "Are these the reads that were called, of this person and this genome build? True calls fail by other reads",
        )

    def _close_place(self) -> None:
        """Count the open place as unsupported, if it is; it stays counted once."""
        self.n_unsupported += not self._is_supported
        self._is_supported = True
