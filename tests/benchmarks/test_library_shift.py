"""Shares of true ones from unlabelled scores: found where the scores are right, and no change where nothing changed."""

import library_shift
import numpy as np
import pytest

from vcffilter.calibration.maps import sigmoid


def scores(n: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(label, probability under as many true as false ones) of two normal classes."""
    random = np.random.default_rng(seed)
    label = random.random(n) < share
    x = random.normal(np.where(label, 1.0, -1.0), 1.0)
    return label, sigmoid(2 * x)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_share_of_true_ones_is_found(share):
    label, p = scores(20_000, share, 1)
    assert library_shift.shifted_prior(p, 0.5) == pytest.approx(label.mean(), abs=0.01)


def test_each_group_has_its_own_share():
    (few, p_few), (many, p_many) = scores(10_000, 0.1, 2), scores(10_000, 0.8, 3)
    p, group = np.concatenate([p_few, p_many]), np.repeat([0, 1], 10_000)
    shifted = library_shift.by_shifted_prior(p, group, np.full(len(p), 0.5))
    assert shifted[group == 0].mean() == pytest.approx(few.mean(), abs=0.01)
    assert shifted[group == 1].mean() == pytest.approx(many.mean(), abs=0.01)
    assert (np.argsort(shifted[group == 0]) == np.argsort(p[group == 0])).all()
