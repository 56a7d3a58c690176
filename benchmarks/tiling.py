"""Lays copies of a slice of a sample end to end: reads, reference and calls of any size from a small one.

Every copy keeps its reads' bases, qualities and tags; positions, mates' positions and index bins move, and the first
characters of read names become the copy's number, so that no read finds a mate in another copy. Reads that reach over
the slice's borders are left out.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pysam
import pysam.libchtslib

#: Characters of a read's name that hold the number of its copy.
_NAME_DIGITS = 3
_DIGITS = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
#: Bytes of BAM's fixed fields after the record's length (SAM specification, 4.2).
_FIXED = 36
_CSI_MIN_SHIFT = 14


@dataclass(frozen=True)
class Sample:
    """Paths of one sample: indexed reads, indexed reference, indexed calls."""

    reads: Path
    reference: Path
    calls: Path

    @classmethod
    def within(cls, folder: Path) -> Sample:
        """The names that `tile_sample` gives."""
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


def tile_sample(source: Sample, part: Slice, n_copies: int, folder: Path, contig: str = "tiled", level: int = 1) -> Sample:
    """Write `n_copies` copies of a slice as one contig. level: of compression; no part of what is measured is the writing."""
    folder.mkdir(parents=True, exist_ok=True)
    target = Sample.within(folder)
    length = part.length * n_copies
    _tile_reference(source.reference, part, n_copies, target.reference, contig)
    _tile_reads(source.reads, part, n_copies, target.reads, contig, length, level)
    tile_calls(source.calls, part, n_copies, target.calls, contig)
    return target


def _tile_reference(path: Path, part: Slice, n_copies: int, out: Path, contig: str) -> None:
    with pysam.FastaFile(str(path)) as fasta:
        bases = fasta.fetch(part.contig, part.start0, part.end0)
    width = 100
    with open(out, "w") as output:
        output.write(f">{contig}\n")
        rest = ""
        for _ in range(n_copies):
            text = rest + bases
            whole = len(text) // width * width
            output.writelines(text[at : at + width] + "\n" for at in range(0, whole, width))
            rest = text[whole:]
        if rest:
            output.write(rest + "\n")
    pysam.faidx(str(out))


def tile_calls(path: Path, part: Slice, n_copies: int, out: Path, contig: str) -> int:
    """Write the calls of a slice `n_copies` times; returns the number of records."""
    with pysam.VariantFile(str(path)) as calls:
        header = [line for line in str(calls.header).splitlines() if not line.startswith("##contig=")]
        header.insert(-1, f"##contig=<ID={contig},length={part.length * n_copies}>")
        inside = [
            (record.start - part.start0, str(record).rstrip("\n").split("\t", 2)[2])
            for record in calls.fetch(part.contig, part.start0, part.end0)
            if record.start >= part.start0 and record.stop <= part.end0
        ]
    with pysam.BGZFile(str(out), "w") as output:
        output.write(("\n".join(header) + "\n").encode())
        for copy in range(n_copies):
            shift1 = copy * part.length + 1
            output.write("".join(f"{contig}\t{pos0 + shift1}\t{rest}\n" for pos0, rest in inside).encode())
    pysam.tabix_index(str(out), preset="vcf", force=True, csi=True)
    return len(inside) * n_copies


def _tile_reads(path: Path, part: Slice, n_copies: int, out: Path, contig: str, length: int, level: int) -> None:
    kept = out.with_suffix(".slice.bam")
    with pysam.AlignmentFile(str(path)) as reads:
        header = reads.header.to_dict()
        header["SQ"] = [{"SN": contig, "LN": length}]
        header["HD"] = {"VN": "1.6", "SO": "coordinate"}
        with pysam.AlignmentFile(str(kept), "wb0", template=reads) as output:
            for read in reads.fetch(part.contig, part.start0, part.end0):
                if read.reference_start >= part.start0 and read.reference_end is not None and read.reference_end <= part.end0:
                    output.write(read)
    raw = _records_of(kept)
    kept.unlink()
    with pysam.AlignmentFile(str(out), "wb", header=pysam.AlignmentHeader.from_dict(header)):
        pass
    with pysam.BGZFile(str(out), "r") as empty:
        header_bytes = np.frombuffer(empty.read(), np.uint8)
    _write_copies(out, header_bytes, raw, part, n_copies, level)
    pysam.index("-c", "-m", str(_CSI_MIN_SHIFT), str(out))


def _records_of(path: Path) -> np.ndarray:
    """The uncompressed records of a BAM, without its header."""
    with pysam.BGZFile(str(path), "r") as file:
        raw = np.frombuffer(file.read(), np.uint8)
    text_length = int(raw[4:8].view(np.int32)[0])
    at = 8 + text_length
    n_contigs = int(raw[at : at + 4].copy().view(np.int32)[0])
    at += 4
    for _ in range(n_contigs):
        at += 8 + int(raw[at : at + 4].copy().view(np.int32)[0])
    return raw[at:]


def _write_copies(out: Path, header: np.ndarray, raw: np.ndarray, part: Slice, n_copies: int, level: int) -> None:
    library = ctypes.CDLL(pysam.libchtslib.__file__)
    library.bgzf_open.restype = ctypes.c_void_p
    library.bgzf_write.restype = ctypes.c_ssize_t
    library.bgzf_write.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    library.bgzf_close.argtypes = (ctypes.c_void_p,)
    file = library.bgzf_open(str(out).encode(), f"w{level}".encode())
    if not file:
        raise SystemExit(f"{out} cannot be written")
    library.bgzf_write(file, header.ctypes.data, len(header))
    for copy in range(n_copies):
        moved = raw.copy()
        name = _DIGITS[[copy // 62**digit % 62 for digit in reversed(range(_NAME_DIGITS))]]
        _move(moved, copy * part.length - part.start0, part.start0, part.end0, name)
        if library.bgzf_write(file, moved.ctypes.data, len(moved)) != len(moved):
            raise SystemExit(f"{out} cannot be written: is the disk full?")
    if library.bgzf_close(file) < 0:
        raise SystemExit(f"{out} cannot be written: is the disk full?")


@numba.njit
def _load(raw, at):
    return np.int32(
        np.uint32(raw[at]) | np.uint32(raw[at + 1]) << 8 | np.uint32(raw[at + 2]) << 16 | np.uint32(raw[at + 3]) << 24
    )


@numba.njit
def _store(raw, at, value):
    for byte in range(4):
        raw[at + byte] = (value >> (8 * byte)) & 255


@numba.njit
def _bin_of(start0, end0):
    """BAI's bin of an interval (SAM specification, 5.3)."""
    last = end0 - 1
    first_bin = 4681
    for shift in (14, 17, 20, 23, 26):
        if start0 >> shift == last >> shift:
            return first_bin + (start0 >> shift)
        first_bin = (first_bin - 1) // 8
    return 0


