"""The one reader of calls and truth: what cyvcf2 hides or gets wrong becomes an error that names file and place."""

import math

import pysam
import pytest

from vcffilter.errors import VariantFileError
from vcffilter.truth.call_sets import HETEROZYGOUS, HOMOZYGOUS, NOT_CARRIED, UNKNOWN_ZYGOSITY, CallsFile, TruthFile

HEADER = """##fileformat=VCFv4.2
##contig=<ID=one,length=1000>
##contig=<length=1000,ID=two>
##FILTER=<ID=bad,Description="x">
##INFO=<ID=PILEUP_PROB,Number=A,Type=Float,Description="has, a comma and ID=x">
##INFO=<ID=PILEUP_DP,Number=A,Type=Integer,Description="x">
##INFO=<ID=TLOD,Number=A,Type=Float,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tfirst\tsecond
"""
RECORDS = """one\t0\t.\tN\tA\t.\t.\t.\tGT\t0/1\t.
one\t5\t.\tA\tC,<DEL>\t7.5\tPASS\tPILEUP_PROB=0.25,.;PILEUP_DP=3,4;TLOD=9,8\tGT\t1/2\t2
one\t6\t.\ta\tc,G\t.\tbad\tTLOD=1.5,.\tGT\t1|1\t./1
one\t7\t.\tA\tT\t.\tPASS;bad\tPILEUP_PROB=.\t.\t.\t.
two\t1\t.\tA\tAT\t.\t.\t.\tGT\t0\t0/1/1
"""


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + RECORDS)
    return path


def compressed(path):
    pysam.tabix_compress(str(path), f"{path}.gz", force=True)
    return path.with_name(f"{path.name}.gz")


def test_every_alt_with_its_values(calls):
    with CallsFile(calls) as file:
        found = list(file.alleles())
        assert file.contigs == {"one", "two"}
        assert file.samples == ["first", "second"]
        assert file.has_probabilities
    assert [(item.contig, item.pos1, item.ref, item.alt, item.record_number, item.alt_number) for item in found] == [
        ("one", 0, "N", "A", 1, 1),
        ("one", 5, "A", "C", 2, 1),
        ("one", 5, "A", "<DEL>", 2, 2),
        ("one", 6, "a", "c", 3, 1),
        ("one", 6, "a", "G", 3, 2),
        ("one", 7, "A", "T", 4, 1),
        ("two", 1, "A", "AT", 5, 1),
    ]
    assert [item.passed for item in found] == [True, True, True, False, False, False, True]
    assert found[0].allele == (-1, "N", "A")
    assert found[3].allele == (5, "A", "C")
    assert [item.has_sequence for item in found] == [True, True, False, True, True, True, True]
    assert [found[1].probability, found[1].depth, found[2].depth] == [0.25, 3, 4]
    # QUAL comes before TLOD, and a missing value of one ALT is that ALT's alone.
    assert [found[1].caller_score, found[3].caller_score] == [7.5, 1.5]
    assert all(math.isnan(value) for value in (found[2].probability, found[4].caller_score, found[5].probability))


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (None, [HETEROZYGOUS, HETEROZYGOUS, HETEROZYGOUS, HOMOZYGOUS, NOT_CARRIED, UNKNOWN_ZYGOSITY, NOT_CARRIED]),
        # Of the second sample: no genotype, haploid, half a genotype, no GT at all, triploid.
        ("second", [UNKNOWN_ZYGOSITY, NOT_CARRIED, HOMOZYGOUS, HETEROZYGOUS, NOT_CARRIED, UNKNOWN_ZYGOSITY, HETEROZYGOUS]),
    ],
)
def test_zygosity_is_the_chosen_samples(calls, sample, expected):
    with CallsFile(calls, sample) as file:
        assert [item.zygosity for item in file.alleles()] == expected


def test_truth_is_what_the_sample_carries_with_and_without_index(calls):
    zipped = compressed(calls)
    pysam.tabix_index(str(zipped), preset="vcf", force=True)
    for path in (calls, zipped):
        with TruthFile(path, "second") as truth:
            assert truth.has_index == (path == zipped)
            assert truth.alleles("two") == [(0, "A", "AT", HETEROZYGOUS)]
            assert truth.alleles("one") == [(-1, "N", "A", UNKNOWN_ZYGOSITY)]
            assert truth.alleles("three") == []


def test_contigs_of_a_header_without_any_come_from_the_index(tmp_path):
    path = tmp_path / "calls.vcf"
    path.write_text("".join(line for line in (HEADER + RECORDS).splitlines(True) if "##contig" not in line))
    zipped = compressed(path)
    pysam.tabix_index(str(zipped), preset="vcf", force=True)
    with TruthFile(zipped, "first") as truth:
        assert len(truth.alleles("one")) == 2


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    path = tmp_path / "calls.vcf"
    path.write_bytes(HEADER.encode() + b"one\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\t.\none\t9\t.\tA\t<\xe9>\t.\t.\t.\tGT\t0/1\t.\n")
    with CallsFile(path) as file, pytest.raises(VariantFileError, match="one:9, record 2: .*UTF-8"):
        list(file.alleles())
    with pytest.raises(VariantFileError, match="one:9, record 2: .*UTF-8"):
        TruthFile(path)


def test_a_name_that_is_not_utf8_is_refused_not_a_traceback(calls, tmp_path):
    import os

    name = os.fsdecode(os.fsencode(tmp_path) + b"/c\xe9.vcf")
    try:
        calls.rename(name)
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(VariantFileError, match="name is not UTF-8"):
        CallsFile(name)


def test_a_file_cut_between_two_blocks_is_refused(calls):
    """cyvcf2 alone takes it for a whole file."""
    zipped = compressed(calls)
    zipped.write_bytes(zipped.read_bytes()[:-28])
    with pytest.raises(VariantFileError, match="truncated"):
        CallsFile(zipped)


@pytest.mark.parametrize("text", ["", "hello\n", HEADER.rpartition("#CHROM")[0]])
def test_what_is_no_vcf_is_refused(tmp_path, text):
    path = tmp_path / "calls.vcf"
    path.write_text(text)
    with pytest.raises(VariantFileError, match="cannot be read as VCF or BCF"):
        CallsFile(path)


def test_a_malformed_record_names_the_last_good_one(calls):
    calls.write_text(HEADER + RECORDS + "two\tx\t.\tA\tC\t.\t.\t.\tGT\t0/1\t.\n")
    with CallsFile(calls) as file, pytest.raises(VariantFileError, match="two:1, record 5: is truncated or malformed"):
        list(file.alleles())


def test_htslib_prints_nothing(calls, capfd):
    calls.write_text(HEADER + RECORDS.replace("PILEUP_PROB=.", "UNDECLARED=1"))
    with CallsFile(calls) as file:
        list(file.alleles())
    assert capfd.readouterr().err == ""
