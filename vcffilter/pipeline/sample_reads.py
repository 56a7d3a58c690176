"""Whose reads are whose: the samples of the calls, and the files and read groups that hold their reads.

Knows names and headers; opens no reads and scores nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vcffilter.errors import ReadsFileError, UsageError
from vcffilter.reads.alignment_file import AlignmentHeader

logger = logging.getLogger(__name__)

#: From so many samples of the calls on each is scored by its own reads.
SEVERAL_SAMPLES = 2
#: Names listed in one message.
_MOST_NAMES = 10


@dataclass(frozen=True)
class ReadsFile:
    """What -b gives. sample: of the calls, whose reads all of the file's are; None = as its read groups say."""

    path: str
    sample: str | None = None


@dataclass(frozen=True)
class SampleReads:
    """The reads of one sample, or of all together.

    column: the sample's in the records; None = reads are pooled. files: header of each file, and the samples whose read groups
    are taken of it (none = all reads).
    """

    column: int | None
    files: tuple[tuple[AlignmentHeader, tuple[str, ...]], ...]


def reads_file(text: str) -> ReadsFile:
    """FILE or NAME=FILE; the name of a file that is there is never split."""
    name, equals, path = text.partition("=")
    if not equals or not name or os.path.exists(text):
        return ReadsFile(text)
    return ReadsFile(path, name)


def read_sample_map(path: str) -> dict[str, str]:
    """SAMPLE (of the calls) by NAME (an @RG SM, or a file as given to -b), from lines of NAME, tab, SAMPLE. Raises UsageError."""
    try:
        with open(path, encoding="utf-8") as lines:
            rows = [line.rstrip("\r\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the sample map {path} cannot be read ({error})", hint="Give NAME, a tab, SAMPLE in each line"
        ) from error
    sample_of: dict[str, str] = {}
    for row in rows:
        if len(row) != 2 or not all(row):
            raise UsageError(
                f"the sample map {path} has a line of {len(row)} columns: {' '.join(row)[:60]!r}",
                hint="Give NAME (an @RG SM or a file of -b), a tab, and the sample's name in the calls",
            )
        if sample_of.setdefault(row[0], row[1]) != row[1]:
            raise UsageError(f"the sample map {path} gives {row[0]} to two samples", hint="Give each name once")
    return sample_of


def relabelled(header: AlignmentHeader, file: ReadsFile, sample_of: Mapping[str, str]) -> AlignmentHeader:
    """The header with read groups under the names of the calls: all under one where the file was given to a sample."""
    sample = file.sample or sample_of.get(file.path)
    if sample is not None:
        groups = tuple(group for of_sample in header.groups_of_sample.values() for group in of_sample)
        return replace(header, groups_of_sample={sample: groups})
    groups_of_sample: dict[str, tuple[str, ...]] = {}
    for name, of_sample in header.groups_of_sample.items():
        known = sample_of.get(name, name)
        groups_of_sample[known] = groups_of_sample.get(known, ()) + of_sample
    return replace(header, groups_of_sample=groups_of_sample)


def check_names(
    files: Sequence[ReadsFile], sample_of: Mapping[str, str], headers: Sequence[AlignmentHeader], known: Sequence[str]
) -> None:
    """Raise UsageError where a sample is named that the calls lack, or where the map names nothing that is there.

    headers: as they were read. known: every sample of the calls; none = they are sites only, and any name is fine.
    """
    for file in files:
        if file.sample is not None and known and file.sample not in known:
            raise UsageError(
                f"-b {file.sample}={file.path}: no sample of the calls has that name", hint=f"They have: {_listed(known)}"
            )
    named = {name for header in headers for name in header.groups_of_sample} | {file.path for file in files}
    if sample_of and not named & set(sample_of):
        raise UsageError(
            "--sample-map names no sample of the reads and no file of -b",
            hint=f"The reads are of: {_listed(sorted(named - {file.path for file in files}))}",
        )


def pooled_reads(headers: Sequence[AlignmentHeader], whole: Sequence[bool], samples: Sequence[str]) -> SampleReads:
    """All reads as those of one sample, as calls of one sample or none want them.

    whole: of each file, whether it was given to a sample by name. samples: of -s; only the reads of their read groups, and files
    without any are left out, where another has some. Raises ReadsFileError where none has.
    """
    if not samples:
        return SampleReads(None, tuple((header, ()) for header in headers))
    wanted = tuple(samples)
    files = [
        (header, () if is_whole else wanted)
        for header, is_whole in zip(headers, whole, strict=True)
        if any(sample in header.groups_of_sample for sample in wanted)
    ]
    if not files:
        _refuse_strangers(headers, wanted, "-s")
    return SampleReads(None, tuple(files))


def reads_of_samples(
    headers: Sequence[AlignmentHeader], whole: Sequence[bool], samples: Sequence[str]
) -> tuple[SampleReads, ...]:
    """The reads of each sample of the calls that has any, in the order of the columns.

    A file all of whose read groups are of one sample is read whole, else by read group. samples: of the records, in order.
    Raises ReadsFileError where no reads are of any of them.
    """
    found = []
    for column, sample in enumerate(samples):
        files = tuple(
            (header, () if is_whole or set(header.groups_of_sample) == {sample} else (sample,))
            for header, is_whole in zip(headers, whole, strict=True)
            if sample in header.groups_of_sample
        )
        if files:
            found.append(SampleReads(column, files))
    if not found:
        _refuse_strangers(headers, samples, "the calls")
    logger.info("%d of %d samples of the calls have reads; each is scored by its own", len(found), len(samples))
    return tuple(found)


def _refuse_strangers(headers: Sequence[AlignmentHeader], samples: Sequence[str], whose: str) -> None:
    """Raise ReadsFileError: no reads are of the samples that are asked for."""
    there = list(dict.fromkeys(name for header in headers for name in header.groups_of_sample if name))
    raise ReadsFileError(
        f"no read group (@RG SM) is of a sample of {whose} ({_listed(samples)}); samples of the reads: "
        f"{_listed(there) if there else 'none is named'}",
        path=", ".join(header.path for header in headers[:3]),
        hint="Say whose reads a file holds with -b NAME=FILE, or translate names with --sample-map",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
