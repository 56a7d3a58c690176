"""Places reads as an aligner would, not as the truth is: clipped ends, mismatches instead of gaps near ends, shifted gaps, MAPQ.

Starts from where each base really comes from and worsens that. Scores are those of common short-read aligners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.simulation.artefacts import ArtefactPlan
from vcffilter.simulation.fragments import Fragments, TemplatePool
from vcffilter.simulation.haplotypes import NO_POSITION
from vcffilter.simulation.reference import Reference
from vcffilter.simulation.sequencing import ReadBatch

_MATCH, _MISMATCH, _GAP_OPEN, _GAP_EXTEND, _END_BONUS = 1, -4, -6, -1, 5
#: A skip of the reference at least this long is an intron when reads are spliced: it costs a fixed sum.
INTRON_LENGTH = 60
_INTRON_COST = -8
_END_WINDOW = 40
_CLIP_WINDOW = 250
_FEWEST_ALIGNED = 30


@dataclass(frozen=True)
class Placement:
    """What the aligner says of each read: mapq int32 (n,); is_mapped bool (n,). Positions stand in the batch."""

    mapq: np.ndarray
    is_mapped: np.ndarray


def place_reads(
    rng: np.random.Generator,
    batch: ReadBatch,
    fragments: Fragments,
    pool: TemplatePool,
    reference: Reference,
    plan: ArtefactPlan,
    shifted_gap_share: float,
) -> Placement:
    """Rewrites batch.ref_pos0 in place and gives mapping qualities."""
    distinct = _send_to_partner(rng, batch, reference)
    _refine_ends(batch, reference)
    _shift_gaps(rng, batch, reference, shifted_gap_share)
    aligned = np.bincount(batch.read_of_base, batch.ref_pos0 >= 0, len(batch))
    is_mapped = aligned >= np.minimum(_FEWEST_ALIGNED, batch.length)
    return Placement(_mapping_qualities(rng, batch, fragments, pool, reference, plan, distinct), is_mapped)


def mismatches(batch: ReadBatch, reference: Reference) -> np.ndarray:
    """bool (total,): the base stands on a reference base that is not the same."""
    # NO_POSITION reads some base; the first condition takes it out again.
    return (batch.ref_pos0 >= 0) & (reference.bases[batch.ref_pos0] != batch.bases)


def _send_to_partner(rng: np.random.Generator, batch: ReadBatch, reference: Reference) -> np.ndarray:
    """Pairs that lie in a segmental duplication and hardly differ from the other copy: some are placed there.

    Returns int64 (n,): bases by which the pair tells the two copies apart; a large number outside of duplications.
    """
    position = batch.ref_pos0
    partner = np.where(position >= 0, reference.partner_pos0[position], -1)
    in_copy = np.bincount(batch.read_of_base, partner >= 0, len(batch))
    aligned = np.bincount(batch.read_of_base, position >= 0, len(batch))
    differs = (partner >= 0) & (reference.bases[position] != reference.bases[partner])
    n_differs = np.bincount(batch.read_of_base, differs, len(batch)).astype(np.int64)
    ambiguous = (in_copy >= 0.95 * aligned) & (aligned > 0)
    is_pair = len(batch) % 2 == 0 and bool(len(batch)) and bool(np.array_equal(batch.fragment[::2], batch.fragment[1::2]))
    if is_pair:
        ambiguous = np.repeat(ambiguous.reshape(-1, 2).all(axis=1), 2)
        n_differs = np.repeat(n_differs.reshape(-1, 2).sum(axis=1), 2)
    n_differs[~ambiguous] = 1_000
    chance = np.select([n_differs == 0, n_differs == 1, n_differs == 2, n_differs == 3], [0.5, 0.06, 0.015, 0.004], 0.0)
    draw = rng.random(len(batch))
    if is_pair:
        draw = np.repeat(draw[::2], 2)
    for read in np.flatnonzero(draw < chance):
        span = slice(int(batch.offset[read]), int(batch.offset[read + 1]))
        there = partner[span][partner[span] >= 0]
        # A read over the border of two duplications would be torn apart.
        if (np.diff(there) > 0).all() and there[-1] - there[0] < 2 * len(partner[span]):
            batch.ref_pos0[span] = partner[span]
    return n_differs


def _breaks(batch: ReadBatch) -> np.ndarray:
    """Flat indices of bases that do not follow the base before them in the same read one reference base on."""
    position = batch.ref_pos0
    before = position[:-1]
    apart = (position[1:] != before + 1) & ((position[1:] >= 0) | (before >= 0)) & (batch.within[1:] > 0)
    # A base after a foreign one has before == NO_POSITION: position 0 would look like its successor.
    apart |= (before < 0) & (position[1:] >= 0) & (batch.within[1:] > 0)
    return np.flatnonzero(apart) + 1


def _refine_ends(batch: ReadBatch, reference: Reference) -> None:
    """Both ends of every read that is not plainly aligned there."""
    wrong = mismatches(batch, reference)
    from_right = batch.length[batch.read_of_base] - 1 - batch.within
    breaks = _breaks(batch)
    for near, reverse in ((batch.within, True), (from_right, False)):
        odd = np.zeros(len(batch), np.int64)
        odd += np.bincount(batch.read_of_base, wrong & (near < 20), len(batch)).astype(np.int64)
        close = breaks[near[breaks] < _END_WINDOW]
        odd += 2 * np.bincount(batch.read_of_base[close], minlength=len(batch))
        ends = batch.offset[:-1] if reverse else batch.offset[1:] - 1
        odd += 2 * (batch.ref_pos0[ends] < 0)
        for read in np.flatnonzero(odd >= 2):
            span = slice(int(batch.offset[read]), int(batch.offset[read + 1]))
            if reverse:
                _refine_tail(batch.bases[span][::-1], batch.ref_pos0[span][::-1], reference.bases, -1)
            else:
                _refine_tail(batch.bases[span], batch.ref_pos0[span], reference.bases, 1)


def _refine_tail(bases: np.ndarray, position: np.ndarray, reference: np.ndarray, step: int) -> None:
    """The last bases of one read in the direction `step`; `position` is a view and is written to."""
    aligned = np.flatnonzero(position >= 0)
    if not len(aligned):
        return
    last = int(aligned[-1])
    start = max(0, min(last, len(bases)) - _CLIP_WINDOW)
    if last < len(bases) - 1:
        # The aligner would go on along the diagonal and then decide where to clip.
        onward = position[last] + step * np.arange(1, len(bases) - last)
        position[last + 1 :] = np.where((onward >= 0) & (onward < len(reference)), onward, NO_POSITION)
    for _ in range(2):
        if not _close_last_gap(bases, position, reference, step):
            break
    score = _running_score(bases[start:], position[start:], reference, step)
    best = int(np.argmax(score))
    if score[best] > score[-1] + _END_BONUS:
        position[start + best + 1 :] = NO_POSITION


def _close_last_gap(bases: np.ndarray, position: np.ndarray, reference: np.ndarray, step: int) -> bool:
    """Writes mismatches instead of the last gap where that scores at least as well. Returns whether it did."""
    first = max(1, len(bases) - _END_WINDOW)
    apart = np.flatnonzero(position[first:] != position[first - 1 : -1] + step)
    if not len(apart):
        return False
    at = first + int(apart[-1])
    before = at - 1
    while before > 0 and position[before] < 0:
        before -= 1
    if position[before] < 0:
        return False
    onward = position[before] + step * np.arange(1, len(bases) - before)
    if onward[-1] < 0 or onward[-1] >= len(reference):
        return False
    tail = slice(before + 1, None)
    gapped = _running_score(bases[before:], position[before:], reference, step)
    straight = _running_score(bases[tail], onward, reference, step) + _MATCH
    if max(straight.max(), straight[-1] + _END_BONUS) < max(gapped.max(), gapped[-1] + _END_BONUS):
        return False
    position[tail] = onward
    return True


def _running_score(bases: np.ndarray, position: np.ndarray, reference: np.ndarray, step: int) -> np.ndarray:
    """Alignment score of each prefix, float64 (n,)."""
    here = position >= 0
    score = np.where(here, np.where(reference[position] == bases, _MATCH, _MISMATCH), _GAP_EXTEND).astype(np.float64)
    score[1:][~here[1:] & here[:-1]] += _GAP_OPEN
    known = np.flatnonzero(here)
    skipped = np.diff(position[known]) * step - 1
    has_skip = skipped > 0
    cost = np.where(skipped >= INTRON_LENGTH, _INTRON_COST, _GAP_OPEN + _GAP_EXTEND * skipped)
    score[known[1:][has_skip]] += cost[has_skip]
    return np.cumsum(score)


def _shift_gaps(rng: np.random.Generator, batch: ReadBatch, reference: Reference, share: float) -> None:
    """Some gaps are written further right than they could be."""
    position = batch.ref_pos0
    breaks = _breaks(batch)
    opens = breaks[position[breaks - 1] >= 0]
    for at in opens[rng.random(len(opens)) < share]:
        end = int(batch.offset[batch.read_of_base[at] + 1])
        size = 0
        while at + size < end and position[at + size] < 0:
            size += 1
        if at + size >= end:
            continue
        steps = int(rng.integers(1, 13))
        if size == 0:
            _shift_deletion(batch.bases, position, reference.bases, int(at), end, steps)
        elif position[at + size] == position[at - 1] + 1:
            _shift_insertion(batch.bases, position, reference.bases, int(at), size, end, steps)


def _shift_deletion(bases: np.ndarray, position: np.ndarray, reference: np.ndarray, at: int, end: int, steps: int) -> None:
    for i in range(at, min(at + steps, end - 8)):
        onward = position[i - 1] + 1
        if position[i + 1] != position[i] + 1 or reference[onward] != bases[i]:
            break
        position[i] = onward


def _shift_insertion(
    bases: np.ndarray, position: np.ndarray, reference: np.ndarray, at: int, size: int, end: int, steps: int
) -> None:
    for i in range(at, min(at + steps, end - size - 8)):
        onward = position[i - 1] + 1
        if position[i + size] != onward or reference[onward] != bases[i]:
            break
        position[i], position[i + size] = onward, NO_POSITION


def _mapping_qualities(
    rng: np.random.Generator,
    batch: ReadBatch,
    fragments: Fragments,
    pool: TemplatePool,
    reference: Reference,
    plan: ArtefactPlan,
    distinct: np.ndarray,
) -> np.ndarray:
    count = len(batch)
    mapq = np.full(count, 60, np.int32)
    lower = rng.random(count)
    mapq = np.where(lower < 0.015, rng.integers(20, 60, count), mapq)
    mapq = np.where(lower < 0.003, rng.integers(0, 25, count), mapq)
    aligned = np.bincount(batch.read_of_base, batch.ref_pos0 >= 0, count)
    wrong = np.bincount(batch.read_of_base, mismatches(batch, reference), count)
    poor = (aligned - 5 * wrong) < 0.65 * batch.length
    mapq = np.where(poor & (rng.random(count) < 0.7), rng.integers(10, 60, count), mapq)
    caps = np.array([template.mapq_cap for template in pool.templates])
    varies = np.array([template.mapq_varies for template in pool.templates])
    template = fragments.template[batch.fragment]
    drawn = np.where(varies[template], rng.integers(0, 61, count) * caps[template] // 60, caps[template])
    mapq = np.minimum(mapq, drawn)
    middle = batch.ref_pos0[(batch.offset[:-1] + batch.offset[1:]) // 2]
    mean = np.where(middle >= 0, plan.low_mapq[middle], np.nan)
    low = ~np.isnan(mean)
    mapq = np.where(low, np.minimum(mapq, rng.poisson(np.where(low, mean, 0))), mapq)
    by_distinct = np.select([distinct == 0, distinct <= 3, distinct <= 8], [0, 9 * distinct, 25 + 4 * distinct], 60)
    return np.minimum(mapq, by_distinct).astype(np.int32)
