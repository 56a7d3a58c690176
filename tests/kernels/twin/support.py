"""Twin of kernels/support.py: which allele each read supports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twin.haplotypes import FLANK, Haplotype, Nearby, build_haplotypes, find_nearby, is_the_allele
from twin.normalised_alleles import Allele
from twin.reads import SKIP, Read
from twin.reference import Contig
from twin.scan import Indel, of_one_name

MAX_MISMATCH, GAP, MAX_COST, MAX_MARGIN, INFORMATIVE = 40, 45, 250, 60, 10
UNINFORMATIVE, SUPPORTS_REF, SUPPORTS_ALT, MATE_COUNTED = range(4)


@dataclass(frozen=True)
class Covering:
    """The part of a read that is compared at an allele.

    first, last: (position, index in the read) of its first and last aligned base there. from_index, to_index: compared bases,
    clips included. event_index: base at the event or the next aligned one. aligned: a base is aligned at the event itself.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    from_index: int
    to_index: int
    event_index: int
    aligned: bool


@dataclass
class SiteRead:
    """One read at one allele."""

    read: Read
    covering: Covering
    spans: bool
    margin: int = 0
    group: int = UNINFORMATIVE
    third: bool = False
    exact_indel: bool = False
    indel_shift: int = 0
    literal: bool = False


@dataclass(frozen=True)
class Site:
    """All reads that cover an allele."""

    reads: tuple[SiteRead, ...]
    n_agreeing_mates: int
    n_contradicting_mates: int
    nearby: Nearby


def cover(read: Read, allele: Allele) -> Covering | None:
    """How a read covers an allele, or None.

    A skip (spliced reads) ends the read: what lies beyond is not compared; a skip over the event covers nothing.
    """
    window0, window_end0 = allele.start0 - FLANK, allele.shift_end0 + FLANK
    from0, to0 = window0, window_end0
    skip_before, skip_after = False, False
    for piece in read.pieces:
        if piece.operation != SKIP:
            continue
        if piece.pos0 >= allele.shift_end0:
            to0 = min(to0, piece.pos0)
            skip_after = True
            break
        if piece.pos0 + piece.length > allele.start0:
            return None
        from0 = max(from0, piece.pos0 + piece.length)
        skip_before = True
    pairs = read.aligned(from0, to0)
    if not pairs:
        return None
    first, last = pairs[0], pairs[-1]
    extend_left, extend_right = 0, 0
    if not allele.is_substitution:
        if first[0] == read.start0 and not skip_before:
            extend_left = min(read.soft_left, first[0] - window0)
        if last[0] == read.end0 - 1 and not skip_after:
            extend_right = min(read.soft_right, window_end0 - 1 - last[0])
    leftmost0, rightmost0 = allele.start0, allele.end0 - 1
    if allele.is_pure_indel:
        leftmost0, rightmost0 = allele.start0 - 1, allele.shift_end0
    if first[0] - extend_left > rightmost0 or last[0] + extend_right < leftmost0:
        return None
    event = next((pair for pair in pairs if pair[0] >= allele.start0), None)
    return Covering(
        first=first,
        last=last,
        from_index=first[1] - extend_left,
        to_index=last[1] + extend_right + 1,
        event_index=event[1] if event else last[1],
        aligned=event is not None and event[0] == allele.start0,
    )


def _spans(read: Read, allele: Allele) -> bool:
    """Whether a read is aligned across the whole shift range, with one base on either side of a pure indel."""
    beside = 1 if allele.is_pure_indel else 0
    return read.start0 <= allele.start0 - beside and read.end0 >= allele.shift_end0 + beside


def _column_margin(read: Read, allele: Allele, contig: Contig) -> int:
    """For substitutions: qualities of the aligned bases that are ALT's minus those that are REF's."""
    margin = 0
    for pos0, index in read.aligned(allele.start0, allele.end0):
        reference, alternate = contig.base(pos0), allele.alt[pos0 - allele.start0]
        quality = min(read.qualities[index], MAX_MISMATCH)
        if reference != alternate and read.bases[index] == alternate:
            margin += quality
        elif reference != alternate and read.bases[index] == reference:
            margin -= quality
    return margin


def _costs(read: Read, covering: Covering, haplotype: Haplotype, offset: int) -> list[int]:
    """Cost of each compared base where the first one lies at haplotype index `offset`."""
    costs = []
    for step, index in enumerate(range(covering.from_index, covering.to_index)):
        at = offset + step
        expected = haplotype.bases[at] if 0 <= at < len(haplotype.bases) else "N"
        differs = read.bases[index] != expected and "N" not in (read.bases[index], expected)
        costs.append(min(read.qualities[index], MAX_MISMATCH) if differs else 0)
    return costs


