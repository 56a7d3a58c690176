"""The reference FASTA: contigs, and windows around sites as flat arrays of base codes. Knows no variants and no reads."""

from __future__ import annotations

import os
import stat
from types import TracebackType

import numpy as np
import pysam

from vcffilter.errors import ReferenceFileError
from vcffilter.file_kind import refuse_other_kind
from vcffilter.kernels.reference import ReferenceSegments, base_code_table, merge_intervals

_GZIP_MAGIC = b"\x1f\x8b"
#: The empty block at the end of every file that bgzip finished.
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def check_fasta(path: str) -> None:
    """Raise ReferenceFileError where a FASTA or its index is missing, or the file is shorter than it was.

    htslib must not see a cut bgzipped FASTA without .gzi: it crashes on it. Elsewhere it would take a cut one for whole.
    """
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            raise ReferenceFileError("is no file: a reference is read by place", path=path, hint="Give a FASTA file with -f")
        with open(path, "rb") as file:
            is_compressed = file.read(2) == _GZIP_MAGIC
            file.seek(max(0, facts.st_size - len(_BGZF_END)))
            end = file.read()
    except FileNotFoundError as error:
        raise ReferenceFileError("no such file", path=path, hint="Give the reference with -f FASTA") from error
    except OSError as error:
        raise ReferenceFileError(f"cannot be opened ({error.strerror})", path=path) from error
    if is_compressed and end != _BGZF_END:
        raise ReferenceFileError(
            "is cut, or not compressed by bgzip: its end-of-file block is missing",
            path=path,
            hint="Copy it again, or: gunzip it, bgzip it, then samtools faidx",
        )
    for index in [path + ".fai"] + [path + ".gzi"] * is_compressed:
        if not os.path.exists(index):
            raise ReferenceFileError("has no index", path=path, hint=f"Index it with: samtools faidx {path}")
    if not is_compressed and facts.st_size < _indexed_bytes(path + ".fai"):
        raise ReferenceFileError(
            "is cut: its index knows of bases beyond its end",
            path=path,
            hint="Copy it again; if it was changed on purpose, index it again with: samtools faidx",
        )


def _indexed_bytes(index_path: str) -> int:
    """Bytes that a FASTA must at least have, by its .fai (name, bases, offset, bases and bytes per line)."""
    last = 0
    try:
        with open(index_path, "rb") as lines:
            for line in lines:
                n_bases, offset, line_bases, line_bytes = map(int, line.rstrip(b"\r\n").split(b"\t")[1:5])
                if n_bases:
                    last = max(last, offset + (n_bases - 1) // line_bases * line_bytes + (n_bases - 1) % line_bases + 1)
    except (OSError, ValueError, ZeroDivisionError) as error:
        raise ReferenceFileError(
            f"the index cannot be read ({error})", path=index_path, hint="Make it again with: samtools faidx"
        ) from error
    return last


class ReferenceFile:
    """An indexed FASTA, plain or bgzipped. One object per thread. shown_as: what messages call it, where not by its path.

    Raises ReferenceFileError where the file or its index is missing or cannot be read.
    """

    def __init__(self, path: str, shown_as: str | None = None) -> None:
        refuse_other_kind(path, ("FASTA",), "-f", ReferenceFileError)
        check_fasta(path)
        try:
            self._fasta = pysam.FastaFile(path)
        except (OSError, ValueError) as error:
            raise ReferenceFileError(
                f"cannot be opened ({error})", path=path, hint="A compressed FASTA must be bgzipped: bgzip, then samtools faidx"
            ) from error
        self.path = shown_as or path
        self.length_of_contig = dict(zip(self._fasta.references, self._fasta.lengths, strict=True))
        self._codes = base_code_table()

    def __enter__(self) -> ReferenceFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._fasta.close()

    def segments(self, contig: str, start0: np.ndarray, end0: np.ndarray, join_gap: int = 0) -> ReferenceSegments:
        """The reference under a union of half-open intervals (int64, sorted by start), clipped to the contig."""
        length = self.length_of_contig[contig]
        merged_start0 = np.empty(len(start0), np.int64)
        merged_end0 = np.empty(len(start0), np.int64)
        n = merge_intervals(np.clip(start0, 0, length), np.clip(end0, 0, length), join_gap, merged_start0, merged_end0)
        offset = np.zeros(n + 1, np.int64)
        np.cumsum(merged_end0[:n] - merged_start0[:n], out=offset[1:])
        codes = np.empty(offset[-1], np.uint8)
        for index in range(n):
            codes[offset[index] : offset[index + 1]] = self._fetch(contig, merged_start0[index], merged_end0[index])
        return ReferenceSegments(merged_start0[:n], merged_end0[:n], offset, codes)

    def base(self, contig: str, pos0: int) -> str:
        """One base, upper-case; N where the contig or the place is missing."""
        if not 0 <= pos0 < self.length_of_contig.get(contig, 0):
            return "N"
        code = self._fetch(contig, pos0, pos0 + 1)[0]
        return next((base for base in "ACGT" if self._codes[ord(base)] == code), "N")

    def _fetch(self, contig: str, start0: int, end0: int) -> np.ndarray:
        try:
            bases = self._fasta.fetch(contig, int(start0), int(end0))
        except (OSError, ValueError) as error:
            raise ReferenceFileError(
                f"cannot be read ({error})",
                path=self.path,
                contig=contig,
                pos1=int(start0) + 1,
                hint="Index it again with: samtools faidx",
            ) from error
        if not bases.isascii():
            raise ReferenceFileError(
                "holds letters that are no bases",
                path=self.path,
                contig=contig,
                pos1=int(start0) + 1,
                hint="The file is damaged: make or copy it again",
            )
        codes = self._codes[np.frombuffer(bases.encode("ascii"), np.uint8)]
        if len(codes) != end0 - start0:
            raise ReferenceFileError(
                "ends before its index says",
                path=self.path,
                contig=contig,
                pos1=int(start0) + 1,
                hint="Index it again with: samtools faidx",
            )
        return codes
