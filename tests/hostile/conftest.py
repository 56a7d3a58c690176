"""Inputs that nothing is wrong with, made once; every test gets a folder of its own beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hostile_files import Inputs, plain_reads, write_fasta, write_reads


@pytest.fixture(scope="session")
def sound_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(BAM, FASTA)"""
    folder = tmp_path_factory.mktemp("sound")
    return write_reads(folder / "reads.bam", plain_reads()), write_fasta(folder / "reference.fa")


@pytest.fixture
def inputs(sound_files: tuple[Path, Path], tmp_path: Path) -> Inputs:
    """Sound reads and reference, and an empty folder for the rest."""
    return Inputs(tmp_path, *sound_files)


sys.path.append(str(Path(__file__).parents[1] / "commands"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder is `hard`: `make test-hard` runs it, `make test` does not."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.hard)
