"""Labels a call set against a truth VCF, one line per ALT. Must not know how alleles are compared."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pysam

from vcffilter.errors import ReferenceFileError, VariantFileError
from vcffilter.reads.reference_file import check_fasta
from vcffilter.truth.haplotype_match import SearchLimits
from vcffilter.truth.labeller import AlleleLabel, label_alleles
from vcffilter.truth.truth_files import (
    CalledAllele,
    TruthFile,
    called_alleles_by_contig,
    check_contig_names,
    open_variants,
)
from vcffilter.variants.intervals import Intervals, read_bed

logger = logging.getLogger(__name__)

#: Columns of the labels file.
COLUMNS = ("chrom", "pos", "ref", "alt", "label", "how", "record", "alt_number")


@dataclass(frozen=True)
class LabelInputs:
    """What calls are labelled against. sample: the truth's, the first when None; no confident: everywhere."""

    truth: str | Path
    reference: str | Path
    confident: str | Path | None = None
    sample: str | None = None


def label_file(calls: str | Path, inputs: LabelInputs, output: TextIO, limits: SearchLimits | None = None) -> Counter[str]:
    """Write one line per ALT of `calls`, in file order, to `output`; return how many alleles got each label.

    Reads one contig at a time. Raises VariantFileError, ReferenceFileError, RegionError, ContigNamingError.
    """
    counts: Counter[str] = Counter()
    output.write("\t".join(COLUMNS) + "\n")
    for called, labels in labelled_contigs(calls, inputs, limits):
        for item, label in zip(called, labels, strict=True):
            counts[label.label] += 1
            write_row(output, item, label)
    return counts


def write_row(output: TextIO, item: CalledAllele, label: AlleleLabel) -> None:
    """Write one allele's line, in the order of COLUMNS."""
    output.write(
        f"{item.contig}\t{item.pos1}\t{item.ref}\t{item.alt}\t{label.label}\t{label.how}"
        f"\t{item.record_number}\t{item.alt_number}\n"
    )


def labelled_contigs(
    calls: str | Path, inputs: LabelInputs, limits: SearchLimits | None = None
) -> Iterator[tuple[list[CalledAllele], list[AlleleLabel]]]:
    """The alleles of one contig after the other with their labels; see `label_file`."""
    confident = read_bed(inputs.confident) if inputs.confident is not None else None
    truth = TruthFile(inputs.truth, inputs.sample)
    reference = open_reference(inputs.reference)
    try:
        with open_variants(calls) as variants:
            check_contig_names(variants, calls, truth.contigs, inputs.truth)
            check_contig_names(variants, calls, set(reference.references), inputs.reference)
            if confident is not None and inputs.confident is not None:
                check_contig_names(variants, calls, set(confident), inputs.confident)
            for contig, called in called_alleles_by_contig(calls, variants):
                sequence = _sequence(reference, contig, inputs.reference)
                inside = None if confident is None else confident.get(contig, Intervals(()))
                labels = label_alleles(contig, [item.allele for item in called], truth.alleles(contig), inside, sequence, limits)
                _check_reference(called, labels, inputs.reference)
                yield called, labels
    finally:
        truth.close()
        reference.close()


def open_reference(path: str | Path) -> pysam.FastaFile:
    """Open an indexed FASTA. Raises ReferenceFileError that says how to index it."""
    check_fasta(str(path))
    try:
        return pysam.FastaFile(str(path))
    except (OSError, ValueError) as error:
        raise ReferenceFileError(
            f"cannot be opened ({error})", path=str(path), hint=f"Index it with: samtools faidx {path}"
        ) from error


def read_labels(path: str | Path) -> dict[tuple[str, int, str, str], str]:
    """Labels of a labels file by (contig, pos1, ref, alt); reads files with and without the header line.

    Raises VariantFileError with the line number when a line has fewer than five columns.
    """
    labels: dict[tuple[str, int, str, str], str] = {}
    with open(path) as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.rstrip("\n").split("\t")
            if number == 1 and fields[0].lstrip("#") == "chrom":
                continue
            if len(fields) < 5 or not fields[1].isdigit():
                raise VariantFileError(
                    f"line {number} is not chrom, pos, ref, alt, label",
                    path=str(path),
                    hint="Make it with: pileup-filter label",
                )
            labels[fields[0], int(fields[1]), fields[2], fields[3]] = fields[4]
    return labels


def _sequence(reference: pysam.FastaFile, contig: str, path: str | Path) -> str:
    if contig not in reference.references:
        raise ReferenceFileError(
            f"has no contig {contig!r}, which the calls use",
            path=str(path),
            hint="Give the FASTA that the reads were aligned to",
        )
    return reference.fetch(contig).upper()


def _check_reference(called: list[CalledAllele], labels: list[AlleleLabel], path: str | Path) -> None:
    """A few records off the reference are a warning (IUPAC letters); most of a contig is an error."""
    wrong = [item for item, label in zip(called, labels, strict=True) if label.how == "ref_mismatch"]
    if not wrong:
        return
    first = wrong[0]
    if len(wrong) > 10 and 2 * len(wrong) > len(called):
        raise ReferenceFileError(
            f"is not the calls' reference: REF differs for {len(wrong)} of {len(called)} alleles",
            path=str(path),
            contig=first.contig,
            pos1=first.pos1,
            hint="Give the FASTA that the reads were aligned to",
        )
    logger.warning(
        "%s: REF of %d alleles is not the reference's (first at %s:%d): not labelled",
        path,
        len(wrong),
        first.contig,
        first.pos1,
    )
