"""The one place that sets numba's options, so that every kernel compiles alike.

Kernels hold no Python objects and release the GIL. Compiled code is cached beside the source, in the user's cache directory where
that is read-only, and in a temporary directory where neither can be written (read-only images).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numba

import vcffilter

_SOURCE = Path(__file__).parent


def _source_digest() -> str:
    """Of everything that is compiled: numba looks at the file of the cached function only, not at those of the functions that it
    calls. The upper floors' own kernels and the constants in them count too.
    """
    package = Path(vcffilter.__file__).parent
    digest = hashlib.sha256()
    for folder in (_SOURCE, package / "variants", package / "annotation"):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _candidates() -> Iterator[Path]:
    yield _SOURCE / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vcffilter"
    yield Path(tempfile.gettempdir()) / f"vcffilter-{os.getuid()}"


def _writable_cache() -> Path | None:
    name = f"numba-{_source_digest()}"
    for parent in _candidates():
        try:
            (parent / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(parent / name, os.W_OK):
            return parent / name
    return None


def _set_cache_directory() -> bool:
    """Tell numba where to keep compiled code; False where it can be kept nowhere."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return True
    directory = _writable_cache()
    if directory is not None:
        numba.config.CACHE_DIR = str(directory)
    return directory is not None


_CAN_CACHE = _set_cache_directory()

#: Decorator of every kernel. No kernel allocates, so none needs numba's reference counts (`_nrt`), which are atomic and would be
#: taken on every array of every named tuple at every call.
kernel = numba.njit(nogil=True, cache=_CAN_CACHE, boundscheck=False, fastmath=False, _nrt=False, no_cfunc_wrapper=True)
#: Decorator of small functions called inside a kernel's loops. Forced inline: as calls they would pass every array of a named
#: tuple by value, field by field. Without wrappers they compile in two thirds of the time, and cannot be called from Python.
inline_kernel = numba.njit(
    nogil=True,
    boundscheck=False,
    fastmath=False,
    forceinline=True,
    _nrt=False,
    no_cfunc_wrapper=True,
    no_cpython_wrapper=True,
)
