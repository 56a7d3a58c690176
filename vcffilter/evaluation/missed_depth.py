"""Reads at places that no call describes. Without reads every depth is unknown. Knows no variants."""

from __future__ import annotations

from collections.abc import Sequence

import pysam

from vcffilter.errors import ReadsFileError
from vcffilter.reads.alignment_file import forbid_network_references
from vcffilter.truth.call_sets import UNKNOWN_DEPTH


class DepthCounter:
    """Counts reads over single bases of indexed BAM or CRAM files; use it with `with`. Raises ReadsFileError."""

    def __init__(self, paths: Sequence[str], reference: str) -> None:
        self._files = [_open(path, reference) for path in paths]

    def __enter__(self) -> DepthCounter:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def at(self, contig: str, pos0: int) -> int:
        """Fragments over the base: no duplicates, secondary, supplementary or failed reads; UNKNOWN_DEPTH without files."""
        if not self._files:
            return UNKNOWN_DEPTH
        names = set()
        for number, file in enumerate(self._files):
            if contig in file.references:
                for read in file.fetch(contig, pos0, pos0 + 1):
                    if not read.flag & 0xF04:
                        names.add((number, read.query_name))
        return len(names)


def _open(path: str, reference: str) -> pysam.AlignmentFile:
    forbid_network_references()
    verbosity = pysam.set_verbosity(0)
    try:
        file = pysam.AlignmentFile(path, reference_filename=reference)
        has_index = file.has_index()
    except (OSError, ValueError) as error:
        raise ReadsFileError(f"cannot be read as BAM or CRAM ({error})", path=path) from error
    finally:
        pysam.set_verbosity(verbosity)
    if not has_index:
        file.close()
        raise ReadsFileError("has no index", path=path, hint=f"Index it with: samtools index {path}")
    return file
