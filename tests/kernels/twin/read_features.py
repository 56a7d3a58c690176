"""Twin of kernels/read_features.py: how the reads that support ALT differ from those that support REF."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from twin.normalised_alleles import Allele
from twin.reads import PAIRED, PROPER_PAIR, SUPPLEMENTARY, Read
from twin.reference import Contig
from twin.scan import Indel, mismatches
from twin.support import MATE_COUNTED, SUPPORTS_ALT, SUPPORTS_REF, UNINFORMATIVE, Site, SiteRead

MISMATCH_REACH, COLUMN_REACH, NEAR_REACH, BESIDE_REACH = 100, 60, 10, 3
GOOD_QUALITY, NEAR_END, MAX_LAGGING_RUN, START_SLOTS = 20, 10, 10, 4096
#: Per-read values of which the mean over ALT reads, over all, and the contrast between ALT and REF are features.
CONTRASTED = (
    "mapq",
    "mapq0",
    "low_mapq",
    "base_quality",
    "low_base_quality",
    "end_distance",
    "near_end",
    "five_prime",
    "clipped",
    "clipped_bases",
    "good_mismatches",
    "poor_mismatches",
    "near_mismatches",
    "other_indels",
    "improper",
    "mate_elsewhere",
    "log_insert",
    "supplementary",
    "beside_quality",
    "lagging_run",
)


@dataclass
class Group:
    """Sums over the reads of one group, and the number of them with a good mismatch in each column."""

    sums: Counter[str] = field(default_factory=Counter)
    columns: Counter[int] = field(default_factory=Counter)
    starts: set[tuple[bool, int]] = field(default_factory=set)
    margins: list[int] = field(default_factory=list)
    max_end_distance: int = 0
    max_mapq: int = 0

    @property
    def n(self) -> float:
        return self.sums["n"]

    def mean(self, name: str) -> float:
        """Mean of a value; 0 without reads."""
        return _share(self.sums[name], self.n)


@dataclass(frozen=True)
class Differences:
    """What a read shows around an allele besides the allele itself. good_columns: positions of its good mismatches."""

    n_good: int
    n_poor: int
    n_near: int
    n_indels: int
    good_pos0: tuple[int, ...]


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def end_distance(read: Read, index: int) -> int:
    """Bases to the nearer end of the aligned part."""
    return max(min(index - read.soft_left, len(read.bases) - read.soft_right - 1 - index), 0)


def five_prime_share(read: Read, index: int) -> float:
    """Place of a base in sequencing order, 0 to 1."""
    share = index / max(len(read.bases) - 1, 1)
    return 1.0 - share if read.is_reverse else share


def event_quality(site_read: SiteRead, allele: Allele) -> int:
    """Quality of the base at the event, or of the poorer of the two beside an indel."""
    qualities, at = site_read.read.qualities, site_read.covering.event_index
    return qualities[at] if allele.is_substitution or at == 0 else min(qualities[at], qualities[at - 1])


def differences(read: Read, allele: Allele, contig: Contig, indels: list[Indel]) -> Differences:
    """Mismatches and indels within MISMATCH_REACH; the columns of a substitution itself are left out."""
    first0, last0 = allele.start0 - MISMATCH_REACH, allele.end0 + MISMATCH_REACH
    shown = [
        mismatch
        for mismatch in mismatches(read, contig, first0, last0)
        if not (allele.is_substitution and allele.start0 <= mismatch.pos0 < allele.end0)
    ]
    good = tuple(mismatch.pos0 for mismatch in shown if mismatch.quality >= GOOD_QUALITY)
    return Differences(
        n_good=len(good),
        n_poor=len(shown) - len(good),
        n_near=sum(allele.start0 - NEAR_REACH <= pos0 < allele.end0 + NEAR_REACH for pos0 in good),
        n_indels=sum(first0 <= indel.pos0 < last0 for indel in indels),
        good_pos0=good,
    )


def _beside_quality(read: Read, index: int) -> float:
    """Mean quality of the bases beside the event."""
    beside = [at for at in range(index - BESIDE_REACH, index + BESIDE_REACH + 1) if at != index and 0 <= at < len(read.bases)]
    return sum(read.qualities[at] for at in beside) / len(beside) if beside else 0.0


def _lagging_run(read: Read, index: int) -> int:
    """How often the base at the event stands right before it in sequencing order."""
    before = read.bases[index + 1 :] if read.is_reverse else read.bases[:index][::-1]
    run = 0
    while run < min(len(before), MAX_LAGGING_RUN) and before[run] == read.bases[index]:
        run += 1
    return run


def _values(site_read: SiteRead, allele: Allele, shown: Differences) -> dict[str, float]:
    """What is summed of one read."""
    read, index, margin = site_read.read, site_read.covering.event_index, site_read.margin
    mapq, distance, quality = min(read.mapq, 60), end_distance(read, index), event_quality(site_read, allele)
    clipped = read.soft_left + read.soft_right
    return {
        "n": 1,
        "reverse": read.is_reverse,
        "mapq": mapq,
        "mapq0": mapq == 0,
        "low_mapq": mapq < 30,
        "base_quality": quality,
        "low_base_quality": quality < GOOD_QUALITY,
        "end_distance": min(distance, 100),
        "end_distance_squared": min(distance, 100) ** 2,
        "near_end": distance < NEAR_END,
        "five_prime": five_prime_share(read, index),
        "clipped": clipped > 0,
        "clipped_bases": min(clipped, 100),
        "good_mismatches": min(shown.n_good, 20),
        "poor_mismatches": min(shown.n_poor, 20),
        "near_mismatches": shown.n_near > 0,
        "other_indels": min(shown.n_indels - site_read.exact_indel, 10),
        "improper": read.flag & PAIRED != 0 and read.flag & PROPER_PAIR == 0,
        "mate_elsewhere": read.mate_elsewhere,
        "log_insert": math.log2(1.0 + min(read.insert_size, 5000)),
        "margin": abs(margin),
        "strong_margin": abs(margin) >= 30,
        "spans": site_read.spans,
        "exact_indel": site_read.exact_indel,
        "third": site_read.third,
        "supplementary": read.flag & SUPPLEMENTARY != 0,
        "literal": site_read.literal,
        "log_likelihood_ratio": math.log10(0.5 + 0.5 * 10.0 ** (min(margin, 40) / 10.0)),
        "beside_quality": _beside_quality(read, index),
        "lagging_run": _lagging_run(read, index),
    }


def _add(group: Group, site_read: SiteRead, allele: Allele, shown: Differences) -> None:
    values = _values(site_read, allele, shown)
    for name, value in values.items():
        group.sums[name] += float(value)
    for pos0 in shown.good_pos0:
        if abs(pos0 - allele.start0) <= COLUMN_REACH:
            group.columns[pos0] += 1
    read = site_read.read
    start0 = read.unclipped_end0 if read.is_reverse else read.unclipped_start0
    group.starts.add((read.is_reverse, start0 % START_SLOTS))
    group.margins.append(abs(site_read.margin))
    group.max_end_distance = max(group.max_end_distance, int(values["end_distance"]))
    group.max_mapq = max(group.max_mapq, int(values["mapq"]))


def _binomial_log_ratio(n_alt: float, n: float) -> float:
    """log10 of the likelihood of one half over that of an error rate of 2%, kept within +-30."""
    het = n * math.log10(0.5)
    error = n_alt * math.log10(0.02) + (n - n_alt) * math.log10(0.98)
    return min(max(het - error, -30.0), 30.0) if n else 0.0


def _log1(value: float) -> float:
    return math.log2(1.0 + value)


def _support_features(site: Site, groups: dict[int, Group], everything: Group) -> dict[str, float]:
    alt, ref, n = groups[SUPPORTS_ALT], groups[SUPPORTS_REF], everything.n
    informative = alt.n + ref.n
    alt_reverse, ref_reverse = alt.sums["reverse"], ref.sums["reverse"]
    alt_forward, ref_forward = alt.n - alt_reverse, ref.n - ref_reverse
    shifts = [one.indel_shift for one in site.reads if one.exact_indel and one.group != MATE_COUNTED]
    odds = math.log((alt_forward + 1.0) * (ref_reverse + 1.0)) - math.log((alt_reverse + 1.0) * (ref_forward + 1.0))
    return {
        "log_depth": _log1(n),
        "log_alt_reads": _log1(alt.n),
        "log_ref_reads": _log1(ref.n),
        "alt_share_informative": _share(alt.n, informative),
        "alt_share_all": _share(alt.n, n),
        "uninformative_share": _share(n - informative, n),
        "third_share": everything.mean("third"),
        "spanning_share": everything.mean("spans"),
        "alt_spanning_share": alt.mean("spans"),
        "alt_exact_indel_share": alt.mean("exact_indel"),
        "alt_strong_share": alt.mean("strong_margin"),
        "ref_strong_share": ref.mean("strong_margin"),
        "alt_margin_mean": alt.mean("margin"),
        "alt_margin_min": min(alt.margins, default=0),
        "alt_margin_max": max(alt.margins, default=0),
        "ref_margin_mean": ref.mean("margin"),
        "het_deviation": (alt.n - 0.5 * informative) / math.sqrt(0.25 * informative + 0.5),
        "hom_deviation": ref.n / math.sqrt(0.02 * informative + 1.0),
        "log_het_likelihood_ratio": _binomial_log_ratio(alt.n, informative),
        "log_distinct_alt_starts": _log1(len(alt.starts)),
        "alt_distinct_start_share": _share(len(alt.starts), alt.n),
        "alt_minor_strand_share": _share(min(alt_reverse, alt_forward), alt.n),
        "strand_log_odds": abs(odds),
        "alt_reverse_share_contrast": abs(alt.mean("reverse") - ref.mean("reverse")) if alt.n and ref.n else 0.0,
        "mates_agree_share": _share(site.n_agreeing_mates, n),
        "mates_contradict_share": _share(site.n_contradicting_mates, n),
        "log_indel_shift_range": _log1(max(shifts) - min(shifts)) if shifts else 0.0,
        "indel_shift_max": min(max(shifts), 50) if shifts else 0.0,
        "literal_share": everything.mean("literal"),
        "log_likelihood_ratio": min(max(everything.sums["log_likelihood_ratio"], -30.0), 60.0),
        "log_likelihood_ratio_per_read": everything.mean("log_likelihood_ratio"),
    }


def _contrast_features(groups: dict[int, Group], everything: Group) -> dict[str, float]:
    alt, ref = groups[SUPPORTS_ALT], groups[SUPPORTS_REF]
    features = {}
    for name in CONTRASTED:
        features[f"alt_{name}"] = alt.mean(name)
        features[f"all_{name}"] = everything.mean(name)
        features[f"{name}_contrast"] = alt.mean(name) - ref.mean(name) if alt.n and ref.n else 0.0
    return features


def _neighbourhood_features(site: Site, groups: dict[int, Group], everything: Group) -> dict[str, float]:
    """What the columns around the allele show.

    A noisy one has a good mismatch in two reads and a tenth of all; a linked one in half of the reads of one allele
    (two at least) and in less than a fifth of the other's.
    """
    alt, ref, n = groups[SUPPORTS_ALT], groups[SUPPORTS_REF], everything.n
    shares = []
    for pos0 in sorted(everything.columns):
        in_alt, in_ref = alt.columns[pos0], ref.columns[pos0]
        shares.append((everything.columns[pos0], in_alt, in_ref, _share(in_alt, alt.n), _share(in_ref, ref.n)))
    mean = alt.mean("end_distance")
    return {
        "alt_end_distance_spread": math.sqrt(max(alt.mean("end_distance_squared") - mean * mean, 0.0)),
        "alt_end_distance_max": alt.max_end_distance,
        "alt_mapq_max": alt.max_mapq,
        "noisy_columns": sum(in_all >= 2 and 10 * in_all >= n for in_all, *_ in shares),
        "noisiest_column_share": max((in_all / n for in_all, *_ in shares), default=0.0),
        "linked_columns": sum(i >= 2 and of_alt >= 0.5 and of_ref < 0.2 for _, i, _, of_alt, of_ref in shares),
        "most_linked_share": max([of_alt - of_ref for _, i, _, of_alt, of_ref in shares if i >= 2] + [0.0]),
        "ref_linked_columns": sum(i >= 2 and of_ref >= 0.5 and of_alt < 0.2 for _, _, i, of_alt, of_ref in shares),
        "nearby_indels": min(site.nearby.n_distinct, 20),
        "nearby_indel_share": _share(site.nearby.n_carried, n),
        "explaining_indels": len(site.nearby.chosen),
    }


def read_features(allele: Allele, contig: Contig, site: Site, shown: dict[int, Differences]) -> tuple[dict[str, float], int]:
    """Values by name, and the reads counted (mates once). shown: differences of each slot of the site."""
    groups = {UNINFORMATIVE: Group(), SUPPORTS_REF: Group(), SUPPORTS_ALT: Group()}
    for slot, site_read in enumerate(site.reads):
        if site_read.group != MATE_COUNTED:
            _add(groups[site_read.group], site_read, allele, shown[slot])
    everything = Group()
    # Floats are added group by group in this order: addition is not associative.
    for group in (groups[UNINFORMATIVE], groups[SUPPORTS_REF], groups[SUPPORTS_ALT]):
        for name, value in group.sums.items():
            everything.sums[name] += value
        everything.columns.update(group.columns)
    features = _support_features(site, groups, everything)
    features.update(_contrast_features(groups, everything))
    features.update(_neighbourhood_features(site, groups, everything))
    return features, int(everything.n)
