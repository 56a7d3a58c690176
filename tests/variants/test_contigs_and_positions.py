"""No record is lost and none is taken for another contig's: POS 0, and contig numbers with gaps."""

from __future__ import annotations

import subprocess

import pytest

from vcffilter.variants.allele_scores import STATUS_CODE
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.intervals import regions_from_text
from vcffilter.variants.reader import VariantReader

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def write(tmp_path, contig_lines, rows):
    path = tmp_path / "in.vcf"
    header = "##fileformat=VCFv4.2\n" + "".join(f"##contig=<{fields}>\n" for fields in contig_lines)
    path.write_text(header + COLUMNS + "".join(f"{contig}\t{pos1}\t.\tA\t{alt}\t.\t.\t.\n" for contig, pos1, alt in rows))
    return path


def records_of(path, **options):
    """(contig, POS, ALT's status) of every record."""
    found = []
    with VariantReader(str(path), **options) as reader:
        for batch in reader.batches():
            chunk = take_chunk(reader.header, batch)
            found += [(batch.contig, batch.pos0(i) + 1, int(chunk.alt_status[i])) for i in range(batch.n_records)]
            reader.release(batch)
    return found


@pytest.mark.parametrize("targets", [None, "a,b", "^c"])
def test_pos_0_is_kept_and_not_scored(tmp_path, targets):
    path = write(tmp_path, ["ID=a", "ID=b"], [("a", 0, ".[b:5["), ("a", 0, "C"), ("a", 1, "C"), ("b", 0, "C"), ("b", 0, "G")])
    unsupported = STATUS_CODE["unsupported_allele"]
    assert records_of(path, targets=None if targets is None else regions_from_text(targets)) == [
        ("a", 0, unsupported),
        ("a", 0, unsupported),
        ("a", 1, 0),
        ("b", 0, unsupported),
        ("b", 0, unsupported),
    ]


def test_an_excluded_contig_loses_its_pos_0_too(tmp_path):
    path = write(tmp_path, ["ID=a", "ID=b"], [("a", 0, "C"), ("b", 0, "C")])
    assert [contig for contig, _, _ in records_of(path, targets=regions_from_text("^a"))] == ["b"]


GAPS = ["ID=b,IDX=2", "ID=c,IDX=5", "ID=a,IDX=7"]
GAP_ROWS = [("b", 10, "C"), ("b", 20, "C"), ("c", 15, "C"), ("a", 5, "C")]


def test_contig_numbers_with_gaps_in_text(tmp_path):
    path = write(tmp_path, GAPS, GAP_ROWS)
    assert [(contig, pos1) for contig, pos1, _ in records_of(path)] == [(contig, pos1) for contig, pos1, _ in GAP_ROWS]


def test_contig_numbers_with_gaps_in_bcf_and_by_index(tmp_path, bcftools):
    path = write(tmp_path, GAPS, GAP_ROWS)
    binary = tmp_path / "in.bcf"
    subprocess.run([bcftools, "view", "-Ob", "-o", binary, path], check=True)
    subprocess.run([bcftools, "index", binary], check=True)
    assert [(contig, pos1) for contig, pos1, _ in records_of(binary)] == [(contig, pos1) for contig, pos1, _ in GAP_ROWS]
    for contig in "abc":
        expected = [(name, pos1) for name, pos1, _ in GAP_ROWS if name == contig]
        found = records_of(binary, regions=regions_from_text(contig))
        assert [(name, pos1) for name, pos1, _ in found] == expected


def test_a_contig_without_declaration_after_a_gap(tmp_path):
    path = write(tmp_path, GAPS, [*GAP_ROWS, ("undeclared", 3, "C")])
    assert [contig for contig, _, _ in records_of(path)] == ["b", "b", "c", "a", "undeclared"]
