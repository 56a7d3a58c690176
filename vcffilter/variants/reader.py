"""Reads a VCF, VCF.gz or BCF, from a file or stdin, as batches of records in their order.

Notices what htslib lets pass: a missing end-of-file block, unsorted records, names that the header lacks.
Knows neither alleles nor scores.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

import numpy as np

from vcffilter.errors import RegionError, UsageError, VariantFileError
from vcffilter.file_kind import FIRST_BYTES, kind_of_bytes, refuse_other_kind
from vcffilter.index_file import refuse_damaged_index_of_variants
from vcffilter.variants import htslib
from vcffilter.variants import record_kernels as kernels
from vcffilter.variants.header import VariantHeader
from vcffilter.variants.htslib import KString, library
from vcffilter.variants.intervals import EMPTY, FIRST_POS0, Intervals, Regions
from vcffilter.variants.record_kernels import BatchLimits, RecordRules, RecordSource, TargetsOnContig
from vcffilter.variants.records import RecordBatch, RecordPool
from vcffilter.variants.sample_choice import SampleChoice

# hts_check_EOF: the file could be checked, and lacks its end-of-file block.
_EOF_BLOCK_ABSENT = 0
# hts_idx_load3: the index formats of BCF and of text; and silent about an index that is not there.
_INDEX_CSI, _INDEX_TBI, _INDEX_SILENT = 0, 2, 2
_ERRCODE_MEANING = {
    kernels.ERRCODE_CONTIG: "its contig is not declared in the header",
    kernels.ERRCODE_TAG: "it uses a FILTER, INFO or FORMAT key that is not declared in the header",
    kernels.ERRCODE_COLUMNS: "it has the wrong number of columns",
    8: "it exceeds a limit of the format",
    16: "it holds an invalid character",
    32: "its contig name is invalid",
    64: "it holds an invalid key",
}


# Samples scored from which on batches shrink, and the fewest ALTs of a batch.
_SAMPLES_OF_A_FULL_BATCH, _LEAST_ALTS = 32, 64


class VariantReader:
    """Opens on construction; iterate `batches()` once.

    path: a file, or "-" for stdin. descriptor: an open file that is read from its beginning, and stays the caller's; path is then
    only what messages call it. regions: only records that overlap these, by the index. targets: only records
    whose POS is within these, streaming. samples: only these samples' columns. declared_only: refuse contigs and
    keys that the header does not declare (BCF output cannot hold them).
    Raises VariantFileError, RegionError, UsageError.
    """

    def __init__(
        self,
        path: str,
        *,
        descriptor: int | None = None,
        regions: Regions | None = None,
        targets: Regions | None = None,
        samples: Sequence[str] | SampleChoice | None = None,
        declared_only: bool = False,
        limits: BatchLimits | None = None,
    ) -> None:
        htslib.check_layout()
        self.path = path
        self.name = "<stdin>" if path == "-" else path
        self._limits = limits or BatchLimits()
        self._targets = targets
        self._tolerated = 0 if declared_only else kernels.ERRCODE_CONTIG | kernels.ERRCODE_TAG
        self._file = _open(path, self.name) if descriptor is None else _open_descriptor(descriptor, self.name)
        self._index: _Index | None = None
        self._pool: RecordPool | None = None
        self._state = np.zeros(kernels.STATE_SIZE, dtype=np.int64)
        self._finished_contigs: set[str] = set()
        try:
            self._check_end_of_file_block()
            self.header = self._read_header()
            self._contigs = self.header.contig_name_by_index()
            #: Every sample of the file, whichever are read.
            self.all_samples = self.header.sample_names()
            #: Those that were asked for; of calls without samples they choose among the reads.
            self.chosen_samples: tuple[str, ...] = ()
            if samples is not None:
                self._select_samples(samples if isinstance(samples, SampleChoice) else SampleChoice(tuple(samples)))
            self._n_samples = len(self.header.sample_names())
            if regions is not None:
                self._index = self._open_index(regions)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> VariantReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def n_records_read(self) -> int:
        """Records read so far, those that regions or targets left out included."""
        return int(self._state[kernels.STATE_NUMBER])

    def share_room(self, n_samples: int) -> None:
        """Make batches smaller where so many samples are scored, each with arrays of its own; before the first batch."""
        n_alts = max(_LEAST_ALTS, self._limits.n_alts * _SAMPLES_OF_A_FULL_BATCH // max(_SAMPLES_OF_A_FULL_BATCH, n_samples))
        self._limits = self._limits._replace(n_alts=n_alts)

    def batches(self) -> Iterator[RecordBatch]:
        """Batches of one contig each, in input order. Give each back with `release` when done with it."""
        self.header.keep_declared()
        self._pool = RecordPool(self._limits.n_records)
        self._state[:] = 0
        self._state[kernels.STATE_SPARE] = library.bcf_init()
        self._state[kernels.STATE_CONTIG] = -1
        self._state[kernels.STATE_MIN_POS0] = FIRST_POS0
        self._state[kernels.STATE_STREAM] = htslib.text_stream(self._file)
        if self._index is None:
            yield from self._batches_from(RecordSource(kernels.SOURCE_STREAM, self._file, self.header.address))
            self._check_end_of_stream()
        else:
            yield from self._indexed_batches(self._index)

    def release(self, batch: RecordBatch) -> None:
        """Take a batch back for reuse."""
        assert self._pool is not None
        self._pool.release(batch)

    def close(self) -> None:
        """Close the file and free all records; batches given out are no longer valid."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._state[kernels.STATE_SPARE]:
            library.bcf_destroy(int(self._state[kernels.STATE_SPARE]))
            self._state[kernels.STATE_SPARE] = 0
        if self._index is not None:
            self._index.close()
            self._index = None
        header = getattr(self, "header", None)
        if header is not None:
            header.close()
        if self._file:
            library.hts_close(self._file)
            self._file = 0

    # -- opening

    def _check_end_of_file_block(self) -> None:
        if library.hts_check_EOF(self._file) == _EOF_BLOCK_ABSENT:
            raise VariantFileError(
                "the file is truncated: its end-of-file block is missing",
                path=self.name,
                hint="Make or copy the file again",
            )

    def _read_header(self) -> VariantHeader:
        address = library.bcf_hdr_read(self._file)
        if not address:
            raise VariantFileError(
                "this is no VCF or BCF, or its header is damaged",
                path=self.name,
                hint="Check it with: bcftools view -h FILE (an empty stream often means that the program before failed)",
            )
        return VariantHeader(address, self.name)

    def _select_samples(self, samples: SampleChoice) -> None:
        self.chosen_samples = samples.among(self.all_samples, self.name)
        if self.all_samples:
            self.header.keep_samples(list(self.chosen_samples))

    def _open_index(self, regions: Regions) -> _Index:
        if self.path == "-" or stat.S_ISFIFO(os.stat(self.path).st_mode):
            raise UsageError("regions by index (-r, -R) need a file, not a pipe", hint="Use -t or -T, which stream")
        known = list(self._contigs.values())
        if known and regions.by_contig and not set(known).intersection(regions.by_contig):
            wanted = ", ".join(list(regions.by_contig)[:3])
            raise RegionError(
                f"no region is on a contig of this file: asked for {wanted}, the file has "
                f"{', '.join(known[:3])}{', ...' if len(known) > 3 else ''}",
                path=self.name,
                hint="Name contigs as the calls do: bcftools view -h FILE",
            )
        kind, compression = htslib.file_format(self._file)
        if compression != htslib.COMPRESSED_BGZF:
            raise VariantFileError(
                "regions by index (-r, -R) need a file compressed by bgzip",
                path=self.name,
                hint=f"Use -t or -T, or: bcftools view -Oz -o {self.path}.gz -W {self.path}",
            )
        index_type = _BcfIndex if kind == htslib.FORMAT_BCF else _TextIndex
        return index_type(self.path, self._file, self.header, regions)

    # -- reading

    def _indexed_batches(self, index: _Index) -> Iterator[RecordBatch]:
        for contig, intervals in index.contigs():
            self._state[kernels.STATE_MIN_POS0] = FIRST_POS0
            for start0, end0 in zip(intervals.start0, intervals.end0, strict=True):
                with index.query(contig, int(start0), int(end0)) as source:
                    # A record that overlaps two regions was given with the first.
                    yield from self._batches_from(source)
                self._state[kernels.STATE_MIN_POS0] = end0
                self._state[kernels.STATE_POS0] = FIRST_POS0

    def _batches_from(self, source: RecordSource) -> Iterator[RecordBatch]:
        assert self._pool is not None
        outcome = kernels.FULL
        targets = self._targets_on_current_contig()
        while outcome != kernels.END_OF_FILE:
            batch = self._pool.acquire(self._current_contig())
            outcome, batch.n_records, _ = kernels.read_records(
                source, RecordRules(self._n_samples, self._tolerated), self._limits, targets, self._state, batch.slots
            )
            if batch.n_records:
                yield batch
            else:
                self._pool.release(batch)
            if outcome == kernels.NEW_CONTIG:
                self._start_contig()
                targets = self._targets_on_current_contig()
            elif outcome in (kernels.READ_ERROR, kernels.UNSORTED, kernels.UNDECLARED):
                raise self._failure(outcome)

    def _current_contig(self) -> str:
        contig_index = int(self._state[kernels.STATE_CONTIG])
        return self._contigs[contig_index] if contig_index >= 0 else ""

    def _targets_on_current_contig(self) -> TargetsOnContig:
        if self._targets is None:
            return TargetsOnContig(kernels.KEEP_ALL, EMPTY.start0, EMPTY.end0)
        intervals = self._targets.on(self._current_contig())
        return TargetsOnContig(
            kernels.KEEP_OUTSIDE if self._targets.excluded else kernels.KEEP_INSIDE, intervals.start0, intervals.end0
        )

    def _start_contig(self) -> None:
        """Go on to the contig of the record that waits."""
        contig_index, pos0 = kernels.waiting_record(self._state)
        if contig_index not in self._contigs:  # a contig that only records name
            self._contigs = self.header.contig_name_by_index()
        if self._state[kernels.STATE_CONTIG] >= 0:
            self._finished_contigs.add(self._current_contig())
        self._state[kernels.STATE_CONTIG] = contig_index
        contig = self._current_contig()
        if contig in self._finished_contigs:
            raise VariantFileError(
                f"the file is not sorted: {contig} appears again after another contig",
                path=self.name,
                contig=contig,
                pos1=pos0 + 1,
                record_number=self._record_number(),
                hint="Sort it with: bcftools sort",
            )

    # -- failures

    def _record_number(self) -> int | None:
        """1-based number of the last record read; None where the index skipped some."""
        return self.n_records_read if self._index is None else None

    def _failure(self, outcome: int) -> VariantFileError:
        contig = self._current_contig() or None
        last_pos1 = int(self._state[kernels.STATE_POS0]) + 1 if contig else None
        last_good = f"the last good record is at {contig}:{last_pos1}" if contig else "no record before it was good"
        number = self._record_number()
        if outcome == kernels.UNSORTED:
            _, pos0 = kernels.waiting_record(self._state)
            return VariantFileError(
                f"the file is not sorted: this record comes after {contig}:{last_pos1}",
                path=self.name,
                contig=contig,
                pos1=pos0 + 1,
                record_number=number,
                hint="Sort it with: bcftools sort",
            )
        errcode = int(self._state[kernels.STATE_ERRCODE])
        meanings = [meaning for bit, meaning in _ERRCODE_MEANING.items() if errcode & bit]
        number = None if number is None else number + 1
        if outcome == kernels.UNDECLARED:
            return VariantFileError(
                f"this record cannot go into a BCF: {' and '.join(meanings)}; {last_good}",
                path=self.name,
                record_number=number,
                hint="Write VCF (-Ov, -Oz), or declare it first: bcftools reheader -f reference.fa.fai, bcftools annotate -h",
            )
        reason = "the record is malformed, or the file is cut or damaged here"
        if meanings:
            reason = f"the record is malformed: {' and '.join(meanings)}"
        return VariantFileError(
            f"{reason}; {last_good}",
            path=self.name,
            record_number=number,
            hint="Run again with -v for what htslib says of it; a cut file has to be made or copied again",
        )

    def _check_end_of_stream(self) -> None:
        """A stream, and text, cannot be checked before its end."""
        if htslib.lacks_eof_block(self._file):
            raise self._cut(
                "the stream is truncated: it ends without an end-of-file block",
                "The program before in the pipe has failed: use `set -o pipefail`",
            )
        if self._state[kernels.STATE_NO_LINE_END]:
            raise self._cut(
                "the last line has no line end: the file may be cut within it",
                f"Make or copy it again; if the line is whole, end it: echo >> {self.path}"
                if self.path != "-"
                else "The program before in the pipe may have failed: use `set -o pipefail`",
            )

    def _cut(self, what: str, hint: str) -> VariantFileError:
        contig = self._current_contig() or None
        pos1 = int(self._state[kernels.STATE_POS0]) + 1 if contig else None
        return VariantFileError(what, path=self.name, contig=contig, pos1=pos1, record_number=self._record_number(), hint=hint)


