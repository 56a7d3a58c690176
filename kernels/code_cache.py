"""The folder in which compiled kernels are kept from run to run. Knows numba's files only by the folder they are in.

numba keeps compiled code as pickles, so whoever writes into the folder runs code in the next run: it is the package's own, the
user's, or one in the temporary directory that nobody else can write to. Where there is none, every run compiles its kernels.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Written and removed again to see that there is room: a folder on a full disk can be listed and entered.
_PROBE_BYTES = 1 << 16
#: What a file with kernels in it says.
_MARK = b"kernels.jit import"


def source_digest(package: Path, *compilers: str) -> str:
    """Of every file beside a file with kernels, in the folders of a package: what is in it, and when it was written. compilers:
    versions of what makes code of them.

    numba looks at the file of the function that it is asked for only, not at those of functions and constants that go into it.
    It takes what it kept only where that file's time and its own version are the same. Two installations of one version have
    files of other times, and two environments on one source other versions of numba: in one folder, each run of the one would
    make the other compile anew.
    """
    digest = hashlib.sha256("\n".join(compilers).encode())
    for folder in sorted({Path(__file__).parent, *(path for path in package.iterdir() if path.is_dir())}):
        sources = sorted(folder.glob("*.py"))
        if any(_MARK in source.read_bytes() for source in sources):
            for source in sources:
                digest.update(source.read_bytes())
                digest.update(source.stat().st_mtime_ns.to_bytes(8, "little"))
    return digest.hexdigest()[:16]


def choose_folder(parents: Iterable[Path], digest: str) -> Path | None:
    """A folder for what has this digest, in the first of the parents that can be written; None where there is none.

    Where it is new, what was compiled into one that can only be read (the image of a container) is copied there, whether that
    stands before it or after it.
    """
    folders = (parent / f"numba-{digest}" for parent in parents)
    image = None
    for folder in folders:
        if _can_write(folder):
            if not any(folder.iterdir()) and (image := image or next(filter(_only_readable, folders), None)) is not None:
                _copy(image, folder)
            return folder
        if image is None and _only_readable(folder):
            image = folder
    return None


def possible_parents() -> Iterator[Path]:
    """Where compiled code may be kept, the preferred place first. NUMBA_CACHE_DIR comes before all, as in numba."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen)
    yield Path(__file__).parent / "__pycache__"
    caches = _user_caches()
    if caches is not None:
        yield caches / "vcffilter"
    for temporary in _temporary_folders():
        own = temporary / f"vcffilter-{os.getuid()}"
        if _is_private(own):
            yield own


def _user_caches() -> Path | None:
    chosen = os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(chosen)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # HOME is not set, and the user has no passwd entry, as in containers with a number for a user
        return None


def _temporary_folders() -> Iterator[Path]:
    """Python's choice, but not the working directory, its last resort; then memory, which read-only containers have."""
    try:
        found = Path(tempfile.gettempdir())
    except FileNotFoundError:
        found = None
    if found is not None and (found != Path.cwd() or "TMPDIR" in os.environ):
        yield found
    yield Path("/dev/shm")


def _is_private(folder: Path) -> bool:
    """Whether a folder is there, made if need be, that is ours and that nobody else may enter: not a link, not another's."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
    except OSError:
        return False
    return True


def _only_readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK) and not os.access(folder, os.W_OK)


def _copy(source: Path, folder: Path) -> None:
    """Copy compiled code into a folder that has none."""
    try:
        shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    except (OSError, shutil.Error):
        # Half a copy is no harm: what is missing is compiled.
        return
