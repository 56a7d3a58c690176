"""Harvest of simulated reads: the project's simulator over real human sequence, real callers over its reads.

    python recipes/germline/simulated.py --data ../shared/data --work WORKDIR [--kind illumina|hifi|ont]

Writes the tables of harvest.py under WORKDIR/harvest/, the samples under WORKDIR/samples/. What is there is not made
again. GATK is not used: the simulator's careless caller, bcftools and freebayes find what there is.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

from callers import CALLERS, Caller, CallRequest, call, prepare_reference
from harvest import Copy, LabelledSet, harvest_copy, platform_of

from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options

logger = logging.getLogger("simulated")

SEQUENCE = "simulation/grch38-chr20-chr21-first-10mb.fa.gz"
ARTEFACT_SCALE = 2.0


@dataclass(frozen=True)
class Sample:
    """One sample. start0, length: of its stretch of chr20; shares: of the read names, for copies."""

    preset_name: str
    depth: int
    seed: int
    start0: int
    shares: tuple[float, ...]
    length: int = 300_000

    @property
    def name(self) -> str:
        """Name of its set."""
        return f"sim-{self.preset_name}-{self.depth}x"


SAMPLES = {
    "illumina": (
        Sample("hiseq", 16, 11, 1_000_000, (0.5, 0.25)),
        Sample("novaseq8", 30, 12, 2_200_000, (0.5, 0.25, 0.12)),
        Sample("hiseq", 9, 13, 3_400_000, (0.5,)),
        Sample("short", 20, 14, 4_600_000, (0.5, 0.25)),
        Sample("novaseq", 12, 15, 5_800_000, (0.5, 0.25)),
        Sample("hiseq", 40, 16, 7_000_000, (0.5, 0.2, 0.1)),
        Sample("novaseq8", 8, 17, 8_200_000, (0.5,)),
        Sample("novaseq8", 20, 31, 1_500_000, (0.5, 0.25)),
        Sample("hiseq", 25, 32, 2_700_000, (0.5, 0.25)),
        Sample("hiseq", 6, 33, 3_900_000, ()),
        Sample("novaseq", 35, 34, 5_100_000, (0.5, 0.2)),
        Sample("novaseq8", 14, 35, 6_300_000, (0.5,)),
        Sample("hiseq", 11, 36, 7_500_000, (0.5,)),
    ),
    # Away from 8.9 to 9.2 Mb, where the HiFi sets lie.
    "hifi": (
        Sample("hifi", 40, 21, 1_000_000, (0.5, 0.25)),
        Sample("hifi", 12, 22, 4_000_000, (0.6,)),
    ),
    # Away from 5.05 Mb, where the R10.4 set lies.
    "ont": (
        Sample("ont", 40, 41, 1_000_000, (0.5, 0.2), 120_000),
        Sample("ont-r9", 12, 43, 6_500_000, (), 120_000),
    ),
}


@dataclass(frozen=True)
class CarelessCaller:
    """Stands for the simulator's own calls among the callers."""

    name: str = "calls"


def make_sample(sample: Sample, callers: list[Caller], data: Path, work: Path) -> None:
    """Simulate, call and label one sample and its copies, whatever of that is missing."""
    folder = work / "samples" / sample.name
    if not (folder / "calls.labels.tsv").exists():
        settings = with_options(
            preset(sample.preset_name), seed=sample.seed, length=sample.length, depth=sample.depth, artefact_scale=ARTEFACT_SCALE
        )
        region = f"chr20:{sample.start0}-{sample.start0 + sample.length}"
        report = simulate_sample(folder, settings, fasta=str(data / SEQUENCE), region=region, compress_reference=True)
        logger.info("%s: %s, %.0f s", sample.name, report.labels, report.seconds)
    labelled = LabelledSet(folder)
    reference = prepare_reference(folder / "reference.fa.gz", work / sample.name)
    for caller in callers:
        output = folder / f"{caller.name}.vcf.gz"
        if not output.exists():
            call(caller, CallRequest(folder / "reads.bam", reference, labelled.region, output, None, platform_of(sample.name)))
    harvest_copy(labelled, Copy(1.0, 0), [*callers, CarelessCaller()], work, None, relabel=False)
    for share in sample.shares:
        harvest_copy(labelled, Copy(share, 1), callers, work, None, relabel=False)


def main() -> None:
    """Make every sample of the kind asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--kind", choices=sorted(SAMPLES), default="illumina")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    callers = [caller for caller in CALLERS[arguments.kind] if not caller.needs_gatk]
    for sample in SAMPLES[arguments.kind]:
        make_sample(sample, callers, arguments.data.resolve(), arguments.work)


if __name__ == "__main__":
    main()
