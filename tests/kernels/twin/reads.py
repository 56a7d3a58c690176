"""Twin of kernels/reads.py and reads_order.py: reads through pysam's Python objects, the unwanted ones left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pysam

from twin.bases import text_hash

PAIRED, PROPER_PAIR, UNMAPPED, MATE_UNMAPPED, REVERSE = 1, 2, 4, 8, 16
SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 256, 512, 1024, 2048
MATCH, INSERTION, DELETION, SKIP, SOFT_CLIP, HARD_CLIP = "M", "I", "D", "N", "S", "H"
_OPERATIONS = "MIDNSHPMM"
_MISSING_QUALITY = 30


@dataclass(frozen=True)
class Piece:
    """One CIGAR operation with the place where it begins, on the reference and in the read."""

    operation: str
    pos0: int
    query_index: int
    length: int


@dataclass(frozen=True)
class Read:
    """One alignment. cigar: (operation, length) with = and X written as M, operations of length 0 left out."""

    name: str
    flag: int
    start0: int
    mapq: int
    insert_size: int
    mate_elsewhere: int
    haplotype_tag: int
    bases: str
    qualities: tuple[int, ...]
    cigar: tuple[tuple[str, int], ...]

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The CIGAR with places."""
        pos0, query_index, pieces = self.start0, 0, []
        for operation, length in self.cigar:
            pieces.append(Piece(operation, pos0, query_index, length))
            if operation in (MATCH, DELETION, SKIP):
                pos0 += length
            if operation in (MATCH, INSERTION, SOFT_CLIP):
                query_index += length
        return tuple(pieces)

    @cached_property
    def end0(self) -> int:
        """End of the aligned span."""
        return self.start0 + sum(length for operation, length in self.cigar if operation in (MATCH, DELETION, SKIP))

    def _clipped(self, side: int, wanted: str) -> int:
        total = 0
        for operation, length in self.cigar[::side]:
            if operation not in (SOFT_CLIP, HARD_CLIP):
                break
            total += length if operation in wanted else 0
        return total

    @cached_property
    def soft_left(self) -> int:
        return self._clipped(1, SOFT_CLIP)

    @cached_property
    def soft_right(self) -> int:
        return self._clipped(-1, SOFT_CLIP)

    @cached_property
    def unclipped_start0(self) -> int:
        return self.start0 - self._clipped(1, SOFT_CLIP + HARD_CLIP)

    @cached_property
    def unclipped_end0(self) -> int:
        return self.end0 + self._clipped(-1, SOFT_CLIP + HARD_CLIP)

    @property
    def is_reverse(self) -> bool:
        return self.flag & REVERSE != 0

    def aligned(self, start0: int, end0: int) -> list[tuple[int, int]]:
        """(position, index in the read) of the bases aligned in a half-open interval."""
        pairs = []
        for piece in self.pieces:
            if piece.pos0 >= end0:
                break
            if piece.operation == MATCH:
                for pos0 in range(max(piece.pos0, start0), min(piece.pos0 + piece.length, end0)):
                    pairs.append((pos0, piece.query_index + pos0 - piece.pos0))
        return pairs


def _haplotype_tag(record: pysam.AlignedSegment) -> int:
    value = record.get_tag("HP") if record.has_tag("HP") else 0
    return value if value in (1, 2) else 0


def to_read(record: pysam.AlignedSegment, want_haplotype_tag: bool = False) -> Read:
    """A pysam record as a `Read`."""
    bases = record.query_sequence or ""
    qualities = record.query_qualities
    paired = record.flag & PAIRED != 0
    elsewhere = paired and (record.flag & MATE_UNMAPPED != 0 or record.next_reference_id != record.reference_id)
    return Read(
        name=record.query_name,
        flag=record.flag,
        start0=record.reference_start,
        mapq=record.mapping_quality,
        insert_size=abs(record.template_length),
        mate_elsewhere=int(elsewhere),
        haplotype_tag=_haplotype_tag(record) if want_haplotype_tag else 0,
        bases=bases,
        qualities=tuple(qualities) if qualities is not None else (_MISSING_QUALITY,) * len(bases),
        cigar=tuple((_OPERATIONS[code], length) for code, length in record.cigartuples or () if length > 0),
    )


def read_file(
    path: str,
    reference_path: str,
    contig: str,
    start0: int,
    end0: int,
    use_supplementary: bool = False,
    want_haplotype_tag: bool = False,
    groups: Iterable[str] = (),
) -> list[Read]:
    """The wanted reads that overlap a half-open interval, in file order."""
    left_out = UNMAPPED | SECONDARY | QC_FAIL | DUPLICATE | (0 if use_supplementary else SUPPLEMENTARY)
    wanted = set(groups)
    with pysam.AlignmentFile(path, reference_filename=reference_path) as file:
        return [
            to_read(record, want_haplotype_tag)
            for record in file.fetch(contig, max(start0, 0), end0)
            if not record.flag & left_out and (not wanted or (record.has_tag("RG") and record.get_tag("RG") in wanted))
        ]


def together(reads_of_files: Sequence[list[Read]]) -> list[Read]:
    """Reads of all files in one order: by start, and where that is the same by what the order of a file does not change."""

    def key(read: Read) -> tuple[int, ...]:
        place = (read.start0, text_hash(read.name), read.flag, read.end0)
        return (*place, read.unclipped_start0, read.unclipped_end0, read.mapq)

    return sorted((read for reads in reads_of_files for read in reads), key=key)
