"""Alleles of VCF files as plain tuples, contig by contig. Must not know how alleles are compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pysam

from vcffilter.errors import ContigNamingError, VariantFileError

Allele = tuple[int, str, str]


class CalledAllele(NamedTuple):
    """One ALT of one record. pos1, ref, alt: as written. record_number, alt_number: 1-based."""

    contig: str
    pos1: int
    ref: str
    alt: str
    record_number: int
    alt_number: int

    @property
    def allele(self) -> Allele:
        """(pos0, ref, alt) in upper case."""
        return self.pos1 - 1, self.ref.upper(), self.alt.upper()


def open_variants(path: str | Path) -> pysam.VariantFile:
    """Open a VCF, VCF.gz or BCF ("-": standard input). Raises VariantFileError."""
    # htslib prints a line for every missing index and odd header type; what matters here is raised.
    verbosity = pysam.set_verbosity(0)
    try:
        return pysam.VariantFile(str(path))
    except (OSError, ValueError) as error:
        raise VariantFileError(
            f"cannot be read as VCF or BCF ({error})",
            path=str(path),
            hint="Check the path, and that it is a whole VCF",
        ) from error
    finally:
        pysam.set_verbosity(verbosity)


def each_record(path: str | Path, records: Iterator[pysam.VariantRecord]) -> Iterator[pysam.VariantRecord]:
    """The records; htslib's bare errors become VariantFileError that say how far the file was good."""
    number = 0
    contig, pos1 = None, None
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except (OSError, ValueError) as error:
            raise VariantFileError(
                f"is truncated or malformed after this record ({error})",
                path=str(path),
                contig=contig,
                pos1=pos1,
                record_number=number,
                hint="Make the file again, or check it with: bcftools view FILE > /dev/null",
            ) from error
        number += 1
        contig, pos1 = record.chrom, record.pos
        yield record


def called_alleles_by_contig(path: str | Path, variants: pysam.VariantFile) -> Iterator[tuple[str, list[CalledAllele]]]:
    """(contig, alleles in file order), one contig in memory at a time.

    Raises VariantFileError when a contig comes back after another one: its neighbouring calls could not be
    seen together.
    """
    done: set[str] = set()
    current: str | None = None
    alleles: list[CalledAllele] = []
    for number, record in enumerate(each_record(path, iter(variants)), start=1):
        contig = record.chrom
        if contig != current:
            if current is not None:
                yield current, alleles
                done.add(current)
            if contig in done:
                raise VariantFileError(
                    "the contig comes back after another contig: the file is not sorted",
                    path=str(path),
                    contig=contig,
                    pos1=record.pos,
                    record_number=number,
                    hint="Sort it with: bcftools sort FILE",
                )
            current, alleles = contig, []
        reference_allele = record.ref or ""
        for alt_number, alt in enumerate(record.alts or (), start=1):
            alleles.append(CalledAllele(contig, record.pos, reference_allele, alt, number, alt_number))
    if current is not None:
        yield current, alleles


class TruthFile:
    """Truth alleles by contig: by index when there is one, otherwise the whole file is read once.

    Left out: records with a FILTER other than PASS, and ALTs that the truth sample's genotype does not carry
    (where there is a genotype).
    """

    def __init__(self, path: str | Path, sample: str | None = None) -> None:
        self.path = path
        self.variants = open_variants(path)
        names = list(self.variants.header.samples)
        if sample is not None and sample not in names:
            raise VariantFileError(
                f"has no sample {sample!r}",
                path=str(path),
                hint=f"Its samples are: {', '.join(names) or 'none'}",
            )
        self.sample = sample if sample is not None else (names[0] if names else None)
        self.contigs = {str(name) for name in self.variants.header.contigs}
        self._all: dict[str, list[Allele]] | None = None
        if self.variants.index is None:
            self._all = {}
            for record in each_record(path, iter(self.variants)):
                self._all.setdefault(record.chrom, []).extend(self._carried(record))
            self.contigs |= set(self._all)

    def alleles(self, contig: str) -> list[Allele]:
        """(pos0, ref, alt) of every truth allele on the contig, upper case; empty when the truth has none."""
        if self._all is not None:
            return self._all.get(contig, [])
        if contig not in self.contigs:
            return []
        found: list[Allele] = []
        for record in each_record(self.path, self.variants.fetch(contig)):
            found.extend(self._carried(record))
        return found

    def close(self) -> None:
        """Close the file."""
        self.variants.close()

    def _carried(self, record: pysam.VariantRecord) -> list[Allele]:
        if not record.alts or any(name not in ("PASS", ".") for name in record.filter):
            return []
        genotype = record.samples[self.sample].allele_indices if self.sample is not None else None
        carried = {index for index in genotype or () if index}
        no_genotype = not genotype or all(index is None for index in genotype)
        ref = (record.ref or "").upper()
        return [
            (record.pos - 1, ref, alt.upper())
            for number, alt in enumerate(record.alts, start=1)
            if no_genotype or number in carried
        ]


def check_contig_names(calls: pysam.VariantFile, path: str | Path, other: set[str], other_path: str | Path) -> None:
    """Raise ContigNamingError when two files share no contig, but would with "chr" added or cut."""
    mine = {str(name) for name in calls.header.contigs}
    if not mine or not other or mine & other:
        return
    renamed = {name.removeprefix("chr") for name in mine} & {name.removeprefix("chr") for name in other}
    if renamed:
        example = sorted(renamed)[0]
        theirs = example if example in other else f"chr{example}"
        own = example if example in mine else f"chr{example}"
        raise ContigNamingError(
            f"names contigs like {own!r} and {other_path} like {theirs!r}",
            path=str(path),
            hint="Rename the contigs of one of them, for a VCF with: bcftools annotate --rename-chrs MAP",
        )
