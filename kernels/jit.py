"""The one place that sets numba's options, so that every kernel compiles alike. By numba's public face only.

Kernels hold no Python objects and release the GIL. What is compiled is kept from run to run (`code_cache`); a fault of that
folder costs time, never the run.
"""

from __future__ import annotations

import functools
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.core import event

import vcffilter
from vcffilter.kernels.code_cache import choose_folder, possible_parents, source_digest

logger = logging.getLogger(__name__)

# No kernel allocates, so none needs numba's reference counts (`_nrt`), which are atomic and would be taken on every array of
# every named tuple at every call. Nobody calls a kernel from C.
_OPTIONS = {"nogil": True, "boundscheck": False, "fastmath": False, "_nrt": False, "no_cfunc_wrapper": True}

_COMPILERS = (f"numba {numba.__version__}", f"numpy {np.__version__}")
_FOLDER = choose_folder(possible_parents(), source_digest(Path(vcffilter.__file__).parent, *_COMPILERS))


def cache_folder() -> Path | None:
    """Where compiled kernels are kept; None where every run compiles them."""
    return _FOLDER


class _Notice(event.Listener):
    """Says once that kernels are being compiled: nothing else explains why the first run takes so long."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, started: event.Event) -> None:
        if self._said or not started.data["dispatcher"].py_func.__module__.startswith("vcffilter."):
            return
        self._said = True
        if _FOLDER is None:
            logger.warning(
                "compiling kernels, up to a minute, in every run: there is no folder to keep them in. "
                "Set NUMBA_CACHE_DIR to one that you can write to"
            )
        else:
            logger.info("compiling kernels, up to a minute, once: they are kept in %s", _FOLDER)

    def on_end(self, ended: event.Event) -> None:
        """Nothing to say."""


event.register("numba:compile", _Notice())


def _compiled(function: Callable[..., Any], *, cache: bool) -> Any:
    """A numba function that keeps its code in `_FOLDER`. numba asks for the folder here and now: nobody else's is changed."""
    if not cache:
        return numba.njit(**_OPTIONS)(function)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_FOLDER)
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = before


class Kernel:
    """A compiled function, called from Python. numba reads and writes its cache within the first call, before the code runs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._call = _compiled(function, cache=_FOLDER is not None)
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function."""
        try:
            return self._call(*arguments)
        except (EOFError, pickle.UnpicklingError):
            self._drop_cached()
        except OSError as error:
            _say_once(f"compiled kernels cannot be kept: {error}. Make room there, or set NUMBA_CACHE_DIR to another folder")
        return self._call_again(*arguments)

    @property
    def signatures(self) -> list[Any]:
        """The types of arguments that it was compiled for, or loaded, in this process."""
        return list(self._call.signatures)

    def _call_again(self, *arguments: Any) -> Any:
        # Code that could not be written is compiled nonetheless, and numba now has it; code that could not be read it has not.
        try:
            return self._call(*arguments)
        except (EOFError, pickle.UnpicklingError, OSError):
            self._call = _compiled(self._function, cache=False)
            return self._call(*arguments)

    def _drop_cached(self) -> None:
        """Remove what is cached of this function: a file of it was cut, as a power failure or a full disk leaves them."""
        folder = Path(self._call.stats.cache_path)
        logger.debug("a cut file in %s: compiling %s again", folder, self._function.__qualname__)
        name = f"{self._function.__module__.rpartition('.')[2]}.{self._function.__qualname__}-"
        for path in folder.glob(f"{name}*"):
            path.unlink(missing_ok=True)


@functools.cache
def _say_once(message: str) -> None:
    logger.warning(message)


#: Decorator of every kernel. Kernels do not call kernels: what they share is an inline kernel.
kernel = Kernel
#: Decorator of small functions called inside a kernel's loops. They cannot be called from Python.
inline_kernel: Callable[[Callable[..., Any]], Any] = numba.njit(no_cpython_wrapper=True, **_OPTIONS)

if TYPE_CHECKING:

    def int64(value: Any) -> int:
        """A signed 64-bit integer."""
        return int(value)

else:
    #: np.int64 where a kernel mixes small or unsigned integers with its counters: compiled they are of one kind, and so the type
    #: checker takes them. (`int` would keep unsigned what is unsigned.)
    int64 = np.int64
