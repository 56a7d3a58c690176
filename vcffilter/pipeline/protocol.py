"""What the stream asks of a scorer. The stream knows no reads, no models and no files behind it."""

from __future__ import annotations

from typing import Protocol

from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import AlleleScores, SampleScores


class ChunkScorer(Protocol):
    """Scores chunks of alleles; called from worker threads, several at once."""

    def score(self, chunk: AlleleChunk) -> AlleleScores | SampleScores:
        """Scores of the chunk's alleles, in their order; must not depend on how alleles are cut into chunks.

        Of each sample by itself where the chunk has carriers.
        """
        ...

    def close(self) -> None:
        """Free what the scorer holds; called once, after the last `score`."""
        ...
