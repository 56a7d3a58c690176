"""Files for uploads and answers that have no name: nobody else can open them, and they are gone when the process is, however.

Knows nothing of what they hold.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

from vcffilter.errors import OutputError

_FOLDER = "pileup-filter-serve"
#: Where a file system, or the kernel, has no files without a name.
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


class SpooledFile:
    """An open file without a name: a descriptor, and how much is in it. Closing it removes it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._is_open = True

    @property
    def size(self) -> int:
        """Bytes in it."""
        return os.fstat(self.descriptor).st_size

    def append(self, data: bytes | bytearray) -> None:
        """Write all of it behind what is there. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def read_at(self, offset: int, n_bytes: int) -> bytes:
        """Bytes from a place on, fewer at the end."""
        return os.pread(self.descriptor, n_bytes, offset)

    def close(self) -> None:
        """Close, and so remove; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            os.close(self.descriptor)


class Spool:
    """A private folder in which such files are made. parent: None = the system's for temporary files. Raises OutputError.

    Linux makes them without a name. Elsewhere the name is taken away at once; what a crash between the two leaves, an empty
    file, is removed at the next start.
    """

    def __init__(self, parent: str | None = None) -> None:
        self.folder = Path(parent or tempfile.gettempdir()) / f"{_FOLDER}-{os.getuid()}"
        try:
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir(mode=0o700)
            facts = os.lstat(self.folder)
            if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
                raise OutputError(
                    "is not a folder that only this user can read",
                    path=str(self.folder),
                    hint="Remove it, or name another place with --spool",
                )
            for left in self.folder.iterdir():
                left.unlink(missing_ok=True)
            self.new().close()
        except OSError as error:
            raise OutputError(
                f"uploads cannot be kept there: {error.strerror}", path=str(self.folder), hint="Name another place with --spool"
            ) from error

    def new(self) -> SpooledFile:
        """An empty file. Raises OSError."""
        tmpfile = getattr(os, "O_TMPFILE", None)
        if tmpfile is not None:
            try:
                return SpooledFile(os.open(self.folder, tmpfile | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC, 0o600))
            except OSError as error:
                if error.errno not in _NO_TMPFILE:
                    raise
        descriptor, name = tempfile.mkstemp(dir=self.folder)
        os.unlink(name)
        return SpooledFile(descriptor)
