"""An .npz of plain arrays that lies beside weights, read as data that nobody vouches for. Knows not what the arrays mean."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from vcffilter.errors import ModelError

#: What NumPy and zipfile raise over a damaged archive, a damaged head of an array, or a shape that no memory holds.
_DAMAGE = (
    OSError, ValueError, TypeError, KeyError, EOFError, OverflowError, MemoryError, RuntimeError, SyntaxError,
    struct.error, zlib.error, tokenize.TokenError, zipfile.BadZipFile,
)  # fmt: skip


def read_arrays(path: str | Path, what: str, hint: str) -> dict[str, np.ndarray]:
    """Its arrays by name. what, hint: for the message of the ModelError that a damaged file raises."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except _DAMAGE as error:
        why = str(error).split("\n")[0][:200] or type(error).__name__
        shown = "".join(letter if letter.isprintable() else "?" for letter in why)
        raise ModelError(f"{what} cannot be read ({shown})", path=str(path), hint=hint) from error
