"""Regions and samples together, on every kind of file; and the memory layout that reading stands on."""

from __future__ import annotations

import pytest

from vcffilter.errors import VariantFileError, VcffilterError
from vcffilter.variants import htslib
from vcffilter.variants.intervals import regions_from_text
from vcffilter.variants.reader import VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec

TEXT = (
    '##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\n"
    "1\t10\t.\tA\tC\t.\t.\t.\tGT\t0/1\t1/1\t0/0\n"
    "2\t10\t.\tA\tC\t.\t.\t.\tGT\t0/0\t0/1\t1/1\n"
    "2\t20\t.\tA\tC\t.\t.\t.\tGT\t1/1\t0/0\t0/1\n"
)


def copy(source, target, index=None, **options):
    """Take a file through reader and writer."""
    spec = output_spec(str(target), None, index)
    with VariantReader(str(source), **options) as reader, VariantWriter(spec, reader.header) as writer:
        for batch in reader.batches():
            writer.write(batch)
            reader.release(batch)
        writer.commit()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(("name", "index"), [("in.bcf", "csi"), ("in.vcf.gz", "tbi"), ("in.vcf.gz", "csi")])
def test_a_region_of_some_samples(tmp_path, source, name, index):
    copy(source, tmp_path / name, index)
    copy(tmp_path / name, tmp_path / "out.vcf", regions=regions_from_text("2:5-15"), samples=["a", "c"])
    rows = [line.split("\t") for line in (tmp_path / "out.vcf").read_text().splitlines() if not line.startswith("##")]
    assert [row[9:] for row in rows] == [["a", "c"], ["0/0", "1/1"]]


def test_without_an_index_the_hint_works_for_any_kind(tmp_path, source):
    copy(source, tmp_path / "in.bcf")
    with pytest.raises(VariantFileError, match="bcftools index -f"):
        VariantReader(str(tmp_path / "in.bcf"), regions=regions_from_text("2"))


def test_a_folder_is_no_input(tmp_path):
    with pytest.raises(VariantFileError, match="is a folder"):
        VariantReader(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("OFFSET_POS0", 8, "records"),
        ("OFFSET_RLEN", 0, "records"),
        ("OFFSET_RID", 20, "records"),
        ("OFFSET_QUAL", 24, "records"),
        ("OFFSET_N_INFO_N_ALLELE", 28, "records"),
        ("OFFSET_N_FORMAT_N_SAMPLE", 24, "records"),
        ("OFFSET_SHARED_LENGTH", 40, "records"),
        ("OFFSET_INDIV_LENGTH", 32, "records"),
        ("OFFSET_N_FILTER", 108, "records"),
        ("OFFSET_ERRCODE", 24, "records"),
        ("OFFSET_NEXT", 0, "text files"),
        ("_OFFSET_FORMAT", 0, "text files and compressed files"),
        ("_OFFSET_COMPRESSION", 4, "text files and compressed files"),
        ("_NO_EOF_BLOCK_BIT", 1 << 17, "compressed files"),
    ],
)
def test_every_place_that_is_read_is_checked(monkeypatch, name, value, what):
    htslib.check_layout()
    monkeypatch.setattr(htslib, name, value)
    htslib.check_layout.cache_clear()
    try:
        with pytest.raises(VcffilterError, match=f"in pysam.* lays out {what} in a way"):
            htslib.check_layout()
    finally:
        htslib.check_layout.cache_clear()
