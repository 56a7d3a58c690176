"""One call explained: what each fact adds to its log-odds, and what would have to change. Knows arrays and models; no reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.explanation.covers import Covers, check_covers
from vcffilter.explanation.families import ALL_FAMILIES, by_family, family_of
from vcffilter.explanation.forest_contributions import Contributions, ForestExplainer, rescaled
from vcffilter.scoring.reason_finder import (
    COUNTERFACTUALS,
    FEW_ALT_READS,
    IMBALANCE,
    MAX_REASONS,
    MIN_GAIN,
    MOST_FEW_READS,
    ReasonFinder,
)

if TYPE_CHECKING:
    from vcffilter.models.network import Network
    from vcffilter.scoring.network import CalibratedNetwork

_NO_ALT_READS = "no_alt_reads"


@dataclass(frozen=True)
class Fact:
    """A site feature or a channel of the tensor: its value (NaN: a channel has many), and its contribution in log-odds."""

    name: str
    value: float
    log_odds: float
    family: str


@dataclass(frozen=True)
class Change:
    """A family made to look like a clean call's. log_odds: after it. values: name -> (is, would be), what weighs most first."""

    reason: str
    log_odds: float
    values: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class Explanation:
    """Of one ALT; all in calibrated log-odds (natural logarithm). base + the families' sum is log_odds, and so with the facts'.

    reasons: as PILEUP_REASON has them for a failing ALT. families: (name, contribution), the largest first. facts: every feature
    that contributes, the largest first. changes: those that the reads bear out and that give back at least MIN_GAIN, the largest
    first, no more than MAX_REASONS. missed: what the families' sum is off by (integrals are sums of steps; 0 of trees).
    """

    base: float
    log_odds: float
    reasons: tuple[str, ...]
    families: tuple[tuple[str, float], ...]
    facts: tuple[Fact, ...]
    changes: tuple[Change, ...]
    missed: float = 0.0


class Explainer:
    """Explains what a model of trees says. Raises ModelError where the model is none, or the covers are not of its trees."""

    def __init__(self, module: Network, scorer: CalibratedNetwork, covers: Covers) -> None:
        check_covers(module, covers)
        self.feature_names: Sequence[str] = scorer.encoder.features
        self._forest = ForestExplainer(module, covers)
        self._scorer = scorer

    def contributions(self, features: np.ndarray, is_snv: np.ndarray, depth: np.ndarray) -> Contributions:
        """To the calibrated log-odds. features: float32 (n, n_features). is_snv: bool (n,). depth: int (n,), informing reads."""
        calibration = self._scorer.calibration
        return rescaled(self._forest.contributions(features), lambda logits: calibration.logits(logits, is_snv, depth))

    def explain(self, features: np.ndarray, is_snv: np.ndarray, depth: np.ndarray) -> list[Explanation]:
        """One explanation an allele; arguments as `contributions`."""
        found = self.contributions(features, is_snv, depth)
        return explained(self._scorer, found, self.feature_names, Alleles(features, None, is_snv, depth))


@dataclass(frozen=True)
class Alleles:
    """What a network gets. features: float32 (n, n_features). reads: uint8 (n, rows, columns, channels), or None.

    is_snv: bool (n,). depth: int (n,), informing reads.
    """

    features: np.ndarray
    reads: np.ndarray | None
    is_snv: np.ndarray
    depth: np.ndarray


def explained(scorer: CalibratedNetwork, found: Contributions, names: Sequence[str], alleles: Alleles) -> list[Explanation]:
    """Contributions with the facts behind them, reasons and changes.

    found: to the calibrated log-odds. names: of its columns, the scorer's site features and then, if any, channels.
    """
    features, reads = alleles.features, alleles.reads
    feature_names = tuple(names[: features.shape[1]])
    families = by_family(found.of_feature, names)

    def log_odds(seen: np.ndarray, of: np.ndarray) -> np.ndarray:
        return scorer.log_odds(seen, None if reads is None else reads[of], alleles.is_snv[of], alleles.depth[of])

    finder = ReasonFinder(feature_names, log_odds)
    everything = np.arange(len(features))
    gains, reasons = finder.gains(features, everything), finder.find(features, everything)
    n_alt = finder.n_alt_reads(features)
    explanations = []
    for one in everything:
        values = np.concatenate([features[one], np.full(len(names) - len(feature_names), np.nan)])
        facts = _facts(names, values, found.of_feature[one], n_alt[one])
        named = [(_named(name, n_alt[one]), float(amount)) for name, amount in zip(ALL_FAMILIES, families[one], strict=True)]
        total = float(found.total[one])
        changes = _changes(finder, feature_names, features[one], gains[:, one], total, facts)
        true = tuple(name for bit, name in enumerate(REASON_NAMES) if int(reasons[one]) >> bit & 1)
        explanations.append(Explanation(float(found.base[one]), total, true, _largest_first(named), facts, changes))
    return explanations


def _facts(names: Sequence[str], values: np.ndarray, amounts: np.ndarray, n_alt: float) -> tuple[Fact, ...]:
    facts = [
        Fact(name, float(value), float(amount), _named(family_of(name), n_alt))
        for name, value, amount in zip(names, values, amounts, strict=True)
        if amount != 0
    ]
    return tuple(sorted(facts, key=lambda fact: -abs(fact.log_odds)))


def _changes(
    finder: ReasonFinder, names: Sequence[str], values: np.ndarray, gains: np.ndarray, total: float, facts: Sequence[Fact]
) -> tuple[Change, ...]:
    weight = {fact.name: abs(fact.log_odds) for fact in facts}
    n_alt = float(finder.n_alt_reads(values[None])[0])
    changes = []
    for index in np.argsort(-gains, kind="stable")[:MAX_REASONS]:
        if gains[index] < MIN_GAIN:
            break
        one = COUNTERFACTUALS[index]
        clean = finder.cleaned(values[None], one.clean)[0]
        moved = [
            (name, float(before), float(after))
            for name, before, after in zip(names, values, clean, strict=True)
            if before != after
        ]
        moved.sort(key=lambda change: -weight.get(change[0], 0.0))
        changes.append(Change(_named(one.reason, n_alt), total + float(gains[index]), tuple(moved)))
    return tuple(changes)


def _named(family: str, n_alt_reads: float) -> str:
    """As PILEUP_REASON calls it."""
    if family != IMBALANCE or n_alt_reads > MOST_FEW_READS:
        return family
    return FEW_ALT_READS if n_alt_reads else _NO_ALT_READS


def _largest_first(named: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((entry for entry in named if entry[1] != 0), key=lambda entry: -abs(entry[1])))
