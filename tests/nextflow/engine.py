"""Runs of Nextflow as a user makes them: a launch folder, a command line, and what is left behind."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "nextflow"
#: A run that takes longer hangs.
_SECONDS = 900


@dataclass(frozen=True)
class Attempt:
    """One line of Nextflow's trace."""

    process: str
    tag: str
    status: str
    exit_code: str


@dataclass(frozen=True)
class Run:
    """What a run of the pipeline left."""

    exit_code: int
    said: str
    folder: Path
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def of(self, process: str, tag: str | None = None) -> list[Attempt]:
        """Attempts of a process, and of one of its tasks."""
        return [attempt for attempt in self.attempts if attempt.process == process and tag in (None, attempt.tag)]


@dataclass(frozen=True)
class Engine:
    """folder: where runs are launched. version: of Nextflow. settings: a configuration for every run (-c)."""

    folder: Path
    version: str = "25.04.4"
    settings: str = "process.maxRetries = 2\nexecutor.cpus = 2\nexecutor.pollInterval = '200ms'\n"

    def run(
        self,
        *arguments: str | Path,
        script: Path = PIPELINE / "main.nf",
        settings: str = "",
        path: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a script. path: a folder of programs that come before all others. environment: instead of this process's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "test.config"
        configuration.write_text(self.settings + settings)
        trace = self.folder / "results" / "pipeline_info" / "trace.txt"
        trace.unlink(missing_ok=True)
        programs = os.environ["PATH"] if path is None else f"{path}{os.pathsep}{os.environ['PATH']}"
        finished = subprocess.run(
            [ROOT / ".ci/nextflow", "run", script, "-c", configuration, *(str(argument) for argument in arguments)],
            cwd=self.folder,
            env={**(environment or os.environ), "PATH": programs, "NXF_VERSION": self.version},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
        )
        return Run(finished.returncode, finished.stdout, self.folder, _attempts(trace))


def _attempts(trace: Path) -> list[Attempt]:
    """In the order in which they ended."""
    if not trace.exists():
        return []
    with trace.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [_attempt(row) for row in rows]


def _attempt(row: Mapping[str, str]) -> Attempt:
    name, _, tag = row["name"].partition(" (")
    return Attempt(name.rpartition(":")[2], tag.rstrip(")"), row["status"], row["exit"])
