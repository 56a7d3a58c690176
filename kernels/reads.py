"""Decoding reads: from an htslib iterator to flat arrays, each read once, without the GIL.

Bases stay packed as htslib has them, two 4-bit codes a byte (A=1 C=2 G=4 T=8, 15 = N and all else; SAM spec 4.2.3).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels import htslib as h
from vcffilter.kernels import sam
from vcffilter.kernels.jit import inline_kernel, int64, kernel

#: Returns of `decode_reads`.
DONE, NEED_SPACE, FAILED = 0, 1, 2
#: Quality given to reads without qualities (QUAL `*`).
MISSING_QUALITY_PHRED = 30


#: Positions in ReadArrays.counts: entries in use; and 1 where a record waits for space.
N_READS, N_CIGAR, N_PACKED_BASES, N_QUALITIES, RECORD_WAITS = range(5)
N_COUNTED = 5


class ReadArrays(NamedTuple):
    """Reads of a chunk in order of alignment start.

    start0, end0: int64 (n,), aligned span, half-open. unclipped_start0, unclipped_end0: int64 (n,), soft and hard clips added.
    soft_left, soft_right: int32 (n,), soft-clipped bases. flag: int32 (n,), SAM flag. mapq: uint8 (n,), 255 = unknown.
    insert_size: int32 (n,), absolute TLEN. mate_elsewhere: uint8 (n,), 1 = mate unmapped or on another contig.
    haplotype_tag: uint8 (n,), HP or 0. name_hash: uint64 (n,). query_length: int32 (n,).
    cigar_offset: int64 (n + 1,). base_offset, quality_offset: int64 (n,), into the pools.
    cigar: uint32 pool, length << 4 | operation. packed_bases, quality_phred: uint8 pools.
    counts: int64 (N_COUNTED,), see N_READS.
    """

    start0: np.ndarray
    end0: np.ndarray
    unclipped_start0: np.ndarray
    unclipped_end0: np.ndarray
    soft_left: np.ndarray
    soft_right: np.ndarray
    flag: np.ndarray
    mapq: np.ndarray
    insert_size: np.ndarray
    mate_elsewhere: np.ndarray
    haplotype_tag: np.ndarray
    name_hash: np.ndarray
    query_length: np.ndarray
    cigar_offset: np.ndarray
    base_offset: np.ndarray
    quality_offset: np.ndarray
    cigar: np.ndarray
    packed_bases: np.ndarray
    quality_phred: np.ndarray
    counts: np.ndarray


_PER_READ_DTYPES = (
    (np.int64,) * 4 + (np.int32,) * 3 + (np.uint8, np.int32, np.uint8, np.uint8, np.uint64, np.int32) + (np.int64,) * 3
)
#: Bytes of an integer tag by the character of its type (SAM spec 4.2.4); 0 for what is no integer.
_INTEGER_BYTES = np.zeros(256, np.int64)
_INTEGER_BYTES[[ord(kind) for kind in "cCsSiI"]] = 1, 1, 2, 2, 4, 4
_CIGAR_OFFSET_FIELD = ReadArrays._fields.index("cigar_offset")


def empty_reads(n_reads: int = 1024, n_cigar: int = 2048, n_bases: int = 200_000) -> ReadArrays:
    """Arrays with room for `n_reads` reads, `n_cigar` operations and `n_bases` bases, nothing in them."""
    per_read = [np.zeros(n_reads + (field == _CIGAR_OFFSET_FIELD), dtype) for field, dtype in enumerate(_PER_READ_DTYPES)]
    pools = [np.zeros(n_cigar, np.uint32), np.zeros(n_bases // 2 + 8, np.uint8), np.zeros(n_bases, np.uint8)]
    return ReadArrays._make([*per_read, *pools, np.zeros(N_COUNTED, np.int64)])


def grown(reads: ReadArrays) -> ReadArrays:
    """The same content with twice the room."""

    def twice(array: np.ndarray) -> np.ndarray:
        larger = np.zeros(2 * len(array) + 1, array.dtype)
        larger[: len(array)] = array
        return larger

    return ReadArrays._make([*(twice(array) for array in reads[:-1]), reads.counts])


@inline_kernel
def hash_bytes(address: int, n_bytes: int) -> np.uint64:
    """A 64-bit hash of bytes in memory, eight at a time (multiply and xor-shift; murmur's finaliser)."""
    value = np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(n_bytes)
    whole = n_bytes // 8
    for index in range(whole):
        value = (value ^ h.load_uint64(address + 8 * index)) * np.uint64(0xFF51AFD7ED558CCD)
        value ^= value >> np.uint64(32)
    for index in range(8 * whole, n_bytes):
        value = (value ^ np.uint64(h.load_uint8(address + index))) * np.uint64(0xC4CEB9FE1A85EC53)
        value ^= value >> np.uint64(29)
    return value


@inline_kernel
def _string_length(address: int) -> int:
    length = 0
    while h.load_uint8(address + length) != 0:
        length += 1
    return length


@inline_kernel
def _wanted_read_group(aux_get: int, record: int, tags: np.ndarray, group_hashes: np.ndarray) -> bool:
    if len(group_hashes) == 0:
        return True
    address = h.call_aux_get(aux_get, record, tags.ctypes.data)
    if address == 0:
        return False
    group = hash_bytes(address + 1, _string_length(address + 1))
    for wanted in group_hashes:
        if wanted == group:
            return True
    return False


@inline_kernel
def _haplotype_tag(aux_get: int, record: int, tags: np.ndarray) -> int:
    """HP as 1 or 2; 0 where absent or anything else (integer tag types of the SAM spec 4.2.4)."""
    address = h.call_aux_get(aux_get, record, tags.ctypes.data + 2)
    if address == 0:
        return 0
    kind = h.load_uint8(address)
    if _INTEGER_BYTES[kind] > 0:
        value = int64(h.load_uint8(address + 1))
        # Little-endian, as all of BAM: the lowest byte comes first. A negative number has a high byte that is not 0.
        for index in range(2, _INTEGER_BYTES[kind] + 1):
            value |= int64(h.load_uint8(address + index)) << (8 * (index - 1))
        return value if value <= 2 else 0
    return 0


@inline_kernel
def _append(reads: ReadArrays, record: int, aux_get: int, tags: np.ndarray, want_haplotype_tag: bool) -> bool:
    """Copy one record to the end of the arrays; False where there is no room."""
    n_reads, n_cigar_used, n_packed_used, n_quality_used = (
        reads.counts[N_READS],
        reads.counts[N_CIGAR],
        reads.counts[N_PACKED_BASES],
        reads.counts[N_QUALITIES],
    )
    n_cigar = int64(h.load_uint32(record + h.N_CIGAR_OFFSET))
    query_length = int64(h.load_int32(record + h.QUERY_LENGTH_OFFSET))
    n_packed = (query_length + 1) // 2
    if (
        n_reads + 1 >= len(reads.start0)
        or n_cigar_used + n_cigar > len(reads.cigar)
        or n_packed_used + n_packed > len(reads.packed_bases)
        or n_quality_used + query_length > len(reads.quality_phred)
    ):
        return False
    data = h.load_int64(record + h.DATA_OFFSET)
    name_length = int64(h.load_uint16(record + h.NAME_LENGTH_OFFSET))
    cigar_address = data + name_length
    bases_address = cigar_address + 4 * n_cigar
    qualities_address = bases_address + n_packed
    h.copy_bytes(reads.cigar.ctypes.data + 4 * n_cigar_used, cigar_address, 4 * n_cigar)
    n_cigar = _without_empty_operations(reads.cigar, n_cigar_used, n_cigar)
    h.copy_bytes(reads.packed_bases.ctypes.data + n_packed_used, bases_address, n_packed)
    h.copy_bytes(reads.quality_phred.ctypes.data + n_quality_used, qualities_address, query_length)
    if query_length > 0 and reads.quality_phred[n_quality_used] == 255:
        reads.quality_phred[n_quality_used : n_quality_used + query_length] = MISSING_QUALITY_PHRED
    flag = int64(h.load_uint16(record + h.FLAG_OFFSET))
    reads.start0[n_reads] = h.load_int64(record + h.POS0_OFFSET)
    reads.flag[n_reads] = flag
    reads.mapq[n_reads] = h.load_uint8(record + h.MAPQ_OFFSET)
    reads.insert_size[n_reads] = min(abs(h.load_int64(record + h.INSERT_SIZE_OFFSET)), 1 << 30)
    same_contig = h.load_int32(record + h.MATE_CONTIG_OFFSET) == h.load_int32(record + h.CONTIG_OFFSET)
    paired = flag & sam.FLAG_PAIRED != 0
    reads.mate_elsewhere[n_reads] = 1 if paired and (flag & sam.FLAG_MATE_UNMAPPED != 0 or not same_contig) else 0
    reads.name_hash[n_reads] = hash_bytes(data, _string_length(data))
    reads.haplotype_tag[n_reads] = _haplotype_tag(aux_get, record, tags) if want_haplotype_tag else 0
    reads.query_length[n_reads] = query_length
    reads.base_offset[n_reads] = n_packed_used
    reads.quality_offset[n_reads] = n_quality_used
    reads.cigar_offset[n_reads] = n_cigar_used
    reads.cigar_offset[n_reads + 1] = n_cigar_used + n_cigar
    _set_spans(reads, n_reads)
    reads.counts[N_READS] = n_reads + 1
    reads.counts[N_CIGAR] = n_cigar_used + n_cigar
    reads.counts[N_PACKED_BASES] = n_packed_used + n_packed
    reads.counts[N_QUALITIES] = n_quality_used + query_length
    return True


@inline_kernel
def _without_empty_operations(cigar: np.ndarray, first: int, n: int) -> int:
    """Drop operations of length 0, which SAM allows and which mean nothing, so that no walk has to think of them. Returns how
    many are left.
    """
    n_kept = 0
    for index in range(first, first + n):
        if cigar[index] >> 4 != 0:
            cigar[first + n_kept] = cigar[index]
            n_kept += 1
    return n_kept


@inline_kernel
def _set_spans(reads: ReadArrays, read: int) -> None:
    """Aligned span and clips from the CIGAR."""
    first, last = reads.cigar_offset[read], reads.cigar_offset[read + 1]
    length_on_reference = 0
    soft_left, soft_right, hard_left, hard_right = 0, 0, 0, 0
    seen_aligned = False
    for index in range(first, last):
        operation = int64(reads.cigar[index] & 15)
        length = int64(reads.cigar[index] >> 4)
        if operation == sam.SOFT_CLIP:
            if seen_aligned:
                soft_right += length
            else:
                soft_left += length
        elif operation == sam.HARD_CLIP:
            if seen_aligned:
                hard_right += length
            else:
                hard_left += length
        else:
            seen_aligned = True
            if operation in sam.ON_REFERENCE:
                length_on_reference += length
    reads.soft_left[read] = soft_left
    reads.soft_right[read] = soft_right
    reads.end0[read] = reads.start0[read] + length_on_reference
    reads.unclipped_start0[read] = reads.start0[read] - soft_left - hard_left
    reads.unclipped_end0[read] = reads.end0[read] + soft_right + hard_right


@kernel
def decode_reads(
    iterator_next: int,
    aux_get: int,
    file: int,
    iterator: int,
    record: int,
    reads: ReadArrays,
    flags_left_out: int,
    tags: np.ndarray,
    group_hashes: np.ndarray,
    want_haplotype_tag: bool,
) -> int:
    """Append every wanted read of an htslib multi-region iterator to `reads`.

    iterator_next, aux_get: addresses (`HtslibFunctions`). file, iterator, record: addresses of htsFile, hts_itr_t, bam1_t.
    flags_left_out: reads with any of these SAM flags are skipped. tags: uint8 (4,), b"RGHP".
    group_hashes: uint64, `hash_bytes` of the wanted read groups; empty = all reads.
    Returns DONE, NEED_SPACE (call again with `grown` arrays: nothing is lost) or FAILED (htslib could not read on).
    """
    if reads.counts[RECORD_WAITS] == 1:
        if not _append(reads, record, aux_get, tags, want_haplotype_tag):
            return NEED_SPACE
        reads.counts[RECORD_WAITS] = 0
    while True:
        result = h.call_iterator_next(iterator_next, file, iterator, record)
        if result == -1:
            return DONE
        if result < -1:
            return FAILED
        if int64(h.load_uint16(record + h.FLAG_OFFSET)) & flags_left_out != 0:
            continue
        if not _wanted_read_group(aux_get, record, tags, group_hashes):
            continue
        if not _append(reads, record, aux_get, tags, want_haplotype_tag):
            reads.counts[RECORD_WAITS] = 1
            return NEED_SPACE


@kernel
def count_reads(iterator_next: int, file: int, iterator: int, record: int) -> int:
    """Read an iterator to its end and count, keeping nothing: htslib's own rate, for benchmarks. -1 on an error."""
    n_reads = 0
    while True:
        result = h.call_iterator_next(iterator_next, file, iterator, record)
        if result == -1:
            return n_reads
        if result < -1:
            return -1
        n_reads += 1


@kernel
def hash_array(text: np.ndarray) -> np.uint64:
    """`hash_bytes` of a uint8 array, for comparing names given from Python."""
    return hash_bytes(text.ctypes.data, len(text))
