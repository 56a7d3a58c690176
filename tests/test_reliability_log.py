"""What suites tried reaches docs/reliability.md: logs by scripts and by marked tests, merged and printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from reliability_log import VARIABLE, Line, log, read

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "reliability.py"
TESTS = """
import pytest
@pytest.mark.reliability("Part: done")
def test_many(record_property):
    record_property("cases", 20)
@pytest.mark.reliability("Part: done")
def test_fails():
    assert False
@pytest.mark.reliability("Part: done")
def test_skips():
    pytest.skip("why")
def test_plain(): pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "logs"))
    return tmp_path / "logs"


def test_a_script_logs_and_reads_again(folder):
    line = Line("Part: done")
    line.add(failed=False, seconds=2.0, cases=10)
    line.add(failed=True, seconds=0.5)
    assert log("suite", [line], "make it") == folder / "suite.json"
    (found,) = read(folder)["suite"]
    assert (found.line, found.cases, found.failures, found.seconds, found.command) == ("Part: done", 11, 1, 2.5, "make it")


def test_nothing_is_written_unasked(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    assert log("suite", [Line("Part: done", 1)]) is None
    assert not folder.exists()


def test_a_log_that_is_none_is_named(folder):
    folder.mkdir()
    (folder / "other.json").write_text('{"line": "Part: done", "tries": 3}\n')
    with pytest.raises(ValueError, match="other.json"):
        read(folder)


def test_marked_tests_are_counted(folder, tmp_path, monkeypatch):
    (tmp_path / "test_inner.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    monkeypatch.setenv("VCFFILTER_RELIABILITY_SUITE", "inner")
    monkeypatch.setenv("VCFFILTER_RELIABILITY_COMMAND", "make inner")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    monkeypatch.delenv("VCFFILTER_ALLOWED_SKIPS", raising=False)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_inner.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed, 2 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    (found,) = read(folder)["inner"]
    assert (found.line, found.cases, found.failures, found.command) == ("Part: done", 21, 1, "make inner")


def test_the_page_is_printed_from_new_and_kept_counts(folder, tmp_path):
    log("suite", [Line("Nextflow: resumed", 5, 0, 60.0), Line("Zeal: other", 1, 1, 0.1)], "make suite")
    kept = [
        {"line": "Fuzzing: files", "cases": 1500, "failures": 0, "seconds": 100.0, "command": "make fuzz", "day": "2026-01-01"}
    ]
    replaced = [{"line": "Nextflow: old", "cases": 7}]
    (tmp_path / "results.json").write_text(json.dumps({"fuzz": kept, "suite": replaced}))
    (tmp_path / "page.md").write_text("before\n<!-- tried -->\nold\n<!-- end of tried -->\nafter\n")
    command = [sys.executable, str(SCRIPT), "--new", str(folder), "--results", str(tmp_path / "results.json")]
    command += ["--document", str(tmp_path / "page.md")]
    assert subprocess.run([*command, "--check"], capture_output=True, check=False).returncode == 1
    subprocess.run(command, check=True, capture_output=True)
    page = (tmp_path / "page.md").read_text()
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| ")]
    assert rows == ["| tried", "| ---", "| Nextflow: resumed", "| Fuzzing: files", "| Zeal: other"]
    assert "1,506 cases, 1 failures, 3 minutes in all." in page
    assert page.startswith("before\n<!-- tried -->\n")
    assert page.endswith("<!-- end of tried -->\nafter\n")
    assert subprocess.run([*command, "--check"], capture_output=True, check=False).returncode == 0
