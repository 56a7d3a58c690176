"""`pileup-filter simulate` and `demo` as a user types them."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vcffilter.commands.demo import run_filter
from vcffilter.commands.main import main
from vcffilter.commands.simulate import split_reference
from vcffilter.errors import UsageError, VcffilterError


def run(*arguments: str, **options):
    return CliRunner().invoke(main, ["simulate", *arguments], catch_exceptions=False, **options)


def test_simulate_writes_the_sample(tmp_path):
    done = run("-o", str(tmp_path / "s"), "--length", "4000", "--depth", "8", "--sample", "NA1", "--variant-rate", "0.01")
    assert done.exit_code == 0
    assert "reads" in done.output  # click before 8.2 keeps no stderr apart
    assert {path.name for path in (tmp_path / "s").iterdir()} >= {
        "reads.bam.bai",
        "calls.vcf.gz.tbi",
        "calls.labels.tsv",
        "reference.fa.fai",
    }


def test_simulate_tiles(tmp_path):
    done = run("-o", str(tmp_path), "--length", "4000", "--variant-rate", "0.01", "--tile-records", "300", "--tile-depth", "5")
    assert done.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"unit", "reads.bam", "calls.vcf.gz", "reference.fa"}


def test_tile_depth_alone_is_a_mistake(tmp_path):
    with pytest.raises(UsageError, match="--tile-records"):
        run("-o", str(tmp_path), "--tile-depth", "5")


def test_a_reference_may_carry_a_region(tmp_path):
    odd = tmp_path / "a:b.fa"
    odd.write_text("")
    assert split_reference(str(odd)) == (str(odd), None)
    assert split_reference(f"{odd}:chr1:5-9") == (str(odd), "chr1:5-9")
    assert split_reference("missing.fa:chr1") == ("missing.fa:chr1", None)


def test_the_demo_does_not_hide_a_failure(tmp_path):
    with pytest.raises(VcffilterError, match="exit code"):
        run_filter(tmp_path, ["filter", "missing.vcf", "-b", "missing.bam", "-f", "missing.fa"])


def test_the_demo_shows_the_result(tmp_path):
    command = [sys.executable, "-m", "vcffilter", "demo", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for text in (
        "pileup-filter filter calls.vcf.gz -b reads.bam -f reference.fa --reasons -Oz -o filtered.vcf.gz",
        "False calls that pass, by what was planted there",
        "precision",
        "records/s",
    ):
        assert text in done.stdout
    assert (Path(tmp_path) / "out" / "filtered.vcf.gz").stat().st_size > 0
    for name in ("failed.png", "kept.png"):
        assert (Path(tmp_path) / "out" / name).read_bytes().startswith(b"\x89PNG")
    assert "[E::" not in done.stderr
