"""Labelled examples as arrays; their read tensors in memory, or left on disk.

Knows nothing of files, of how examples are made or what a network does with them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcffilter.errors import TrainingError
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.training.block_reader import BlockReader

#: column -> dtype, beside features and reads. "text" columns are str in memory and codes with a table of
#: names on disk.
COLUMNS: dict[str, str] = {
    "label": "float32",
    "weight": "float32",
    "teacher": "float32",
    "is_snv": "bool",
    "hard": "bool",
    "depth": "int32",
    "share": "float32",
    "pos0": "int64",
    "allele": "int64",
    "contig": "text",
    "group": "text",
    "set_name": "text",
}


@dataclass(frozen=True)
class ArrayDataset:
    """n labelled examples; every array has n entries in the same order.

    features: float32 (n, n_features), raw. reads: uint8 (n, rows, columns, channels), an array or a reader of
    what is on disk; None when there are none. label: float32, 1 true, 0 false, between = soft. weight:
    float32, share in the loss. teacher: float32, probability that another model gave (distillation), NaN =
    none. is_snv, hard: bool (hard: the caller itself believed it). depth: int32, reads that informed the
    example. share: float32, of the sample's fragments that were seen, 1 = all. contig, group, set_name: str; group is
    the unit that is held out together (region or set). pos0: int64, 0-based. allele: int64, `allele_number` of REF and
    ALT: with set, contig and pos0 it tells which examples show the same allele.
    """

    features: np.ndarray
    reads: np.ndarray | BlockReader | None
    label: np.ndarray
    weight: np.ndarray
    teacher: np.ndarray
    is_snv: np.ndarray
    hard: np.ndarray
    depth: np.ndarray
    share: np.ndarray
    pos0: np.ndarray
    allele: np.ndarray
    contig: np.ndarray
    group: np.ndarray
    set_name: np.ndarray

    def __post_init__(self) -> None:
        for name in COLUMNS:
            if len(getattr(self, name)) != len(self.features):
                raise TrainingError(f"column {name} has another length than the features")
        if self.reads is not None and len(self.reads) != len(self.features):
            raise TrainingError("reads have another length than the features")

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def create(cls, features: np.ndarray, label: np.ndarray, reads: np.ndarray | None = None, **columns: Any) -> ArrayDataset:
        """From arrays; columns that are not given take defaults (weight 1, no teacher, SNV, hard, depth 0,
        all fragments, empty names).

        A column may be one value for all. Raises TrainingError on a name that is no column.
        """
        n = len(features)
        defaults: dict[str, Any] = dict.fromkeys(COLUMNS, 0) | dict.fromkeys(("contig", "group", "set_name"), "")
        defaults |= {"weight": 1.0, "share": 1.0, "teacher": np.nan, "is_snv": True, "hard": True, "label": label}
        unknown = sorted(set(columns) - set(COLUMNS))
        if unknown:
            raise TrainingError(f"no column named {', '.join(unknown)}", hint=f"Columns are: {', '.join(COLUMNS)}")
        values = {}
        for name, dtype in COLUMNS.items():
            value = np.asarray(columns.get(name, defaults[name]), dtype=np.str_ if dtype == "text" else dtype)
            values[name] = np.full(n, value) if value.ndim == 0 else value
        return cls(features=np.asarray(features, np.float32), reads=reads, **values)

    def take(self, index: np.ndarray) -> ArrayDataset:
        """The examples at `index` (integers or bool mask); tensors on disk stay there."""
        index = np.flatnonzero(index) if index.dtype == bool else index
        columns = {name: getattr(self, name)[index] for name in COLUMNS}
        reads = self.reads.take(index) if isinstance(self.reads, BlockReader) else self.read_rows(index)
        return ArrayDataset(features=self.features[index], reads=reads, **columns)

    def read_rows(self, index: np.ndarray) -> np.ndarray | None:
        """Tensors uint8 (len(index), rows, columns, channels) of the examples at `index`, from memory or
        disk.
        """
        if self.reads is None:
            return None
        if isinstance(self.reads, np.ndarray):
            return self.reads[index]
        return self.reads.rows(index)

    def close(self) -> None:
        """Close the files that tensors are read from; nothing where they are in memory."""
        if isinstance(self.reads, BlockReader):
            self.reads.close()

    @property
    def on_disk(self) -> bool:
        """Whether tensors are read from a file when asked for."""
        return isinstance(self.reads, BlockReader)

    def sha256(self) -> str:
        """Hash of features and columns (and of tensors in memory): what was trained on, for the record."""
        digest = hashlib.sha256(np.ascontiguousarray(self.features).tobytes())
        for name, dtype in COLUMNS.items():
            column = getattr(self, name)
            digest.update("\0".join(column.tolist()).encode() if dtype == "text" else column.tobytes())
        if isinstance(self.reads, np.ndarray):
            digest.update(np.ascontiguousarray(self.reads).tobytes())
        return digest.hexdigest()


def allele_number(ref: str, alt: str) -> int:
    """int64 that is the same for the same REF and ALT, in any run."""
    digest = hashlib.blake2b(f"{ref.upper()}>{alt.upper()}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def concatenate(datasets: Sequence[ArrayDataset]) -> ArrayDataset:
    """One after the other; all must have tensors in memory, or all on disk, or none."""
    if len(datasets) == 1:
        return datasets[0]
    if not datasets:
        raise TrainingError("no data sets to join")
    kinds = {type(dataset.reads) for dataset in datasets}
    if len(kinds) > 1:
        raise TrainingError("some data sets have read tensors in memory and some have not")
    columns = {name: np.concatenate([getattr(dataset, name) for dataset in datasets]) for name in COLUMNS}
    reads = _joined_reads([dataset.reads for dataset in datasets])
    return ArrayDataset(np.concatenate([dataset.features for dataset in datasets]), reads, **columns)


def _joined_reads(parts: Sequence[np.ndarray | BlockReader | None]) -> np.ndarray | BlockReader | None:
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    readers = [part for part in parts if isinstance(part, BlockReader)]
    if arrays:
        return np.concatenate(arrays)
    return functools.reduce(BlockReader.joined, readers) if readers else None


def without_reads(spec: EncoderSpec) -> EncoderSpec:
    """The same encoder without its tensor, for architectures that take site features only."""
    return dataclasses.replace(spec, channels=(), rows=0, columns=0)
