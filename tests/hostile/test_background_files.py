"""Hostile files as --background: a run ends with one message that names the file, or says of every ALT that nobody knows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pysam
import pytest
from hostile_files import CONTIGS, Inputs, Read, plain_reads, row, write_fasta, write_reads

from vcffilter.commands.main import run

pytestmark = pytest.mark.reliability("Hostile files as --background")

CALLS = (row(), row(pos1=500), row("c2", 250))
#: An empty BGZF block: what a whole BAM ends with.
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def others(folder: Path, name: str = "others.bam", **changes: object) -> Path:
    """Reads of somebody else."""
    path = write_reads(folder / name, plain_reads(), **changes)  # type: ignore[arg-type]
    return as_sample(path, "other")


def as_sample(path: Path, name: str) -> Path:
    """The file under another @RG SM."""
    with pysam.AlignmentFile(str(path)) as source:
        lines = source.header.to_dict() | {"RG": [{"ID": "g", "SM": name}]}
        reads = [read.to_string() for read in source]
    with pysam.AlignmentFile(str(path), "wb", header=lines) as target:
        for text in reads:
            target.write(pysam.AlignedSegment.fromstring(text, target.header))
    pysam.index(str(path))
    return path


def without_index(inputs: Inputs) -> Path:
    path = others(inputs.folder)
    path.with_name(f"{path.name}.bai").unlink()
    return path


def cut(inputs: Inputs, *, whole_at_the_end: bool) -> Path:
    path = others(inputs.folder)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3] + (EOF_BLOCK if whole_at_the_end else b""))
    return path


def of_no_bytes(inputs: Inputs) -> Path:
    path = others(inputs.folder)
    path.write_bytes(b"")
    return path


def same_under_another_name(inputs: Inputs) -> Path:
    path = inputs.folder / "linked.bam"
    path.symlink_to(inputs.reads)
    Path(f"{path}.bai").symlink_to(f"{inputs.reads}.bai")
    return path


def copy_of_the_reads(inputs: Inputs) -> Path:
    path = inputs.folder / "copy.bam"
    shutil.copy(inputs.reads, path)
    shutil.copy(f"{inputs.reads}.bai", f"{path}.bai")
    return path


def cram_of_another_fasta(inputs: Inputs) -> Path:
    """Its own @SQ M5 says so; no server is asked for it."""
    folder = inputs.folder / "elsewhere"
    folder.mkdir()
    fasta = write_fasta(folder / "other.fa", {name: "".join(Random(9).choices("ACGT", k=len(s))) for name, s in CONTIGS.items()})
    bam, cram = others(inputs.folder), inputs.folder / "others.cram"
    pysam.view("-C", "-T", str(fasta), "-o", str(cram), "--write-index", str(bam), catch_stdout=False)
    shutil.rmtree(folder)
    return cram


def a_folder(inputs: Inputs) -> Path:
    (inputs.folder / "folder.bam").mkdir()
    return inputs.folder / "folder.bam"


def other_names(inputs: Inputs) -> Path:
    reads = [Read(**{**vars(read), "contig": f"chr{read.contig}"}) for read in plain_reads()]
    lengths = {f"chr{name}": len(bases) for name, bases in CONTIGS.items()}
    return as_sample(write_reads(inputs.folder / "chr.bam", reads, lengths), "other")


def other_build(inputs: Inputs) -> Path:
    return as_sample(write_reads(inputs.folder / "build.bam", plain_reads(), {"c1": 3001, "c2": 1500}), "other")


def the_calls(inputs: Inputs) -> Path:
    return inputs.calls(CALLS, name="calls.bam")


REFUSED: dict[str, tuple[Callable[[Inputs], Path], int, str]] = {
    "no index": (without_index, 1, "Index it with: samtools index"),
    "no bytes": (of_no_bytes, 1, "others.bam"),
    "cut": (lambda inputs: cut(inputs, whole_at_the_end=False), 1, "file may be truncated"),
    "cut, with an end": (lambda inputs: cut(inputs, whole_at_the_end=True), 1, "others.bam"),
    "the reads themselves": (lambda inputs: inputs.reads, 2, "is given as -b and as --background"),
    "the reads by a link": (same_under_another_name, 2, "is given as -b and as --background"),
    "a copy of the reads": (copy_of_the_reads, 2, "holds reads of S (@RG SM), which is the sample that is scored"),
    "CRAM of another FASTA": (cram_of_another_fasta, 1, "others.cram"),
    "a folder": (a_folder, 1, "folder.bam"),
    "other names of contigs": (other_names, 1, "the calls name a contig 'c1', but this file names it 'chrc1'"),
    "another build": (other_build, 1, "its c1 has 3,001 bases"),
    "a VCF": (the_calls, 1, "no BAM or CRAM"),
    "not there": (lambda inputs: inputs.folder / "none.bam", 1, "no such file"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_background_ends_the_run_with_one_message(inputs: Inputs, what: str, capfd: pytest.CaptureFixture) -> None:
    make, code, message = REFUSED[what]
    background, calls = str(make(inputs)), str(inputs.calls(CALLS))
    assert run(["filter", calls, *inputs.options("--background", background, "-q", "-o", inputs.out)]) == code
    said = capfd.readouterr().err
    assert said.startswith("pileup-filter: error: ")
    assert message in said
    assert os.path.basename(background) in said
    assert not inputs.out.exists()
    # And `check` says the same before a run.
    given = ["-b", str(inputs.reads), "-f", str(inputs.reference), "--background", background]
    assert run(["check", calls, *given]) == 1
    assert message in capfd.readouterr().out


def no_reads(inputs: Inputs) -> Path:
    return as_sample(write_reads(inputs.folder / "empty.bam", []), "other")


def other_contigs(inputs: Inputs) -> Path:
    reads = [Read(**{**vars(read), "contig": "elsewhere"}) for read in plain_reads() if read.contig == "c1"]
    return as_sample(write_reads(inputs.folder / "elsewhere.bam", reads, {"elsewhere": 3000}), "other")


@pytest.mark.parametrize(("make", "warned"), [(no_reads, "has no mapped reads"), (other_contigs, "has none of the contigs")])
def test_what_says_nothing_changes_nothing(
    inputs: Inputs, make: Callable[[Inputs], Path], warned: str, capfd: pytest.CaptureFixture
) -> None:
    background, calls = str(make(inputs)), str(inputs.calls(CALLS))
    texts = []
    for more in ([], ["--background", background]):
        assert run(["filter", calls, *inputs.options(*more, "-o", inputs.out)]) == 0
        texts.append([line.split("\t") for line in inputs.out.read_text().splitlines() if line[0] != "#"])
    plain, beside = texts
    for one, other in zip(plain, beside, strict=True):
        kept = [item for item in other[7].split(";") if "BACKGROUND" not in item]
        assert [*other[:7], ";".join(kept), *other[8:]] == one
        assert "PILEUP_BACKGROUND=.;" in f"{other[7]};"
    assert "too few reads 3" in capfd.readouterr().err
    assert run(["check", calls, "-b", str(inputs.reads), "-f", str(inputs.reference), "--background", background]) == 3
    assert warned in capfd.readouterr().out
