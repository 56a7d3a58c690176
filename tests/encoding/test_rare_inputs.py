"""Rare inputs: names and tags that are not as they should be, windows too wide, reads in another order."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from encoding_files import Aligned, Shape, assert_same, encode, write_bam, write_fasta
from twin.normalised_alleles import Called
from twin_check import assert_agrees

from vcffilter.encoding.encoder import MAX_COLUMNS, check_spec
from vcffilter.errors import ModelError, ReadsFileError
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.reads.alignment_file import ReadSelection

_CONTIG = "tiny"
_BASES = "".join(Random(1).choices("ACGT", k=3000))


def _snv(pos0: int) -> Called:
    return Called(pos0, _BASES[pos0], "A" if _BASES[pos0] != "A" else "C")


def _read(name: str, start0: int, **changes: object) -> Aligned:
    plain = {"name": name, "start0": start0, "cigar": "100M", "bases": _BASES[start0 : start0 + 100], "qualities": (30,) * 100}
    return Aligned(**(plain | changes))


def _files(folder: Path, reads: list[Aligned]) -> tuple[list[str], str]:
    contigs = {_CONTIG: _BASES}
    return [write_bam(folder / "reads.bam", contigs, reads)], write_fasta(folder / "reference.fa", contigs)


def test_read_names_that_are_not_unique(tmp_path: Path) -> None:
    reads = [_read("same", 800, flag=65), _read("same", 1000, flag=65), _read("same", 1000, flag=129)]
    bams, fasta = _files(tmp_path, reads)
    together = encode(bams, fasta, _CONTIG, [_snv(850), _snv(1050)], Shape())
    assert_same(encode(bams, fasta, _CONTIG, [_snv(1050)], Shape()), together, of_other=[1])


def test_soft_clip_behind_hard_clip(tmp_path: Path) -> None:
    read = _read("read", 1020, cigar="5H20S80M", bases="A" * 20 + _BASES[1020:1100], flag=2048)
    bams, fasta = _files(tmp_path, [read])
    call = Called(1000, _BASES[1000], _BASES[1000] + "GGG")
    shape = Shape(rows=2, columns=33, selection=ReadSelection(use_supplementary=True))
    assert_agrees(bams, fasta, _CONTIG, [call], encode(bams, fasta, _CONTIG, [call], shape), shape)


def test_bases_written_as_equal_are_refused(tmp_path: Path) -> None:
    bams, fasta = _files(tmp_path, [_read("read", 1000, bases="=" * 100)])
    with pytest.raises(ReadsFileError, match="written as =.*calmd"):
        encode(bams, fasta, _CONTIG, [_snv(1050)], Shape())


@pytest.mark.parametrize(
    ("value", "shown"), [(1, 120), (2, 240), (3, 0), (257, 0), (1 << 17 | 2, 0), (-255, 0), (-(1 << 24) + 1, 0)]
)
def test_haplotype_tags_of_every_size(tmp_path: Path, value: int, shown: int) -> None:
    bams, fasta = _files(tmp_path, [_read("read", 1000, tags=(("HP", value),))])
    encoded = encode(bams, fasta, _CONTIG, [_snv(1050)], Shape(rows=2))
    assert encoded.reads is not None
    assert np.all(encoded.reads[0, 1, :, CHANNEL_NAMES.index("haplotype_tag")] == shown)


def test_a_window_wider_than_the_reference_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="beyond the reference"):
        check_spec(Shape(rows=3, columns=MAX_COLUMNS + 2).spec)
    shape = Shape(rows=3, columns=MAX_COLUMNS)
    bams, fasta = _files(tmp_path, [_read(f"read{start0}", start0) for start0 in range(300, 2500, 50)])
    together = encode(bams, fasta, _CONTIG, [_snv(350), _snv(1050), _snv(2000)], shape)
    assert_same(encode(bams, fasta, _CONTIG, [_snv(1050)], shape), together, of_other=[1])


def _ties(random: Random, n: int) -> list[Aligned]:
    """Reads that start at one place: mates that say the same or contradict each other, other qualities, other CIGARs."""
    reads = []
    for number in range(n):
        bases = _BASES[1000:1050] + random.choice("ACGT") + _BASES[1051:1100]
        reads.append(
            _read(
                f"read{number // 2}",
                1000,
                flag=random.choice((129, 161) if number % 2 else (65, 81)),
                bases=bases,
                cigar=random.choice(("100M", "10S90M", "90M10S", "50M2I48M")),
                qualities=tuple(random.choices((11, 25, 37), k=100)),
                mapq=random.choice((3, 29, 60)),
            )
        )
    return reads


@pytest.mark.parametrize("n", [2, 7, 40, 300])
def test_the_order_of_reads_that_start_at_one_place_does_not_matter(tmp_path: Path, n: int) -> None:
    random, contigs = Random(n), {_CONTIG: _BASES}
    fasta, shape = write_fasta(tmp_path / "reference.fa", contigs), Shape(rows=20)
    reads = [_read("before", 950), *_ties(random, n), _read("behind", 1010)]
    calls = [_snv(1050), Called(1049, _BASES[1049], _BASES[1049] + "GG")]
    first = encode([write_bam(tmp_path / "one.bam", contigs, reads)], fasta, _CONTIG, calls, shape)
    for draw in range(3):
        random.shuffle(reads)
        bams = [write_bam(tmp_path / f"{draw}.bam", contigs, reads)]
        assert_same(encode(bams, fasta, _CONTIG, calls, shape), first)
        parts = [write_bam(tmp_path / f"{draw}-{part}.bam", contigs, reads[part::2]) for part in range(2)]
        assert_same(encode(parts, fasta, _CONTIG, calls, shape), first)
