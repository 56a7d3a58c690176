"""Forty errors that users make, each with what the program says: one file that is read as a whole.

UPDATE_GOLDEN=1 pytest tests/commands/test_user_errors.py writes it anew: then read it. Each says what, where, and what to do.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.simulation.sample import SampleFiles

GOLDEN = Path(__file__).parent / "golden" / "user_errors.txt"


class Desk:
    """A user's folder: whole files under short names, and ways to break them. Arguments in braces are filled in by name."""

    def __init__(self, folder: Path, files: SampleFiles) -> None:
        self.folder = folder
        for path, name in ((files.reads, "reads.bam"), (files.calls, "calls.vcf.gz"), (files.reference, "ref.fa")):
            shutil.copy(path, folder / name)
        pysam.index(str(folder / "reads.bam"))
        pysam.faidx(str(folder / "ref.fa"))
        pysam.tabix_index(str(folder / "calls.vcf.gz"), preset="vcf", force=True)
        self.text = gzip.decompress(files.calls.read_bytes()).decode()

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def calls(self, name: str, change: Callable[[str], str]) -> None:
        """A VCF that is the sample's, changed as text."""
        self.write(name, change(self.text))

    def header(self) -> str:
        return "".join(line for line in self.text.splitlines(keepends=True) if line.startswith("#"))

    def records(self) -> list[str]:
        return [line for line in self.text.splitlines(keepends=True) if not line.startswith("#")]

    def reads(self, name: str, *, keep: bool = True, order: str = "coordinate", indexed: bool = True) -> None:
        """A BAM with the sample's reads, or without any."""
        with pysam.AlignmentFile(str(self.folder / "reads.bam")) as source:
            header = source.header.to_dict()
            header["HD"]["SO"] = order
            with pysam.AlignmentFile(str(self.folder / name), "wb", header=header) as target:
                for read in source if keep else []:
                    target.write(read)
        if indexed:
            pysam.index(str(self.folder / name))


def swapped_lines(desk: Desk) -> None:
    records = desk.records()
    desk.write("unsorted.vcf", desk.header() + "".join([records[5], records[1]]))


