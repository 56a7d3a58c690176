"""Labels without truth, from a simulated sample whose truth is hidden but for what a resource has of it."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from vcffilter.commands.main import run as run_command
from vcffilter.errors import VariantFileError
from vcffilter.labelling.files import has_no_truth, read_label_rows, read_labels


@pytest.fixture(scope="module")
def resource(simulated, tmp_path_factory):
    """Two of three alleles of the truth, as a VCF without samples."""
    path = tmp_path_factory.mktemp("resource") / "known.vcf"
    with pysam.VariantFile(str(simulated.files.truth)) as truth, open(path, "w") as output:
        output.write(f"##fileformat=VCFv4.2\n##contig=<ID={next(iter(truth.header.contigs))},length=20000>\n")
        output.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for number, record in enumerate(truth):
            if number % 3:
                output.write(f"{record.chrom}\t{record.pos}\t.\t{record.ref}\t{','.join(record.alts)}\t.\tPASS\t.\n")
    return pysam.tabix_index(str(path), preset="vcf", force=True)


@pytest.fixture
def label(simulated, resource, tmp_path):
    files = simulated.files

    def run(*options):
        output = tmp_path / "labels.tsv"
        code = run_command(
            ["label", str(files.calls), "--resource", resource, "-f", str(files.reference), "-o", str(output), *options]
        )
        return code, read_label_rows(output) if code == 0 else {}

    return run


def judged(rows, simulated):
    """How often each (how, label of the hidden truth) occurs."""
    truth = read_labels(simulated.files.labels)
    return Counter((row.how, truth[key]) for key, row in rows.items())


def test_labels_agree_with_the_hidden_truth(simulated, label):
    code, rows = label("-b", str(simulated.files.reads))
    found = judged(rows, simulated)
    assert code == 0
    assert rows.keys() == read_labels(simulated.files.labels).keys()
    assert found["resource", "TP"] > 40
    assert found["resource", "FP"] == 0
    assert found["own_reads", "FP"] > 5
    assert found["own_reads", "TP"] == 0
    # Among so many artefacts a heterozygous column may be one itself.
    assert found["own_haplotype", "FP"] > 15
    assert found["own_haplotype", "TP"] < 4
    assert {row.label for row in rows.values()} == {"TP", "FP", "UNK"}
    assert {row.weight for row in rows.values()} == {0.5}


def test_a_witness_says_what_the_own_reads_say_when_it_is_the_same_file(simulated, label):
    _, by_own = label("-b", str(simulated.files.reads), "--phase-reach", "0")
    _, by_witness = label("--witness", str(simulated.files.reads), "--weight", "0.25")
    assert "own_haplotype" not in {row.how for row in by_own.values()}
    own = {key for key, row in by_own.items() if row.how == "own_reads"}
    assert own == {key for key, row in by_witness.items() if row.how == "witness"}
    assert {row.weight for row in by_witness.values()} == {0.25}


def test_scores_of_an_earlier_run_label_when_asked_for(simulated, resource, tmp_path):
    files, scored = simulated.files, tmp_path / "scored.vcf"
    with pysam.VariantFile(str(files.calls)) as calls:
        calls.header.info.add("PILEUP_PROB", "A", "Float", "x")
        with pysam.VariantFile(str(scored), "w", header=calls.header) as output:
            for number, record in enumerate(calls):
                record.info["PILEUP_PROB"] = tuple(0.01 if number % 2 else 0.5 for _ in record.alts)
                output.write(record)
    arguments = ["label", str(scored), "--resource", resource, "-f", str(files.reference), "-o", str(tmp_path / "labels.tsv")]
    assert run_command([*arguments, "--max-prob", "0.05"]) == 0
    found = Counter(row.how for row in read_label_rows(tmp_path / "labels.tsv").values())
    assert found["low_score"] > 20
    assert found["undecided"] > 20
    assert set(found) == {"resource", "low_score", "undecided"}


def test_reads_whose_contigs_have_other_names_are_an_error(simulated, resource, tmp_path, capsys):
    other = tmp_path / "renamed.bam"
    with pysam.AlignmentFile(str(simulated.files.reads)) as reads:
        header = reads.header.to_dict()
        header["SQ"] = [
            {**one, "SN": one["SN"].removeprefix("chr") if "chr" in one["SN"] else f"chr{one['SN']}"} for one in header["SQ"]
        ]
    pysam.AlignmentFile(str(other), "wb", header=header).close()
    pysam.index(str(other))
    files = simulated.files
    arguments = ["label", str(files.calls), "--resource", resource, "-f", str(files.reference), "-b", str(other)]
    assert run_command([*arguments, "-o", str(tmp_path / "labels.tsv")]) == 1
    assert "rename" in capsys.readouterr().err
    assert not (tmp_path / "labels.tsv").exists()


def _as_bcf(vcf: str, bcf: str, change: Callable[[bytes], bytes]) -> None:
    """An indexed BCF of the records of a VCF, changed within the compression: of one block, so that the index stays right."""
    with pysam.VariantFile(vcf) as source, pysam.VariantFile(bcf, "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    whole = gzip.decompress(Path(bcf).read_bytes())
    for content in (whole, change(whole)):
        assert len(content) < 0xFF00
        with pysam.BGZFile(bcf, "wb") as packed:
            packed.write(content)
        if content is whole:
            pysam.tabix_index(bcf, preset="bcf", force=True)
    os.utime(f"{bcf}.csi")


def _without_contigs(content: bytes) -> bytes:
    head = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\0"
    return content[:5] + len(head).to_bytes(4, "little") + head + content[9 + int.from_bytes(content[5:9], "little") :]


@pytest.mark.parametrize("ending", ["vcf.gz", "bcf"])
def test_a_resource_that_declares_no_contig(simulated, resource, tmp_path, capsys, ending):
    """A VCF's index names them; a BCF has none then, and cyvcf2 ended by SIGSEGV when asked."""
    files, other = simulated.files, tmp_path / f"known.{ending}"
    with gzip.open(resource) as source:
        text = b"".join(line for line in source if not line.startswith(b"##contig"))
    if ending == "vcf.gz":
        (tmp_path / "known.vcf").write_bytes(text)
        pysam.tabix_index(str(tmp_path / "known.vcf"), preset="vcf", force=True)
    else:
        _as_bcf(resource, str(other), _without_contigs)
    arguments = ["label", str(files.calls), "--resource", str(other), "-f", str(files.reference), "-b", str(files.reads)]
    assert run_command([*arguments, "-o", str(tmp_path / "labels.tsv")]) == (0 if ending == "vcf.gz" else 1)
    assert ("declares no contig" in capsys.readouterr().err) == (ending == "bcf")
    if ending == "vcf.gz":
        assert Counter(row.how for row in read_label_rows(tmp_path / "labels.tsv").values())["resource"] > 40


