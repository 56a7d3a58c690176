"""A million records in one run and in 100 shards by plain shell: the same bytes. Exit code 1 when not.

Run: python benchmarks/shards.py [--records 1000000] [--shards 100] [--jobs 2]
Shards are BED lines of equal numbers of records, given as -R and -T: the index finds what overlaps, POS decides where a record
belongs. xargs runs them, bcftools concat --naive joins them.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import pysam
from common import Report, Table, parser
from reliability_log import Line, log
from whole_job import command
from workloads import describe, model, simulated

_SPACING = 200


def regions(calls: Path, n_shards: int) -> list[str]:
    """BED lines that part the records of a file of one contig, none empty; together they cover the contig."""
    with pysam.VariantFile(str(calls)) as file:
        starts0 = [record.start for record in file]
        contig, length = next(iter(file.header.contigs.items()))
    cuts = sorted({starts0[len(starts0) * n // n_shards] for n in range(1, n_shards)})
    return [f"{contig}\t{a}\t{b}\n" for a, b in zip([0, *cuts], [*cuts, length.length], strict=True)]


def digest(path: Path) -> tuple[int, str]:
    """(records, sha256 of their text without the header)"""
    done = subprocess.Popen(["bcftools", "view", "--no-version", "-H", str(path)], stdout=subprocess.PIPE)
    assert done.stdout is not None
    total, text = 0, hashlib.sha256()
    while block := done.stdout.read(1 << 20):
        total += block.count(b"\n")
        text.update(block)
    if done.wait():
        raise SystemExit(f"{path} cannot be read")
    return total, text.hexdigest()


def in_shards(parts: list[list[str]], joined: Path, jobs: int) -> None:
    """The commands, so many at a time, and their outputs joined in order."""
    script = "\n".join(shlex.join(part) for part in parts)
    run = ["xargs", "-P", str(jobs), "-d", "\n", "-I", "{}", "bash", "-c", "{}"]
    subprocess.run(run, input=script.encode(), check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    outputs = [part[part.index("-o") + 1] for part in parts]
    subprocess.run(["bcftools", "concat", "--naive", "-o", str(joined), *outputs], check=True, stderr=subprocess.DEVNULL)


def main() -> int:
    """Print and save the table; 1 when the records differ."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--shards", type=int, default=100)
    options.add_argument("--jobs", type=int, default=2, help="shards at a time, one thread each")
    arguments = options.parse_args()
    report = Report("shards", arguments)
    made, used = simulated(arguments.work, arguments.records * _SPACING / 1e6, arguments.depth, _SPACING), model(arguments)
    print(describe(made), flush=True)
    table = Table(describe(made), ["run", "records", "seconds", "sha256 of the records"])
    more = ("--no-version", "-Oz1")
    with tempfile.TemporaryDirectory(dir=arguments.work) as text:
        folder = Path(text)
        whole, joined = folder / "whole.vcf.gz", folder / "joined.vcf.gz"
        began = time.monotonic()
        subprocess.run(command(made, made.calls, str(whole), used, "--threads", str(arguments.jobs), *more), check=True)
        between = time.monotonic()
        table.add(f"one, {arguments.jobs} threads", *_row(whole, between - began))
        parts = []
        for number, line in enumerate(regions(made.calls, arguments.shards)):
            bed = folder / f"{number:05d}.bed"
            bed.write_text(line)
            within = ("-R", str(bed), "-T", str(bed), "--threads", "1")
            parts.append(command(made, made.calls, str(folder / f"{number:05d}.vcf.gz"), used, *within, *more))
        between = time.monotonic()
        in_shards(parts, joined, arguments.jobs)
        ended = time.monotonic()
        table.add(f"{len(parts)} shards, {arguments.jobs} at a time", *_row(joined, ended - between))
    differ = len({tuple(row[1::2]) for row in table.rows}) > 1
    report.add(table)
    report.save()
    what = f"Determinism: {table.rows[0][1]:,} records, whole and in {len(parts)} shards by plain shell"
    log("shards", [Line(what, len(parts) + 1, int(differ), time.monotonic() - began)])
    return int(differ)


def _row(path: Path, seconds: float) -> tuple[int, float, str]:
    n_records, text = digest(path)
    return n_records, seconds, text[:16]


if __name__ == "__main__":
    sys.exit(main())
