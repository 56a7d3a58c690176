"""Writes placed reads as a sorted, indexed BAM or CRAM. Knows CIGARs and flags, not how reads came to be."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from vcffilter.simulation.alignment import INTRON_LENGTH, Placement, mismatches
from vcffilter.simulation.fragments import Fragments
from vcffilter.simulation.reference import Reference
from vcffilter.simulation.sequencing import ReadBatch
from vcffilter.version import __version__

_M, _I, _D, _N, _S, _EQ, _X = 0, 1, 2, 3, 4, 7, 8
_PAIRED, _PROPER, _UNMAPPED, _MATE_UNMAPPED, _REVERSE, _MATE_REVERSE = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
_FIRST, _SECOND, _QC_FAIL, _DUPLICATE = 0x40, 0x80, 0x200, 0x400
_LONGEST_PROPER = 2_000
_READ_GROUPS = 2


@dataclass(frozen=True)
class ReadLayout:
    """How the reads of a batch stand on the reference.

    cigars: list of (operation, length) per read. start0, end0: int64 (n,), -1 where not mapped. edit_distance: int64 (n,).
    """

    cigars: list[list[tuple[int, int]]]
    start0: np.ndarray
    end0: np.ndarray
    edit_distance: np.ndarray


def alignment_header(reference: Reference, sample: str, platform: str) -> pysam.AlignmentHeader:
    """Header with one contig and two read groups of one sample."""
    groups = [
        {"ID": f"{sample}.{lane}", "SM": sample, "LB": f"{sample}-lib1", "PL": platform, "PU": f"simulated.{lane}"}
        for lane in range(1, _READ_GROUPS + 1)
    ]
    return pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": reference.contig, "LN": len(reference)}],
            "RG": groups,
            "PG": [{"ID": "vcffilter-simulate", "PN": "vcffilter", "VN": __version__}],
        }
    )


def lay_out(batch: ReadBatch, reference: Reference, placement: Placement, *, extended_cigar: bool, spliced: bool) -> ReadLayout:
    """CIGARs and borders that follow from the reference position of every base."""
    position = batch.ref_pos0
    wrong = mismatches(batch, reference)
    here = position >= 0
    operation = np.where(here, np.where(wrong, _X, _EQ) if extended_cigar else _M, _I).astype(np.int64)
    known = np.flatnonzero(here)
    reads_known = batch.read_of_base[known]
    first_known = np.full(len(batch), -1)
    last_known = np.full(len(batch), -1)
    first_known[reads_known[::-1]] = known[::-1]
    last_known[reads_known] = known
    clipped = (np.arange(len(position)) < first_known[batch.read_of_base]) | (
        np.arange(len(position)) > last_known[batch.read_of_base]
    )
    operation[clipped] = _S
    skipped = np.zeros(len(position), np.int64)
    same_read = reads_known[1:] == reads_known[:-1]
    skipped[known[1:][same_read]] = (np.diff(position[known]) - 1)[same_read]
    start0 = np.where(placement.is_mapped, position[np.maximum(first_known, 0)], -1)
    end0 = np.where(placement.is_mapped, position[np.maximum(last_known, 0)] + 1, -1)
    gap_bases = np.bincount(batch.read_of_base, skipped * ~((skipped >= INTRON_LENGTH) & spliced), len(batch))
    edits = np.bincount(batch.read_of_base, wrong | (operation == _I), len(batch)) + gap_bases
    return ReadLayout(_cigars(batch, operation, skipped, spliced), start0, end0, edits.astype(np.int64))


def _cigars(batch: ReadBatch, operation: np.ndarray, skipped: np.ndarray, spliced: bool) -> list[list[tuple[int, int]]]:
    """Runs of one operation; a skip of the reference stands before the base that it leads to."""
    new_run = np.ones(len(operation), bool)
    new_run[1:] = (operation[1:] != operation[:-1]) | (batch.within[1:] == 0) | (skipped[1:] > 0)
    starts = np.flatnonzero(new_run)
    lengths = np.diff(np.append(starts, len(operation)))
    cigars: list[list[tuple[int, int]]] = [[] for _ in range(len(batch))]
    for read, op, n, skip in zip(
        batch.read_of_base[starts].tolist(), operation[starts].tolist(), lengths.tolist(), skipped[starts].tolist(), strict=True
    ):
        if skip > 0:
            cigars[read].append((_N if spliced and skip >= INTRON_LENGTH else _D, skip))
        cigars[read].append((op, n))
    return cigars


class AlignmentWriter:
    """Collects batches in an unsorted file beside `path`, then sorts and indexes.

    Used as a context manager: on an exception the unsorted file is removed and `path` is not written.
    """

    def __init__(self, path: Path, reference: Reference, header: pysam.AlignmentHeader, fasta: Path) -> None:
        self.path = path
        self._reference = reference
        self._header = header
        self._fasta = fasta
        self._unsorted = path.with_name(path.name + ".unsorted.bam")
        self._file = pysam.AlignmentFile(str(self._unsorted), "wbu", header=header)
        self.n_reads = 0

    def __enter__(self) -> AlignmentWriter:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        try:
            if error_type is None:
                self._sort()
        finally:
            self._unsorted.unlink(missing_ok=True)

    def _sort(self) -> None:
        arguments = ["--no-PG", "-o", str(self.path), "-T", str(self._unsorted) + ".part"]
        if self.path.suffix == ".cram":
            # The checksum in the container makes the reference's path unnecessary.
            arguments += ["-O", "cram", "--reference", str(self._fasta)]
        pysam.sort(*arguments, str(self._unsorted))
        pysam.index(str(self.path))

    def write(
        self,
        rng: np.random.Generator,
        batch: ReadBatch,
        fragments: Fragments,
        placement: Placement,
        layout: ReadLayout,
        first_fragment: int,
    ) -> None:
        """Writes the reads of one batch. first_fragment: number of the batch's first fragment, which makes names unique."""
        paired = len(batch) > len(fragments)
        flags = _flags(rng, batch, fragments, placement, layout, paired)
        text = batch.bases.tobytes().decode()
        quals = batch.quals.tobytes()
        offsets = batch.offset.tolist()
        groups = [group["ID"] for group in self._header.to_dict()["RG"]]
        mate_of = (np.arange(len(batch)) ^ 1).tolist() if paired else [-1] * len(batch)
        start0, end0 = layout.start0.tolist(), layout.end0.tolist()
        mapped, mapq, flag = placement.is_mapped.tolist(), placement.mapq.tolist(), flags.tolist()
        fragment, distance = batch.fragment.tolist(), layout.edit_distance.tolist()
        for read in range(len(batch)):
            mate = mate_of[read]
            is_mapped, mate_mapped = mapped[read], mate >= 0 and mapped[mate]
            if not is_mapped and not mate_mapped:
                continue
            record = pysam.AlignedSegment(self._header)
            number = first_fragment + fragment[read]
            record.query_name = f"sim{number:010d}"
            record.flag = flag[read]
            record.reference_id = 0
            # An unmapped read stands beside its mate.
            record.reference_start = start0[read] if is_mapped else start0[mate]
            record.mapping_quality = mapq[read] if is_mapped else 0
            if is_mapped:
                record.cigartuples = layout.cigars[read]
            if mate >= 0:
                record.next_reference_id = 0
                record.next_reference_start = start0[mate] if mate_mapped else start0[read]
                if is_mapped and mate_mapped:
                    left, right = min(start0[read], start0[mate]), max(end0[read], end0[mate])
                    record.template_length = (right - left) * (1 if (start0[read], read) < (start0[mate], mate) else -1)
            record.query_sequence = text[offsets[read] : offsets[read + 1]]
            record.query_qualities = array("B", quals[offsets[read] : offsets[read + 1]])
            record.set_tag("RG", groups[number % _READ_GROUPS], "Z")
            if is_mapped:
                record.set_tag("NM", distance[read], "i")
            self._file.write(record)
            self.n_reads += 1


def _flags(
    rng: np.random.Generator, batch: ReadBatch, fragments: Fragments, placement: Placement, layout: ReadLayout, paired: bool
) -> np.ndarray:
    """SAM flags, int64 (n,)."""
    flags: np.ndarray = np.where(batch.is_reverse, _REVERSE, 0) | np.where(placement.is_mapped, 0, _UNMAPPED)
    flags |= np.where(fragments.is_duplicate[batch.fragment], _DUPLICATE, 0)
    flags |= np.repeat(np.where(rng.random(len(fragments)) < 0.001, _QC_FAIL, 0), 2 if paired else 1)
    if paired:
        mate = np.arange(len(batch)) ^ 1
        both = placement.is_mapped & placement.is_mapped[mate]
        near = np.abs(layout.start0 - layout.start0[mate]) < _LONGEST_PROPER
        flags |= _PAIRED | np.where(batch.is_first, _FIRST, _SECOND) | np.where(both & near, _PROPER, 0)
        flags |= np.where(placement.is_mapped[mate], 0, _MATE_UNMAPPED) | np.where(batch.is_reverse[mate], _MATE_REVERSE, 0)
    return flags
