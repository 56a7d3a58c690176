"""The encoder against its twin on real reads: short, HiFi, ONT, spliced, and hundreds deep."""

from __future__ import annotations

from pathlib import Path

import pytest
from encoding_files import Shape, encode
from real_calls import LABELLED, UNLABELLED, RealSet, labelled_set, unlabelled_set
from twin_check import assert_agrees


def _check(real: RealSet, shape: Shape) -> None:
    encoded = encode([real.bam], real.reference, real.contig, real.calls, shape)
    assert encoded.n_informing.any()
    assert_agrees([real.bam], real.reference, real.contig, real.calls, encoded, shape)


@pytest.mark.parametrize("name", LABELLED)
def test_called_alleles(shared_data: Path, name: str) -> None:
    _check(labelled_set(shared_data, name, 20), Shape(rows=50, columns=33))


@pytest.mark.parametrize("name", UNLABELLED)
def test_alleles_seen_in_reads(shared_data: Path, name: str) -> None:
    _check(unlabelled_set(shared_data, name, 12), Shape(rows=30, columns=15))
