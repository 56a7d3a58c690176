"""Reads from BAM or CRAM, from one file or several, of all samples or some: what reaches the encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest
from encoding_files import Aligned, Shape, assert_same, chunk_of, encode, open_encoder, write_bam, write_fasta
from real_calls import RealSet, labelled_set
from tiny_cases import CONTIG, OTHER_CONTIG, tiny_case
from twin.normalised_alleles import Called
from twin.reads import read_file
from twin_check import assert_agrees

from vcffilter.encoding.encoder import EncodedAlleles
from vcffilter.errors import ReadsFileError
from vcffilter.kernels.encode import FEATURE_NAMES
from vcffilter.kernels.htslib import load_htslib
from vcffilter.kernels.htslib_library import HtslibLibrary, installed_libraries
from vcffilter.kernels.reads import ReadArrays, empty_reads
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.reads.alignment_file import AlignmentFile, ReadSelection, read_header

_BASES = "GATTACAGGCTTAACCGTGCATCGGATCCTAGCATTACGGATTGACCATGCAAGTCCTGAACTTGGCA" * 5
_SITE = Called(150, _BASES[150], "A" if _BASES[150] != "A" else "C")


def _read(name: str, **changes: object) -> Aligned:
    return Aligned(**{"name": name, "start0": 100, "cigar": "100M", "bases": _BASES[100:200], "qualities": (30,) * 100} | changes)


def _files(folder: Path, reads: list[Aligned], groups: tuple[tuple[str, str], ...] = ()) -> tuple[str, str]:
    contigs = {CONTIG: _BASES, OTHER_CONTIG: "ACGT" * 10}
    return write_bam(folder / "reads.bam", contigs, reads, groups), write_fasta(folder / "reference.fa", contigs)


def _n_reads(folder: Path, reads: list[Aligned], selection: ReadSelection | None = None, groups=()) -> int:
    bam, fasta = _files(folder, reads, groups)
    return int(encode([bam], fasta, CONTIG, [_SITE], Shape(selection=selection or ReadSelection())).n_informing[0])


def _to_cram(bam: str, reference: str, path: Path) -> str:
    with pysam.AlignmentFile(bam) as source:
        header = source.header.to_dict()
        for contig in header["SQ"]:
            # The slices' references are N elsewhere: not the sequence that the digest in the header is of.
            contig.pop("M5", None)
        with pysam.AlignmentFile(str(path), "wc", header=header, reference_filename=reference) as cram:
            for record in source:
                cram.write(record)
    pysam.index(str(path))
    return str(path)


def _split(bam: str, folder: Path) -> list[str]:
    """A BAM's reads in two files, mates together."""
    paths = [str(folder / f"part{part}.bam") for part in range(2)]
    with pysam.AlignmentFile(bam) as source:
        parts = [pysam.AlignmentFile(path, "wb", template=source) for path in paths]
        for record in source:
            parts[sum(record.query_name.encode()) % 2].write(record)
        for part in parts:
            part.close()
    for path in paths:
        pysam.index(path)
    return paths


@pytest.mark.parametrize("flag", [4, 256, 512, 1024, 2048])
def test_reads_left_out(tmp_path: Path, flag: int) -> None:
    assert _n_reads(tmp_path, [_read("kept"), _read("left_out", flag=flag)]) == 1


def test_supplementary_on_request(tmp_path: Path) -> None:
    reads = [_read("kept"), _read("kept", flag=2048)]
    assert _n_reads(tmp_path, reads, ReadSelection(use_supplementary=True)) == 2


def test_mapping_quality_is_no_cut(tmp_path: Path) -> None:
    assert _n_reads(tmp_path, [_read("a", mapq=0), _read("b", mapq=255)]) == 2


def test_mates_that_overlap_count_once(tmp_path: Path) -> None:
    assert _n_reads(tmp_path, [_read("pair", flag=99, start0=100), _read("pair", flag=147), _read("single")]) == 2


