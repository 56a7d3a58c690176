"""What bounds the reading of a BAM: inflating its blocks, htslib's records, and decoding for the encoder; CPU time, 1 thread.

Run: python benchmarks/reading.py [--data ../shared/data] [--htslib FILE ...]
--htslib: shared libraries that export htslib's C API, to compare with the one inside pysam.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

import pysam.libchtslib
from common import Report, Table, parser
from stages import HtslibReader, chunk_intervals, read_chunks
from workloads import DENSE_SPACING, describe, mix, sample, thinned_calls

from vcffilter.kernels.htslib import load_htslib
from vcffilter.kernels.reads import empty_reads
from vcffilter.reads.alignment_file import AlignmentFile, ReadSelection, read_header

_BLOCK_BYTES = 1 << 16


def bgzf(path: Path) -> ctypes.CDLL:
    """A library with the signatures of its block reader set."""
    library = ctypes.CDLL(str(path))
    library.hts_feature_string.restype = ctypes.c_char_p
    library.hts_version.restype = ctypes.c_char_p
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


def features(library: ctypes.CDLL) -> str:
    """Version of a library, and how it inflates."""
    known = library.hts_feature_string().decode()
    return f"{library.hts_version().decode()}, libdeflate={'yes' if 'libdeflate=yes' in known else 'no'}"


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
    reader = HtslibReader(str(made.reads), htslib)
    header = read_header(str(made.reads), str(made.reference))
    file = AlignmentFile(header, str(made.reference), htslib, ReadSelection())
    reads = empty_reads()

    def decode() -> None:
        nonlocal reads
        for chunk in chunks:
            reads.counts[:] = 0
            reads = file.append_reads(chunk.contig, *chunk_intervals(chunk), reads)

    own = bgzf(Path(pysam.libchtslib.__file__))
    work: dict[str, Callable[[], object]] = {
        f"all blocks inflated, htslib in pysam {features(own)}": lambda: inflate(own, made.reads)
    }
    for path in arguments.htslib:
        other = bgzf(path)
        work[f"all blocks inflated, {path.name} {features(other)}"] = lambda other=other: inflate(other, made.reads)
    work["the calls' reads by htslib, nothing kept"] = lambda: [reader.count(c.contig, *chunk_intervals(c)) for c in chunks]
    work["the calls' reads decoded for the encoder"] = decode
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
    table.note = f"{inflate(own, made.reads) / 1e6:,.0f} MB uncompressed."
    report.add(table)
    report.save()


if __name__ == "__main__":
    main()
