"""Batches of records in htslib's memory, reused from batch to batch so that memory does not grow with the file."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

from vcffilter.variants.htslib import OFFSET_POS0, library


@dataclass
class RecordBatch:
    """Consecutive records of one contig.

    contig: name. slots: int64 (capacity,), addresses of bcf1_t. n_records: how many of them, from the front, are in use.
    """

    contig: str
    slots: np.ndarray
    n_records: int = 0

    @property
    def addresses(self) -> np.ndarray:
        """int64 (n_records,), addresses of the records."""
        return self.slots[: self.n_records]

    def pos0(self, index: int) -> int:
        """POS - 1 of a record."""
        return ctypes.c_int64.from_address(int(self.slots[index]) + OFFSET_POS0).value


class RecordPool:
    """Makes batches and takes them back. For one thread."""

    def __init__(self, batch_capacity: int) -> None:
        self._batch_capacity = batch_capacity
        self._idle: list[RecordBatch] = []
        self._made: list[RecordBatch] = []

    def acquire(self, contig: str) -> RecordBatch:
        """An empty batch."""
        if self._idle:
            batch = self._idle.pop()
            batch.contig, batch.n_records = contig, 0
            return batch
        slots = np.array([library.bcf_init() for _ in range(self._batch_capacity)], dtype=np.int64)
        batch = RecordBatch(contig, slots)
        self._made.append(batch)
        return batch

    def release(self, batch: RecordBatch) -> None:
        """Take a batch back; its records are overwritten later."""
        self._idle.append(batch)

    def close(self) -> None:
        """Free all records of all batches."""
        for batch in self._made:
            for address in batch.slots:
                library.bcf_destroy(int(address))
        self._made.clear()
        self._idle.clear()