def cut_bam(desk: Desk) -> None:
    data = (desk.folder / "reads.bam").read_bytes()
    desk.write("cut.bam", data[: len(data) // 2])
    shutil.copy(desk.folder / "reads.bam.bai", desk.folder / "cut.bam.bai")


def other_reference(desk: Desk) -> None:
    name, *lines = (desk.folder / "ref.fa").read_text().splitlines()
    desk.write("other.fa", "\n".join([name, *(line[::-1] for line in lines)]) + "\n")
    pysam.faidx(str(desk.folder / "other.fa"))


def other_naming(desk: Desk) -> None:
    desk.calls("chr.vcf", lambda text: text.replace("sim1", "chrsim1"))


def cut_calls(desk: Desk) -> None:
    data = (desk.folder / "calls.vcf.gz").read_bytes()
    desk.write("cut.vcf.gz", data[:-100])


def short_line(desk: Desk) -> None:
    desk.write("short.vcf", desk.header() + desk.records()[0] + "\t".join(desk.records()[1].split("\t")[:5]) + "\n")


def no_index(desk: Desk) -> None:
    desk.reads("bare.bam", indexed=False)
    desk.write("bare.vcf.gz", (desk.folder / "calls.vcf.gz").read_bytes())
    desk.write("bare.fa", (desk.folder / "ref.fa").read_bytes())


def taken_key(desk: Desk) -> None:
    line = '##INFO=<ID=PILEUP_PROB,Number=1,Type=String,Description="mine">\n'
    desk.calls("taken.vcf", lambda text: text.replace("##contig", f"{line}##contig", 1))


def texts(desk: Desk) -> None:
    desk.write("bad.bed", "sim1\tten\ttwenty\n")
    desk.write("notes.txt", "hello\n")
    desk.write("empty.vcf", b"")
    desk.write("model.safetensors", b"no weights")
    desk.write("names.tsv", "only one column\n")
    desk.write("labels.tsv", "chrom\tpos\n")
    desk.write("train.yaml", "model: [\n")
    desk.write("three.vcf", desk.text.replace("FORMAT\tSIM", "FORMAT\tAnna", 1))


def unsorted_reads(desk: Desk) -> None:
    desk.reads("byname.bam", order="queryname", indexed=False)  # as it comes from an aligner: samtools index would refuse it


def no_reads(desk: Desk) -> None:
    desk.reads("empty.bam", keep=False)


def nothing(desk: Desk) -> None:
    """All files are whole."""


F = "filter calls.vcf.gz -b reads.bam -f ref.fa"
#: (what the user did, how the desk is broken first, the command line)
ERRORS: list[tuple[str, Callable[[Desk], None], str]] = [
    ("no such calls", nothing, "filter call.vcf.gz -b reads.bam -f ref.fa"),
    ("no such reads", nothing, "filter calls.vcf.gz -b read.bam -f ref.fa"),
    ("no such reference", nothing, "filter calls.vcf.gz -b reads.bam -f reference.fa"),
    ("reads without index", no_index, "filter calls.vcf.gz -b bare.bam -f ref.fa"),
    ("reference without index", no_index, "filter calls.vcf.gz -b reads.bam -f bare.fa"),
    ("region, calls without index", no_index, "filter bare.vcf.gz -b reads.bam -f ref.fa -r sim1:1-500"),
    ("reads and reference swapped", nothing, "filter calls.vcf.gz -b ref.fa -f reads.bam"),
    ("reads in the place of the calls", nothing, "filter reads.bam -b calls.vcf.gz -f ref.fa"),
    ("calls that are no VCF", texts, "filter notes.txt -b reads.bam -f ref.fa"),
    ("empty calls", texts, "filter empty.vcf -b reads.bam -f ref.fa"),
    ("calls cut in the middle", cut_calls, "filter cut.vcf.gz -b reads.bam -f ref.fa"),
    ("a record without all its columns", short_line, "filter short.vcf -b reads.bam -f ref.fa"),
    ("calls not sorted", swapped_lines, "filter unsorted.vcf -b reads.bam -f ref.fa"),
    ("reads cut in the middle", cut_bam, "filter calls.vcf.gz -b cut.bam -f ref.fa"),
    ("reads sorted by name", unsorted_reads, "filter calls.vcf.gz -b byname.bam -f ref.fa"),
    ("reads of another place", no_reads, "filter calls.vcf.gz -b empty.bam -f ref.fa"),
    ("contigs named otherwise", other_naming, "filter chr.vcf -b reads.bam -f ref.fa"),
    ("another reference", other_reference, "filter calls.vcf.gz -b reads.bam -f other.fa"),
    ("one BAM twice", nothing, f"{F} -b reads.bam"),
    ("a sample that the calls lack", nothing, f"{F} -s Anna"),
    ("a sample that the reads lack", texts, "filter three.vcf -b reads.bam -f ref.fa -s Anna"),
    ("another sample, --strict", texts, "filter three.vcf -b reads.bam -f ref.fa --strict"),
    ("reads of a sample that the calls lack", nothing, "filter calls.vcf.gz -b Anna=reads.bam -f ref.fa"),
    ("a sample map of one column", texts, f"{F} --sample-map names.tsv"),
    ("a region that is none", nothing, f"{F} -r sim1:ten-20"),
    ("a region of no contig of the calls", nothing, f"{F} -r chr7"),
    ("regions on the line and in a file", texts, f"{F} -r sim1 -R bad.bed"),
    ("a BED without numbers", texts, f"{F} -T bad.bed"),
    ("an INFO key that means something else", taken_key, "filter taken.vcf -b reads.bam -f ref.fa"),
    ("a score key of the caller", nothing, f"{F} --score-key DP"),
    ("no such model", nothing, f"{F} --model illumina"),
    ("weights that are none", texts, f"{F} --model model.safetensors"),
    ("a GPU that is not there", nothing, f"{F} --device cuda"),
    ("a recall that the card lacks", nothing, f"{F} --target-recall 0.99999"),
    ("an unknown output type", nothing, f"{F} -O q -o out.vcf"),
    ("index of plain VCF", nothing, f"{F} -o out.vcf -W"),
    ("output into a missing folder", nothing, f"{F} -o nowhere/out.vcf"),
    ("output over the calls", nothing, f"{F} -o calls.vcf.gz"),
    ("no reads given", nothing, "filter calls.vcf.gz -f ref.fa"),
    ("a misspelt command", nothing, "filtr calls.vcf.gz"),
    ("check of stdin", nothing, "check - -b reads.bam -f ref.fa"),
    ("labels without truth", nothing, "label calls.vcf.gz -f ref.fa"),
    ("a training file that is no YAML", texts, "train train.yaml -o run"),
]

#: What libraries say in their versions' words, and lists that grow: pattern -> what stands for it.
FROM_ELSEWHERE = [
    (r"\(Error while deserializing: [^)]*\)", "(...)"),
    (r"\(no BGZF EOF marker[^)]*\)", "(...)"),
    (r"There are: [^;]+;", "There are: ...;"),
    (r"it has: [0-9., ]+\.", "it has: ...."),
]


def message(desk: Desk, command: str, capfd) -> str:
    code = run(command.split())
    said = capfd.readouterr().err.replace(str(desk.folder), "DIR")
    assert code in (1, 2)
    for library, words in FROM_ELSEWHERE:
        said = re.sub(library, words, said)
    kept = [line for line in said.splitlines() if not line.startswith("Usage") and "runs on the CPU" not in line]
    return f"$ pileup-filter {command}\n" + "\n".join(kept) + f"\n[exit {code}]\n"


@pytest.fixture
def in_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def golden() -> dict[str, str]:
    parts = re.split(r"^# (.*)\n", GOLDEN.read_text(), flags=re.MULTILINE)
    return {name: text.rstrip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_there_are_forty():
    names = [name for name, _, _ in ERRORS]
    assert len(names) == len(set(names)) >= 40
    if not os.environ.get("UPDATE_GOLDEN"):
        assert list(golden()) == names


@pytest.mark.parametrize(("name", "broken", "command"), ERRORS, ids=[name for name, _, _ in ERRORS])
def test_user_error(name, broken, command, simulated, in_folder, capfd):
    if "--device cuda" in command:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("needs a machine without a GPU")
    desk = Desk(in_folder, simulated.files)
    broken(desk)
    before = {path.name for path in in_folder.iterdir()}
    text = message(desk, command, capfd)
    if os.environ.get("UPDATE_GOLDEN"):
        parts = {} if name == ERRORS[0][0] else golden()
        parts[name] = text.rstrip("\n")
        GOLDEN.write_text("".join(f"# {name}\n{text}\n\n" for name, text in parts.items()))
    assert text.rstrip("\n") == golden()[name]
    assert {path.name for path in in_folder.iterdir()} == before


@pytest.mark.parametrize("name", [name for name, _, _ in ERRORS])
def test_a_message_says_what_where_and_what_to_do(name):
    """One error, no traceback; a second sentence that says what to do, or click's pointer to the help."""
    text = golden()[name]
    (line,) = [line for line in text.splitlines() if line.startswith("pileup-filter: error:")]
    assert "Traceback" not in text
    assert len(line) < 420
    remedy = line.partition(". ")[2] or "\nTry 'pileup-filter" in text
    assert remedy
