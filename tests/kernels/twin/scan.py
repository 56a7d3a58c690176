"""Twin of kernels/scan.py: mismatches, left-aligned indels, mates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twin.bases import bases_hash
from twin.reads import DELETION, INSERTION, PAIRED, SUPPLEMENTARY, Read
from twin.reference import Contig

MAX_SHIFT = 200
#: A longer deletion stays where the aligner put it.
MAX_SHIFTED_DELETION = 128


@dataclass(frozen=True)
class Mismatch:
    """A known base that is not the (known) reference base."""

    pos0: int
    base: str
    quality: int


@dataclass(frozen=True)
class Indel:
    """pos0: left-most equivalent position. length: inserted positive, deleted negative. inserted: bases after shifting.

    read_pos0: where the aligner put it.
    """

    pos0: int
    length: int
    inserted: str
    read_pos0: int

    @property
    def end0(self) -> int:
        return self.pos0 + max(-self.length, 0)

    @property
    def hash(self) -> int:
        return bases_hash(self.inserted) if self.length > 0 else 0

    @property
    def key(self) -> tuple[int, int, str]:
        """What makes two indels the same."""
        return self.pos0, self.length, self.inserted


def mismatches(read: Read, contig: Contig, start0: int, end0: int) -> list[Mismatch]:
    """Mismatches of a read in a half-open interval, by position."""
    found = []
    for pos0, query_index in read.aligned(start0, end0):
        base, expected = read.bases[query_index], contig.base(pos0)
        if base != expected and base != "N" and expected != "N":
            found.append(Mismatch(pos0, base, read.qualities[query_index]))
    return found


def _deletion(contig: Contig, pos0: int, length: int) -> Indel:
    shifted = pos0
    furthest0 = max(pos0 - MAX_SHIFT, 0) if length <= MAX_SHIFTED_DELETION else pos0
    while shifted > furthest0 and contig.base(shifted - 1) == contig.base(shifted + length - 1):
        shifted -= 1
    return Indel(shifted, -length, "", pos0)


def _insertion(contig: Contig, pos0: int, inserted: str) -> Indel:
    shifted = pos0
    while shifted > 0 and pos0 - shifted < MAX_SHIFT and contig.base(shifted - 1) == inserted[-1]:
        inserted = inserted[-1] + inserted[:-1]
        shifted -= 1
    return Indel(shifted, len(inserted), inserted, pos0)


def indels(read: Read, contig: Contig) -> list[Indel]:
    """All indels of a read in order of its CIGAR, each moved left as far as it goes, MAX_SHIFT at most."""
    found = []
    for piece in read.pieces if read.bases else ():
        if piece.operation == DELETION:
            found.append(_deletion(contig, piece.pos0, piece.length))
        elif piece.operation == INSERTION:
            found.append(_insertion(contig, piece.pos0, read.bases[piece.query_index : piece.query_index + piece.length]))
    return found


def link_mates(reads: list[Read]) -> list[int]:
    """For every read the index of the next paired primary alignment of that name, the first behind the last; -1 if alone."""
    mate = [-1] * len(reads)
    for same in of_one_name(reads):
        for index, following in zip(same, same[1:] + same[:1], strict=True):
            mate[index] = following if len(same) > 1 else -1
    return mate


def of_one_name(reads: Sequence[Read]) -> list[list[int]]:
    """Indices of paired primary alignments, those of one name together."""
    of_name: dict[str, list[int]] = {}
    for index, read in enumerate(reads):
        if read.flag & PAIRED and not read.flag & SUPPLEMENTARY:
            of_name.setdefault(read.name, []).append(index)
    return list(of_name.values())
