"""Lays copies of a sample, or of a slice of one, end to end: a million records with their reads in seconds, for speed and memory.

Copies bytes of BAM records and lines of VCF and moves their positions; simulates nothing anew. Every copy keeps its reads' bases,
qualities and tags; the first characters of read names become the copy's number, so that no read finds a mate in another copy.
Reads and calls that reach over the slice's borders are left out.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from vcffilter.errors import UsageError
from vcffilter.progress import ProgressCallback, no_progress
from vcffilter.simulation.randomness import paired_uniform
from vcffilter.simulation.reference import Reference, write_fasta
from vcffilter.simulation.sample import SampleFiles
from vcffilter.simulation.vcf_text import LONGEST_TABIX_CONTIG, write_vcf

#: Fields of a BAM record, bytes from its start (SAM specification, 4.2).
_CONTIG, _POS, _BIN, _FLAG, _NEXT_CONTIG, _NEXT_POS, _TEMPLATE_LENGTH, _NAME = 4, 8, 14, 18, 24, 28, 32, 36
_PAIRED, _PROPER_PAIR, _MATE_UNMAPPED = 1, 2, 8
#: Characters of a read's name that hold the number of its copy.
_NAME_DIGITS = 4
_DIGITS = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_LONGEST_CONTIG = (1 << 31) - 1


@dataclass(frozen=True)
class Sample:
    """Paths of one sample: indexed reads, indexed reference, indexed calls."""

    reads: Path
    reference: Path
    calls: Path

    @classmethod
    def within(cls, folder: Path) -> Sample:
        """The names that `tile_slice` gives."""
        return cls(folder / "reads.bam", folder / "reference.fa", folder / "calls.vcf.gz")


@dataclass(frozen=True)
class Slice:
    """A half-open, 0-based interval of one contig."""

    contig: str
    start0: int
    end0: int

    @property
    def length(self) -> int:
        """Bases."""
        return self.end0 - self.start0


@dataclass(frozen=True)
class _Records:
    """BAM records of a slice, end to end, on contig 0, positions from the slice's start.

    blob: uint8 (bytes,). offset: int64 (n,), start of each. pos0, end0: int64 (n,). next_pos0: int64 (n,), -1 where the mate lies
    outside. name_length: int64 (n,), without the final 0.
    """

    blob: np.ndarray
    offset: np.ndarray
    pos0: np.ndarray
    end0: np.ndarray
    next_pos0: np.ndarray
    name_length: np.ndarray


def tile_sample(
    unit: SampleFiles, directory: Path, n_records: int, *, keep_reads: float = 1.0, progress: ProgressCallback = no_progress
) -> SampleFiles:
    """Repeats the BAM, VCF and FASTA of `unit` until there are at least `n_records` records; only whole repeats are written.

    keep_reads: share of the fragments kept. Truth and labels are not repeated. UsageError when the unit has no records, is no BAM
    or the contig would grow too long.
    """
    if unit.reads.suffix != ".bam":
        raise UsageError("only a sample with a BAM can be tiled", hint="leave out --cram")
    with pysam.FastaFile(str(unit.reference)) as fasta:
        whole = Slice(fasta.references[0], 0, fasta.lengths[0])
    n_in_unit = len(_lines(unit.calls, whole))
    if not n_in_unit:
        raise UsageError("the sample to tile has no records", hint="raise --length or --variant-rate")
    source, n_copies = Sample(unit.reads, unit.reference, unit.calls), -(-n_records // n_in_unit)
    tile_slice(source, whole, n_copies, directory, whole.contig, keep_reads=keep_reads, progress=progress)
    return SampleFiles.within(directory)


def tile_slice(
    source: Sample,
    part: Slice,
    n_copies: int,
    directory: Path,
    contig: str = "tiled",
    *,
    level: int = 6,
    keep_reads: float = 1.0,
    progress: ProgressCallback = no_progress,
) -> Sample:
    """Writes `n_copies` copies of a slice as one contig.

    level: of the BAM's compression. keep_reads: share of the fragments kept.
    Raises UsageError when the contig would grow too long.
    """
    length = part.length * n_copies
    if length > _LONGEST_CONTIG:
        raise UsageError(f"the tiled contig would have {length} bases", hint="raise --variant-rate: more records on fewer bases")
    directory.mkdir(parents=True, exist_ok=True)
    target = Sample.within(directory)
    with pysam.FastaFile(str(source.reference)) as fasta:
        bases = np.frombuffer(fasta.fetch(part.contig, part.start0, part.end0).encode(), np.uint8)
    write_fasta(Reference(contig, np.tile(bases, n_copies), np.zeros(0, np.int32), (0, length)), target.reference)
    tile_calls(source.calls, part, n_copies, target.calls, contig)
    _tile_reads(source.reads, part, n_copies, target.reads, contig, level, keep_reads, progress)
    return target


def tile_calls(path: Path, part: Slice, n_copies: int, out: Path, contig: str) -> int:
    """Writes the calls of a slice `n_copies` times; returns the number of records."""
    length = part.length * n_copies
    with pysam.VariantFile(str(path)) as calls:
        header = [line for line in str(calls.header).splitlines() if not line.startswith("##contig=")]
    header.insert(-1, f"##contig=<ID={contig},length={length}>")
    inside = _lines(path, part)

    def records() -> Iterator[str]:
        for copy in range(n_copies):
            shift1 = copy * part.length + 1
            yield from (f"{contig}\t{pos0 + shift1}\t{rest}" for pos0, rest in inside)

    write_vcf(out, header, records(), longest_contig=length)
    return len(inside) * n_copies


def _lines(path: Path, part: Slice) -> list[tuple[int, str]]:
    """(position from the slice's start, the line from ID on) of the records that lie within the slice."""
    found = []
    with gzip.open(path, "rt") as handle:
        for line in handle:
            if line.startswith(f"{part.contig}\t"):
                _, pos1, rest = line.rstrip("\n").split("\t", 2)
                start0, ref = int(pos1) - 1, rest.split("\t", 2)[1]
                if part.start0 <= start0 and start0 + len(ref) <= part.end0:
                    found.append((start0 - part.start0, rest))
    return found


def _tile_reads(
    path: Path, part: Slice, n_copies: int, out: Path, contig: str, level: int, keep_reads: float, progress: ProgressCallback
) -> None:
    records, header = _load_records(path, part, out, keep_reads)
    header["SQ"] = [{"SN": contig, "LN": part.length * n_copies}]
    # htslib takes the level with the mode.
    mode: Any = f"w{level}"
    with pysam.BGZFile(str(out), mode, None) as handle:
        handle.write(_binary_header(pysam.AlignmentHeader.from_dict(header)))
        for copy in range(n_copies):
            handle.write(_moved(records, copy * part.length, copy).tobytes())
            progress(copy + 1, n_copies, "reads")
    if part.length * n_copies >= LONGEST_TABIX_CONTIG:
        pysam.index("-c", str(out))
    else:
        pysam.index(str(out))


def _load_records(path: Path, part: Slice, out: Path, keep_reads: float) -> tuple[_Records, dict]:
    """The slice's records and the header of their file; `out` names a file for a moment."""
    kept = out.with_suffix(".slice.bam")
    end0, names = [], []
    with pysam.AlignmentFile(str(path)) as reads:
        header = reads.header.to_dict()
        own = reads.get_tid(part.contig)
        with pysam.AlignmentFile(str(kept), "wb0", template=reads) as output:
            for read in reads.fetch(part.contig, part.start0, part.end0):
                last0 = read.reference_end or read.reference_start + 1
                if read.reference_start >= part.start0 and last0 <= part.end0:
                    output.write(read)
                    end0.append(last0 - part.start0)
                    names.append(zlib.crc32((read.query_name or "").encode()))
    with gzip.open(kept, "rb") as handle:
        raw = handle.read()
    kept.unlink()
    blob, offset, size = _blocks(raw)
    fragment = np.array(names, np.int64)
    chosen = np.flatnonzero(paired_uniform(fragment, np.zeros(len(fragment), np.int64), 0) < keep_reads)
    pieces = [blob[offset[i] : offset[i] + size[i]] for i in chosen]
    joined = np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)
    start = np.cumsum(size[chosen]) - size[chosen]
    return _own_records(joined, start, np.array(end0, np.int64)[chosen], part, own), header


