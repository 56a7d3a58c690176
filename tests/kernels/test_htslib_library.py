"""Which htslib is used, and that whatever was found of it is true."""

from __future__ import annotations

import ctypes.util
import subprocess
import sys

import pytest

from vcffilter.kernels import htslib_library
from vcffilter.kernels.htslib import load_htslib
from vcffilter.kernels.htslib_library import (
    HtslibLayoutError,
    HtslibLibrary,
    choose_inflating,
    described,
    installed_libraries,
    library_of,
)

PLAIN = HtslibLibrary("pysam", "/a.so", "1.24", has_libdeflate=False)
FAST_PYSAM = HtslibLibrary("pysam", "/a.so", "1.24", has_libdeflate=True)
FAST = HtslibLibrary("cyvcf2", "/b.so", "1.19", has_libdeflate=True)
PLAIN_TOO = HtslibLibrary("cyvcf2", "/b.so", "1.19", has_libdeflate=False)


def _no_fault(_: HtslibLibrary) -> None:
    return None


def _faulty(*wrong: HtslibLibrary):
    return lambda library: "no bam_init1" if library in wrong else None


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [
        ((PLAIN, FAST), FAST),
        ((PLAIN, PLAIN_TOO), PLAIN),
        ((FAST_PYSAM, FAST), FAST_PYSAM),
        ((FAST_PYSAM, PLAIN_TOO), FAST_PYSAM),
        ((PLAIN,), PLAIN),
        ((FAST,), FAST),
    ],
)
def test_the_first_with_libdeflate_else_the_first(libraries, expected) -> None:
    chosen, reason = choose_inflating(libraries, _no_fault)
    assert chosen == expected
    assert reason == ("the first that has it" if expected.has_libdeflate else "none that can be used has it")


def test_a_faulty_library_is_passed_over_and_named() -> None:
    chosen, reason = choose_inflating((PLAIN, FAST), _faulty(FAST))
    assert chosen == PLAIN
    assert "cyvcf2" in reason
    assert "no bam_init1" in reason


def test_only_what_may_be_chosen_is_tried() -> None:
    tried: list[HtslibLibrary] = []
    choose_inflating((PLAIN, FAST), tried.append)  # type: ignore[arg-type]
    assert tried == [FAST]


def test_none_that_can_be_used() -> None:
    with pytest.raises(HtslibLayoutError, match=r"1\.19 in cyvcf2.*no bam_init1.*1\.24 in pysam.*no bam_init1"):
        choose_inflating((PLAIN, FAST), _faulty(PLAIN, FAST))
    with pytest.raises(HtslibLayoutError, match="neither pysam nor cyvcf2"):
        choose_inflating((), _no_fault)
    with pytest.raises(HtslibLayoutError, match="pysam"):
        library_of("pysam", (FAST,))


def test_what_cannot_be_loaded_or_is_no_htslib(tmp_path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"not a library")
    assert described("cyvcf2", str(broken)) is None
    assert described("cyvcf2", ctypes.util.find_library("c") or "libc.so.6") is None


def test_what_was_found_is_so_and_chosen() -> None:
    libraries = installed_libraries()
    assert libraries[0].package == "pysam"
    for library in libraries:
        loaded = ctypes.CDLL(library.path)
        loaded.hts_feature_string.restype = ctypes.c_char_p
        assert (b"libdeflate=yes" in loaded.hts_feature_string()) == library.has_libdeflate
    chosen = load_htslib()
    assert chosen.bam.origin.has_libdeflate == any(library.has_libdeflate for library in libraries)
    assert chosen.cram.origin == libraries[0]


def test_a_library_without_the_functions_is_passed_over() -> None:
    pysam_library = library_of("pysam", installed_libraries())
    no_htslib = HtslibLibrary("cyvcf2", ctypes.util.find_library("c") or "libc.so.6", "1.19", has_libdeflate=True)
    without = HtslibLibrary("pysam", pysam_library.path, pysam_library.version, has_libdeflate=False)
    assert load_htslib(installed=(without, no_htslib)).bam.origin == without
    with pytest.raises(HtslibLayoutError, match="does not export hts_open"):
        load_htslib(no_htslib)


def test_looking_for_libraries_imports_no_package() -> None:
    code = (
        "import sys\nfrom vcffilter.kernels.htslib_library import installed_libraries\nassert installed_libraries()\n"
        "sys.exit(str({'pysam', 'cyvcf2', 'numba', 'numpy'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_the_log_level_reaches_every_library() -> None:
    loaded = [ctypes.CDLL(library.path) for library in installed_libraries()]
    before = [library.hts_get_log_level() for library in loaded]
    try:
        for level in (0, 3):
            htslib_library.set_log_level(level)
            assert [library.hts_get_log_level() for library in loaded] == [level] * len(loaded)
    finally:
        for library, level in zip(loaded, before, strict=True):
            library.hts_set_log_level(level)
