"""Fixtures of the runs of real Nextflow. `make test-nextflow` runs them; `make test` leaves the folder out (pyproject.toml)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cohort import Cohort, make_cohort
from engine import Engine


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory, samtools: str, bcftools: str) -> Cohort:
    """Two samples of two contigs; read it, or add files of other names."""
    return make_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="session")
def multiqc() -> str:
    """MultiQC; its plugin comes with the workflow."""
    path = shutil.which("multiqc")
    if path is None:
        pytest.skip("multiqc is not installed")
    return path


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "launch")


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Puts a program of a name before the real one; returns the folder for PATH. `real` in its text is the real program."""

    def make(name: str, text: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        real = subprocess.run(["which", name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        (folder / name).write_text(f"#!/usr/bin/env bash\nreal() {{ {real} \"$@\"; }}\n{text}\n")
        (folder / name).chmod(0o755)
        return folder

    return make
