"""A small reference, truth and call set whose comparison can be done by hand."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pysam

HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=LowPileupSNV,Description="x">
##FILTER=<ID=LowPileupIndel,Description="x">
##INFO=<ID=PILEUP_PROB,Number=A,Type=Float,Description="x">
##INFO=<ID=PILEUP_DP,Number=A,Type=Integer,Description="x">
##INFO=<ID=TLOD,Number=A,Type=Float,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##contig=<ID=chr1,length=1000>
##contig=<ID=chr2,length=1000>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1
"""


def make_sequence(seed: int) -> str:
    """1,000 random bases with A(12) at 200 and (AC)10 at 400 (0-based), each between other bases."""
    rng = random.Random(seed)
    bases = [rng.choice("ACGT") for _ in range(1000)]
    bases[199:213] = "G" + "A" * 12 + "G"
    bases[399:421] = "T" + "AC" * 10 + "G"
    return "".join(bases)


SEQUENCES = {"chr1": make_sequence(1), "chr2": make_sequence(2)}


def other(base: str, step: int = 1) -> str:
    """Another base than this one: step 1 to 3."""
    return "ACGT"[("ACGT".index(base) + step) % 4]


def snv(pos1: int, step: int = 1, contig: str = "chr1") -> tuple[str, int, str, str]:
    """(contig, POS, REF, ALT) of a substitution."""
    ref = SEQUENCES[contig][pos1 - 1]
    return contig, pos1, ref, other(ref, step)


def mnp(pos1: int, contig: str = "chr1") -> tuple[str, int, str, str]:
    """Two neighbouring substitutions as one allele."""
    ref = SEQUENCES[contig][pos1 - 1 : pos1 + 1]
    return contig, pos1, ref, other(ref[0]) + other(ref[1])


def line(allele, qual="50", filters="PASS", probability=0.9, depth=30, genotype="0/1") -> str:
    """One record; probability None = INFO is empty."""
    contig, pos1, ref, alt = allele
    info = "." if probability is None else f"PILEUP_PROB={probability};PILEUP_DP={depth}"
    return f"{contig}\t{pos1}\t.\t{ref}\t{alt}\t{qual}\t{filters}\t{info}\tGT\t{genotype}\n"


@dataclass(frozen=True)
class Files:
    """Paths of one case."""

    calls: Path
    truth: Path
    reference: Path
    confident: Path

    def arguments(self) -> list[str]:
        """What `pileup-filter evaluate` takes."""
        return [
            str(self.calls),
            *("--truth", str(self.truth), "--confident", str(self.confident), "-f", str(self.reference), "--bootstrap", "20"),
        ]


def write_files(folder: Path, calls: list[str], truth: list[str], confident: str = "chr1\t0\t900\nchr2\t0\t900\n") -> Files:
    """Write the four files (and the FASTA's index)."""
    files = Files(folder / "calls.vcf", folder / "truth.vcf", folder / "reference.fa", folder / "confident.bed")
    files.calls.write_text(HEADER + "".join(calls))
    files.truth.write_text(HEADER + "".join(truth))
    files.confident.write_text(confident)
    files.reference.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in SEQUENCES.items()))
    pysam.faidx(str(files.reference))
    return files


def truth_line(allele, genotype="0/1") -> str:
    """A truth record."""
    return line(allele, qual=".", probability=None, genotype=genotype)
