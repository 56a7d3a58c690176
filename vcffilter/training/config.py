"""The YAML file of a training run as dataclasses. Unknown keys and values of another kind are errors. Knows no torch."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.errors import MissingExtraError, TrainingError
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.example_source import ExampleSource
from vcffilter.training.fit_config import FitConfig
from vcffilter.variants.intervals import parse_region


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


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    model_id: name of the weights and of their file. data: example files (`pileup-filter examples`), relative to the YAML file.
    sources: labelled calls and reads instead, encoded anew every epoch with other fragments (see `ExampleSource`); validation
    sees all of them. rows, columns: of the read tensor then. architecture, model: name and settings (see
    `vcffilter.models.registry`, and `vcffilter.training.grown_trees` for `trees:both`, which is what ships and takes only seed
    and threads of `fit`); left out: those of --init, else `read_set` with its defaults. validation: what is held out and chooses
    the best epoch; never drawn at random. exclude: what is neither trained on nor validated with. in_memory: False leaves read
    tensors on disk. calibration: `isotonic`, `platt`, `temperature` or `none`, fitted on the held-out examples. recall_snv,
    recall_indel: share of true variants that the default thresholds keep on the held-out examples. description, limits, licence:
    for the model card.
    """

    model_id: str
    data: tuple[str, ...] = ()
    sources: tuple[ExampleSource, ...] = ()
    rows: int = 49
    columns: int = 1
    architecture: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    validation: Selection = field(default_factory=Selection)
    exclude: Selection = field(default_factory=Selection)
    fit: FitConfig = field(default_factory=FitConfig)
    in_memory: bool = True
    calibration: str = "isotonic"
    recall_snv: float = 0.997
    recall_indel: float = 0.99
    description: str = ""
    limits: tuple[str, ...] = ()
    licence: str = "MIT"


def load_train_config(path: str | Path) -> TrainConfig:
    """Read a YAML file; raises TrainingError that names the key on anything unknown, missing or of another kind."""
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("training needs PyYAML", hint="Install it with: pip install 'vcffilter[train]'") from error
    try:
        data = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise TrainingError(f"the configuration cannot be read ({error.strerror})", path=str(path)) from error
    except yaml.YAMLError as error:
        raise TrainingError(f"the configuration is no YAML ({error})", path=str(path)) from error
    return parse_dataclass(TrainConfig, data, "", str(path))


def parse_dataclass(kind: type, data: Any, where: str, path: str) -> Any:
    """A (nested) dataclass from plain YAML values, strictly. where: dotted key for messages."""
    if not isinstance(data, dict):
        raise TrainingError(f"{where or 'the configuration'} must be a mapping of keys to values", path=path)
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
    return kind(**{key: _parse(types_of[key], value, f"{where}{key}", path) for key, value in data.items()})


def _parse(kind: Any, value: Any, where: str, path: str) -> Any:
    """One value of an annotated kind: dataclass, tuple of one kind or of fixed kinds, dict, or a scalar."""
    if dataclasses.is_dataclass(kind):
        return parse_dataclass(typing.cast(type, kind), value, f"{where}.", path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list | tuple):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_parse(arguments[0], one, f"{where}[{i}]", path) for i, one in enumerate(value))
        if len(arguments) == len(value):
            return tuple(_parse(a, one, where, path) for a, one in zip(arguments, value, strict=True))
    elif origin is dict and isinstance(value, dict):
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
