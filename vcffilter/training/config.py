"""The YAML file of a training run as dataclasses. Unknown keys and values of another kind are errors. Knows no torch."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.errors import TrainingError
from vcffilter.models.plain_data import MisfitError, parse_dataclass
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.example_source import ExampleSource
from vcffilter.training.fit_config import FitConfig
from vcffilter.training.yaml_file import read_yaml
from vcffilter.variants.intervals import parse_region

#: Of weights: it becomes the name of their file.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class Selection:
    """Examples by place: those of any of these groups, sets, contigs or regions (`chr20:1000-2000`, 1-based, inclusive)."""

    groups: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    contigs: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def mask(self, data: ArrayDataset) -> np.ndarray:
        """bool (n,): which examples are meant. Raises RegionError on a region that cannot be understood."""
        chosen = np.isin(data.group, self.groups) | np.isin(data.set_name, self.sets) | np.isin(data.contig, self.contigs)
        for region in self.regions:
            contig, start0, end0 = parse_region(region)
            chosen |= (data.contig == contig) & (data.pos0 >= start0) & (data.pos0 < end0)
        return chosen


ALLELES = ("all", "snv", "indel")


@dataclass(frozen=True)
class ExampleFiles:
    """Example files of a run.

    files: a name, or a pattern such as `real/*.h5` (in order of their names). only: `all` alleles, `snv` or `indel` (all others).
    weight: factor on their share in the loss.
    """

    files: str
    only: str = "all"
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.only not in ALLELES:
            raise TrainingError(f"only is {self.only!r}", hint=f"Known are: {', '.join(ALLELES)}")
        if not 0 < self.weight < float("inf"):
            raise TrainingError(f"weight is {self.weight:g}", hint="Give a positive number")


@dataclass(frozen=True)
class OutOfFold:
    """Calibration and thresholds from examples that are trained on in the end, each scored by weights that left its fold out.

    folds: name -> which examples are held out together; what lies in no fold is in every training.
    """

    folds: dict[str, Selection] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    model_id: name of the weights and of their file. data: example files (`pileup-filter examples`), relative to the YAML
    file, by name or as `ExampleFiles`. sources: labelled calls and reads instead, encoded anew every epoch with other
    fragments (see `ExampleSource`); validation sees all of them. rows, columns: of the read tensor then; phase_reach: of the
    haplotypes, 0 = without them (see `EncoderSpec`). architecture, model: name and settings (see `vcffilter.models.registry`,
    and `vcffilter.training.grown_trees` for `trees:both`, which is what ships and takes only seed and threads of `fit`); left
    out: those of --init, else `read_set` with its defaults. validation:
    what is held out and chooses the best epoch; never drawn at random. exclude: what is neither trained on nor validated
    with. out_of_fold: see `OutOfFold`; for trees, in place of validation. in_memory: False leaves read tensors on disk.
    calibration: `isotonic`, `platt`, `temperature` or `none`, fitted on the held-out examples. recall_snv, recall_indel:
    share of true variants that the default thresholds keep on the held-out examples; null = the cuts of the balanced preset (see
    `vcffilter.calibration.presets`). description, limits, licence: for the model card.
    """

    model_id: str
    data: tuple[str | ExampleFiles, ...] = ()
    sources: tuple[ExampleSource, ...] = ()
    rows: int = 49
    columns: int = 1
    phase_reach: int = 0
    architecture: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    validation: Selection = field(default_factory=Selection)
    exclude: Selection = field(default_factory=Selection)
    out_of_fold: OutOfFold = field(default_factory=OutOfFold)
    fit: FitConfig = field(default_factory=FitConfig)
    in_memory: bool = True
    calibration: str = "isotonic"
    recall_snv: float | None = None
    recall_indel: float | None = None
    description: str = ""
    limits: tuple[str, ...] = ()
    licence: str = "MIT"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.model_id):
            raise TrainingError(
                f"model_id is {self.model_id!r}, which is no name for a file",
                hint="Use letters, digits, '.', '_', '+' and '-', beginning with a letter or digit",
            )
        if self.out_of_fold.folds and self.validation != Selection():
            raise TrainingError(
                "validation and out_of_fold are both given", hint="Keep one: examples are held out for good, or each in turn"
            )

    def without_fold(self, name: str) -> TrainConfig:
        """The same run that never sees one fold, in no step; its weights are called MODEL_ID-without-NAME."""
        folds = dict(self.out_of_fold.folds)
        if name not in folds:
            raise TrainingError(f"no fold {name!r} in out_of_fold", hint=f"Known are: {', '.join(folds) or 'none'}")
        left = folds.pop(name)
        exclude = Selection(
            self.exclude.groups + left.groups,
            self.exclude.sets + left.sets,
            self.exclude.contigs + left.contigs,
            self.exclude.regions + left.regions,
        )
        return dataclasses.replace(
            self,
            model_id=f"{self.model_id}-without-{name}",
            exclude=exclude,
            out_of_fold=dataclasses.replace(self.out_of_fold, folds=folds),
        )


def load_train_config(path: str | Path) -> TrainConfig:
    """Read a YAML file; raises TrainingError that names the key on anything unknown, missing or of another kind."""
    config: TrainConfig = parse_settings(TrainConfig, read_yaml(path), "", str(path))
    return config


def parse_settings(kind: type, data: Any, where: str, path: str | None) -> Any:
    """A (nested) dataclass from plain YAML values, strictly. where: dotted key for messages. Raises TrainingError."""
    try:
        return parse_dataclass(kind, data, where)
    except MisfitError as error:
        raise TrainingError(str(error), path=path) from error
    except TrainingError as error:
        raise TrainingError(error.what, path=path, hint=error.hint) from error
