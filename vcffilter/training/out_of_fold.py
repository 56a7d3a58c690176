"""Scores of examples by weights that never saw their fold, and calibration from them, for weights that are trained on everything.

Knows examples and predictions; must not know how weights are trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vcffilter.calibration.maps import Calibration, fit_calibration
from vcffilter.errors import TrainingError
from vcffilter.models.network import Network
from vcffilter.training.config import OutOfFold
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit import predict


@dataclass(frozen=True)
class HeldOut:
    """n examples, each scored by weights that never saw its fold. logits: float64 (n,). fold: str (n,)."""

    examples: ArrayDataset
    logits: np.ndarray
    fold: np.ndarray


def fold_of(examples: ArrayDataset, settings: OutOfFold) -> np.ndarray:
    """str (n,): the fold of each example, empty for those that are in every training.

    Raises TrainingError when there are fewer than two folds, or when one is empty or overlaps another.
    """
    fold = np.full(len(examples), "", dtype=f"U{max((len(name) for name in settings.folds), default=1)}")
    for name, selection in settings.folds.items():
        chosen = selection.mask(examples)
        if not chosen.any():
            raise TrainingError(f"no example lies in fold {name!r}", hint="Check the names under out_of_fold:")
        if (fold[chosen] != "").any():
            other = str(fold[chosen][fold[chosen] != ""][0])
            raise TrainingError(f"folds {other!r} and {name!r} share examples", hint="An example lies in one fold or in none")
        fold[chosen] = name
    if len(settings.folds) < 2:
        raise TrainingError("out_of_fold needs two folds or more")
    return fold


def cross_fit(examples: ArrayDataset, fold: np.ndarray, train: Callable[[ArrayDataset], Network]) -> HeldOut:
    """Every example of a fold scored by what `train` makes of all others, fold by fold in order of their names."""
    indices, logits = [], []
    for name in sorted(set(fold.tolist()) - {""}):
        module = train(examples.take(fold != name))
        indices.append(np.flatnonzero(fold == name))
        logits.append(predict(module, examples.take(indices[-1])).astype(np.float64))
    index = np.concatenate(indices)
    return HeldOut(examples.take(index), np.concatenate(logits), fold[index])


def calibrate(held: HeldOut, method: str) -> Calibration:
    """Per type. Copies of one allele share its weight in part, since they are no independent facts."""
    if method == "none":
        return Calibration.from_json({})
    examples = held.examples
    weights = examples.weight.astype(np.float64) / np.sqrt(copies_of(examples))
    return fit_calibration(held.logits, examples.label, examples.is_snv, weights, method=method)


def copies_of(examples: ArrayDataset) -> np.ndarray:
    """int64 (n,): how many examples show the same allele of the same set, at whatever depth."""
    locus = locus_of(examples)
    return np.bincount(locus)[locus]


def locus_of(examples: ArrayDataset) -> np.ndarray:
    """int64 (n,): a number of the example's allele in its set, the same at whatever depth."""
    numbers = [np.unique(column, return_inverse=True)[1] for column in (examples.set_name, examples.contig)]
    alleles = np.stack([*numbers, examples.pos0, examples.allele], axis=1)
    return np.unique(alleles, axis=0, return_inverse=True)[1].reshape(-1)
