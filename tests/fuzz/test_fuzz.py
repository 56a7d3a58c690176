"""A few of the cases of run.py: damaged files end in success or in one clear error."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_damaged_files(tmp_path):
    for module in ("h5py", "yaml", "matplotlib", "lightgbm", "sklearn"):
        pytest.importorskip(module)
    program = Path(__file__).parent / "run.py"
    command = [sys.executable, str(program), "--seed", "11", "--cases", "80", "--failures", str(tmp_path / "failures")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- fuzz -->\nold\n<!-- end of fuzz -->\nafter\n")
    logs = [tmp_path / f"{name}.log" for name in "ab"]
    for log in logs:
        log.write_text(done.stdout)
    subprocess.run([sys.executable, str(program.with_name("document.py")), *logs, "--document", str(page)], check=True)
    text = page.read_text()
    assert text.startswith("before\n<!-- fuzz -->\n160 cases, 0 failures, ")
    assert text.endswith("\n<!-- end of fuzz -->\nafter\n")
    assert re.search(r"^\| vcf-text \| 4 \| \d \| \d \| 0 \| 0 \| ", text, re.MULTILINE)
    assert text.count("| 11 | ") == 2
