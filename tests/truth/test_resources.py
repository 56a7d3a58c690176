"""Resources: which of their alleles are read, and which called alleles they have."""

from __future__ import annotations

import pysam
import pytest

from vcffilter.errors import VariantFileError
from vcffilter.truth.resources import NEAR_BASES, KnownAlleles, ResourceFile

SEQUENCE = "GATTACAGATCCCCCTTGACAGTACATGCATG"


def resource(folder, rows):
    path = folder / "known.vcf"
    header = '##fileformat=VCFv4.2\n##FILTER=<ID=bad,Description="x">\n##contig=<ID=1,length=9000>\n'
    header += '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsomebody\n"
    path.write_text(header + columns + "".join(f"1\t{pos}\t.\t{ref}\t{alt}\t.\t{f}\t.\tGT\t0/0\n" for pos, ref, alt, f in rows))
    return pysam.tabix_index(str(path), preset="vcf", force=True)


def test_alleles_near_calls_are_read_whoever_carries_them(tmp_path):
    rows = [(1000, "A", "C,<DEL>", "PASS"), (1001, "a", "g", "."), (1002, "A", "T", "bad"), (1003, "A", "C", "PASS")]
    with ResourceFile(resource(tmp_path, rows)) as known:
        assert list(known.alleles_near("1", [(1999, 2000), (999, 1002)])) == [(999, "A", "C"), (1000, "A", "G")]
        assert list(known.alleles_near("1", [(1000, 1002)])) == [(999, "A", "C"), (1000, "A", "G")]
        assert list(known.alleles_near("1", [])) == []
        assert list(known.alleles_near("2", [(1, 2)])) == []


@pytest.mark.parametrize(("ref", "alt", "reach"), [("A", "C", 0), ("A", "AC", NEAR_BASES), ("AC", "A", NEAR_BASES)])
def test_what_can_be_shifted_is_read_from_further_away(tmp_path, ref, alt, reach):
    with ResourceFile(resource(tmp_path, [(5000, ref, alt, ".")])) as known:
        found = [(4999, ref, alt)]
        after = 4999 + len(ref) + reach
        assert list(known.alleles_near("1", [(after - 1, after)])) == found
        assert list(known.alleles_near("1", [(after, after + 1)])) == []
        # The end of a long call counts, though another call begins between.
        assert list(known.alleles_near("1", [(100, 5000 - reach), (200, 201)])) == found
        assert list(known.alleles_near("1", [(100, 4999 - reach), (200, 201)])) == []


def test_a_resource_needs_an_index(tmp_path):
    path = resource(tmp_path, [(5, "A", "C", ".")])
    (tmp_path / "known.vcf.gz.tbi").unlink()
    with pytest.raises(VariantFileError, match="no index"):
        ResourceFile(path)


@pytest.mark.parametrize(
    ("allele", "expected"),
    [
        ((4, "A", "C"), True),
        ((4, "A", "G"), False),
        # CCCCC loses one C: at either end, and with bases that do not change.
        ((13, "CCT", "CT"), True),
        ((9, "TCC", "TC"), True),
        ((9, "TCC", "T"), False),
        # An MNP of two known SNVs, and one of which the second is not known.
        ((4, "AC", "CT"), True),
        ((4, "AC", "CG"), False),
        # A known SNV beside it helps nobody: TG>CG would be a match only with the neighbour.
        ((16, "T", "C"), False),
        # Not what the reference has.
        ((4, "G", "C"), False),
    ],
)
def test_which_called_alleles_a_resource_has(allele, expected):
    known = [(4, "A", "C"), (5, "C", "T"), (9, "TC", "T"), (17, "G", "C")]
    assert KnownAlleles("1", known, SEQUENCE).has(allele) is expected