def _own_records(blob: np.ndarray, offset: np.ndarray, end0: np.ndarray, part: Slice, own: int) -> _Records:
    """The records of the slice on contig 0; a mate outside the slice counts as unmapped."""
    pos0, next_pos0 = (_int32(blob, offset, field) - part.start0 for field in (_POS, _NEXT_POS))
    mate_inside = (_int32(blob, offset, _NEXT_CONTIG) == own) & (next_pos0 >= 0) & (next_pos0 < part.length)
    flag = _int32(blob, offset, _FLAG - 2) >> 16 & 0xFFFF
    alone = ~mate_inside & (flag & _PAIRED > 0)
    _store(blob, offset, _CONTIG, np.zeros(len(offset)), "<i4")
    _store(blob, offset, _NEXT_CONTIG, np.where(mate_inside, 0, -1), "<i4")
    _store(blob, offset, _FLAG, np.where(alone, (flag | _MATE_UNMAPPED) & ~_PROPER_PAIR, flag), "<u2")
    _store(blob, offset, _TEMPLATE_LENGTH, np.where(mate_inside, _int32(blob, offset, _TEMPLATE_LENGTH), 0), "<i4")
    name_length = blob[offset + 12].astype(np.int64) - 1 if len(offset) else np.zeros(0, np.int64)
    return _Records(blob, offset, pos0, end0, np.where(mate_inside, next_pos0, -1), name_length)


