"""One order of a chunk's reads, whatever the order of the files and of the reads within them.

Of two mates that say the same the first one counts, and sums of fractions depend on the order in their last bits.
"""

from __future__ import annotations

import numpy as np

from vcffilter.kernels.jit import inline_kernel, kernel
from vcffilter.kernels.reads import N_READS, ReadArrays

#: Offsets into pools that stay where they are: read by read, but nothing to order by.
_PLACES = ("base_offset", "quality_offset")
_PER_READ = ReadArrays._fields[: ReadArrays._fields.index("cigar_offset")]
#: By what reads that start at one place are ordered, the first that differs. Reads alike in all of it keep their order.
_KEYS = ("name_hash", "flag", "end0", "unclipped_start0", "unclipped_end0", "mapq")
#: More reads than this at one place are left to numpy, whose sort is not quadratic.
_MOST_TIES = 64
#: Returns of `_order_ties`.
_IN_ORDER, _MOVED, _TOO_MANY = 0, 1, 2


def in_order(reads: ReadArrays, n_files: int) -> ReadArrays:
    """The same reads by alignment start and `_KEYS`; the given arrays where they are so already.

    n_files: from which they come one after the other, each sorted by start. The pools of bases and qualities stay.
    """
    n_reads = int(reads.counts[N_READS])
    order = np.arange(n_reads)
    found = _TOO_MANY if n_files > 1 else _order_ties(reads, order)
    if found == _IN_ORDER:
        return reads
    if found == _TOO_MANY:
        order = np.lexsort([getattr(reads, name)[:n_reads] for name in (*_KEYS[::-1], "start0")])
    fields = reads._asdict()
    fields |= {name: fields[name][:n_reads][order] for name in (*_PER_READ, *_PLACES)}
    fields["cigar_offset"], fields["cigar"] = np.zeros_like(reads.cigar_offset), np.zeros_like(reads.cigar)
    _repack_cigars(reads.cigar_offset, reads.cigar, order, fields["cigar_offset"], fields["cigar"])
    return ReadArrays(**fields)


@inline_kernel
def _comes_before(reads: ReadArrays, left: int, right: int) -> bool:
    """Order of two reads that start at one place: `_KEYS`."""
    if reads.name_hash[left] != reads.name_hash[right]:
        return reads.name_hash[left] < reads.name_hash[right]
    if reads.flag[left] != reads.flag[right]:
        return reads.flag[left] < reads.flag[right]
    if reads.end0[left] != reads.end0[right]:
        return reads.end0[left] < reads.end0[right]
    if reads.unclipped_start0[left] != reads.unclipped_start0[right]:
        return reads.unclipped_start0[left] < reads.unclipped_start0[right]
    if reads.unclipped_end0[left] != reads.unclipped_end0[right]:
        return reads.unclipped_end0[left] < reads.unclipped_end0[right]
    return reads.mapq[left] < reads.mapq[right]


@kernel
def _order_ties(reads: ReadArrays, order: np.ndarray) -> int:
    """Order the reads of one file where several start at one place. order: int64 (n_reads,), 0, 1, 2, ...; changed.

    By insertion, as nearly all of these groups are of two or three.
    """
    found = _IN_ORDER
    first = 0
    for index in range(1, len(order)):
        if reads.start0[index] != reads.start0[first]:
            first = index
        if index - first > _MOST_TIES:
            return _TOO_MANY
        place = index
        while place > first and _comes_before(reads, index, order[place - 1]):
            order[place] = order[place - 1]
            place -= 1
        if place != index:
            order[place] = index
            found = _MOVED
    return found


@kernel
def _repack_cigars(old_offset: np.ndarray, old: np.ndarray, order: np.ndarray, new_offset: np.ndarray, new: np.ndarray) -> None:
    written = 0
    for index in range(len(order)):
        new_offset[index] = written
        for at in range(old_offset[order[index]], old_offset[order[index] + 1]):
            new[written] = old[at]
            written += 1
    new_offset[len(order)] = written
