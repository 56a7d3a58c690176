"""The server's throughput beside the command line's, for docs/serve.md: 1,000 requests from 16 clients, the same calls offline.

python benchmarks/serve.py [--data DIR] [--requests 1000] [--clients 16] [--write]

Without --data a sample is simulated. --write puts the table into docs/serve.md, between its marks.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pysam
from serve_clients import Answer, Request, ask_from_clients, pieces_of_calls, running_server

from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options

PAGE = Path(__file__).parents[1] / "docs" / "serve.md"
BEGIN, END = "<!-- benchmarks/serve.py begins -->\n", "<!-- benchmarks/serve.py ends -->"
LENGTH = 400_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with reads.bam, reference.fa.gz and --calls")
    parser.add_argument("--calls", default="freebayes-sensitive.vcf.gz")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reads, reference, calls = files(asked.data, asked.calls, Path(folder))
        text = read_text(calls)
        rows, of_whole = offline(reads, reference, calls, Path(folder))
        with running_server(["-b", f"sample={reads}", "-f", reference, "--device", "cpu"]) as server:
            for n_records in (1, 10, 100):
                requests = [
                    Request("POST", "/v1/filter?reads=sample&allow_unscored=true", piece.encode())
                    for piece in pieces_of_calls(text, asked.requests, n_records)
                ]
                answers, seconds = ask_from_clients(server, requests, asked.clients)
                check(answers, of_whole)
                rows.append(row(f"`/v1/filter`, {n_records} records a request", len(answers), n_records, answers, seconds))
            for n_alleles in (1, 100):
                requests = [scored(piece) for piece in pieces_of_calls(text, asked.requests, n_alleles)]
                answers, seconds = ask_from_clients(server, requests, asked.clients)
                assert all(answer.status == 200 for answer in answers)
                rows.append(row(f"`/v1/score`, {n_alleles} alleles a request", len(answers), n_alleles, answers, seconds))
            memory = server.memory_bytes()
    n_cpus = len(os.sched_getaffinity(0))
    said = (
        f"{asked.requests:,} requests a row from {asked.clients} clients that keep their connections, on the machine of the\n"
        f"server ({n_cpus} CPUs for both). Every request was answered, and every annotated record is the one that the command\n"
        f"line writes. The server's memory was at most {memory / 2**20:.0f} MiB. {others()}\n\n"
    )
    table = "| | requests/s | records/s | median ms | 99% ms |\n|---|---|---|---|---|\n" + "".join(rows)
    print(said + table)
    if asked.write:
        page = PAGE.read_text()
        before, rest = page.split(BEGIN)
        PAGE.write_text(before + BEGIN + said + table + END + rest.split(END)[1])
    return 0


def others() -> str:
    """What else ran: a load above the CPUs' number means that others took part of them."""
    load, n_cpus = os.getloadavg()[1], len(os.sched_getaffinity(0))
    if load <= n_cpus + 1:
        return "Nothing else ran on the machine."
    return f"Other work took most of the machine meanwhile (load {load:.0f}): the rows are rough, and a quiet machine gives more."


def files(data: Path | None, calls: str, folder: Path) -> tuple[Path, Path, Path]:
    """Reads, reference, calls."""
    if data is not None:
        return data / "reads.bam", data / "reference.fa.gz", data / calls
    settings = with_options(preset("novaseq"), seed=5, length=LENGTH, variant_rate=1 / 200, artefact_scale=3.0)
    made = simulate_sample(folder / "sample", settings).files
    return made.reads, made.reference, made.calls


def read_text(calls: Path) -> str:
    with pysam.BGZFile(str(calls), "rb") as file:
        return file.read().decode()


def offline(reads: Path, reference: Path, calls: Path, folder: Path) -> tuple[list[str], set[str]]:
    """(rows of the command line's rates, its records). The first run fills the cache of kernels."""
    out, summary = folder / "offline.vcf", folder / "summary.json"
    command = [
        sys.executable, "-m", "vcffilter", "filter", str(calls), "-b", str(reads), "-f", str(reference), "--no-version", "-q",
        "--device", "cpu", "-o", str(out), "--summary", str(summary), "--allow-unscored",
    ]  # fmt: skip
    for _ in range(2):
        subprocess.run(command, check=True)
    found = json.loads(summary.read_text())
    n_records, seconds = found["records"]["total"], found["seconds"]
    working = seconds["read"] + seconds["wait_for_scores"] + seconds["annotate"] + seconds["write"]
    lines = {line for line in out.read_text().splitlines() if not line.startswith("#")}
    rows = [
        f"| `filter`, one file of {n_records:,} records | | {n_records / seconds['elapsed']:,.0f} | | |\n",
        f"| the same without its start | | {n_records / working:,.0f} | | |\n",
    ]
    return rows, lines


def scored(piece: str) -> Request:
    records = [line.split("\t") for line in piece.splitlines() if not line.startswith("#")]
    alleles = [
        {"contig": contig, "pos": int(pos), "ref": ref, "alt": alt.split(",")[0]} for contig, pos, _, ref, alt, *_ in records
    ]
    body = json.dumps({"reads": "sample", "alleles": alleles, "reasons": False}).encode()
    return Request("POST", "/v1/score", body, {"Content-Type": "application/json"})


def check(answers: list[Answer], expected: set[str]) -> None:
    for answer in answers:
        assert answer.status == 200, answer.body
        records = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
        assert records
        assert set(records) <= expected


def row(what: str, n_requests: int, n_records: int, answers: list[Answer], seconds: float) -> str:
    times = [answer.seconds * 1000 for answer in answers]
    rates = f"{n_requests / seconds:,.0f} | {n_requests * n_records / seconds:,.0f}"
    return f"| {what} | {rates} | {statistics.median(times):,.0f} | {np.quantile(times, 0.99):,.0f} |\n"


if __name__ == "__main__":
    sys.exit(main())
