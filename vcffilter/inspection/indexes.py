"""Indexes that are older than the files they belong to. Looks at names and times of files only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from vcffilter.pipeline.run_warnings import RunWarning

#: Ending of a file -> endings its index may have, behind the whole name or in the place of the ending, and what makes it anew.
_INDEXES = {
    ".bam": ((".bai", ".csi"), "samtools index"),
    ".cram": ((".crai",), "samtools index"),
    ".vcf.gz": ((".tbi", ".csi"), "bcftools index -f"),
    ".vcf.bgz": ((".tbi", ".csi"), "bcftools index -f"),
    ".bcf": ((".csi",), "bcftools index -f"),
    ".fa": ((".fai",), "samtools faidx"),
    ".fasta": ((".fai",), "samtools faidx"),
    ".fna": ((".fai",), "samtools faidx"),
    ".gz": ((".fai", ".gzi"), "samtools faidx"),
}
#: Copying a file and its index in one go may put the index first.
_TOLERATED_SECONDS = 60.0


def index_of(path: str) -> str | None:
    """The index beside a file, None where there is none; the first that htslib would take."""
    return next(_indexes_of(path), None)


def _indexes_of(path: str) -> Iterator[str]:
    for ending, (index_endings, _) in _INDEXES.items():
        if path.endswith(ending):
            names = [name for kind in index_endings for name in (path + kind, path.removesuffix(ending) + kind)]
            yield from (name for name in names if os.path.isfile(name))
            return


def index_command(path: str) -> str:
    """The command that indexes a file."""
    return f"{next(command for ending, (_, command) in _INDEXES.items() if path.endswith(ending))} {path}"


def stale_indexes(paths: Iterable[str]) -> Iterator[RunWarning]:
    """A warning for every index that is older than its file."""
    for path in paths:
        for index in _indexes_of(path):
            if os.path.getmtime(index) < os.path.getmtime(path) - _TOLERATED_SECONDS:
                yield RunWarning(
                    "stale_index",
                    f"{index} is older than {path}: it may point to the wrong places",
                    f"Index it again: {index_command(path)}",
                )
