"""Two filtered files of one call set compared in one pass: which ALTs crossed the cut, and whether score or cut moved them.

Memory does not grow with the files. Knows neither pages nor plots.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from vcffilter.errors import VariantFileError
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.selection import caller_score, trimmed
from vcffilter.report.tally import DEPTH_BORDERS, DEPTH_NAMES, TYPES

#: Columns of `Comparison.by_type_and_depth`.
MOVES = ("pass in both", "fail in both", "newly fail", "newly pass")
BOTH_PASS, BOTH_FAIL, NEWLY_FAIL, NEWLY_PASS = range(4)
#: Why an ALT crossed: what alone would have moved it.
BY_SCORE, BY_CUT, BY_EITHER, BY_BOTH = "its score", "the cut", "score and cut, each alone", "only score and cut together"
#: Borders of the bands of log-odds after minus log-odds before.
SHIFT_BORDERS = (-4.0, -2.0, -1.0, -0.25, 0.25, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Crossing:
    """An ALT that crossed the cut."""

    before: CallFacts
    after: CallFacts

    @property
    def newly_fails(self) -> bool:
        """False: it newly passes."""
        return self.after.verdict == "fails"

    @property
    def cause(self) -> str:
        """BY_SCORE, BY_CUT, BY_EITHER or BY_BOTH; "" where a threshold is not known."""
        cuts = self.before.threshold, self.after.threshold
        if cuts[0] is None or cuts[1] is None:
            return ""
        by_score = (self.after.probability < cuts[0]) == self.newly_fails
        by_cut = (self.before.probability < cuts[1]) == self.newly_fails
        return {(True, True): BY_EITHER, (True, False): BY_SCORE, (False, True): BY_CUT}.get((by_score, by_cut), BY_BOTH)


@dataclass
class Comparison:
    """What moved between two files.

    by_type_and_depth: int64 (len(TYPES), len(DEPTH_NAMES), len(MOVES)), ALTs scored in both. shifts: int64 (len(SHIFT_BORDERS)
    + 1,). causes, reasons: of crossings; reasons of what newly fails as the second file has them, and of what newly passes as the
    first has them. only_first, only_second: ALTs that the other file lacks. scored_in_one: ALTs with a score in one file alone.
    newly_fail, newly_pass: those that the caller was surest of.
    """

    by_type_and_depth: np.ndarray = field(default_factory=lambda: np.zeros((len(TYPES), len(DEPTH_NAMES), len(MOVES)), np.int64))
    shifts: np.ndarray = field(default_factory=lambda: np.zeros(len(SHIFT_BORDERS) + 1, np.int64))
    causes: Counter[tuple[bool, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[bool, str]] = field(default_factory=Counter)
    only_first: int = 0
    only_second: int = 0
    scored_in_one: int = 0
    newly_fail: list[Crossing] = field(default_factory=list)
    newly_pass: list[Crossing] = field(default_factory=list)

    def moved(self, move: int) -> int:
        """ALTs of one of MOVES."""
        return int(self.by_type_and_depth[:, :, move].sum())

    @property
    def n_both(self) -> int:
        """ALTs that are scored in both files."""
        return int(self.by_type_and_depth.sum())


def compare_calls(pairs: Iterable[tuple[CallFacts | None, CallFacts | None]], n_listed: int) -> Comparison:
    """Count what moved. pairs: as `paired_calls` makes them. n_listed: crossings kept of each direction."""
    found = Comparison()
    top = {True: _TopCrossings(n_listed), False: _TopCrossings(n_listed)}
    for before, after in pairs:
        if before is None or after is None:
            found.only_first += after is None
            found.only_second += before is None
            continue
        is_scored = [not math.isnan(call.probability) for call in (before, after)]
        if not all(is_scored):
            found.scored_in_one += any(is_scored)
            continue
        _count(found, before, after, top)
    found.newly_fail, found.newly_pass = top[True].chosen(), top[False].chosen()
    return found


def _count(found: Comparison, before: CallFacts, after: CallFacts, top: dict[bool, _TopCrossings]) -> None:
    fails = before.verdict == "fails", after.verdict == "fails"
    moves = {(False, False): BOTH_PASS, (True, True): BOTH_FAIL, (False, True): NEWLY_FAIL, (True, False): NEWLY_PASS}
    kind = TYPES.index("SNV" if len(after.ref) == len(after.alt) == 1 else "other")
    depth = int(np.searchsorted(DEPTH_BORDERS, after.n_reads or 0, side="right"))
    found.by_type_and_depth[kind, depth, moves[fails]] += 1
    shift = after.log_odds - before.log_odds
    if not math.isnan(shift):
        found.shifts[int(np.searchsorted(SHIFT_BORDERS, shift, side="right"))] += 1
    if fails[0] != fails[1]:
        crossing = Crossing(before, after)
        found.causes[crossing.newly_fails, crossing.cause or "unknown"] += 1
        failing = after if crossing.newly_fails else before
        for reason in failing.reasons or ("none given",):
            found.reasons[crossing.newly_fails, reason] += 1
        top[crossing.newly_fails].offer(crossing)


class _TopCrossings:
    """The n crossings that the caller was surest of (QUAL), the earlier first among equals."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._n_offered = 0
        self._best: list[tuple[float, int, Crossing]] = []

    def offer(self, crossing: Crossing) -> None:
        self._n_offered += 1
        entry = (caller_score(crossing.after), -self._n_offered, crossing)
        if len(self._best) < self._n:
            heapq.heappush(self._best, entry)
        elif self._n and entry[:2] > self._best[0][:2]:
            heapq.heapreplace(self._best, entry)

    def chosen(self) -> list[Crossing]:
        return [crossing for *_, crossing in sorted(self._best, key=lambda entry: entry[:2], reverse=True)]


