"""An ALT has one score, whatever stands beside it in its record."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pysam

from vcffilter.filter_job.job import run_filter
from vcffilter.filter_job.options import FilterOptions
from vcffilter.simulation.sample import SampleFiles, SampleReport

Scores = dict[tuple[int, str, str], tuple[str, str]]


def scores(calls: Path, files: SampleFiles, output: Path) -> Scores:
    """(POS, REF, ALT) -> its probability and log-odds, as written."""
    asked = {"output": str(output), "no_version": True, "quiet": True}
    run_filter(FilterOptions(str(calls), (str(files.reads),), str(files.reference), **asked), time.monotonic())
    found = {}
    for line in output.read_text().splitlines():
        if not line.startswith("#"):
            columns = line.split("\t")
            info = dict(item.split("=") for item in columns[7].split(";") if "=" in item)
            values = zip(info["PILEUP_PROB"].split(","), info["PILEUP_ALT_SCORE"].split(","), strict=True)
            found |= {(int(columns[1]), columns[3], alt): value for alt, value in zip(columns[4].split(","), values, strict=True)}
    return found


def test_an_alt_scores_the_same_in_a_record_of_its_own(simulated: SampleReport, bcftools: str, tmp_path: Path):
    files = simulated.files
    together, apart = tmp_path / "together.vcf", tmp_path / "apart.vcf"
    with pysam.VariantFile(str(files.calls)) as calls:
        lines = [str(calls.header)]
        for record in calls:
            ref, alt = record.ref, record.alts[0]
            if len(ref) == len(alt) == 1:
                alts = ",".join([alt, *sorted(set("ACGT") - {ref, alt})])
                lines.append(f"{record.chrom}\t{record.pos}\t.\t{ref}\t{alts}\t50\t.\t.\n")
    header = [line for line in lines[0].splitlines() if line.startswith("##")]
    together.write_text("\n".join([*header, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]) + "\n" + "".join(lines[1:]))
    subprocess.run([bcftools, "norm", "-m", "-any", "-o", str(apart), str(together)], check=True, capture_output=True)
    whole, split = scores(together, files, tmp_path / "a.vcf"), scores(apart, files, tmp_path / "b.vcf")
    assert len(whole) == 3 * (len(lines) - 1) > 60
    assert whole == split
