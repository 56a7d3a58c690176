"""What a suite tried and how much of it failed, left where benchmarks/reliability.py finds it and prints docs/reliability.md.

A script calls `log`. Tests carry `@pytest.mark.reliability("part: what was tried")` (conftest.py counts them); a test that tries
more than one case says so by `record_property("cases", n)`. Nothing is written unless VCFFILTER_RELIABILITY names a folder:
the make targets set it to build/reliability.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "VCFFILTER_RELIABILITY"


@dataclass
class Line:
    """line: "part: what", as it is printed. seconds: of all cases together. command: what does it again. day: as 2026-01-31."""

    line: str
    cases: int = 0
    failures: int = 0
    seconds: float = 0.0
    command: str = ""
    day: str = ""

    def add(self, *, failed: bool, seconds: float, cases: int = 1) -> None:
        """One test, or one run, of so many cases; a failed one counts as one failure."""
        self.cases += cases
        self.failures += failed
        self.seconds += seconds


def log(suite: str, lines: Iterable[Line], command: str = "") -> Path | None:
    """Write build/reliability/SUITE.json, one JSON object a line; replaces what an earlier run of the suite wrote."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    path = Path(folder) / f"{suite}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = command or os.environ.get(f"{VARIABLE}_COMMAND") or shlex.join(["python", *sys.argv])
    day = time.strftime("%Y-%m-%d")
    rows: Iterable[Mapping[str, object]] = (
        {**asdict(line), "seconds": round(line.seconds, 1), "command": line.command or told, "day": line.day or day}
        for line in lines
    )
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def read(folder: Path) -> dict[str, list[Line]]:
    """Lines by suite. ValueError names a file that is no such log."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = [Line(**json.loads(text)) for text in path.read_text().splitlines()]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
    return found
