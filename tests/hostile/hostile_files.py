"""Two small contigs, plain reads over them, and records written by hand: what the tests here change one value of."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pysam

from vcffilter.commands.main import run

#: Header lines and INFO keys that the filter adds.
OURS_IN_HEADER = ("##INFO=<ID=PILEUP_", "##FILTER=<ID=LowPileup", "##FORMAT=<ID=PILEUP_", "##vcffilter_")
CONTIGS = {"c1": "".join(Random(1).choices("ACGT", k=3000)), "c2": "".join(Random(2).choices("ACGT", k=1500))}
#: Where half of the reads of c1 and c2 carry another base (1-based).
VARIANT_EVERY, READ_LENGTH, READS_EVERY = 250, 100, 4


def other(base: str) -> str:
    """Another base than this one."""
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def ref(contig: str, pos1: int, length: int = 1) -> str:
    """Bases of the FASTA."""
    return CONTIGS.get(contig, "")[pos1 - 1 : pos1 - 1 + length]


def row(contig: str = "c1", pos1: int = 250, **changes: str) -> str:
    """A record: an SNV with half of the reads behind it where pos1 is a multiple of 250. changes: other columns, by name."""
    columns = {"ID": ".", "REF": ref(contig, max(pos1, 1)), "QUAL": "50", "FILTER": "PASS", "INFO": "DP=30"}
    columns |= {"FORMAT": "GT", "S": "0/1", **changes}
    columns.setdefault("ALT", other(columns["REF"][:1]) if columns["REF"][:1] in "ACGT" else "A")
    order = ("ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "S")
    return "\t".join([contig, str(pos1), *(columns[name] for name in order)]) + "\n"


CONTIG_LINES = tuple(f"##contig=<ID={name},length={len(bases)}>\n" for name, bases in CONTIGS.items())
INFO_LINES = ('##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n', '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n')


def header(version: str = "4.2", contigs: Sequence[str] = CONTIG_LINES, more: str = "", samples: Sequence[str] = ("S",)) -> str:
    """Header lines, the last one with its columns included."""
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    passed = '##FILTER=<ID=PASS,Description="All filters passed">\n'
    return f"##fileformat=VCFv{version}\n{passed}{''.join(contigs)}{''.join(INFO_LINES)}{more}" + "\t".join(columns) + "\n"


@dataclass(frozen=True)
class Read:
    """One alignment. bases None: `*`. qualities None: missing."""

    start0: int
    cigar: str
    bases: str | None
    contig: str = "c1"
    qualities: Sequence[int] | None = None
    flag: int = 0
    mapq: int = 60
    name: str = "read"


def plain_reads() -> list[Read]:
    """About 25 reads deep over both contigs, every second one with the variants."""
    reads = []
    for contig, bases in CONTIGS.items():
        changed = list(bases)
        for pos1 in range(VARIANT_EVERY, len(bases), VARIANT_EVERY):
            changed[pos1 - 1] = other(bases[pos1 - 1])
        haplotypes = bases, "".join(changed)
        for number, start0 in enumerate(range(0, len(bases) - READ_LENGTH + 1, READS_EVERY)):
            piece = haplotypes[number % 2][start0 : start0 + READ_LENGTH]
            strand = 16 * (number // 2 % 2)
            reads.append(Read(start0, f"{READ_LENGTH}M", piece, contig, (35,) * READ_LENGTH, strand, name=f"{contig}.{start0}"))
    return reads


def write_reads(path: Path, reads: Iterable[Read], contigs: dict[str, int] | None = None) -> Path:
    """A sorted, indexed BAM of sample S. contigs: lengths by name, as in the FASTA unless given."""
    lengths = contigs or {name: len(bases) for name, bases in CONTIGS.items()}
    lines = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": name, "LN": length} for name, length in lengths.items()]}
    lines["RG"] = [{"ID": "g", "SM": "S"}]
    order = {name: number for number, name in enumerate(lengths)}
    with pysam.AlignmentFile(str(path), "wb", header=lines) as file:
        for read in sorted(reads, key=lambda read: (order[read.contig], read.start0)):
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.mapping_quality = read.name, read.flag, read.mapq
            record.reference_id, record.reference_start, record.cigarstring = order[read.contig], read.start0, read.cigar
            record.query_sequence = read.bases
            record.query_qualities = None if read.qualities is None else list(read.qualities)
            record.set_tag("RG", "g")
            file.write(record)
    pysam.index(str(path))
    return path


def write_fasta(path: Path, contigs: dict[str, str] | None = None) -> Path:
    """An indexed FASTA, 60 bases a line."""
    lines = []
    for name, bases in (contigs or CONTIGS).items():
        lines += [f">{name}", *(bases[at : at + 60] for at in range(0, len(bases), 60))]
    path.write_text("\n".join(lines) + "\n")
    pysam.faidx(str(path))
    return path


@dataclass(frozen=True)
class Inputs:
    """Files of a run in a folder of its own, and how it ended. out: under its final name or not there."""

    folder: Path
    reads: Path
    reference: Path
    more: tuple[str, ...] = field(default_factory=tuple)

    @property
    def out(self) -> Path:
        """Where output goes."""
        return self.folder / "out.vcf"

    def options(self, *more: object) -> list[str]:
        """-b and -f, and what else is given."""
        return [str(word) for word in ("-b", self.reads, "-f", self.reference, "--no-version", *self.more, *more)]

    def with_reads(self, reads: Iterable[Read], **contigs: dict[str, int]) -> Inputs:
        """The same with other reads."""
        return replace(self, reads=write_reads(self.folder / "other.bam", reads, **contigs))

    def with_reference(self, contigs: dict[str, str]) -> Inputs:
        """The same with another FASTA."""
        return replace(self, reference=write_fasta(self.folder / "other.fa", contigs))

    def calls(self, rows: Iterable[str], head: str | None = None, name: str = "in.vcf") -> Path:
        """A file of these records."""
        path = self.folder / name
        path.write_bytes(((head or header()) + "".join(rows)).encode())
        return path

    def filter(self, calls: Path, *more: object) -> int:
        """Run here, into `out`; the exit code."""
        self.out.unlink(missing_ok=True)
        code = run(["filter", str(calls), *self.options(*more), "-q", "-o", str(self.out)])
        assert self.out.exists() == (code == 0)
        assert not list(self.folder.glob(".*"))
        return code


def records(text: str) -> list[dict[str, str]]:
    """Records of a VCF's text by column name, S1, S2, ... the samples'."""
    names = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [dict(zip([*names, *(f"S{n}" for n in range(1, len(row) - 8))], row, strict=False)) for row in rows]


def info(record: dict[str, str]) -> dict[str, str]:
    """INFO by key; flags have the value ''."""
    return {key: value for key, _, value in (item.partition("=") for item in record["INFO"].split(";"))}


def without_ours(text: str) -> list[str]:
    """Lines of a VCF less all that the filter adds; FILTER as it is."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            if not line.startswith(OURS_IN_HEADER):
                lines.append(line)
            continue
        columns = line.split("\t")
        columns[7] = ";".join(item for item in columns[7].split(";") if not item.startswith("PILEUP_")) or "."
        if len(columns) > 8:
            keys = columns[8].split(":")
            kept = [at for at, key in enumerate(keys) if not key.startswith("PILEUP_")]
            if len(kept) < len(keys):
                columns[8] = ":".join(keys[at] for at in kept) or "."
                columns[9:] = [":".join(v for at, v in enumerate(one.split(":")) if at in kept) or "." for one in columns[9:]]
        lines.append("\t".join(columns))
    return lines


def bcftools_view(*arguments: object) -> str:
    """`bcftools view` on these arguments; its text."""
    done = subprocess.run(["bcftools", "view", "--no-version", *map(str, arguments)], check=True, capture_output=True)
    return done.stdout.decode("utf-8", "surrogateescape")


def program(*arguments: object) -> list[str]:
    """The command as a process."""
    return [sys.executable, "-m", "vcffilter", *map(str, arguments)]


def quiet_environment(**more: str) -> dict[str, str]:
    """This process's environment, one thread of linear algebra."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}
