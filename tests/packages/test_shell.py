"""Shards by GNU parallel and by a Slurm array: the result is the whole run's, byte for byte but for the header."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaged import ROOT, records, tools

SHELL = ROOT / "packaging" / "shell"


@pytest.fixture
def job(sample, tmp_path):
    """Arguments that both scripts take first."""
    return [sample / "calls.vcf.gz", sample / "reads.bam", sample / "reference.fa", tmp_path / "out.vcf.gz"]


def filtered_like_the_whole(target: Path, sample: Path, program) -> bool:
    program("bcftools", "index", "--stats", target)
    return records(target) == records(sample / "whole.vcf.gz")


def test_the_linter_finds_nothing():
    others = [ROOT / "packaging" / "release.sh", *(ROOT / "docs").glob("*.sh"), ROOT / ".ci" / "run"]
    tools(["shellcheck", *SHELL.glob("*.sh"), *others])


def test_regions_have_every_record_once(sample, program, tmp_path):
    """Also where deletions reach over a border, on several contigs, and in gVCF blocks."""
    header = "##fileformat=VCFv4.2\n##contig=<ID=a,length=90>\n##contig=<ID=b,length=90>\n"
    header += '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
    rows = [("a", 1, "A", "C", "."), ("a", 2, "ACGTACGT", "A", "."), ("a", 4, "A", "C", "."), ("a", 10, "A", "T", "."),
            ("a", 11, "A", "<*>", "END=40"), ("a", 41, "A", "T", "."), ("b", 90, "A", "T", ".")]  # fmt: skip
    lines = [f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}\n" for contig, pos, ref, alt, info in rows]
    (tmp_path / "odd.vcf").write_text(header + "".join(lines))
    program("bcftools", "view", "-Oz", "-o", tmp_path / "odd.vcf.gz", tmp_path / "odd.vcf")
    program("bcftools", "index", tmp_path / "odd.vcf.gz")
    for calls, n in ((tmp_path / "odd.vcf.gz", 4), (sample / "calls.vcf.gz", 5)):
        regions = program(SHELL / "shards.sh", calls, n).split()
        assert len(regions) >= n - 1
        there = "".join(program("bcftools", "view", "-H", "-r", region, "-t", region, calls) for region in regions)
        assert there == program("bcftools", "view", "-H", calls)


def test_a_record_that_no_region_reaches_is_not_lost(program, tmp_path):
    telomere = "##fileformat=VCFv4.2\n##contig=<ID=a,length=90>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "t.vcf").write_text(telomere + "a\t0\t.\tN\tA\t.\t.\t.\na\t5\t.\tC\tA\t.\t.\t.\n")
    program("bcftools", "view", "-Oz", "-o", tmp_path / "t.vcf.gz", tmp_path / "t.vcf")
    program("bcftools", "index", tmp_path / "t.vcf.gz")
    done = subprocess.run([SHELL / "shards.sh", tmp_path / "t.vcf.gz", "2"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a:0" in done.stderr


@pytest.mark.reliability("without a workflow engine: shards by GNU parallel equal the whole run")
def test_gnu_parallel(job, sample, program, tmp_path):
    program(SHELL / "parallel.sh", *job, 3, 2, "--no-version")
    assert filtered_like_the_whole(job[3], sample, program)
    assert len(list(tmp_path.glob("out.vcf.gz.shards/*.vcf.gz"))) == 3
    # What is there is not done again.
    job[3].unlink()
    missing = tmp_path / "out.vcf.gz.shards" / "2.vcf.gz"
    kept = missing.with_name("1.vcf.gz").stat().st_mtime_ns
    missing.unlink()
    program(SHELL / "parallel.sh", *job, 3, 2, "--no-version")
    assert filtered_like_the_whole(job[3], sample, program)
    assert missing.with_name("1.vcf.gz").stat().st_mtime_ns == kept


@pytest.mark.reliability("without a workflow engine: a failing shard fails the job")
def test_a_failing_shard_leaves_nothing_under_the_final_name(job, tmp_path):
    words = [SHELL / "parallel.sh", *job, 2, 1, "--preset", "none"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "--preset" in done.stderr
    assert not job[3].exists()
    (tmp_path / "out.vcf.gz.shards" / "1.vcf.gz").write_bytes(b"")
    words = [SHELL / "gather.sh", tmp_path / "out.vcf.gz.shards", job[3]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "shard 2 of 2 (sim1:" in done.stderr


@pytest.mark.reliability("without a workflow engine: shards by a real Slurm array equal the whole run")
def test_a_slurm_array(job, sample, program, tmp_path):
    words = [sys.executable, ROOT / "tests" / "nextflow" / "slurm.py", tmp_path / "slurm", SHELL / "slurm_array.sh"]
    words = list(map(str, [*words, *job, 2, "--no-version"]))
    done = subprocess.run(words, env={**os.environ, "SBATCH_WAIT": "1"}, capture_output=True, text=True, check=False)
    if done.stderr.startswith("slurm.py: "):
        pytest.skip(f"needs slurmctld and munged that start: {done.stderr}")
    logs = {path.name: path.read_text() for path in tmp_path.glob("out.vcf.gz.shards/*.log")}
    assert done.returncode == 0, (done.stderr, logs)
    assert re.fullmatch(r"array: \d+\ngather: \d+\n", done.stdout)
    assert filtered_like_the_whole(job[3], sample, program), logs
    assert {"1.log", "2.log", "gather.log"} <= set(logs)
