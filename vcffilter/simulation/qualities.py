"""Base qualities and the error rates behind them. What is written is a coarse, slightly wrong view of the rates."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vcffilter.errors import UsageError

#: What the machine may write, by model; None: any integer.
_BINS: dict[str, tuple[int, ...] | None] = {
    "novaseq": (2, 12, 23, 37),
    "novaseq8": (3, 6, 10, 20, 30),
    "hiseq": None,
    "hifi": (3, 10, 17, 22, 27, 35, 40),
    "ont": None,
    "ont-r9": None,
}
#: Of nanopore reads: mean and spread of good bases, spread between reads, share of bases where a weak stretch starts.
_NANOPORE = {"ont": (38.0, 4.0, 2.5, 0.035), "ont-r9": (25.0, 6.0, 3.0, 0.075)}


class HasReads(Protocol):
    """The part of a read batch that qualities depend on."""

    @property
    def length(self) -> np.ndarray:
        """int64 (n,): bases of each read."""

    @property
    def read_of_base(self) -> np.ndarray:
        """int64 (total,): which read each base belongs to."""

    @property
    def is_first(self) -> np.ndarray:
        """bool (n,): read 1 of its pair, or single."""


def draw_qualities(rng: np.random.Generator, model: str, reads: HasReads, cycle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(quality uint8 (total,), chance of a substitution float32 (total,)) for the bases of a batch.

    cycle: int64 (total,), 0-based number of the base in the order of sequencing. UsageError for an unknown model.
    """
    if model not in _BINS:
        raise UsageError(f"there is no quality model {model!r}", hint=f"choose one of {', '.join(_BINS)}")
    if model == "hifi":
        return _long_read(rng, reads)
    if model in _NANOPORE:
        return _nanopore(rng, reads, *_NANOPORE[model])
    latent = _short_read_latent(rng, model, reads, cycle)
    error_rate = np.power(10.0, -np.minimum(latent, 40) / 10).astype(np.float32)
    reported = latent + np.float32(1.5) * rng.standard_normal(len(latent), np.float32)
    if model == "hiseq":
        return np.clip(np.rint(reported), 2, 41).astype(np.uint8), error_rate
    return _binned(reported, _BINS[model]), error_rate


def dim_levels(model: str) -> tuple[int, ...]:
    """Qualities that `model` writes for bases that it doubts, between 10 and 25."""
    return tuple(level for level in _BINS[model] or range(10, 26) if 10 <= level <= 25)


def _binned(reported: np.ndarray, bins: tuple[int, ...] | None) -> np.ndarray:
    """The nearest bin below the next one's midpoint."""
    levels = np.array(bins, dtype=np.float32)
    edges = (levels[1:] + levels[:-1]) / 2
    return levels[np.searchsorted(edges, reported)].astype(np.uint8)


def _short_read_latent(rng: np.random.Generator, model: str, reads: HasReads, cycle: np.ndarray) -> np.ndarray:
    """True quality per base: high, with dips that become frequent late in the read, in bad reads and in read 2."""
    n_reads = len(reads.length)
    total = len(cycle)
    is_bad = rng.random(n_reads) < 0.03
    dip_factor = rng.lognormal(0, 0.5, n_reads) * np.where(is_bad, 8, 1) * np.where(reads.is_first, 1, 1.4)
    base_rate, top, spread = (0.012, 37.5, 2.2) if model != "hiseq" else (0.035, 37.5, 2.6)
    relative = cycle / np.maximum(reads.length[reads.read_of_base] - 1, 1)
    dip_rate = base_rate * dip_factor[reads.read_of_base] * (0.4 + 2.2 * relative * relative)
    latent = (top - 2.0 * relative).astype(np.float32)
    latent += np.float32(spread) * rng.standard_normal(total, np.float32)
    dips = np.flatnonzero(rng.random(total, np.float32) < dip_rate)
    latent[dips] = rng.uniform(6, 27, len(dips))
    # A dip drags the next base along, in half of the cases.
    following = np.minimum(dips[rng.random(len(dips)) < 0.5] + 1, total - 1)
    latent[following] = np.minimum(latent[following], rng.uniform(12, 32, len(following)))
    if model == "hiseq":
        has_tail = np.flatnonzero(rng.random(n_reads) < 0.02)
        tail_start = np.full(n_reads, np.iinfo(np.int64).max)
        tail_start[has_tail] = (reads.length[has_tail] * rng.uniform(0.5, 1, len(has_tail))).astype(np.int64)
        latent[cycle >= tail_start[reads.read_of_base]] = 9
    return latent


def _long_read(rng: np.random.Generator, reads: HasReads) -> tuple[np.ndarray, np.ndarray]:
    """HiFi: seven levels, most bases at 40; poor reads (few passes) have more of the low ones. Substitutions are rare."""
    levels = np.array(_BINS["hifi"], dtype=np.uint8)
    share = np.cumsum((0.004, 0.012, 0.016, 0.020, 0.026, 0.081, 0.841))
    poor = rng.lognormal(0, 0.6, len(reads.length))[reads.read_of_base]
    draw = np.clip(rng.random(len(poor)) / poor.astype(np.float32), 0, 0.9999)
    level = np.searchsorted(share, draw)
    rates = np.array((7e-3, 2.5e-3, 1.2e-3, 7e-4, 4e-4, 2e-4, 6e-5), dtype=np.float32)
    return levels[np.minimum(level, 6)], rates[np.minimum(level, 6)]


def _nanopore(
    rng: np.random.Generator, reads: HasReads, top: float, spread: float, spread_of_reads: float, weak_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Good bases about a level of their read, and weak stretches of one to six bases, more of them in poor reads.

    A base is wrong about half as often as its quality says, as in real reads of R9.4 and R10.4.
    """
    total, n_reads = len(reads.read_of_base), len(reads.length)
    poor = rng.lognormal(-0.18, 0.6, n_reads).astype(np.float32)
    level = top + spread_of_reads * rng.standard_normal(n_reads) - 3 * np.log(poor)
    quality = level[reads.read_of_base].astype(np.float32) + np.float32(spread) * rng.standard_normal(total, np.float32)
    starts = np.flatnonzero(rng.random(total, np.float32) < weak_rate * poor[reads.read_of_base])
    length = rng.integers(1, 7, len(starts))
    at = np.repeat(starts, length) + np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    weak = np.repeat(rng.uniform(3, 26, len(starts)), length) + 2 * rng.standard_normal(len(at))
    inside = at < total
    quality[at[inside]] = np.minimum(quality[at[inside]], weak[inside])
    quality = np.clip(np.rint(quality), 2, 50)
    return quality.astype(np.uint8), (0.55 * np.power(10.0, -np.minimum(quality, 40) / 10)).astype(np.float32)
