"""What can be said of a run before its first record, from headers and file times alone: the cheap part of `check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vcffilter.inspection.contigs import contigs_of_calls
from vcffilter.inspection.indexes import stale_indexes
from vcffilter.inspection.region_names import unknown_regions
from vcffilter.inspection.samples import reads_left_out, sample_mismatch
from vcffilter.inspection.somatic import somatic_warning
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.reads.alignment_file import AlignmentHeader
from vcffilter.variants.intervals import Regions


@dataclass(frozen=True)
class AskedRegions:
    """Regions that the user asked for. option: as written, such as "-r". is_file: whether it names a file of regions."""

    option: str
    regions: Regions
    is_file: bool


def warnings_before_run(
    header_text: str,
    samples: Sequence[str],
    headers: Sequence[AlignmentHeader],
    *,
    variants_path: str,
    reference_path: str,
    model_id: str,
    model_description: str,
    all_samples: Sequence[str] = (),
    asked: Sequence[AskedRegions] = (),
    uses_index: bool = False,
) -> Iterator[RunWarning]:
    """Warnings from the headers of calls and reads.

    header_text, samples: of the calls. headers: of the reads. all_samples: of the calls, where only some are asked for.
    asked: regions. uses_index: whether the calls' index is used.
    """
    for warning in (sample_mismatch(samples, headers), reads_left_out(samples, all_samples or samples, headers)):
        if warning is not None:
            yield warning
    paths = [*(reads.path for reads in headers), reference_path]
    if uses_index:
        paths.append(variants_path)
    yield from stale_indexes(paths)
    contigs = list(contigs_of_calls(header_text)) if asked else []
    for one in asked:
        yield from unknown_regions(one.regions, one.option, one.is_file, contigs)
    somatic = somatic_warning(header_text, model_id, model_description)
    if somatic is not None:
        yield somatic
