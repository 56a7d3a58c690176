"""The one place that sets numba's options, so that every kernel compiles alike.

Kernels hold no Python objects and release the GIL. Compiled code is cached beside the source, in the user's cache directory where
that is read-only, and in a temporary directory where neither can be written (read-only images).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numba


def _ensure_cache_directory() -> None:
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    beside_source = Path(__file__).parent / "__pycache__"
    probe = beside_source if beside_source.is_dir() else Path(__file__).parent
    if os.access(probe, os.W_OK):
        return
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vcffilter-numba"
    try:
        user_cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        user_cache = Path(tempfile.gettempdir()) / f"vcffilter-numba-{os.getuid()}"
        user_cache.mkdir(parents=True, exist_ok=True)
    numba.config.CACHE_DIR = str(user_cache)


_ensure_cache_directory()

#: Decorator of every kernel.
kernel = numba.njit(nogil=True, cache=True, boundscheck=False, fastmath=False)
#: Decorator of small functions called inside a kernel's loops.
inline_kernel = numba.njit(nogil=True, cache=True, boundscheck=False, fastmath=False, inline="never")