@numba.njit
def _move(raw, shift, slice_start0, slice_end0, name):
    """Move every record of uncompressed BAM bytes in place. A mate outside the slice counts as unmapped."""
    at = 0
    while at < len(raw):
        block = _load(raw, at)
        name_length, n_cigar = raw[at + 12], np.int64(raw[at + 16]) | np.int64(raw[at + 17]) << 8
        flag = np.int64(raw[at + 18]) | np.int64(raw[at + 19]) << 8
        own_contig, pos0 = _load(raw, at + 4), _load(raw, at + 8)
        mate_contig, mate_pos0 = _load(raw, at + 24), _load(raw, at + 28)
        end0 = np.int64(pos0)
        for operation in range(n_cigar):
            word = np.int64(np.uint32(_load(raw, at + _FIXED + name_length + 4 * operation)))
            if word & 15 in (0, 2, 3, 7, 8):
                end0 += word >> 4
        bin_number = _bin_of(np.int64(pos0) + shift, max(end0, np.int64(pos0) + 1) + shift)
        raw[at + 14], raw[at + 15] = bin_number & 255, (bin_number >> 8) & 255
        if mate_contig == own_contig and slice_start0 <= mate_pos0 < slice_end0:
            _store(raw, at + 24, 0)
            _store(raw, at + 28, mate_pos0 + shift)
        else:
            _store(raw, at + 24, -1)
            _store(raw, at + 28, -1)
            _store(raw, at + 32, 0)
            if flag & 1:
                flag = (flag | 8) & ~2
                raw[at + 18], raw[at + 19] = flag & 255, flag >> 8
        _store(raw, at + 4, 0)
        _store(raw, at + 8, pos0 + shift)
        for digit in range(min(len(name), name_length - 1)):
            raw[at + _FIXED + digit] = name[digit]
        at += 4 + block
