"""Runs the command as a user would, in a process of its own, and says what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcffilter.simulation.tiling import Sample

_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Run:
    """seconds: wall, of the whole process. cpu_seconds: of all its threads. summary: what --summary wrote.

    peak_bytes: most resident memory. memory: (seconds since the start, resident bytes), sampled.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    summary: dict[str, Any]
    memory: tuple[tuple[float, int], ...] = ()

    @property
    def n_records(self) -> int:
        """Records that went through."""
        return int(self.summary["records"]["total"])


@dataclass(frozen=True)
class Process:
    """A finished process. seconds: wall. cpu_seconds: of all its threads. peak_bytes: most resident memory.

    memory: (seconds since the start, resident bytes), sampled.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    memory: tuple[tuple[float, int], ...] = ()


def command(made: Sample, calls: Path, out: str, model: str, *options: str) -> list[str]:
    """`pileup-filter filter` on a sample, by the interpreter that runs the benchmark."""
    files = [str(calls), "-b", str(made.reads), "-f", str(made.reference), "-o", out]
    return [sys.executable, "-m", "vcffilter", "filter", *files, "--model", model, "-q", *options]


def run_filter(made: Sample, calls: Path, model: str, *options: str, out: str = os.devnull) -> Run:
    """Run the filter once; SystemExit with its own message when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        arguments = [*command(made, calls, out, model, *options), "--summary", str(summary)]
        done = timed_process(arguments)
        return Run(done.seconds, done.cpu_seconds, done.peak_bytes, json.loads(summary.read_text()), done.memory)


def timed_process(arguments: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Process:
    """Run a command to its end; SystemExit when it fails."""
    memory: list[tuple[float, int]] = []
    peaks = [0]
    started = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=None if environment is None else dict(environment)
    )
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, started, memory, peaks, ended), daemon=True)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} ended with exit code {process.returncode}")
    return Process(seconds, usage.ru_utime + usage.ru_stime, peaks[0], tuple(memory))


def _watch(pid: int, started: float, memory: list[tuple[float, int]], peaks: list[int], ended: threading.Event) -> None:
    """Resident memory and its high-water mark, again and again. The mark is the kernel's own: no peak falls between two looks,
    and unlike ru_maxrss it leaves out the memory of the process that started this one."""
    status = Path(f"/proc/{pid}/status")
    while not ended.wait(_LOOK_EVERY_SECONDS):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except (OSError, ValueError):
            return
        if "VmHWM" in lines:
            memory.append((time.perf_counter() - started, int(lines["VmRSS"].split()[0]) * 1024))
            peaks[0] = int(lines["VmHWM"].split()[0]) * 1024
