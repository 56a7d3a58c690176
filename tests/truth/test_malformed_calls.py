"""Records that cyvcf2 hands over half read, or whose names it cannot decode, are errors with a place."""

import pytest

from vcffilter.errors import VariantFileError
from vcffilter.pictures.selection import CallFile
from vcffilter.truth.variant_file import VariantFile

HEADER = "##fileformat=VCFv4.2\n##contig=<ID=one,length=99>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
GOOD = "one\t5\t.\tA\tC\t.\t.\t.\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "without POS or REF"),
        (b"\xfe\xff\t7\t.\tA\tC\t.\t.\t.\n", "UTF-8"),
    ],
)
def test_a_record_that_is_none(tmp_path, line, says):
    path = tmp_path / "calls.vcf"
    path.write_bytes((HEADER + GOOD).encode() + line)
    with VariantFile(path) as file, pytest.raises(VariantFileError, match=says):
        [record.REF for record in file.records()]
    with pytest.raises(VariantFileError, match=says):
        list(CallFile(str(path)).calls())


def test_pictures_refuse_what_is_no_vcf(tmp_path):
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER.replace("#CHROM", "CHROM") + GOOD)
    with pytest.raises(VariantFileError):
        CallFile(str(path))