def _open(path: str, name: str) -> int:
    """An htsFile for reading."""
    if path != "-" and "://" not in path:
        try:
            # Only looked at: to open a pipe and close it again would end the program that writes to it.
            is_folder = stat.S_ISDIR(os.stat(path).st_mode)
        except OSError as error:
            raise VariantFileError(
                f"cannot be opened: {error.strerror}", path=name, hint="Give a VCF or BCF file, or - for stdin"
            ) from error
        if is_folder:
            raise VariantFileError("is a folder", path=name, hint="Give a VCF or BCF file")
        refuse_other_kind(path, ("VCF", "BCF"), "the place of the calls", VariantFileError)
        # htslib looks for names of contigs in an index as soon as it reads the header, whether regions are asked for or not.
        refuse_damaged_index_of_variants(path, VariantFileError)
    ctypes.set_errno(0)
    return _opened(library.hts_open(os.fsencode(path), b"r"), name)


def _open_descriptor(descriptor: int, name: str) -> int:
    """An htsFile for reading an open file from its beginning."""
    kind = kind_of_bytes(os.pread(descriptor, FIRST_BYTES, 0))
    if kind not in ("VCF", "BCF"):
        # Never to htslib: what it takes for an htsget ticket names addresses that it would open.
        raise VariantFileError(f"is {'no' if kind is None else f'a {kind} file, no'} VCF or BCF", path=name)
    os.lseek(descriptor, 0, os.SEEK_SET)
    own = os.dup(descriptor)
    ctypes.set_errno(0)
    stream = library.hdopen(own, b"r")
    file = library.hts_hopen(stream, os.fsencode(name), b"r") if stream else None
    if not stream:
        os.close(own)
    elif not file:
        library.hclose(stream)
    return _opened(file, name)


