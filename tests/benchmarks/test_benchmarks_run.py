"""The benchmark scripts run on tiny input, and what they print is what they measured. No timing is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from vcffilter.kernels.htslib import load_htslib

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = ("--megabases", "0.04", "--depth", "12", "--rounds", "1")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder that the scripts share, as they do for a user."""
    return tmp_path_factory.mktemp("benchmarks")


def run(script: str, work: Path, *options: str) -> dict[str, object]:
    """Run a script of benchmarks/ on tiny input and return the JSON that it wrote."""
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *TINY, "--work", str(work), "--results", str(work / "results")]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr
    return json.loads((work / "results" / f"{script}.json").read_text())


def table(report: dict[str, object], start: str) -> list[dict[str, object]]:
    """Rows of the table whose title starts so, by column."""
    found = next(table for table in report["tables"] if table["title"].startswith(start))
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_stages_prints_a_rate_for_every_stage(work: Path) -> None:
    report = run("stages", work, "--vcf-records", "200", "--network-alleles", "256")
    stages = table(report, "Scoring, stage by stage")
    names = [row["stage"] for row in stages]
    assert names[0] == "htslib alone"
    assert {"reads decoded", "scan of the reads", "site features", "site features and tensor", "all of scoring"} <= set(names)
    assert all(row["per second, 1 thread"] > 0 and row["per second, 2 threads"] > 0 for row in stages)
    assert [row["output"] for row in table(report, "VCF in and out")] == ["-Oz", "-Ov", "-Ou"]
    assert [row["threads"] for row in table(report, "Network alone")] == [1, 2]
    assert "commit" in report["machine"]
    assert (work / "results" / "stages.md").read_text().count("### ") == len(report["tables"])


def test_reading_and_jumps_name_the_library_and_count_blocks(work: Path) -> None:
    used = str(load_htslib().bam.origin)
    rows = table(run("reading", work), "Reading")
    assert used in rows[0]["what"]
    assert any("in pysam" in row["what"] for row in rows)
    assert rows[-1]["what"] == f"the calls' reads decoded for the encoder, {used}"
    assert all(row["CPU seconds"] > 0 for row in rows)
    report = run("index_jumps", work)
    for row in table(report, "Blocks of one call"):
        assert 1 <= row["of these with reads of the call"] <= row["from the index's place to the call's end"] + 1
    assert [row["index"] for row in table(report, "Jumps by index")][0] == "BAI"


def test_shards_hold_every_record_once_and_in_order(work: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from invariance import records_of, shards; from workloads import simulated;"
        "work = Path(sys.argv[1]); calls = simulated(work, 0.04, 12).calls;"
        "print(calls, sum((records_of(path.read_bytes()) for path in shards(calls, work)), []))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(work)], capture_output=True, text=True, check=True, cwd=BENCHMARKS)
    calls, shown = done.stdout.strip().split(" ", 1)
    with pysam.VariantFile(calls) as records:
        expected = [str(record).rstrip("\n").encode() for record in records]
    assert shown == str(expected)
    assert len(expected) > 4


def test_tiles_repeat_reads_and_calls(work: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workloads import simulated;"
        "print(simulated(Path(sys.argv[1]), 0.08, 12, slice_length=40_000).calls)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(work)], capture_output=True, text=True, check=True, cwd=BENCHMARKS)
    calls = Path(done.stdout.strip())
    with pysam.VariantFile(str(calls)) as records, pysam.FastaFile(str(calls.with_name("reference.fa"))) as fasta:
        positions0 = [record.start for record in records]
        records.reset()
        assert all(fasta.fetch("tiled", record.start, record.stop).upper() == record.ref for record in records)
    half = len(positions0) // 2
    assert positions0[half:] == [pos0 + 40_000 for pos0 in positions0[:half]]
    with pysam.AlignmentFile(str(calls.with_name("reads.bam"))) as reads:
        first = [read for read in reads.fetch("tiled", 0, 39_800) if read.reference_start < 39_800]
        second = list(reads.fetch("tiled", 40_000, 79_800))
    assert [(r.reference_start + 40_000, r.query_sequence) for r in first] == [
        (r.reference_start, r.query_sequence) for r in second if r.reference_start >= 40_000
    ]
    assert not {read.query_name for read in first} & {read.query_name for read in second if read.reference_start >= 40_000}


def test_samples_writes_format_beside_bcftools_and_scores_one_three_and_twenty(bcftools: str, work: Path) -> None:
    report = run("samples", work, "--cohorts", "20x40")
    copied = table(report, "FORMAT in and out")
    assert [(row["output"], row["scored"]) for row in copied] == [(kind, n) for kind in ("-Ov", "-Oz") for n in (1, 3, 20)]
    assert all(row["bcftools view of the result"] > 0 for row in copied)
    assert all(row["all"] > 50 for row in table(report, "Peak memory"))
    scored = {row["samples"]: row["ALTs scored, over all samples"] for row in table(report, "Scoring samples")}
    assert scored[20] == 20 * scored[1] > 0


@pytest.mark.long
def test_two_stages_prints_what_the_second_one_costs(work: Path) -> None:
    report = run("two_stages", work, "--network-alleles", "64", "--shares", "0.2")
    assert all(row["tensors/s"] > 0 for row in table(report, "The network alone"))
    trees, both = table(report, "Scoring")
    assert (trees["stages"], trees["by the network"]) == ("trees", "0.0%")
    assert both["stages"] == "both"
    assert 10 < float(both["by the network"].rstrip("%")) < 30


@pytest.mark.long
def test_background_cost_counts_each_sample_beside_scoring_alone(work: Path) -> None:
    report = run("background_cost", work)
    rows = table(report, "Scoring beside a background")
    assert [(row["model"], row["samples in the background"]) for row in rows] == [
        (name, n) for name in ("illumina-germline", "illumina-pileup") for n in (0, 1, 2, 4)
    ]
    assert [row["of the sample's own scoring"] == "" for row in rows] == [n == 0 for _ in range(2) for n in range(4)]
    assert all(float(row["CPU us an ALT"]) > 0 for row in rows)
