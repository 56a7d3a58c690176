"""The whole job as users run it: start-up, dense calls on 1 and 2 threads, sparse calls, and the choice of the chunk size.

Run: python benchmarks/speed.py [--data ../shared/data] [--megabases 5] [--sparse-megabases 100]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from common import Report, Table, parser
from scoring import Best, open_warm, timed_scoring
from stages import read_chunks
from whole_job import Process, Run, command, run_filter, timed_process
from workloads import DENSE_SPACING, describe, mix, model, sample, thinned_calls

from vcffilter.simulation.tiling import Sample
from vcffilter.variants.reader import BatchLimits

_GENOME_VARIANTS = 5_000_000
_SPARSE_SPACINGS = (10_000, 100_000, 1_000_000, 10_000_000)
_TABLES = ("startup", "dense", "bound", "chunks", "sparse")
_CHUNK_ALTS = (128, 256, 512, 1024, 2048, 4096)


def startup_table(made: Sample, arguments: argparse.Namespace) -> Table:
    """--help, a small VCF with warm caches, and the same with no compiled kernels."""
    few, n_few = thinned_calls(made, DENSE_SPACING, at_most=100)
    table = Table("Start-up (seconds of the whole process)", ["command", "fastest", "median", "CPU", "peak MiB", "rounds"])
    program = [sys.executable, "-m", "vcffilter"]
    small = command(made, few, os.devnull, model(arguments))

    def add(name: str, runs: list[Process]) -> None:
        median = statistics.median(run.seconds for run in runs)
        cpu = min(run.cpu_seconds for run in runs)
        peak = max(run.peak_bytes for run in runs) / 2**20
        table.add(name, min(run.seconds for run in runs), median, cpu, peak, len(runs))

    timed_process(small)
    add("--help", [timed_process([*program, "--help"]) for _ in range(arguments.rounds)])
    add("filter --help", [timed_process([*program, "filter", "--help"]) for _ in range(arguments.rounds)])
    add("import torch, nothing else", [timed_process([sys.executable, "-c", "import torch"]) for _ in range(arguments.rounds)])
    add(f"filter, {n_few} records, warm", [timed_process(small) for _ in range(arguments.rounds)])
    with tempfile.TemporaryDirectory() as folder:
        cold = timed_process(small, environment={**os.environ, "NUMBA_CACHE_DIR": folder})
    add(f"filter, {n_few} records, kernels compiled anew (once after installing)", [cold])
    return table


def dense_table(made: Sample, dense: Path, arguments: argparse.Namespace) -> Table:
    """The command on calls of a genome's density."""
    few, _ = thinned_calls(made, DENSE_SPACING, at_most=1)
    columns = ["threads", "output", "records", "seconds", "start-up", "records/s", "records/s after start-up", "us a record"]
    columns += ["CPU us a record", "peak MiB", "5 M variants, minutes"]
    table = Table("Whole job, one variant per 600 bases (fastest round)", columns)
    used = model(arguments)
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        jobs = [(n, kind) for n in arguments.threads for kind in ("z", "u")]
        runs: dict[tuple[int, str], list[Run]] = {job: [] for job in jobs}
        starts: list[Run] = []
        for _ in range(arguments.rounds):
            starts.append(run_filter(made, few, used))
            for n_threads, kind in jobs:
                options = ("--threads", str(n_threads), f"-O{kind}")
                runs[n_threads, kind].append(run_filter(made, dense, used, *options, out=f"{folder}/out"))
    start = min(starts, key=lambda run: run.seconds)
    for (n_threads, kind), found in runs.items():
        best = min(found, key=lambda run: run.seconds)
        n = best.n_records
        after = best.seconds - start.seconds
        table.add(
            n_threads,
            f"-O{kind}",
            n,
            best.seconds,
            start.seconds,
            n / best.seconds,
            n / after,
            1e6 * after / n,
            1e6 * (min(run.cpu_seconds for run in found) - min(run.cpu_seconds for run in starts)) / n,
            max(run.peak_bytes for run in found) / 2**20,
            (start.seconds + _GENOME_VARIANTS * after / n) / 60,
        )
    table.note = "Start-up: the same command on one record. Extrapolated: start-up once, and the time a record after it."
    return table