def haplotype_cost(read: Read, covering: Covering, haplotype: Haplotype) -> int:
    """Cost of explaining a read by one haplotype: anchored at its left end, at its right end, or both with one gap between.

    An anchor holds where the end lies outside of what the haplotype changes; where none holds, the left end's place is taken.
    """
    left_holds = haplotype.first0 is None or covering.first[0] < haplotype.first0
    right_holds = haplotype.last0 is None or covering.last[0] >= haplotype.last0
    left_offset = covering.first[0] - haplotype.origin0 - (covering.first[1] - covering.from_index)
    right_offset = covering.last[0] + haplotype.delta - haplotype.origin0 - (covering.last[1] - covering.from_index)
    left = _costs(read, covering, haplotype, left_offset)
    right = _costs(read, covering, haplotype, right_offset)
    choices = [MAX_COST]
    if left_holds or not right_holds:
        choices.append(sum(left))
    if right_holds:
        choices.append(sum(right))
    if left_holds and right_holds and left_offset != right_offset:
        cost = sum(right)
        choices.append(cost + GAP)
        for of_left, of_right in zip(left, right, strict=True):
            cost += of_left - of_right
            choices.append(cost + GAP)
    return min(choices)


def _haplotype_margin(read: Read, covering: Covering, haplotypes: Sequence[Haplotype]) -> int:
    """Best explanation without the allele minus best explanation with it."""
    costs = [(haplotype.has_allele, haplotype_cost(read, covering, haplotype)) for haplotype in haplotypes]
    return min(cost for has, cost in costs if not has) - min(cost for has, cost in costs if has)


def _shows_third_base(site_read: SiteRead, allele: Allele, contig: Contig) -> bool:
    """For alleles that replace one base: a good base that is neither REF's nor ALT's."""
    covering, read = site_read.covering, site_read.read
    if not covering.aligned or allele.n_replaced != 1:
        return False
    base, quality = read.bases[covering.event_index], read.qualities[covering.event_index]
    alternate = allele.alt[0] if allele.alt else ""
    return base != "N" and quality >= INFORMATIVE and base not in (contig.base(allele.start0), alternate)


def _note_indels(site_read: SiteRead, allele: Allele, indels: Sequence[Indel]) -> None:
    """Whether the alignment carries the allele, or another indel that touches its shift range."""
    for indel in indels:
        if is_the_allele(indel, allele):
            site_read.exact_indel = True
            site_read.indel_shift = indel.read_pos0 - indel.pos0
        elif indel.pos0 <= allele.shift_end0 and indel.end0 >= allele.start0:
            site_read.third = True


def _count_mates_once(site_reads: Sequence[SiteRead]) -> tuple[int, int]:
    """Of all reads of one name keep the one that says most, the first of equals; one that is contradicted does not inform.

    Returns how often two agree and contradict each other.
    """
    n_agree, n_contradict = 0, 0
    for slots in of_one_name([one.read for one in site_reads]):
        kept = site_reads[slots[0]]
        for slot in slots[1:]:
            other = site_reads[slot]
            both = abs(kept.margin) >= INFORMATIVE and abs(other.margin) >= INFORMATIVE
            if both and kept.margin * other.margin < 0:
                n_contradict += 1
                kept.group, other.group = UNINFORMATIVE, MATE_COUNTED
                continue
            n_agree += both
            if abs(other.margin) > abs(kept.margin):
                kept, other = other, kept
            other.group = MATE_COUNTED
    return n_agree, n_contradict


def weigh(allele: Allele, contig: Contig, reads: Sequence[Read], indels: Sequence[Sequence[Indel]]) -> Site:
    """The reads that cover an allele with margins and groups. indels: of each read."""
    slot_of_read: dict[int, int] = {}
    site_reads: list[SiteRead] = []
    for index, read in enumerate(reads):
        covering = cover(read, allele) if read.bases else None
        if covering is not None:
            slot_of_read[index] = len(site_reads)
            site_reads.append(SiteRead(read, covering, _spans(read, allele)))
    indels_of_slots = [indels[index] for index in slot_of_read]
    nearby = find_nearby(allele, indels_of_slots)
    by_column = allele.is_substitution and not nearby.chosen
    haplotypes = [] if by_column else build_haplotypes(contig, allele, nearby.chosen)
    for site_read, carried in zip(site_reads, indels_of_slots, strict=True):
        column_margin = _column_margin(site_read.read, allele, contig) if allele.is_substitution else 0
        margin = column_margin if by_column else _haplotype_margin(site_read.read, site_read.covering, haplotypes)
        site_read.margin = min(max(margin, -MAX_MARGIN), MAX_MARGIN)
        if abs(site_read.margin) >= INFORMATIVE:
            site_read.group = SUPPORTS_ALT if site_read.margin > 0 else SUPPORTS_REF
        site_read.third = _shows_third_base(site_read, allele, contig)
        _note_indels(site_read, allele, carried)
        site_read.literal = column_margin > 0 if allele.is_substitution else site_read.exact_indel
    n_agree, n_contradict = _count_mates_once(site_reads)
    return Site(tuple(site_reads), n_agree, n_contradict, nearby)
