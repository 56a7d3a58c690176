"""Families of site features under the names of the reasons, so that contributions and PILEUP_REASON speak of the same things.

What a reason makes clean belongs to it; what no reason touches is given here to the one that it bears on, to the kind of variant,
or to the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from vcffilter.kernels.encode import ALL_FEATURES
from vcffilter.kernels.phase import PHASE_FEATURES
from vcffilter.models.encoder_spec import FIRST_LOGIT
from vcffilter.scoring.reason_finder import COUNTERFACTUALS

#: No reason: what is called, and where.
VARIANT_KIND = "variant_kind"
#: On which haplotypes the reads for ALT and for REF lie.
PHASE = "phase"
OTHER = "other"

_BESIDE: dict[str, tuple[str, ...]] = {
    VARIANT_KIND: (
        *("is_snv", "is_insertion", "is_deletion", "is_complex", "length_change", "log_allele_length", "is_transition"),
        *("gc_50", "cpg"),
    ),
    PHASE: PHASE_FEATURES,
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
    return MappingProxyType({name: family_of.get(name, OTHER) for name in ALL_FEATURES})


#: Site feature -> its family.
FAMILY_OF_FEATURE = _families()
#: Families, in the order of the reasons.
FAMILIES = (*(one.reason for one in COUNTERFACTUALS), VARIANT_KIND, PHASE, OTHER)
#: What reads and reference spell, which only a network that looks at the tensor sees.
BASES = "bases"
#: Those of features and those of channels.
ALL_FAMILIES = (*FAMILIES, BASES)
#: Channel of the tensor -> its family.
FAMILY_OF_CHANNEL: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("base", "differs", "insertion", "deletion"), BASES),
        **dict.fromkeys(("base_quality", "event_quality"), "low_base_quality"),
        **dict.fromkeys(("soft_clip", "clipped_bases"), "clipped_reads"),
        **dict.fromkeys(("mapping_quality", "mate", "insert_size"), "low_mapq"),
        "strand": "strand_bias",
        **dict.fromkeys(("end_distance", "five_prime"), "read_end"),
        **dict.fromkeys(("good_mismatches", "poor_mismatches"), "mismatch_load"),
        "other_indels": "nearby_indel",
        **dict.fromkeys(("present", "support", "margin", "exact_indel", "third_allele", "spans"), OTHER),
        **dict.fromkeys(("haplotype_tag", "phase"), PHASE),
    }
)
#: Before a channel's name, as one of them has the name of a feature's reason.
CHANNEL_PREFIX = "reads:"


def family_of(name: str) -> str:
    """Of a site feature, of a channel under CHANNEL_PREFIX, or of what a cascade's first stage says."""
    if name.startswith(CHANNEL_PREFIX):
        return FAMILY_OF_CHANNEL[name.removeprefix(CHANNEL_PREFIX)]
    return OTHER if name == FIRST_LOGIT else FAMILY_OF_FEATURE[name]


def by_family(of_column: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Sums of contributions: float64 (n, len(ALL_FAMILIES)). of_column: float64 (n, n_columns), in the order of the names."""
    family = np.array([ALL_FAMILIES.index(family_of(name)) for name in names])
    return np.stack([of_column[:, family == index].sum(axis=1) for index in range(len(ALL_FAMILIES))], axis=1)
