"""What the benchmark scripts share: rounds of repeated timings, tables, a description of the machine, and results on disk.

A round runs every measured thing once; what is compared was thus measured within the same minutes. Tables give the
fastest and the median round: machines are shared, and the ratio of two fastest rounds is steadier than either.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
#: Marker of the end of a place for tables in a page; it begins with its name, such as <!-- tables -->.
_TABLES_END = "<!-- end -->"
#: Where the reads' references must never come from; and one intra-op thread a worker, as the program itself uses.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Timing:
    """Seconds of each round. cpu_seconds: of all threads of this process; None where another process did the work."""

    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...] | None = None

    @property
    def best(self) -> float:
        """Fastest round."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Median round."""
        return statistics.median(self.seconds)

    @property
    def best_cpu(self) -> float:
        """CPU seconds of the cheapest round; NaN when unknown."""
        return min(self.cpu_seconds) if self.cpu_seconds else float("nan")


def measure(work: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Run everything once without timing it, then `rounds` rounds in which each runs once, in order."""
    for run in work.values():
        run()
    wall: dict[str, list[float]] = {name: [] for name in work}
    cpu: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            cpu_started, started = time.process_time(), time.perf_counter()
            run()
            wall[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - cpu_started)
    return {name: Timing(tuple(wall[name]), tuple(cpu[name])) for name in work}


@dataclass
class Table:
    """Rows under a title; numbers are formatted by `cell`."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    note: str = ""

    def add(self, *row: Any) -> None:
        """One row, as long as the columns."""
        assert len(row) == len(self.columns)
        self.rows.append(row)

    def markdown(self) -> str:
        """As Markdown, with the title above and the note below."""
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |", "|" + " --- |" * len(self.columns)]
        lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in self.rows]
        return "\n".join(lines + (["", self.note] if self.note else [])) + "\n"


def print_tables(tables: Sequence[Table], document: Path | None) -> None:
    """Print tables; with a document, put them into it."""
    print("\n".join(table.markdown() for table in tables))
    if document is not None:
        put_tables(tables, document)


def put_tables(tables: Sequence[Table], document: Path, name: str = "tables") -> None:
    """Put tables between the markers of a place in a document. SystemExit where it has no such place."""
    text = "\n".join(table.markdown() for table in tables)
    begin = f"<!-- {name} -->\n"
    before, found_begin, rest = document.read_text().partition(begin)
    _, found_end, after = rest.partition(_TABLES_END)
    if not (found_begin and found_end):
        raise SystemExit(f"{document} has no place {begin.strip()} ... {_TABLES_END}")
    document.write_text(f"{before}{begin}{text}{_TABLES_END}{after}")


def cell(value: Any) -> str:
    """Text of a table's cell: four figures, thousands apart."""
    if isinstance(value, float):
        if value != value:
            return "-"
        if abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.2e}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).replace("|", "\\|")


class Report:
    """Collects tables, prints each as it comes, and writes them as Markdown and JSON."""

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        self._name = name
        self._folder = Path(arguments.results)
        self._machine = machine()
        self._command = shlex.join(["python", *_without_places(sys.argv)])
        self._tables: list[Table] = []
        self._facts: dict[str, Any] = {}

    def add(self, table: Table) -> None:
        """Print a table and keep it."""
        print(table.markdown(), flush=True)
        self._tables.append(table)

    def fact(self, name: str, value: Any) -> None:
        """Keep a value of the JSON that no table shows."""
        self._facts[name] = value

    def save(self) -> None:
        """Write NAME.md and NAME.json to the results folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        ended = {"load_average_at_end": round(os.getloadavg()[0], 2), "ended": time.strftime("%Y-%m-%d %H:%M")}
        described = {**self._machine, **ended}
        lines = [f"## {self._name}", "", f"`{self._command}`", ""]
        lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in described.items()]
        text = "\n".join(lines) + "\n\n" + "\n".join(table.markdown() for table in self._tables)
        (self._folder / f"{self._name}.md").write_text(text)
        data = {"command": self._command, "machine": described, "facts": self._facts}
        data["tables"] = [asdict(table) for table in self._tables]
        (self._folder / f"{self._name}.json").write_text(json.dumps(data, indent=1, default=str) + "\n")
        print(f"written: {self._folder / self._name}.md and .json")


def _without_places(arguments: Sequence[str]) -> list[str]:
    """A command line less the folders of the machine it ran on: where files lay is nobody's concern."""
    places = [at for at, argument in enumerate(arguments) if argument in ("--work", "--results", "--harvest", "--beside")]
    return [argument for at, argument in enumerate(arguments) if at not in places and at - 1 not in places]


def machine() -> dict[str, Any]:
    """CPU, memory, load, versions of programs and packages, and the commit."""
    versions = {name: metadata.version(name) for name in ("numpy", "numba", "pysam", "torch")}
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **versions,
        "htslib": _htslib_version(),
        "bcftools": _first_line(["bcftools", "--version"]),
        "commit": _first_line(["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]),
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _htslib_version() -> str:
    from vcffilter.kernels.htslib import load_htslib

    chosen = load_htslib()
    return f"BAM: {chosen.bam.origin}; VCF, CRAM: {chosen.cram.origin}"


def _first_line(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every script has."""
    made = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    made.add_argument("--data", type=Path, help="folder with real/<set>; without it, reads are simulated")
    made.add_argument("--set", default="nygc-chr21", help="real set to take reads from (with --data)")
    made.add_argument("--caller", default="haplotypecaller", help="whose calls of the real set")
    made.add_argument("--work", type=Path, default=Path("build/benchmarks"), help="folder for input, kept between runs")
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--model", default="illumina-germline")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--megabases", type=float, default=5.0, help="length of the dense sample")
    made.add_argument("--depth", type=float, default=30.0, help="of simulated reads")
    return made
