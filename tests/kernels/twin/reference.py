"""One contig of the reference as letters; N beyond its ends."""

from __future__ import annotations

import pysam

from twin.bases import plain_bases

_BLOCK = 1 << 14


class Contig:
    """Bases by 0-based position, read from the FASTA block by block."""

    def __init__(self, path: str, name: str) -> None:
        self._fasta = pysam.FastaFile(path)
        self.name = name
        self.length = self._fasta.get_reference_length(name)
        self._blocks: dict[int, str] = {}

    def base(self, pos0: int) -> str:
        """The base at a position."""
        if pos0 < 0 or pos0 >= self.length:
            return "N"
        block = pos0 // _BLOCK
        if block not in self._blocks:
            first0 = block * _BLOCK
            self._blocks[block] = plain_bases(self._fasta.fetch(self.name, first0, min(first0 + _BLOCK, self.length)))
        return self._blocks[block][pos0 % _BLOCK]

    def bases(self, start0: int, end0: int) -> str:
        """The bases of a half-open interval."""
        return "".join(self.base(pos0) for pos0 in range(start0, end0))
