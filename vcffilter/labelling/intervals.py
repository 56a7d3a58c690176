"""Sorted, merged intervals of one contig, and the BED files they come from. Must not know variants."""

from __future__ import annotations

import gzip
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from vcffilter.errors import RegionError


class Intervals:
    """Merged half-open intervals of one contig (0-based)."""

    def __init__(self, intervals: Iterable[tuple[int, int]]) -> None:
        self.starts0: list[int] = []
        self.ends0: list[int] = []
        for start0, end0 in sorted(intervals):
            if end0 <= start0:
                continue
            if self.ends0 and start0 <= self.ends0[-1]:
                self.ends0[-1] = max(self.ends0[-1], end0)
            else:
                self.starts0.append(start0)
                self.ends0.append(end0)

    def contains(self, start0: int, end0: int) -> bool:
        """True when all of [start0, end0) lies inside one interval; an empty range is the base at start0."""
        index = bisect_right(self.starts0, start0) - 1
        return index >= 0 and max(end0, start0 + 1) <= self.ends0[index]


def read_bed(path: str | Path) -> dict[str, Intervals]:
    """Intervals of a BED file (plain or gzip) by contig.

    Raises RegionError with the line number for lines that are not contig, start, end.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    opener = gzip.open if str(path).endswith((".gz", ".bgz")) else open
    try:
        with opener(path, "rt") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip() or line.startswith(("#", "track", "browser")):
                    continue
                fields = line.split()
                try:
                    found.setdefault(fields[0], []).append((int(fields[1]), int(fields[2])))
                except (IndexError, ValueError) as error:
                    raise RegionError(
                        f"line {number} is not a BED line: {line.strip()[:80]!r}",
                        path=str(path),
                        hint="A BED line holds contig, start (0-based), end, separated by tabs",
                    ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RegionError(f"cannot be read ({error})", path=str(path)) from error
    return {contig: Intervals(intervals) for contig, intervals in found.items()}
