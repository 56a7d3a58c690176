"""Data that nothing may be chosen on is read by one script alone."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]
FOLDER = "report-" + "only"
#: What reads it, and what only names it.
ALLOWED = {"benchmarks/report_only.py", "tests/benchmarks/test_report_only.py"}


def test_nothing_else_reads_the_data_kept_apart():
    code = [path for kind in ("*.py", "*.sh", "*.yaml", "Makefile") for path in PROJECT.rglob(kind)]
    mine = [path for path in code if not any(part.startswith((".", "build")) for part in path.relative_to(PROJECT).parts)]
    assert len(mine) > 200
    found = {path.relative_to(PROJECT).as_posix() for path in mine if FOLDER in path.read_text(errors="replace")}
    assert found <= ALLOWED
    assert "benchmarks/report_only.py" in found
