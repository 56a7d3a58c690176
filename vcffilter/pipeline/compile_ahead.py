"""The largest kernel, compiled by a second process while this one imports torch and compiles the others.

Only in the first run after installing: the compiled code goes into numba's cache, from where this process takes it. Whatever goes
wrong in the second process costs time, nothing else: the kernel is then compiled here, as it is needed. Knows no reads, no VCF.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from vcffilter.kernels.alleles import empty_alleles
from vcffilter.kernels.encode import FEATURE_NAMES, N_COUNTS, empty_encode_scratch, encode_alleles
from vcffilter.kernels.reads import empty_reads
from vcffilter.kernels.reference import ReferenceSegments
from vcffilter.kernels.scan import empty_events

logger = logging.getLogger(__name__)

#: A compiler that takes longer than this is not waited for.
_MOST_SECONDS = 300.0


class CompileAhead:
    """Compiles the encoding kernel in a process of its own, if numba's cache does not hold it and there is a core to spare."""

    def __init__(self) -> None:
        self._process = _start() if _is_worth_it() else None

    def wait(self) -> None:
        """Come back when the kernel is in the cache, or will not be. From any thread; at once where nothing was started."""
        if self._process is None:
            return
        try:
            code = self._process.wait(_MOST_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            logger.info("the encoding kernel was not compiled ahead (%s); compiling it here", code)

    def stop(self) -> None:
        """End the process, where one still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _is_worth_it() -> bool:
    folder = getattr(getattr(encode_alleles, "stats", None), "cache_path", None)
    if folder is None or _n_cores() < 2:
        return False
    return not any(Path(folder).glob("encode.encode_alleles-*.nbi"))


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start() -> subprocess.Popen[bytes] | None:
    nothing = subprocess.DEVNULL
    try:
        # -P: the folder that the command runs in is no place to import from.
        return subprocess.Popen([sys.executable, "-P", "-m", __name__], stdin=nothing, stdout=nothing, stderr=nothing)
    except OSError as error:
        logger.info("no second process to compile in: %s", error)
        return None


def main() -> None:
    """Encode no allele, which compiles the kernel for the types that the encoder gives it where a model takes no tensor."""
    none = np.zeros(0, np.int64)
    encode_alleles(
        empty_alleles(0, 0),
        ReferenceSegments(none, none, np.zeros(1, np.int64), np.zeros(0, np.uint8)),
        empty_reads(),
        0,
        empty_events(0, 0, 0),
        none,
        none,
        empty_encode_scratch(0),
        np.zeros((0, len(FEATURE_NAMES)), np.float32),
        None,
        np.zeros((0, N_COUNTS), np.int32),
    )


if __name__ == "__main__":
    main()
