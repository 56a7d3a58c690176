"""How far a long piece of work is: one line of a terminal, overwritten about once a second. Knows nothing of the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: What work calls: (done, total or None where nobody knows it, where or what is being done).
ProgressCallback = Callable[[int, int | None, str], None]


def no_progress(done: int, total: int | None, where: str) -> None:
    """A callback for those who do not look."""


class ProgressLine:
    """A `ProgressCallback` that writes a line. unit: what is counted, plural. Appears only after `patience_seconds`."""

    def __init__(self, stream: TextIO, unit: str, *, interval_seconds: float = 1.0, patience_seconds: float = 2.0) -> None:
        self._stream = stream
        self._unit = unit
        self._interval_seconds = interval_seconds
        self._started = time.monotonic()
        self._shown = self._started + patience_seconds - interval_seconds
        self._width = 0

    def __call__(self, done: int, total: int | None, where: str) -> None:
        """Show the line when the last one is old enough."""
        now = time.monotonic()
        if now - self._shown < self._interval_seconds:
            return
        self._shown = now
        text = progress_text(done, total, where, self._unit, now - self._started)
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; one that was closed before the program began is none."""
    return stream is not None and stream.isatty()


@contextmanager
def progress_line(stream: TextIO | None, unit: str, *, quiet: bool = False) -> Iterator[ProgressCallback]:
    """A line on `stream` while the block runs, where that is a terminal; nothing elsewhere."""
    if quiet or stream is None or not stream.isatty():
        yield no_progress
        return
    line = ProgressLine(stream, unit)
    try:
        yield line
    finally:
        line.clear()


def progress_text(done: int, total: int | None, where: str, unit: str, elapsed_seconds: float) -> str:
    """The line: counts, share, where, rate, time left. The time left goes on at the rate so far."""
    rate = done / elapsed_seconds if elapsed_seconds > 0 else 0.0
    share = f" of {total:,} ({min(done / total, 1.0):.0%})" if total else ""
    parts = [f"{done:,}{share} {unit}", where, f"{rate:,.0f} {unit}/s" if rate >= 10 else ""]
    if total and 0 < done < total:
        parts.append(f"{duration_text((total - done) / rate)} left")
    return ", ".join(part for part in parts if part)


def duration_text(seconds: float) -> str:
    """`40 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
