"""The YAML file of a training run as dataclasses. Unknown keys and values of another kind are errors. Knows no torch."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.errors import TrainingError
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
    fragments (see `ExampleSource`); validation sees all of them. rows, columns: of the read tensor then. architecture, model:
    name and settings (see `vcffilter.models.registry`, and `vcffilter.training.grown_trees` for `trees:both`, which is what
    ships and takes only seed and threads of `fit`); left out: those of --init, else `read_set` with its defaults. validation:
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
    return parse_dataclass(TrainConfig, read_yaml(path), "", str(path))


def parse_dataclass(kind: type, data: Any, where: str, path: str) -> Any:
    """A (nested) dataclass from plain YAML values, strictly. where: dotted key for messages."""
    if not isinstance(data, dict):
        raise TrainingError(f"{where.rstrip('.') or 'the configuration'} must be a mapping of keys to values", path=path)
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    unknown = [f"{where}{key}" for key in data if key not in fields]
    if unknown:
        raise TrainingError(f"unknown key {', '.join(unknown)}", path=path, hint=f"Known are: {', '.join(fields)}")
    missing = [
        f"{where}{name}"
        for name, entry in fields.items()
        if name not in data and entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise TrainingError(f"missing key {', '.join(missing)}", path=path)
    types_of = typing.get_type_hints(kind)
    values = {key: _parse(types_of[key], value, f"{where}{key}", path) for key, value in data.items()}
    try:
        return kind(**values)
    except TrainingError as error:
        raise TrainingError(f"{where}{error.what}", path=path, hint=error.hint) from error


def _parse(kind: Any, value: Any, where: str, path: str) -> Any:
    """One value of an annotated kind: dataclass, tuple of one kind or of fixed kinds, dict, scalar, or one kind of several."""
    if dataclasses.is_dataclass(kind):
        return parse_dataclass(typing.cast(type, kind), value, f"{where}.", path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list | tuple):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_parse(arguments[0], one, f"{where}[{i}]", path) for i, one in enumerate(value))
        if len(arguments) == len(value):
            return tuple(_parse(a, one, where, path) for a, one in zip(arguments, value, strict=True))
    elif origin is types.UnionType:
        if value is None and types.NoneType in arguments:
            return None
        is_dataclass = isinstance(value, dict)
        for one in arguments:
            if is_dataclass == dataclasses.is_dataclass(one):
                return _parse(one, value, where, path)
    elif origin is dict and isinstance(value, dict) and all(isinstance(key, str) for key in value):
        if dataclasses.is_dataclass(arguments[1]):
            return {key: _parse(arguments[1], one, f"{where}.{key}", path) for key, one in value.items()}
        return value
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif kind is float and isinstance(value, str):
        # YAML reads 1e-3 as text.
        try:
            return float(value)
        except ValueError:
            pass
    elif isinstance(kind, type) and not isinstance(kind, types.GenericAlias) and type(value) is kind:
        return value
    name = getattr(kind, "__name__", str(kind)) if origin is None else str(kind)
    raise TrainingError(f"{where} is {value!r}, which is no {name}", path=path)
