"""What can be said of a run before its first record, from headers and file times alone: the cheap part of `check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vcffilter.inspection.indexes import stale_indexes
from vcffilter.inspection.samples import sample_mismatch
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.reads.alignment_file import AlignmentHeader
from vcffilter.variants.reader import VariantReader


def warnings_before_run(reader: VariantReader, headers: Sequence[AlignmentHeader], reference_path: str) -> Iterator[RunWarning]:
    """Warnings from the headers of calls and reads."""
    mismatch = sample_mismatch(reader.header.sample_names(), headers)
    if mismatch is not None:
        yield mismatch
    yield from stale_indexes([*(header.path for header in headers), reference_path])
