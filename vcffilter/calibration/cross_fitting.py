"""What is fitted on some folds and applied to the one left out, once for all that do so. numpy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

Fitted = TypeVar("Fitted")


def held_out_folds(fold: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(the fold's examples, all others), bool (n,) each, for every fold that has examples. fold: int (n,), each example's."""
    for number in np.unique(fold):
        inside = fold == number
        yield inside, ~inside


def cross_fitted(
    fold: np.ndarray, fit: Callable[[np.ndarray], Fitted], apply: Callable[[Fitted, np.ndarray], np.ndarray]
) -> np.ndarray:
    """float64 (n,): for the examples of each fold what is applied after it was fitted on the other folds.

    fit: called with the mask of the examples to learn from; apply: with what was fitted and the mask of those to judge.
    """
    values = np.full(len(fold), np.nan)
    for inside, others in held_out_folds(fold):
        values[inside] = apply(fit(others), inside)
    return values


def dealt_folds(group: np.ndarray, n_folds: int) -> np.ndarray:
    """int64 (n,): groups dealt to folds in turn, so that a group stays whole. group: (n,), any kind that can be sorted."""
    _, code = np.unique(group, return_inverse=True)
    return code % n_folds
