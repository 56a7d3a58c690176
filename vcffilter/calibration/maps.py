"""From a network's logit to a calibrated probability, per variant type and, when fitted so, per depth band.

A map is monotone and piecewise linear from logit to logit, so that temperature and Platt scaling are maps of
two knots and isotonic regression is one of a few more. Plain numpy in float64; knows nothing of networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcffilter.errors import ModelError

VARIANT_TYPES = ("snv", "indel")
#: Calibrated log-odds are kept within +- this: beyond it no order is kept.
LOGIT_LIMIT = 30.0


@dataclass(frozen=True)
class LogitMap:
    """Monotone piecewise-linear map; beyond the end knots it goes on with the end segments' slopes.

    logit_in: float64 (n_knots,), strictly rising, at least 2. logit_out: float64 (n_knots,), never falling.
    """

    logit_in: np.ndarray
    logit_out: np.ndarray

    def __post_init__(self) -> None:
        rising = len(self.logit_in) >= 2 and bool(np.all(np.diff(self.logit_in) > 0))
        if len(self.logit_in) != len(self.logit_out) or not rising or bool(np.any(np.diff(self.logit_out) < 0)):
            raise ModelError("a calibration map's knots must rise", hint="Calibrate again: pileup-filter calibrate")
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.diff(self.logit_out) / np.diff(self.logit_in)
        if not np.isfinite(slope).all():
            raise ModelError("a calibration map is too steep", hint="Calibrate again: pileup-filter calibrate")

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated logits, float64 (n,)."""
        x, knots_in, knots_out = logits.astype(np.float64), self.logit_in, self.logit_out
        segment = np.clip(np.searchsorted(knots_in, x, side="right") - 1, 0, len(knots_in) - 2)
        slope = np.diff(knots_out) / np.diff(knots_in)
        return np.clip(knots_out[segment] + slope[segment] * (x - knots_in[segment]), -LOGIT_LIMIT, LOGIT_LIMIT)

    def to_json(self) -> dict[str, list[float]]:
        """Plain lists for the checkpoint."""
        return {
            "logit_in": [float(x) for x in self.logit_in],
            "logit_out": [float(x) for x in self.logit_out],
        }

    @classmethod
    def from_json(cls, data: dict[str, list[float]]) -> LogitMap:
        """From `to_json`; raises ModelError when it is not that."""
        try:
            return cls(np.asarray(data["logit_in"], np.float64), np.asarray(data["logit_out"], np.float64))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the calibration cannot be understood ({error})") from error


IDENTITY = LogitMap(np.array([-1.0, 1.0]), np.array([-1.0, 1.0]))


def linear_map(slope: float, intercept: float) -> LogitMap:
    """The map slope * logit + intercept: Platt scaling; temperature scaling when intercept is 0."""
    knots = np.array([-1.0, 1.0])
    return LogitMap(knots, slope * knots + intercept)


def depth_bands(depth: np.ndarray, borders: tuple[int, ...]) -> np.ndarray:
    """Index of each depth's band, int64 (n,); a depth equal to a border belongs to the band above it."""
    return np.searchsorted(np.asarray(borders, np.int64), np.asarray(depth), side="right")


