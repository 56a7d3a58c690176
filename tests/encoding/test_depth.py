"""From no reads to thousands of them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from encoding_files import Aligned, Shape, encode, write_bam, write_fasta
from real_calls import unlabelled_set
from tiny_cases import CONTIG
from twin.normalised_alleles import Called

from vcffilter.kernels.encode import FEATURE_NAMES
from vcffilter.kernels.tensor import CHANNEL_NAMES

_SUPPORT = CHANNEL_NAMES.index("support")


def _encode(folder: Path, n_ref: int, n_alt: int, rows: int) -> tuple[np.ndarray, int, dict[str, float]]:
    """Support of the rows shown, reads counted and features at one SNV."""
    bases = "".join(Random(1).choices("ACGT", k=300))
    other = "A" if bases[150] != "A" else "C"
    reads = []
    for number in range(n_ref + n_alt):
        start0 = 100 + number % 50
        read = bases[start0 : start0 + 100]
        if number < n_alt:
            read = read[: 150 - start0] + other + read[151 - start0 :]
        reads.append(Aligned(f"read{number}", start0, "100M", read, (35,) * 100, flag=16 * (number % 2)))
    fasta = write_fasta(folder / "deep.fa", {CONTIG: bases})
    bam = write_bam(folder / "deep.bam", {CONTIG: bases}, reads)
    encoded = encode([bam], fasta, CONTIG, [Called(150, bases[150], other)], Shape(rows=rows, columns=1))
    assert encoded.reads is not None
    features = dict(zip(FEATURE_NAMES, encoded.features[0].tolist(), strict=True))
    return encoded.reads[0, :, 0, _SUPPORT], int(encoded.n_informing[0]), features


@pytest.mark.parametrize(("n_ref", "n_alt"), [(0, 0), (1, 0), (0, 1), (20, 10), (3000, 2000), (19_000, 1000)])
def test_every_read_counts(tmp_path: Path, n_ref: int, n_alt: int) -> None:
    support, n_informing, features = _encode(tmp_path, n_ref, n_alt, rows=33)
    assert n_informing == n_ref + n_alt
    assert features["alt_share_all"] == pytest.approx(n_alt / max(n_ref + n_alt, 1))
    shown = (support[1:] != 0).sum()
    assert shown == min(n_ref + n_alt, 32)


def test_rare_allele_keeps_its_rows(tmp_path: Path) -> None:
    support, _, _ = _encode(tmp_path, n_ref=5000, n_alt=6, rows=33)
    assert (support[1:] == 255).sum() == 6


def test_sampled_allele_takes_half_of_the_rows(tmp_path: Path) -> None:
    support, _, _ = _encode(tmp_path, n_ref=4000, n_alt=400, rows=33)
    assert (support[1:] == 255).sum() == 16
    support, _, _ = _encode(tmp_path, n_ref=10, n_alt=400, rows=33)
    assert (support[1:] == 255).sum() == 22


def test_hundreds_deep(shared_data: Path) -> None:
    real = unlabelled_set(shared_data, "mitochondrion-deep", 12)
    encoded = encode([real.bam], real.reference, real.contig, real.calls, Shape(rows=50, columns=33))
    assert encoded.n_informing.max() > 200
    assert np.isfinite(encoded.features).all()
