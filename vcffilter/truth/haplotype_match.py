"""Search for a set of calls that, with one call in it, spells the same haplotype as a set of truth alleles.

Two haplotypes, one made of calls and one of truth alleles, are grown side by side along the reference; a
path is dropped at the first base that differs, and paths that meet at the same place are merged. Must not
know files, confident regions or label names.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import heappop, heappush
from itertools import combinations
from typing import NamedTuple

from vcffilter.truth.normalise import Edit

#: Sets of calls larger than this are not tested for members that do no work (2**n haplotypes).
_MAX_CALLS_TO_REDUCE = 8


@dataclass(frozen=True)
class SearchLimits:
    """Bounds of one search.

    gap_bases: truth alleles this near to the call, or to a truth allele already taken in, take part.
    max_reach_bases: no allele further than this from the call takes part.
    max_states: paths tried for one call before giving up.
    """

    gap_bases: int = 30
    max_reach_bases: int = 1000
    max_states: int = 20_000


class MatchResult(Enum):
    """What a search found."""

    MATCH = "match"
    NO_MATCH = "no_match"
    LIMIT = "limit"


class _Trail(NamedTuple):
    """Alleles taken since the two haplotypes last agreed, newest first."""

    is_call: bool
    edit: Edit
    before: _Trail | None


class _State(NamedTuple):
    """One path: where each side stands, what it may still take, and what one side wrote beyond the other."""

    call_pos0: int
    call_next: int
    truth_pos0: int
    truth_next: int
    ahead: str
    call_is_ahead: bool
    has_wanted: bool
    has_truth: bool


class _Side:
    """Alleles of one side in order, and what may be taken from a position."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self.edits = sorted(set(edits))
        self.starts = [edit.start0 for edit in self.edits]

    def options(self, pos0: int, next_index: int) -> range:
        """Indices of the alleles that start at pos0 and may still be taken."""
        return range(max(next_index, bisect_left(self.starts, pos0)), bisect_right(self.starts, pos0))

    def after_taking(self, index: int) -> tuple[int, int]:
        """Position and next index once `index` is taken: one insertion per place, then a base edit."""
        edit = self.edits[index]
        if edit.end0 > edit.start0:
            return edit.end0, index + 1
        following = index + 1
        while following < len(self.edits) and self.edits[following].end0 == edit.start0:
            following += 1
        return edit.start0, following


def overlap(one: Edit, other: Edit) -> bool:
    """True when two edits cannot both be made: they share a reference base or start at the same place."""
    return one.start0 == other.start0 or max(one.start0, other.start0) < min(one.end0, other.end0)


def find_match(
    wanted: Edit,
    calls: Sequence[Edit],
    truth: Mapping[Edit, Sequence[Edit]],
    reference: str,
    max_states: int,
) -> MatchResult:
    """Is there a set of calls with `wanted` in it, and a set of truth alleles, that give the same sequence?

    wanted must be one of `calls`. truth: each truth allele with the calls that are that very allele
    (normalised). All edits are trimmed, in the record's own position, on the contig `reference`. Sets are of
    alleles that do not overlap. What does not count is a set of several calls in which `wanted` does no
    work: the others alone give the same, or every truth allele concerned is called as such beside them, so
    that the set only holds errors that make up for each other.
    """
    search = _Search(wanted, calls, truth, reference, max_states)
    return search.run()