def _blocks(raw: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(bytes, start of each record, size of each record) of an uncompressed BAM."""
    at = 8 + struct.unpack_from("<i", raw, 4)[0]
    n_contigs = struct.unpack_from("<i", raw, at)[0]
    at += 4
    for _ in range(n_contigs):
        at += 8 + struct.unpack_from("<i", raw, at)[0]
    offsets, sizes = [], []
    while at < len(raw):
        size = struct.unpack_from("<i", raw, at)[0] + 4
        offsets.append(at)
        sizes.append(size)
        at += size
    return np.frombuffer(raw, np.uint8), np.array(offsets, np.int64), np.array(sizes, np.int64)


def _binary_header(header: pysam.AlignmentHeader) -> bytes:
    text = str(header).encode()
    parts = [b"BAM\1", struct.pack("<i", len(text)), text, struct.pack("<i", header.nreferences)]
    for name, length in zip(header.references, header.lengths, strict=True):
        parts += [struct.pack("<i", len(name) + 1), name.encode() + b"\0", struct.pack("<i", length)]
    return b"".join(parts)


def _int32(blob: np.ndarray, offset: np.ndarray, field: int) -> np.ndarray:
    """int64 (n,): a little-endian 32-bit field of every record."""
    if not len(offset):
        return np.zeros(0, np.int64)
    return blob[offset[:, None] + field + np.arange(4)].view("<i4")[:, 0].astype(np.int64)


def _store(blob: np.ndarray, offset: np.ndarray, field: int, values: np.ndarray, dtype: str) -> None:
    """Write a field of every record in place."""
    width = np.dtype(dtype).itemsize
    blob[offset[:, None] + field + np.arange(width)] = values.astype(dtype)[:, None].view(np.uint8)


def _moved(records: _Records, shift: int, copy: int) -> np.ndarray:
    """The records moved by `shift` bases, with names of their own."""
    blob, offset = records.blob.copy(), records.offset
    _store(blob, offset, _POS, records.pos0 + shift, "<i4")
    _store(blob, offset, _NEXT_POS, np.where(records.next_pos0 >= 0, records.next_pos0 + shift, -1), "<i4")
    _store(blob, offset, _BIN, _bin_numbers(records.pos0 + shift, records.end0 + shift), "<u2")
    for place in range(_NAME_DIGITS):
        long_enough = offset[records.name_length > place]
        blob[long_enough + _NAME + place] = _DIGITS[copy // 62 ** (_NAME_DIGITS - 1 - place) % 62]
    return blob


def _bin_numbers(start0: np.ndarray, end0: np.ndarray) -> np.ndarray:
    """BAI bin of [start0, end0), as the SAM specification defines it."""
    number = np.zeros(len(start0), np.int64)
    for level, shift in enumerate((26, 23, 20, 17, 14), start=1):
        first = ((1 << 3 * level) - 1) // 7
        fits = start0 >> shift == (end0 - 1) >> shift
        number[fits] = first + (start0[fits] >> shift)
    return number & 0xFFFF
