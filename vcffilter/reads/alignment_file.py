"""One BAM or CRAM, read through htslib without the GIL. Knows no variants.

Header and read groups are read once (`AlignmentHeader`, no pointer of which is kept); every worker thread opens its own
`AlignmentFile`, all of it in the one library that `Htslib` names for the format.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pysam

from vcffilter.errors import ReadsFileError, UsageError
from vcffilter.file_kind import refuse_other_kind
from vcffilter.index_file import refuse_damaged_index_of_reads
from vcffilter.kernels.htslib import Htslib, HtslibLayoutError, load_htslib
from vcffilter.kernels.reads import (
    FAILED,
    N_READS,
    NEED_SPACE,
    ReadArrays,
    decode_reads,
    grown,
    hash_array,
)
from vcffilter.kernels.sam import FLAG_SUPPLEMENTARY, FLAGS_LEFT_OUT

# Reads looked at for a read group, before a file is refused whose reads have none.
_READS_LOOKED_AT = 1000


@dataclass(frozen=True)
class AlignmentHeader:
    """What a run needs of a file's header: contigs, and the read groups of each sample ("": of @RG lines without SM)."""

    path: str
    is_cram: bool
    contigs: tuple[str, ...]
    groups_of_sample: dict[str, tuple[str, ...]]

    def groups_of(self, samples: Sequence[str]) -> tuple[str, ...]:
        """The read groups of the samples; raises ReadsFileError when none of them is in the file."""
        groups = tuple(group for sample in samples for group in self.groups_of_sample.get(sample, ()))
        if groups:
            return groups
        named = ", ".join(sorted(sample for sample in self.groups_of_sample if sample))
        there = named or ("none: its @RG lines have no SM" if self.groups_of_sample else "none: it has no @RG lines")
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


def load_reading_library() -> Htslib:
    """The htslib for each format of reads. Raises ReadsFileError."""
    try:
        return load_htslib()
    except HtslibLayoutError as error:
        raise ReadsFileError(str(error)) from error


def read_header(path: str, reference_path: str) -> AlignmentHeader:
    """Open a BAM/CRAM once for its header. Raises ReadsFileError: missing, a pipe, unreadable, truncated or without index."""
    _require_file(path)
    refuse_other_kind(path, ("BAM", "CRAM"), "-b", ReadsFileError)
    try:
        refuse_damaged_index_of_reads(path, ReadsFileError)
        # Read before pysam opens the file: where there is no header, pysam prints a traceback of its own.
        order, groups = _order_and_groups(_header_text(path))
        with pysam.AlignmentFile(path, "r", reference_filename=reference_path) as alignments:
            if not alignments.is_bam and not alignments.is_cram:
                raise ReadsFileError(
                    "is neither BAM nor CRAM", path=path, hint="Convert and sort it with: samtools sort -o reads.bam"
                )
            if order not in ("coordinate", "unknown"):  # before the index, which cannot be made of it
                hint = f"Sort and index it with: samtools sort -o sorted.bam {path}, and samtools index sorted.bam"
                raise ReadsFileError("is not sorted by coordinate", path=path, hint=hint)
            if not alignments.has_index():
                raise ReadsFileError("has no index", path=path, hint=f"Index it with: samtools index {path}")
            contigs = tuple(alignments.references)
            is_cram = alignments.is_cram
            if not _is_parsed(alignments):
                raise ReadsFileError(
                    "its header has a malformed line, such as @RG without ID", path=path, hint="Mend it with: samtools reheader"
                )
    except (OSError, ValueError) as error:
        raise ReadsFileError(f"cannot be opened ({error})", path=path, hint="Check it with: samtools quickcheck -v") from error
    return AlignmentHeader(path, is_cram, contigs, groups)


def _is_parsed(alignments: pysam.AlignmentFile) -> bool:
    """Whether htslib can parse the header's lines, which it does only when it is asked for a contig."""
    try:
        return all(alignments.get_tid(contig) >= 0 for contig in alignments.references[:1])
    except ValueError:
        return False


def _require_file(path: str) -> None:
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be opened ({error.strerror})"
        raise ReadsFileError(what, path=path, hint="Give the reads with -b FILE") from error
    if not is_file:
        raise ReadsFileError(
            "is a pipe, a device or a folder: reads are fetched by place, from a file with an index",
            path=path,
            hint="Write it to a file first: samtools sort --write-index -o reads.bam",
        )


def _header_text(path: str) -> str:
    """The header as it is written. pysam's own parser stops at lines and letters that htslib takes."""
    library = load_reading_library().cram.library
    file = library.hts_open(os.fsencode(path), b"r")
    header = library.sam_hdr_read(file) if file else None
    try:
        text = library.sam_hdr_str(header) if header else None
        if text is None:
            raise ReadsFileError("its header cannot be read", path=path, hint="Check it with: samtools quickcheck -v")
        return text.decode("utf-8", "surrogateescape")
    finally:
        if header:
            library.sam_hdr_destroy(header)
        if file:
            library.hts_close(file)


