"""Numba loops over `bcf1_t` records: read a batch, take its alleles out, write it.

Records, headers and files are addresses (int64). No Python object per record, no GIL. Knows nothing of scores or INFO keys.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.kernels.htslib import copy_bytes, load_int32, load_int64, load_uint8, load_uint16
from vcffilter.kernels.jit import inline_kernel, int64, kernel
from vcffilter.kernels.search import first_above
from vcffilter.variants.allele_scores import STATUS_CODE
from vcffilter.variants.htslib import (
    BCF_INT8,
    BCF_INT16,
    OFFSET_ALLELE,
    OFFSET_ERRCODE,
    OFFSET_FORMAT_N,
    OFFSET_FORMAT_TYPE,
    OFFSET_FORMAT_VALUES,
    OFFSET_INDIV_LENGTH,
    OFFSET_POS0,
    OFFSET_QUAL,
    OFFSET_RID,
    OFFSET_SHARED_LENGTH,
    UNPACK_ALLELES,
    UNPACK_INFO,
    bcf_get_fmt_id,
    bcf_get_info,
    bcf_read,
    bcf_subset_format,
    bcf_unpack,
    bcf_write,
    errno_location,
    hts_itr_next,
    line_has_end,
    number_of_alleles,
    number_of_samples,
    vcf_parse,
)

# Why `read_records` came back.
FULL, NEW_CONTIG, END_OF_FILE, READ_ERROR, UNSORTED, UNDECLARED = range(6)

# Slots of the reader's int64 state, kept between calls.
(
    STATE_CONTIG,  # index of the contig whose records are being read; -1 before the first
    STATE_POS0,  # POS - 1 of the last record read
    STATE_NUMBER,  # records read so far, 1-based number of the last one
    STATE_SPARE,  # address of the record that the next call reads into, or that waits
    STATE_WAITING,  # 1: the spare record was read already and opens the next batch
    STATE_MIN_POS0,  # records that start before this were already given for an earlier region
    STATE_ERRCODE,  # htslib's errcode of the record at fault
    STATE_STREAM,  # address of the hFILE that lines of text come from; 0 where the input is no plain text
    STATE_NO_LINE_END,  # 1: the last line read has no newline at its end
) = range(9)
STATE_SIZE = 9

# bcf1_t.errcode: the header lacks the record's contig, or a tag; the number of columns is wrong.
ERRCODE_CONTIG, ERRCODE_TAG, ERRCODE_COLUMNS, ERRCODE_CONTIG_NAME = 1, 2, 4, 32

# How records are fetched.
SOURCE_STREAM, SOURCE_BCF_INDEX, SOURCE_TEXT_INDEX = range(3)
# Which records are kept.
KEEP_ALL, KEEP_INSIDE, KEEP_OUTSIDE = range(3)

class RecordSource(NamedTuple):
    """Where records come from. kind: a SOURCE_* code. The others are addresses, 0 where the kind needs none.

    file, header: of the calls. bgzf, iterator: of the region that is read. tabix: a tbx_t. line: a kstring_t for a line.
    """

    kind: int
    file: int
    header: int
    bgzf: int = 0
    iterator: int = 0
    tabix: int = 0
    line: int = 0


class RecordRules(NamedTuple):
    """What records must be like. n_samples: columns that each must have. tolerated: bits of errcode that do not end the run."""

    n_samples: int
    tolerated: int


class BatchLimits(NamedTuple):
    """A batch ends at the record that reaches one of these."""

    n_records: int = 4096
    n_alts: int = 2048
    n_bytes: int = 16 << 20


class TargetsOnContig(NamedTuple):
    """By POS, which records are kept. keep: KEEP_ALL, KEEP_INSIDE or KEEP_OUTSIDE.

    start0, end0: int64, sorted disjoint half-open intervals on the contig in hand.
    """

    keep: int
    start0: np.ndarray
    end0: np.ndarray


class RecordFacts(NamedTuple):
    """What `classify_records` finds.

    alt_first: int64 (n + 1,), borders of each record's ALTs.
    alt_status: uint8 (n_alts,), a code of STATUS_NAMES, 0 = can be scored.
    alt_is_snv: bool (n_alts,), REF and ALT both of one base.
    is_block: bool (n,), all ALTs are <NON_REF> or <*>, and INFO has END. qual_bits: int32 (n,), QUAL, the bits of a float.
    """

    alt_first: np.ndarray
    alt_status: np.ndarray
    alt_is_snv: np.ndarray
    is_block: np.ndarray
    qual_bits: np.ndarray


class TakenAlleles(NamedTuple):
    """Arrays of an `AlleleChunk`, as there."""

    start0: np.ndarray
    ref_offset: np.ndarray
    ref_bases: np.ndarray
    alt_offset: np.ndarray
    alt_bases: np.ndarray
    record_index: np.ndarray
    alt_index: np.ndarray


_NO_ALT = STATUS_CODE["no_alt"]
_UNSUPPORTED = STATUS_CODE["unsupported_allele"]
_INVALID = STATUS_CODE["invalid_allele"]
_SCORED = STATUS_CODE["scored"]

_IS_PLAIN_BASE = np.isin(np.arange(256), [ord(base) for base in "ACGTN"])
_STAR, _LESS, _GREATER, _DOT = (np.uint8(ord(character)) for character in "*<>.")


@inline_kernel
def _fetch(source, record):
    """Read the next record: 0 or more, -1 at the end, below -1 on an error."""
    if source.kind == SOURCE_STREAM:
        return bcf_read(source.file, source.header, record)
    if source.kind == SOURCE_BCF_INDEX:
        result = hts_itr_next(source.bgzf, source.iterator, record, 0)
        # `bcf_read` leaves out the samples that are not wanted; reading by index does not.
        return -2 if result >= 0 and bcf_subset_format(source.header, record) < 0 else result
    result = hts_itr_next(source.bgzf, source.iterator, source.line, source.tabix)
    if result >= 0 and vcf_parse(source.line, source.header, record) < 0:
        return -2
    return result


@inline_kernel
def _inside(targets, pos0):
    """Whether a position is in one of the intervals."""
    position = first_above(targets.start0, pos0) - 1
    return position >= 0 and pos0 < targets.end0[position]


@kernel
def read_records(source, rules, limits, targets, state, records):
    """Fill `records` with the next records of one contig.

    source: `RecordSource`. rules: `RecordRules`. limits: `BatchLimits`. targets: `TargetsOnContig`.
    state: int64 (STATE_SIZE,), see STATE_*; kept by the caller between calls.
    records: int64 (n,), addresses of bcf1_t; filled from the front, by swapping with the spare record.
    Returns (outcome, n_records, n_alts).
    """
    n_records, n_alts, n_bytes = 0, 0, 0
    while n_records < len(records) and n_alts < limits.n_alts and n_bytes < limits.n_bytes:
        record = state[STATE_SPARE]
        contig = state[STATE_CONTIG]
        if state[STATE_WAITING]:
            state[STATE_WAITING] = 0
        else:
            result = _fetch(source, record)
            if result == -1:
                return END_OF_FILE, n_records, n_alts
            errcode = load_int32(record + OFFSET_ERRCODE)
            if result >= 0 and number_of_samples(record) != rules.n_samples:
                # htslib takes a line that ends before its samples, and then fails to write it.
                errcode |= ERRCODE_COLUMNS
            state[STATE_ERRCODE] = errcode
            if result < -1 or errcode & ~(ERRCODE_CONTIG | ERRCODE_TAG):
                return READ_ERROR, n_records, n_alts
            if errcode & ~rules.tolerated:
                return UNDECLARED, n_records, n_alts
            state[STATE_NUMBER] += 1
            if state[STATE_STREAM] != 0:
                state[STATE_NO_LINE_END] = not line_has_end(state[STATE_STREAM])
            pos0 = load_int64(record + OFFSET_POS0)
            rid = load_int32(record + OFFSET_RID)
            if rid == contig and pos0 < state[STATE_POS0]:
                return UNSORTED, n_records, n_alts
            state[STATE_POS0] = pos0
            if rid != contig:
                state[STATE_WAITING] = 1
                return NEW_CONTIG, n_records, n_alts
        pos0 = load_int64(record + OFFSET_POS0)
        if pos0 < state[STATE_MIN_POS0]:
            continue
        if targets.keep != KEEP_ALL and _inside(targets, pos0) != (targets.keep == KEEP_INSIDE):
            continue
        state[STATE_SPARE] = records[n_records]
        records[n_records] = record
        n_records += 1
        n_alts += max(0, number_of_alleles(record) - 1)
        n_bytes += load_int64(record + OFFSET_SHARED_LENGTH) + load_int64(record + OFFSET_INDIV_LENGTH)
    return FULL, n_records, n_alts


@kernel
def waiting_record(state):
    """(contig index, POS - 1) of the record that opens the next batch."""
    record = state[STATE_SPARE]
    return load_int32(record + OFFSET_RID), load_int64(record + OFFSET_POS0)


@inline_kernel
def _upper(base):
    return base - 32 if 97 <= base <= 122 else base


@inline_kernel
def _length(text):
    length = 0
    while load_uint8(text + length) != 0:
        length += 1
    return length


@inline_kernel
def _is_plain(text, length):
    """Whether every character is one of A, C, G, T, N in any case."""
    for index in range(length):
        base = _upper(load_uint8(text + index))
        if not _IS_PLAIN_BASE[base]:
            return False
    return length > 0


@inline_kernel
def _is_reference_block_alt(text):
    """Whether an ALT is <*> or <NON_REF>."""
    if load_uint8(text) != _LESS:
        return False
    if load_uint8(text + 1) == _STAR:
        return load_uint8(text + 2) == _GREATER
    for index in range(9):
        if load_uint8(text + index) != _NON_REF[index]:
            return False
    return load_uint8(text + 9) == 0


_NON_REF = np.frombuffer(b"<NON_REF>", dtype=np.uint8)


@inline_kernel
def _classify_alt(ref, ref_length, ref_is_plain, alt, alt_length):
    """Status code of an ALT: 0 when it can be scored."""
    if alt_length == 0:
        return _INVALID
    if not _is_plain(alt, alt_length):
        return _INVALID if alt_length == 1 and load_uint8(alt) == _DOT else _UNSUPPORTED
    if not ref_is_plain:
        return _INVALID
    if ref_length != alt_length:
        return _SCORED
    for index in range(ref_length):
        if _upper(load_uint8(ref + index)) != _upper(load_uint8(alt + index)):
            return _SCORED
    return _INVALID


@kernel
def count_alts(records):
    """ALTs of all records together."""
    n_alts = 0
    for index in range(len(records)):
        n_alts += max(0, number_of_alleles(records[index]) - 1)
    return n_alts


@kernel
def classify_records(header, end_key, records, facts):
    """Say of each ALT whether it can be scored, and of each record whether it is a gVCF block.

    end_key: address of the text "END". records: int64 (n,). facts: `RecordFacts`, filled.
    Returns (alleles that can be scored, bytes of their REFs, bytes of their ALTs); -1 first when a record cannot be unpacked.
    """
    n_scorable, n_ref_bytes, n_alt_bytes = 0, 0, 0
    cursor = 0
    for index in range(len(records)):
        record = records[index]
        facts.alt_first[index] = cursor
        facts.is_block[index] = False
        facts.qual_bits[index] = load_int32(record + OFFSET_QUAL)
        if bcf_unpack(record, UNPACK_ALLELES) < 0:
            return -1, index, 0
        n_alleles = number_of_alleles(record)
        if n_alleles < 2:
            continue
        alleles = load_int64(record + OFFSET_ALLELE)
        ref = load_int64(alleles)
        ref_length = _length(ref)
        ref_is_plain = _is_plain(ref, ref_length)
        only_blocks = True
        for allele in range(1, n_alleles):
            alt = load_int64(alleles + 8 * allele)
            alt_length = _length(alt)
            # POS 0 is before the first base: there is no sequence that a read could show.
            before_contig = load_int64(record + OFFSET_POS0) < 0
            status = _UNSUPPORTED if before_contig else _classify_alt(ref, ref_length, ref_is_plain, alt, alt_length)
            facts.alt_status[cursor] = status
            facts.alt_is_snv[cursor] = ref_length == 1 and alt_length == 1
            cursor += 1
            if status == _SCORED:
                n_scorable += 1
                n_ref_bytes += ref_length
                n_alt_bytes += alt_length
            only_blocks = only_blocks and _is_reference_block_alt(alt)
        if only_blocks:
            bcf_unpack(record, UNPACK_INFO)
            facts.is_block[index] = bcf_get_info(header, record, end_key) != 0
    facts.alt_first[len(records)] = cursor
    return n_scorable, n_ref_bytes, n_alt_bytes


@kernel
def take_alleles(records, facts, taken):
    """Copy the alleles that can be scored, upper-case, into `TakenAlleles` (sizes from `classify_records`)."""
    allele_number, ref_cursor, alt_cursor = 0, int64(0), int64(0)
    for index in range(len(records)):
        alleles = load_int64(records[index] + OFFSET_ALLELE)
        for flat in range(facts.alt_first[index], facts.alt_first[index + 1]):
            if facts.alt_status[flat] != _SCORED:
                continue
            within = flat - facts.alt_first[index]
            taken.ref_offset[allele_number] = ref_cursor
            taken.alt_offset[allele_number] = alt_cursor
            ref_cursor = _copy_upper(load_int64(alleles), taken.ref_bases, ref_cursor)
            alt_cursor = _copy_upper(load_int64(alleles + 8 * (within + 1)), taken.alt_bases, alt_cursor)
            taken.start0[allele_number] = load_int64(records[index] + OFFSET_POS0)
            taken.record_index[allele_number] = index
            taken.alt_index[allele_number] = within
            allele_number += 1
    taken.ref_offset[allele_number] = ref_cursor
    taken.alt_offset[allele_number] = alt_cursor


@inline_kernel
def _copy_upper(text, destination, cursor):
    base = load_uint8(text)
    while base != 0:
        destination[cursor] = _upper(base)
        cursor += 1
        text += 1
        base = load_uint8(text)
    return cursor


@inline_kernel
def _allele_of(genotype, index):
    """The allele (0 = REF) of one value of GT; -1 missing, -2 beyond the sample's last."""
    kind, values = load_int32(genotype + OFFSET_FORMAT_TYPE), load_int64(genotype + OFFSET_FORMAT_VALUES)
    if kind == BCF_INT8:
        value = np.int64(load_uint8(values + index))
        value = value - 256 if value > 127 else value
    elif kind == BCF_INT16:
        value = np.int64(load_uint16(values + 2 * index))
        value = value - 65536 if value > 32767 else value
    else:
        value = np.int64(load_int32(values + 4 * index))
    return (value >> 1) - 1 if value >= 0 else -2


