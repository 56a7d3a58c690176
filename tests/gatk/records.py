"""Records as bcftools shows them: what the tests compare."""

from __future__ import annotations

import subprocess
from pathlib import Path


def query(path: Path, columns: str, *arguments: str) -> list[list[str]]:
    """Rows of columns such as "%POS %INFO/PILEUP_PROB", split at spaces. None of the columns may hold one."""
    command = ["bcftools", "query", *arguments, "-f", f"{columns}\n", path]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split(" ") for line in text.splitlines()]


def filters(path: Path) -> dict[tuple[str, str], set[str]]:
    """FILTER by (POS, ALT)."""
    return {(pos, alt): set(values.split(";")) for pos, alt, values in query(path, "%POS %ALT %FILTER")}
