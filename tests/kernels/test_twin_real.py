"""The encoder against its twin on real reads: short, HiFi, ONT, spliced, and hundreds deep."""

from __future__ import annotations

from pathlib import Path

import pytest
from encoding_files import Shape, encode
from real_calls import LABELLED, UNLABELLED, RealSet, labelled_set, unlabelled_set
from twin_check import assert_agrees

from vcffilter.kernels.tensor import ALL_CHANNELS


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


@pytest.mark.parametrize("name", ["broad8x-chr20", "na19401-nygc-chr22"])
def test_phase(shared_data: Path, name: str) -> None:
    _check(labelled_set(shared_data, name, 8, seed=3), Shape(rows=20, columns=3, channels=ALL_CHANNELS, phase_reach=700))


def test_phase_of_long_reads(shared_data: Path) -> None:
    _check(labelled_set(shared_data, "hifi-revio-chr20", 3), Shape(rows=20, columns=3, channels=ALL_CHANNELS, phase_reach=900))