@inline_kernel
def _knows_a_genotype(genotype, n_samples, n_values):
    """Whether any sample of the record has an allele that is not missing."""
    index = 0
    while index < n_samples * n_values and _allele_of(genotype, index) < 0:
        index += 1
    return index < n_samples * n_values


@kernel
def find_carriers(records, genotype_id, alt_first, columns, carriers):
    """Say which samples have which ALTs; all of them where no genotype is known (no GT, or all of it missing).

    records: int64 (n,), addresses. genotype_id: identifier of FORMAT/GT, -1 = not declared. alt_first: int64 (n + 1,).
    columns: int64 (n_samples,), of the samples asked for. carriers: bool (n_samples, n_alts), written.
    """
    for index in range(len(records)):
        first, end = alt_first[index], alt_first[index + 1]
        genotype = bcf_get_fmt_id(records[index], genotype_id) if genotype_id >= 0 else 0
        n_values = load_int32(genotype + OFFSET_FORMAT_N) if genotype != 0 else 0
        if genotype == 0 or not _knows_a_genotype(genotype, number_of_samples(records[index]), n_values):
            carriers[:, first:end] = True
            continue
        carriers[:, first:end] = False
        for sample in range(len(columns)):
            for value in range(n_values):
                allele = _allele_of(genotype, columns[sample] * n_values + value)
                if 0 < allele <= end - first:
                    carriers[sample, first + allele - 1] = True


@kernel
def write_records(file, header, records, zero):
    """Write records in order; returns (how many were written, errno when that is fewer than given, 0 when no call failed).

    zero: int32 (1,), 0: what errno holds before each record.
    """
    for index in range(len(records)):
        # What another part of the process left there says nothing of this write.
        copy_bytes(errno_location(), zero.ctypes.data, 4)
        if bcf_write(file, header, records[index]) != 0:
            return index, load_int32(errno_location())
    return len(records), 0
