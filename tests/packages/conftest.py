"""Tests of what is uploaded, and of what stands around the program: containers, recipes, scripts, wrappers, the MultiQC plugin.

`make test-packages` runs them, on the wheel in an environment of its own, with the tools of .ci/tools.txt on PATH. They are
collected only there: VCFFILTER_PACKAGES names the folder that packaging/release.sh has written.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from packaged import filter_calls

collect_ignore_glob = [] if "VCFFILTER_PACKAGES" in os.environ else ["*.py"]


@pytest.fixture(scope="session")
def dist() -> Path:
    return Path(os.environ["VCFFILTER_PACKAGES"])


@pytest.fixture(scope="session", autouse=True)
def _like_the_image() -> None:
    """Programs that tests start compile for the processors that the image names, not for this one."""
    cpu = "x86-64-v3" if platform.machine() == "x86_64" else "generic"
    os.environ.update(NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES="", OMP_NUM_THREADS="1")


@pytest.fixture(scope="session")
def program() -> Callable[..., str]:
    """Runs a program that must succeed; what it says on stdout."""

    def run(*words: object, cwd: Path | None = None, **environment: str) -> str:
        done = subprocess.run(
            [str(word) for word in words], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def findings(program: Callable[..., str]) -> list[dict[str, str]]:
    """Of `doctor --compile` with the installed wheel, as the image runs it when it is built."""
    return json.loads(program("pileup-filter", "doctor", "--compile", "--json", "--device", "cpu"))["findings"]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, program: Callable[..., str], findings: list[dict[str, str]]) -> Path:
    """A folder with calls.vcf.gz, reads.bam and reference.fa of a simulated sample, and whole.vcf.gz, filtered by the wheel."""
    folder = tmp_path_factory.mktemp("packages") / "sample"
    program("pileup-filter", "simulate", "-o", folder, "--length", 40_000, "--seed", 5, "--variant-rate", 0.004)
    filter_calls(program, folder, folder / "whole.vcf.gz", "--summary", folder / "whole.summary.json")
    return folder
