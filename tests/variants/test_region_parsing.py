"""Regions as users and files write them."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcffilter.errors import RegionError
from vcffilter.variants.intervals import FIRST_POS0, UNBOUNDED, regions_from_file, regions_from_text


def spans(regions, contig):
    intervals = regions.on(contig)
    return list(zip(intervals.start0.tolist(), intervals.end0.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "contig", "expected"),
    [
        ("chr1", "chr1", [(FIRST_POS0, UNBOUNDED)]),
        ("chr1:5", "chr1", [(4, 5)]),
        ("chr1:5-", "chr1", [(4, UNBOUNDED)]),
        ("chr1:5-9,chr1:8-12,chr1:20-20", "chr1", [(4, 12), (19, 20)]),
        ("chr1:20-30,chr1:5-9", "chr1", [(4, 9), (19, 30)]),
        ("{HLA-A*01:01}:3-4", "HLA-A*01:01", [(2, 4)]),
        ("{HLA,odd:1}", "HLA,odd:1", [(FIRST_POS0, UNBOUNDED)]),
        ("chr1", "chr2", []),
    ],
)
def test_text(text, contig, expected):
    assert spans(regions_from_text(text), contig) == expected


@pytest.mark.parametrize("text", ["chr1:x", "chr1:5-3", "chr1:0-3", ":5-6", "chr1:-5", "chr1:1-2-3"])
def test_text_that_is_no_region(text):
    with pytest.raises(RegionError):
        regions_from_text(text)


def test_leading_caret_excludes():
    assert regions_from_text("^chr1:5-9").excluded
    assert not regions_from_text("chr1:5-9").excluded


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.bed", "#c\ntrack x\nchr1\t4\t9\nchr1\t9\t12\n\n", [(4, 12)]),
        ("a.tsv", "chr1\t5\t9\nchr1\t20\n", [(4, 9), (19, 20)]),
        ("a.vcf", "##fileformat=VCFv4.2\n#CHROM\nchr1\t5\t.\tACG\tA\t.\t.\t.\n", [(4, 7)]),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_file(name, content, expected, compressed, tmp_path):
    path = tmp_path / (name + ".gz" if compressed else name)
    path.write_bytes(gzip.compress(content.encode()) if compressed else content.encode())
    assert spans(regions_from_file(str(path)), "chr1") == expected
    assert regions_from_file(f"^{path}").excluded


@pytest.mark.parametrize("content", [b"chr1\t5\n", b"chr1\tx\t9\n", b"chr1\t9\t5\n", b"\x1f\x8bjunk", b"\xff\xfe\xfd\n"])
def test_file_that_holds_no_regions(content, tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes(content)
    with pytest.raises(RegionError, match=r"a\.bed"):
        regions_from_file(str(path))


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10)), min_size=1, max_size=8))
def test_merging_keeps_every_position_once(pairs):
    text = ",".join(f"c:{start1}-{start1 + length}" for start1, length in pairs)
    merged = spans(regions_from_text(text), "c")
    covered = {pos0 for start1, length in pairs for pos0 in range(start1 - 1, start1 + length)}
    assert {pos0 for start0, end0 in merged for pos0 in range(start0, end0)} == covered
    assert all(first[1] < second[0] for first, second in zip(merged, merged[1:], strict=False))
