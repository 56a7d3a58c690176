"""One network for many callers: what several threads ask at once goes through it together, on one thread that owns it.

A network takes tiles of one fixed shape, so that ten small questions cost as much as ten full tiles when each is asked alone. No
score depends on its neighbours in a tile, so what is answered is what each caller would have got alone. Knows arrays and threads.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from vcffilter.errors import ModelError
from vcffilter.scoring.network import CalibratedNetwork, FirstStage, one_intra_op_thread

logger = logging.getLogger(__name__)

#: Alleles after which no more questions are taken into a batch: bounds the memory, and what the first of them waits.
_MOST_ALLELES = 4096


@dataclass(frozen=True)
class _Question:
    """features, reads, first: as `CalibratedNetwork.logits` takes them. answer: float32 (n,)."""

    features: np.ndarray
    reads: np.ndarray | None
    first: FirstStage | None
    answer: Future[np.ndarray] = field(default_factory=Future)


class SharedNetwork(CalibratedNetwork):
    """A network behind one worker thread. observe: called with the questions and alleles of every batch, on that thread.

    Close it when no caller is left; who asks later gets a ModelError.
    """

    def __init__(self, network: CalibratedNetwork, observe: Callable[[int, int], None] | None = None) -> None:
        self.encoder, self.calibration = network.encoder, network.calibration
        self._network = network
        self._observe = observe
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._worker = threading.Thread(target=self._work, name="network", daemon=True)
        self._worker.start()

    @property
    def is_alive(self) -> bool:
        """Whether questions are answered."""
        return self._worker.is_alive() and not self._is_closed

    def first_stage(self, features: np.ndarray) -> FirstStage | None:
        """As `CalibratedNetwork.first_stage`, by the calling thread: what trees say of few alleles costs less than to wait."""
        return self._network.first_stage(features)

    def logits(self, features: np.ndarray, reads: np.ndarray | None, first: FirstStage | None = None) -> np.ndarray:
        """As `CalibratedNetwork.logits`; waits for the worker."""
        question = _Question(features, reads, first)
        with self._lock:  # nothing is asked behind the end
            if self._is_closed:
                raise ModelError("the model was closed")
            self._questions.put(question)
        return question.answer.result()

    def close(self) -> None:
        """Answer what was asked, then end the worker. A second call does nothing."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._questions.put(None)
        self._worker.join()

    def _work(self) -> None:
        with one_intra_op_thread():
            while (first := self._questions.get()) is not None:
                batch, is_last = self._batch(first)
                self._answer(batch)
                if is_last:
                    return

    def _batch(self, first: _Question) -> tuple[list[_Question], bool]:
        """The questions that wait, up to the limit, and whether they are the last ones."""
        batch, n_alleles = [first], len(first.features)
        while n_alleles < _MOST_ALLELES:
            try:
                question = self._questions.get_nowait()
            except queue.Empty:
                break
            if question is None:
                return batch, True
            batch.append(question)
            n_alleles += len(question.features)
        return batch, False

    def _answer(self, batch: Sequence[_Question]) -> None:
        """Answer a batch. Where it cannot be answered together, each is asked alone: one question does not spoil another."""
        if self._observe is not None:
            self._observe(len(batch), sum(len(question.features) for question in batch))
        try:
            answers = self._together(batch)
        except Exception as error:  # noqa: BLE001 (whatever it is belongs to who asked; the worker goes on)
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for question in batch:
                self._answer([question])
            return
        for question, answer in zip(batch, answers, strict=True):
            question.answer.set_result(answer)

    def _together(self, batch: Sequence[_Question]) -> list[np.ndarray]:
        if len(batch) == 1:
            return [self._network.logits(batch[0].features, batch[0].reads, batch[0].first)]
        features = np.concatenate([question.features for question in batch])
        with_reads = [question.reads for question in batch if question.reads is not None]
        # Arrays of one kind only, or they would not fit each other: the network then says what is wrong with which.
        if len(with_reads) not in (0, len(batch)):
            raise ModelError("some come with reads and some without")
        firsts = [question.first for question in batch if question.first is not None]
        if len(firsts) not in (0, len(batch)):
            raise ModelError("some come with what the first stage says and some without")
        first = None
        if firsts:
            joined = (np.concatenate([getattr(one, name) for one in firsts]) for name in ("logits", "doubtful"))
            first = FirstStage(*joined)
        logits = self._network.logits(features, np.concatenate(with_reads) if with_reads else None, first)
        return np.split(logits, np.cumsum([len(question.features) for question in batch])[:-1])
