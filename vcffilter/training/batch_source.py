"""Batches of a data set on the training device. Knows arrays and torch; nothing of networks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch

from vcffilter.training.dataset import ArrayDataset

#: Data sets up to this size are copied to the GPU once instead of batch by batch.
RESIDENT_BYTES = 8 << 30


class Batch(NamedTuple):
    """features float32 (n, F). reads uint8 (n, rows, columns, channels) or None. target, weight: float32
    (n,).
    """

    features: torch.Tensor
    reads: torch.Tensor | None
    target: torch.Tensor
    weight: torch.Tensor


class BatchSource:
    """Hands out batches on the device; small data sets live there, tensors on disk are read ahead in a
    thread.
    """

    def __init__(self, data: ArrayDataset, label_smoothing: float, teacher_share: float, device: torch.device) -> None:
        self._data = data
        self._device = device
        teacher = np.where(np.isnan(data.teacher), 0.0, teacher_share)
        smoothed = data.label * (1 - label_smoothing) + label_smoothing / 2
        target = (1 - teacher) * smoothed + teacher * np.nan_to_num(data.teacher)
        self._target = torch.from_numpy(target.astype(np.float32)).to(device)
        self._weight = torch.from_numpy((data.weight / data.weight.mean()).astype(np.float32)).to(device)
        size = data.features.nbytes + (data.reads.nbytes if isinstance(data.reads, np.ndarray) else 0)
        self._resident = not data.on_disk and (device.type == "cpu" or size <= RESIDENT_BYTES)
        if self._resident:
            self._features = torch.from_numpy(np.ascontiguousarray(data.features)).to(device)
            reads = data.reads
            self._reads = torch.from_numpy(np.ascontiguousarray(reads)).to(device) if reads is not None else None

    def batches(self, batches: list[np.ndarray]) -> Iterator[Batch]:
        """The batch of each array of indices."""
        if self._resident:
            for index in batches:
                chosen = torch.from_numpy(index).to(self._device)
                reads = None if self._reads is None else self._reads[chosen]
                yield Batch(self._features[chosen], reads, self._target[chosen], self._weight[chosen])
            return
        with ThreadPoolExecutor(1) as reader:
            coming = [reader.submit(self._read, index) for index in batches[:1]]
            for number in range(len(batches)):
                if number + 1 < len(batches):
                    coming.append(reader.submit(self._read, batches[number + 1]))
                yield coming.pop(0).result()

    def _read(self, index: np.ndarray) -> Batch:
        rows = self._data.read_rows(index)
        reads = None if rows is None else torch.from_numpy(rows).to(self._device)
        features = torch.from_numpy(self._data.features[index]).to(self._device)
        chosen = torch.from_numpy(index).to(self._device)
        return Batch(features, reads, self._target[chosen], self._weight[chosen])
