# ruff: noqa: E501
"""Hostile reads and references: calls that sound reads decide keep their answer, and what no read can say is `no_reads`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pysam
import pytest
from hostile_files import CONTIGS, Inputs, Read, bcftools_view, header, info, other, plain_reads, records, ref, row, without_ours

pytestmark = pytest.mark.reliability("Hostile values: reads and references")

CALLS = (row(), row(pos1=500), row("c2", 250))
FULL = "A" * 100
QUALITIES = (35,) * 100


def piece(start0: int, length: int = 100) -> str:
    """Bases as the FASTA has them."""
    return CONTIGS["c1"][start0 : start0 + length]


def strange(**changes: object) -> list[Read]:
    """Twenty reads over c1:250, each changed in the same way."""
    plain = {"cigar": "100M", "bases": FULL, "qualities": QUALITIES}
    return [Read(start0=200 + n, name=f"strange{n}", **(plain | changes)) for n in range(20)]


def moved(cigar: str, length: int, **changes: object) -> list[Read]:
    """Twenty reads of the FASTA's own bases under a CIGAR that holds `length` of them."""
    return [
        Read(200 + n, cigar, piece(200 + n, length), qualities=(35,) * length, name=f"moved{n}", **changes)  # type: ignore[arg-type]
        for n in range(20)
    ]


#: Added to the sound reads: nothing of it may change an answer into an error or a crash.
BESIDE = {
    "clips only": strange(cigar="100S"),
    "hard clips only": strange(cigar="100H", bases=None, qualities=None),
    "clips of both kinds only": strange(cigar="5H50S50S"),
    "skips only": strange(cigar="100N", bases=None, qualities=None),
    "a skip between clips": strange(cigar="50S100N50S"),
    "insertions only": strange(cigar="100I"),
    "deletions only": strange(cigar="100D", bases=None, qualities=None),
    "padding only": strange(cigar="100P", bases=None, qualities=None),
    "operations of no length": moved("0S10M0I40M0D0N50M0H", 100),
    "an insertion at the start, a deletion at the end": moved("10I80M10S5D", 100),
    "no CIGAR": strange(cigar="*"),
    "no SEQ": [replace(read, bases=None, qualities=None) for read in moved("100M", 100)],
    "no SEQ and clips": [replace(read, bases=None, qualities=None) for read in moved("10S90M", 100)],
    "no qualities": [replace(read, qualities=None) for read in moved("100M", 100)],
    "qualities of 0": strange(qualities=(0,) * 100),
    "qualities of 254": strange(qualities=(254,) * 100),
    "MAPQ of 255": moved("100M", 100, mapq=255),
    "MAPQ of 0": strange(mapq=0),
    "N bases": strange(bases="N" * 100),
    "IUPAC bases": strange(bases="RYSWKMBDHV" * 10),
    "unmapped in place": strange(flag=4),
    "secondary, supplementary, duplicate, failed": [read for flag in (256, 2048, 1024, 512) for read in strange(flag=flag)],
    "every flag": strange(flag=0xFFF),
    "empty names": [replace(read, name="*") for read in moved("100M", 100)],
    "one name": [replace(read, name="same", flag=65) for read in moved("100M", 100)],
    "names of 250 characters": [replace(read, name="n" * 250) for read in moved("100M", 100)],
    "a base": strange(cigar="1M", bases="A", qualities=(35,)),
    "a skip of 2 kb": moved("50M2000N50M", 100),
    "a deletion of 2 kb": moved("50M2000D50M", 100),
    "thousands of operations": moved("1M1I" * 1000 + "1M", 2001),
    "over the end of the contig": [Read(2950, "100M", FULL, name="over", qualities=QUALITIES)],
    "behind the end of the contig": [Read(3100, "100M", FULL, name="behind", qualities=QUALITIES)],
    "at the last base": [Read(2999, "1M99S", FULL, name="last", qualities=QUALITIES)],
}  # fmt: skip


def outcomes(inputs: Inputs) -> list[str]:
    """Status or FILTER of every record of the output."""
    return [info(one).get("PILEUP_STATUS", one["FILTER"]) for one in records(inputs.out.read_text())]


@pytest.mark.parametrize("name", BESIDE)
def test_beside_sound_reads(inputs: Inputs, bcftools: str, name: str) -> None:
    calls = inputs.calls(CALLS)
    many = inputs.with_reads([*plain_reads(), *BESIDE[name]], contigs={"c1": 4000, "c2": 1500})
    assert many.filter(calls, "--reasons") == 0
    assert outcomes(inputs) == ["PASS", "PASS", "PASS"]
    assert without_ours(inputs.out.read_text()) == bcftools_view(calls).splitlines()


#: What they say alone at c1:250, where the call is an SNV.
ALONE = {
    "clips only": "no_reads",
    "hard clips only": "no_reads",
    "skips only": "no_reads",
    "insertions only": "no_reads",
    "padding only": "no_reads",
    "no CIGAR": "no_reads",
    "no SEQ": "no_reads",
    "no SEQ and clips": "no_reads",
    "unmapped in place": "no_reads",
    "secondary, supplementary, duplicate, failed": "no_reads",
    "N bases": "LowPileupSNV",
    "no qualities": "LowPileupSNV",
    "MAPQ of 255": "LowPileupSNV",
    "operations of no length": "LowPileupSNV",
}


@pytest.mark.parametrize("name", ALONE)
def test_alone(inputs: Inputs, name: str) -> None:
    assert inputs.with_reads(BESIDE[name]).filter(inputs.calls([row()]), "--reasons", "--allow-unscored") == 0
    assert outcomes(inputs) == [ALONE[name]]


