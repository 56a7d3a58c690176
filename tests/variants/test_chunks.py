"""Which ALTs are scored, and how records become chunks of alleles."""

from __future__ import annotations

import pytest

from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import STATUS_NAMES
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.reader import BatchLimits, VariantReader

HEADER = '##fileformat=VCFv4.2\n##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def write(tmp_path, rows, contigs=("1", "2")):
    path = tmp_path / "in.vcf"
    declared = "".join(f"##contig=<ID={name}>\n" for name in contigs)
    path.write_text(HEADER + declared + COLUMNS + "".join(f"{c}\t{p}\t.\t{r}\t{a}\t.\t.\t{i}\n" for c, p, r, a, i in rows))
    return str(path)


def chunks_of(path, limits=None, **options):
    found = []
    with VariantReader(path, limits=limits, **options) as reader:
        for batch in reader.batches():
            found.append((batch.n_records, take_chunk(reader.header, batch)))
            reader.release(batch)
    return found


@pytest.mark.parametrize(
    ("ref", "alt", "expected"),
    [
        ("A", "C", "scored"),
        ("a", "c", "scored"),
        ("A", "N", "scored"),
        ("AC", "A", "scored"),
        ("A", "ACG", "scored"),
        ("ACG", "TCA", "scored"),
        ("A", "*", "unsupported_allele"),
        ("A", "<DEL>", "unsupported_allele"),
        ("A", "<NON_REF>", "unsupported_allele"),
        ("A", "A]2:5]", "unsupported_allele"),
        ("A", "A.", "unsupported_allele"),
        ("A", "R", "unsupported_allele"),
        ("A", "A", "invalid_allele"),
        ("A", "a", "invalid_allele"),
        ("acg", "ACG", "invalid_allele"),
        ("R", "A", "invalid_allele"),
    ],
)
def test_which_alts_are_scored(ref, alt, expected, tmp_path):
    [(_, chunk)] = chunks_of(write(tmp_path, [("1", 5, ref, alt, ".")]))
    assert [STATUS_NAMES[code] for code in chunk.alt_status] == [expected]
    assert chunk.alleles.n_alleles == (expected == "scored")


def test_alleles_are_taken_in_order_and_in_upper_case(tmp_path):
    rows = [("1", 5, "acg", "a,*,Tcg,ACGT", "."), ("1", 9, "T", ".", "."), ("1", 12, "G", "C", ".")]
    [(_, chunk)] = chunks_of(write(tmp_path, rows))
    alleles = chunk.alleles
    taken = [
        (
            int(alleles.start0[i]),
            bytes(alleles.ref_bases[alleles.ref_offset[i] : alleles.ref_offset[i + 1]]),
            bytes(alleles.alt_bases[alleles.alt_offset[i] : alleles.alt_offset[i + 1]]),
            int(alleles.record_index[i]),
            int(alleles.alt_index[i]),
        )
        for i in range(alleles.n_alleles)
    ]
    assert taken == [(4, b"ACG", b"A", 0, 0), (4, b"ACG", b"TCG", 0, 2), (4, b"ACG", b"ACGT", 0, 3), (11, b"G", b"C", 2, 0)]
    assert chunk.alt_first.tolist() == [0, 4, 4, 5]
    assert chunk.alt_is_snv.tolist() == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("alt", "info", "expected"),
    [
        ("<NON_REF>", "END=9", True),
        ("<*>", "END=5", True),
        ("<NON_REF>", ".", False),
        ("C,<NON_REF>", "END=9", False),
        ("<NON_REFX>", "END=9", False),
        ("<*>,<NON_REF>", "END=9", True),
        (".", "END=9", False),
        ("<DEL>", "END=9", False),
    ],
)
def test_gvcf_blocks_are_known(alt, info, expected, tmp_path):
    [(_, chunk)] = chunks_of(write(tmp_path, [("1", 5, "A", alt, info)]))
    assert chunk.is_block.tolist() == [expected]


@pytest.mark.parametrize("limits", [BatchLimits(1, 1, 1), BatchLimits(3, 100, 1 << 20), BatchLimits(100, 5, 1 << 20), None])
def test_chunks_cover_every_record_once_and_never_mix_contigs(limits, tmp_path):
    rows = [(contig, 5 + i, "A", "C,G" if i % 3 else "T", ".") for contig in ("1", "2", "undeclared") for i in range(20)]
    found = chunks_of(write(tmp_path, rows), limits)
    assert sum(n for n, _ in found) == len(rows)
    seen = [(chunk.alleles.contig, int(p)) for _, chunk in found for p in dict.fromkeys(chunk.alleles.start0.tolist())]
    assert seen == [(contig, p - 1) for contig, p, *_ in rows]
    if limits is not None:
        assert all(n <= limits.n_records for n, _ in found)
        assert all(len(chunk.alt_status) < limits.n_alts + 2 for _, chunk in found)


def test_no_records_give_no_chunks(tmp_path):
    assert chunks_of(write(tmp_path, [])) == []


def test_a_chunk_from_alleles_is_flat_and_upper_case():
    chunk = AlleleChunk.from_alleles("c", [(9, "AT", "a"), (11, "G", "GCC")])
    assert (chunk.contig, chunk.start0.tolist(), chunk.n_alleles) == ("c", [9, 11], 2)
    assert (chunk.ref_offset.tolist(), bytes(chunk.ref_bases)) == ([0, 2, 3], b"ATG")
    assert (chunk.alt_offset.tolist(), bytes(chunk.alt_bases)) == ([0, 1, 4], b"AGCC")
    assert (chunk.record_index.tolist(), chunk.alt_index.tolist()) == ([0, 1], [0, 0])
    assert AlleleChunk.from_alleles("c", []).n_alleles == 0
