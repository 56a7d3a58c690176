"""Chunks scored on workers while the calling thread reads on and finishes them in order. Memory stays bounded.

Knows neither records nor scores: chunks come, and go with what the workers made of them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

#: Chunks read ahead of the one to finish, beyond one per worker: enough that no worker waits for the disk.
_CHUNKS_AHEAD = 2

Chunk = TypeVar("Chunk")
Scores = TypeVar("Scores")


def score_ahead(
    chunks: Iterable[Chunk], score: Callable[[Chunk], Scores], finish: Callable[[Chunk, Scores], None], *, n_threads: int
) -> float:
    """Score every chunk on one of `n_threads` workers and finish each, in order, on the calling thread.

    Returns the seconds in which the calling thread only waited for scores. Whatever is raised by the chunks, by a worker or in
    `finish` is raised here, after the workers have stopped.
    """
    pending: deque[tuple[Chunk, Future[Scores]]] = deque()
    executor = ThreadPoolExecutor(max_workers=n_threads, thread_name_prefix="score")
    waited = 0.0

    def finish_oldest() -> None:
        nonlocal waited
        chunk, future = pending.popleft()
        started = time.perf_counter()
        scores = future.result()
        waited += time.perf_counter() - started
        finish(chunk, scores)

    try:
        for chunk in chunks:
            pending.append((chunk, executor.submit(score, chunk)))
            while len(pending) > n_threads + _CHUNKS_AHEAD or (pending and pending[0][1].done()):
                finish_oldest()
        while pending:
            finish_oldest()
    except BaseException as error:
        # A signal does not wait for a worker that may never come back.
        executor.shutdown(wait=isinstance(error, Exception), cancel_futures=True)
        raise
    executor.shutdown(wait=True)
    return waited
