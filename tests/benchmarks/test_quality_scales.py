"""Base qualities as another machine gives them."""

import numpy as np
from quality_scales import MOST_PHRED, by_factor, by_quantile


def test_a_quality_becomes_that_of_the_same_quantile():
    given, wanted = np.zeros(MOST_PHRED + 1), np.zeros(MOST_PHRED + 1)
    given[[10, 40]] = 0.2, 0.8
    wanted[[20, 25, 30]] = 0.3, 0.5, 0.2
    found = by_quantile(given, wanted)
    assert found[[10, 40]].tolist() == [20, 25]
    assert by_quantile(given, given)[[10, 40]].tolist() == [10, 40]


def test_a_factor_stays_within_what_files_hold():
    assert by_factor(2.3)[[10, 40, 60]].tolist() == [23, 92, MOST_PHRED]
