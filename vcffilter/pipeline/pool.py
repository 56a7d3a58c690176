"""Things that one thread uses at a time, lent to many threads and kept open in between. Knows nothing of what they are."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What has files or memory to give back."""

    def close(self) -> None:
        """Give them back."""
        ...


Lent = TypeVar("Lent", bound=Closable)


class Pool(Generic[Lent]):
    """Lends every thread one of its own; opens another where none is idle."""

    def __init__(self, open_one: Callable[[], Lent]) -> None:
        self._open_one = open_one
        self._idle: queue.SimpleQueue[Lent] = queue.SimpleQueue()
        self._is_closed = False

    @contextlib.contextmanager
    def lent(self) -> Iterator[Lent]:
        """One for this thread, to be given back when what it gave has been used."""
        try:
            one = self._idle.get_nowait()
        except queue.Empty:
            one = self._open_one()
        try:
            yield one
        finally:
            self._idle.put(one)
            if self._is_closed:
                self.close()

    def close(self) -> None:
        """Close those that are idle, and those that are lent when they come back."""
        self._is_closed = True
        with contextlib.suppress(queue.Empty):  # two threads may be closing
            while True:
                self._idle.get_nowait().close()
