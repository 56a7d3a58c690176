"""Twin of kernels/phase.py: heterozygous columns near an allele, and on which haplotype each fragment lies."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from twin.normalised_alleles import Allele
from twin.reads import PAIRED, SUPPLEMENTARY, Read
from twin.reference import Contig
from twin.scan import mismatches
from twin.support import MATE_COUNTED, SUPPORTS_ALT, SUPPORTS_REF, Site

_GOOD = 20
_ANCHORS_A_SIDE = 8
_OWN_MARGIN = 10
_ERROR, _LARGEST = 0.02, 10.0

#: Position, REF base, other base.
Column = tuple[int, str, str]


@dataclass(frozen=True)
class Phase:
    """features: by name. levels: byte of the channel by slot of the site, for every fragment's own slot."""

    features: dict[str, float]
    levels: dict[int, int]


def _fragment(read: Read) -> object:
    return read.name if read.flag & PAIRED and not read.flag & SUPPLEMENTARY else id(read)


def _shown(read: Read, column: Column) -> int:
    """1 for the column's other base, -1 for REF, 0 for neither."""
    pos0, ref, alt = column
    for _, index in read.aligned(pos0, pos0 + 1) if read.bases else ():
        if read.qualities[index] >= _GOOD:
            return {alt: 1, ref: -1}.get(read.bases[index], 0)
    return 0


def _speakers(reads: Sequence[Read], pos0: int) -> list[Read]:
    """Of each fragment the first read over a position, where it is well mapped."""
    first: dict[object, Read] = {}
    for read in reads:
        if read.start0 <= pos0 < read.end0:
            first.setdefault(_fragment(read), read)
    return [read for read in first.values() if read.mapq >= _GOOD]


def heterozygous_columns(reads: Sequence[Read], contig: Contig, start0: int, end0: int) -> list[Column]:
    """Columns of a half-open interval, by position."""
    seen = {
        (one.pos0, contig.base(one.pos0), one.base)
        for read in reads
        if read.bases and read.start0 < end0 and read.end0 > start0
        for one in mismatches(read, contig, start0, end0)
        if one.quality >= _GOOD
    }
    found = []
    for column in sorted(seen, key=lambda column: (column[0], "ACGT".find(column[2]))):
        shown = Counter(_shown(read, column) for read in _speakers(reads, column[0]))
        fewer = min(shown[1], shown[-1])
        if shown[1] >= 2 and shown[-1] >= 1 and 5 * fewer >= shown[1] + shown[-1]:
            found.append(column)
    return found


def _anchors(columns: Sequence[Column], allele: Allele) -> list[Column]:
    """The nearest columns on either side, by distance, the left one of two first; of one position the left one by order."""
    own0, own_end0 = allele.start0 - _OWN_MARGIN, allele.shift_end0 + _OWN_MARGIN
    left = [(own0 - column[0], 0, number, column) for number, column in enumerate(columns[::-1]) if column[0] < own0]
    right = [(column[0] - own_end0 + 1, 1, number, column) for number, column in enumerate(columns) if column[0] >= own_end0]
    return [one[-1] for one in sorted(left[:_ANCHORS_A_SIDE] + right[:_ANCHORS_A_SIDE])]


def _votes(shown: dict[int, list[int]], n_anchors: int) -> tuple[dict[int, int], int]:
    """The summed votes of each fragment, and how many anchors were placed. shown: by fragment, what it shows at each anchor."""
    votes = dict.fromkeys(shown, 0)
    n_shown = [sum(one[anchor] != 0 for one in shown.values()) for anchor in range(n_anchors)]
    if not any(n_shown):
        return votes, 0
    anchor, sign = n_shown.index(max(n_shown)), 1
    left = set(range(n_anchors))
    while True:
        left.discard(anchor)
        for slot, one in shown.items():
            votes[slot] += sign * one[anchor]
        clear = []
        for other in sorted(left):
            products = [votes[slot] * one[other] for slot, one in shown.items()]
            n_agree, n_opposite = sum(product > 0 for product in products), sum(product < 0 for product in products)
            if max(n_agree, n_opposite) >= max(2, 5 * min(n_agree, n_opposite)):
                clear.append((-(n_agree + n_opposite), other, 1 if n_agree > n_opposite else -1))
        if not clear:
            return votes, n_anchors - len(left)
        _, anchor, sign = min(clear)


def _log_ratio(alt: list[int], ref: list[int]) -> float:
    """alt, ref: fragments on the ALT's haplotype and on the other one."""
    n_alt, n_ref = sum(alt), sum(ref)
    if not n_alt:
        return 0.0
    n_wrong = min(ref[0] + alt[1], n_ref)
    n = n_alt + n_ref
    variant = n_wrong * math.log10(_ERROR) + (n - n_wrong) * math.log10(1 - _ERROR)
    by_chance = n_alt * math.log10(n_alt / n) + (n_ref * math.log10(n_ref / n) if n_ref else 0.0)
    return min(max(variant - by_chance, -_LARGEST), _LARGEST)


def phase(allele: Allele, contig: Contig, site: Site, reads: Sequence[Read], reach: int) -> Phase:
    """reads: all that lie within the reach of the allele."""
    columns = heterozygous_columns(reads, contig, max(allele.start0 - reach, 0), allele.shift_end0 + reach)
    anchors = _anchors(columns, allele)
    of_fragment: dict[object, list[Read]] = {}
    for read in reads:
        of_fragment.setdefault(_fragment(read), []).append(read)
    shown = {}
    for slot, one in enumerate(site.reads):
        if one.group != MATE_COUNTED:
            said = [{_shown(read, column) for read in of_fragment[_fragment(one.read)]} - {0} for column in anchors]
            shown[slot] = [next(iter(signs)) if len(signs) == 1 else 0 for signs in said]
    votes, n_placed = _votes(shown, len(anchors))
    sign = {slot: (vote > 0) - (vote < 0) for slot, vote in votes.items()}
    n_alt, n_ref = (
        Counter(sign[slot] for slot in shown if site.reads[slot].group == group) for group in (SUPPORTS_ALT, SUPPORTS_REF)
    )
    first = (n_alt[1], -n_ref[1]) >= (n_alt[-1], -n_ref[-1])
    mine = 1 if first else -1
    shares = [n_alt[side] / (n_alt[side] + n_ref[side]) if n_alt[side] + n_ref[side] else -1.0 for side in (1, -1)]
    contradicting, agreeing_ref = (n_ref[mine], n_ref[-mine]) if n_alt[mine] else (0, 0)
    features = {
        "phase_anchors": n_placed,
        "phase_share": sum(one != 0 for one in sign.values()) / len(sign),
        "phase_log_contradicting": math.log2(1 + contradicting),
        "phase_contradicting_share": contradicting / (n_alt[mine] + contradicting) if n_alt[mine] else -1.0,
        "phase_log_agreeing_alt": math.log2(1 + n_alt[mine]),
        "phase_log_agreeing_ref": math.log2(1 + agreeing_ref),
        "phase_alt_haplotypes": (n_alt[1] > 0) + (n_alt[-1] > 0),
        "phase_alt_share_max": max(shares),
        "phase_alt_share_min": min(shares),
        "phase_log_likelihood_ratio": _log_ratio([n_alt[mine], n_alt[-mine]], [n_ref[mine], n_ref[-mine]]),
    }
    return Phase(features, {slot: {mine: 255, -mine: 120, 0: 60}[one] for slot, one in sign.items()})
