"""What an index makes of calls that lie far apart: blocks inflated for one call, and CPU time, by kind of index; htslib alone.

Run: python benchmarks/index_jumps.py [--data ../shared/data] [--megabases 20]
"""

from __future__ import annotations

import bisect
import os
import struct
import time
from pathlib import Path

import pysam
from common import Report, Table, parser
from stages import HtslibReader, chunk_intervals, read_chunks
from workloads import DENSE_SPACING, describe, sample, thinned_calls

from vcffilter.kernels.htslib import load_htslib
from vcffilter.variants.allele_chunk import AlleleChunk

#: Size of a CSI's smallest bins, log2; None = BAI.
_INDEXES = (None, 14, 13, 12, 11, 10)
_SPACINGS = (DENSE_SPACING, 10_000, 100_000)
_WINDOW_SHIFT = 14


def indexed(reads: Path, work: Path, shift: int | None) -> Path:
    """A link to the BAM with an index of a kind beside it."""
    folder = work / f"index-{reads.parent.name}-{'bai' if shift is None else shift}"
    link = folder / "reads.bam"
    if not link.exists():
        folder.mkdir(parents=True, exist_ok=True)
        os.symlink(reads.resolve(), link)
        pysam.index(*([] if shift is None else ["-c", "-m", str(shift)]), str(link))
    return link


class Blocks:
    """Where a BAM's blocks and a BAI's windows begin, on the first contig."""

    def __init__(self, path: Path) -> None:
        self._window_offset = _linear_index(Path(f"{path}.bai"))
        first_pos0: dict[int, int] = {}
        with pysam.AlignmentFile(str(path)) as reads:
            offset = reads.tell()
            for read in reads:
                first_pos0.setdefault(offset >> 16, read.reference_start)
                offset = reads.tell()
        self._addresses, self._first_pos0 = list(first_pos0), list(first_pos0.values())

    def from_index(self, start0: int, end0: int) -> int:
        """Blocks from the place that the index names for an interval to the interval's end."""
        first = bisect.bisect_right(self._addresses, self._window_offset[start0 >> _WINDOW_SHIFT] >> 16) - 1
        return max(1, bisect.bisect_left(self._first_pos0, end0) - first)

    def with_reads(self, start0: int, end0: int, read_length: int) -> int:
        """Blocks that hold the reads of an interval."""
        first = max(0, bisect.bisect_left(self._first_pos0, start0 - read_length) - 1)
        return max(1, bisect.bisect_left(self._first_pos0, end0) - first)


def _linear_index(path: Path) -> tuple[int, ...]:
    """Virtual offset of the first read over each window of 16 kb, first contig (SAM specification, 5.2)."""
    data = path.read_bytes()
    n_bins, at = struct.unpack_from("<i", data, 8)[0], 12
    for _ in range(n_bins):
        at += 8 + 16 * struct.unpack_from("<Ii", data, at)[1]
    return struct.unpack_from(f"<{struct.unpack_from('<i', data, at)[0]}Q", data, at + 4)


def block_table(reads: Path, chunks: dict[int, list[AlleleChunk]]) -> Table:
    """Blocks of 64 kb for one call, were it alone."""
    blocks = Blocks(reads)
    with pysam.AlignmentFile(str(reads)) as alignments:
        read_length = next(alignments).query_length
    table = Table(
        "Blocks of one call (BAI; 64 kb each, uncompressed)",
        ["bases between calls", "intervals", "from the index's place to the call's end", "of these with reads of the call"],
    )
    for spacing, parts in chunks.items():
        intervals = [pair for chunk in parts for pair in zip(*(side.tolist() for side in chunk_intervals(chunk)), strict=True)]
        n = len(intervals)
        jumped = sum(blocks.from_index(*interval) for interval in intervals) / n
        needed = sum(blocks.with_reads(*interval, read_length) for interval in intervals) / n
        table.add(spacing, n, jumped, needed)
    table.note = "Calls closer than a window share the blocks: each is inflated once."
    return table


def time_table(paths: dict[str, Path], chunks: dict[int, list[AlleleChunk]], rounds: int) -> Table:
    """CPU time of the calls' reads, nothing done with them, by index."""
    htslib = load_htslib()
    readers = {name: HtslibReader(str(path), htslib) for name, path in paths.items()}
    best: dict[tuple[str, int], float] = {}
    for _ in range(rounds + 1):
        for spacing, parts in chunks.items():
            for name, reader in readers.items():
                started = time.process_time()
                for chunk in parts:
                    reader.count(chunk.contig, *chunk_intervals(chunk))
                best[name, spacing] = min(best.get((name, spacing), float("inf")), time.process_time() - started)
    table = Table(
        "Jumps by index: CPU us an allele, htslib alone (cheapest round)",
        ["index", "bytes", *(f"{spacing:,} bases apart" for spacing in chunks)],
    )
    number = {spacing: sum(chunk.n_alleles for chunk in parts) for spacing, parts in chunks.items()}
    for name, path in paths.items():
        size = sum(found.stat().st_size for suffix in ("bai", "csi") if (found := Path(f"{path}.{suffix}")).exists())
        table.add(name, size, *(1e6 * best[name, spacing] / n for spacing, n in number.items()))
    table.note = f"BAM read by {htslib.bam.origin}."
    return table


def main() -> None:
    """Print and save the tables."""
    arguments = parser(__doc__).parse_args()
    report = Report("index_jumps", arguments)
    made = sample(arguments)
    report.fact("sample", describe(made))
    chunks = {spacing: read_chunks(thinned_calls(made, spacing)[0]) for spacing in _SPACINGS}
    paths = {"BAI" if shift is None else f"CSI, -m {shift}": indexed(made.reads, arguments.work, shift) for shift in _INDEXES}
    report.add(block_table(paths["BAI"], chunks))
    report.add(time_table(paths, chunks, arguments.rounds))
    report.save()


if __name__ == "__main__":
    main()
