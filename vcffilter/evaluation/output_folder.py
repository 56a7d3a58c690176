"""Result files that appear under their names only when they are complete. Knows nothing of their contents."""

from __future__ import annotations

import os
from pathlib import Path

from vcffilter.errors import OutputError


def make_folder(path: str) -> Path:
    """The folder, made when absent. Raises OutputError."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be made ({error.strerror})", path=path) from error
    return folder


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises OutputError."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises OutputError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"cannot be written ({error.strerror})", path=str(path), hint="Check the folder and the free space"
        ) from error
