"""The encoder against its twin on generated reads: any CIGAR, any flag, any way to write an allele."""

from __future__ import annotations

from pathlib import Path

import pytest
from encoding_files import Shape, encode, write_bam, write_fasta
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tiny_cases import CONTIG, TinyCase, tiny_case
from twin_check import assert_agrees

from vcffilter.kernels.tensor import ALL_CHANNELS, CHANNEL_NAMES
from vcffilter.reads.alignment_file import ReadSelection

_SHAPES = (
    Shape(rows=60, columns=33),
    Shape(rows=7, columns=1),
    Shape(rows=2, columns=5, channels=("base", "support", "margin")),
    Shape(rows=16, columns=121, channels=CHANNEL_NAMES[::-1]),
    Shape(rows=0, columns=0, channels=()),
    Shape(rows=30, columns=9, selection=ReadSelection(use_supplementary=True)),
    Shape(rows=30, columns=9, channels=ALL_CHANNELS, phase_reach=60),
    Shape(rows=0, columns=0, channels=(), phase_reach=300),
)


def _check(folder: Path, case: TinyCase, shape: Shape, alts_per_record: int = 1) -> None:
    fasta = write_fasta(folder / "tiny.fa", case.contigs)
    bam = write_bam(folder / "tiny.bam", case.contigs, case.reads, groups=(("g1", "one"), ("g2", "two")))
    records = [index // alts_per_record for index in range(len(case.calls))]
    encoded = encode([bam], fasta, CONTIG, case.calls, shape, records)
    assert_agrees([bam], fasta, CONTIG, case.calls, encoded, shape, records)


# No shrinking: a smaller seed is not a smaller case.
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 1 << 32),
    n_fragments=st.integers(0, 40),
    contig_length=st.integers(2, 500),
    max_length=st.integers(5, 200),
    shape=st.sampled_from(_SHAPES),
    alts_per_record=st.integers(1, 3),
)
def test_any_reads_and_alleles(
    tmp_path: Path, seed: int, n_fragments: int, contig_length: int, max_length: int, shape: Shape, alts_per_record: int
) -> None:
    _check(tmp_path, tiny_case(seed, n_fragments, contig_length, max_length), shape, alts_per_record)


@pytest.mark.parametrize("seed", range(3))
def test_long_reads(tmp_path: Path, seed: int) -> None:
    _check(tmp_path, tiny_case(seed, n_fragments=15, contig_length=6000, max_length=5000), _SHAPES[0])


@pytest.mark.parametrize("seed", range(3))
def test_deep_site(tmp_path: Path, seed: int) -> None:
    """More reads than rows, many of them starting at the same place."""
    _check(tmp_path, tiny_case(seed, n_fragments=400, contig_length=60, max_length=60), Shape(rows=20, columns=33))
