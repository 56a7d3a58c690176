"""Signals that end the process even where a worker, or the main thread inside a C library, does not come back. Knows no command.

Python runs a signal's handler only when the main thread returns to Python, waits at exit for every worker, and drops an exception
that a handler raises inside a callback of a C library.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Sequence

from vcffilter.files import discard_all

#: Time to unwind and remove half-written files.
GRACE_SECONDS = 3.0


class SignalWatch:
    """Once one of the signals has come, removes half-written files and ends the process after `GRACE_SECONDS`, with the shell's
    exit code, unless `stop` is called before. For the main thread.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._earlier = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        threading.Thread(target=_end_late, args=(read_end, frozenset(numbers)), daemon=True, name="signals").start()

    def stop(self) -> None:
        """Watch no longer."""
        signal.set_wakeup_fd(self._earlier)
        os.close(self._write_end)


def _end_late(read_end: int, numbers: frozenset[int]) -> None:
    try:
        while received := os.read(read_end, 1):
            if received[0] in numbers:
                end_of_watch, _, _ = select.select([read_end], [], [], GRACE_SECONDS)
                if not end_of_watch or os.read(read_end, 1):  # no end, or a second signal
                    discard_all()
                    os._exit(128 + received[0])
                return
    finally:
        os.close(read_end)
