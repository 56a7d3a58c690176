import numpy as np

from vcffilter.calibration.cross_fitting import cross_fitted, dealt_folds, held_out_folds


def test_each_fold_is_judged_by_the_others_alone():
    fold = np.array([2, 0, 2, 5, 0])
    value = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    # What is fitted is the mean of the others, so a value of its own fold would show.
    found = cross_fitted(fold, lambda others: value[others].mean(), lambda mean, inside: value[inside] * 0 + mean)
    np.testing.assert_allclose(found, [11 / 3, 8 / 3, 11 / 3, 11 / 4, 8 / 3])


def test_folds_without_examples_are_not_fitted():
    assert [inside.tolist() for inside, _ in held_out_folds(np.array([3, 1, 3]))] == [[False, True, False], [True, False, True]]


def test_groups_stay_whole_and_are_dealt_in_turn():
    assert dealt_folds(np.array(["b", "a", "c", "a", "d", "b"]), 2).tolist() == [1, 0, 0, 0, 1, 1]
