"""Why an ALT looks false: what its reads show, and what the network itself holds against it.

Some reasons are plain facts: no read shows the ALT, an indel beside it explains the reads that seem to, an indel is made of a
repeat's units. The others are counterfactuals, which need no second model: for each its site features are set to what a clean
heterozygous call shows (or to what all reads at the site show), and the network scores again. A counterfactual is a reason only
where its condition holds, too: a second strand may well help a network where there is one read, but one read has no strand bias.
Knows arrays, and the names of features and reasons; how reasons are written is no business of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.kernels.encode import FEATURE_NAMES

#: Log-odds that a group must give back to be a reason.
MIN_GAIN = 1.0
#: Reasons named per ALT, those with the largest gain.
MAX_REASONS = 3


@dataclass(frozen=True)
class CleanSupport:
    """What a clean heterozygous call at each allele's depth shows. depth, half (of it): float (n,), at least 8 and 4 reads."""

    depth: np.ndarray
    half: np.ndarray


#: A number, the name of the feature whose value is taken instead, or a function of the support that a clean call has.
CleanValue = float | str | Callable[[CleanSupport], np.ndarray | float]


@dataclass(frozen=True)
class Condition:
    """What must be so of an allele. features: their values go to `holds` in this order, float32 (n,) each; it gives bool (n,)."""

    features: tuple[str, ...]
    holds: Callable[..., np.ndarray]


@dataclass(frozen=True)
class Fact:
    """A reason that is named wherever it holds.

    Raises ValueError when there is no such reason or feature.
    """

    reason: str
    condition: Condition

    def __post_init__(self) -> None:
        _check_names(self.reason, self.condition.features)


@dataclass(frozen=True)
class Counterfactual:
    """A reason, the values that its site features have at a clean call, and what must be so for it to be believed.

    Raises ValueError when there is no such reason or feature: a name that nobody knows would never be asked about.
    """

    reason: str
    clean: Mapping[str, CleanValue]
    condition: Condition

    def __post_init__(self) -> None:
        named = {*self.clean, *(value for value in self.clean.values() if isinstance(value, str))}
        _check_names(self.reason, [*sorted(named), *self.condition.features])


def _check_names(reason: str, features: Sequence[str]) -> None:
    unknown = sorted(set(features) - set(FEATURE_NAMES)) + ([] if reason in REASON_NAMES else [reason])
    if unknown:
        raise ValueError(f"the reason {reason} names what does not exist: {', '.join(unknown)}")


def _zero(*names: str) -> dict[str, CleanValue]:
    return dict.fromkeys(names, 0.0)


def _het_ratio(support: CleanSupport) -> np.ndarray:
    ratio = support.depth * np.log10(0.5) - support.half * np.log10(0.02) - support.half * np.log10(0.98)
    return np.clip(ratio, -30, 30)


#: Log-likelihood ratio that a read of a clean heterozygous call brings.
_RATIO_PER_READ = np.log10(0.5 + 0.5 * 10.0**3.3) / 2 + np.log10(0.5) / 2
_MISMATCHES = ("good_mismatches", "poor_mismatches", "near_mismatches")
_MAPPING = ("mapq0", "low_mapq", "mate_elsewhere", "improper")

IMBALANCE = "allele_imbalance"
#: Reads for ALT up to which they are few; a bias of strands or shares shows from one more on.
MOST_FEW_READS = 3
#: Share of the reads that tell REF from ALT below which ALT has too few of them for a heterozygous call.
_LOW_SHARE = 0.35
#: Mismatches of an ALT read, beyond those that all of them share, from which its load is no matter of linked variants alone.
_LOOSE_MISMATCHES = 1.5
_POOR_QUALITY_PHRED, _POOR_MAPQ = 25, 40


def _reads(log_reads: np.ndarray) -> np.ndarray:
    """Number of reads of a log2(1 + n)."""
    return np.rint(np.exp2(log_reads) - 1)


def _indel_explains(log_alt: np.ndarray, log_depth: np.ndarray, literal: np.ndarray, third: np.ndarray, explaining: np.ndarray):
    """Reads whose own alignment shows the ALT speak for an indel beside it; or such an indel takes the place of the ALT."""
    n_alt, n = _reads(log_alt), _reads(log_depth)
    n_beyond = np.rint(literal * n) - n_alt
    return (explaining > 0) & ((n_beyond >= np.where(n_alt == 0, 1, 2)) | ((third >= 0.15) & (n_alt <= MOST_FEW_READS)))


def _too_poor_to_count(log_alt: np.ndarray, log_depth: np.ndarray, literal: np.ndarray, explaining: np.ndarray) -> np.ndarray:
    """Reads show the ALT, by bases of so low a quality that they inform nothing."""
    return (_reads(log_alt) == 0) & (np.rint(literal * _reads(log_depth)) > 0) & (explaining == 0)


def _no_read_shows(log_alt: np.ndarray, *facts: np.ndarray) -> np.ndarray:
    return (_reads(log_alt) == 0) & ~_too_poor_to_count(log_alt, *facts)


def _repeat_indel(insertion: np.ndarray, deletion: np.ndarray, whole: np.ndarray, log_alt: np.ndarray) -> np.ndarray:
    return ((insertion > 0) | (deletion > 0)) & (whole > 0) & (_reads(log_alt) > 0)


_OF_INDELS = ("is_insertion", "is_deletion", "indel_is_whole_units", "log_alt_reads")
_OF_LITERAL = ("log_alt_reads", "log_depth", "literal_share", "explaining_indels")
EXPLAINED = Fact(
    "nearby_indel",
    Condition(("log_alt_reads", "log_depth", "literal_share", "third_share", "explaining_indels"), _indel_explains),
)
#: What holds whatever the network says, in this order.
FACTS = (
    Fact("no_alt_reads", Condition(_OF_LITERAL, _no_read_shows)),
    Fact("low_base_quality", Condition(_OF_LITERAL, _too_poor_to_count)),
    EXPLAINED,
    Fact(
        "homopolymer",
        Condition(
            (*_OF_INDELS, "repeat_unit", "repeat_tract"),
            lambda *facts: _repeat_indel(*facts[:4]) & (facts[4] == 1) & (facts[5] >= 5),
        ),
    ),
    Fact(
        "tandem_repeat",
        Condition(
            (*_OF_INDELS, "repeat_unit", "repeat_copies"),
            lambda *facts: _repeat_indel(*facts[:4]) & (facts[4] > 1) & (facts[5] >= 3),
        ),
    ),
)

_MISMATCHES_CLEAN: Mapping[str, CleanValue] = {
    **_zero(*(f"{group}_{name}" for group in ("alt", "all") for name in _MISMATCHES)),
    **_zero(*(f"{name}_contrast" for name in _MISMATCHES)),
    **_zero("noisy_columns", "noisiest_column_share", "linked_columns", "most_linked_share", "ref_linked_columns"),
}
#: What is asked about, in this order.
COUNTERFACTUALS = (
    Counterfactual(
        "strand_bias",
        {"alt_minor_strand_share": 0.45, **_zero("strand_log_odds", "alt_reverse_share_contrast")},
        Condition(
            ("log_alt_reads", "alt_minor_strand_share"),
            lambda log_alt, minor: (_reads(log_alt) > MOST_FEW_READS) & (minor <= 0.25),
        ),
    ),
    Counterfactual(
        "low_mapq",
        {
            **_zero(*(f"{group}_{name}" for group in ("alt", "all") for name in _MAPPING)),
            **_zero("mapq_contrast", *(f"{name}_contrast" for name in _MAPPING)),
            **dict.fromkeys(("alt_mapq", "all_mapq", "alt_mapq_max"), 60.0),
        },
        Condition(
            ("alt_mapq", "all_mapq", "alt_low_mapq", "all_low_mapq", "alt_mate_elsewhere", "alt_improper"),
            lambda alt, everything, alt_low, all_low, elsewhere, improper: (
                (np.minimum(alt, everything) < _POOR_MAPQ)
                | (np.maximum(alt_low, all_low) >= 0.15)
                | (np.maximum(elsewhere, improper) >= 0.15)
            ),
        ),
    ),
    Counterfactual(
        "read_end",
        {
            "alt_end_distance": "all_end_distance",
            "alt_near_end": "all_near_end",
            "alt_five_prime": "all_five_prime",
            "alt_end_distance_spread": 20.0,
            "alt_end_distance_max": 70.0,
            **_zero("end_distance_contrast", "near_end_contrast", "five_prime_contrast"),
        },
        Condition(
            ("log_alt_reads", "alt_end_distance", "all_end_distance", "alt_near_end", "all_near_end"),
            lambda log_alt, alt, everything, near, all_near: (
                (_reads(log_alt) > 0) & ((alt < 0.7 * everything) | (near > all_near))
            ),
        ),
    ),
    Counterfactual(
        "homopolymer",
        {
            **dict.fromkeys(("run_left", "run_right", "run_at_event"), 1.0),
            "longest_run_near": 3.0,
            "alt_lagging_run": "all_lagging_run",
            **_zero("alt_joins_run", "lagging_run_contrast"),
        },
        Condition(
            ("run_left", "run_right", "run_at_event", "longest_run_near"),
            lambda left, right, here, longest: (np.maximum(np.maximum(left, right), here) >= 4) | (longest >= 5),
        ),
    ),
    Counterfactual(
        "tandem_repeat",
        {
            **_zero("repeat_unit", "repeat_tract", "repeat_copies", "indel_is_whole_units", "log_shift_range"),
            "entropy_20": 3.4,
            "distinct_3mers_20": 26.0,
        },
        Condition(("repeat_tract", "entropy_20"), lambda tract, entropy: (tract >= 6) | (entropy < 2.5)),
    ),
    Counterfactual(
        "clipped_reads",
        _zero(*(f"{group}_{name}" for group in ("alt", "all") for name in ("clipped", "clipped_bases")))
        | _zero("clipped_contrast", "clipped_bases_contrast"),
        Condition(("alt_clipped", "all_clipped"), lambda alt, everything: (alt > 0) | (everything >= 0.15)),
    ),
    Counterfactual(
        "low_base_quality",
        {
            **dict.fromkeys(("alt_base_quality", "all_base_quality", "alt_margin_mean"), 33.0),
            **dict.fromkeys(("alt_beside_quality", "all_beside_quality"), 34.0),
            **_zero("base_quality_contrast", "beside_quality_contrast", "low_base_quality_contrast"),
            **_zero("alt_low_base_quality", "all_low_base_quality"),
            "alt_strong_share": 1.0,
            "alt_margin_min": 30.0,
            "alt_margin_max": 37.0,
        },
        Condition(
            ("log_alt_reads", "alt_base_quality", "alt_beside_quality", "alt_low_base_quality"),
            lambda log_alt, quality, beside, low: (
                (_reads(log_alt) > 0) & ((np.minimum(quality, beside) < _POOR_QUALITY_PHRED) | (low >= 0.2))
            ),
        ),
    ),
    Counterfactual(
        "mismatch_load",
        _MISMATCHES_CLEAN,
        Condition(
            ("linked_columns", "alt_good_mismatches", "alt_poor_mismatches", "all_good_mismatches"),
            lambda linked, alt_good, alt_poor, all_good: (
                np.where(linked > 0, alt_good - linked, np.maximum(alt_good + alt_poor, all_good)) >= _LOOSE_MISMATCHES
            ),
        ),
    ),
    Counterfactual("linked_variants", _MISMATCHES_CLEAN, Condition(("linked_columns",), lambda linked: linked > 0)),
    Counterfactual(
        "nearby_indel",
        _zero("nearby_indels", "nearby_indel_share", "explaining_indels", "third_share")
        | _zero("alt_other_indels", "all_other_indels", "other_indels_contrast"),
        Condition(("nearby_indels", "all_other_indels"), lambda nearby, others: (nearby > 0) | (others > 0)),
    ),
    Counterfactual(
        "few_distinct_starts",
        {"alt_distinct_start_share": 1.0, "log_distinct_alt_starts": "log_alt_reads"},
        Condition(
            ("log_alt_reads", "alt_distinct_start_share"), lambda log_alt, distinct: (_reads(log_alt) > 1) & (distinct < 0.8)
        ),
    ),
    Counterfactual(
        IMBALANCE,
        {
            "log_depth": lambda support: np.log2(1 + support.depth),
            **dict.fromkeys(
                ("log_alt_reads", "log_ref_reads", "log_distinct_alt_starts"), lambda support: np.log2(1 + support.half)
            ),
            **dict.fromkeys(("alt_share_informative", "alt_share_all", "literal_share"), 0.5),
            **_zero("uninformative_share", "het_deviation"),
            "hom_deviation": lambda support: support.half / np.sqrt(0.02 * support.depth + 1),
            "log_het_likelihood_ratio": _het_ratio,
            "log_likelihood_ratio": lambda support: np.clip(support.depth * _RATIO_PER_READ, -30, 60),
            "log_likelihood_ratio_per_read": _RATIO_PER_READ,
        },
        Condition(
            ("log_alt_reads", "alt_share_informative"),
            lambda log_alt, share: (_reads(log_alt) > 0) & ((_reads(log_alt) <= MOST_FEW_READS) | (share < _LOW_SHARE)),
        ),
    ),
)
#: Instead of an imbalance, where no more ALT reads than `MOST_FEW_READS` are there.
FEW_ALT_READS = "few_alt_reads"
_OTHER = "other"


def _bit(reason: str) -> np.uint32:
    return np.uint32(1 << REASON_NAMES.index(reason))


class ReasonFinder:
    """Finds the reasons of alleles for one network.

    feature_names: of the network's site features. log_odds: function (features, indices of the alleles) -> float64 (n,).
    """

    def __init__(self, feature_names: Sequence[str], log_odds: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self._column = {name: index for index, name in enumerate(feature_names)}
        self._log_odds = log_odds

    def find(self, features: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Bits of the reasons, bit i for REASON_NAMES[i]: uint32 (n_alleles,), 0 for alleles not chosen.

        features: float32 (n_alleles, n_features). chosen: int64, indices of the alleles that need reasons.
        """
        bits = np.zeros(len(features), np.uint32)
        if len(chosen) == 0:
            return bits
        seen = features[chosen]
        facts = {fact: self._holds(fact.condition, seen, default=False) for fact in FACTS}
        for fact, holds in facts.items():
            bits[chosen] |= np.where(holds, _bit(fact.reason), np.uint32(0))
        gains = self.gains(seen, chosen)
        # Of reads that are not there, or are there for another reason, nothing else is to be said.
        n_alt = self.n_alt_reads(seen)
        gains[:, n_alt == 0] = -np.inf
        few = n_alt <= MOST_FEW_READS
        imbalance = [one.reason for one in COUNTERFACTUALS].index(IMBALANCE)
        gains[imbalance, facts[EXPLAINED]] = -np.inf
        n_left = MAX_REASONS - sum(holds.astype(np.int64) for holds in facts.values())
        is_named = (gains >= MIN_GAIN) & (np.argsort(np.argsort(-gains, axis=0, kind="stable"), axis=0) < n_left)
        for index, one in enumerate(COUNTERFACTUALS):
            bit = np.full(len(chosen), _bit(one.reason))
            if index == imbalance:
                bit[few] = _bit(FEW_ALT_READS)
            bits[chosen] |= np.where(is_named[index], bit, np.uint32(0))
        bits[chosen[bits[chosen] == 0]] = _bit(_OTHER)
        return bits

    def gains(self, features: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Log-odds that each counterfactual gives back: float64 (n_counterfactuals, n); minus infinity where it is not so."""
        before = self._log_odds(features, chosen)
        by_group: dict[int, np.ndarray] = {}
        gains = np.empty((len(COUNTERFACTUALS), len(chosen)))
        for index, one in enumerate(COUNTERFACTUALS):
            if id(one.clean) not in by_group:
                by_group[id(one.clean)] = self._log_odds(self.cleaned(features, one.clean), chosen) - before
            gains[index] = np.where(self._holds(one.condition, features, default=True), by_group[id(one.clean)], -np.inf)
        return gains

    def n_alt_reads(self, features: np.ndarray) -> np.ndarray:
        """Reads that show the ALT, float32 (n,)."""
        return _reads(features[:, self._column["log_alt_reads"]])

    def _holds(self, condition: Condition, features: np.ndarray, *, default: bool) -> np.ndarray:
        """Where a condition holds; `default` of a network that does not take what it asks about."""
        if any(name not in self._column for name in condition.features):
            return np.full(len(features), default)
        return condition.holds(*(features[:, self._column[name]] for name in condition.features))

    def cleaned(self, features: np.ndarray, clean: Mapping[str, CleanValue]) -> np.ndarray:
        """The features with some made clean; those that this network does not take are left out."""
        changed = features.copy()
        depth = np.maximum(np.exp2(features[:, self._column["log_depth"]]) - 1, 8.0)
        support = CleanSupport(depth, depth / 2)
        for name, value in clean.items():
            if name not in self._column or (isinstance(value, str) and value not in self._column):
                continue
            if isinstance(value, str):
                changed[:, self._column[name]] = features[:, self._column[value]]
            else:
                changed[:, self._column[name]] = value(support) if callable(value) else value
        return changed
