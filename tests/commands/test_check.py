"""`pileup-filter check` on a set-up that fits and on broken ones: the verdict, the exit code, and what each finding says."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.simulation.sample import SampleFiles


@pytest.fixture
def files(simulated, tmp_path) -> SampleFiles:
    """A copy of the simulated sample that a test may break."""
    folder = tmp_path / "copy"
    shutil.copytree(simulated.files.directory, folder)
    return SampleFiles.within(folder)


def checked(capfd, files, *arguments: str, code: int) -> str:
    common = [str(files.calls), "-b", str(files.reads), "-f", str(files.reference)]
    assert run(["check", *common, *arguments]) == code
    return capfd.readouterr().out


def rewritten(files: SampleFiles, change) -> SampleFiles:
    """Calls changed as text."""
    text = gzip.decompress(files.calls.read_bytes()).decode()
    path = files.directory / "changed.vcf"
    path.write_text(change(text))
    return replace(files, calls=path)


def test_a_set_up_that_fits(files, capfd):
    text = checked(capfd, files, code=0)
    assert text.rstrip().endswith("All fits.")
    assert "WARN" not in text
    assert "FAIL" not in text
    for topic in ("reference", "reads", "calls", "REF", "platform", "model", "samples", "indexes", "contigs", "depth", "device"):
        assert f"ok   {topic}:" in text


def test_json_says_the_same(files, capfd):
    data = json.loads(checked(capfd, files, "--json", code=0))
    assert data["verdict"] == "ok"
    assert {finding["level"] for finding in data["findings"]} == {"ok"}
    assert data["contigs"][0]["calls"]["length"] == data["contigs"][0]["fasta"]["length"]
    assert data["contigs_of_records"] == [data["contigs"][0]["name"]]
    assert data["model"] == "illumina-germline"
    assert 20 < data["median_depth"] < 40
    (facts,) = data["reads"].values()
    assert facts["platform"] == "illumina"


def test_missing_files_are_all_named_at_once(files, capfd):
    (files.reads.with_name(files.reads.name + ".bai")).unlink()
    (files.reference.with_name(files.reference.name + ".fai")).unlink()
    text = checked(capfd, replace(files, calls=Path("nowhere.vcf")), code=1)
    assert "FAIL reference:" in text
    assert "FAIL reads:" in text
    assert "FAIL calls:     nowhere.vcf" in text
    assert f"-> Index it with: samtools faidx {files.reference}" in text
    assert f"-> Index it with: samtools index {files.reads}" in text


def test_another_naming(files, capfd):
    text = checked(capfd, rewritten(files, lambda text: text.replace("sim1", "chrsim1")), code=1)
    assert "FAIL contigs:" in text
    assert "bcftools annotate --rename-chrs" in text


def test_another_reference(files, capfd):
    sequence = files.reference.read_text().splitlines()
    files.reference.write_text("\n".join([sequence[0], *(line[::-1] for line in sequence[1:])]) + "\n")
    text = checked(capfd, files, code=1)
    assert "FAIL REF:       REF is not what" in text
    assert "--allow-ref-mismatch" in text


def test_a_masked_reference(files, capfd):
    sequence = files.reference.read_text().splitlines()
    files.reference.write_text("\n".join([sequence[0], *("N" * len(line) for line in sequence[1:])]) + "\n")
    text = checked(capfd, files, code=3)
    assert "WARN REF:" in text
    assert "has N at" in text
    assert text.rstrip().endswith("A run would warn.")


def test_another_sample(files, capfd):
    text = checked(capfd, rewritten(files, lambda text: text.replace("FORMAT\tSIM", "FORMAT\tBerta", 1)), code=3)
    assert "WARN samples:   the calls are of Berta, the reads of" in text


def test_reads_given_to_a_sample_by_name(files, capfd):
    berta = rewritten(files, lambda text: text.replace("FORMAT\tSIM", "FORMAT\tBerta", 1))
    common = [str(berta.calls), "-f", str(files.reference)]
    assert run(["check", *common, "-b", f"Berta={files.reads}"]) == 0
    assert "ok   samples:   Berta in calls and reads" in capfd.readouterr().out
    names = files.directory / "names.tsv"
    names.write_text("SIM\tBerta\n")
    assert run(["check", *common, "-b", str(files.reads), "--sample-map", str(names), "--model", "auto"]) == 0
    assert run(["check", *common, "-b", str(files.reads), "-s", "Nobody"]) == 1
    out = files.directory / "out.vcf"
    assert run(["filter", *common, "-b", f"Berta={files.reads}", "--model", "auto", "-q", "-o", str(out)]) == 0
    assert out.exists()


def test_several_samples_of_which_none_has_reads(files, capfd):
    """`filter` ends with an error there, and check says so by its exit code."""

    def two(text):
        head, records = text.split("FORMAT\tSIM\n", 1)
        return f"{head}FORMAT\tAnna\tBerta\n" + "".join(f"{line}\t0/0\n" for line in records.splitlines())

    trio = rewritten(files, two)
    text = checked(capfd, trio, code=1)
    assert "FAIL samples:" in text
    assert "no read group (@RG SM) is of a sample of the calls (Anna, Berta); samples of the reads: SIM" in text
    assert "true calls fail by another person's reads" not in text
    common = [str(trio.calls), "-f", str(files.reference)]
    assert run(["filter", *common, "-b", str(files.reads)]) == 1
    capfd.readouterr()
    assert run(["check", *common, "-b", f"Berta={files.reads}"]) == 0
    assert run(["check", *common, "-b", f"Carla={files.reads}"]) == 1
    assert "no sample of the calls has that name" in capfd.readouterr().out


def test_an_old_index(files, capfd):
    os.utime(f"{files.reads}.bai", (1_000_000, 1_000_000))
    assert "WARN indexes:" in checked(capfd, files, code=3)


def test_reads_of_another_place(files, capfd):
    empty = files.directory / "empty.bam"
    with pysam.AlignmentFile(str(files.reads)) as source, pysam.AlignmentFile(str(empty), "wb", template=source):
        pass
    pysam.index(str(empty))
    text = checked(capfd, replace(files, reads=empty), code=1)
    assert "has no mapped reads" in text
    assert "FAIL depth:     no reads at any of" in text


def test_a_model_of_another_platform(files, capfd):
    text = checked(capfd, files, "--model", "hifi-germline", code=3)
    assert "WARN model:" in text
    assert "-> Use --model illumina-germline" in text
    assert "ok   model:     illumina-germline" in checked(capfd, files, "--model", "auto", code=0)
    assert "FAIL model:" in checked(capfd, files, "--model", "nothing", code=1)


def test_somatic_calls(files, capfd):
    text = checked(capfd, rewritten(files, lambda text: text.replace("##contig", "##source=Mutect2\n##contig", 1)), code=3)
    assert "WARN caller:    the calls come from Mutect2" in text


def test_other_lengths_and_digests(files, capfd):
    def shorter(text: str) -> str:
        return text.replace("length=", "length=9", 1)

    assert "lengths differ" in checked(capfd, rewritten(files, shorter), code=3)

    def digested(text: str) -> str:
        return text.replace("length=", f"md5={'0' * 32},length=", 1)

    text = checked(capfd, rewritten(files, digested), code=3)
    assert "bases differ, by their digests" in text
    assert "bases differ" in text


@pytest.mark.parametrize("end", ["cut", "unsorted"])
def test_calls_that_cannot_be_read(end, files, capfd):
    def broken(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join([*lines[:-1], lines[-1][:20]]) if end == "cut" else "".join([*lines, lines[-20]])

    assert "FAIL calls:" in checked(capfd, rewritten(files, broken), code=1)


def test_stdin_is_refused(files, capfd):
    assert run(["check", "-", "-b", str(files.reads), "-f", str(files.reference)]) == 2
    assert "stdin passes once" in capfd.readouterr().err


def test_calls_without_records_and_symbolic_ones(files, capfd):
    def header(text: str) -> str:
        return "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))

    assert "there are no records" in checked(capfd, rewritten(files, header), code=3)

    def symbolic(text: str) -> str:
        contig = text.partition("##contig=<ID=")[2].partition(",")[0]
        return header(text) + f"{contig}\t50\t.\tA\t<DEL>\t.\t.\t.\tGT\t0/1\n"

    assert "none of 1 ALTs looked at can be scored" in checked(capfd, rewritten(files, symbolic), code=3)
