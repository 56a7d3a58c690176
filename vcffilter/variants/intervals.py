"""Intervals of a contig, and the regions and BED files that they come from (0-based, half-open, sorted, disjoint).

Syntax and file formats as in bcftools. Opens region files; must not know variants.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vcffilter.errors import RegionError

#: End of a region that has none.
UNBOUNDED = 2**31 - 2
#: POS 0, a telomere, is legal (VCF 4.4, section 1.6.1): the smallest POS - 1.
FIRST_POS0 = -1
# htslib's last position: a coordinate beyond it means the end of the contig, whatever its digits.
_LAST_POS0 = ((2**31 - 1) << 32) | (2**31 - 1)
# One region of a list: commas within braces belong to it.
_PART = re.compile(r"(?:\{[^}]*\}|[^,{])+|,")


class Intervals:
    """Sorted, disjoint, half-open intervals on one contig: start0, end0, int64 (n,), 0-based.

    Made of spans (start0, end0) in any order: empty ones are left out, those that overlap or touch are joined.
    """

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        joined: list[list[int]] = []
        for start0, end0 in sorted(span for span in spans if span[0] < span[1]):
            if joined and start0 <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], end0)
            else:
                joined.append([start0, end0])
        table = np.array(joined, dtype=np.int64).reshape(-1, 2)
        self.start0: np.ndarray = table[:, 0].copy()
        self.end0: np.ndarray = table[:, 1].copy()

    def contains(self, start0: int, end0: int) -> bool:
        """Whether all of [start0, end0) lies inside one interval; an empty range is the base at start0."""
        index = int(self.start0.searchsorted(start0, "right")) - 1
        return index >= 0 and max(end0, start0 + 1) <= int(self.end0[index])

    def overlaps(self, start0: int, end0: int) -> bool:
        """Whether [start0, end0) shares a base with one of the intervals; an empty range is the base at start0."""
        index = int(self.start0.searchsorted(max(end0 - 1, start0), "right")) - 1
        return index >= 0 and start0 < int(self.end0[index])


EMPTY = Intervals()


@dataclass(frozen=True)
class Regions:
    """Intervals per contig, contigs in order of appearance. excluded: keep what is outside instead."""

    by_contig: dict[str, Intervals]
    excluded: bool = False

    def on(self, contig: str) -> Intervals:
        """Intervals on a contig; none when it is not named."""
        return self.by_contig.get(contig, EMPTY)


def regions_from_text(text: str) -> Regions:
    """Regions "chr", "chr:pos", "chr:beg-end", "chr:beg-", comma-separated, 1-based inclusive; a leading "^" excludes.

    A contig whose name holds colons or commas is written "{name}" or "{name}:beg-end". Raises RegionError.
    """
    excluded, text = _excluded(text)
    parts = (part.strip(",") for part in _PART.findall(text))
    return Regions(_by_contig(parse_region(part) for part in parts if part), excluded)


def regions_from_file(path: str) -> Regions:
    """Regions of a file: BED (*.bed[.gz], 0-based), VCF (*.vcf[.gz]: POS and REF), or "CHROM POS [END]" (1-based).

    A leading "^" excludes. Raises RegionError.
    """
    excluded, path = _excluded(path)
    bare = path.removesuffix(".gz")
    kind = "bed" if bare.endswith(".bed") else "vcf" if bare.endswith(".vcf") else "table"
    return Regions(_by_contig(_read_region_file(path, kind)), excluded)


def read_bed(path: str | Path) -> dict[str, Intervals]:
    """Intervals of a BED file (plain or gzip, whatever its name) by contig. Raises RegionError."""
    return _by_contig(_read_region_file(str(path), "bed"))


def _excluded(text: str) -> tuple[bool, str]:
    return text.startswith("^"), text.removeprefix("^")


def parse_region(text: str) -> tuple[str, int, int]:
    """(contig, start0, end0) of one region, as in `regions_from_text`; numbers may have commas. Raises RegionError."""
    if text.startswith("{") and "}" in text:
        contig, _, span = text[1:].partition("}")
        span = span.removeprefix(":")
    else:
        contig, colon, span = text.rpartition(":")
        if not colon:
            contig, span = text, ""
    if not contig:
        raise RegionError(f"region '{text}' names no contig", hint="Write regions as chr20:1000-2000")
    if not span:
        return contig, FIRST_POS0, UNBOUNDED
    first, dash, last = span.partition("-")
    try:
        start1 = _number(first.replace(",", ""))
        end1 = _number(last.replace(",", "")) if last else (UNBOUNDED if dash else start1)
    except ValueError:
        raise RegionError(
            f"region '{text}' cannot be understood", hint="Write regions as chr20, chr20:1000 or chr20:1000-2000"
        ) from None
    if start1 < 1 or end1 < start1:
        raise RegionError(f"region '{text}' is empty", hint="Positions count from 1, and the end is not before the start")
    return contig, start1 - 1, end1


def _number(text: str) -> int:
    """A position. Python's int also takes signs, underscores and other scripts' digits, which bcftools does not."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is no position")
    return min(int(text), _LAST_POS0)


def _read_region_file(path: str, kind: str) -> Iterator[tuple[str, int, int]]:
    try:
        # Opened once: the file may be a pipe.
        with open(path, "rb") as raw:
            unpacked = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw
            lines = io.TextIOWrapper(unpacked, encoding="utf-8")
            for line_number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith(("#", "track", "browser")):
                    yield _parse_line(line, kind, path, line_number)
    except OSError as error:
        raise RegionError(f"the regions cannot be read: {error.strerror or error}", path=path) from error
    except (EOFError, UnicodeDecodeError, zlib.error) as error:
        raise RegionError(f"the regions cannot be read: {error}", path=path) from error


def _parse_line(line: str, kind: str, path: str, line_number: int) -> tuple[str, int, int]:
    fields = line.rstrip("\r\n").split("\t")
    if len(fields) == 1:
        fields = line.split()
    try:
        if kind == "bed":
            start0, end0 = _number(fields[1]), _number(fields[2])
        elif kind == "vcf":
            start0 = _number(fields[1]) - 1
            end0 = start0 + len(fields[3])
        else:
            start0 = _number(fields[1]) - 1
            end0 = _number(fields[2]) if len(fields) > 2 else start0 + 1
    except (IndexError, ValueError):
        raise RegionError(
            f"line {line_number} is no region: {line.strip()[:60]!r}",
            path=path,
            hint="A BED line holds contig, start (0-based) and end"
            if kind == "bed"
            else "BED files end in .bed; others hold CHROM, POS and END, tab-separated",
        ) from None
    if start0 < 0 or end0 < start0:
        raise RegionError(f"line {line_number}: the end is before the start, or the start is negative", path=path)
    return fields[0], start0, end0


def _by_contig(spans: Iterable[tuple[str, int, int]]) -> dict[str, Intervals]:
    collected: dict[str, list[tuple[int, int]]] = {}
    for contig, start0, end0 in spans:
        collected.setdefault(contig, []).append((start0, end0))
    return {contig: Intervals(intervals) for contig, intervals in collected.items()}
