"""Files given in each other's place, other people's reads, another build: named, refused or warned of by `filter`."""

from __future__ import annotations

import gzip
import json
import os
import shutil

import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.file_kind import kind_of_file
from vcffilter.inspection.region_names import unknown_regions
from vcffilter.inspection.somatic import somatic_warning
from vcffilter.variants.intervals import regions_from_text


def said(capfd, *arguments: str, code: int) -> str:
    assert run(["filter", *map(str, arguments)]) == code
    return capfd.readouterr().err


def test_every_file_in_the_wrong_place_is_named(simulated, tmp_path, capfd):
    calls, reads, fasta = simulated.files.calls, simulated.files.reads, simulated.files.reference
    out = ["-q", "-o", tmp_path / "out.vcf"]
    assert "is a BAM file, no FASTA" in said(capfd, calls, "-b", reads, "-f", reads, *out, code=1)
    assert "is a FASTA file, no BAM or CRAM" in said(capfd, calls, "-b", fasta, "-f", fasta, *out, code=1)
    message = said(capfd, calls, "-b", fasta, "-f", reads, *out, code=1)
    assert "Were two files swapped?" in message
    assert "is a BAM file, no VCF or BCF" in said(capfd, reads, "-b", reads, "-f", fasta, *out, code=1)
    assert not list(tmp_path.iterdir())


def test_kinds(simulated, tmp_path):
    assert kind_of_file(str(simulated.files.reads)) == "BAM"
    assert kind_of_file(str(simulated.files.reference)) == "FASTA"
    assert kind_of_file(str(simulated.files.calls)) == "VCF"
    packed = tmp_path / "x.gz"
    packed.write_bytes(gzip.compress(b">1\nACGT\n"))
    assert kind_of_file(str(packed)) == "FASTA"
    for content in (b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00nonsense", b"hello"):
        packed.write_bytes(content)
        assert kind_of_file(str(packed)) is None
    assert kind_of_file(str(tmp_path)) is None
    assert kind_of_file(str(tmp_path / "absent")) is None


def test_reads_of_another_place_are_refused(simulated, tmp_path, capfd):
    empty = tmp_path / "empty.bam"
    with pysam.AlignmentFile(str(simulated.files.reads)) as source, pysam.AlignmentFile(str(empty), "wb", template=source):
        pass
    pysam.index(str(empty))
    out = tmp_path / "out.vcf"
    common = [simulated.files.calls, "-b", empty, "-f", simulated.files.reference, "-q", "-o", out]
    message = said(capfd, *common, code=1)
    assert "none of " in message
    assert "no reads lie at" in message
    assert "--allow-unscored" in message
    assert not out.exists()
    said(capfd, *common, "--allow-unscored", code=0)
    assert out.exists()


@pytest.fixture
def swap(shared_data, tmp_path):
    """(calls of NA19401, reads of NA12878, reference, index of neither stale)"""
    real = shared_data / "real"
    return real / "na19401-nygc-chr21" / "freebayes.vcf.gz", real / "nygc-chr21b" / "reads.bam", real / "nygc-chr21b"


def test_reads_of_another_person_are_warned_of(swap, tmp_path, caplog):
    calls, reads, folder = swap
    summary, out = tmp_path / "s.json", tmp_path / "out.vcf"
    arguments = ["-b", reads, "-f", folder / "reference.fa.gz", "-o", out, "--summary", summary]
    assert run(["filter", str(calls), *map(str, arguments)]) == 0
    codes = [warning["code"] for warning in json.loads(summary.read_text())["warnings"]]
    assert codes == ["sample_mismatch", "contradicted_calls"]
    assert "the calls are of NA19401, the reads of NA12878" in caplog.text
    assert "at 23 of 26 places with calls of QUAL 30 or more no read shows the ALT" in caplog.text
    assert out.read_text().count("##vcffilter_filterWarning=") == 1
    assert run(["filter", str(calls), *map(str, arguments[:-3]), str(tmp_path / "strict.vcf"), "--strict"]) == 1
    assert not (tmp_path / "strict.vcf").exists()


def test_calls_with_their_own_reads_raise_no_alarm(shared_data, tmp_path):
    folder = shared_data / "real" / "nygc-chr21b"
    arguments = ["-b", folder / "reads.bam", "-f", folder / "reference.fa.gz", "-o", tmp_path / "o.vcf", "--strict"]
    assert run(["filter", str(folder / "haplotypecaller.vcf.gz"), *map(str, arguments)]) == 0


def test_unknown_contig_of_a_list_is_named():
    regions = regions_from_text("chr1:5-10,chrQ,2")
    (warning,) = unknown_regions(regions, "-r", False, ["chr1", "chr2"])
    assert warning.code == "region_contig_unknown"
    assert "contigs that the calls do not have: chrQ, 2; here it is chr2, not 2" in warning.text
    assert not list(unknown_regions(regions_from_text("chr1"), "-r", False, ["chr1"]))
    assert not list(unknown_regions(regions, "-r", False, []))
    assert not list(unknown_regions(regions_from_text("^chrQ"), "-t", False, ["chr1"]))


def test_commas_within_positions_are_named_as_what_they_are():
    """`-r` and `-t` part regions by commas, as bcftools does; a place copied from a genome browser has others."""
    (warning,) = unknown_regions(regions_from_text("chr21:16,608,000-16,700,000"), "-r", False, ["chr21"])
    assert "write positions without them" in warning.hint
    (warning,) = unknown_regions(regions_from_text("chr21:5,chr22"), "-r", False, ["chr21"])
    assert "write positions" not in warning.hint


def test_files_of_regions_may_name_more():
    assert not list(unknown_regions(regions_from_text("chr1,chrQ"), "-R", True, ["chr1"]))
    assert list(unknown_regions(regions_from_text("chr1,2"), "-R", True, ["chr1", "chr2"]))
    assert list(unknown_regions(regions_from_text("chrQ"), "-R", True, ["chr1"]))


def test_stale_index_of_real_files(simulated, tmp_path, caplog):
    for path in (simulated.files.reads, f"{simulated.files.reads}.bai"):
        shutil.copy(path, tmp_path)
    reads = tmp_path / simulated.files.reads.name
    os.utime(f"{reads}.bai", (1_000_000, 1_000_000))
    arguments = ["-b", reads, "-f", simulated.files.reference, "-o", tmp_path / "o.vcf"]
    assert run(["filter", str(simulated.files.calls), *map(str, arguments)]) == 0
    assert f"{reads}.bai is older than {reads}" in caplog.text


@pytest.mark.parametrize(
    "line", ["##source=Mutect2", "##MutectVersion=2.2", "##tumor_sample=T", "##content=strelka somatic snv calls"]
)
def test_somatic_callers_are_known_by_their_headers(line):
    text = f"##fileformat=VCFv4.2\n{line}\n#CHROM"
    assert somatic_warning(text, "illumina-germline-1", "").code == "somatic_calls"
    assert somatic_warning(text, "mine", "trained on tumours") is None
    assert somatic_warning("##source=HaplotypeCaller\n", "illumina-germline-1", "") is None
