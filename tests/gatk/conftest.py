"""Fixtures of the runs of real GATK. `make test-gatk` runs them; `make test` leaves the folder out (pyproject.toml)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options

ROOT = Path(__file__).parents[2]
#: A tool that takes longer hangs.
_SECONDS = 300


@dataclass(frozen=True)
class Sample:
    """name: of its column and read group. folder: reads.bam, truth.vcf.gz, and what the tests call."""

    name: str
    folder: Path
    reference: Path

    @property
    def reads(self) -> Path:
        return self.folder / "reads.bam"

    @property
    def truth(self) -> Path:
        return self.folder / "truth.vcf.gz"


@pytest.fixture(scope="session")
def gatk() -> Callable[..., str]:
    """Runs a tool of GATK and returns what it said."""

    def run(*arguments: str | Path) -> str:
        done = subprocess.run([ROOT / ".ci" / "gatk", *arguments], capture_output=True, text=True, timeout=_SECONDS)
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def filtered() -> Callable[..., Path]:
    """Filters a file as a user does and returns the output's path."""

    def run(calls: Path, samples: list[Sample], output: Path, *arguments: str) -> Path:
        reads = [option for sample in samples for option in ("-b", sample.reads)]
        command = ["pileup-filter", "filter", "-q", calls, *reads, "-f", samples[0].reference, "-Oz", "-W=tbi", "-o", output]
        subprocess.run([*command, *arguments], check=True)
        return output

    return run


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory, samtools: str) -> list[Sample]:
    """Two people of one reference of 20 kb, at 30x."""
    folder = tmp_path_factory.mktemp("gatk")
    reference = folder / "S1" / "reference.fa"
    found = []
    for seed, name in ((3, "S1"), (4, "S2")):
        settings = with_options(
            preset("novaseq"), seed=seed, sample=name, length=20_000, variant_rate=1 / 200, artefact_scale=2.0
        )
        arguments = {} if name == "S1" else {"fasta": str(reference)}
        simulate_sample(folder / name, settings, **arguments)
        found.append(Sample(name, folder / name, reference))
    subprocess.run([samtools, "dict", "-o", reference.with_suffix(".dict"), reference], check=True)
    return found


@pytest.fixture(scope="session")
def called(samples: list[Sample], gatk: Callable[..., str]) -> Path:
    """HaplotypeCaller's calls of the first sample."""
    output = samples[0].folder / "haplotypecaller.vcf.gz"
    gatk("HaplotypeCaller", "-R", samples[0].reference, "-I", samples[0].reads, "-O", output)
    return output


@pytest.fixture(scope="session")
def called_blocks(samples: list[Sample], gatk: Callable[..., str]) -> list[Path]:
    """HaplotypeCaller's gVCF of each sample."""
    outputs = [sample.folder / "haplotypecaller.g.vcf.gz" for sample in samples]
    for sample, output in zip(samples, outputs, strict=True):
        arguments = ("-R", sample.reference, "-I", sample.reads, "-ERC", "GVCF", "-L", f"{_contig(sample)}:1-10000")
        gatk("HaplotypeCaller", *arguments, "-O", output)
    return outputs


def _contig(sample: Sample) -> str:
    return sample.reference.with_suffix(".fa.fai").read_text().split("\t")[0]
