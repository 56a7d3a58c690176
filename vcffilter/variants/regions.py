"""Regions of -r/-R and -t/-T: what the user wrote -> sorted, disjoint, half-open intervals (0-based) per contig.

Syntax and file formats as in bcftools. Opens region files, never the VCF itself.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from vcffilter.errors import RegionError

#: End of a region that has none.
UNBOUNDED = 2**31 - 2
# One region of a list: commas within braces belong to it.
_PART = re.compile(r"(?:\{[^}]*\}|[^,{])+|,")


#: POS 0, a telomere, is legal (VCF 4.4, section 1.6.1): the smallest POS - 1.
FIRST_POS0 = -1


@dataclass(frozen=True)
class Intervals:
    """Sorted, disjoint, half-open intervals on one contig: start0, end0, int64 (n,), 0-based."""

    start0: np.ndarray
    end0: np.ndarray


@dataclass(frozen=True)
class Regions:
    """Intervals per contig, contigs in order of appearance. excluded: keep what is outside instead."""

    by_contig: dict[str, Intervals]
    excluded: bool = False

    def on(self, contig: str) -> Intervals:
        """Intervals on a contig; none when it is not named."""
        return self.by_contig.get(contig, EMPTY)


EMPTY = Intervals(np.empty(0, np.int64), np.empty(0, np.int64))


def regions_from_text(text: str) -> Regions:
    """Regions "chr", "chr:pos", "chr:beg-end", "chr:beg-", comma-separated, 1-based inclusive; a leading "^" excludes.

    A contig whose name holds colons or commas is written "{name}" or "{name}:beg-end". Raises RegionError.
    """
    excluded, text = _excluded(text)
    parts = (part.strip(",") for part in _PART.findall(text))
    return Regions(_merge(_parse_region(part) for part in parts if part), excluded)


def regions_from_file(path: str) -> Regions:
    """Regions of a file: BED (*.bed[.gz], 0-based), VCF (*.vcf[.gz]: POS and REF), or "CHROM POS [END]" (1-based).

    A leading "^" excludes. Raises RegionError.
    """
    excluded, path = _excluded(path)
    return Regions(_merge(_read_region_file(path)), excluded)


def _excluded(text: str) -> tuple[bool, str]:
    return text.startswith("^"), text.removeprefix("^")


def _parse_region(text: str) -> tuple[str, int, int]:
    """(contig, start0, end0) of one region."""
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
        start1 = int(first)
        end1 = int(last) if last else (UNBOUNDED if dash else start1)
    except ValueError:
        raise RegionError(
            f"region '{text}' cannot be understood", hint="Write regions as chr20, chr20:1000 or chr20:1000-2000"
        ) from None
    if start1 < 1 or end1 < start1:
        raise RegionError(f"region '{text}' is empty", hint="Positions count from 1, and the end is not before the start")
    return contig, start1 - 1, end1


def _read_region_file(path: str) -> Iterator[tuple[str, int, int]]:
    bare = path.removesuffix(".gz")
    kind = "bed" if bare.endswith(".bed") else "vcf" if bare.endswith(".vcf") else "table"
    try:
        with open(path, "rb") as probe:
            compressed = probe.read(2) == b"\x1f\x8b"
        opener = gzip.open if compressed else open
        with opener(path, "rt", encoding="utf-8") as lines:
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
            start0, end0 = int(fields[1]), int(fields[2])
        elif kind == "vcf":
            start0 = int(fields[1]) - 1
            end0 = start0 + len(fields[3])
        else:
            start0 = int(fields[1]) - 1
            end0 = int(fields[2]) if len(fields) > 2 else start0 + 1
    except (IndexError, ValueError):
        raise RegionError(
            f"line {line_number} is no region: {line.strip()[:60]!r}",
            path=path,
            hint="BED files end in .bed; others hold CHROM, POS and END, tab-separated",
        ) from None
    if start0 < 0 or end0 < start0:
        raise RegionError(f"line {line_number}: the end is before the start, or the start is negative", path=path)
    return fields[0], start0, end0


def _merge(regions: Iterable[tuple[str, int, int]]) -> dict[str, Intervals]:
    """Sort and join overlapping regions per contig."""
    collected: dict[str, list[tuple[int, int]]] = {}
    for contig, start0, end0 in regions:
        collected.setdefault(contig, []).append((start0, end0))
    merged = {}
    for contig, spans in collected.items():
        joined: list[list[int]] = []
        for start0, end0 in sorted(span for span in spans if span[0] < span[1]):
            if joined and start0 <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], end0)
            else:
                joined.append([start0, end0])
        table = np.array(joined, dtype=np.int64).reshape(-1, 2)
        merged[contig] = Intervals(table[:, 0].copy(), table[:, 1].copy())
    return merged
