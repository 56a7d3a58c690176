"""Read tensors that stay on disk: blocks of HDF5 files, a few of them cached. Knows nothing of labels."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.errors import TrainingError

#: Examples per HDF5 chunk: the unit in which tensors are compressed and read back.
BLOCK = 256
CACHED_BLOCKS = 64


def damaged_examples(path: str | Path, error: Exception) -> TrainingError:
    """The error of a file of examples of which not all can be read."""
    return TrainingError(
        f"the example file is damaged ({error})", path=str(path), hint="Make it anew with: pileup-filter examples"
    )


class BlockReader:
    """Rows of one or several HDF5 data sets of the same row shape, as if they were one array.

    sources: open HDF5 data sets, uint8 (n_i, rows, columns, channels). index: int64, the rows that this
    reader shows, in order; None = all.
    """

    def __init__(self, sources: Sequence[Any], index: np.ndarray | None = None) -> None:
        self._sources = list(sources)
        self._borders = np.cumsum([0, *(source.shape[0] for source in self._sources)])
        self._index = index
        self._cache: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(self._borders[-1]) if self._index is None else len(self._index)

    @property
    def shape(self) -> tuple[int, ...]:
        """As an array's."""
        return (len(self), *self._sources[0].shape[1:])

    def take(self, index: np.ndarray) -> BlockReader:
        """A reader of the rows at `index`, nothing read yet."""
        return BlockReader(self._sources, index if self._index is None else self._index[index])

    def joined(self, other: BlockReader) -> BlockReader:
        """A reader of this one's rows and then the other's."""
        shift = int(self._borders[-1])
        rows = [reader._index if reader._index is not None else np.arange(len(reader)) for reader in (self, other)]
        return BlockReader(self._sources + other._sources, np.concatenate([rows[0], rows[1] + shift]))

    def close(self) -> None:
        """Close the files of the data sets; readers that share them cannot read any more."""
        for source in self._sources:
            # A data set of a closed file is false.
            if source:
                source.file.close()

    def rows(self, index: np.ndarray) -> np.ndarray:
        """uint8 (len(index), rows, columns, channels). Raises TrainingError on a damaged file."""
        wanted = index if self._index is None else self._index[index]
        out = np.empty((len(wanted), *self._sources[0].shape[1:]), np.uint8)
        source_of = np.searchsorted(self._borders, wanted, side="right") - 1
        inside = wanted - self._borders[source_of]
        for source, block in sorted(set(zip(source_of.tolist(), (inside // BLOCK).tolist(), strict=True))):
            chosen = (source_of == source) & (inside // BLOCK == block)
            out[chosen] = self._block(source, block)[inside[chosen] - block * BLOCK]
        return out

    def _block(self, source: int, block: int) -> np.ndarray:
        with self._lock:
            key = (source, block)
            if key not in self._cache:
                self._cache[key] = self._read(self._sources[source], block)
                if len(self._cache) > CACHED_BLOCKS:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(key)
            return self._cache[key]

    def _read(self, source: Any, block: int) -> np.ndarray:
        path = source.file.filename
        try:
            found: np.ndarray = source[block * BLOCK : (block + 1) * BLOCK]
        except (OSError, RuntimeError) as error:
            raise damaged_examples(path, error) from error
        return found
