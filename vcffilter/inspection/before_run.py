"""What can be said of a run before its first record, from headers and file times alone: the cheap part of `check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vcffilter.inspection.indexes import stale_indexes
from vcffilter.inspection.region_names import unknown_regions
from vcffilter.inspection.samples import sample_mismatch
from vcffilter.inspection.somatic import somatic_warning
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.reads.alignment_file import AlignmentHeader
from vcffilter.variants.header import VariantHeader
from vcffilter.variants.intervals import Regions


@dataclass(frozen=True)
class AskedRegions:
    """Regions that the user asked for. option: as written, such as "-r". by_index: they are found by the calls' index."""

    option: str
    regions: Regions
    is_file: bool
    by_index: bool


def warnings_before_run(
    header: VariantHeader,
    headers: Sequence[AlignmentHeader],
    *,
    variants_path: str,
    reference_path: str,
    model_id: str,
    model_description: str,
    asked: Sequence[AskedRegions] = (),
) -> Iterator[RunWarning]:
    """Warnings from the headers of calls and reads. header: of the calls, headers: of the reads."""
    mismatch = sample_mismatch(header.sample_names(), headers)
    if mismatch is not None:
        yield mismatch
    paths = [*(reads.path for reads in headers), reference_path]
    if any(one.by_index for one in asked):
        paths.append(variants_path)
    yield from stale_indexes(paths)
    contigs = header.contig_name_by_index().values()
    for one in asked:
        yield from unknown_regions(one.regions, one.option, one.is_file, list(contigs))
    somatic = somatic_warning(header.text(), model_id, model_description)
    if somatic is not None:
        yield somatic
