"""One BAM or CRAM, read through htslib without the GIL. Knows no variants.

Header and read groups are read once by pysam (`AlignmentHeader`, no pointer of which is kept); every worker thread opens its own
`AlignmentFile`, all of it in the one library that `Htslib` names for the format.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pysam

from vcffilter.errors import ReadsFileError
from vcffilter.kernels.htslib import Htslib
from vcffilter.kernels.reads import (
    FAILED,
    FLAG_SUPPLEMENTARY,
    FLAGS_LEFT_OUT,
    NEED_SPACE,
    ReadArrays,
    decode_reads,
    grown,
    hash_array,
)


@dataclass(frozen=True)
class AlignmentHeader:
    """What a run needs of a file's header: contigs, and the read groups of each sample."""

    path: str
    is_cram: bool
    contigs: tuple[str, ...]
    groups_of_sample: dict[str, tuple[str, ...]]

    def groups_of(self, samples: Sequence[str]) -> tuple[str, ...]:
        """The read groups of the samples; raises ReadsFileError when none of them is in the file."""
        groups = tuple(group for sample in samples for group in self.groups_of_sample.get(sample, ()))
        if groups:
            return groups
        there = ", ".join(sorted(self.groups_of_sample)) or "none: it has no @RG lines"
        raise ReadsFileError(
            f"no read group of sample {', '.join(samples)} (samples in it: {there})",
            path=self.path,
            hint="Name a sample of the BAM with -s, leave -s out to use all reads, or add groups with: samtools addreplacerg",
        )


@dataclass(frozen=True)
class ReadSelection:
    """Which reads of a file are wanted, and what is read of them."""

    use_supplementary: bool = False
    want_haplotype_tag: bool = False
    samples: tuple[str, ...] = ()


def forbid_network_references() -> None:
    """Keep htslib from asking a server for CRAM references: the reference is what -f names and nothing else."""
    os.environ["REF_PATH"] = os.devnull
    os.environ.pop("REF_CACHE", None)


def read_header(path: str, reference_path: str) -> AlignmentHeader:
    """Open a BAM/CRAM once for its header. Raises ReadsFileError: missing, unreadable, truncated or without index."""
    if not os.path.exists(path):
        raise ReadsFileError("no such file", path=path, hint="Give the reads with -b FILE")
    try:
        with pysam.AlignmentFile(path, "r", reference_filename=reference_path) as alignments:
            if not alignments.is_bam and not alignments.is_cram:
                raise ReadsFileError(
                    "is neither BAM nor CRAM", path=path, hint="Convert and sort it with: samtools sort -o reads.bam"
                )
            if not alignments.has_index():
                raise ReadsFileError("has no index", path=path, hint=f"Index it with: samtools index {path}")
            header: dict[str, Any] = alignments.header.to_dict()
            contigs = tuple(alignments.references)
            is_cram = alignments.is_cram
    except (OSError, ValueError) as error:
        raise ReadsFileError(f"cannot be opened ({error})", path=path, hint="Check it with: samtools quickcheck -v") from error
    if header.get("HD", {}).get("SO", "coordinate") not in ("coordinate", "unknown"):
        raise ReadsFileError("is not sorted by coordinate", path=path, hint=f"Sort it with: samtools sort {path}")
    groups: dict[str, tuple[str, ...]] = {}
    for group in header.get("RG", []):
        sample = group.get("SM", "")
        groups[sample] = (*groups.get(sample, ()), group["ID"])
    return AlignmentHeader(path, is_cram, contigs, groups)


