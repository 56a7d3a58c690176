"""Other columns, header lines and the order are as `bcftools view` writes them, on every caller's real output."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from fake_scorer import FakeScorer

from vcffilter.commands.main import run
from vcffilter.pipeline import evidence

OURS = ("##INFO=<ID=PILEUP_", "##FILTER=<ID=LowPileup", "##vcffilter_")


@pytest.fixture(autouse=True)
def _needs_bcftools(monkeypatch):
    if shutil.which("bcftools") is None:
        pytest.skip("bcftools is not installed")
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))


def bcftools_view(*arguments: str) -> str:
    return subprocess.run(["bcftools", "view", "--no-version", *arguments], check=True, capture_output=True, text=True).stdout


def without_ours(text: str, *, keep_filter: bool) -> list[list[str]]:
    rows = []
    for line in text.splitlines():
        if line.startswith("#"):
            if not line.startswith(OURS):
                rows.append([line])
            continue
        fields = line.split("\t")
        fields[7] = ";".join(key for key in fields[7].split(";") if not key.startswith("PILEUP_")) or "."
        if not keep_filter:
            fields[6] = ""
        rows.append(fields)
    return rows


def all_files(shared_data):
    return sorted([*shared_data.glob("caller-vcfs/*.vcf*"), *shared_data.glob("real/*/*.vcf.gz")])


@pytest.mark.parametrize("arguments", [["--annotate-only"], ["--mode", "reset"]])
def test_every_callers_file_is_unharmed(shared_data, tmp_path, arguments):
    files = all_files(shared_data)
    assert len(files) > 50
    keep_filter = arguments == ["--annotate-only"]
    target = tmp_path / "out.vcf"
    for path in files:
        assert run(["filter", str(path), "-b", "x", "-f", "x", "-q", "-o", str(target), *arguments]) == 0, path
        expected = without_ours(bcftools_view(str(path)), keep_filter=keep_filter)
        assert without_ours(target.read_text(), keep_filter=keep_filter) == expected, path


def test_gvcf_blocks_are_untouched(shared_data, tmp_path):
    for name in ("gatk-haplotypecaller.g.vcf", "deepvariant.g.vcf"):
        source, target = shared_data / "caller-vcfs" / name, tmp_path / name
        assert run(["filter", str(source), "-b", "x", "-f", "x", "-q", "-o", str(target)]) == 0
        before, after = blocks(bcftools_view(str(source))), blocks(target.read_text())
        assert len(before) > 100
        assert after == before


def blocks(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [line for line in lines if line.split("\t")[4] in ("<NON_REF>", "<*>") and "END=" in line]


REGIONS = [
    ["-r", "chr22:16664424-16670997"],
    ["-r", "chr22:16664424-16670997,chr22:16670990-16680000,chr22:16600000"],
    ["-t", "chr22:16664424-16670997,chr22:16670990-16680000"],
    ["-t", "^chr22:1-16670997"],
    ["-r", "chr21"],
    ["-t", "chrNone"],
]


@pytest.mark.parametrize("arguments", REGIONS)
@pytest.mark.parametrize("kind", ["vcf.gz", "bcf"])
def test_regions_are_those_of_bcftools(shared_data, tmp_path, arguments, kind):
    source = shared_data / "real" / "nygc-chr22" / "freebayes.vcf.gz"
    if kind == "bcf":
        copy = tmp_path / "in.bcf"
        subprocess.run(["bcftools", "view", "-Ob", "-o", str(copy), str(source)], check=True)
        subprocess.run(["bcftools", "index", str(copy)], check=True)
        source = copy
    target = tmp_path / "out.vcf"
    assert run(["filter", str(source), "-b", "x", "-f", "x", "-q", "-o", str(target), *arguments]) == 0
    expected = [line.split("\t")[:6] for line in bcftools_view("-H", str(source), *arguments).splitlines()]
    found = [line.split("\t")[:6] for line in target.read_text().splitlines() if not line.startswith("#")]
    assert found == expected


def test_region_files_are_read_as_bcftools_reads_them(shared_data, tmp_path):
    source = str(shared_data / "real" / "nygc-chr22" / "freebayes.vcf.gz")
    bed, table = tmp_path / "some.bed", tmp_path / "some.tsv"
    bed.write_text("chr22\t16664423\t16670997\n")
    table.write_text("chr22\t16664424\t16670997\n")
    target = tmp_path / "out.vcf"
    for option, path in (("-R", bed), ("-T", bed), ("-R", table), ("-T", table)):
        assert run(["filter", source, "-b", "x", "-f", "x", "-q", "-o", str(target), option, str(path)]) == 0
        expected = [line.split("\t")[:6] for line in bcftools_view("-H", source, option, str(path)).splitlines()]
        assert expected
        assert [line.split("\t")[:6] for line in target.read_text().splitlines() if line[0] != "#"] == expected


def test_written_index_finds_the_records(shared_data, tmp_path):
    source = str(shared_data / "real" / "nygc-chr22" / "freebayes.vcf.gz")
    for kind, index in (("z", "-W=tbi"), ("z", "-W"), ("b", "-W")):
        target = tmp_path / f"out.{kind}{index.removeprefix('-W=')}"
        assert run(["filter", source, "-b", "x", "-f", "x", "-q", "-o", str(target), "-O", kind, index]) == 0
        region = "chr22:16664424-16670997"
        expected = len(bcftools_view("-H", source, "-r", region).splitlines())
        assert len(bcftools_view("-H", str(target), "-r", region).splitlines()) == expected > 0
        assert len(list(tmp_path.glob(f"{target.name}.*"))) == 1


def test_samples_are_columns_in_the_order_of_the_file(shared_data, tmp_path):
    source = str(shared_data / "caller-vcfs" / "gatk-mutect2-paired.vcf.gz")
    names = subprocess.run(["bcftools", "query", "-l", source], check=True, capture_output=True, text=True).stdout.split()
    target = tmp_path / "out.vcf"
    arguments = ["--annotate-only", "-s", names[1]]
    assert run(["filter", source, "-b", "x", "-f", "x", "-q", "-o", str(target), *arguments]) == 0
    expected = without_ours(bcftools_view("-I", "-s", names[1], source), keep_filter=True)
    assert without_ours(target.read_text(), keep_filter=True) == expected