def test_a_filter_number_that_a_bcf_does_not_declare(simulated, resource, tmp_path, capsys):
    """By the index, htslib does not look at them; cyvcf2 ended by SIGSEGV when it looked for the name."""
    files, other = simulated.files, str(tmp_path / "known.bcf")

    def change(content: bytes) -> bytes:
        assert content.endswith(b"\x11\x00")  # the last record ends with its FILTER: one number of a byte, that of PASS
        return content[:-1] + b"\x7f"

    _as_bcf(resource, other, change)
    arguments = ["label", str(files.calls), "--resource", other, "-f", str(files.reference), "-b", str(files.reads)]
    assert run_command([*arguments, "-o", str(tmp_path / "labels.tsv")]) == 1
    assert "not declared in the header" in capsys.readouterr().err
    assert not (tmp_path / "labels.tsv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resource", "k.vcf.gz", "-f", "r.fa"], "-b READS"),
        (["--resource", "k.vcf.gz", "-b", "x.bam"], "-f REF.fa"),
        (["--resource", "k.vcf.gz", "--truth", "t.vcf", "-f", "r.fa"], "both say what is true"),
        (["--truth", "t.vcf", "-f", "r.fa", "-b", "x.bam"], "Add --resource"),
        (["--resource", "k.vcf.gz", "--confident", "c.bed", "-f", "r.fa", "-b", "x.bam"], "--confident"),
    ],
)
def test_options_that_do_not_go_together(options, message, capsys):
    assert run_command(["label", "calls.vcf", *options]) == 2
    assert message in capsys.readouterr().err


HEADER = "chrom\tpos\tref\talt\tlabel\thow\trecord\talt_number\tweight\n"


def test_weights_are_read_and_checked(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text(HEADER + "1\t5\tA\tC\tTP\tresource\t1\t1\t0.5\n")
    assert read_label_rows(path)["1", 5, "A", "C"] == ("TP", "resource", 0.5)
    assert has_no_truth(path)
    for bad in ("", "\tx", "\t0", "\tinf", "\tnan", "\t-1"):
        path.write_text(HEADER + f"1\t5\tA\tC\tTP\tresource\t1\t1{bad}\n")
        with pytest.raises(VariantFileError, match="line 2"):
            read_label_rows(path)
    path.write_text("1\t5\tA\tC\tTP\n")
    assert read_label_rows(path)["1", 5, "A", "C"] == ("TP", "", 1.0)
    assert not has_no_truth(path)
