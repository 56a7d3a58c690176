"""Labels a call set against a truth VCF, one line per ALT. Must not know how alleles are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

from vcffilter.errors import VariantFileError
from vcffilter.progress import ProgressCallback, no_progress
from vcffilter.truth.call_sets import CalledAllele
from vcffilter.truth.haplotype_match import SearchLimits
from vcffilter.truth.labeller import AlleleLabel, label_alleles
from vcffilter.truth.pairing import PairedFiles, paired_contigs
from vcffilter.variants.indexed_count import indexed_record_count

#: Columns of the labels file.
COLUMNS = ("chrom", "pos", "ref", "alt", "label", "how", "record", "alt_number")
#: Of labels without truth one more column: what they count in training, where labels by truth count 1.
WEIGHT_COLUMN = "weight"
#: (contig, pos1, ref, alt) as the record has them.
Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class LabelInputs:
    """What calls are labelled against. sample: the truth's, the first when None; no confident: everywhere."""

    truth: str | Path
    reference: str | Path
    confident: str | Path | None = None
    sample: str | None = None


def label_file(
    calls: str | Path,
    inputs: LabelInputs,
    output: TextIO,
    limits: SearchLimits | None = None,
    progress: ProgressCallback = no_progress,
) -> Counter[str]:
    """Write one line per ALT of `calls`, in file order, to `output`; return how many alleles got each label.

    Reads one contig at a time. progress: called with the records labelled after each contig.
    Raises VariantFileError, ReferenceFileError, RegionError, ContigNamingError.
    """
    counts: Counter[str] = Counter()
    output.write("\t".join(COLUMNS) + "\n")
    n_records = None if str(calls) == "-" else indexed_record_count(str(calls))
    for called, labels in labelled_contigs(calls, inputs, limits):
        for item, label in zip(called, labels, strict=True):
            counts[label.label] += 1
            write_row(output, item, label)
        if called:
            progress(called[-1].record_number, n_records, called[-1].contig)
    return counts


def write_row(output: TextIO, item: CalledAllele, label: AlleleLabel, weight: float | None = None) -> None:
    """Write one allele's line, in the order of COLUMNS, and its weight where labels have one."""
    output.write(
        f"{item.contig}\t{item.pos1}\t{item.ref}\t{item.alt}\t{label.label}\t{label.how}"
        f"\t{item.record_number}\t{item.alt_number}" + ("\n" if weight is None else f"\t{weight:g}\n")
    )


def labelled_contigs(
    calls: str | Path, inputs: LabelInputs, limits: SearchLimits | None = None
) -> Iterator[tuple[list[CalledAllele], list[AlleleLabel]]]:
    """The alleles of one contig after the other with their labels; see `label_file`."""
    confident = None if inputs.confident is None else str(inputs.confident)
    files = PairedFiles(str(calls), str(inputs.truth), str(inputs.reference), confident, truth_sample=inputs.sample)
    for pair in paired_contigs(files):
        called, truth = [item.allele for item in pair.calls], [item.allele for item in pair.truth]
        yield pair.calls, label_alleles(pair.contig, called, truth, pair.confident, pair.sequence, limits)


class LabelRow(NamedTuple):
    """What a labels file says of one allele. how: empty where it says none. weight: in training; 1 where it says none."""

    label: str
    how: str = ""
    weight: float = 1.0


def read_labels(path: str | Path) -> dict[Key, str]:
    """Labels of a labels file by (contig, pos1, ref, alt); reads files with and without the header line.

    Raises VariantFileError, with the line number when a line is not one of a labels file.
    """
    return {key: row.label for key, row in read_label_rows(path).items()}


def read_label_rows(path: str | Path) -> dict[Key, LabelRow]:
    """As `read_labels`, with how each label was reached and what it counts."""
    rows: dict[Key, LabelRow] = {}
    weighted = False
    for number, line in enumerate(_lines(path), start=1):
        fields = line.split("\t")
        if number == 1 and fields[0].lstrip("#") == "chrom":
            weighted = _is_weighted(fields)
            continue
        # isdigit alone is true for ² and for the digits of other scripts.
        if len(fields) < 5 or not (fields[1].isascii() and fields[1].isdigit()):
            raise _no_label_line(path, number, "is not chrom, pos, ref, alt, label")
        how = fields[5] if len(fields) > 5 else ""
        weight = _weight(fields, path, number) if weighted else 1.0
        rows[fields[0], int(fields[1]), fields[2], fields[3]] = LabelRow(fields[4], how, weight)
    return rows


def has_no_truth(path: str | Path) -> bool:
    """Whether the labels of a file were made without truth: they have weights."""
    return _is_weighted(next(_lines(path), "").split("\t"))


def _is_weighted(header: list[str]) -> bool:
    return header[len(COLUMNS) :] == [WEIGHT_COLUMN]


def _weight(fields: list[str], path: str | Path, number: int) -> float:
    try:
        weight = float(fields[len(COLUMNS)])
    except (IndexError, ValueError) as error:
        raise _no_label_line(path, number, "has no number in the column weight") from error
    if not 0 < weight < float("inf"):
        raise _no_label_line(path, number, f"has the weight {weight:g}, which is not above 0 and finite")
    return weight


def _no_label_line(path: str | Path, number: int, what: str) -> VariantFileError:
    return VariantFileError(f"line {number} {what}", path=str(path), hint="Make it with: pileup-filter label")


def _lines(path: str | Path) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8") as lines:
            yield from (line.rstrip("\n") for line in lines)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise VariantFileError(
            f"the labels cannot be read: {why}", path=str(path), hint="Make them with: pileup-filter label"
        ) from error
