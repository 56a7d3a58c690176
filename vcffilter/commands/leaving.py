"""The end of the process, once everything is written: at once, and not by way of every library that was loaded.

Unloading torch walks through its libraries: 120 MB of their files come into memory, more than the run itself ever took, and
a part of a second goes by. The system takes all back anyway.
"""

from __future__ import annotations

import atexit
import os
import sys


class QuickEnd:
    """Ends the process with `code` after threads were waited for and what others have to do at exit is done.

    Make it before anything that registers with `atexit`: what comes first there is done last.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        atexit.register(self._end)

    def _end(self) -> None:
        if self.code is None or "torch" not in sys.modules:
            return
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except OSError:  # Python says so on its own way out
                return
        os._exit(self.code)
