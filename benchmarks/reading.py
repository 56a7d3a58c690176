"""What bounds the reading of a BAM: inflating its blocks, htslib's records, and decoding for the encoder; CPU time, 1 thread.

Run: python benchmarks/reading.py [--data ../shared/data] [--htslib FILE ...]
Compares the htslib that the filter reads BAM with, pysam's own, and those given: shared objects that export htslib's API.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

from common import Report, Table, parser
from stages import HtslibReader, chunk_intervals, pysam_htslib, read_chunks
from workloads import DENSE_SPACING, describe, mix, sample, thinned_calls

from vcffilter.kernels.htslib import load_htslib
from vcffilter.kernels.htslib_library import described
from vcffilter.kernels.reads import empty_reads
from vcffilter.reads.alignment_file import AlignmentFile, ReadSelection, read_header

_BLOCK_BYTES = 1 << 16


def bgzf(path: Path) -> ctypes.CDLL:
    """A library with the signatures of its block reader set."""
    library = ctypes.CDLL(str(path))
    library.bgzf_open.restype = ctypes.c_void_p
    library.bgzf_open.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    library.bgzf_read.restype = ctypes.c_ssize_t
    library.bgzf_read.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    library.bgzf_close.argtypes = (ctypes.c_void_p,)
    return library


def inflate(library: ctypes.CDLL, path: Path) -> int:
    """Uncompressed bytes of a BAM, read to its end."""
    file = library.bgzf_open(str(path).encode(), b"r")
    block = ctypes.create_string_buffer(_BLOCK_BYTES)
    n_bytes = 0
    while (n_read := library.bgzf_read(file, block, _BLOCK_BYTES)) > 0:
        n_bytes += n_read
    library.bgzf_close(file)
    return n_bytes


def main() -> None:
    """Print and save the table."""
    options = parser(__doc__)
    options.add_argument("--htslib", type=Path, nargs="*", default=[])
    arguments = options.parse_args()
    report = Report("reading", arguments)
    made = sample(arguments)
    dense, n_records = thinned_calls(made, DENSE_SPACING)
    chunks = read_chunks(dense)
    report.fact("sample", describe(made))
    report.fact("calls", mix(dense))
    htslib = load_htslib()
    used, pysams = htslib.bam.origin, pysam_htslib()
    readers = {used: HtslibReader(str(made.reads), htslib), pysams.bam.origin: HtslibReader(str(made.reads), pysams)}
    header = read_header(str(made.reads), str(made.reference))
    file = AlignmentFile(header, str(made.reference), htslib, ReadSelection())
    reads = empty_reads()

    def decode() -> None:
        nonlocal reads
        for chunk in chunks:
            reads.counts[:] = 0
            reads = file.append_reads(chunk.contig, *chunk_intervals(chunk), reads)

    others = [library for path in arguments.htslib if (library := described(path.name, str(path)))]
    blocks = {library: bgzf(Path(library.path)) for library in (*readers, *others)}
    work: dict[str, Callable[[], object]] = {}
    for library, functions in blocks.items():
        work[f"all blocks inflated, {library}"] = lambda functions=functions: inflate(functions, made.reads)
    for library, reader in readers.items():
        work[f"the calls' reads, nothing kept, {library}"] = lambda reader=reader: [
            reader.count(c.contig, *chunk_intervals(c)) for c in chunks
        ]
    work[f"the calls' reads decoded for the encoder, {used}"] = decode
    best = dict.fromkeys(work, float("inf"))
    for _ in range(arguments.rounds + 1):
        for name, run in work.items():
            started = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - started)
    table = Table(
        "Reading: CPU seconds by what is done (cheapest round)",
        ["what", "CPU seconds", "CPU us a record of the VCF", "of inflating"],
    )
    inflating = next(iter(best.values()))
    for name, seconds in best.items():
        table.add(name, seconds, 1e6 * seconds / n_records, f"{seconds / inflating:.2f} x")
    n_bytes = inflate(blocks[used], made.reads)
    table.note = f"{n_bytes / 1e6:,.0f} MB uncompressed. The filter reads BAM with {used}."
    report.add(table)
    report.save()


if __name__ == "__main__":
    main()
