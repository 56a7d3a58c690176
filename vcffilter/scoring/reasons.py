"""Why an ALT looks false, by asking the network itself: which group of facts, made to look like a clean call's, would save it.

A counterfactual needs no second model: for each reason its site features are set to what a clean heterozygous call shows (or to
what all reads at the site show), and the network scores again. Knows arrays only; how reasons are written is no business of this
module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

#: Log-odds that a group must give back to be a reason.
MIN_GAIN = 1.0
#: Reasons named per ALT, those with the largest gain.
MAX_REASONS = 3

#: Clean value of each feature, by reason; a string names the feature whose value is taken instead.
_CLEAN: Mapping[str, Mapping[str, float | str]] = {
    "strand_bias": {"alt_minor_strand_share": 0.45, "strand_log_odds": 0.0, "alt_reverse_share_contrast": 0.0},
    "low_mapq": {
        **{f"{group}_{name}": 0.0 for group in ("alt", "all") for name in ("mapq0", "low_mapq", "mate_elsewhere", "improper")},
        **{f"{name}_contrast": 0.0 for name in ("mapq", "mapq0", "low_mapq", "mate_elsewhere", "improper")},
        "alt_mapq": 60.0,
        "all_mapq": 60.0,
        "alt_mapq_max": 60.0,
    },
    "read_end": {
        "alt_end_distance": "all_end_distance",
        "end_distance_contrast": 0.0,
        "alt_near_end": "all_near_end",
        "near_end_contrast": 0.0,
        "alt_five_prime": "all_five_prime",
        "five_prime_contrast": 0.0,
        "alt_end_distance_spread": 20.0,
        "alt_end_distance_max": 70.0,
    },
    "homopolymer": {
        **dict.fromkeys(("run_left", "run_right", "run_at_event"), 1.0),
        "alt_joins_run": 0.0,
        "longest_run_near": 3.0,
        "lagging_run_contrast": 0.0,
        "alt_lagging_run": "all_lagging_run",
    },
    "tandem_repeat": {
        **dict.fromkeys(("repeat_unit", "repeat_tract", "repeat_copies", "indel_is_whole_units", "log_shift_range"), 0.0),
        "entropy_20": 3.4,
        "distinct_3mers_20": 26.0,
    },
    "clipped_reads": dict.fromkeys(
        tuple(f"{group}_{name}" for group in ("alt", "all") for name in ("clipped", "clipped_bases"))
        + ("clipped_contrast", "clipped_bases_contrast"),
        0.0,
    ),
    "low_base_quality": {
        "alt_base_quality": 33.0,
        "all_base_quality": 33.0,
        "base_quality_contrast": 0.0,
        "alt_low_base_quality": 0.0,
        "all_low_base_quality": 0.0,
        "low_base_quality_contrast": 0.0,
        "alt_beside_quality": 34.0,
        "all_beside_quality": 34.0,
        "beside_quality_contrast": 0.0,
        "alt_strong_share": 1.0,
        "alt_margin_mean": 33.0,
        "alt_margin_min": 30.0,
        "alt_margin_max": 37.0,
    },
    "mismatch_load": {
        **{
            f"{group}_{name}": 0.0
            for group in ("alt", "all")
            for name in ("good_mismatches", "poor_mismatches", "near_mismatches")
        },
        **{f"{name}_contrast": 0.0 for name in ("good_mismatches", "poor_mismatches", "near_mismatches")},
        **dict.fromkeys(
            ("noisy_columns", "noisiest_column_share", "linked_columns", "most_linked_share", "ref_linked_columns"), 0.0
        ),
    },
    "nearby_indel": dict.fromkeys(
        (
            "nearby_indels",
            "nearby_indel_share",
            "explaining_indels",
            "alt_other_indels",
            "all_other_indels",
            "other_indels_contrast",
            "third_share",
        ),
        0.0,
    ),
    "few_distinct_starts": {"alt_distinct_start_share": 1.0, "log_distinct_alt_starts": "log_alt_reads"},
}
#: ALT reads up to which too little support is called few reads rather than an imbalance.
_FEW_READS = 3


class ReasonFinder:
    """Finds the reasons of alleles for one network.

    feature_names: of the network's site features. log_odds: function (features, indices of the alleles) -> float64 (n,).
    names: vocabulary, bit i stands for names[i]; must hold every reason above, `few_alt_reads`, `allele_imbalance` and `other`.
    """

    def __init__(
        self,
        feature_names: Sequence[str],
        log_odds: Callable[[np.ndarray, np.ndarray], np.ndarray],
        names: Sequence[str],
    ) -> None:
        self._column = {name: index for index, name in enumerate(feature_names)}
        self._log_odds = log_odds
        self._bit = {name: np.uint32(1 << index) for index, name in enumerate(names)}

    def find(self, features: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Bits of the reasons: uint32 (n_alleles,), 0 for alleles not chosen.

        features: float32 (n_alleles, n_features). chosen: int64, indices of the alleles that need reasons.
        """
        bits = np.zeros(len(features), np.uint32)
        if len(chosen) == 0:
            return bits
        before = self._log_odds(features[chosen], chosen)
        reasons = [*_CLEAN, "allele_imbalance"]
        gains = np.stack([self._log_odds(self._clean(features[chosen], reason), chosen) - before for reason in reasons])
        is_named = (gains >= MIN_GAIN) & (np.argsort(np.argsort(-gains, axis=0), axis=0) < MAX_REASONS)
        few = self._n_alt(features[chosen]) <= _FEW_READS
        for index, reason in enumerate(reasons):
            bit = np.full(len(chosen), self._bit[reason])
            if reason == "allele_imbalance":
                bit[few] = self._bit["few_alt_reads"]
            bits[chosen] |= np.where(is_named[index], bit, np.uint32(0))
        bits[chosen[~is_named.any(axis=0)]] = self._bit["other"]
        return bits

    def _n_alt(self, features: np.ndarray) -> np.ndarray:
        return np.exp2(features[:, self._column["log_alt_reads"]]) - 1

    def _clean(self, features: np.ndarray, reason: str) -> np.ndarray:
        """The features with one reason's group made clean; names that the network does not take are left out."""
        changed = features.copy()
        values = self._balanced(features) if reason == "allele_imbalance" else _CLEAN[reason]
        for name, value in values.items():
            if name in self._column and not (isinstance(value, str) and value not in self._column):
                changed[:, self._column[name]] = features[:, self._column[value]] if isinstance(value, str) else value
        return changed

    def _balanced(self, features: np.ndarray) -> Mapping[str, float | np.ndarray]:
        """Support as a clean heterozygous call has it at this depth, with at least four ALT reads."""
        depth = np.maximum(np.exp2(features[:, self._column["log_depth"]]) - 1, 8.0)
        half = depth / 2
        log_half = np.log2(1 + half)
        per_read = np.log10(0.5 + 0.5 * 10.0**3.3) / 2 + np.log10(0.5) / 2
        return {
            "log_depth": np.log2(1 + depth),
            "log_alt_reads": log_half,
            "log_ref_reads": log_half,
            "log_distinct_alt_starts": log_half,
            "alt_share_informative": 0.5,
            "alt_share_all": 0.5,
            "literal_share": 0.5,
            "uninformative_share": 0.0,
            "het_deviation": 0.0,
            "hom_deviation": half / np.sqrt(0.02 * depth + 1),
            "log_het_likelihood_ratio": np.clip(depth * np.log10(0.5) - half * np.log10(0.02) - half * np.log10(0.98), -30, 30),
            "log_likelihood_ratio": np.clip(depth * per_read, -30, 60),
            "log_likelihood_ratio_per_read": per_read,
        }
