"""Reads a VCF, VCF.gz or BCF, from a file or stdin, as batches of records in their order.

Notices what htslib lets pass: a missing end-of-file block, unsorted records, names that the header lacks.
Knows neither alleles nor scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType

import numpy as np

from vcffilter.errors import VariantFileError
from vcffilter.variants import htslib
from vcffilter.variants import record_kernels as kernels
from vcffilter.variants.header import VariantHeader
from vcffilter.variants.htslib import library
from vcffilter.variants.intervals import EMPTY, FIRST_POS0, Regions
from vcffilter.variants.opening import open_descriptor, open_path
from vcffilter.variants.record_index import RecordIndex, open_index
from vcffilter.variants.record_kernels import BatchLimits, RecordRules, RecordSource, TargetsOnContig
from vcffilter.variants.records import RecordBatch, RecordPool
from vcffilter.variants.sample_choice import SampleChoice

# hts_check_EOF: the file could be checked, and lacks its end-of-file block.
_EOF_BLOCK_ABSENT = 0
_ERRCODE_MEANING = {
    kernels.ERRCODE_CONTIG: "its contig is not declared in the header",
    kernels.ERRCODE_TAG: "it uses a FILTER, INFO or FORMAT key that is not declared in the header",
    kernels.ERRCODE_COLUMNS: "it has the wrong number of columns",
    8: "it exceeds a limit of the format",
    16: "it holds an invalid character",
    kernels.ERRCODE_CONTIG_NAME: "its contig name is invalid",
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
        self._file = open_path(path, self.name) if descriptor is None else open_descriptor(descriptor, self.name)
        self._index: RecordIndex | None = None
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
                self._index = open_index(self.path, self.name, self._file, self.header, regions)
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

    # -- reading

    def _indexed_batches(self, index: RecordIndex) -> Iterator[RecordBatch]:
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
        hint = "Run again with -v for what htslib says of it; a cut file has to be made or copied again"
        if meanings:
            reason = f"the record is malformed: {' and '.join(meanings)}"
        if errcode & (kernels.ERRCODE_CONTIG | kernels.ERRCODE_CONTIG_NAME):  # as where the whole line is its first column
            hint = "Columns stand between tabs; an editor or a copy from a page may have made blanks of them. " + hint
        return VariantFileError(
            f"{reason}; {last_good}",
            path=self.name,
            record_number=number,
            hint=hint,
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
