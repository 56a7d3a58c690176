"""Writes records as VCF, VCF.gz or BCF to stdout or to a file that appears under its name only when it is complete.

Every write and the close are checked: a full disk or a closed pipe never passes for success. Knows nothing of scores.
"""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from vcffilter.errors import OutputError, UsageError
from vcffilter.files import UnfinishedFile, output_error, publish
from vcffilter.variants import record_kernels as kernels
from vcffilter.variants.header import VariantHeader
from vcffilter.variants.htslib import library
from vcffilter.variants.records import RecordBatch

_MODES = {"v": "w", "z": "wz", "b": "wb", "u": "wbu"}
_SUFFIX_FORMATS = ((".vcf.gz", "z"), (".vcf.bgz", "z"), (".bcf", "b"), (".vcf", "v"))
_CSI_MIN_SHIFT, _TBI_MIN_SHIFT = 14, 0


class ClosedPipeError(OutputError):
    """The reader of our output went away (exit code 141, as the shell gives for SIGPIPE)."""

    exit_code = 141


@dataclass(frozen=True)
class OutputSpec:
    """Where and how to write.

    path: a file, or "-" for stdout. kind: v (VCF), z (VCF.gz), b (BCF), u (uncompressed BCF).
    level: compression 0-9, None = default. index: "csi", "tbi" or None. descriptor: an open file to write to, which stays the
    caller's; path is then only what messages call it.
    Made by `output_spec`, which checks that these fit together.
    """

    path: str
    kind: str
    level: int | None = None
    index: str | None = None
    descriptor: int | None = None

    @property
    def is_bcf(self) -> bool:
        """Whether the output is BCF, which holds only what its header declares."""
        return self.kind in "bu"


def output_spec(path: str, kind: str | None, index: str | None) -> OutputSpec:
    """Check and complete what the command line says of the output.

    kind: "v", "z", "b", "u", with a digit behind it for the compression level, without effect on v and u; None = by the file's
    name, else VCF.
    Raises UsageError.
    """
    letter, level = _split_kind(kind, path)
    if index is not None:
        if path == "-":
            raise UsageError("--write-index needs an output file", hint="Give -o FILE")
        if letter not in "zb":
            raise UsageError("only compressed output can be indexed", hint="Give -Oz or -Ob")
        if index == "tbi" and letter == "b":
            raise UsageError("a BCF takes a csi index, not tbi", hint="Give -W or -W=csi")
    return OutputSpec(path, letter, level, index)


def _split_kind(kind: str | None, path: str) -> tuple[str, int | None]:
    if kind is None:
        by_name = (letter for suffix, letter in _SUFFIX_FORMATS if path.endswith(suffix))
        return next(by_name, "v"), None
    letter, digits = kind[:1], kind[1:]
    if letter not in _MODES or digits not in ("", *"0123456789"):
        raise UsageError(f"unknown output type '{kind}'", hint="Choose v, z, b or u; z and b may carry a level, as in z9")
    return letter, int(digits) if digits and letter in "zb" else None


