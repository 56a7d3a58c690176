"""The YAML file of a comparison of models as dataclasses, and the folds that all of them share. Knows no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.errors import TrainingError
from vcffilter.training.config import Selection, parse_settings
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit_config import FitConfig
from vcffilter.training.yaml_file import read_yaml

GROUPINGS = ("region", "contig", "group", "set")


@dataclass(frozen=True)
class Experiment:
    """One row of the comparison. architecture: see `vcffilter.models.registry`, or what is grown
    (`vcffilter.training.grown_trees`): `trees:both`, `trees:lightgbm`, `trees:extratrees`.

    model: its settings (of the latter two: the classifier's). fit: what differs from the comparison's own fit settings.
    """

    name: str
    architecture: str
    model: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CallSet:
    """A call set that the filter's effect is measured on. set: its name in the example files."""

    set: str
    calls: str
    truth: str
    reference: str
    confident: str = ""


@dataclass(frozen=True)
class ComparisonConfig:
    """A comparison. data: example files, relative to the YAML file. group_by: what stays together in a fold, one of GROUPINGS;
    region_bases: size of a region. metric: compared fold by fold. recall_snv, recall_indel: share of true variants that
    thresholds keep; they are chosen, like the calibration, on the other folds. exclude: what is left out.
    """

    data: tuple[str, ...]
    experiments: tuple[Experiment, ...]
    call_sets: tuple[CallSet, ...] = ()
    n_folds: int = 5
    group_by: str = "region"
    region_bases: int = 100_000
    metric: str = "hard_auroc"
    fit: dict[str, Any] = field(default_factory=dict)
    calibration: str = "platt"
    recall_snv: float = 0.997
    recall_indel: float = 0.99
    exclude: Selection = field(default_factory=Selection)
    in_memory: bool = True
    seed: int = 0


def load_comparison_config(path: str | Path) -> ComparisonConfig:
    """Read and check a YAML file; raises TrainingError that names the key."""
    config: ComparisonConfig = parse_settings(ComparisonConfig, read_yaml(path), "", str(path))
    names = [experiment.name for experiment in config.experiments]
    if not names or len(set(names)) != len(names):
        raise TrainingError("experiments must be given, each with a name of its own", path=str(path))
    if config.group_by not in GROUPINGS:
        raise TrainingError(f"group_by is {config.group_by!r}", path=str(path), hint=f"Known are: {', '.join(GROUPINGS)}")
    if config.n_folds < 2 or config.region_bases < 1:
        raise TrainingError("at least two folds and regions of at least one base are needed", path=str(path))
    if not 0 <= config.seed < 2**32:
        raise TrainingError(f"seed is {config.seed}", path=str(path), hint="Give a number from 0 to 4294967295")
    for experiment in config.experiments:
        fit_config(config, experiment, str(path))
    return config


def fit_config(config: ComparisonConfig, experiment: Experiment, path: str = "") -> FitConfig:
    """The training settings of one experiment."""
    parsed: FitConfig = parse_settings(FitConfig, {**config.fit, **experiment.fit}, f"{experiment.name}.fit", path)
    return dataclasses.replace(parsed, patience=0)


def assign_folds(data: ArrayDataset, config: ComparisonConfig) -> np.ndarray:
    """Fold of each example, int64 (n,). Groups stay whole; folds get about equally many examples.

    Raises TrainingError when there are fewer groups than folds.
    """
    keys = {
        "region": [f"{contig}:{place}" for contig, place in zip(data.contig, data.pos0 // config.region_bases, strict=True)],
        "contig": data.contig,
        "group": data.group,
        "set": data.set_name,
    }[config.group_by]
    _, group, counts = np.unique(np.asarray(keys), return_inverse=True, return_counts=True)
    if len(counts) < config.n_folds:
        raise TrainingError(
            f"{len(counts)} groups by {config.group_by} cannot be dealt into {config.n_folds} folds",
            hint="Take fewer folds, smaller region_bases, or another group_by",
        )
    order = np.random.default_rng(config.seed).permutation(len(counts))
    fold_of_group, size = np.zeros(len(counts), np.int64), np.zeros(config.n_folds, np.int64)
    # The largest group first, each into the fold that is smallest so far.
    for index in order[np.argsort(-counts[order], kind="stable")]:
        smallest = int(np.argmin(size))
        fold_of_group[index] = smallest
        size[smallest] += counts[index]
    return fold_of_group[group]
