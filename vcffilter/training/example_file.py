"""Labelled examples in an HDF5 file: written piece by piece, read whole or with the tensors left on disk.

Knows nothing of how examples are made or what is learned from them. A damaged file is an error, never wrong examples.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from vcffilter.errors import MissingExtraError, TrainingError, install_hint
from vcffilter.files import UnfinishedFile, output_error
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.plain_data import MisfitError
from vcffilter.training.block_reader import BLOCK, BlockReader, damaged_examples
from vcffilter.training.dataset import COLUMNS, ArrayDataset

HDF5_FORMAT = 2
#: Key of a file's note: sets whose labels come from no truth.
WITHOUT_TRUTH = "without_truth"
#: The first of HDF5 that has checksums on what describes the data: without them a damaged byte may crash the library.
_HDF5_VERSION = "v110"
#: What h5py and the checks of what it gave raise on a damaged file.
_DAMAGE = (AttributeError, IndexError, KeyError, MemoryError, OSError, RuntimeError, TypeError, ValueError, MisfitError)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("example files need h5py", hint=install_hint("h5py", "train")) from error
    return h5py


def _json(data: Any) -> np.bytes_:
    """As an attribute. Text of no fixed length HDF5 keeps where it has no checksums."""
    return np.bytes_(json.dumps(data, sort_keys=True).encode())


class ExampleWriter:
    """Appends examples to an HDF5 file, chunked and compressed; the file appears under its name when closed
    without error.

    Use as a context manager. spec: the encoder that made the arrays, kept in the file. note: plain JSON, kept
    in the file. append: start from what the file holds, when it is there; TrainingError when another encoder made that.
    without_truth: names of sets among what is written whose labels come from no truth, kept in the note beside those of the file.
    """

    def __init__(
        self,
        path: str | Path,
        spec: EncoderSpec,
        note: dict[str, Any] | None = None,
        append: bool = False,
        without_truth: Sequence[str] = (),
    ) -> None:
        self._path = Path(path)
        self._names: dict[str, dict[str, int]] = {name: {} for name, dtype in COLUMNS.items() if dtype == "text"}
        self._spec = spec
        continues = append and self._path.exists()
        h5py = _h5py()
        if continues:
            read_examples(self._path, in_memory=False).examples.close()
        self._unfinished = UnfinishedFile(path)
        try:
            if continues:
                shutil.copyfile(self._path, self._unfinished.path)
            self._file = h5py.File(self._unfinished.path, "r+" if continues else "w", libver=(_HDF5_VERSION, _HDF5_VERSION))
        except OSError as error:
            self._unfinished.discard()
            raise output_error(path, error) from error
        if continues:
            self._continue()
        else:
            self._begin(note or {})
        if without_truth:
            kept = json.loads(self._file.attrs["note"])
            kept[WITHOUT_TRUTH] = sorted({*kept.get(WITHOUT_TRUTH, ()), *without_truth})
            self._file.attrs["note"] = _json(kept)

    def _begin(self, note: dict[str, Any]) -> None:
        spec = self._spec
        self._file.attrs["format"] = HDF5_FORMAT
        self._file.attrs["encoder"] = _json(spec.to_json())
        self._file.attrs["note"] = _json(note)
        self._create("features", (spec.n_features,), "float32")
        if spec.rows:
            self._create("reads", (spec.rows, spec.columns, spec.n_channels), "uint8")
        for name, dtype in COLUMNS.items():
            self._create(name, (), "int32" if dtype == "text" else dtype)

    def _continue(self) -> None:
        if EncoderSpec.from_json(json.loads(self._file.attrs["encoder"])) != self._spec:
            self._discard()
            raise TrainingError(
                "another encoder made the examples that are in the file",
                path=str(self._path),
                hint="Give the same --model, --rows and --columns, or write a new file",
            )
        for name, table in self._names.items():
            table.update({value: code for code, value in enumerate(json.loads(self._file[name].attrs["names"]))})

    def _discard(self) -> None:
        self._file.close()
        self._unfinished.discard()

    def _create(self, name: str, shape: tuple[int, ...], dtype: str) -> None:
        # Level 1 and byte shuffling: a third of the size of raw tensors at a cost that training does not
        # feel.
        self._file.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(BLOCK, *shape),
            dtype=dtype,
            compression="gzip",
            compression_opts=1,
            shuffle=True,
            fletcher32=True,
        )

    def append(self, examples: ArrayDataset) -> None:
        """Add examples at the end; raises TrainingError when they are not what the encoder spec says."""
        spec = self._spec
        shape = (spec.rows, spec.columns, spec.n_channels)
        if examples.features.shape[1] != spec.n_features or (
            spec.rows and (examples.reads is None or examples.reads.shape[1:] != shape)
        ):
            raise TrainingError("examples do not have the shapes of the file's encoder", path=str(self._path))
        reads = examples.read_rows(np.arange(len(examples)))
        self._extend("features", examples.features)
        if spec.rows and reads is not None:
            self._extend("reads", reads)
        for name, dtype in COLUMNS.items():
            column = getattr(examples, name)
            if dtype == "text":
                table = self._names[name]
                column = np.array([table.setdefault(value, len(table)) for value in column.tolist()], np.int32)
            self._extend(name, column)

    def _extend(self, name: str, values: np.ndarray) -> None:
        data = self._file[name]
        begin = data.shape[0]
        data.resize(begin + len(values), axis=0)
        data[begin:] = values

    def __enter__(self) -> ExampleWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            for name, table in self._names.items():
                self._file[name].attrs["names"] = _json(list(table))
            self._file.close()
            self._unfinished.publish()
        except OSError as close_error:
            raise output_error(self._path, close_error) from close_error
        finally:
            self._unfinished.discard()


def write_examples(path: str | Path, examples: ArrayDataset, spec: EncoderSpec, note: dict[str, Any] | None = None) -> None:
    """Write all examples to one HDF5 file."""
    with ExampleWriter(path, spec, note) as writer:
        writer.append(examples)


def _open_examples(path: str | Path) -> Any:
    try:
        file = _h5py().File(path, "r")
    except OSError as error:
        raise TrainingError(
            f"the example file cannot be read ({error})", path=str(path), hint="Make one with: pileup-filter examples"
        ) from error
    try:
        known = file.attrs.get("format") == HDF5_FORMAT
    except _DAMAGE as error:
        file.close()
        raise damaged_examples(path, error) from error
    if not known:
        file.close()
        raise TrainingError(
            "not an example file of this version", path=str(path), hint="Make it anew with: pileup-filter examples"
        )
    return file


@dataclass(frozen=True)
class ExampleFile:
    """What an HDF5 file of examples holds. spec: the encoder. note: what the maker wrote down."""

    examples: ArrayDataset
    spec: EncoderSpec
    note: dict[str, Any]

    @property
    def without_truth(self) -> frozenset[str]:
        """Names of the sets whose labels come from no truth."""
        names = self.note.get(WITHOUT_TRUTH)
        return frozenset(map(str, names)) if isinstance(names, list) else frozenset()


def read_examples(path: str | Path, in_memory: bool = True) -> ExampleFile:
    """Read an HDF5 file of examples; with in_memory False the tensors stay on disk until they are asked for, and the file stays
    open until the examples are closed.

    Raises TrainingError when there is no such file or it is not one of examples.
    """
    file = _open_examples(path)
    try:
        found = _examples_of(file, in_memory)
    except (*_DAMAGE, TrainingError) as error:
        file.close()
        raise damaged_examples(path, error) from error
    if not found.examples.on_disk:
        file.close()
    return found


def _examples_of(file: Any, in_memory: bool) -> ExampleFile:
    spec = EncoderSpec.from_json(json.loads(file.attrs["encoder"]))
    n = len(file["features"])
    columns = {}
    for name, dtype in COLUMNS.items():
        column = _column(file, name, (n,), "int32" if dtype == "text" else dtype)[:]
        columns[name] = _texts(column, json.loads(file[name].attrs["names"])) if dtype == "text" else column
    reads = None
    if spec.rows:
        tensors = _column(file, "reads", (n, spec.rows, spec.columns, spec.n_channels), "uint8")
        reads = tensors[:] if in_memory else BlockReader([tensors])
    examples = ArrayDataset(_column(file, "features", (n, spec.n_features), "float32")[:], reads, **columns)
    note = json.loads(file.attrs["note"])
    if not isinstance(note, dict):
        raise ValueError("the note is no JSON object")
    return ExampleFile(examples, spec, note)


def _column(file: Any, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """A data set of the file, nothing of it read yet. Raises ValueError where it is not of that shape and kind."""
    column = file[name]
    if column.shape != shape or column.dtype != dtype:
        raise ValueError(f"{name} is {column.dtype} {column.shape}, not {dtype} {shape}")
    return column


def _texts(codes: np.ndarray, names: list[str]) -> np.ndarray:
    """str (n,). Raises ValueError on a code without a name."""
    if len(codes) and not 0 <= codes.min() <= codes.max() < len(names):
        raise ValueError("a name is missing")
    return np.array(names, np.str_)[codes] if names else np.empty(0, np.str_)
