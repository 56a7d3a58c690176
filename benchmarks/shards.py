"""A million records in one run and in 100 shards, by plain shell or through Slurm: the same bytes. Exit code 1 when not.

Run: python benchmarks/shards.py [--records 1000000] [--shards 100] [--jobs 2] [--slurm]
By plain shell, shards are BED lines of equal numbers of records, given as -R and -T: the index finds what overlaps, POS decides
where a record belongs. xargs runs them, bcftools concat --naive joins them. --slurm: an array of one task a shard and a job that
gathers them, as packaging/shell/slurm_array.sh submits them, in a Slurm of this machine (slurm-wlm, munge) of its own.
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
sys.path.insert(1, str(Path(__file__).parents[1] / "tests" / "nextflow"))

import pysam
from common import Report, Table, parser
from reliability_log import Line, log
from slurm import NoSlurm, running_slurm
from whole_job import command
from workloads import describe, model, simulated

from vcffilter.simulation.tiling import Sample

_SPACING = 200
_ARRAY = Path(__file__).parents[1] / "packaging" / "shell" / "slurm_array.sh"


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


def through_slurm(made: Sample, joined: Path, model: str, n_shards: int, jobs: int) -> tuple[int, float]:
    """(shards that an array of tasks made, seconds until all were gathered). SystemExit with what the jobs said last."""
    words = [_ARRAY, made.calls, made.reads, made.reference, joined, n_shards, "--model", model, "--no-version", "-q"]
    folder = Path(f"{joined}.shards")
    # The sockets of munge must have short names.
    with tempfile.TemporaryDirectory(prefix="slurm-") as daemons, running_slurm(Path(daemons)) as slurm:
        # The node has the cores of this machine: so many jobs fill it. Variables of sbatch go before the script's own lines.
        asked = {"SBATCH_WAIT": "1", "SBATCH_CPUS_PER_TASK": str(max(1, (os.cpu_count() or 1) // jobs))}
        asked["PATH"] = f"{Path(sys.executable).parent}:{slurm.environment['PATH']}"
        began = time.monotonic()
        done = subprocess.run([str(word) for word in words], env=slurm.environment | asked)
        seconds = time.monotonic() - began
    if done.returncode:
        said = [f"{one.name}: {one.read_text()[-300:]}" for one in sorted(folder.glob("*.log")) if one.stat().st_size]
        raise SystemExit("\n".join([f"the jobs ended with exit code {done.returncode}", *said[:5]]))
    return len(list(folder.glob("*.summary.json"))), seconds


def main() -> int:
    """Print and save the table; 1 when the records differ."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--shards", type=int, default=100)
    options.add_argument("--jobs", type=int, default=2, help="shards at a time, one thread each")
    options.add_argument("--slurm", action="store_true", help="shards as an array of Slurm")
    arguments = options.parse_args()
    name = "shards-slurm" if arguments.slurm else "shards"
    report = Report(name, arguments)
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
        if arguments.slurm:
            n_parts, seconds = through_slurm(made, joined, used, arguments.shards, arguments.jobs)
            table.add(f"array of {n_parts} Slurm jobs, {arguments.jobs} at a time, gathered", *_row(joined, seconds))
        else:
            parts = _commands(made, folder, used, arguments.shards, more)
            n_parts, between = len(parts), time.monotonic()
            in_shards(parts, joined, arguments.jobs)
            table.add(f"{n_parts} shards, {arguments.jobs} at a time", *_row(joined, time.monotonic() - between))
    differ = len({tuple(row[1::2]) for row in table.rows}) > 1
    report.add(table)
    report.save()
    how = "through Slurm" if arguments.slurm else "by plain shell"
    what = f"Determinism: {table.rows[0][1]:,} records, whole and in {n_parts} shards {how}"
    log(name, [Line(what, n_parts + 1, int(differ), time.monotonic() - began)])
    return int(differ)


def _commands(made: Sample, folder: Path, model: str, n_shards: int, more: tuple[str, ...]) -> list[list[str]]:
    parts = []
    for number, line in enumerate(regions(made.calls, n_shards)):
        bed = folder / f"{number:05d}.bed"
        bed.write_text(line)
        within = ("-R", str(bed), "-T", str(bed), "--threads", "1")
        parts.append(command(made, made.calls, str(folder / f"{number:05d}.vcf.gz"), model, *within, *more))
    return parts


def _row(path: Path, seconds: float) -> tuple[int, float, str]:
    n_records, text = digest(path)
    return n_records, seconds, text[:16]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoSlurm as error:
        sys.exit(f"shards.py: {error}")
