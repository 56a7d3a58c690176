"""Bridge to the VCF half of htslib's C API, always in the copy that pysam carries.

The reads may come through another copy that inflates faster. VCF does not: pysam's parser is the newest one around (others refuse
the prefixed phasing of VCF 4.4, `/0/1`) and takes half of the time. No pointer of the one library ever goes to the other.
pysam's own record objects are not used: `VariantFile.write` adds or removes INFO/END in gVCF records, which a
filter must not do, and one Python object per record costs more than the work on it. Here numba kernels call
htslib without the GIL, on plain addresses.
Whatever is read at an offset is checked once, on records, files and streams in memory. Knows neither scores nor the command line.

Loading the module registers the functions that the kernels are linked with: a kernel taken from numba's cache needs them too.
"""

from __future__ import annotations

import base64
import ctypes
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import llvmlite.binding
from numba import types

from vcffilter.errors import VcffilterError
from vcffilter.kernels import htslib_library
from vcffilter.kernels.htslib import load_int32, load_int64, load_uint8
from vcffilter.kernels.jit import inline_kernel

#: BCF_DT_ID: the dictionary of FILTER, INFO and FORMAT names. BCF_DT_CTG: that of the contigs.
DICTIONARY_ID, DICTIONARY_CONTIG = 0, 1
#: bcf_unpack: up to ALT; FILTER too; INFO too.
UNPACK_ALLELES, UNPACK_FILTER, UNPACK_INFO = 1, 2, 4
#: bcf_update_info: value types.
TYPE_INT, TYPE_REAL, TYPE_STRING = 1, 2, 3
#: Missing values of BCF, as bit patterns of 32 bits.
MISSING_INT32 = -(2**31)
MISSING_FLOAT_BITS = 0x7F800001
#: What stands behind the last value of a sample that has fewer than others.
END_INT32 = -(2**31) + 1

# Byte offsets within bcf1_t (htslib 1.10 and later).
OFFSET_POS0 = 0
OFFSET_RLEN = 8
OFFSET_RID = 16
OFFSET_QUAL = 20
OFFSET_N_INFO_N_ALLELE = 24
OFFSET_N_FORMAT_N_SAMPLE = 28
OFFSET_SHARED_LENGTH = 32
OFFSET_INDIV_LENGTH = 56
OFFSET_N_FILTER = 104
OFFSET_FILTER = 112
OFFSET_ALLELE = 136
OFFSET_ERRCODE = 204
# Of htsFile: the hFILE below it, where no BGZF is between them. Of hFILE: its buffer, and what comes next in it.
OFFSET_STREAM = 56
OFFSET_BUFFER, OFFSET_NEXT = 0, 8
# Of htsFormat, and their values of htslib/hts.h.
_OFFSET_FORMAT, _OFFSET_COMPRESSION = 4, 12
FORMAT_VCF, FORMAT_BCF = 8, 9
NOT_COMPRESSED, COMPRESSED_BGZF = 0, 2
# BGZF's first word: set once the end was met without an end-of-file block.
_NO_EOF_BLOCK_BIT = 1 << 18
# Within bcf_fmt_t: values per sample, bytes per sample, type, address of the values.
OFFSET_FORMAT_N = 4
OFFSET_FORMAT_SIZE = 8
OFFSET_FORMAT_TYPE = 12
OFFSET_FORMAT_VALUES = 16
#: Types of values in BCF: integers of 1 and 2 bytes; else of 4.
BCF_INT8, BCF_INT16 = 1, 2

_i4: Any = types.int32
_i8: Any = types.int64
_KERNEL_SIGNATURES = {
    "bcf_read": _i4(_i8, _i8, _i8),
    "bcf_write": _i4(_i8, _i8, _i8),
    "bcf_subset_format": _i4(_i8, _i8),
    "bcf_unpack": _i4(_i8, _i4),
    "bcf_get_info": _i8(_i8, _i8, _i8),
    "bcf_update_info": _i4(_i8, _i8, _i8, _i8, _i4, _i4),
    "bcf_update_filter": _i4(_i8, _i8, _i8, _i4),
    "bcf_get_fmt_id": _i8(_i8, _i4),
    "bcf_update_format": _i4(_i8, _i8, _i8, _i8, _i4, _i4),
    "hts_itr_next": _i4(_i8, _i8, _i8, _i8),
    "vcf_parse": _i4(_i8, _i8, _i8),
}