def test_no_reads_at_all(inputs: Inputs) -> None:
    assert inputs.with_reads([]).filter(inputs.calls(CALLS), "--allow-unscored") == 0
    assert outcomes(inputs) == ["no_reads"] * 3


def test_reads_of_50_kb(inputs: Inputs, record_property) -> None:
    """With an indel every hundred bases, over each call; and one of 500 kb."""
    random = Random(3)
    bases = "".join(random.choices("ACGT", k=600_000))
    reads = []
    for n in range(12):
        changed = list(bases[n * 100 : n * 100 + 50_000])
        if n % 2:
            changed[30_000 - n * 100 - 1] = other(bases[30_000 - 1])
        cigar = "90M1I9M" * 500 if n % 3 else "50000M"
        reads.append(Read(n * 100, cigar, "".join(changed), "long", (12,) * 50_000, 16 * (n % 2), name=f"r{n}"))
    reads.append(Read(5000, "500000M", bases[5000:505_000], "long", (20,) * 500_000, name="longest"))
    calls = inputs.calls(
        [row("long", 30_000, REF=bases[29_999], ALT=other(bases[29_999]))], header(contigs=("##contig=<ID=long,length=600000>\n",))
    )
    long = inputs.with_reads(reads, contigs={"long": 600_000}).with_reference({"long": bases})
    assert long.filter(calls, "--model", "hifi-germline") == 0
    assert outcomes(inputs) in (["PASS"], ["LowPileupSNV"])
    assert info(records(inputs.out.read_text())[0])["PILEUP_DP"] == "13"


REFERENCES = {
    "N": {"c1": piece(0, 200) + "N" * 100 + piece(300, 2700)},
    "N all over": {"c1": "N" * 3000},
    "lower case": {"c1": CONTIGS["c1"].lower()},
    "IUPAC": {"c1": piece(0, 240) + "R" * 9 + piece(249, 1) + "YSWK" + piece(254, 2746)},
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("N", "PASS"), ("N all over", "PASS"), ("lower case", "PASS"), ("IUPAC", "PASS")],
)
def test_references(inputs: Inputs, name: str, expected: str) -> None:
    """An N of the FASTA contradicts no REF: the reads decide (and the run warns of many)."""
    calls = inputs.calls(CALLS[:1])
    changed = inputs.with_reference({**CONTIGS, **REFERENCES[name]})
    assert changed.filter(calls, "--allow-ref-mismatch", "--allow-unscored") == 0
    assert outcomes(inputs) == [expected]


def test_a_reference_shorter_than_the_reads_say(inputs: Inputs, capfd) -> None:
    """Reads and calls over its end: the calls before it are scored, those behind it named."""
    short = inputs.with_reference({"c1": piece(0, 260), "c2": CONTIGS["c2"]})
    assert short.filter(inputs.calls([row()])) == 0
    assert outcomes(inputs) == ["PASS"]
    assert short.filter(inputs.calls([row(), row(pos1=500)])) == 1
    assert "c1:500: the calls' REF ends beyond the end of c1 (260 bases)" in capfd.readouterr().err


def test_a_reference_with_letters_that_are_none(inputs: Inputs, capfd) -> None:
    changed = inputs.with_reference(CONTIGS)
    text = bytearray(changed.reference.read_bytes())
    at = text.index(b"\n") + 240
    text[at : at + 3] = "\u202e".encode()
    changed.reference.write_bytes(text)
    assert changed.filter(inputs.calls([row()])) == 1
    assert "other.fa, c1:" in (message := capfd.readouterr().err)
    assert "letters that are no bases" in message


def test_a_reference_without_a_contig(inputs: Inputs) -> None:
    less = inputs.with_reference({"c1": CONTIGS["c1"]})
    assert less.filter(inputs.calls(CALLS)) == 0
    assert outcomes(inputs) == ["PASS", "PASS", "contig_missing"]


def test_reads_that_are_not_sorted(inputs: Inputs, capfd) -> None:
    """An index cannot be made, or lies about them; samtools says the same."""
    path = inputs.folder / "unsorted.bam"
    with pysam.AlignmentFile(str(inputs.reads)) as source, pysam.AlignmentFile(str(path), "wb", template=source) as target:
        for read in reversed(list(source)):
            target.write(read)
    assert replace(inputs, reads=path).filter(inputs.calls(CALLS)) == 1
    message = capfd.readouterr().err
    assert "there is no index" in message or "index" in message
    assert "samtools" in message


def test_an_index_of_other_reads(inputs: Inputs, capfd) -> None:
    """Whatever its offsets mean there: success or one error, no crash."""
    other_reads = inputs.with_reads([*plain_reads(), *strange(), *moved("100M", 100)]).reads
    Path(f"{other_reads}.bai").write_bytes(Path(f"{inputs.reads}.bai").read_bytes())
    assert replace(inputs, reads=other_reads).filter(inputs.calls(CALLS)) in (0, 1)
    assert capfd.readouterr().err.count("error:") <= 1


def test_a_call_at_every_base(inputs: Inputs) -> None:
    """Three thousand records whose reads are shared by all of them."""
    calls = inputs.calls(row(pos1=pos1, REF=ref("c1", pos1)) for pos1 in range(1, 3001))
    assert inputs.filter(calls) == 0
    passed = [at for at, filters in enumerate(outcomes(inputs), 1) if filters == "PASS"]
    assert passed == [pos1 for pos1 in range(250, 3000, 250)]
