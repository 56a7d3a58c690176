"""Finds homopolymers and short tandem repeats in a sequence. Knows no variants and no reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Shortest tract worth naming, in bases, by unit length 1..4.
SHORTEST_TRACT = {1: 4, 2: 8, 3: 12, 4: 16}


@dataclass(frozen=True)
class TandemRuns:
    """Tracts of a repeated unit, sorted by start.

    start0: int64 (n,), 0-based. length: int64 (n,), bases. unit: int64 (n,), bases of the unit, 1..4.
    """

    start0: np.ndarray
    length: np.ndarray
    unit: np.ndarray

    def __len__(self) -> int:
        return len(self.start0)


def tandem_runs(bases: np.ndarray) -> TandemRuns:
    """Tracts of units of 1 to 4 bases in uint8 ASCII (n,); N is no unit. A tract of a shorter unit is not named again."""
    starts, lengths, units = [], [], []
    for unit, shortest in SHORTEST_TRACT.items():
        start, length = _periodic(bases, unit, shortest)
        for smaller in range(1, unit):
            if unit % smaller == 0 and len(start):
                # A run of a unit of two is also one of a unit of four.
                same = np.array([_has_period(bases, s, n, smaller) for s, n in zip(start, length, strict=True)], dtype=bool)
                start, length = start[~same], length[~same]
        starts.append(start)
        lengths.append(length)
        units.append(np.full(len(start), unit))
    start0 = np.concatenate(starts)
    order = np.argsort(start0, kind="stable")
    return TandemRuns(start0[order], np.concatenate(lengths)[order], np.concatenate(units)[order])


def draw_run(rng: np.random.Generator, runs: TandemRuns, power: float) -> int:
    """Index of a tract, drawn by its length (up to 30) to a power: long ones mutate far more often than short ones."""
    weight = np.minimum(runs.length, 30).astype(float) ** power
    return int(rng.choice(len(runs), p=weight / weight.sum()))


def _periodic(bases: np.ndarray, unit: int, shortest: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and length of the stretches in which every base equals the one `unit` further on."""
    if len(bases) <= unit:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    same = (bases[:-unit] == bases[unit:]) & (bases[:-unit] != ord("N"))
    edges = np.diff(np.concatenate(([0], same.view(np.int8), [0])))
    start, end = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    length = end - start + unit
    keep = length >= shortest
    return start[keep], length[keep]


def _has_period(bases: np.ndarray, start: int, length: int, unit: int) -> bool:
    tract = bases[start : start + length]
    return bool(np.array_equal(tract[:-unit], tract[unit:]))
