"""What a run of `filter` is asked for, and the files that it names. Opens nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass

_INDEX_ENDINGS = (".bai", ".csi", ".tbi", ".crai", ".fai", ".gzi")


@dataclass(frozen=True)
class FilterOptions:
    """What a run is asked for; `pileup-filter filter --help` says what each means. Lists are comma-separated, as there."""

    variants: str
    reads_paths: tuple[str, ...]
    reference_path: str
    regions: str | None = None
    regions_file: str | None = None
    targets: str | None = None
    targets_file: str | None = None
    samples: str | None = None
    samples_file: str | None = None
    sample_map: str | None = None
    background_paths: tuple[str, ...] = ()
    background_filter: bool = False
    use_supplementary: bool = False
    allow_ref_mismatch: bool = False
    output: str = "-"
    output_type: str | None = None
    write_index: str | None = None
    mode: str = "append"
    annotate_only: bool = False
    info_prefix: str = "PILEUP"
    score_key: str | None = None
    with_reasons: bool = False
    sample_ft: bool = False
    no_version: bool = False
    summary_path: str | None = None
    model: str = "illumina-germline"
    stage: str | None = None
    device: str = "auto"
    min_prob_snv: float | None = None
    min_prob_indel: float | None = None
    preset: str | None = None
    target_recall: float | None = None
    fdr: float | None = None
    tier: float | None = None
    bands: tuple[float, ...] | None = None
    n_threads: int = 1
    strict: bool = False
    allow_unscored: bool = False
    quiet: bool = False
    verbose: bool = False

    @property
    def reads_files(self) -> list[str]:
        """The files of -b, without the samples that they are given to."""
        from vcffilter.pipeline.sample_reads import reads_file

        return [reads_file(text).path for text in self.reads_paths]

    @property
    def background_files(self) -> list[str]:
        """The files of --background, without names."""
        from vcffilter.pipeline.sample_reads import reads_file

        return [reads_file(text).path for text in self.background_paths]

    @property
    def input_paths(self) -> list[str]:
        """Files that are read, their indexes included, whether there or not."""
        optional = (self.regions_file, self.targets_file, self.samples_file, self.sample_map)
        named = [self.variants, *self.reads_files, *self.background_files, self.reference_path, self.model, *optional]
        files = [name.removeprefix("^") for name in named if name not in (None, "-")]
        return [*files, *(os.path.splitext(file)[0] + end for file in files for end in _INDEX_ENDINGS),
                *(file + end for file in files for end in _INDEX_ENDINGS)]  # fmt: skip

    @property
    def output_paths(self) -> list[str]:
        """Files that are written."""
        index = f"{self.output}.{self.write_index}" if self.write_index else None
        return [name for name in (self.output, index, self.summary_path) if name not in (None, "-")]
