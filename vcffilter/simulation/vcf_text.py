"""Writes small VCFs: header, records in order, BGZF, index. Knows no caller and no truth."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import pysam

from vcffilter.simulation.reference import Reference
from vcffilter.simulation.truth import PlantedVariant

#: A tabix index cannot address positions beyond this.
LONGEST_TABIX_CONTIG = 1 << 29


def vcf_header(reference: Reference, sample: str, lines: tuple[str, ...]) -> list[str]:
    """Header lines with the contig and one sample."""
    columns = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", sample)
    return [
        "##fileformat=VCFv4.2",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        f"##contig=<ID={reference.contig},length={len(reference)}>",
        *lines,
        "\t".join(columns),
    ]


def write_vcf(path: Path, header: list[str], records: Iterable[str], *, longest_contig: int = 0) -> None:
    """Writes sorted record lines as BGZF and indexes them (.tbi; .csi for contigs too long for it)."""
    with pysam.BGZFile(str(path), "wb", None) as handle:
        handle.write("".join(f"{line}\n" for line in header).encode())
        left = iter(records)
        while some := list(itertools.islice(left, 10_000)):
            handle.write("".join(f"{line}\n" for line in some).encode())
    pysam.tabix_index(str(path), preset="vcf", force=True, csi=longest_contig >= LONGEST_TABIX_CONTIG)


def write_truth(path: Path, reference: Reference, sample: str, variants: list[PlantedVariant]) -> None:
    """The planted variants with phased genotypes."""
    header = vcf_header(
        reference,
        sample,
        ("##source=vcffilter-simulate", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'),
    )
    records = [
        f"{reference.contig}\t{variant.pos0 + 1}\t.\t{variant.ref}\t{','.join(variant.alts)}\t.\tPASS\t.\tGT\t"
        f"{variant.genotype[0]}|{variant.genotype[1]}"
        for variant in variants
    ]
    write_vcf(path, header, records)
