"""Bridge to the VCF half of htslib's C API, always in the copy that pysam carries.

The reads may come through another copy that inflates faster. VCF does not: pysam's parser is the newest one around (others refuse
the prefixed phasing of VCF 4.4, `/0/1`) and takes half of the time. No pointer of the one library ever goes to the other.
pysam's own record objects are not used: `VariantFile.write` adds or removes INFO/END in gVCF records, which a
filter must not do, and one Python object per record costs more than the work on it. Here numba kernels call
htslib without the GIL, on plain addresses.
The layout of `bcf1_t` is checked once, on a record parsed in memory. Knows neither scores nor the command line.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

import llvmlite.binding
from numba import types

from vcffilter.errors import VcffilterError
from vcffilter.kernels import htslib_library
from vcffilter.kernels.htslib import load_int32
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
# Of tbx_t: the index it wraps, behind six 32-bit settings.
OFFSET_TBX_INDEX = 24

_i4: Any = types.int32
_i8: Any = types.int64
_KERNEL_SIGNATURES = {
    "bcf_read": _i4(_i8, _i8, _i8),
    "bcf_write": _i4(_i8, _i8, _i8),
    "bcf_unpack": _i4(_i8, _i4),
    "bcf_get_info": _i8(_i8, _i8, _i8),
    "bcf_update_info": _i4(_i8, _i8, _i8, _i8, _i4, _i4),
    "bcf_update_filter": _i4(_i8, _i8, _i8, _i4),
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
        "hts_close": (integer, [pointer]),
        "hts_check_EOF": (integer, [pointer]),
        "hts_get_bgzfp": (pointer, [pointer]),
        "hts_get_format": (pointer, [pointer]),
        "hts_free": (None, [pointer]),
        "bcf_hdr_init": (pointer, [text]),
        "bcf_hdr_read": (pointer, [pointer]),
        "bcf_hdr_write": (integer, [pointer, pointer]),
        "bcf_hdr_append": (integer, [pointer, text]),
        "bcf_hdr_sync": (integer, [pointer]),
        "bcf_hdr_format": (integer, [pointer, integer, ctypes.POINTER(KString)]),
        "bcf_hdr_seqnames": (pointer, [pointer, ctypes.POINTER(integer)]),
        "bcf_hdr_set_samples": (integer, [pointer, text, integer]),
        "bcf_hdr_destroy": (None, [pointer]),
        "bcf_hdr_remove": (None, [pointer, integer, text]),
        "bcf_hdr_id2int": (integer, [pointer, integer, text]),
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
bcf_unpack = _kernel_function("bcf_unpack")
bcf_get_info = _kernel_function("bcf_get_info")
bcf_update_info = _kernel_function("bcf_update_info")
bcf_update_filter = _kernel_function("bcf_update_filter")
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


@cache
def check_layout() -> None:
    """Raise VcffilterError when this htslib lays out `bcf1_t` otherwise than the kernels read it."""
    header = library.bcf_hdr_init(b"w")
    record = library.bcf_init()
    try:
        for line in (b"##contig=<ID=1>", b"##contig=<ID=2>", b'##FILTER=<ID=q,Description="q">'):
            library.bcf_hdr_append(header, line)
        library.bcf_hdr_sync(header)
        # Ample room: htslib would call realloc on memory that is not its own.
        buffer = ctypes.create_string_buffer(b"2\t1234567\t.\tACG\tT,GG\t12.5\tq\t.", 4096)
        line_string = KString(len(buffer.value), len(buffer), ctypes.addressof(buffer))
        parsed = library.vcf_parse(ctypes.byref(line_string), header, record) == 0
        library.bcf_unpack(record, UNPACK_ALLELES | UNPACK_FILTER)
        q_id = library.bcf_hdr_id2int(header, DICTIONARY_ID, b"q")
        if not (parsed and _fields(record) == (1234566, 3, 1, 12.5, 3, [b"ACG", b"T", b"GG"], [q_id], 0)):
            raise VcffilterError(
                f"{_origin} lays out records in a way this program does not know",
                hint="Install another pysam: pip install 'pysam>=0.23,<0.25'",
            )
    finally:
        library.bcf_destroy(record)
        library.bcf_hdr_destroy(header)


def _fields(record: int) -> tuple[int, int, int, float, int, list[bytes], list[int], int]:
    def int32_at(offset: int) -> int:
        return ctypes.c_int32.from_address(record + offset).value

    n_allele = (ctypes.c_uint32.from_address(record + OFFSET_N_INFO_N_ALLELE).value >> 16) & 0xFFFF
    n_filter = int32_at(OFFSET_N_FILTER)
    if n_allele != 3 or n_filter != 1:  # do not follow pointers that may not be there
        return (0, 0, 0, 0.0, n_allele, [], [], 0)
    allele_list = ctypes.c_void_p.from_address(record + OFFSET_ALLELE).value or 0
    filter_list = ctypes.c_void_p.from_address(record + OFFSET_FILTER).value or 0
    alleles = ctypes.cast(allele_list, ctypes.POINTER(ctypes.c_char_p))
    filters = ctypes.cast(filter_list, ctypes.POINTER(ctypes.c_int32))
    return (
        ctypes.c_int64.from_address(record + OFFSET_POS0).value,
        ctypes.c_int64.from_address(record + OFFSET_RLEN).value,
        int32_at(OFFSET_RID),
        ctypes.c_float.from_address(record + OFFSET_QUAL).value,
        n_allele,
        [alleles[index] for index in range(n_allele)],
        [filters[index] for index in range(n_filter)],
        int32_at(OFFSET_ERRCODE),
    )