class _Sites:
    """The calls of a file site by site, in order. Raises VariantFileError where they are not sorted."""

    def __init__(self, calls: Iterable[CallFacts], path: str, ranks: dict[str, int]) -> None:
        self._sites = groupby(calls, key=lambda call: (call.contig, call.pos1))
        self._path = path
        self._ranks = ranks
        self.place: tuple[int, int] | None = (-1, -1)
        self.calls: list[CallFacts] = []
        self.advance()

    def advance(self) -> None:
        """Go to the next site; `place` is None behind the last one."""
        following = next(self._sites, None)
        if following is None:
            self.place, self.calls = None, []
            return
        (contig, pos1), calls = following
        place = (self._ranks.setdefault(contig, len(self._ranks)), pos1)
        if self.place is not None and place < self.place:
            raise VariantFileError(
                "is not sorted, or has its contigs in another order than its header", path=self._path, contig=contig, pos1=pos1,
                hint="Sort it with: bcftools sort",
            )  # fmt: skip
        self.place, self.calls = place, list(calls)


def paired_calls(
    first: Iterable[CallFacts], second: Iterable[CallFacts], paths: tuple[str, str], contigs: Sequence[str]
) -> Iterator[tuple[CallFacts | None, CallFacts | None]]:
    """ALTs of two sorted files side by side, None where one lacks it. contigs: in the order of the files."""
    ranks = {contig: rank for rank, contig in enumerate(contigs)}
    one, other = _Sites(first, paths[0], ranks), _Sites(second, paths[1], ranks)
    while one.place is not None or other.place is not None:
        if other.place is None or (one.place is not None and one.place < other.place):
            yield from ((call, None) for call in one.calls)
            one.advance()
        elif one.place is None or other.place < one.place:
            yield from ((None, call) for call in other.calls)
            other.advance()
        else:
            yield from _matched(one.calls, other.calls)
            one.advance()
            other.advance()


def _matched(first: Sequence[CallFacts], second: Sequence[CallFacts]) -> Iterator[tuple[CallFacts | None, CallFacts | None]]:
    """ALTs of one site by their alleles."""
    left: dict[tuple[str, int, str, str], list[CallFacts]] = {}
    for call in second:
        left.setdefault(_allele(call), []).append(call)
    for call in first:
        others = left.get(_allele(call))
        yield call, others.pop(0) if others else None
    yield from ((None, call) for others in left.values() for call in others)


def _allele(call: CallFacts) -> tuple[str, int, str, str]:
    return trimmed(call.contig, call.pos1, call.ref, call.alt)