def _opened(file: int | None, name: str) -> int:
    if not file:
        reason = os.strerror(ctypes.get_errno()) if ctypes.get_errno() else "it is empty or of an unknown format"
        raise VariantFileError(f"cannot be opened: {reason}", path=name, hint="Give a VCF or BCF file, or - for stdin")
    return file


# -- sources of records


class _Index:
    """An index opened beside its file; `query` gives a source per region."""

    def __init__(self, file: int, header: VariantHeader, regions: Regions) -> None:
        self._file = file
        self._header = header
        self._regions = regions

    def contigs(self) -> list[tuple[int, Intervals]]:
        """(contig index, intervals) of the regions' contigs that the index has, in the order of the file."""
        named = ((self._contig_index(name), intervals) for name, intervals in self._regions.by_contig.items())
        return sorted((item for item in named if item[0] >= 0), key=lambda item: item[0])

    @contextmanager
    def query(self, contig_index: int, start0: int, end0: int) -> Iterator[RecordSource]:
        """A source of the records that overlap a region."""
        iterator = library.hts_itr_query(self._address(), contig_index, start0, end0, self._read_function())
        if not iterator:
            raise VariantFileError("the index cannot be searched", hint="Index the file again: bcftools index -f FILE")
        try:
            yield self._source(iterator)
        finally:
            library.hts_itr_destroy(iterator)

    def close(self) -> None:
        """Free the index."""
        raise NotImplementedError

    def _contig_index(self, name: str) -> int:
        raise NotImplementedError

    def _address(self) -> int:
        raise NotImplementedError

    def _read_function(self) -> int:
        raise NotImplementedError

    def _source(self, iterator: int) -> RecordSource:
        raise NotImplementedError


