"""Simulated samples of one reference of two contigs, with a samplesheet: what a small pipeline gets."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options


@dataclass(frozen=True)
class Sample:
    """calls: indexed VCF.gz. reads: one or several BAMs with indexes."""

    name: str
    calls: Path
    reads: list[Path]


@dataclass(frozen=True)
class Cohort:
    """sheet: the samplesheet of all samples."""

    folder: Path
    reference: Path
    samples: list[Sample]
    sheet: Path

    def write_sheet(self, name: str, lines: list[str], header: str = "sample,vcf,reads") -> Path:
        """A samplesheet beside the data, so that its names are relative."""
        path = self.folder / name
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    def filtered(self, sample: Sample, *arguments: str | Path) -> bytes:
        """What the filter writes of a sample when nobody cuts it in pieces."""
        reads = [option for bam in sample.reads for option in ("-b", bam)]
        command = ["pileup-filter", "filter", "-q", "--no-version", *arguments, *reads, "-f", self.reference, sample.calls]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def make_cohort(folder: Path, n_samples: int = 2) -> Cohort:
    """Samples of two contigs; the first one's reads come in two BAMs."""
    reference = _reference(folder)
    samples = [_sample(folder, reference, number) for number in range(1, n_samples + 1)]
    _split_reads(samples[0])
    cohort = Cohort(folder, reference, samples, folder / "samplesheet.csv")
    lines = [f"{s.name},{s.calls.relative_to(folder)},{bam.relative_to(folder)}" for s in samples for bam in s.reads]
    cohort.write_sheet("samplesheet.csv", lines)
    return cohort


def _reference(folder: Path) -> Path:
    """Two contigs, of 12 and of 8 kb."""
    reference = folder / "reference.fa"
    sequences = []
    for name, length in (("chrA", 12_000), ("chrB", 8_000)):
        made = folder / f"made-{name}"
        simulate_sample(made, with_options(preset("novaseq"), seed=length, length=length, depth=1))
        lines = (made / "reference.fa").read_text().splitlines(keepends=True)
        sequences.append(f">{name}\n" + "".join(lines[1:]))
    reference.write_text("".join(sequences))
    subprocess.run(["samtools", "faidx", reference], check=True)
    return reference


def _sample(folder: Path, reference: Path, number: int) -> Sample:
    name, place = f"S{number}", folder / f"S{number}"
    contigs = []
    for contig in ("chrA", "chrB"):
        part = place / contig
        options = ["--sample", name, "--seed", str(number), "--depth", "20", "--variant-rate", "0.005", "-o", part]
        options += ["-f", f"{reference}:{contig}"]
        subprocess.run(["pileup-filter", "simulate", *options], check=True, stderr=subprocess.DEVNULL)
        contigs.append(part)
    calls, reads = place / "calls.vcf.gz", place / "reads.bam"
    _concatenate_calls([part / "calls.vcf.gz" for part in contigs], reference, calls)
    _concatenate_reads([part / "reads.bam" for part in contigs], reads)
    return Sample(name, calls, [reads])


def _concatenate_calls(parts: list[Path], reference: Path, output: Path) -> None:
    lines = []
    for part in parts:
        with_all = part.with_name("all.vcf.gz")
        subprocess.run(["bcftools", "reheader", "--fai", f"{reference}.fai", "-o", with_all, part], check=True)
        subprocess.run(["bcftools", "index", "-f", with_all], check=True)
        lines.append(with_all)
    subprocess.run(["bcftools", "concat", "--no-version", "-Oz", "-o", output, *lines], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["bcftools", "index", "--tbi", output], check=True)


def _concatenate_reads(parts: list[Path], output: Path) -> None:
    subprocess.run(["samtools", "merge", "-f", "-c", "-p", output, *parts], check=True)
    subprocess.run(["samtools", "index", output], check=True)


def _split_reads(sample: Sample) -> None:
    """Two BAMs of the same name in two folders, as lanes have it; both reads of a pair in one."""
    whole = sample.reads[0]
    lanes = [whole.parent / lane / "reads.bam" for lane in ("lane1", "lane2")]
    for lane in lanes:
        lane.parent.mkdir()
    subprocess.run(["samtools", "view", "-b", "--subsample", "0.5", "-o", lanes[0], "-U", lanes[1], whole], check=True)
    for lane in lanes:
        subprocess.run(["samtools", "index", lane], check=True)
    sample.reads[:] = lanes