@dataclass(frozen=True)
class Calibration:
    """Maps by variant type and depth band.

    maps: variant type -> one map per depth band. depth_borders: rising depths at which the next band begins;
    empty = one band.
    """

    maps: dict[str, tuple[LogitMap, ...]]
    depth_borders: tuple[int, ...] = ()

    def logits(self, logits: np.ndarray, is_snv: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Calibrated logits, float64 (n,). logits: float (n,). is_snv: bool (n,). depth: int (n,), needed
        with depth bands.
        """
        if self.depth_borders and depth is None:
            raise ModelError("this model's calibration has depth bands: depths are needed")
        band = depth_bands(depth, self.depth_borders) if depth is not None and self.depth_borders else None
        calibrated = np.empty(len(logits), np.float64)
        for name, of_type in zip(VARIANT_TYPES, (is_snv, ~is_snv), strict=True):
            for index, logit_map in enumerate(self.maps[name]):
                chosen = of_type if band is None else of_type & (band == index)
                calibrated[chosen] = logit_map.apply(logits[chosen])
        return calibrated

    def probabilities(self, logits: np.ndarray, is_snv: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Calibrated probabilities, float64 (n,), not rounded."""
        return sigmoid(self.logits(logits, is_snv, depth))

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for the checkpoint."""
        maps = {name: [one.to_json() for one in bands] for name, bands in self.maps.items()}
        return {"depth_borders": list(self.depth_borders), "maps": maps}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Calibration:
        """From `to_json`; an empty dictionary is the identity. Raises ModelError when it is neither."""
        if not data:
            return cls({name: (IDENTITY,) for name in VARIANT_TYPES})
        try:
            borders = tuple(int(border) for border in data["depth_borders"])
            maps = {name: tuple(LogitMap.from_json(one) for one in data["maps"][name]) for name in VARIANT_TYPES}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the calibration cannot be understood ({error})") from error
        if any(len(bands) != len(borders) + 1 for bands in maps.values()):
            raise ModelError("the calibration has another number of maps than of depth bands")
        return cls(maps, borders)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Probabilities of log-odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(x, -500, 500)))


def _log_odds(p: np.ndarray) -> np.ndarray:
    return np.log(p) - np.log1p(-p)


def _prepare(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.asarray(logits, np.float64)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    return x, np.asarray(labels, np.float64), w


def fit_platt(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None, ridge: float = 1.0) -> LogitMap:
    """slope * logit + intercept by weighted logistic regression (Newton), pulled towards the identity.

    logits, labels (0..1), weights: float (n,). ridge: strength of the pull, in examples: with few of them the
    map stays near identity.
    """
    slope, intercept = _newton(*_prepare(logits, labels, weights), ridge, with_intercept=True)
    return linear_map(slope, intercept)


def fit_temperature(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None, ridge: float = 1.0) -> LogitMap:
    """slope * logit, as `fit_platt` without intercept."""
    slope, _ = _newton(*_prepare(logits, labels, weights), ridge, with_intercept=False)
    return linear_map(slope, 0.0)


def _newton(x: np.ndarray, y: np.ndarray, w: np.ndarray, ridge: float, with_intercept: bool) -> tuple[float, float]:
    """(slope, intercept) that minimise weighted log loss + ridge / 2 * (distance to the identity)^2."""
    columns = np.stack([x, np.ones_like(x)], 1) if with_intercept else x[:, None]
    prior = np.array([1.0, 0.0])[: columns.shape[1]]

    def loss(theta: np.ndarray) -> float:
        z = columns @ theta
        return float(np.sum(w * (np.logaddexp(0, z) - y * z)) + 0.5 * ridge * np.sum((theta - prior) ** 2))

    theta = prior.copy()
    for _ in range(100):
        p = sigmoid(columns @ theta)
        gradient = columns.T @ (w * (p - y)) + ridge * (theta - prior)
        hessian = (columns * (w * p * (1 - p))[:, None]).T @ columns + ridge * np.eye(len(theta))
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(theta - size * step) > loss(theta):
            size /= 2
        theta = theta - size * step
        if np.max(np.abs(size * step)) < 1e-9:
            break
    # A map that falls would turn the network's ranking round: never what calibration is for.
    slope = max(float(theta[0]), 1e-3)
    return slope, float(theta[1]) if with_intercept else 0.0


def pool_adjacent_violators(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The never-falling sequence nearest to `values` in weighted squares; both float64 (n,)."""
    level: list[float] = []
    mass: list[float] = []
    count: list[int] = []
    for value, weight in zip(values, weights, strict=True):
        level.append(float(value))
        mass.append(float(weight))
        count.append(1)
        while len(level) > 1 and level[-2] > level[-1]:
            total = mass[-2] + mass[-1]
            level[-2] = (level[-2] * mass[-2] + level[-1] * mass[-1]) / total
            mass[-2] = total
            count[-2] += count[-1]
            del level[-1], mass[-1], count[-1]
    return np.repeat(level, count)


def fit_isotonic(
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    max_bins: int = 15,
    prior_examples: float = 10.0,
) -> LogitMap:
    """Smoothed monotone map: bins of about equal numbers of the rarer class, each drawn towards the Platt
    fit, made never-falling.

    prior_examples: how many examples of the Platt fit's opinion are added to each bin, so that a clean bin
    does not claim certainty. Between the bins' centres the map is linear; beyond them it goes on along the
    Platt slope. Falls back to Platt below 2 bins.
    """
    x, y, w = _prepare(logits, labels, weights)
    platt = fit_platt(x, y, w)
    order = np.argsort(x, kind="stable")
    x, y, w = x[order], y[order], w[order]
    rare = w * np.where(y >= 0.5, 1.0, 0.0)
    rare = rare if rare.sum() <= w.sum() / 2 else w - rare
    # Equal shares of the rarer class and of all examples, half and half: resolution where errors are, without
    # empty stretches.
    share = np.cumsum(rare / max(rare.sum(), 1e-9) + w / max(w.sum(), 1e-9)) / 2
    n_bins = int(min(max_bins, max(1, rare.sum() // 5)))
    index = np.minimum((share * n_bins).astype(int), n_bins - 1)
    mass = np.bincount(index, w, n_bins)
    kept = mass > 0
    mass_kept = np.maximum(mass, 1e-12)
    centre = (np.bincount(index, w * x, n_bins) / mass_kept)[kept]
    if len(centre) < 2 or np.any(np.diff(centre) < 1e-6):
        return platt
    expected = sigmoid(platt.apply(centre))
    rate = (np.bincount(index, w * y, n_bins)[kept] + prior_examples * expected) / (mass[kept] + prior_examples)
    rate = pool_adjacent_violators(rate, mass[kept] + prior_examples)
    out = _log_odds(np.clip(rate, 1e-6, 1 - 1e-6))
    # Flat stretches get a little slope, so that the network's ranking survives.
    out = np.maximum.accumulate(out + 1e-3 * (centre - centre[0]))
    slope = (platt.logit_out[1] - platt.logit_out[0]) / 2
    knots_in = np.concatenate([[centre[0] - 5.0], centre, [centre[-1] + 5.0]])
    knots_out = np.concatenate([[out[0] - 5.0 * slope], out, [out[-1] + 5.0 * slope]])
    return LogitMap(knots_in, knots_out)


FIT_METHODS: dict[str, Callable[..., LogitMap]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}


def fit_calibration(
    logits: np.ndarray,
    labels: np.ndarray,
    is_snv: np.ndarray,
    weights: np.ndarray | None = None,
    method: str = "isotonic",
    depth: np.ndarray | None = None,
    depth_borders: tuple[int, ...] = (),
    minimum_examples: int = 200,
) -> Calibration:
    """Fit one map per variant type and depth band.

    logits, labels, weights: float (n,). is_snv: bool (n,). depth: int (n,), needed with depth_borders.
    method: a key of FIT_METHODS. A band with fewer than `minimum_examples`, or without either class, takes
    its type's map over all depths; a type without examples of both classes takes the map over both types.
    """
    if method not in FIT_METHODS:
        raise ModelError(f"unknown calibration method {method!r}", hint=f"Known are: {', '.join(FIT_METHODS)}")
    if depth_borders and depth is None:
        raise ModelError("depth bands were asked for without depths")
    fit = FIT_METHODS[method]
    labels = np.asarray(labels, np.float64)

    def fit_part(chosen: np.ndarray) -> LogitMap:
        return fit(logits[chosen], labels[chosen], None if weights is None else weights[chosen])

    def usable(chosen: np.ndarray, minimum: int) -> bool:
        return chosen.sum() >= minimum and bool(np.any(labels[chosen] > 0.5)) and bool(np.any(labels[chosen] <= 0.5))

    everything = np.ones(len(labels), bool)
    overall = fit_part(everything) if usable(everything, 2) else IDENTITY
    bands_of = np.zeros(len(labels), np.int64) if depth is None else depth_bands(depth, depth_borders)
    maps = {}
    for name, of_type in zip(VARIANT_TYPES, (is_snv, ~is_snv), strict=True):
        type_map = fit_part(of_type) if usable(of_type, 2) else overall
        bands = []
        for index in range(len(depth_borders) + 1):
            if not depth_borders:
                bands.append(type_map)
                continue
            chosen = of_type & (bands_of == index)
            bands.append(fit_part(chosen) if usable(chosen, minimum_examples) else type_map)
        maps[name] = tuple(bands)
    return Calibration(maps, tuple(depth_borders))