class _BcfIndex(_Index):
    def __init__(self, path: str, file: int, header: VariantHeader, regions: Regions) -> None:
        super().__init__(file, header, regions)
        self._index = library.hts_idx_load3(os.fsencode(path), None, _INDEX_CSI, _INDEX_SILENT)
        if not self._index:
            raise _no_index(path)

    def close(self) -> None:
        if self._index:
            library.hts_idx_destroy(self._index)
            self._index = 0

    def _contig_index(self, name: str) -> int:
        return self._header.contig_index(name)

    def _address(self) -> int:
        return self._index

    def _read_function(self) -> int:
        return htslib.function_address(library, "bcf_readrec")

    def _source(self, iterator: int) -> RecordSource:
        return RecordSource(
            kernels.SOURCE_BCF_INDEX,
            self._file,
            self._header.address,
            bgzf=library.hts_get_bgzfp(self._file),
            iterator=iterator,
        )


class _TextIndex(_Index):
    def __init__(self, path: str, file: int, header: VariantHeader, regions: Regions) -> None:
        super().__init__(file, header, regions)
        self._line = KString()
        # Loaded twice, so that nobody need know where within a tbx_t its index is.
        self._index = library.hts_idx_load3(os.fsencode(path), None, _INDEX_TBI, _INDEX_SILENT)
        self._tabix = library.tbx_index_load3(os.fsencode(path), None, _INDEX_SILENT)
        if not self._index or not self._tabix:
            self.close()
            raise _no_index(path)

    def close(self) -> None:
        if self._index:
            library.hts_idx_destroy(self._index)
        if self._tabix:
            library.tbx_destroy(self._tabix)
        self._index = self._tabix = 0
        htslib.text_of(self._line)

    def _contig_index(self, name: str) -> int:
        return library.tbx_name2id(self._tabix, name.encode("utf-8", "surrogateescape"))

    def _address(self) -> int:
        return self._index

    def _read_function(self) -> int:
        return htslib.function_address(library, "tbx_readrec")

    def _source(self, iterator: int) -> RecordSource:
        return RecordSource(
            kernels.SOURCE_TEXT_INDEX,
            self._file,
            self._header.address,
            bgzf=library.hts_get_bgzfp(self._file),
            iterator=iterator,
            tabix=self._tabix,
            line=ctypes.addressof(self._line),
        )


def _no_index(path: str) -> VariantFileError:
    return VariantFileError("there is no index", path=path, hint=f"Index it with: bcftools index -f {path}")
