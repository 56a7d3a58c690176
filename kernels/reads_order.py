"""Reads of several files in one order, so that results do not depend on the order of the files."""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.jit import kernel
from vcffilter.kernels.reads import ReadArrays

_PER_READ = ReadArrays._fields.index("cigar_offset")


def in_start_order(reads: ReadArrays) -> ReadArrays:
    """The same reads by alignment start, then name, then flag. The pools of bases and qualities stay where they are."""
    n_reads = int(reads.counts[0])
    order = np.lexsort((reads.flag[:n_reads], reads.name_hash[:n_reads], reads.start0[:n_reads]))
    fields = list(reads)
    for index, name in enumerate(ReadArrays._fields):
        if index < _PER_READ or name in ("base_offset", "quality_offset"):
            fields[index] = fields[index].copy()
            fields[index][:n_reads] = reads[index][:n_reads][order]
    cigar_offset, cigar = np.zeros_like(reads.cigar_offset), np.zeros_like(reads.cigar)
    _repack_cigars(reads.cigar_offset, reads.cigar, order, cigar_offset, cigar)
    fields[_PER_READ] = cigar_offset
    fields[ReadArrays._fields.index("cigar")] = cigar
    return ReadArrays(*fields)


@kernel
def _repack_cigars(old_offset: np.ndarray, old: np.ndarray, order: np.ndarray, new_offset: np.ndarray, new: np.ndarray) -> None:
    written = 0
    for index in range(len(order)):
        new_offset[index] = written
        for at in range(old_offset[order[index]], old_offset[order[index] + 1]):
            new[written] = old[at]
            written += 1
    new_offset[len(order)] = written
