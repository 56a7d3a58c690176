"""Flat arrays of the alleles to score: what the stream hands to the scorer.

Knows neither the VCF library nor reads: plain arrays, so that every floor can use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_PLAIN_BASES = frozenset("ACGTNacgtn")


@dataclass(frozen=True)
class AlleleChunk:
    """Scorable ALTs of consecutive records on one contig, in input order.

    contig: name as in the VCF.
    start0: int64 (n_alleles,), POS - 1 as the record wrote it.
    ref_offset: int64 (n_alleles + 1,), borders of each REF in `ref_bases`.
    ref_bases: uint8 (total,), upper-case ASCII.
    alt_offset: int64 (n_alleles + 1,), borders of each ALT in `alt_bases`.
    alt_bases: uint8 (total,), upper-case ASCII.
    record_index: int32 (n_alleles,), index of the record within the chunk of records.
    alt_index: int32 (n_alleles,), 0-based index of the ALT within its record.
    carriers: bool (n_samples, n_alleles), whether the genotype of each sample with reads has the ALT; None: reads are pooled.
    """

    contig: str
    start0: np.ndarray
    ref_offset: np.ndarray
    ref_bases: np.ndarray
    alt_offset: np.ndarray
    alt_bases: np.ndarray
    record_index: np.ndarray
    alt_index: np.ndarray
    carriers: np.ndarray | None = None

    @classmethod
    def from_alleles(cls, contig: str, alleles: Sequence[tuple[int, str, str]]) -> AlleleChunk:
        """A chunk of (POS - 1, REF, ALT), each a record of its own, rising by position. Bases are made upper-case."""
        ref_offset, ref_bases = _pool([ref for _, ref, _ in alleles])
        alt_offset, alt_bases = _pool([alt for _, _, alt in alleles])
        start0 = np.array([pos0 for pos0, _, _ in alleles], np.int64)
        record_index = np.arange(len(alleles), dtype=np.int32)
        return cls(contig, start0, ref_offset, ref_bases, alt_offset, alt_bases, record_index, np.zeros_like(record_index))

    @property
    def n_alleles(self) -> int:
        """Number of alleles in the chunk."""
        return len(self.start0)

    def subset(self, chosen: np.ndarray) -> AlleleChunk:
        """The alleles of these indices (ascending), without carriers."""
        ref_offset, ref_bases = _pool_subset(self.ref_offset, self.ref_bases, chosen)
        alt_offset, alt_bases = _pool_subset(self.alt_offset, self.alt_bases, chosen)
        return AlleleChunk(
            self.contig,
            self.start0[chosen],
            ref_offset,
            ref_bases,
            alt_offset,
            alt_bases,
            self.record_index[chosen],
            self.alt_index[chosen],
        )


def _pool(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(borders int64 (n + 1,), upper-case bases uint8) of some texts."""
    borders = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(text) for text in texts], dtype=np.int64)])
    return borders, np.frombuffer("".join(texts).upper().encode("ascii"), np.uint8)


def _pool_subset(offset: np.ndarray, bases: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(borders, bases) of the chosen entries of a pool."""
    lengths = (offset[1:] - offset[:-1])[chosen]
    new_offset = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    places = np.repeat(offset[chosen] - new_offset[:-1], lengths) + np.arange(new_offset[-1])
    return new_offset, bases[places]


def unscorable(pos1: int, ref: str, alt: str) -> str | None:
    """Why an allele cannot be scored whatever its reads, by the rules of records: a name of STATUS_NAMES; None where it can."""
    if pos1 < 1:
        return "unsupported_allele"
    if not _is_plain(alt):
        return "invalid_allele" if alt in ("", ".") else "unsupported_allele"
    return "invalid_allele" if not _is_plain(ref) or ref.upper() == alt.upper() else None


def _is_plain(bases: str) -> bool:
    return bases != "" and set(bases) <= _PLAIN_BASES
