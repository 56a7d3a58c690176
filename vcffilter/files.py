"""Files that appear under their names only when they are complete. Knows nothing of what they hold.

A file is written beside its final place under a name that nobody can guess and that did not exist before, so that a link
planted there is never followed. What a kill leaves behind is such a hidden file, which nothing reads and nothing stumbles over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from vcffilter.errors import OutputError, UsageError

_HINTS = {
    errno.ENOSPC: "Free some space, or write elsewhere",
    errno.EDQUOT: "Free some of your quota, or write elsewhere",
    errno.EACCES: "Write elsewhere, or change the permissions",
    errno.EPERM: "Write elsewhere, or change the permissions",
    errno.EROFS: "Write elsewhere",
    errno.ENOENT: "Make the folder first",
    errno.ENOTDIR: "Make the folder first",
    errno.EISDIR: "A folder has this name: give the name of a file",
}
_NO_FILE = (None, "-")
# Bytes of the final name within the hidden one: a name may have 255.
_NAME_BYTES = 200


def output_error(path: str | Path, error: OSError, what: str = "cannot be written") -> OutputError:
    """What is said when a file cannot be written."""
    return OutputError(f"{what}: {error.strerror or error}", path=str(path), hint=_HINTS.get(error.errno or 0))


class UnfinishedFile:
    """A file that is being written: `path` until `publish` gives it its final name; a block that ends before removes it.

    The name may be a link: its target is replaced. An existing file's permissions are kept. A device or pipe is written as it
    is (`is_special`). Raises OutputError.
    """

    def __init__(self, final: str | Path) -> None:
        self.name = str(final)
        try:
            mode = _mode(Path(final))
            self.is_special = mode is not None and not stat.S_ISREG(mode)
            # /dev/stdout of a pipe is a link to a name that is no path: special files are opened as they were named.
            self.final = Path(final if self.is_special else os.path.realpath(final))
            self.path = self.final if self.is_special else _create_beside(self.final, mode)
            _UNFINISHED.add(self)
        except OSError as error:
            raise output_error(self.name, error) from error

    def __enter__(self) -> UnfinishedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def open_descriptor(self) -> int:
        """A descriptor to write to, the caller's to close."""
        return os.open(self.path, os.O_WRONLY | (0 if self.is_special else os.O_NOFOLLOW))

    def write(self, data: bytes) -> None:
        """Write all of the file. Raises OutputError."""
        try:
            with os.fdopen(self.open_descriptor(), "wb") as stream:
                stream.write(data)
        except OSError as error:
            raise output_error(self.name, error) from error

    def publish(self) -> None:
        """Give the complete file its name."""
        publish([self])

    def discard(self) -> None:
        """Remove what was not published; a second call does nothing."""
        _UNFINISHED.discard(self)
        if not self.is_special:
            with contextlib.suppress(OSError):
                self.path.unlink()


#: Those of this process that are there now.
_UNFINISHED: weakref.WeakSet[UnfinishedFile] = weakref.WeakSet()


def discard_all() -> None:
    """Remove every unfinished file of this process, which has to end before its blocks can."""
    for file in list(_UNFINISHED):
        file.discard()


def publish(files: list[UnfinishedFile]) -> None:
    """Give complete files their names, all or none of them: where one cannot have its name, the others are removed."""
    published: list[Path] = []
    for file in files:
        try:
            if not file.is_special:
                _flush_to_disk(file.path)
                os.replace(file.path, file.final)
                published.append(file.final)
        except OSError as error:
            for path in published:
                path.unlink(missing_ok=True)
            for unfinished in files:
                unfinished.discard()
            raise output_error(file.name, error) from error


@contextlib.contextmanager
def text_file(final: str | Path) -> Iterator[TextIO]:
    """A text stream (UTF-8) for the block to write; the file appears when the block ends without error."""
    with UnfinishedFile(final) as file:
        try:
            with os.fdopen(file.open_descriptor(), "w", encoding="utf-8") as stream:
                yield stream
            file.publish()
        except OSError as error:
            # What names another file did not come from writing this one. A closed pipe has its own exit code.
            if isinstance(error, BrokenPipeError) or error.filename not in (None, str(file.path)):
                raise
            raise output_error(final, error) from error


def write_bytes(final: str | Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises OutputError."""
    with UnfinishedFile(final) as file:
        file.write(data)
        file.publish()


def write_text(final: str | Path, text: str) -> None:
    """Write a text file (UTF-8) whole or not at all. Raises OutputError."""
    write_bytes(final, text.encode("utf-8", "surrogateescape"))


def refuse_overwriting(outputs: Sequence[str | None], inputs: Sequence[str | None]) -> None:
    """Raise UsageError where an output is an input, or two outputs are one, under whatever names; devices and pipes may be.

    None and "-" name no file.
    """
    seen = {identity: name for name in inputs if name not in _NO_FILE for identity in _identities(name)}
    for output in outputs:
        if output in _NO_FILE:
            continue
        identities = _identities(output)
        other = next((seen[identity] for identity in identities if identity in seen), None)
        if other is not None:
            raise UsageError(f"{output} would be written over {other}", hint="Give every output a name of its own")
        seen.update(dict.fromkeys(identities, output))


def _identities(name: str) -> list[str | tuple[int, int]]:
    """What tells a regular file, or one that is not there yet, from others: its real path, and its device and inode."""
    path = os.path.realpath(name)
    try:
        facts = os.stat(path)
    except OSError:
        return [path]
    return [path, (facts.st_dev, facts.st_ino)] if stat.S_ISREG(facts.st_mode) else []


def make_folder(path: str | Path) -> Path:
    """The folder, made when absent. Raises OutputError."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error, "the folder cannot be made") from error
    return folder


def _mode(path: Path) -> int | None:
    """The mode of what has the name; None when nothing has. Raises OSError when it may not be written."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return mode


def _create_beside(final: Path, mode: int | None) -> Path:
    """An empty file of a new name in the folder of `final`, with the permissions that `open` would give, or `mode`."""
    shown = os.fsdecode(os.fsencode(final.name)[:_NAME_BYTES])
    path = final.with_name(f".{shown}.{secrets.token_hex(8)}.partial")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        if mode is not None:
            os.fchmod(descriptor, stat.S_IMODE(mode) & 0o777)
    finally:
        os.close(descriptor)
    return path


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
