"""Opens a VCF or BCF for htslib, from a path, stdin or an open file; what is none is refused before htslib sees it."""

from __future__ import annotations

import ctypes
import os
import stat

from vcffilter.errors import VariantFileError
from vcffilter.file_kind import FIRST_BYTES, kind_of_bytes, refuse_other_kind
from vcffilter.index_file import refuse_damaged_index_of_variants
from vcffilter.variants.htslib import library


def open_path(path: str, name: str) -> int:
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


def open_descriptor(descriptor: int, name: str) -> int:
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
