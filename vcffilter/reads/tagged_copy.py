"""Some reads of BAM or CRAM files, copied into one BAM with values of theirs as tags. Knows nothing of what the values mean.

Reads are those of the flat arrays: found again by name, flag and start.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pysam

from vcffilter.errors import ReadsFileError, UsageError
from vcffilter.files import UnfinishedFile, output_error, publish
from vcffilter.kernels.reads import ReadArrays, hash_array

#: (contig, hash of the name, SAM flag, start).
ReadKey = tuple[str, int, int, int]
#: Tags for local use (SAM spec): the strongest value, the second value that goes with it, all of them with what they are of, and
#: the colour that IGV gives the read.
VALUE_TAG, SECOND_TAG, ALL_TAG, COLOUR_TAG = "YL", "YI", "YV", "YC"
_FOR, _AGAINST = (0, 114, 178), (213, 94, 0)


class ReadValue(NamedTuple):
    """second: NaN where there is none."""

    what: str
    value: float
    second: float


@dataclass
class ReadValues:
    """Values of reads, gathered call by call; one read may have one of each call that it lies over."""

    of_read: dict[ReadKey, list[ReadValue]] = field(default_factory=dict)

    def add(self, contig: str, what: str, reads: ReadArrays, values: np.ndarray, second: np.ndarray) -> None:
        """what: name of the values, without white space, ';' and '='. values, second: float64 (n_reads,), NaN = none.

        Reads without a first value are left out.
        """
        for read in np.flatnonzero(~np.isnan(values)):
            key = (contig, int(reads.name_hash[read]), int(reads.flag[read]), int(reads.start0[read]))
            self.of_read.setdefault(key, []).append(ReadValue(what, float(values[read]), float(second[read])))


def write_tagged_reads(
    output: str, reads_paths: Sequence[str], reference_path: str, values: ReadValues, program_line: dict[str, str]
) -> int:
    """Write a BAM, sorted, and its index, of every read that has a value; returns how many.

    program_line: the fields of an @PG line. Raises UsageError where the files have other contigs, ReadsFileError, OutputError.
    """
    files: list[pysam.AlignmentFile] = []
    try:
        for path in reads_paths:
            files.append(pysam.AlignmentFile(path, reference_filename=reference_path))  # noqa: PERF401 (what is open must be known)
        header = _header(files, reads_paths, program_line)
        largest = max((abs(one.value) for found in values.of_read.values() for one in found), default=1.0) or 1.0
        records = [read for file in files for read in _tagged(file, values, largest)]
    except (OSError, ValueError) as error:
        raise ReadsFileError(f"cannot be read ({error})", path=", ".join(reads_paths)) from error
    finally:
        for file in files:
            file.close()
    records.sort(key=lambda read: (read.reference_id, read.reference_start, read.query_name, read.flag))
    index = f"{output}.bai"
    with UnfinishedFile(output) as bam, UnfinishedFile(index) as bai:
        try:
            with pysam.AlignmentFile(os.fspath(bam.path), "wb", header=header) as out:
                for read in records:
                    out.write(read)
            pysam.index("-o", os.fspath(bai.path), os.fspath(bam.path))
        except (OSError, pysam.SamtoolsError) as error:
            raise output_error(output, error if isinstance(error, OSError) else OSError(str(error))) from error
        publish([bam, bai])
    return len(records)


def _header(files: Sequence[pysam.AlignmentFile], paths: Sequence[str], program_line: dict[str, str]) -> pysam.AlignmentHeader:
    """That of the first file, with the read groups of all."""
    first = files[0].header.to_dict()
    for file, path in zip(files[1:], paths[1:], strict=True):
        if (file.references, file.lengths) != (files[0].references, files[0].lengths):
            raise UsageError(f"{path} has other contigs than {paths[0]}, and one BAM has one list", hint="Give one file with -b")
        known = {group["ID"] for group in first.get("RG", [])}
        more = [group for group in file.header.to_dict().get("RG", []) if group["ID"] not in known]
        if more:
            first["RG"] = [*first.get("RG", []), *more]
    first["HD"] = {**{"VN": "1.6"}, **first.get("HD", {}), "SO": "coordinate"}
    taken = {line.get("ID") for line in first.get("PG", [])}
    name = next(name for name in _numbered(program_line["ID"]) if name not in taken)
    first["PG"] = [*first.get("PG", []), {**program_line, "ID": name}]
    return pysam.AlignmentHeader.from_dict(first)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 1
    while True:
        yield f"{name}.{number}"
        number += 1


def _tagged(file: pysam.AlignmentFile, values: ReadValues, largest: float) -> Iterator[pysam.AlignedSegment]:
    """The file's reads that have values, tagged; each once."""
    places: dict[str, set[int]] = {}
    for contig, _, _, start0 in values.of_read:
        places.setdefault(contig, set()).add(start0)
    for contig, starts in places.items():
        if contig not in file.references:
            continue
        for first, last in _joined(sorted(starts)):
            for read in file.fetch(contig, first, last + 1):
                if not first <= read.reference_start <= last:
                    continue
                name = np.frombuffer((read.query_name or "").encode("utf-8", "surrogateescape"), np.uint8)
                found = values.of_read.get((contig, int(hash_array(name)), read.flag, read.reference_start))
                if found is not None:
                    _tag(read, found, largest)
                    yield read


def _joined(starts: Sequence[int], gap: int = 1000) -> Iterator[tuple[int, int]]:
    """Sorted places as ranges (first, last) of what lies near each other."""
    first = last = starts[0]
    for start in starts[1:]:
        if start - last > gap:
            yield first, last
            first = start
        last = start
    yield first, last


def _tag(read: pysam.AlignedSegment, found: Sequence[ReadValue], largest: float) -> None:
    strongest = max(found, key=lambda one: abs(one.value))
    strength = abs(strongest.value) / largest
    colour = _FOR if strongest.value > 0 else _AGAINST
    shade = (str(round(235 - (235 - part) * strength)) for part in colour)
    read.set_tag(VALUE_TAG, strongest.value, "f")
    if not math.isnan(strongest.second):
        read.set_tag(SECOND_TAG, strongest.second, "f")
    read.set_tag(ALL_TAG, ";".join(f"{one.what}={one.value:.4f}" for one in found), "Z")
    read.set_tag(COLOUR_TAG, ",".join(shade), "Z")