class KString(ctypes.Structure):
    """htslib's growing string."""

    _fields_ = [("length", ctypes.c_size_t), ("capacity", ctypes.c_size_t), ("text", ctypes.c_void_p)]


def _find() -> htslib_library.HtslibLibrary:
    try:
        return htslib_library.library_of("pysam", htslib_library.installed_libraries())
    except htslib_library.HtslibLayoutError as error:
        raise VcffilterError(str(error), hint="Install it again: pip install --force-reinstall pysam") from error


def _load(origin: htslib_library.HtslibLibrary) -> ctypes.CDLL:
    library = ctypes.CDLL(origin.path, use_errno=True)
    pointer, text, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    prototypes = {
        "hts_open": (pointer, [text, text]),
        "hts_hopen": (pointer, [pointer, text, text]),
        "hdopen": (pointer, [integer, text]),
        "hclose": (integer, [pointer]),
        "hts_close": (integer, [pointer]),
        "hts_check_EOF": (integer, [pointer]),
        "hts_get_bgzfp": (pointer, [pointer]),
        "hts_get_format": (pointer, [pointer]),
        "hts_free": (None, [pointer]),
        "hts_get_log_level": (integer, []),
        "hts_set_log_level": (None, [integer]),
        "bcf_hdr_init": (pointer, [text]),
        "bcf_hdr_read": (pointer, [pointer]),
        "bcf_hdr_write": (integer, [pointer, pointer]),
        "bcf_hdr_append": (integer, [pointer, text]),
        "bcf_read": (integer, [pointer, pointer, pointer]),
        "bcf_hdr_dup": (pointer, [pointer]),
        "bcf_hdr_sync": (integer, [pointer]),
        "bcf_hdr_format": (integer, [pointer, integer, ctypes.POINTER(KString)]),
        "bcf_hdr_seqnames": (pointer, [pointer, ctypes.POINTER(integer)]),
        "bcf_hdr_set_samples": (integer, [pointer, text, integer]),
        "bcf_hdr_destroy": (None, [pointer]),
        "bcf_hdr_remove": (None, [pointer, integer, text]),
        "bcf_hdr_id2int": (integer, [pointer, integer, text]),
        "bcf_get_fmt": (pointer, [pointer, pointer, text]),
        "bcf_init": (pointer, []),
        "bcf_destroy": (None, [pointer]),
        "bcf_unpack": (integer, [pointer, integer]),
        "vcf_parse": (integer, [ctypes.POINTER(KString), pointer, pointer]),
        "bcf_idx_init": (integer, [pointer, pointer, integer, text]),
        "bcf_idx_save": (integer, [pointer]),
        "hts_idx_load3": (pointer, [text, text, integer, integer]),
        "hts_idx_destroy": (None, [pointer]),
        "hts_itr_query": (pointer, [pointer, integer, ctypes.c_int64, ctypes.c_int64, pointer]),
        "hts_itr_destroy": (None, [pointer]),
        "tbx_index_load3": (pointer, [text, text, integer]),
        "tbx_name2id": (integer, [pointer, text]),
        "tbx_destroy": (None, [pointer]),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    for name in _KERNEL_SIGNATURES:
        llvmlite.binding.add_symbol(f"vcffilter_{name}", function_address(library, name))
    # The C library's errno of this thread, to say why a write failed (glibc and musl; macOS).
    c_library = ctypes.CDLL(None)
    location = "__error" if sys.platform == "darwin" else "__errno_location"
    llvmlite.binding.add_symbol("vcffilter_errno_location", function_address(c_library, location))
    return library


def function_address(loaded: ctypes.CDLL, name: str) -> int:
    """Address of a C function of the library."""
    address = ctypes.cast(getattr(loaded, name), ctypes.c_void_p).value
    assert address is not None
    return address


#: htslib, for calls from Python. Loading it registers the symbols that the kernels are linked with.
_origin = _find()
library = _load(_origin)


def _kernel_function(name: str) -> Any:
    return types.ExternalFunction(f"vcffilter_{name}", _KERNEL_SIGNATURES[name])


bcf_read = _kernel_function("bcf_read")
bcf_write = _kernel_function("bcf_write")
bcf_subset_format = _kernel_function("bcf_subset_format")
bcf_unpack = _kernel_function("bcf_unpack")
bcf_get_info = _kernel_function("bcf_get_info")
bcf_update_info = _kernel_function("bcf_update_info")
bcf_update_filter = _kernel_function("bcf_update_filter")
bcf_get_fmt_id = _kernel_function("bcf_get_fmt_id")
bcf_update_format = _kernel_function("bcf_update_format")
hts_itr_next = _kernel_function("hts_itr_next")
vcf_parse = _kernel_function("vcf_parse")
errno_location: Any = types.ExternalFunction("vcffilter_errno_location", _i8())


@inline_kernel
def number_of_alleles(record):
    """REF and ALTs of a bcf1_t; 0 when there is not even a REF."""
    return (load_int32(record + OFFSET_N_INFO_N_ALLELE) >> 16) & 0xFFFF


@inline_kernel
def number_of_samples(record):
    """Samples of a bcf1_t."""
    return (load_int32(record + OFFSET_N_FORMAT_N_SAMPLE) >> 8) & 0xFFFFFF


def set_log_level(level: int) -> None:
    """How much every htslib in the process says on stderr: 0 nothing, 1 errors, 3 warnings."""
    htslib_library.set_log_level(level)


def text_of(string: KString) -> str:
    """The text in a KString; its memory is freed."""
    if not string.text:
        return ""
    text = ctypes.string_at(string.text, string.length).decode("utf-8", "surrogateescape")
    library.hts_free(string.text)
    string.text, string.length, string.capacity = None, 0, 0
    return text


def file_format(file: int) -> tuple[int, int]:
    """(format, compression) of an htsFile: a FORMAT_* code and NOT_COMPRESSED or COMPRESSED_BGZF, or others of htslib's."""
    address = library.hts_get_format(file)
    return _int32(address + _OFFSET_FORMAT), _int32(address + _OFFSET_COMPRESSION)


def lacks_eof_block(file: int) -> bool:
    """Whether a compressed stream that was read to its end had no end-of-file block there."""
    bgzf = library.hts_get_bgzfp(file)
    return bool(bgzf) and bool(_int32(bgzf) & _NO_EOF_BLOCK_BIT)


def text_stream(file: int) -> int:
    """Address of the hFILE that lines come from; 0 where the file is compressed or is no text."""
    return _pointer(file + OFFSET_STREAM) if file_format(file) == (FORMAT_VCF, NOT_COMPRESSED) else 0


@inline_kernel
def line_has_end(stream):
    """Whether the line just read from an hFILE ended in a newline: it then stands before what comes next in the buffer."""
    following = load_int64(stream + OFFSET_NEXT)
    return following > load_int64(stream + OFFSET_BUFFER) and load_uint8(following - 1) == _NEWLINE


_NEWLINE = ord("\n")


@cache
def check_layout() -> None:
    """Raise VcffilterError when this htslib lays out in another way what is read here at an offset."""
    level = library.hts_get_log_level()
    library.hts_set_log_level(0)
    try:
        faults = _layout_faults()
    finally:
        library.hts_set_log_level(level)
    if faults:
        raise VcffilterError(
            f"{_origin} lays out {' and '.join(faults)} in a way this program does not know",
            hint=f"Install a {_origin.package} that the program was tested with: pip install 'pysam>=0.23,<0.25'",
        )


def _layout_faults() -> list[str]:
    faults = []
    if _record_fields() != (1234566, 3, 1, 12.5, 3, 2, [b"ACG", b"T", b"GG"], 1, 0, 12, 7):
        faults.append("records")
    if _genotype_fields() != (2, 2, BCF_INT8, [0, 1, 0, 2]):
        faults.append("genotypes")
    if _stream_facts() != (FORMAT_VCF, NOT_COMPRESSED, b"##fileformat", [True, False]):
        faults.append("text files")
    if [_bgzf_facts(end) for end in (_BGZF_END, b"")] != [(FORMAT_VCF, COMPRESSED_BGZF, absent) for absent in (False, True)]:
        faults.append("compressed files")
    return faults


_CHECKED_TEXT = (
    b'##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n##FILTER=<ID=q,Description="q">\n'
    b'##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n'
    b"2\t1234567\t.\tACG\tT,GG\t12.5\tq\t.\tGT\t0/1\t0|2\n2\t1234568\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/0"
)
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@contextmanager
def _opened(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(file, header, record) of a VCF in memory, by a URL that holds it."""
    file = library.hts_open(b"data:;base64," + base64.b64encode(data), b"r")
    header = library.bcf_hdr_read(file) if file else None
    record = library.bcf_init()
    try:
        if not header:
            raise VcffilterError(f"{_origin} cannot read a VCF in memory", hint="Install it again: pip install pysam")
        yield file, header, record
    finally:
        library.bcf_destroy(record)
        if header:
            library.bcf_hdr_destroy(header)
        if file:
            library.hts_close(file)


def _record_fields() -> tuple[Any, ...]:
    """Every field of the first record that the kernels read."""
    with _opened(_CHECKED_TEXT) as (file, header, record):
        if library.bcf_read(file, header, record) < 0:
            return ()
        library.bcf_unpack(record, UNPACK_ALLELES | UNPACK_FILTER)
        n_allele = (_int32(record + OFFSET_N_INFO_N_ALLELE) >> 16) & 0xFFFF
        n_sample = (_int32(record + OFFSET_N_FORMAT_N_SAMPLE) >> 8) & 0xFFFFFF
        n_filter = _int32(record + OFFSET_N_FILTER)
        if (n_allele, n_filter) != (3, 1):  # do not follow pointers that may not be there
            return ()
        alleles = ctypes.cast(_pointer(record + OFFSET_ALLELE), ctypes.POINTER(ctypes.c_char_p))
        filter_is_right = _int32(_pointer(record + OFFSET_FILTER)) == library.bcf_hdr_id2int(header, DICTIONARY_ID, b"q")
        return (
            _int64(record + OFFSET_POS0),
            _int64(record + OFFSET_RLEN),
            _int32(record + OFFSET_RID),
            ctypes.c_float.from_address(record + OFFSET_QUAL).value,
            n_allele,
            n_sample,
            [alleles[index] for index in range(n_allele)],
            int(filter_is_right),
            _int32(record + OFFSET_ERRCODE),
            _int64(record + OFFSET_SHARED_LENGTH),
            _int64(record + OFFSET_INDIV_LENGTH),
        )


def _genotype_fields() -> tuple[Any, ...]:
    """(values per sample, bytes per sample, type, alleles) of the first record's genotypes."""
    with _opened(_CHECKED_TEXT) as (file, header, record):
        read = library.bcf_read(file, header, record) >= 0
        genotype = library.bcf_get_fmt(header, record, b"GT") if read else None
        if not genotype:
            return ()
        offsets = (OFFSET_FORMAT_N, OFFSET_FORMAT_SIZE, OFFSET_FORMAT_TYPE)
        n, size, kind = (_int32(genotype + offset) for offset in offsets)
        if (n, size) != (2, 2):  # do not follow a pointer that may not be there
            return ()
        values = ctypes.string_at(_pointer(genotype + OFFSET_FORMAT_VALUES), 2 * size)
        return n, size, kind, [(value >> 1) - 1 for value in values]


def _stream_facts() -> tuple[Any, ...]:
    """(format, compression, first letters, whether each line had an end) of a text file."""
    with _opened(_CHECKED_TEXT) as (file, header, record):
        stream = text_stream(file)
        if not stream:
            return ()
        first = ctypes.string_at(_pointer(stream + OFFSET_BUFFER), len(b"##fileformat"))
        ends = []
        while library.bcf_read(file, header, record) >= 0:
            following = _pointer(stream + OFFSET_NEXT)
            ends.append(following > _pointer(stream + OFFSET_BUFFER) and ctypes.string_at(following - 1, 1) == b"\n")
        return *file_format(file), first, ends


def _bgzf_facts(end: bytes) -> tuple[Any, ...]:
    """(format, compression, whether the end-of-file block is absent) of a compressed file."""
    with _opened(_bgzf_block(_CHECKED_TEXT) + end) as (file, header, record):
        while library.bcf_read(file, header, record) >= 0:
            pass
        return *file_format(file), lacks_eof_block(file)


def _bgzf_block(data: bytes) -> bytes:
    deflated = zlib.compressobj(wbits=-15)
    body = deflated.compress(data) + deflated.flush()
    # A gzip member whose extra field "BC" says its own size, less one (SAM specification, section 4.1).
    head = bytes.fromhex("1f8b08040000000000ff060042430200")
    return head + struct.pack("<H", len(head) + 2 + len(body) + 8 - 1) + body + struct.pack("<II", zlib.crc32(data), len(data))


def _int32(address: int) -> int:
    return ctypes.c_int32.from_address(address).value


def _int64(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _pointer(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0