class _Search:
    """State of one search; see `find_match`."""

    def __init__(
        self,
        wanted: Edit,
        calls: Sequence[Edit],
        truth: Mapping[Edit, Sequence[Edit]],
        reference: str,
        max_states: int,
    ) -> None:
        self.wanted = wanted
        self.calls = _Side(calls)
        self.truth = _Side(list(truth))
        self.called_as_such = truth
        self.reference = reference
        self.max_states = max_states
        everything = self.calls.edits + self.truth.edits
        borders = {edit.start0 for edit in everything} | {edit.end0 for edit in everything}
        self.borders = sorted(borders)
        self.wanted_index = self.calls.edits.index(wanted)
        self.seen: set[_State] = set()
        # Those with the fewest alleles first: of two ways to one place the plainer is kept.
        self.queue: list[tuple[int, int, _State, _Trail | None]] = []
        self.n_pushed = 0

    def run(self) -> MatchResult:
        start = self.borders[0]
        self._push(_State(start, 0, start, 0, "", False, False, False), None, 0)
        while self.queue:
            n_taken, _, state, trail = heappop(self.queue)
            if len(self.seen) > self.max_states:
                return MatchResult.LIMIT
            if not state.ahead and state.call_pos0 == state.truth_pos0 and trail is not None:
                # The haplotypes agree again: what was taken since the last agreement stands or falls as one
                # group.
                if state.has_wanted:
                    if state.has_truth and self._wanted_is_needed(trail):
                        return MatchResult.MATCH
                    continue
                trail = None
                if state.has_truth:
                    state = state._replace(has_truth=False)
                    if state in self.seen:
                        continue
                    self.seen.add(state)
            self._extend(state, trail, n_taken)
        return MatchResult.NO_MATCH

    def _push(self, state: _State, trail: _Trail | None, n_taken: int) -> None:
        if state in self.seen:
            return
        if not state.has_wanted and (state.call_next > self.wanted_index or state.call_pos0 > self.wanted.start0):
            return
        self.seen.add(state)
        self.n_pushed += 1
        heappush(self.queue, (n_taken, self.n_pushed, state, trail))

    def _extend(self, state: _State, trail: _Trail | None, n_taken: int) -> None:
        # The side that has written less goes on.
        grow_call = not state.call_is_ahead if state.ahead else state.call_pos0 <= state.truth_pos0
        side = self.calls if grow_call else self.truth
        pos0 = state.call_pos0 if grow_call else state.truth_pos0
        next_index = state.call_next if grow_call else state.truth_next
        border = bisect_right(self.borders, pos0)
        if border < len(self.borders):
            new_pos0 = self.borders[border]
            new_next = max(next_index, bisect_right(side.starts, pos0))
            written = self.reference[pos0:new_pos0]
            self._grow(state, trail, n_taken, grow_call, new_pos0, new_next, written)
        for index in side.options(pos0, next_index):
            edit = side.edits[index]
            new_pos0, new_next = side.after_taking(index)
            changed = state
            if not grow_call:
                changed = state._replace(has_truth=True)
            elif index == self.wanted_index:
                changed = state._replace(has_wanted=True)
            taken = _Trail(grow_call, edit, trail)
            self._grow(changed, taken, n_taken + 1, grow_call, new_pos0, new_next, edit.alt)

    def _grow(
        self,
        state: _State,
        trail: _Trail | None,
        n_taken: int,
        grow_call: bool,
        new_pos0: int,
        new_next: int,
        written: str,
    ) -> None:
        """Write bases on one side; drop the path when they differ from what the other side wrote there."""
        ahead, call_is_ahead = state.ahead, state.call_is_ahead
        if ahead and call_is_ahead != grow_call:
            shared = min(len(ahead), len(written))
            if ahead[:shared] != written[:shared]:
                return
            if len(written) > shared:
                ahead, call_is_ahead = written[shared:], grow_call
            else:
                ahead = ahead[shared:]
        else:
            ahead, call_is_ahead = ahead + written, grow_call
        if not ahead:
            call_is_ahead = False
        state = state._replace(ahead=ahead, call_is_ahead=call_is_ahead)
        if grow_call:
            state = state._replace(call_pos0=new_pos0, call_next=new_next)
        else:
            state = state._replace(truth_pos0=new_pos0, truth_next=new_next)
        self._push(state, trail, n_taken)

    def _wanted_is_needed(self, trail: _Trail) -> bool:
        """False when the truth of this set is already spelled without the wanted call; see `find_match`."""
        calls: list[Edit] = []
        truth: list[Edit] = []
        step: _Trail | None = trail
        while step is not None:
            (calls if step.is_call else truth).append(step.edit)
            step = step.before
        others = [edit for edit in calls if edit != self.wanted]
        if not others:
            return True
        if all(self._called_beside(calls, edit) for edit in truth):
            return False
        if len(others) > _MAX_CALLS_TO_REDUCE:
            return True
        first = min(edit.start0 for edit in calls + truth)
        last = max(edit.end0 for edit in calls + truth)
        target = apply_edits(truth, self.reference, first, last)
        return not any(
            apply_edits(subset, self.reference, first, last) == target
            for size in range(len(others) + 1)
            for subset in combinations(others, size)
        )

    def _called_beside(self, calls: Sequence[Edit], truth_edit: Edit) -> bool:
        """Is the truth allele itself called, by a call that could be made together with all of `calls`?"""
        return any(not any(overlap(call, other) for other in calls) for call in self.called_as_such[truth_edit])


def apply_edits(edits: Sequence[Edit], reference: str, start0: int, end0: int) -> str:
    """reference[start0:end0] with non-overlapping edits, all inside that range, applied."""
    parts = []
    pos0 = start0
    for edit in sorted(edits):
        parts.append(reference[pos0 : edit.start0])
        parts.append(edit.alt)
        pos0 = edit.end0
    parts.append(reference[pos0:end0])
    return "".join(parts)
