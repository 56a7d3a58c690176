"""Faults of the folder in which compiled kernels are kept: they cost time, never the run, and nobody else's code is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vcffilter.kernels import code_cache
from vcffilter.kernels.code_cache import choose_folder, possible_parents, source_digest

#: Uses a kernel that is compiled in a fifth of a second, and says what the log says.
_USE_A_KERNEL = """
import logging, resource, sys
logging.basicConfig(level=logging.DEBUG, format="%(message)s")
logging.getLogger("numba").setLevel(logging.WARNING)
import numpy as np
from vcffilter.kernels.reference import merge_intervals
{before}
merged = np.zeros((2, 3), np.int64)
print(merge_intervals(np.array([1, 5, 20]), np.array([6, 9, 30]), 2, *merged), merged.tolist())
"""
_RESULT = "2 [[1, 20, 0], [9, 30, 0]]"


def _run(folder: Path, before: str = "", **environment: str) -> str:
    """The log of a process that uses a kernel and gets the right result."""
    done = subprocess.run(
        [sys.executable, "-c", _USE_A_KERNEL.format(before=before)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == _RESULT
    return done.stderr


def _cached(folder: Path, suffix: str) -> Path:
    (file,) = folder.rglob(f"*merge_intervals*{suffix}")
    return file


def test_compiling_is_said_once_and_what_is_compiled_is_kept(tmp_path: Path) -> None:
    assert _run(tmp_path).count("compiling kernels") == 1
    assert "compiling" not in _run(tmp_path)


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("n_bytes", [0, 100])
def test_a_cut_file_is_dropped_and_compiled_again(tmp_path: Path, suffix: str, n_bytes: int) -> None:
    _run(tmp_path)
    file = _cached(tmp_path, suffix)
    whole = file.stat().st_size
    os.truncate(file, n_bytes)
    assert "compiling" in _run(tmp_path)
    assert _cached(tmp_path, suffix).stat().st_size == whole
    assert "compiling" not in _run(tmp_path)


def test_a_full_disk_is_named_with_what_to_do(tmp_path: Path) -> None:
    """The folder fills up behind the first look at it."""
    message = _run(tmp_path, before="resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))")
    assert str(tmp_path) in message
    assert "NUMBA_CACHE_DIR" in message


def test_no_folder_at_all(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    (tmp_path / "sitecustomize.py").write_text(limit)
    message = _run(tmp_path / "cache", PYTHONPATH=str(tmp_path))
    assert "in every run" in message
    assert "NUMBA_CACHE_DIR" in message


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert next(path.name for path in possible_parents()) == "__pycache__"
    assert not any(path.name == ".cache" for path in possible_parents())


def test_where_python_finds_no_temporary_folder_memory_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a read-only root file system."""

    def none_usable() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    assert list(possible_parents())[-1] == Path(f"/dev/shm/vcffilter-{os.getuid()}")


def test_the_working_directory_is_no_place_for_compiled_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert tmp_path not in [path.parent for path in possible_parents()]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"vcffilter-{os.getuid()}"


def test_the_last_resort_is_made_for_us_alone(last_resort: Path) -> None:
    assert last_resort in possible_parents()
    assert last_resort.stat().st_mode & 0o777 == 0o700
    assert last_resort in possible_parents()


def test_a_planted_folder_is_not_used(last_resort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last_resort.mkdir()
    last_resort.chmod(0o777)
    assert last_resort not in possible_parents()
    last_resort.chmod(0o700)
    assert last_resort in possible_parents()
    another = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: another)
    last_resort.rename(last_resort.with_name(f"vcffilter-{another}"))
    assert not any(path.name == f"vcffilter-{another}" for path in possible_parents())


def test_a_planted_link_is_not_followed(last_resort: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    last_resort.symlink_to(tmp_path / "theirs")
    assert last_resort not in possible_parents()


@pytest.mark.parametrize("order", [("image", "own"), ("own", "image")])
def test_what_an_image_holds_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]) -> None:
    image, own = tmp_path / "image", tmp_path / "own"
    held = image / "numba-d" / "kernels" / "one.nbi"
    held.parent.mkdir(parents=True)
    held.write_bytes(b"compiled")
    access, can_write = os.access, code_cache._can_write
    monkeypatch.setattr(code_cache, "_can_write", lambda folder: image not in folder.parents and can_write(folder))
    monkeypatch.setattr(
        os, "access", lambda path, mode: access(path, mode) and not (mode & os.W_OK and image in Path(path).parents)
    )
    assert choose_folder([tmp_path / name for name in order], "d") == own / "numba-d"
    assert (own / "numba-d" / "kernels" / "one.nbi").read_bytes() == b"compiled"
    assert choose_folder([image], "d") is None


def test_a_folder_that_others_may_write_as_well_is_not_copied(tmp_path: Path) -> None:
    held = tmp_path / "theirs" / "numba-d" / "one.nbi"
    held.parent.mkdir(parents=True)
    held.write_bytes(b"compiled")
    assert choose_folder([tmp_path / "own", tmp_path / "theirs"], "d") == tmp_path / "own" / "numba-d"
    assert list((tmp_path / "own" / "numba-d").iterdir()) == []


def test_environments_with_other_versions_of_numba_keep_apart(tmp_path: Path) -> None:
    """On one source: each run compiled anew, over what the other environment had kept."""
    asked = "import numba\n{}\nfrom vcffilter.kernels.jit import cache_folder\nprint(cache_folder())"
    folders = {
        subprocess.run(
            [sys.executable, "-c", asked.format(line)], capture_output=True, text=True, check=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        ).stdout
        for line in ("", "numba.__version__ = '99.0.0'")
    }  # fmt: skip
    assert len(folders) == 2


def test_the_digest_follows_every_file_beside_kernels(tmp_path: Path) -> None:
    for room, text in (("with", "from vcffilter.kernels.jit import kernel\n"), ("without", "import os\n")):
        (tmp_path / room).mkdir()
        (tmp_path / room / "one.py").write_text(text)
    before = source_digest(tmp_path)
    (tmp_path / "without" / "constants.py").write_text("A = 1\n")
    assert source_digest(tmp_path) == before
    (tmp_path / "with" / "constants.py").write_text("A = 1\n")
    assert source_digest(tmp_path) != before
    before = source_digest(tmp_path)
    os.utime(tmp_path / "without" / "constants.py", ns=(5, 5))
    assert source_digest(tmp_path) == before
    os.utime(tmp_path / "with" / "constants.py", ns=(5, 5))
    assert source_digest(tmp_path) != before, "an installation of the same version, with files of another time"
