"""Many callers of one network get what each would have got alone, whatever the others ask, and whatever goes wrong with these."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from vcffilter.errors import ModelError
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.scoring.network import NetworkScorer
from vcffilter.scoring.shared_network import SharedNetwork


@pytest.fixture(scope="module")
def network() -> NetworkScorer:
    return NetworkScorer(load_checkpoint("illumina-germline"), "cpu")


def questions(network: NetworkScorer, sizes: list[int]) -> list[np.ndarray]:
    generator = np.random.default_rng(7)
    return [generator.normal(10, 20, (size, network.encoder.n_features)).astype(np.float32) for size in sizes]


class Gate:
    """A network that waits before it answers, so that questions gather."""

    def __init__(self, network: NetworkScorer) -> None:
        self.encoder, self.calibration = network.encoder, network.calibration
        self._network = network
        self.is_open = threading.Event()

    def logits(self, features, reads, first=None):
        self.is_open.wait(5)
        return self._network.logits(features, reads, first)


def ask_all(shared: SharedNetwork, gate: Gate, asked: list[np.ndarray]) -> list[np.ndarray | Exception]:
    answers: list = [None] * len(asked)

    def ask(index: int) -> None:
        try:
            answers[index] = shared.logits(asked[index], None)
        except Exception as error:  # noqa: BLE001 (it is what the test looks at)
            answers[index] = error

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(asked))]
    for thread in threads:
        thread.start()
    gate.is_open.set()
    for thread in threads:
        thread.join(10)
    return answers


def test_answers_do_not_depend_on_who_else_asks(network):
    gate, batches = Gate(network), []
    shared = SharedNetwork(gate, lambda n_questions, n_alleles: batches.append((n_questions, n_alleles)))
    asked = questions(network, [1, 3, 130, 5000, 2, 0, 7] * 4)
    answers = ask_all(shared, gate, asked)
    for features, answer in zip(asked, answers, strict=True):
        assert np.array_equal(answer, network.logits(features, None))
    assert sum(n_questions for n_questions, _ in batches) == len(asked)
    assert len(batches) < len(asked)
    shared.close()
    shared.close()
    assert not shared.is_alive
    with pytest.raises(ModelError, match="closed"):
        shared.logits(asked[0], None)


def test_a_wrong_question_spoils_no_other(network):
    gate = Gate(network)
    shared = SharedNetwork(gate)
    asked = questions(network, [2, 3, 4])
    asked.insert(1, np.zeros((2, 1), np.float32))
    answers = ask_all(shared, gate, asked)
    assert isinstance(answers[1], ModelError)
    for index in (0, 2, 3):
        assert np.array_equal(answers[index], network.logits(asked[index], None))
    assert np.array_equal(shared.logits(asked[0], None), answers[0])
    shared.close()
