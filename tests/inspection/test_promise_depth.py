"""The note that a target recall was measured at another depth."""

import numpy as np
import pytest

from vcffilter.inspection.promise_depth import PromiseDepth
from vcffilter.variants.allele_scores import AlleleScores

POINT = {"target_recall": 0.99, "thresholds": {}, "depth": {"low": 5, "median": 12, "high": 30}}


def scores(depths, probability=0.9, status=0):
    n = len(depths)
    return AlleleScores(
        np.full(n, probability, np.float32),
        np.zeros(n),
        np.repeat(np.array(depths, np.int32)[:, None], 3, axis=1),
        np.full(n, status, np.uint8),
        None,
    )


def note(*chunks, point=POINT):
    promise = PromiseDepth(point)
    for chunk in chunks:
        promise.saw(chunk)
    return promise.note()


@pytest.mark.parametrize("depths", [[5, 5, 5], [30, 12, 40], [1, 12, 90]])
def test_like_depths_need_no_note(depths):
    assert note(scores(depths)) is None


def test_other_depths_are_named():
    text = note(scores([80, 85]), scores([90]))
    assert text.startswith("--target-recall 0.99 was measured on true ALTs with 5-30 reads (median 12)")
    assert "here the median is 85" in text
    assert "median is 4" in note(scores([4, 4, 20]))
    assert "median is 10000" in note(scores([50_000]))


def test_doubtful_and_unscored_alts_say_nothing_of_the_depth():
    assert note(scores([90] * 9, probability=0.1), scores([90] * 9, probability=np.nan, status=2), scores([12])) is None
    assert note(scores([90], probability=0.1)) is None


def test_nothing_is_watched_without_a_promise():
    assert note(scores([90]), point=None) is None
    assert note(scores([90]), point={"target_recall": 0.99, "thresholds": {}}) is None
