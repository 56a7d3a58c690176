"""Who is let in: so many requests at once and no more, none while the server stops, and none that waited beyond its time.

Lives on the event loop, but for `Deadline`, which the workers ask. Knows no HTTP and no scores.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from vcffilter.serve.problems import Problem
from vcffilter.serve.settings import Limits
from vcffilter.serve.spool import SpooledFile

Result = TypeVar("Result")

#: Seconds that a client is asked to stay away, at least and at most.
_LEAST_RETRY, _MOST_RETRY = 1, 60
#: Weight of the last job in the mean of jobs' seconds.
_NEWEST = 0.2


class Deadline:
    """The moment by which a job has to be done, and whether anybody still waits for it. `check` is for the worker."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._is_given_up = threading.Event()
        self._is_met = False
        self.has_begun = False

    def give_up(self) -> None:
        """Nobody waits any longer."""
        self._is_given_up.set()

    def meet(self) -> None:
        """The answer has begun to go out: it may take as long as it takes."""
        self._is_met = True

    def check(self) -> None:
        """Raise Problem where the work is for nothing."""
        if self._is_given_up.is_set():
            raise Problem("deadline", "Nobody waits for the answer any longer.")
        if not self._is_met and time.monotonic() > self._end:
            raise Problem("deadline", "Send fewer calls at once, or ask the operator for a longer deadline.")

    @property
    def seconds_left(self) -> float:
        """Until the moment; negative after it."""
        return self._end - time.monotonic()

    @property
    def has_passed(self) -> bool:
        """Whether it is too late to begin."""
        return time.monotonic() > self._end


class Place:
    """One request's place in the server, with the files that it keeps and the job that it has running. For the event loop."""

    def __init__(self, on_left: Callable[[], None]) -> None:
        self._on_left = on_left
        self._files: list[SpooledFile] = []
        self._job: Future[Any] | None = None
        self._is_left = False
        self.deadline = Deadline(math.inf)

    def holds(self, file: SpooledFile) -> SpooledFile:
        """The file, removed when the place is left."""
        self._files.append(file)
        return file

    def runs(self, job: Future[Any], deadline: Deadline) -> None:
        """The place is not free, and its files stay, before this job has ended."""
        self._job, self.deadline = job, deadline

    def leave(self) -> None:
        """Give the place up; a second call does nothing. What still runs ends with its next look at the deadline."""
        if self._is_left:
            return
        self._is_left = True
        self.deadline.give_up()
        if self._job is None or self._job.done():
            self._clear()
        else:
            self._job.add_done_callback(self._clearing_on(asyncio.get_running_loop()))

    def _clearing_on(self, loop: asyncio.AbstractEventLoop) -> Callable[[Future[Any]], None]:
        def clear(_: Future[Any]) -> None:
            try:
                loop.call_soon_threadsafe(self._clear)
            except RuntimeError:  # the server has stopped, and counts no longer
                self._clear()

        return clear

    def _clear(self) -> None:
        for file in self._files:
            file.close()
        self._on_left()


class Admission:
    """Counts requests from their first byte to the last of their answer; runs their jobs on worker threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._workers = ThreadPoolExecutor(limits.workers, thread_name_prefix="request")
        self._mean_seconds = 0.5
        self.n_inside = 0
        self.is_draining = False

    def enter(self) -> Place:
        """A place for one request, to be left when its answer is sent. Raises Problem where there is none."""
        self.refuse_when_draining()
        if self.n_inside >= self._limits.workers + self._limits.waiting:
            raise Problem("too-many-requests", f"{self.n_inside} are here.", self._retry())
        self.n_inside += 1
        return Place(self._left)

    def too_late(self) -> Problem:
        """A request's turn did not come before its deadline."""
        return Problem("waited-too-long", "The server is busy.", self._retry())

    def refuse_when_draining(self) -> None:
        """Raise Problem while the server stops."""
        if self.is_draining:
            raise Problem("not-ready", "Ask another server, or this one later.", {"Retry-After": str(_LEAST_RETRY)})

    def start(self, place: Place, job: Callable[[], Result], deadline: Deadline) -> asyncio.Future[Result]:
        """Run a blocking job on a worker when its turn comes. Its result may be Problem: its turn came too late."""

        def timed() -> Result:
            if deadline.has_passed:
                raise self.too_late()
            deadline.check()
            deadline.has_begun = True
            started = time.monotonic()
            result = job()
            # A race between two workers loses one of two means: it is a guess for who is sent away.
            self._mean_seconds += _NEWEST * (time.monotonic() - started - self._mean_seconds)
            return result

        running = self._workers.submit(timed)
        place.runs(running, deadline)
        return asyncio.wrap_future(running)

    def close(self) -> None:
        """End the workers when they have done what they do."""
        self._workers.shutdown(cancel_futures=True)

    def _left(self) -> None:
        self.n_inside -= 1

    def _retry(self) -> dict[str, str]:
        """When a place should be free, by how long jobs took of late."""
        seconds = math.ceil(self._mean_seconds * self.n_inside / self._limits.workers)
        return {"Retry-After": str(min(max(seconds, _LEAST_RETRY), _MOST_RETRY))}
