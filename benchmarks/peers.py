"""The whole job beside other programs on the same sample, in one run.

Run: python benchmarks/peers.py [--data ../shared/data] [--peers DIR]
DIR holds executables, one a peer; each is called with CALLS READS REFERENCE OUTPUT and timed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pysam
from common import Report, Table, measure, parser
from stages import HtslibReader, chunk_intervals, read_chunks
from vcf_copy import pysam_copy
from whole_job import run_filter
from workloads import DENSE_SPACING, describe, mix, model, sample, thinned_calls

from vcffilter.kernels.htslib import load_htslib
from vcffilter.reads.alignment_file import forbid_network_references
from vcffilter.simulation.tiling import Sample

#: The slow ones get this many records and are compared by rate.
_FEW = 300


def pileup_features(made: Sample, calls: Path) -> list[tuple[float, ...]]:
    """What a plain Python filter computes: allele counts by strand, mean qualities and positions from pysam's pileup."""
    rows = []
    with pysam.AlignmentFile(str(made.reads)) as reads, pysam.VariantFile(str(calls)) as records:
        for record in records:
            for alt in record.alts or ():
                counts = [0, 0, 0, 0]
                qualities: tuple[list[int], list[int]] = ([], [])
                mappings: tuple[list[int], list[int]] = ([], [])
                places: tuple[list[int], list[int]] = ([], [])
                columns = reads.pileup(record.contig, record.start, record.start + 1, truncate=True, min_base_quality=0)
                for column in columns:
                    for read in column.pileups:
                        if read.is_del or read.is_refskip:
                            continue
                        aligned, at = read.alignment, read.query_position
                        if len(alt) == len(record.ref):
                            is_alt = aligned.query_sequence[at] == alt[0]
                        else:
                            is_alt = read.indel == len(alt) - len(record.ref)
                        counts[2 * is_alt + aligned.is_reverse] += 1
                        qualities[is_alt].append(aligned.query_qualities[at])
                        mappings[is_alt].append(aligned.mapping_quality)
                        places[is_alt].append(min(at, aligned.query_length - at))
                means = [sum(values) / max(1, len(values)) for pair in (qualities, mappings, places) for values in pair]
                rows.append((*counts, *means))
    return rows


def main() -> None:
    """Print and save the table."""
    options = parser(__doc__)
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--peers", type=Path, help="folder of executables: PEER CALLS READS REFERENCE OUTPUT")
    arguments = options.parse_args()
    forbid_network_references()
    report = Report("peers", arguments)
    made = sample(arguments)
    dense, n_records = thinned_calls(made, DENSE_SPACING)
    few, n_few = thinned_calls(made, DENSE_SPACING, at_most=_FEW)
    print(f"{describe(made)}\n{mix(dense)}\n")
    report.fact("sample", describe(made))
    report.fact("calls", mix(dense))
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        report.add(comparison(made, dense, n_records, few, n_few, Path(folder), arguments))
    report.save()


def comparison(
    made: Sample, dense: Path, n_records: int, few: Path, n_few: int, folder: Path, arguments: argparse.Namespace
) -> Table:
    """Records per second of everything there is."""
    used = model(arguments)
    out = folder / "out.vcf.gz"
    chunks = read_chunks(dense)
    htslib = HtslibReader(str(made.reads), load_htslib())
    work: dict[str, tuple[str, int, Callable[[], object]]] = {}
    for n_threads in arguments.threads:
        options = ("--threads", str(n_threads), "-Oz")
        work[f"pileup-filter filter, {n_threads} thread{'s' * (n_threads > 1)}"] = (
            "whole job, with start-up",
            n_records,
            lambda options=options: run_filter(made, dense, used, *options, out=str(out)),
        )
    work["htslib alone, 1 thread"] = (
        "the calls' reads, nothing done with them",
        n_records,
        lambda: [htslib.count(chunk.contig, *chunk_intervals(chunk)) for chunk in chunks],
    )
    work["pysam copy"] = ("VCF.gz in and out, nothing else", n_records, lambda: pysam_copy(dense, out, "z"))
    if shutil.which("bcftools"):
        filtering = ["bcftools", "filter", "-s", "LowQual", "-e", "QUAL<20", "-Oz", "-o", str(out), str(dense)]
        work["bcftools filter"] = ("a QUAL cut, no reads", n_records, lambda: subprocess.run(filtering, check=True))
    work["pysam pileup features"] = (
        f"ten features from pysam's pileup, {n_few} records, no network",
        n_few,
        lambda: pileup_features(made, few),
    )
    timings = measure({name: run for name, (_, _, run) in work.items()}, arguments.rounds)
    table = Table(
        "Peers on the same sample (fastest round)",
        ["program", "what it does", "records", "seconds", "records/s", "records/s, of ours"],
    )
    ours = n_records / timings[f"pileup-filter filter, {arguments.threads[-1]} threads"].best if len(arguments.threads) > 1 else 0
    ours = ours or n_records / next(iter(timings.values())).best
    for name, (what, n, _) in work.items():
        rate = n / timings[name].best
        table.add(name, what, n, timings[name].best, rate, f"{rate / ours:.3g} x")
    for name, seconds in _installed_peers(arguments.peers, made, few, folder):
        table.add(
            name,
            f"as installed, {n_few} records, start-up included",
            n_few,
            seconds,
            n_few / seconds,
            f"{n_few / seconds / ours:.3g} x",
        )
    return table


def _installed_peers(folder: Path | None, made: Sample, calls: Path, work: Path) -> list[tuple[str, float]]:
    """(name, seconds) of each executable in the folder, run once."""
    found = []
    for path in sorted(folder.iterdir()) if folder else []:
        if path.is_file() and os.access(path, os.X_OK):
            started = time.perf_counter()
            arguments = [str(path.resolve()), str(calls), str(made.reads), str(made.reference), str(work / f"{path.name}.vcf")]
            subprocess.run(arguments, check=True)
            found.append((path.name, time.perf_counter() - started))
    return found


if __name__ == "__main__":
    main()
