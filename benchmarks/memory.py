"""Cost curve: time and memory of the whole job against records, depth and threads; memory along a run of a million records.

Run: python benchmarks/memory.py [--records 1000 10000 100000 1000000] [--depths 8 30 100 300 1000]
Reads are simulated: the largest run needs about 2.5 GB in the work folder at 200 bases a record and 30x.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from common import Report, Table, parser
from scoring import Best, open_warm, timed_scoring
from stages import read_chunks
from whole_job import Run, run_filter
from workloads import DENSE_SPACING, describe, model, simulated, thinned_calls

from vcffilter.simulation.tiling import Sample

_MEBIBYTE = 2**20
#: Bases a record of the long run: denser than a genome, so that a million records need 200 Mb of reads and not 600.
_SPACING = 200
#: Bases simulated for the curve over depth, copied to this many megabases.
_DEPTH_SLICE, _DEPTH_MEGABASES = 50_000, 0.5


def _row(run: Run, start: Run) -> tuple[float, ...]:
    after = run.seconds - start.seconds
    cpu_after = run.cpu_seconds - start.cpu_seconds
    return (
        run.seconds,
        run.n_records / run.seconds,
        1e6 * after / run.n_records,
        1e6 * cpu_after / run.n_records,
        run.peak_bytes / _MEBIBYTE,
    )


_COST = ("seconds", "records/s", "us a record after start-up", "CPU us a record after start-up", "peak MiB")


def _start(made: Sample, used: str, folder: str) -> Run:
    """The job on one record: what start-up alone takes."""
    one, _ = thinned_calls(made, DENSE_SPACING, at_most=1)
    runs = [run_filter(made, one, used, "-Oz", out=f"{folder}/out") for _ in range(3)]
    return min(runs, key=lambda run: run.seconds)


def records_tables(arguments: argparse.Namespace) -> tuple[Table, Table]:
    """Time and memory against records, by threads; and resident memory along the longest run."""
    used = model(arguments)
    spacing = arguments.spacing
    made = simulated(arguments.work, max(arguments.records) * spacing / 1e6, arguments.depth, spacing)
    print(describe(made), flush=True)
    curve = Table(f"Records, one every {spacing} bases, {arguments.depth:g}x", ["records", "threads", *_COST])
    shares = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
    along = Table(
        "Resident memory along the run, MiB (median of the samples around each point)",
        ["records", "threads", *(f"at {100 * share:.0f}%" for share in shares), "peak"],
    )
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        start = _start(made, used, folder)
        for n_records in arguments.records:
            calls, _ = thinned_calls(made, 0, at_most=n_records)
            for n_threads in arguments.threads:
                options = ("--threads", str(n_threads), "-Oz")
                run = run_filter(made, calls, used, *options, out=f"{folder}/out")
                curve.add(run.n_records, n_threads, *_row(run, start))
                if run.memory:
                    resident = [_around(run.memory, share * run.seconds) for share in shares]
                    along.add(run.n_records, n_threads, *resident, run.peak_bytes / _MEBIBYTE)
    curve.note = f"{describe(made)}. Start-up, from the same job on one record: {start.seconds:.2f} s."
    return curve, along


def _around(samples: tuple[tuple[float, int], ...], at: float) -> float:
    """Median resident MiB of the fifteen samples nearest to a time."""
    nearest = sorted(samples, key=lambda sample: abs(sample[0] - at))[:15]
    return statistics.median(resident for _, resident in nearest) / _MEBIBYTE


def depth_table(arguments: argparse.Namespace) -> Table:
    """Scoring time and memory against depth, at a genome's density of calls."""
    used = model(arguments)
    columns = [
        "depth",
        "alleles",
        "reads an allele",
        "us an allele",
        "CPU us an allele",
        "CPU us a read and allele",
        "peak MiB of the job",
    ]
    table = Table("Depth, one record every 600 bases, 1 thread (fastest round; scoring without start-up)", columns)
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        for depth in arguments.depths:
            made = simulated(arguments.work, _DEPTH_MEGABASES, depth, slice_length=_DEPTH_SLICE)
            calls, _ = thinned_calls(made, DENSE_SPACING)
            chunks = read_chunks(calls)
            scorer = open_warm(made, used)
            best = Best()
            for _ in range(arguments.rounds + 1):
                best.add(depth, timed_scoring(scorer, chunks, 1))
            n_reads = sum(int(scorer.score(chunk).n_reads.sum()) for chunk in chunks)
            scorer.close()
            n = sum(chunk.n_alleles for chunk in chunks)
            wall, cpu = 1e6 * best.wall[depth] / n, 1e6 * best.cpu[depth] / n
            job = run_filter(made, calls, used, "-Oz", out=f"{folder}/out")
            table.add(f"{depth:g}x", n, n_reads / n, wall, cpu, cpu * n / n_reads, job.peak_bytes / _MEBIBYTE)
    return table


def main() -> None:
    """Print and save the tables."""
    options = parser(__doc__)
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--records", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    options.add_argument("--spacing", type=int, default=_SPACING, help="bases a record, where records are counted")
    options.add_argument("--depths", type=float, nargs="*", default=[8, 30, 100, 300, 1000])
    arguments = options.parse_args()
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    name = "memory" if arguments.depths and arguments.records else "memory-depth" if arguments.depths else "memory-records"
    report = Report(name if arguments.spacing == _SPACING else f"{name}-every-{arguments.spacing}", arguments)
    if arguments.depths:
        report.add(depth_table(arguments))
        report.save()
    if arguments.records:
        for table in records_tables(arguments):
            report.add(table)
        report.save()


if __name__ == "__main__":
    main()
