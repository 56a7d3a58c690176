"""A test case scores as the call did where it came from, and names nobody."""

from __future__ import annotations

import tarfile

import cyvcf2
import pysam
import pytest

from vcffilter.commands.main import run


@pytest.fixture(scope="module")
def renamed(simulated, tmp_path_factory):
    """The simulated reads with names, a sample and a read group that nobody should see, and the calls with that sample."""
    folder = tmp_path_factory.mktemp("private")
    reads = folder / "reads.bam"
    with pysam.AlignmentFile(simulated.files.reads) as source:
        header = source.header.to_dict()
        header["RG"] = [{"ID": "SECRETRUN.7", "SM": "SECRETPERSON", "LB": "SECRETLIB"}]
        header["CO"] = ["SECRETCOMMENT /home/SECRETUSER"]
        with pysam.AlignmentFile(reads, "wb", header=header) as target:
            for read in source:
                read.query_name = f"SECRETMACHINE:{read.query_name}"
                read.set_tag("RG", "SECRETRUN.7")
                target.write(read)
    pysam.index(str(reads))
    calls = folder / "calls.vcf"
    with pysam.VariantFile(simulated.files.calls) as source:
        lines = [line for line in str(source.header).splitlines() if line.startswith("##")]
        rows = [str(record).rstrip("\n").split("\t")[:8] + ["GT", "0/1"] for record in source]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="g">')
    lines.append("##commandline=SECRETCOMMAND")
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tSECRETPERSON")
    calls.write_text("\n".join([*lines, *("\t".join(row) for row in rows)]) + "\n")
    return calls, reads


def scores(path):
    """Probability and depth by (distance to the first record, REF, ALTs)."""
    records = list(cyvcf2.VCF(str(path)))
    return {(r.POS, r.REF, tuple(r.ALT)): (r.INFO.get("PILEUP_PROB"), r.INFO.get("PILEUP_DP")) for r in records}


def unpacked(archive, folder):
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    return folder / "testcase"


def test_it_scores_as_the_call_did_and_names_nobody(renamed, simulated, tmp_path, capsys):
    calls, reads = renamed
    reference = str(simulated.files.reference)
    place = [record for record in cyvcf2.VCF(str(calls)) if len(record.ALT) == 1][18]
    files = ["-b", str(reads), "-f", reference]
    archive = tmp_path / "case.tar.gz"
    assert run(["testcase", str(calls), f"{place.CHROM}:{place.POS}", *files, "-o", str(archive)]) == 0
    assert "look into it before you send it" in capsys.readouterr().err
    case = unpacked(archive, tmp_path)
    for path in case.iterdir():
        if path.suffix == ".bam":
            with pysam.AlignmentFile(path) as opened:
                content = str(opened.header) + "".join(read.to_string() for read in opened)
                assert len(content) > 1000
        else:
            content = path.read_bytes().decode("latin-1")
        assert "SECRET" not in content, path.name
    assert run(["filter", str(calls), *files, "-q", "-o", str(tmp_path / "whole.vcf")]) == 0
    inside = ["filter", str(case / "calls.vcf"), "-b", str(case / "reads1.bam"), "-f", str(case / "reference.fa"), "-q"]
    assert run([*inside, "-o", str(tmp_path / "case.vcf")]) == 0
    moved = int((case / "testcase.json").read_text().split('"place": "')[1].split('"')[0].rpartition(":")[2])
    key = (place.REF, tuple(place.ALT))
    assert scores(tmp_path / "case.vcf")[moved, *key] == scores(tmp_path / "whole.vcf")[place.POS, *key]
    assert archive.stat().st_size < 200_000


def test_the_same_call_is_the_same_archive(renamed, simulated, tmp_path):
    calls, reads = renamed
    place = next(iter(cyvcf2.VCF(str(calls))))
    files = ["-b", str(reads), "-f", str(simulated.files.reference), "-q"]
    for name in ("a", "b"):
        assert run(["testcase", str(calls), f"{place.CHROM}:{place.POS}", *files, "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(("place", "message"), [("chr1:1", "no record is there"), ("here", "Write it as")])
def test_places_that_are_none(place, message, renamed, simulated, tmp_path, capsys):
    calls, reads = renamed
    contig = next(iter(cyvcf2.VCF(str(calls)))).CHROM
    files = ["-b", str(reads), "-f", str(simulated.files.reference)]
    target = tmp_path / "case.tar.gz"
    assert run(["testcase", str(calls), place.replace("chr1", contig), *files, "-o", str(target)]) == 1
    assert message in capsys.readouterr().err
    assert not target.exists()
