"""What a filtered call set holds, counted in one pass: by type, depth, status and probability.

Memory does not grow with the file. Knows neither pages nor plots.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.selection import TopCalls, caller_score, closeness

TYPES = ("SNV", "other")
#: The threshold that holds for each type.
THRESHOLD_OF_TYPE = {"SNV": "snv", "other": "indel"}
#: First depths of the bands, as `evaluate` has them.
DEPTH_BORDERS = (1, 8, 21)
DEPTH_NAMES = ("no reads", "1-7", "8-20", "21 or more")
#: Borders of the probability bins, before the thresholds in force are added: even steps, and finer ones near 0 and 1.
_STEPS = np.arange(1, 200) / 200
_FINE = np.array([1e-4, 1e-3, 1 - 1e-3, 1 - 1e-4])
_TRANSITIONS = frozenset(("AG", "GA", "CT", "TC"))
#: Columns of `TypeTally.by_bin`.
COLUMNS = ("calls", "probability", "transitions", "transversions", "insertions", "deletions", "heterozygous", "homozygous")


@dataclass
class TypeTally:
    """ALTs of one type.

    lowest: float64 (n_bins,), where each bin of probabilities begins; the first at 0.
    by_bin: float64 (n_bins, len(COLUMNS)), sums.
    by_depth: int64 (len(DEPTH_NAMES), 2), passing and failing ALTs.
    """

    lowest: np.ndarray
    by_bin: np.ndarray
    by_depth: np.ndarray = field(default_factory=lambda: np.zeros((len(DEPTH_NAMES), 2), np.int64))

    @property
    def n_scored(self) -> int:
        """ALTs with a probability."""
        return int(self.by_bin[:, 0].sum())

    def above(self, threshold: float) -> np.ndarray:
        """Sums of COLUMNS from a threshold on, float64 (len(COLUMNS),); where no bin begins there, from the next bin on."""
        return self.by_bin[int(np.searchsorted(self.lowest, threshold)) :].sum(0)

    @classmethod
    def empty(cls, threshold: float | None) -> TypeTally:
        """Nothing counted yet; a bin begins at the threshold."""
        borders = np.unique(np.concatenate([[0.0], _STEPS, _FINE, [] if threshold is None else [threshold]]))
        return cls(borders, np.zeros((len(borders), len(COLUMNS))))


@dataclass
class Tally:
    """A whole call set. status: of ALTs that were not scored. filters: values of FILTER, by ALT. stages: of scored ALTs whose
    model has two, [passing, failing] by the one that decided.
    """

    types: dict[str, TypeTally]
    status: Counter[str]
    filters: Counter[str]
    n_passing: int
    n_failing: int
    borderline: list[CallFacts]
    failed: list[CallFacts]
    stages: dict[str, list[int]] = field(default_factory=dict)


def tally_calls(calls: Iterable[CallFacts], thresholds: dict[str, float], n_listed: int) -> Tally:
    """Count calls. thresholds: in force, by "snv" and "indel". n_listed: borderline and failed calls kept, each."""
    types = {name: TypeTally.empty(thresholds.get(THRESHOLD_OF_TYPE[name])) for name in TYPES}
    status: Counter[str] = Counter()
    filters: Counter[str] = Counter()
    stages: dict[str, list[int]] = {}
    passing = failing = 0
    borderline, failed = TopCalls(n_listed, closeness), TopCalls(n_listed, _failed_score)
    for call in calls:
        filters[call.filters] += 1
        if math.isnan(call.probability):
            status[call.status or "not scored"] += 1
            continue
        fails = call.verdict == "fails"
        passing, failing = passing + (not fails), failing + fails
        if call.stage:
            stages.setdefault(call.stage, [0, 0])[fails] += 1
        _count(types["SNV" if len(call.ref) == len(call.alt) == 1 else "other"], call, fails)
        borderline.offer(call)
        failed.offer(call)
    return Tally(types, status, filters, passing, failing, borderline.chosen(), failed.chosen(), stages)


def _count(tally: TypeTally, call: CallFacts, fails: bool) -> None:
    row = tally.by_bin[int(np.searchsorted(tally.lowest, round(call.probability, 4), side="right")) - 1]
    row[0] += 1
    row[1] += call.probability
    if len(call.ref) == len(call.alt) == 1:
        row[2 if call.ref.upper() + call.alt.upper() in _TRANSITIONS else 3] += 1
    elif len(call.alt) != len(call.ref):
        row[4 if len(call.alt) > len(call.ref) else 5] += 1
    zygosity = _zygosity(call.genotype, call.alt_number)
    if zygosity is not None:
        row[6 + zygosity] += 1
    depth = call.n_reads or 0
    tally.by_depth[int(np.searchsorted(DEPTH_BORDERS, depth, side="right")), int(fails)] += 1


def _zygosity(genotype: str, alt_number: int) -> int | None:
    """Of the ALT of that number: 0 heterozygous, 1 homozygous; None where it is not carried, not known, or not diploid."""
    alleles = genotype.replace("|", "/").split("/")
    if len(alleles) != 2 or "." in alleles:
        return None
    copies = alleles.count(str(alt_number))
    return copies - 1 if copies else None


def _failed_score(call: CallFacts) -> float | None:
    return caller_score(call) if call.verdict == "fails" else None


@dataclass(frozen=True)
class CutFacts:
    """What a cut would keep of one type.

    precision: mean probability of what is kept, the model's own expectation. recall: share of all probability that is kept.
    Ratios are NaN where there is nothing to divide by.
    """

    threshold: float
    n_kept: int
    n_removed: int
    precision: float
    recall: float
    ti_tv_kept: float
    ti_tv_removed: float
    insertions_per_deletion: float
    het_hom: float


def cut_facts(tally: TypeTally, threshold: float) -> CutFacts:
    """The facts at one threshold."""
    kept, whole = tally.above(threshold), tally.above(0.0)
    removed = whole - kept
    return CutFacts(
        threshold, int(kept[0]), int(removed[0]), _ratio(kept[1], kept[0]), _ratio(kept[1], whole[1]),
        _ratio(kept[2], kept[3]), _ratio(removed[2], removed[3]), _ratio(kept[4], kept[5]), _ratio(kept[6], kept[7]),
    )  # fmt: skip


def _ratio(one: float, other: float) -> float:
    return float(one / other) if other else math.nan