def _order_and_groups(text: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """(SO of @HD, read groups by sample), from @HD and @RG lines alone."""
    order = "coordinate"
    groups: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        kind, *fields = line.split("\t")
        tags = {field[:2]: field[3:] for field in fields}
        if kind == "@HD":
            order = tags.get("SO", order)
        elif kind == "@RG" and "ID" in tags:
            sample = tags.get("SM", "")
            groups[sample] = (*groups.get(sample, ()), tags["ID"])
    return order, groups


def first_read_place(path: str, reference_path: str) -> tuple[str, int] | None:
    """(contig, 0-based position in the middle of it) of the first mapped read; None where there is none."""
    with pysam.AlignmentFile(path, "r", reference_filename=reference_path) as alignments:
        for read in alignments.fetch(until_eof=True):
            if read.reference_name is not None and read.reference_end is not None:
                return read.reference_name, (read.reference_start + read.reference_end) // 2
    return None


def require_group_tags(header: AlignmentHeader, reference_path: str) -> None:
    """Raise ReadsFileError where the first reads have no RG tag, so that none can be told to be of a sample."""
    with pysam.AlignmentFile(header.path, "r", reference_filename=reference_path) as alignments:
        first = list(itertools.islice(alignments.fetch(until_eof=True), _READS_LOOKED_AT))
    if first and not any(read.has_tag("RG") for read in first):
        raise ReadsFileError(
            f"its reads have no RG tag (none of the first {len(first)}), so none can be told to be of a sample",
            path=header.path,
            hint="Leave -s out to use all reads, or add groups with: samtools addreplacerg",
        )


def refuse_duplicates(paths: Sequence[str]) -> None:
    """Raise UsageError where one file is given twice: each of its reads would count twice."""
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        _require_file(path)
        facts = os.stat(path)
        identity = facts.st_dev, facts.st_ino
        if identity in seen:
            raise UsageError(
                f"{path} is given twice (as {seen[identity]}): its reads would count twice", hint="Give each file once"
            )
        seen[identity] = path


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
        names = [np.frombuffer(group.encode("utf-8", "surrogateescape"), np.uint8) for group in groups]
        self._group_hashes = np.array([hash_array(name) for name in names], np.uint64)
        self._record = self._library.bam_init1()
        self._file = self._sam_header = self._index = None
        try:
            self._open(header.path, reference_path)
        except BaseException:
            self.close()
            raise

    def _open(self, path: str, reference_path: str) -> None:
        name = os.fsencode(path)
        self._file = self._library.hts_open(name, b"r")
        if not self._file:
            raise ReadsFileError("cannot be opened", path=path, hint="Check that it can be read")
        if self._library.hts_set_fai_filename(self._file, os.fsencode(reference_path + ".fai")) < 0:
            raise ReadsFileError("does not accept the reference", path=path, hint="Give the CRAM's reference with -f")
        if self._library.hts_check_EOF(self._file) == 0:
            raise ReadsFileError(
                "is truncated: its end-of-file block is missing",
                path=path,
                hint="Copy it again, or check it with: samtools quickcheck -v",
            )
        self._sam_header = self._library.sam_hdr_read(self._file)
        self._index = self._library.sam_index_load(self._file, name)
        if not self._sam_header or not self._index:
            raise ReadsFileError(
                "its header or index cannot be read", path=path, hint=f"Index it again with: samtools index {path}"
            )

    def close(self) -> None:
        """Release htslib's objects; a second call does nothing."""
        index, header, record, file = self._index, self._sam_header, self._record, self._file
        self._index = self._sam_header = self._record = self._file = None
        if index:
            self._library.hts_idx_destroy(index)
        if header:
            self._library.sam_hdr_destroy(header)
        if record:
            self._library.bam_destroy1(record)
        if file:
            self._library.hts_close(file)

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
                n_reads = int(reads.counts[N_READS])
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


def open_reads(paths: Sequence[str], reference_path: str, selection: ReadSelection) -> list[AlignmentFile]:
    """Files by their names, for one thread. No server is asked for a CRAM's reference. Raises ReadsFileError."""
    forbid_network_references()
    headers = [read_header(path, reference_path) for path in paths]
    return open_alignment_files(headers, reference_path, load_reading_library(), selection)


def open_alignment_files(
    headers: Sequence[AlignmentHeader], reference_path: str, htslib: Htslib, selection: ReadSelection
) -> list[AlignmentFile]:
    """All files opened for one thread; where one cannot be, none stays open."""
    files: list[AlignmentFile] = []
    try:
        for header in headers:
            files.append(AlignmentFile(header, reference_path, htslib, selection))  # noqa: PERF401 (what is open must be known)
    except BaseException:
        for file in files:
            file.close()
        raise
    return files
