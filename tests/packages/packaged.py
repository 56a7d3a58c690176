"""What tests of packages share: the wheel's program on a sample, records without header, and the tools of .ci/tools.txt."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def filter_calls(program: Callable[..., str], folder: Path, target: Path, *options: object) -> None:
    """Filter the sample's calls with the installed wheel."""
    files = ["-b", folder / "reads.bam", "-f", folder / "reference.fa"]
    program("pileup-filter", "filter", folder / "calls.vcf.gz", *files, "-q", "-Oz", "-o", target, *options)


def records(path: Path) -> list[bytes]:
    """Lines of a BGZF VCF without its header."""
    with gzip.open(path) as file:
        return [line for line in file if not line.startswith(b"#")]


def tools(words: Sequence[object]) -> str:
    """Both streams of a program of .ci/tools.txt that must succeed."""
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool_python() -> str:
    """The Python of the environment with the tools of .ci/tools.txt."""
    program = shutil.which("multiqc")
    assert program is not None, "make test-packages puts the tools on PATH"
    return str(Path(program).parent / "python")
