"""Which htslib: several installed packages carry one of their own, and they inflate at very different rates.

A library that was built with libdeflate inflates the blocks of a BAM in about half of the time. Two of them in one process know
nothing of each other: no pointer that one made may go to the other. This module imports none of the packages.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

logger = logging.getLogger(__name__)

#: (package, name of the extension module in it that exports htslib's functions), the preferred one first.
_PLACES = (("pysam", "libchtslib"), ("cyvcf2", "cyvcf2"))
#: HTS_FEATURE_LIBDEFLATE of htslib/hts.h.
_LIBDEFLATE_BIT = 1 << 20


class HtslibLayoutError(RuntimeError):
    """No installed htslib has what the kernels call, laid out as they read it."""


@dataclass(frozen=True)
class HtslibLibrary:
    """An htslib inside an installed package. path: of the shared object. version: as htslib says it."""

    package: str
    path: str
    version: str
    has_libdeflate: bool

    def __str__(self) -> str:
        return f"htslib {self.version} in {self.package}, {'with' if self.has_libdeflate else 'without'} libdeflate"


@cache
def installed_libraries() -> tuple[HtslibLibrary, ...]:
    """Every htslib that can be loaded, pysam's first."""
    found = (described(package, path) for package, module in _PLACES for path in _shared_objects(package, module))
    return tuple(library for library in found if library is not None)


def described(package: str, path: str) -> HtslibLibrary | None:
    """What a shared object says of itself; None when it cannot be loaded or exports no htslib."""
    try:
        library = ctypes.CDLL(path)
        library.hts_version.restype = ctypes.c_char_p
        library.hts_features.restype = ctypes.c_uint
        version, features = library.hts_version().decode(), library.hts_features()
    except (OSError, AttributeError) as error:
        logger.debug("%s offers no htslib: %s", path, error)
        return None
    return HtslibLibrary(package, path, version, bool(features & _LIBDEFLATE_BIT))


def _shared_objects(package: str, module: str) -> list[str]:
    # Finding a package without importing it: its own start-up is not wanted here.
    spec = importlib.util.find_spec(package)
    folders = [] if spec is None else spec.submodule_search_locations or []
    names = [module + suffix for suffix in importlib.machinery.EXTENSION_SUFFIXES]
    return [str(path) for folder in folders for name in names if (path := Path(folder) / name).is_file()]


def library_of(package: str, libraries: Sequence[HtslibLibrary]) -> HtslibLibrary:
    """The htslib of a package. Raises HtslibLayoutError when it is not among the libraries."""
    for library in libraries:
        if library.package == package:
            return library
    raise HtslibLayoutError(f"no htslib was found in {package}: it is not installed, or cannot be loaded (-v says why)")


def choose_inflating(
    libraries: Sequence[HtslibLibrary], fault_of: Callable[[HtslibLibrary], str | None]
) -> tuple[HtslibLibrary, str]:
    """The library that inflates BGZF blocks best, and why it was chosen.

    The first one with libdeflate, or the first one where none has it. fault_of: why a library cannot be used, or None;
    asked of a library only before it is chosen. Raises HtslibLayoutError, with every fault, when none can be used.
    """
    faults: list[str] = []
    for library in sorted(libraries, key=lambda library: not library.has_libdeflate):
        fault = fault_of(library)
        if fault is None:
            reason = "the first that has it" if library.has_libdeflate else "none that can be used has it"
            return library, "; ".join([reason, *faults])
        faults.append(f"{library} cannot be used: {fault}")
    raise HtslibLayoutError("; ".join(faults) or "neither pysam nor cyvcf2 carries an htslib that can be loaded")


def set_log_level(level: int) -> None:
    """How much every htslib itself says on stderr: 0 nothing, 1 errors, 3 warnings."""
    for library in installed_libraries():
        ctypes.CDLL(library.path).hts_set_log_level(level)
