"""Rare inputs that the encoder does not treat as it should yet; each test passes as soon as it does, and then loses its mark."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from encoding_files import Aligned, Shape, assert_same, encode, write_bam, write_fasta
from twin.alleles import Called
from twin_check import assert_agrees

from vcffilter.encoding.encoder import check_spec
from vcffilter.errors import ModelError
from vcffilter.kernels.encode import FEATURE_NAMES
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


@pytest.mark.xfail(strict=True, reason="mates are linked by name alone: a third read of that name depends on the chunk")
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


@pytest.mark.xfail(strict=True, reason="bases written as = (samtools calmd -e) count as mismatches")
def test_bases_written_as_equal(tmp_path: Path) -> None:
    bams, fasta = _files(tmp_path, [_read("read", 1000, bases="=" * 100)])
    encoded = encode(bams, fasta, _CONTIG, [_snv(1050)], Shape())
    assert encoded.features[0, FEATURE_NAMES.index("log_ref_reads")] == 1.0


@pytest.mark.xfail(strict=True, reason="only the lowest byte of HP is read")
def test_haplotype_tag_of_two_bytes(tmp_path: Path) -> None:
    bams, fasta = _files(tmp_path, [_read("read", 1000, tags=(("HP", 257),))])
    encoded = encode(bams, fasta, _CONTIG, [_snv(1050)], Shape(rows=2))
    assert encoded.reads is not None
    assert not np.any(encoded.reads[0, 1, :, CHANNEL_NAMES.index("haplotype_tag")])


@pytest.mark.xfail(strict=True, reason="columns beyond the reference kept around an allele depend on the chunk")
def test_window_wider_than_the_reference_kept(tmp_path: Path) -> None:
    shape = Shape(rows=3, columns=1501)
    try:
        check_spec(shape.spec)
    except ModelError:
        return
    bams, fasta = _files(tmp_path, [_read(f"read{start0}", start0) for start0 in range(300, 2500, 50)])
    together = encode(bams, fasta, _CONTIG, [_snv(350), _snv(1050), _snv(2000)], shape)
    assert_same(encode(bams, fasta, _CONTIG, [_snv(1050)], shape), together, of_other=[1])
