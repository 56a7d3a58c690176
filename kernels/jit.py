"""The one place that sets numba's options, so that every kernel compiles alike.

Kernels hold no Python objects and release the GIL. Compiled code is cached beside the source, in the user's cache directory where
that is read-only, and in a temporary directory where neither can be written (read-only images).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

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

#: Versions of numba whose compiler `compiling` knows: from, below.
_KNOWN_NUMBA = (0, 60), (0, 69)


def _decorator(*, is_entry: bool, **options: bool) -> Callable[[Callable[..., Any]], Any]:
    first, below = _KNOWN_NUMBA
    cache = _CAN_CACHE and is_entry
    if numba.config.DISABLE_JIT or not first <= numba.version_info.short < below:
        return numba.njit(cache=cache, forceinline=not is_entry, **options)
    from vcffilter.kernels.compiling import kernel_decorator

    return kernel_decorator(is_entry=is_entry, cache=cache, **options)


# No kernel allocates, so none needs numba's reference counts (`_nrt`), which are atomic and would be taken on every array of
# every named tuple at every call.
_OPTIONS = {"nogil": True, "boundscheck": False, "fastmath": False, "_nrt": False, "no_cfunc_wrapper": True}

#: Decorator of every kernel.
kernel = _decorator(is_entry=True, **_OPTIONS)
#: Decorator of small functions called inside a kernel's loops. They cannot be called from Python.
inline_kernel = _decorator(is_entry=False, no_cpython_wrapper=True, **_OPTIONS)

if TYPE_CHECKING:

    def int64(value: Any) -> int:
        """A signed 64-bit integer."""
        return int(value)

else:
    #: np.int64 where a kernel mixes small or unsigned integers with its counters: compiled they are of one kind, and so the type
    #: checker takes them. (`int` would keep unsigned what is unsigned.)
    int64 = np.int64
