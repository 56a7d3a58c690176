"""The reads half of htslib's C API, for calls from numba loops without the GIL.

Addresses are passed to kernels as integers: a kernel that names a ctypes object cannot be cached on disk. This module opens no
file and knows no record's meaning; it holds the memory layout of `bam1_t` (htslib/sam.h, unchanged since 1.10) and checks it.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from vcffilter.kernels.htslib_library import (
    HtslibLayoutError,
    HtslibLibrary,
    choose_inflating,
    installed_libraries,
    library_of,
)

logger = logging.getLogger(__name__)

#: Byte offsets inside bam1_t.
POS0_OFFSET = 0
CONTIG_OFFSET = 8
MAPQ_OFFSET = 14
FLAG_OFFSET = 16
NAME_LENGTH_OFFSET = 18
N_CIGAR_OFFSET = 20
QUERY_LENGTH_OFFSET = 24
MATE_CONTIG_OFFSET = 28
MATE_POS0_OFFSET = 32
INSERT_SIZE_OFFSET = 40
DATA_OFFSET = 56


@dataclass(frozen=True)
class HtslibFunctions:
    """One loaded library and the addresses that kernels call. What one library made goes to no other."""

    origin: HtslibLibrary
    library: ctypes.CDLL
    iterator_next: int
    aux_get: int


@dataclass(frozen=True)
class Htslib:
    """The library for each format of reads."""

    bam: HtslibFunctions
    cram: HtslibFunctions


class _KString(ctypes.Structure):
    _fields_ = (("length", ctypes.c_size_t), ("capacity", ctypes.c_size_t), ("text", ctypes.c_char_p))


_SIGNATURES: tuple[tuple[str, object, tuple[object, ...]], ...] = (
    ("hts_open", ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_char_p)),
    ("hts_close", ctypes.c_int, (ctypes.c_void_p,)),
    ("hts_set_fai_filename", ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
    ("hts_check_EOF", ctypes.c_int, (ctypes.c_void_p,)),
    ("sam_hdr_read", ctypes.c_void_p, (ctypes.c_void_p,)),
    ("sam_hdr_parse", ctypes.c_void_p, (ctypes.c_size_t, ctypes.c_char_p)),
    ("sam_hdr_str", ctypes.c_char_p, (ctypes.c_void_p,)),
    ("sam_hdr_destroy", None, (ctypes.c_void_p,)),
    ("sam_index_load2", ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)),
    ("sam_index_load", ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p)),
    ("hts_idx_destroy", None, (ctypes.c_void_p,)),
    (
        "sam_itr_regarray",
        ctypes.c_void_p,
        (ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_uint),
    ),
    ("hts_itr_destroy", None, (ctypes.c_void_p,)),
    ("bam_init1", ctypes.c_void_p, ()),
    ("bam_destroy1", None, (ctypes.c_void_p,)),
    ("sam_parse1", ctypes.c_int, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)),
    ("hts_set_log_level", None, (ctypes.c_int,)),
)


def load_htslib(library: HtslibLibrary | None = None, installed: Sequence[HtslibLibrary] | None = None) -> Htslib:
    """Load the libraries that read reads and check the layout of their records.

    library: for both formats; None = for BAM what `choose_inflating` names, for CRAM pysam's: libdeflate does little for CRAM,
    and the other library decodes it in two to three times the time. installed: to choose from (default: what is there).
    Raises HtslibLayoutError when a function is missing or bam1_t differs from what the kernels read.
    """
    if library is not None:
        return Htslib(*[_functions(library)] * 2)
    there = installed_libraries() if installed is None else installed
    for_bam, reason = choose_inflating(there, _fault)
    chosen = Htslib(_functions(for_bam), _functions(library_of("pysam", there)))
    logger.debug("BAM is read by %s (%s); CRAM by %s", chosen.bam.origin, reason, chosen.cram.origin)
    return chosen


def _functions(origin: HtslibLibrary) -> HtslibFunctions:
    library = ctypes.CDLL(origin.path)
    for name, result, arguments in _SIGNATURES:
        function = getattr(library, name, None)
        if function is None:
            raise HtslibLayoutError(f"{origin} does not export {name}")
        function.restype = result
        function.argtypes = arguments
    _check_layout(library, origin)
    return HtslibFunctions(origin, library, _address(library, "hts_itr_multi_next"), _address(library, "bam_aux_get"))


def _fault(origin: HtslibLibrary) -> str | None:
    """Why a library cannot be used."""
    try:
        _functions(origin)
    except (HtslibLayoutError, OSError) as error:
        return str(error)
    return None


def _address(library: ctypes.CDLL, name: str) -> int:
    function = getattr(library, name, None)
    address = None if function is None else ctypes.cast(function, ctypes.c_void_p).value
    if address is None:
        raise HtslibLayoutError(f"htslib's {name} has no address")
    return address


def _check_layout(library: ctypes.CDLL, origin: HtslibLibrary) -> None:
    """Parse one SAM line in memory and read it back through the offsets above."""
    header_text = b"@SQ\tSN:one\tLN:1000\n@SQ\tSN:two\tLN:2000\n"
    line = b"name12\t163\ttwo\t101\t37\t2S3M\tone\t501\t-77\tACGTN\tIIIII"
    header = library.sam_hdr_parse(len(header_text), header_text)
    record = library.bam_init1()
    buffer = ctypes.create_string_buffer(line)
    text = _KString(len(line), len(line) + 1, ctypes.cast(buffer, ctypes.c_char_p))
    try:
        if library.sam_parse1(ctypes.byref(text), header, record) < 0:
            raise HtslibLayoutError(f"{origin} cannot parse a SAM line")
        found = _read_fields(record)
    finally:
        library.bam_destroy1(record)
        library.sam_hdr_destroy(header)
    expected = (100, 1, 37, 163, 2, 5, 0, 500, -77, b"name12", 2 << 4 | 4, 0x12)
    if found != expected:
        raise HtslibLayoutError(
            f"records of {origin} are laid out differently: read {found}, expected {expected}. "
            f"Install a {origin.package} that the program was tested with (constraints.txt)"
        )


def _read_fields(record: int) -> tuple[object, ...]:
    def at(kind: type, offset: int, base: int = record) -> int:
        return kind.from_address(base + offset).value  # type: ignore[attr-defined]

    data = at(ctypes.c_void_p, DATA_OFFSET)
    name_length = at(ctypes.c_uint16, NAME_LENGTH_OFFSET)
    return (
        at(ctypes.c_int64, POS0_OFFSET),
        at(ctypes.c_int32, CONTIG_OFFSET),
        at(ctypes.c_uint8, MAPQ_OFFSET),
        at(ctypes.c_uint16, FLAG_OFFSET),
        at(ctypes.c_uint32, N_CIGAR_OFFSET),
        at(ctypes.c_int32, QUERY_LENGTH_OFFSET),
        at(ctypes.c_int32, MATE_CONTIG_OFFSET),
        at(ctypes.c_int64, MATE_POS0_OFFSET),
        at(ctypes.c_int64, INSERT_SIZE_OFFSET),
        ctypes.string_at(data),
        at(ctypes.c_uint32, name_length, data),
        at(ctypes.c_uint8, name_length + 8, data),
    )


@intrinsic
def call_iterator_next(typing_context, function, file, iterator, record):
    """`hts_itr_multi_next(file, iterator, record)` at an address: >= 0 a record, -1 the end, below -1 an error."""
    signature = types.int32(types.int64, types.int64, types.int64, types.int64)

    def generate(context, builder, _signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(ir.IntType(32), [pointer] * 3)
        target = builder.inttoptr(arguments[0], function_type.as_pointer())
        return builder.call(target, [builder.inttoptr(value, pointer) for value in arguments[1:]])

    return signature, generate


@intrinsic
def call_aux_get(typing_context, function, record, tag):
    """`bam_aux_get(record, tag)` at an address: the address of the tag's type byte, 0 where the tag is absent."""
    signature = types.int64(types.int64, types.int64, types.int64)

    def generate(context, builder, _signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(pointer, [pointer] * 2)
        target = builder.inttoptr(arguments[0], function_type.as_pointer())
        result = builder.call(target, [builder.inttoptr(value, pointer) for value in arguments[1:]])
        return builder.ptrtoint(result, ir.IntType(64))

    return signature, generate


def _make_load(bits: int, result: types.Type):
    @intrinsic
    def load(typing_context, address):
        """The integer at an address."""

        def generate(context, builder, _signature, arguments):
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            return builder.load(pointer, align=1)

        return result(types.int64), generate

    return load


load_uint8 = _make_load(8, types.uint8)
load_uint16 = _make_load(16, types.uint16)
load_int32 = _make_load(32, types.int32)
load_uint32 = _make_load(32, types.uint32)
load_int64 = _make_load(64, types.int64)
load_uint64 = _make_load(64, types.uint64)


@intrinsic
def copy_bytes(typing_context, destination, source, n_bytes):
    """memcpy between two addresses that do not overlap."""

    def generate(context, builder, _signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        cgutils.raw_memcpy(
            builder,
            builder.inttoptr(arguments[0], pointer),
            builder.inttoptr(arguments[1], pointer),
            arguments[2],
            1,
        )
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate
