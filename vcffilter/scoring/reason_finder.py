"""Why an ALT looks false, by asking the network itself: which group of facts, made to look like a clean call's, would save it.

A counterfactual needs no second model: for each reason its site features are set to what a clean heterozygous call shows (or to
what all reads at the site show), and the network scores again. Knows arrays, and the names of features and reasons; how reasons
are written is no business of this module.
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
class Counterfactual:
    """A reason, and the values that its site features have at a clean call.

    Raises ValueError when there is no such reason or feature: a name that nobody knows would never be asked about.
    """

    reason: str
    clean: Mapping[str, CleanValue]

    def __post_init__(self) -> None:
        named = {*self.clean, *(value for value in self.clean.values() if isinstance(value, str))}
        unknown = sorted(named - set(FEATURE_NAMES)) + ([] if self.reason in REASON_NAMES else [self.reason])
        if unknown:
            raise ValueError(f"the reason {self.reason} names what does not exist: {', '.join(unknown)}")


def _zero(*names: str) -> dict[str, CleanValue]:
    return dict.fromkeys(names, 0.0)


def _het_ratio(support: CleanSupport) -> np.ndarray:
    ratio = support.depth * np.log10(0.5) - support.half * np.log10(0.02) - support.half * np.log10(0.98)
    return np.clip(ratio, -30, 30)


#: Log-likelihood ratio that a read of a clean heterozygous call brings.
_RATIO_PER_READ = np.log10(0.5 + 0.5 * 10.0**3.3) / 2 + np.log10(0.5) / 2
_MISMATCHES = ("good_mismatches", "poor_mismatches", "near_mismatches")
_MAPPING = ("mapq0", "low_mapq", "mate_elsewhere", "improper")

#: What is asked about, in this order.
COUNTERFACTUALS = (
    Counterfactual("strand_bias", {"alt_minor_strand_share": 0.45, **_zero("strand_log_odds", "alt_reverse_share_contrast")}),
    Counterfactual(
        "low_mapq",
        {
            **_zero(*(f"{group}_{name}" for group in ("alt", "all") for name in _MAPPING)),
            **_zero("mapq_contrast", *(f"{name}_contrast" for name in _MAPPING)),
            **dict.fromkeys(("alt_mapq", "all_mapq", "alt_mapq_max"), 60.0),
        },
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
    ),
    Counterfactual(
        "homopolymer",
        {
            **dict.fromkeys(("run_left", "run_right", "run_at_event"), 1.0),
            "longest_run_near": 3.0,
            "alt_lagging_run": "all_lagging_run",
            **_zero("alt_joins_run", "lagging_run_contrast"),
        },
    ),
    Counterfactual(
        "tandem_repeat",
        {
            **_zero("repeat_unit", "repeat_tract", "repeat_copies", "indel_is_whole_units", "log_shift_range"),
            "entropy_20": 3.4,
            "distinct_3mers_20": 26.0,
        },
    ),
    Counterfactual(
        "clipped_reads",
        _zero(*(f"{group}_{name}" for group in ("alt", "all") for name in ("clipped", "clipped_bases")))
        | _zero("clipped_contrast", "clipped_bases_contrast"),
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
    ),
    Counterfactual(
        "mismatch_load",
        {
            **_zero(*(f"{group}_{name}" for group in ("alt", "all") for name in _MISMATCHES)),
            **_zero(*(f"{name}_contrast" for name in _MISMATCHES)),
            **_zero("noisy_columns", "noisiest_column_share", "linked_columns", "most_linked_share", "ref_linked_columns"),
        },
    ),
    Counterfactual(
        "nearby_indel",
        _zero("nearby_indels", "nearby_indel_share", "explaining_indels", "third_share")
        | _zero("alt_other_indels", "all_other_indels", "other_indels_contrast"),
    ),
    Counterfactual("few_distinct_starts", {"alt_distinct_start_share": 1.0, "log_distinct_alt_starts": "log_alt_reads"}),
    Counterfactual(
        "allele_imbalance",
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
    ),
)
#: Instead of an imbalance, where no more ALT reads than so many are there.
_FEW, _FEW_READS = "few_alt_reads", 3
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
        before = self._log_odds(features[chosen], chosen)
        gains = np.stack([self._log_odds(self._clean(features[chosen], one.clean), chosen) - before for one in COUNTERFACTUALS])
        is_named = (gains >= MIN_GAIN) & (np.argsort(np.argsort(-gains, axis=0), axis=0) < MAX_REASONS)
        few = np.exp2(features[chosen, self._column["log_alt_reads"]]) - 1 <= _FEW_READS
        for index, one in enumerate(COUNTERFACTUALS):
            bit = np.full(len(chosen), _bit(one.reason))
            if one.reason == "allele_imbalance":
                bit[few] = _bit(_FEW)
            bits[chosen] |= np.where(is_named[index], bit, np.uint32(0))
        bits[chosen[~is_named.any(axis=0)]] = _bit(_OTHER)
        return bits

    def _clean(self, features: np.ndarray, clean: Mapping[str, CleanValue]) -> np.ndarray:
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
