"""Repeats a simulated sample along a longer contig: a million records with reads behind them in seconds, for speed and memory.

Copies bytes of BAM records and lines of VCF and moves their positions; simulates nothing anew.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from vcffilter.errors import UsageError
from vcffilter.progress import ProgressCallback, no_progress
from vcffilter.simulation.randomness import paired_uniform
from vcffilter.simulation.reference import Reference, write_fasta
from vcffilter.simulation.sample import SampleFiles
from vcffilter.simulation.vcf_text import LONGEST_TABIX_CONTIG, write_vcf

#: Fields of a BAM record, bytes from its start.
_POS, _BIN, _NEXT_POS, _NAME = 8, 14, 28, 36
_NAME_DIGITS = 10
_LONGEST_CONTIG = (1 << 31) - 1


@dataclass(frozen=True)
class _Records:
    """BAM records end to end. blob: uint8 (bytes,). offset: int64 (n,), start of each. pos0, next_pos0, end0: int64 (n,).

    fragment: int64 (n,), the number in the name.
    """

    blob: np.ndarray
    offset: np.ndarray
    pos0: np.ndarray
    next_pos0: np.ndarray
    end0: np.ndarray
    fragment: np.ndarray


def tile_sample(
    unit: SampleFiles, directory: Path, n_records: int, *, keep_reads: float = 1.0, progress: ProgressCallback = no_progress
) -> SampleFiles:
    """Repeats the BAM, VCF and FASTA of `unit` until there are at least `n_records` records; only whole repeats are written.

    keep_reads: share of the fragments kept. Truth and labels are not repeated. UsageError when the unit has no records, is no BAM
    or the contig would grow too long.
    """
    if unit.reads.suffix != ".bam":
        raise UsageError("only a sample with a BAM can be tiled", hint="leave out --cram")
    files = SampleFiles.within(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with pysam.FastaFile(str(unit.reference)) as fasta:
        contig = fasta.references[0]
        bases = np.frombuffer(fasta.fetch(contig).encode(), np.uint8)
    lines, header = _read_lines(unit.calls)
    if not lines:
        raise UsageError("the sample to tile has no records", hint="raise --length or --variant-rate")
    n_tiles = -(-n_records // len(lines))
    length = n_tiles * len(bases)
    if length > _LONGEST_CONTIG:
        raise UsageError(f"the tiled contig would have {length} bases", hint="raise --variant-rate: more records on fewer bases")
    tiled = Reference(contig, np.tile(bases, n_tiles), np.zeros(0, np.int32), (0, length))
    write_fasta(tiled, files.reference)
    old = f"##contig=<ID={contig},length={len(bases)}>"
    header = [line.replace(old, f"##contig=<ID={contig},length={length}>") for line in header]
    records = [f"{contig}\t{pos1 + tile * len(bases)}\t{rest}" for tile in range(n_tiles) for pos1, rest in lines]
    write_vcf(files.calls, header, records, longest_contig=length)
    _tile_reads(unit.reads, files.reads, len(bases), n_tiles, keep_reads, progress)
    return files


def _read_lines(path: Path) -> tuple[list[tuple[int, str]], list[str]]:
    """([(pos1, the line from ID on)], header lines) of a VCF.gz of one contig."""
    with gzip.open(path, "rt") as handle:
        text = handle.read().splitlines()
    header = [line for line in text if line.startswith("#")]
    lines = []
    for line in text[len(header) :]:
        _, pos1, rest = line.split("\t", 2)
        lines.append((int(pos1), rest))
    return lines, header


def _tile_reads(
    source: Path, target: Path, unit_length: int, n_tiles: int, keep_reads: float, progress: ProgressCallback
) -> None:
    with pysam.AlignmentFile(str(source)) as alignments:
        header = alignments.header.to_dict()
        end0 = np.array([read.reference_end or read.reference_start + 1 for read in alignments.fetch(until_eof=True)], np.int64)
    header["SQ"][0]["LN"] = unit_length * n_tiles
    records = _load_records(source, end0, keep_reads)
    n_fragments = int(records.fragment.max()) + 1 if len(records.fragment) else 0
    with pysam.BGZFile(str(target), "wb", None) as handle:
        handle.write(_binary_header(pysam.AlignmentHeader.from_dict(header)))
        for tile in range(n_tiles):
            handle.write(_moved(records, tile * unit_length, tile * n_fragments).tobytes())
            progress(tile + 1, n_tiles, "reads")
    if unit_length * n_tiles >= LONGEST_TABIX_CONTIG:
        pysam.index("-c", str(target))
    else:
        pysam.index(str(target))


def _load_records(path: Path, end0: np.ndarray, keep_reads: float) -> _Records:
    with gzip.open(path, "rb") as handle:
        raw = handle.read()
    at = _header_size(raw)
    offsets, sizes = [], []
    while at < len(raw):
        size = struct.unpack_from("<i", raw, at)[0] + 4
        offsets.append(at)
        sizes.append(size)
        at += size
    blob = np.frombuffer(raw, np.uint8)
    offset, size = np.array(offsets, np.int64), np.array(sizes, np.int64)
    # Names are "sim" and the fragment's number in ten digits.
    digits = blob[offset[:, None] + _NAME + 3 + np.arange(_NAME_DIGITS)].astype(np.int64) - ord("0")
    fragment = digits @ (10 ** np.arange(_NAME_DIGITS - 1, -1, -1))
    kept = np.flatnonzero(paired_uniform(fragment, np.zeros(len(fragment), np.int64), 0) < keep_reads)
    pieces = [blob[offset[i] : offset[i] + size[i]] for i in kept]
    start = np.cumsum(size[kept]) - size[kept]
    joined = np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)
    return _Records(joined, start, _int32(joined, start, _POS), _int32(joined, start, _NEXT_POS), end0[kept], fragment[kept])


def _header_size(raw: bytes) -> int:
    """Bytes before the first record: text, then names and lengths of the contigs."""
    at = 8 + struct.unpack_from("<i", raw, 4)[0]
    n_contigs = struct.unpack_from("<i", raw, at)[0]
    at += 4
    for _ in range(n_contigs):
        at += 8 + struct.unpack_from("<i", raw, at)[0]
    return at


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


def _moved(records: _Records, shift: int, first_fragment: int) -> np.ndarray:
    """The records moved by `shift` bases, with names of their own."""
    blob = records.blob.copy()
    if not len(records.offset):
        return blob
    at = records.offset[:, None]
    blob[at + _POS + np.arange(4)] = _bytes(records.pos0 + shift, "<i4")
    blob[at + _NEXT_POS + np.arange(4)] = _bytes(np.where(records.next_pos0 >= 0, records.next_pos0 + shift, -1), "<i4")
    blob[at + _BIN + np.arange(2)] = _bytes(_bin_numbers(records.pos0 + shift, records.end0 + shift), "<u2")
    number = records.fragment + first_fragment
    digits = number[:, None] // 10 ** np.arange(_NAME_DIGITS - 1, -1, -1) % 10
    blob[at + _NAME + 3 + np.arange(_NAME_DIGITS)] = digits.astype(np.uint8) + ord("0")
    return blob


def _bytes(values: np.ndarray, dtype: str) -> np.ndarray:
    """uint8 (n, width): each value's bytes."""
    return values.astype(dtype)[:, None].view(np.uint8)


def _bin_numbers(start0: np.ndarray, end0: np.ndarray) -> np.ndarray:
    """BAI bin of [start0, end0), as the SAM specification defines it."""
    number = np.zeros(len(start0), np.int64)
    for level, shift in enumerate((26, 23, 20, 17, 14), start=1):
        first = ((1 << 3 * level) - 1) // 7
        fits = start0 >> shift == (end0 - 1) >> shift
        number[fits] = first + (start0[fits] >> shift)
    return number & 0xFFFF