def test_reads_of_a_sample(tmp_path: Path) -> None:
    reads = [_read(f"r{n}", tags=(("RG", group),)) for n, group in enumerate(("g1", "g2", "g3", "g1x"))] + [_read("none")]
    groups = (("g1", "one"), ("g2", "two"), ("g3", "one"), ("g1x", "two"))
    assert _n_reads(tmp_path, reads, ReadSelection(samples=("one",)), groups) == 2
    assert _n_reads(tmp_path, reads, ReadSelection(samples=("one", "two")), groups) == 4
    assert _n_reads(tmp_path, reads, ReadSelection(), groups) == 5
    with pytest.raises(ReadsFileError, match="three"):
        _n_reads(tmp_path, reads, ReadSelection(samples=("three",)), groups)


@pytest.mark.parametrize("value", [0, 1, 2, 3])
def test_haplotype_tag(tmp_path: Path, value: int) -> None:
    bam, fasta = _files(tmp_path, [_read("a", tags=(("HP", value),))])
    channel = [CHANNEL_NAMES.index("haplotype_tag")]
    for wanted, expected in ((True, 120 * value if value < 3 else 0), (False, 0)):
        encoded = encode([bam], fasta, CONTIG, [_SITE], Shape(rows=2, selection=ReadSelection(want_haplotype_tag=wanted)))
        assert encoded.reads is not None
        assert np.unique(encoded.reads[0, 1][:, channel]).tolist() == [expected]


def test_a_skip_is_a_gap_and_no_deletion(tmp_path: Path) -> None:
    """A spliced read says nothing of a site inside its intron."""
    spliced = _read("spliced", cigar="40M50N60M", bases=_BASES[100:140] + _BASES[190:250])
    site = Called(149, _BASES[149:152], _BASES[149])
    bam, fasta = _files(tmp_path, [spliced, _read("plain")])
    encoded = encode([bam], fasta, CONTIG, [site], Shape())
    assert encoded.n_informing[0] == 1
    assert encoded.features[0, FEATURE_NAMES.index("log_alt_reads")] == 0


def test_no_reads_and_no_such_contig_in_the_reads(tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "reads.bam", {OTHER_CONTIG: "ACGT" * 30}, [])
    fasta = write_fasta(tmp_path / "reference.fa", {CONTIG: _BASES})
    encoded = encode([bam], fasta, CONTIG, [_SITE], Shape())
    assert (encoded.n_informing[0], encoded.problem[0]) == (0, 0)
    assert not encoded.features.any()


