"""How far reviewers agree beyond chance: Cohen's kappa of each pair, and the alleles on which they differ. Knows no files."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from vcffilter.review.verdict_store import AlleleKey, GivenVerdict
from vcffilter.review.vocabulary import VERDICT_OF_WORD


@dataclass(frozen=True)
class PairAgreement:
    """Two reviewers on the alleles that both judged.

    same: share with one verdict. kappa: of verdicts; kappa_of_labels: of real, ambiguous and fail. NaN where chance alone would
    agree always, or nothing is shared.
    """

    first: str
    second: str
    n_shared: int
    same: float
    kappa: float
    kappa_of_labels: float


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Agreement beyond chance of two lists of words, given as pairs. NaN where it is not defined."""
    if not pairs:
        return math.nan
    n = len(pairs)
    observed = sum(one == other for one, other in pairs) / n
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    by_chance = sum(first[word] * second[word] for word in first) / n**2
    return math.nan if by_chance == 1.0 else (observed - by_chance) / (1.0 - by_chance)


def pair_agreements(verdicts: Iterable[GivenVerdict]) -> list[PairAgreement]:
    """Of every two reviewers who share an allele, by name."""
    by_reviewer: dict[str, dict[AlleleKey, str]] = {}
    for verdict in verdicts:
        by_reviewer.setdefault(verdict.reviewer, {})[verdict.key] = verdict.verdict
    found = []
    for first, second in combinations(sorted(by_reviewer), 2):
        one, other = by_reviewer[first], by_reviewer[second]
        pairs = [(word, other[key]) for key, word in one.items() if key in other]
        if pairs:
            labels = [(VERDICT_OF_WORD[a].label, VERDICT_OF_WORD[b].label) for a, b in pairs]
            same = sum(a == b for a, b in pairs) / len(pairs)
            found.append(PairAgreement(first, second, len(pairs), same, cohens_kappa(pairs), cohens_kappa(labels)))
    return found


def differing(verdicts: Iterable[GivenVerdict]) -> list[list[GivenVerdict]]:
    """The verdicts on each allele on which reviewers differ, in the order given."""
    by_allele: dict[AlleleKey, list[GivenVerdict]] = {}
    for verdict in verdicts:
        by_allele.setdefault(verdict.key, []).append(verdict)
    return [group for group in by_allele.values() if len({verdict.verdict for verdict in group}) > 1]
