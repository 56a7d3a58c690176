"""What an allele is in others' reads, by how many of them show it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from vcffilter.scoring.background_rules import (
    BACKGROUND_NAMES,
    FEWEST_READS,
    LEAST_SUPPORTING_SHARE,
    judge,
    judge_samples,
    noise_share,
)
from vcffilter.variants.background_counts import BackgroundCounts


def counts(*samples: list[tuple[int, int]]) -> BackgroundCounts:
    """Of each sample (reads for the ALT, reads that tell) of every allele."""
    showing, telling = np.moveaxis(np.array(samples, np.int32), -1, 0)
    return BackgroundCounts(telling, showing)


@pytest.mark.parametrize(
    ("showing", "telling", "value"),
    [
        (0, 0, "."), (0, 9, "."), (0, 10, "none"), (0, 3000, "none"),
        (1, 2, "."), (1, 13, "."), (1, 14, "none"), (1, 40, "none"),
        (2, 2, "."), (2, 17, "."), (2, 18, "noise"), (2, 60, "noise"),
        (3, 3, "support"), (3, 15, "support"), (3, 16, "."), (3, 20, "."), (3, 21, "noise"),
        (5, 25, "support"), (5, 26, "."), (5, 27, "noise"), (6, 30, "support"), (6, 31, "noise"),
        (19, 96, "noise"), (20, 100, "support"), (199, 1000, "noise"), (200, 1000, "support"), (15, 30, "support"),
    ],
)  # fmt: skip
def test_values_by_reads(showing: int, telling: int, value: str) -> None:
    assert BACKGROUND_NAMES[judge(counts([(showing, telling)]))[0]] == value


def test_reads_that_exclude_a_heterozygous_genotype() -> None:
    def seldom(showing: int, telling: int) -> bool:
        return sum(math.comb(telling, k) for k in range(showing + 1)) / 2**telling < 0.001

    for showing, fewest in enumerate(FEWEST_READS.tolist()):
        assert seldom(showing, fewest)
        assert not seldom(showing, fewest - 1)
    page = (Path(__file__).parents[2] / "docs" / "background.md").read_text()
    assert f"reads with the ALT, {', '.join(map(str, FEWEST_READS.tolist()))} reads that tell" in page
    # Beyond these the share alone is the stricter rule.
    for showing in range(len(FEWEST_READS), 200):
        assert seldom(showing, math.floor(showing / LEAST_SUPPORTING_SHARE) + 1)


def test_the_sample_that_shows_most_of_an_allele_counts() -> None:
    several = counts(
        [(0, 30), (0, 30), (0, 30), (2, 30), (0, 5)],
        [(0, 30), (0, 5), (3, 30), (15, 30), (4, 40)],
    )
    assert [BACKGROUND_NAMES[code] for code in judge(several)] == ["none", ".", "noise", "support", "noise"]
    assert [BACKGROUND_NAMES[code] for code in judge_samples(several)[0]] == ["none", "none", "none", "noise", "."]
    # Of noise the largest share; where any sample has the allele, it is no noise.
    np.testing.assert_allclose(noise_share(several), [0, 0, 0.1, 0, 0.1])
    np.testing.assert_allclose(noise_share(counts([(2, 40)], [(3, 30)])), [0.1])
