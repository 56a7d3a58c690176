"""Takes the alleles that can be scored out of a batch of records, and keeps the way back to the records."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

from vcffilter.errors import VariantFileError
from vcffilter.variants import record_kernels as kernels
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.header import VariantHeader
from vcffilter.variants.records import RecordBatch

_END_KEY = ctypes.create_string_buffer(b"END")


@dataclass(frozen=True)
class RecordChunk:
    """A batch of records and their ALTs.

    records: the batch. alleles: its ALTs that can be scored.
    alt_first: int64 (n_records + 1,), borders of each record's ALTs in the next two arrays.
    alt_status: uint8 (n_alts,), code of STATUS_NAMES; 0 = can be scored, and then the next of `alleles` in order.
    alt_is_snv: bool (n_alts,), REF and ALT both of one base.
    is_block: bool (n_records,), a gVCF block (all ALTs <NON_REF> or <*>, with END): left as it is.
    qual_phred: float32 (n_records,), QUAL; NaN where it is missing.
    """

    records: RecordBatch
    alleles: AlleleChunk
    alt_first: np.ndarray
    alt_status: np.ndarray
    alt_is_snv: np.ndarray
    is_block: np.ndarray
    qual_phred: np.ndarray


def take_chunk(header: VariantHeader, batch: RecordBatch, columns: np.ndarray | None = None) -> RecordChunk:
    """The chunk of a batch. Raises VariantFileError on a record that htslib cannot unpack.

    columns: int64, of the samples with reads, whose genotypes say who carries an ALT; None = reads are pooled.
    """
    addresses = batch.addresses
    n_alts = kernels.count_alts(addresses)
    facts = kernels.RecordFacts(
        alt_first=np.empty(len(addresses) + 1, dtype=np.int64),
        alt_status=np.empty(n_alts, dtype=np.uint8),
        alt_is_snv=np.empty(n_alts, dtype=np.bool_),
        is_block=np.empty(len(addresses), dtype=np.bool_),
        qual_bits=np.empty(len(addresses), dtype=np.int32),
    )
    n_alleles, n_ref_bytes, n_alt_bytes = kernels.classify_records(
        header.address, ctypes.addressof(_END_KEY), addresses, facts
    )
    if n_alleles < 0:
        raise VariantFileError("the record is damaged", contig=batch.contig, pos1=batch.pos0(n_ref_bytes) + 1)
    taken = kernels.TakenAlleles(
        start0=np.empty(n_alleles, dtype=np.int64),
        ref_offset=np.empty(n_alleles + 1, dtype=np.int64),
        ref_bases=np.empty(n_ref_bytes, dtype=np.uint8),
        alt_offset=np.empty(n_alleles + 1, dtype=np.int64),
        alt_bases=np.empty(n_alt_bytes, dtype=np.uint8),
        record_index=np.empty(n_alleles, dtype=np.int32),
        alt_index=np.empty(n_alleles, dtype=np.int32),
    )
    kernels.take_alleles(addresses, facts, taken)
    carriers = None if columns is None else _carriers(header, addresses, facts.alt_first, facts.alt_status, columns)
    alleles = AlleleChunk(batch.contig, *taken, carriers=carriers)
    qual_phred = facts.qual_bits.view(np.float32)
    return RecordChunk(batch, alleles, facts.alt_first, facts.alt_status, facts.alt_is_snv, facts.is_block, qual_phred)


def _carriers(
    header: VariantHeader, addresses: np.ndarray, alt_first: np.ndarray, alt_status: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """bool (n_samples, n_alleles): which samples have which of the ALTs that can be scored."""
    carriers = np.empty((len(columns), len(alt_status)), dtype=np.bool_)
    kernels.find_carriers(addresses, header.identifier("GT"), alt_first, columns, carriers)
    return carriers[:, alt_status == 0]
