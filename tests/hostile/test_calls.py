# ruff: noqa: E501
"""Hostile records, one value at a time: they come out unchanged, as `bcftools view` writes them, or end in one clear error.

`scored`: what becomes of each record, in order: its PILEUP_STATUS, or PASS, or the FILTER that was added.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace

import pytest
from hostile_files import (
    CONTIG_LINES,
    CONTIGS,
    Inputs,
    bcftools_view,
    header,
    info,
    other,
    plain_reads,
    records,
    ref,
    row,
    without_ours,
)

pytestmark = pytest.mark.reliability("Hostile values: records of the calls, against bcftools view")

DECLARED = (
    '##FILTER=<ID=q10,Description="q">\n##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'
    '##INFO=<ID=LEN,Number=A,Type=Integer,Description="l">\n'
)
#: As many bases that are no part of the FASTA as stand in the name.
FOREIGN_100K = "A" * 100_000
INSERTIONS = [ref("c1", 250) + "".join(bases) for n in (1, 2, 3, 4) for bases in itertools.product("ACGT", repeat=n)]


@dataclass(frozen=True)
class Kept:
    """Records that come out unchanged. bcftools_differs: on purpose, and why."""

    rows: tuple[str, ...]
    scored: tuple[str, ...]
    more: tuple[str, ...] = ()
    head: dict[str, object] = field(default_factory=dict)


KEPT = {
    "POS 0 and 1": Kept(
        (row(pos1=0, REF="N", ALT=".[c1:5["), row(pos1=0, REF="N", ALT="A"), row(pos1=1), row()),
        ("unsupported_allele", "unsupported_allele", "LowPileupSNV", "PASS"),
    ),
    "the last base": Kept((row(pos1=3000), row("c2", 1500)), ("LowPileupSNV", "LowPileupSNV"), ("--allow-unscored",)),
    "beyond the contig": Kept(
        (row(), row(pos1=3000, REF=ref("c1", 3000) + "A", ALT=ref("c1", 3000)), row(pos1=4000, REF="A"), row("c2", 2**31 - 1, REF="A")),
        ("PASS", "ref_mismatch", "ref_mismatch", "ref_mismatch"),
        ("--allow-ref-mismatch",),
    ),
    "beyond 32 bits": Kept((row(), row(pos1=2**31 + 5, REF="A")), ("PASS", "ref_mismatch"), ("--allow-ref-mismatch",)),
    "REF of another genome": Kept(
        (row(REF=other(ref("c1", 250)), ALT=ref("c1", 250)),), ("ref_mismatch",), ("--allow-ref-mismatch",)
    ),
    "REF of 100 kb": Kept((row(REF=FOREIGN_100K, ALT="A"), row(pos1=500)), ("ref_mismatch", "PASS"), ("--allow-ref-mismatch",)),
    "REF of 2 kb, of the FASTA": Kept(
        (row(pos1=100, REF=ref("c1", 100, 2000), ALT=ref("c1", 100)), row(pos1=500)), ("allele_too_long", "PASS")
    ),
    "ALT of 100 kb": Kept(
        (row(ALT=ref("c1", 250) + FOREIGN_100K), row(ALT=f"{other(ref('c1', 250))},{ref('c1', 250)}{FOREIGN_100K}")),
        ("allele_too_long", "PASS"),
    ),
    "60 ALTs": Kept((row(ALT=",".join([other(ref("c1", 250)), *INSERTIONS[:59]])),), ("PASS",)),
    "300 ALTs": Kept((row(ALT=",".join([*INSERTIONS[:299], other(ref("c1", 250))])),), ("PASS",)),
    "300 false ALTs": Kept((row(ALT=",".join(INSERTIONS[:300])),), ("LowPileupIndel",)),
    "IUPAC": Kept(
        (
            row(ALT="R"),
            row(ALT=ref("c1", 250) + "NNR"),
            row(pos1=500, REF="R", ALT="A"),
            row(pos1=750, REF="N", ALT=other(ref("c1", 750))),
        ),
        ("unsupported_allele", "unsupported_allele", "invalid_allele", "PASS"),
    ),
    "lower case": Kept((row(REF=ref("c1", 250).lower(), ALT=other(ref("c1", 250)).lower()),), ("PASS",)),
    "duplicates": Kept(
        (row(), row(), row(ID="again"), row(ALT=other(other(ref("c1", 250)))), row()),
        ("PASS", "PASS", "PASS", "LowPileupSNV", "PASS"),
    ),
    "one ALT twice": Kept((row(ALT=",".join([other(ref("c1", 250))] * 2)),), ("PASS",)),
    "ALT is REF, nothing, a dot": Kept(
        (row(ALT=ref("c1", 250)), row(ALT=""), row(ALT="."), row(REF="", ALT="A"), row(REF=".", ALT="A"), row(ALT="A C")),
        ("invalid_allele", "invalid_allele", "no_alt", "invalid_allele", "invalid_allele", "unsupported_allele"),
    ),
    "a comma too many": Kept((row(ALT=other(ref("c1", 250)) + ","),), ("PASS",)),
    "star and symbols": Kept(
        (
            row(ALT="*"),
            row(pos1=251, ALT="<DEL>", INFO="END=300"),
            row(pos1=300, ALT="<NON_REF>"),
            row(pos1=310, ALT="<*>"),
            row(pos1=320, ALT="G]c2:20]"),
            row(pos1=330, ALT="<INS:ME:ALU>"),
            row(pos1=340, ALT="<DEL>", INFO="END=10"),
            row(pos1=500, ALT="*," + other(ref("c1", 500))),
        ),
        (*["unsupported_allele"] * 7, "PASS"),
    ),
    "QUAL": Kept(
        tuple(row(pos1=250 * n, QUAL=qual) for n, qual in enumerate(("nan", "inf", "-3", "1e300", "1e-300", ".", "abc"), 1)),
        ("PASS",) * 7,
    ),
    "FILTER": Kept(
        tuple(row(pos1=250 * n, FILTER=one) for n, one in enumerate(("q10", "q10;q10", "0", "undeclared", "q10;undeclared"), 1)),
        ("PASS",) * 5,
    ),
    "INFO": Kept(
        tuple(
            row(pos1=250 * n, INFO=one)
            for n, one in enumerate(
                ("XX=3;YY", "DP=3;DP=4", "DP=3;;LEN=4;", "DP=abc", "DP=99999999999", "LEN=1,2,3,4", ".", "", "DP=3;X=" + "a" * 10**6), 1
            )
        ),
        ("PASS",) * 9,
    ),
    "ID": Kept((row(ID="a;b;c"), row(pos1=500, ID="é"), row(pos1=750, ID="x" * 100_000)), ("PASS",) * 3),
    "genotypes": Kept(
        tuple(row(pos1=250 * n, S=one) for n, one in enumerate(("0/5", ".", "./.", "0|1", "1", "0/1/1/1/1/1/1/1", "0/."), 1)),
        ("PASS",) * 7,
    ),
    "FORMAT that is not declared": Kept((row(FORMAT="GT:XX", S="0/1:3"), row(pos1=500, FORMAT="XX", S="3")), ("PASS", "PASS")),
    "a column too many": Kept((row()[:-1] + "\t0/1\n", row(pos1=500)), ("PASS", "PASS")),
    "contigs that only records name": Kept((row(), row("zz", 5, REF="A"), row("", 5, REF="A")), ("PASS", "contig_missing", "contig_missing")),
    "VCF 4.1": Kept((row(),), ("PASS",), head={"version": "4.1"}),
    "VCF 4.3": Kept((row(),), ("PASS",), head={"version": "4.3"}),
    "VCF 4.4": Kept((row(S="0|1"),), ("PASS",), head={"version": "4.4"}),
    "VCF 4.5": Kept(
        (row(S="0/1"), row(pos1=300, ALT="<*>", INFO="END=400"), row(pos1=500, INFO="SVCLAIM=DJ")),
        ("PASS", "not scored", "PASS"),
        head={"version": "4.5", "more": DECLARED + '##INFO=<ID=SVCLAIM,Number=A,Type=String,Description="c">\n##FORMAT=<ID=LAA,Number=.,Type=Integer,Description="l">\n'},
    ),
    "VCF 9.9": Kept((row(),), ("PASS",), head={"version": "9.9"}),
    "a contig without length": Kept((row(), row("c2", 250)), ("PASS", "PASS"), head={"contigs": ("##contig=<ID=c1>\n", "##contig=<ID=c2>\n")}),
    "a contig of another length": Kept((row(),), ("PASS",), head={"contigs": ("##contig=<ID=c1,length=99>\n",)}),
    "IDX with a gap": Kept(
        (row("c2", 250), row("c1", 250)),
        ("PASS", "PASS"),
        head={"contigs": ("##contig=<ID=c2,length=1500,IDX=2>\n", "##contig=<ID=c1,length=3000,IDX=9>\n")},
    ),
    "IDX in another order": Kept(
        (row("c1", 250), row("c2", 250)),
        ("PASS", "PASS"),
        head={"contigs": ("##contig=<ID=c2,length=1500,IDX=1>\n", "##contig=<ID=c1,length=3000,IDX=0>\n")},
    ),
    "IDX of keys with gaps and swaps": Kept(
        (row(INFO="DP=3;LEN=4", FILTER="q10"), row("c2", 250)),
        ("PASS", "PASS"),
        head={
            "more": '##FILTER=<ID=q10,Description="q",IDX=7>\n##INFO=<ID=LEN,Number=A,Type=Integer,Description="l",IDX=4>\n'
            '##INFO=<ID=XX,Number=A,Type=Integer,Description="l",IDX=3>\n'
        },
    ),
}  # fmt: skip


def outcome(record: dict[str, str], before: str) -> str:
    """Its status where it was not scored, else PASS or what the filter added to FILTER."""
    status = info(record).get("PILEUP_STATUS")
    added = [name for name in record["FILTER"].split(";") if name not in before.split(";")]
    return status or (";".join(added) if "PILEUP_PROB" in info(record) else "not scored") or "PASS"


def compared(inputs: Inputs, calls: object, rows: tuple[str, ...], out: str) -> None:
    """All but what the filter adds is as bcftools view writes it."""
    lines = without_ours(out)
    expected = bcftools_view(calls).splitlines()
    for at, line in enumerate(expected):
        if line.startswith("#"):
            continue
        mine, theirs = lines[at].split("\t"), line.split("\t")
        added = [name for name in mine[6].split(";") if not name.startswith("LowPileup")]
        # A record that fails loses PASS or the dot: everything else stays.
        mine[6] = ";".join(added) or (theirs[6] if theirs[6] in (".", "PASS") else "")
        lines[at] = "\t".join(mine)
    assert lines == expected


@pytest.mark.parametrize("name", KEPT)
def test_records_stay_as_they_are(inputs: Inputs, bcftools: str, name: str) -> None:
    case = KEPT[name]
    calls = inputs.calls(case.rows, header(**{"more": DECLARED, **case.head}))
    assert inputs.filter(calls, *case.more) == 0
    out = inputs.out.read_text(errors="surrogateescape")
    before = [one["FILTER"] for one in records(bcftools_view(calls))]
    assert tuple(outcome(one, was) for one, was in zip(records(out), before, strict=True)) == case.scored
    compared(inputs, calls, case.rows, out)


#: What bcftools cannot carry into a BCF, or writes in another way itself.
TEXT_ONLY = ("VCF", "FORMAT", "contigs", "FILTER", "INFO", "a column", "beyond 32 bits", "ALT is REF")


@pytest.mark.parametrize("name", [name for name in KEPT if not name.startswith(TEXT_ONLY)])
@pytest.mark.parametrize("kind", [pytest.param("vcf.gz", marks=pytest.mark.long), "bcf"])
def test_records_of_other_formats_are_the_same(inputs: Inputs, bcftools: str, name: str, kind: str) -> None:
    """By way of bcftools, and read by index where there is one."""
    case = KEPT[name]
    text = inputs.calls(case.rows, header(**{"more": DECLARED, **case.head}))
    packed = inputs.folder / f"packed.{kind}"
    bcftools_view(text, "-o", packed, "-Ob" if kind == "bcf" else "-Oz")
    assert inputs.filter(packed, *case.more) == 0
    out = inputs.out.read_text(errors="surrogateescape")
    assert len(records(out)) == len(case.scored)
    before = [one["FILTER"] for one in records(bcftools_view(text))]
    assert tuple(outcome(one, was) for one, was in zip(records(out), before, strict=True)) == case.scored
    compared(inputs, packed, case.rows, out)


#: name -> (records, what the message says). bcftools view refuses those with "bcftools:".
REFUSED = {
    "beyond the contig": ((row(), row(pos1=4000, REF="A")), r"c1:4000: .*ends beyond the end of c1 \(3,000 bases\).*--allow-ref-mismatch"),
    "across the end": ((row(pos1=3000, REF=ref("c1", 3000) + "A"),), r"c1:3000: .*beyond the end of c1"),
    "another genome": ((row(REF=other(ref("c1", 250)), ALT=ref("c1", 250)),), r"c1:250: .*not what the reference has"),
    "REF of 100 kb": ((row(REF=FOREIGN_100K, ALT="A"),), r"c1:250: the calls' REF (A{20} is not|ends beyond)"),
    "negative POS": ((row(), row(pos1=-5, REF="A")), r"record 2: .*the last good record is at c1:250"),
    "out of order": ((row(pos1=500), row(pos1=250)), r"c1:250, record 2: the file is not sorted.*bcftools sort"),
    "a contig twice": ((row(), row("c2"), row(pos1=500)), r"c1:500, record 3: the file is not sorted.*bcftools sort"),
    "a genotype of VCF 4.4": ((row(), row(pos1=500, S="/0|1")), r"record 2: .*the last good record is at c1:250"),
    "a sample that is missing": ((row(), "c1\t500\t.\tA\tC\t50\tPASS\tDP=3\tGT\n"), r"record 2: .*columns; the last good record is at c1:250"),
    "four columns": ((row(), "c1\t500\t.\tA\n"), r"record 2: .*the last good record is at c1:250"),
    "an empty line": ((row(), "\n", row(pos1=500)), r"record 2: .*the last good record is at c1:250"),
    "a comment": ((row(), "# why\n", row(pos1=500)), r"record 2: .*the last good record is at c1:250"),
    "spaces": ((row(), row(pos1=500).replace("\t", " ")), r"record 2: .*the last good record is at c1:250"),
    "a zero byte": ((row(), row(pos1=500, ID="a\0b")), r"record 2: .*the last good record is at c1:250"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_records_that_cannot_be_are_named(inputs: Inputs, capfd, name: str) -> None:
    rows, says = REFUSED[name]
    assert inputs.filter(inputs.calls(rows)) == 1
    message = capfd.readouterr().err
    assert message.count("pileup-filter: error:") == 1
    assert re.search(says, message), message
    assert len(message) < 600


def test_crlf(inputs: Inputs, bcftools: str, capfd) -> None:
    """Line ends of another system: as bcftools takes them, down to the last column."""
    text = header() + row() + row(pos1=500)
    calls = inputs.folder / "in.vcf"
    calls.write_bytes(text.replace("\n", "\r\n").encode())
    assert inputs.filter(calls) == 0
    assert [outcome(one, "PASS") for one in records(inputs.out.read_text())] == ["PASS", "PASS"]
    assert without_ours(inputs.out.read_text()) == bcftools_view(calls).splitlines()


def test_pass_beside_another_filter_is_no_pass(inputs: Inputs) -> None:
    """`PASS;q10` is against the specification: what passed here keeps the filter that another program set."""
    assert inputs.filter(inputs.calls([row(FILTER="PASS;q10")], header(more=DECLARED))) == 0
    assert [one["FILTER"] for one in records(inputs.out.read_text())] == ["q10"]


@pytest.mark.parametrize("contig", ["HLA-A*01:01:01:01", "c=1", "1", "MT", "x" * 300, "chrUn_KI270302v1", "c1;c2"])
def test_names_of_contigs(inputs: Inputs, bcftools: str, contig: str) -> None:
    """As FASTA and BAM have them; regions by name find them, too."""
    reads = [replace(read, contig=contig) for read in plain_reads() if read.contig == "c1"]
    named = inputs.with_reads(reads, contigs={contig: 3000}).with_reference({contig: CONTIGS["c1"]})
    calls = inputs.calls([row().replace("c1", contig, 1)], header(contigs=(f"##contig=<ID={contig}>\n",)))
    assert named.filter(calls, "-t", contig if ":" not in contig else f"{{{contig}}}") == 0
    assert without_ours(inputs.out.read_text()) == bcftools_view(calls).splitlines()
    assert [outcome(one, "PASS") for one in records(inputs.out.read_text())] == ["PASS"]


def test_what_a_bcf_cannot_hold_is_said(inputs: Inputs, capfd) -> None:
    for rows, says in (
        ((row(), row(pos1=2**31 + 5, REF="A")), r"c1:2147483653, record 2: the record cannot be written as BCF.*-Oz"),
        ((row(), row("zz", 5, REF="A")), "record 2.*contig is not declared"),
        ((row(), row(pos1=500, INFO="XX=3")), "record 2.*not declared"),
    ):
        assert inputs.filter(inputs.calls(rows), "-Ob", "--allow-ref-mismatch") == 1
        message = capfd.readouterr().err
        assert message.count("pileup-filter: error:") == 1
        assert re.search(says, message), message


def test_the_lines_of_contigs_are_kept(inputs: Inputs) -> None:
    assert inputs.filter(inputs.calls([row()], header(contigs=(*CONTIG_LINES, "##contig=<ID=c3,length=5,assembly=x,md5=y>\n")))) == 0
    assert "##contig=<ID=c3,length=5,assembly=x,md5=y>" in inputs.out.read_text()
