"""Compares a filtered call set with the planted truth: what was there, what was kept. Reads files, runs nothing."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pysam

from vcffilter.labelling.files import LabelInputs, label_file, read_labels
from vcffilter.simulation.sample import SampleFiles

TYPES = ("snv", "indel")


@dataclass(frozen=True)
class TypeCounts:
    """ALTs of one type before and after filtering, and the truth found.

    tp_*, fp_*: called ALTs that are real or not. found_*: planted alleles that the call set has. planted: all planted ones.
    """

    tp_before: int
    fp_before: int
    tp_after: int
    fp_after: int
    found_before: int
    found_after: int
    planted: int

    def scores(self, after: bool) -> tuple[float, float, float]:
        """(precision, recall, F1) of the call set after or before filtering; 0 where undefined."""
        tp, fp, found = (
            (self.tp_after, self.fp_after, self.found_after) if after else (self.tp_before, self.fp_before, self.found_before)
        )
        precision = tp / (tp + fp) if tp + fp else 0.0
        recall = found / self.planted if self.planted else 0.0
        total = precision + recall
        return precision, recall, 2 * precision * recall / total if total else 0.0


def compare_with_truth(files: SampleFiles, filtered: Path) -> dict[str, TypeCounts]:
    """Counts per variant type. An ALT is kept where its record's FILTER is PASS or empty."""
    with _silent_htslib():
        return _compare(files, filtered)


@contextlib.contextmanager
def _silent_htslib() -> Iterator[None]:
    """A result straight from the filter has no index yet, which htslib would call an error and which is none here."""
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(verbosity)


def false_by_artefact(files: SampleFiles, filtered: Path) -> dict[str, tuple[int, int]]:
    """{kind of artefact: (false ALTs that pass there, false ALTs called there)}; "elsewhere" where none was planted, such as a
    sequencing error. Of overlapping artefacts the shorter counts: a hidden copy spans hundreds of bases.
    """
    labels = read_labels(files.labels)
    planted = [line.split("\t") for line in files.artefacts.read_text().splitlines()]
    planted.sort(key=lambda fields: int(fields[2]) - int(fields[1]))
    counts: dict[str, tuple[int, int]] = {}
    with _silent_htslib(), pysam.VariantFile(str(filtered)) as variants:
        for record in variants:
            n_false = sum(labels.get((record.chrom, record.pos, record.ref or "", alt)) == "FP" for alt in record.alts or ())
            kind = next((fields[3] for fields in planted if _overlaps(record, fields)), "elsewhere")
            passing, called = counts.get(kind, (0, 0))
            counts[kind] = (passing + n_false * _is_kept(record), called + n_false)
    return {kind: count for kind, count in sorted(counts.items(), key=lambda item: -item[1][0]) if count[1]}


def _overlaps(record: pysam.VariantRecord, bed_fields: list[str]) -> bool:
    contig, start0, end0 = bed_fields[:3]
    return record.chrom == contig and int(start0) < record.stop and record.start < int(end0)


def _is_kept(record: pysam.VariantRecord) -> bool:
    return not record.filter.keys() or record.filter.keys() == ["PASS"]


def _compare(files: SampleFiles, filtered: Path) -> dict[str, TypeCounts]:
    labels = read_labels(files.labels)
    called = {(kind, label, kept): 0 for kind in TYPES for label in ("TP", "FP") for kept in (False, True)}
    with pysam.VariantFile(str(filtered)) as variants:
        for record in variants:
            kept = _is_kept(record)
            for alt in record.alts or ():
                label = labels.get((record.chrom, record.pos, record.ref or "", alt), "OUT")
                if label in ("TP", "FP"):
                    called[_kind(record.ref or "", alt), label, kept] += 1
    before, after = _found(files, files.calls), _found(files, filtered)
    return {
        kind: TypeCounts(
            called[kind, "TP", True] + called[kind, "TP", False],
            called[kind, "FP", True] + called[kind, "FP", False],
            called[kind, "TP", True],
            called[kind, "FP", True],
            before[kind][0],
            after[kind][0],
            before[kind][1],
        )
        for kind in TYPES
    }


def _kind(ref: str, alt: str) -> str:
    return "snv" if len(ref) == len(alt) == 1 else "indel"


def _found(files: SampleFiles, calls: Path) -> dict[str, tuple[int, int]]:
    """{type: (planted alleles that the passing calls spell, planted alleles)}: the labels with the roles changed."""
    output = io.StringIO()
    label_file(files.truth, LabelInputs(calls, files.reference, files.confident), output)
    counts = {kind: [0, 0] for kind in TYPES}
    for line in output.getvalue().splitlines()[1:]:
        _, _, ref, alt, label, *_ = line.split("\t")
        if label in ("TP", "FP"):
            counts[_kind(ref, alt)][0] += label == "TP"
            counts[_kind(ref, alt)][1] += 1
    return {kind: (found, planted) for kind, (found, planted) in counts.items()}