def bound_table(made: Sample, dense: Path, arguments: argparse.Namespace) -> Table:
    """Where the wall clock of the whole job goes, from the command's own summary."""
    columns = ["threads", "elapsed", "main: read", "main: wait for scores", "main: annotate", "main: write"]
    columns += ["main: all else (start-up)", "workers: scoring", "workers busy while streaming"]
    table = Table("Whole job: seconds by stage, from --summary (fastest round)", columns)
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        for n_threads in arguments.threads:
            options = ("--threads", str(n_threads), "-Oz")
            rounds = [run_filter(made, dense, model(arguments), *options, out=f"{folder}/out") for _ in range(arguments.rounds)]
            taken = min((run.summary["seconds"] for run in rounds), key=lambda found: found["elapsed"])
            streaming = sum(taken[name] for name in ("read", "wait_for_scores", "annotate", "write"))
            table.add(
                n_threads,
                taken["elapsed"],
                taken["read"],
                taken["wait_for_scores"],
                taken["annotate"],
                taken["write"],
                taken["elapsed"] - streaming,
                taken["score_all_workers"],
                f"{100 * taken['score_all_workers'] / streaming / n_threads:.0f}%",
            )
    return table


def sparse_table(made: Sample, arguments: argparse.Namespace) -> Table:
    """Scoring alone, files open and kernels loaded, by the distance between calls; one thread."""
    table = Table(
        "Scoring by distance between calls, start-up left out, 1 thread (fastest round)",
        [
            "bases between calls",
            "records",
            "alleles",
            "us an allele",
            "CPU us an allele",
            "alleles/s",
            "CPU time an allele, of dense",
        ],
    )
    call_sets = {spacing: thinned_calls(made, spacing) for spacing in (DENSE_SPACING, *_SPARSE_SPACINGS)}
    chunks = {spacing: read_chunks(path) for spacing, (path, _) in call_sets.items()}
    scorer = open_warm(made, model(arguments))
    best = Best()
    for _ in range(arguments.rounds + 1):
        for spacing, parts in chunks.items():
            best.add(spacing, timed_scoring(scorer, parts, 1))
    scorer.close()
    number = {spacing: sum(chunk.n_alleles for chunk in parts) for spacing, parts in chunks.items()}
    dense_cpu = best.cpu[DENSE_SPACING] / number[DENSE_SPACING]
    for spacing, n in number.items():
        wall, cpu = best.wall[spacing] / n, best.cpu[spacing] / n
        table.add(spacing, call_sets[spacing][1], n, 1e6 * wall, 1e6 * cpu, 1 / wall, f"{cpu / dense_cpu:.2f} x")
    table.note = f"{describe(made)}."
    return table


def chunk_size_table(made: Sample, dense: Path, arguments: argparse.Namespace) -> Table:
    """Throughput of scoring by alleles per chunk; the filter's own choice is `BatchLimits`."""
    columns = ["ALTs a chunk", "chunks", "CPU us an allele, 1 thread", *(f"alleles/s, {n} threads" for n in arguments.threads)]
    table = Table(f"Chunk size (the filter uses {BatchLimits().n_alts} ALTs; fastest round)", columns)
    scorer = open_warm(made, model(arguments))
    chunks = {n_alts: read_chunks(dense, BatchLimits(n_alts=n_alts)) for n_alts in _CHUNK_ALTS}
    best = Best()
    for _ in range(arguments.rounds + 1):
        for n_alts, parts in chunks.items():
            for n_threads in arguments.threads:
                best.add((n_alts, n_threads), timed_scoring(scorer, parts, n_threads))
    scorer.close()
    for n_alts, parts in chunks.items():
        n = sum(chunk.n_alleles for chunk in parts)
        rates = [n / best.wall[n_alts, n_threads] for n_threads in arguments.threads]
        table.add(n_alts, len(parts), 1e6 * best.cpu[n_alts, arguments.threads[0]] / n, *rates)
    return table


def _other_model(options: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[str]:
    """The name of a model that is not the default, so that its results do not take the place of the default's."""
    return [] if arguments.model == options.get_default("model") else [Path(arguments.model).stem]


def main() -> None:
    """Print and save the tables."""
    options = parser(__doc__)
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--sparse-megabases", type=float, default=100.0, help="length of the sample for sparse calls")
    options.add_argument("--tables", nargs="+", choices=_TABLES, default=list(_TABLES), help="which to measure")
    arguments = options.parse_args()
    chosen = [name for name in _TABLES if name in arguments.tables]
    report = Report(
        "-".join(["speed", *(chosen if len(chosen) < len(_TABLES) else []), *_other_model(options, arguments)]), arguments
    )
    made = sample(arguments)
    dense, _ = thinned_calls(made, DENSE_SPACING)
    print(f"{describe(made)}\n{mix(dense)}\n")
    report.fact("sample", describe(made))
    report.fact("calls", mix(dense))
    work = {
        "startup": lambda: startup_table(made, arguments),
        "dense": lambda: dense_table(made, dense, arguments),
        "bound": lambda: bound_table(made, dense, arguments),
        "chunks": lambda: chunk_size_table(made, dense, arguments),
        "sparse": lambda: sparse_table(sample(arguments, megabases=arguments.sparse_megabases), arguments),
    }
    for name in chosen:
        report.add(work[name]())
        report.save()


if __name__ == "__main__":
    main()