class VariantWriter:
    """Opens on construction; `complete` and `commit` finish the file, leaving the block without them removes it.

    The header goes out with the first record, or with `commit`: until then lines can be added to it.

    Raises OutputError; ClosedPipeError when stdout's reader is gone.
    """

    def __init__(self, spec: OutputSpec, header: VariantHeader) -> None:
        self._spec = spec
        self._header = header
        self.name = "<stdout>" if spec.path == "-" else spec.path
        self._output: UnfinishedFile | None = None
        self._index: UnfinishedFile | None = None
        self._file = 0
        self._has_header = False
        self._n_written = 0
        self._no_error = np.zeros(1, np.int32)
        try:
            self._file = self._open()
            if spec.index:
                self._index = self._open_index()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> VariantWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def write(self, batch: RecordBatch) -> None:
        """Write records of this header in order."""
        self._write_header()
        n_written, error_number = kernels.write_records(self._file, self._header.address, batch.addresses, self._no_error)
        if n_written < batch.n_records:
            raise self._error_of_record(batch, n_written, error_number)
        self._n_written += n_written

    def complete(self) -> None:
        """Write the last bytes and the index. The files have no names yet."""
        self._write_header()
        if self._spec.index:
            self._check(library.bcf_idx_save(self._file), "the index cannot be written")
        file, self._file = self._file, 0
        ctypes.set_errno(0)
        self._check(library.hts_close(file), "the output cannot be completed")
        if self._index is not None:
            os.utime(self._index.path)  # never older than the file it belongs to

    def commit(self, *beside: UnfinishedFile) -> None:
        """Complete the output and give it its name, together with complete files that belong to it: all or none."""
        if self._file:
            self.complete()
        publish([file for file in (self._index, *beside, self._output) if file is not None])

    def close(self) -> None:
        """Close; an output that was not committed is removed."""
        file, self._file = self._file, 0
        if file:
            library.hts_close(file)
        for unfinished in (self._index, self._output):
            if unfinished is not None:
                unfinished.discard()

    def _write_header(self) -> None:
        """Once, before the first record."""
        if self._has_header:
            return
        self._has_header = True
        self._check(library.bcf_hdr_write(self._file, self._header.declared_address), "the header cannot be written")
        if self._spec.index:
            self._start_index()

    def _open(self) -> int:
        try:
            descriptor = self._open_descriptor()
        except OSError as error:
            raise self._error("the output cannot be opened", error.errno or 0) from error
        mode = _MODES[self._spec.kind] + ("" if self._spec.level is None else str(self._spec.level))
        stream = library.hdopen(descriptor, b"w")
        file = library.hts_hopen(stream, os.fsencode(self.name), mode.encode()) if stream else None
        if not file:
            os.close(descriptor)
            raise self._error("the output cannot be opened", ctypes.get_errno())
        return file

    def _open_descriptor(self) -> int:
        """A file descriptor to write to: one that is given, stdout, a device or pipe itself, or a file that has no name yet."""
        if self._spec.descriptor is not None:
            return os.dup(self._spec.descriptor)
        if self._spec.path == "-":
            return os.dup(1)
        self._output = UnfinishedFile(self._spec.path)
        return self._output.open_descriptor()

    def _open_index(self) -> UnfinishedFile:
        if self._output is None or self._output.is_special:
            raise UsageError(f"--write-index needs an output file, and {self.name} is none", hint="Leave -W out, or give -o FILE")
        return UnfinishedFile(f"{self._output.final}.{self._spec.index}")

    def _start_index(self) -> None:
        assert self._index is not None
        shift = _TBI_MIN_SHIFT if self._spec.index == "tbi" else _CSI_MIN_SHIFT
        self._index_name = ctypes.create_string_buffer(os.fsencode(self._index.path))  # htslib keeps the pointer
        self._check(
            library.bcf_idx_init(self._file, self._header.address, shift, self._index_name), "the index cannot be started"
        )

    def _check(self, result: int, what: str) -> None:
        if result < 0:
            raise self._error(what, ctypes.get_errno())

    def _error_of_record(self, batch: RecordBatch, index: int, error_number: int) -> OutputError:
        """Why a record could not be written, and which: those before it went as far as the system took them."""
        if error_number:
            error = self._error("the record cannot be written", error_number)
        else:
            is_bcf = self._spec.is_bcf
            error = OutputError(
                f"the record cannot be written{' as BCF' if is_bcf else ''}: it goes beyond what the format holds",
                path=self.name,
                hint=f"{'Write VCF (-Ov, -Oz), or run' if is_bcf else 'Run'} again with -v for what htslib says of it",
            )
        error.contig, error.pos1, error.record_number = batch.contig, batch.pos0(index) + 1, self._n_written + index + 1
        return error

    def _error(self, what: str, error_number: int) -> OutputError:
        if error_number == errno.EPIPE:
            return ClosedPipeError("the program that reads the output has ended", path=self.name)
        reason = os.strerror(error_number) if error_number else "the system gave no reason (is the disk full?)"
        return output_error(self.name, OSError(error_number, reason), what)
