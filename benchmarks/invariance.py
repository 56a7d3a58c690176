"""Records are byte-identical however the job is run: file or pipe, threads, shards. Exit code 1 when not.

Run: python benchmarks/invariance.py [--data ../shared/data] [--megabases 1]
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pysam
from common import Report, Table, parser
from whole_job import command
from workloads import describe, mix, model, sample

from vcffilter.simulation.tiling import Sample

_N_SHARDS = 4


def records_of(text: bytes) -> list[bytes]:
    """The record lines of a VCF."""
    return [line for line in text.splitlines() if not line.startswith(b"#")]


def run(arguments: list[str]) -> bytes:
    """Standard output of a command; SystemExit when it fails."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} ended with exit code {done.returncode}")
    return done.stdout


def piped(made: Sample, calls: Path, used: str) -> bytes:
    """bcftools view -Ou | pileup-filter filter - -Ou | bcftools view."""
    first = subprocess.Popen(["bcftools", "view", "-Ou", str(calls)], stdout=subprocess.PIPE)
    second = subprocess.Popen(command(made, Path("-"), "-", used, "-Ou"), stdin=first.stdout, stdout=subprocess.PIPE)
    third = subprocess.Popen(["bcftools", "view", "-Ov", "-"], stdin=second.stdout, stdout=subprocess.PIPE)
    text, _ = third.communicate()
    if first.wait() or second.wait() or third.returncode:
        raise SystemExit("the pipe failed")
    return text


def shards(calls: Path, folder: Path) -> list[Path]:
    """The calls cut into consecutive parts of uneven size."""
    with pysam.VariantFile(str(calls)) as reading:
        header, records = str(reading.header), [str(record) for record in reading]
    borders = [0, len(records) // 7, len(records) // 3, len(records) * 3 // 5, len(records)]
    paths = []
    for number in range(_N_SHARDS):
        path = folder / f"shard{number}.vcf"
        path.write_text(header + "".join(records[borders[number] : borders[number + 1]]))
        paths.append(path)
    return paths


def main() -> int:
    """Print and save the table; 1 when any records differ."""
    arguments = parser(__doc__).parse_args()
    report = Report("invariance", arguments)
    made, used = sample(arguments), model(arguments)
    calls = made.calls
    print(f"{describe(made)}\n{mix(calls)}\n")
    report.fact("calls", mix(calls))
    outputs: dict[str, list[bytes]] = {}
    for n_threads in (1, 2):
        outputs[f"file, --threads {n_threads}"] = records_of(run(command(made, calls, "-", used, "--threads", str(n_threads))))
    if shutil.which("bcftools"):
        outputs["bcftools view -Ou | ... -Ou | bcftools view"] = records_of(piped(made, calls, used))
    else:
        print("bcftools is not installed: the pipe is left out")
    with tempfile.TemporaryDirectory() as folder:
        parts = [run(command(made, path, "-", used)) for path in shards(calls, Path(folder))]
        outputs[f"{_N_SHARDS} shards, one after the other"] = [line for part in parts for line in records_of(part)]
    reference = next(iter(outputs.values()))
    table = Table("Records by way of running", ["run", "records", "sha256 of the records", "records that differ"])
    for name, records in outputs.items():
        differing = sum(one != other for one, other in zip(records, reference, strict=False))
        differing += abs(len(records) - len(reference))
        table.add(name, len(records), hashlib.sha256(b"\n".join(records)).hexdigest()[:16], differing)
    report.add(table)
    report.save()
    return int(any(row[-1] for row in table.rows))


if __name__ == "__main__":
    sys.exit(main())