def test_truncated_file(tmp_path: Path) -> None:
    reads = [_read(f"read{n}", bases="".join("ACGT"[(n * m) % 4] for m in range(100))) for n in range(4000)]
    bam, fasta = _files(tmp_path, reads)
    whole = Path(bam).read_bytes()
    Path(bam).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadsFileError, match="truncated"):
        encode([bam], fasta, CONTIG, [_SITE], Shape())
    # The same with an end-of-file block behind the damage.
    Path(bam).write_bytes(whole[: len(whole) // 2] + whole[-28:])
    with pytest.raises(ReadsFileError) as caught:
        encode([bam], fasta, CONTIG, [_SITE], Shape())
    assert bam in str(caught.value)


@pytest.mark.parametrize("break_it", [lambda bam: Path(bam + ".bai").unlink(), lambda bam: Path(bam).unlink()])
def test_missing_file_or_index(tmp_path: Path, break_it) -> None:
    bam, fasta = _files(tmp_path, [_read("a")])
    break_it(bam)
    with pytest.raises(ReadsFileError) as caught:
        read_header(bam, fasta)
    assert bam in str(caught.value)


def _arrays(bams: list[str], real: RealSet) -> tuple[ReadArrays, int]:
    encoder = open_encoder(bams, real.reference, Shape())
    prepared = encoder.prepare(chunk_of(real.contig, real.calls))
    encoder.close()
    return prepared.reads, prepared.n_reads


@pytest.mark.parametrize("name", ["nygc-chr21b", "gm12878-rna-chr22", "chm13-hifi-chr20"])
def test_cram_gives_the_same_arrays(shared_data: Path, tmp_path: Path, name: str) -> None:
    real = labelled_set(shared_data, name, 40)
    cram = _to_cram(real.bam, real.reference, tmp_path / "reads.cram")
    (one, n_one), (other, n_other) = _arrays([real.bam], real), _arrays([cram], real)
    assert n_one == n_other > 0
    # CRAM knows no = and X: cigars are compared where the BAM has none.
    extended = name == "chm13-hifi-chr20"
    for field in ReadArrays._fields:
        if extended and field in ("cigar", "cigar_offset", "counts"):
            continue
        n_used = {"cigar": one.counts[1], "packed_bases": one.counts[2], "quality_phred": one.counts[3]}.get(field, n_one)
        np.testing.assert_array_equal(getattr(one, field)[:n_used], getattr(other, field)[:n_used], err_msg=field)
    shape = Shape()
    assert_same(
        encode([real.bam], real.reference, real.contig, real.calls, shape),
        encode([cram], real.reference, real.contig, real.calls, shape),
    )


def _assert_split_agrees(whole: EncodedAlleles, parts: EncodedAlleles) -> None:
    np.testing.assert_array_equal(whole.n_informing, parts.n_informing)
    np.testing.assert_array_equal(whole.problem, parts.problem)
    np.testing.assert_allclose(whole.features, parts.features, rtol=2e-6, atol=1e-6)
    # Reads that start at one position may stand in another order: the rows are the same ones.
    for one, other in zip(whole.reads, parts.reads, strict=True):
        assert sorted(row.tobytes() for row in one) == sorted(row.tobytes() for row in other)


@pytest.mark.parametrize("name", ["nygc-chr22", "broad8x-chr20", "hifi-revio-chr20", "gm12878-rna-chr22"])
def test_reads_in_two_files(shared_data: Path, tmp_path: Path, name: str) -> None:
    """Whether reads come from one file or two changes their order among equals at most, and the last bit of sums."""
    real = labelled_set(shared_data, name, 150)
    parts = _split(real.bam, tmp_path)
    shape = Shape(rows=60, columns=9)
    whole = encode([real.bam], real.reference, real.contig, real.calls, shape)
    one = encode(parts, real.reference, real.contig, real.calls, shape)
    other = encode(parts[::-1], real.reference, real.contig, real.calls, shape)
    assert_same(one, other)
    _assert_split_agrees(whole, one)


@pytest.mark.parametrize("seed", range(8))
def test_generated_reads_in_two_files(tmp_path: Path, seed: int) -> None:
    case = tiny_case(seed, n_fragments=40)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    whole = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    parts, shape = _split(whole, tmp_path), Shape(rows=40)
    encoded = encode(parts, fasta, CONTIG, case.calls, shape)
    assert_agrees(parts, fasta, CONTIG, case.calls, encoded, shape)
    assert_same(encoded, encode(parts[::-1], fasta, CONTIG, case.calls, shape))
    n_reads = [len(read_file(path, fasta, CONTIG, 0, len(case.contigs[CONTIG]))) for path in (whole, *parts)]
    assert n_reads[0] == n_reads[1] + n_reads[2]


def _read_through(library: HtslibLibrary, path: str, fasta: str, start0: list[int], end0: list[int]) -> ReadArrays:
    selection = ReadSelection(use_supplementary=True, want_haplotype_tag=True)
    file = AlignmentFile(read_header(path, fasta), fasta, load_htslib(library), selection)
    try:
        return file.append_reads(CONTIG, np.array(start0), np.array(end0), empty_reads(n_reads=4))
    finally:
        file.close()


@pytest.mark.parametrize("kind", ["bam", "cram"])
@pytest.mark.parametrize("seed", range(4))
def test_every_htslib_gives_the_same_reads(tmp_path: Path, seed: int, kind: str) -> None:
    libraries = installed_libraries()
    if len(libraries) < 2:
        pytest.skip("only one htslib is installed: nothing to compare")
    case = tiny_case(seed, n_fragments=60)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    path = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    if kind == "cram":
        path = _to_cram(path, fasta, tmp_path / "tiny.cram")
    length = len(case.contigs[CONTIG])
    for start0, end0 in (([0], [length]), ([length // 4, length // 2], [length // 4 + 3, length // 2 + 50])):
        first, *others = (_read_through(library, path, fasta, start0, end0) for library in libraries)
        assert first.counts[0] > 4
        for other in others:
            for field in ReadArrays._fields:
                np.testing.assert_array_equal(getattr(first, field), getattr(other, field), err_msg=field)
