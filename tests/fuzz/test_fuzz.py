"""A few of the cases of run.py: damaged files end in success or in one clear error."""

from __future__ import annotations

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
