"""CIGAR operations of length 0: SAM allows them, some programs write them, and they mean nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from encoding_files import Aligned, Shape, assert_same, encode, write_bam, write_fasta
from tiny_cases import CONTIG
from twin.normalised_alleles import Called
from twin_check import assert_agrees

_BASES = "".join(Random(2).choices("ACGT", k=400))
_CALLS = [
    Called(150, _BASES[150], "A" if _BASES[150] != "A" else "C"),
    Called(160, _BASES[160], _BASES[160] + "GG"),
    Called(170, _BASES[170:173], _BASES[170]),
]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("50M0I50M", "50M50M"),
        ("50M0D50M", "50M50M"),
        ("50M0N50M", "50M50M"),
        ("0I100M0D", "100M"),
        ("0M10S0M80M0I10S", "10S80M10S"),
        ("0H0S50M2D0I0D48M2S", "50M2D48M2S"),
    ],
)
def test_they_change_nothing(tmp_path: Path, written: str, plain: str) -> None:
    fasta = write_fasta(tmp_path / "tiny.fa", {CONTIG: _BASES})
    shape = Shape(rows=4, columns=33)
    encoded = {}
    for cigar in (written, plain):
        bases = _BASES[101:201]
        reads = [Aligned(f"read{number}", 101 + number, cigar, bases, (30,) * 100) for number in range(2)]
        bam = write_bam(tmp_path / f"{cigar}.bam", {CONTIG: _BASES}, reads)
        encoded[cigar] = encode([bam], fasta, CONTIG, _CALLS, shape)
        assert_agrees([bam], fasta, CONTIG, _CALLS, encoded[cigar], shape)
    assert_same(encoded[written], encoded[plain])
    assert encoded[plain].n_informing.all()