class AlignmentFile:
    """An open BAM/CRAM with its index, for one thread.

    `append_reads` adds the wanted reads of some intervals to flat arrays. Raises ReadsFileError on truncated or corrupt files.
    """

    def __init__(self, header: AlignmentHeader, reference_path: str, htslib: Htslib, selection: ReadSelection) -> None:
        self.header = header
        self._htslib = htslib.cram if header.is_cram else htslib.bam
        self._library = self._htslib.library
        self._contigs = frozenset(header.contigs)
        self._selection = selection
        self._flags_left_out = FLAGS_LEFT_OUT | (0 if selection.use_supplementary else FLAG_SUPPLEMENTARY)
        self._tags = np.frombuffer(b"RGHP", np.uint8).copy()
        groups = header.groups_of(selection.samples) if selection.samples else ()
        self._group_hashes = np.array([hash_array(np.frombuffer(group.encode(), np.uint8)) for group in groups], np.uint64)
        self._open(reference_path)

    def _open(self, reference_path: str) -> None:
        path = self.header.path.encode()
        self._file = self._library.hts_open(path, b"r")
        if not self._file:
            raise ReadsFileError("cannot be opened", path=self.header.path, hint="Check that it can be read")
        self._record = self._library.bam_init1()
        self._sam_header = None
        self._index = None
        if self._library.hts_set_fai_filename(self._file, (reference_path + ".fai").encode()) < 0:
            raise ReadsFileError("does not accept the reference", path=self.header.path, hint="Give the CRAM's reference with -f")
        if self._library.hts_check_EOF(self._file) == 0:
            raise ReadsFileError(
                "is truncated: its end-of-file block is missing",
                path=self.header.path,
                hint="Copy it again, or check it with: samtools quickcheck -v",
            )
        self._sam_header = self._library.sam_hdr_read(self._file)
        self._index = self._library.sam_index_load(self._file, path)
        if not self._sam_header or not self._index:
            raise ReadsFileError(
                "its header or index cannot be read",
                path=self.header.path,
                hint=f"Index it again with: samtools index {self.header.path}",
            )

    def close(self) -> None:
        """Release htslib's objects; a second call does nothing."""
        if self._file is None:
            return
        if self._index:
            self._library.hts_idx_destroy(self._index)
        if self._sam_header:
            self._library.sam_hdr_destroy(self._sam_header)
        self._library.bam_destroy1(self._record)
        self._library.hts_close(self._file)
        self._file = None

    def has_contig(self, contig: str) -> bool:
        """Whether the header names the contig."""
        return contig in self._contigs

    def append_reads(self, contig: str, start0: np.ndarray, end0: np.ndarray, reads: ReadArrays) -> ReadArrays:
        """Add every wanted read that overlaps one of the intervals (half-open, sorted, apart), each once, in file order.

        Returns the arrays, larger ones when the given ones had no room.
        """
        names = [f"{{{contig}}}:{first + 1}-{last}".encode() for first, last in zip(start0, end0, strict=True)]
        regions = (ctypes.c_char_p * len(names))(*names)
        iterator = self._library.sam_itr_regarray(self._index, self._sam_header, regions, len(names))
        if not iterator:
            raise self._broken(contig, int(start0[0]))
        try:
            while True:
                result = decode_reads(
                    self._htslib.iterator_next,
                    self._htslib.aux_get,
                    self._file,
                    iterator,
                    self._record,
                    reads,
                    self._flags_left_out,
                    self._tags,
                    self._group_hashes,
                    self._selection.want_haplotype_tag,
                )
                if result != NEED_SPACE:
                    break
                reads = grown(reads)
            if result == FAILED:
                n_reads = int(reads.counts[0])
                raise self._broken(contig, int(reads.start0[n_reads - 1]) if n_reads else int(start0[0]))
        finally:
            self._library.hts_itr_destroy(iterator)
        return reads

    def _broken(self, contig: str, pos0: int) -> ReadsFileError:
        return ReadsFileError(
            "cannot be read beyond this place: truncated, corrupt, or a CRAM of another reference",
            path=self.header.path,
            contig=contig,
            pos1=pos0 + 1,
            hint="Check it with: samtools quickcheck -v; for CRAM give its own reference with -f",
        )
