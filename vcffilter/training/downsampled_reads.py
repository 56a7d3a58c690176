"""A BAM or CRAM of which only a share of the fragments is seen. Which ones follows from their names and a seed."""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.reads import N_CIGAR, N_READS, ReadArrays
from vcffilter.reads.alignment_file import AlignmentFile

_FIRST_PER_READ_AFTER_OFFSETS = ReadArrays._fields.index("base_offset")
_CIGAR_OFFSET = ReadArrays._fields.index("cigar_offset")


class DownsampledFile(AlignmentFile):
    """An `AlignmentFile` whose `append_reads` leaves fragments out; mates stay together, all reads until `draw` is called."""

    _share = 1.0
    _seed = 0

    def draw(self, share: float, seed: int) -> None:
        """From now on keep this share (0 to 1) of the fragments; another seed keeps others."""
        self._share = share
        self._seed = seed

    def append_reads(self, contig: str, start0: np.ndarray, end0: np.ndarray, reads: ReadArrays) -> ReadArrays:
        """As `AlignmentFile.append_reads`, without the fragments left out."""
        n_before = int(reads.counts[N_READS])
        reads = super().append_reads(contig, start0, end0, reads)
        if self._share < 1:
            keep = kept_names(reads.name_hash[: int(reads.counts[N_READS])], self._share, self._seed)
            keep[:n_before] = True
            keep_only(reads, keep)
        return reads


def kept_names(name_hash: np.ndarray, share: float, seed: int) -> np.ndarray:
    """bool (n,): whether a fragment is kept, by the hash of its name (uint64) and the seed; splitmix64's finaliser."""
    with np.errstate(over="ignore"):
        value = name_hash ^ (np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03))
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value = value ^ (value >> np.uint64(31))
    return (value >> np.uint64(11)).astype(np.float64) * 2.0**-53 < share


def keep_only(reads: ReadArrays, keep: np.ndarray) -> None:
    """Close the gaps of the reads that are not kept, in place; bool (n_reads,). The pools of bases and qualities stay as they
    are.
    """
    n_reads, n_kept = len(keep), int(keep.sum())
    for index, values in enumerate(reads[:-1]):
        if index < _CIGAR_OFFSET or index in (_FIRST_PER_READ_AFTER_OFFSETS, _FIRST_PER_READ_AFTER_OFFSETS + 1):
            values[:n_kept] = values[:n_reads][keep]
    lengths = np.diff(reads.cigar_offset[: n_reads + 1])
    kept_cigar = reads.cigar[: int(reads.cigar_offset[n_reads])][np.repeat(keep, lengths)]
    reads.cigar[: len(kept_cigar)] = kept_cigar
    reads.cigar_offset[1 : n_kept + 1] = np.cumsum(lengths[keep])
    reads.counts[N_READS], reads.counts[N_CIGAR] = n_kept, len(kept_cigar)
