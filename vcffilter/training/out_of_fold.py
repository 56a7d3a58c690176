"""Calibration and thresholds of weights that were trained on everything: from examples that their fold's weights never saw.

Knows examples and predictions; must not know how weights are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vcffilter.calibration.maps import Calibration, fit_calibration
from vcffilter.calibration.operating_points import FEWEST_TRUE, threshold_classes, threshold_for_recall
from vcffilter.errors import TrainingError
from vcffilter.models.network import Network
from vcffilter.training.config import OutOfFold
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit import predict

#: No default threshold of ALTs with many reads is above this: what is rather true than not passes, however well true ones did.
HIGHEST_DEEP = 0.5
#: A threshold's name when it holds for ALTs with many reads.
_DEEP = "_deep"


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
    numbers = [np.unique(column, return_inverse=True)[1] for column in (examples.set_name, examples.contig)]
    alleles = np.stack([*numbers, examples.pos0, examples.allele], axis=1)
    _, same, counts = np.unique(alleles, axis=0, return_inverse=True, return_counts=True)
    return counts[same.reshape(-1)]


def default_thresholds(
    held: HeldOut, probabilities: np.ndarray, recalls: Mapping[str, float], together: bool
) -> dict[str, float]:
    """Per class (type, many reads or not) the highest threshold that keeps the type's share of true ones in every fold, and of
    those with few reads in every fold at every share of reads.

    recalls: by type. together: all folds are one cell. Cells of fewer than FEWEST_TRUE true ones do not count: the threshold
    would hang on the one worst example.
    """
    examples = held.examples
    cells = [np.ones(len(held.fold), bool)] if together else [held.fold == name for name in np.unique(held.fold)]
    share = np.round(examples.share, 2)
    thresholds: dict[str, float] = {}
    for name, of_class in threshold_classes(examples.is_snv, examples.depth).items():
        is_deep = name.endswith(_DEEP)
        parts = [cell & of_class & (examples.label > 0.5) for cell in cells]
        if not is_deep and not together:
            parts += [part & (share == one) for part in parts for one in np.unique(share)]
        parts = [part for part in parts if part.sum() >= FEWEST_TRUE]
        recall = recalls[name.removesuffix(_DEEP)]
        lowest = [threshold_for_recall(probabilities[part], examples.label[part], recall) for part in parts]
        if is_deep:
            lowest += [HIGHEST_DEEP] if lowest else [thresholds[name.removesuffix(_DEEP)]]
        thresholds[name] = float(min(lowest, default=0.5))
    return thresholds
