"""Families of site features under the names of the reasons, so that contributions and PILEUP_REASON speak of the same things.

What a reason makes clean belongs to it; what no reason touches is given here to the one that it bears on, to the kind of variant,
or to the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from vcffilter.kernels.encode import FEATURE_NAMES
from vcffilter.scoring.reason_finder import COUNTERFACTUALS

#: No reason: what is called, and where.
VARIANT_KIND = "variant_kind"
OTHER = "other"

_BESIDE: dict[str, tuple[str, ...]] = {
    VARIANT_KIND: (
        *("is_snv", "is_insertion", "is_deletion", "is_complex", "length_change", "log_allele_length", "is_transition"),
        *("gc_50", "cpg"),
    ),
    "linked_variants": ("linked_columns", "most_linked_share", "ref_linked_columns"),
    "read_end": ("all_end_distance", "all_near_end", "all_five_prime"),
    "homopolymer": ("all_lagging_run",),
    "tandem_repeat": ("log_indel_shift_range", "indel_shift_max"),
    "low_mapq": ("alt_log_insert", "all_log_insert", "log_insert_contrast"),
    "clipped_reads": ("alt_supplementary", "all_supplementary", "supplementary_contrast"),
}


def _families() -> Mapping[str, str]:
    family_of: dict[str, str] = {}
    for one in COUNTERFACTUALS:
        for name in one.clean:
            family_of.setdefault(name, one.reason)
    family_of |= {name: family for family, names in _BESIDE.items() for name in names}
    return MappingProxyType({name: family_of.get(name, OTHER) for name in FEATURE_NAMES})


#: Site feature -> its family.
FAMILY_OF_FEATURE = _families()
#: Families, in the order of the reasons.
FAMILIES = (*(one.reason for one in COUNTERFACTUALS), VARIANT_KIND, OTHER)


def by_family(of_feature: np.ndarray, feature_names: Sequence[str]) -> np.ndarray:
    """Sums of contributions: float64 (n, len(FAMILIES)). of_feature: float64 (n, n_features), in the order of the names."""
    family = np.array([FAMILIES.index(FAMILY_OF_FEATURE[name]) for name in feature_names])
    return np.stack([of_feature[:, family == index].sum(axis=1) for index in range(len(FAMILIES))], axis=1)
