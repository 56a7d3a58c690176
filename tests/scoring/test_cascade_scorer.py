"""A cascade scored stage by stage: as the whole module, in tiles that change nothing, with tensors of the doubtful alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cascade_model import save_cascade

from vcffilter.errors import ModelError
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint
from vcffilter.models.stages import first_alone, second_alone
from vcffilter.scoring.network import CPU_TILE, NetworkScorer
from vcffilter.scoring.shared_network import SharedNetwork
from vcffilter.scoring.two_stages import SECOND_TILES, CascadeScorer, open_network

N = 3 * CPU_TILE + 11


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    # Where about half of the alleles below are in doubt.
    gate = [{"kind": "snv", "low": -1.5, "high": 1.0}, {"kind": "other", "reads_from": 9, "low": -1.7, "high": 0.0}]
    return load_checkpoint(save_cascade(tmp_path_factory.mktemp("model") / "two.safetensors", gate, rows=6, columns=5))


@pytest.fixture(scope="module")
def scorer(checkpoint: Checkpoint) -> CascadeScorer:
    found = open_network(checkpoint, "cpu")
    assert isinstance(found, CascadeScorer)
    return found


@pytest.fixture(scope="module")
def arrays(checkpoint: Checkpoint) -> tuple[np.ndarray, np.ndarray]:
    """Features of made-up alleles of both kinds, 0 to 60 reads deep, and their tensors."""
    spec = checkpoint.metadata.encoder
    draw = np.random.default_rng(4)
    features = draw.gamma(1.0, 2.0, (N, spec.n_features)).astype(np.float32)
    features[:, spec.features.index("is_snv")] = draw.integers(0, 2, N)
    features[:, spec.features.index("log_depth")] = np.log2(1 + draw.integers(0, 60, N))
    reads = draw.integers(0, 255, (N, spec.rows, spec.columns, spec.n_channels), np.uint8)
    reads[np.arange(spec.rows)[None, :] >= draw.integers(1, spec.rows + 1, N)[:, None]] = 0
    return features, reads


@pytest.fixture(scope="module")
def whole(scorer: CascadeScorer, arrays: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return scorer.logits(*arrays)


def test_the_stages_together_are_the_module(checkpoint, scorer, arrays, whole) -> None:
    features, reads = arrays
    first = scorer.first_stage(features)
    assert 2 * SECOND_TILES[0] < first.doubtful.sum() < N - SECOND_TILES[0]
    with torch.inference_mode():
        expected = checkpoint.build()(torch.from_numpy(features), torch.from_numpy(reads)).numpy()
    assert np.abs(whole - expected).max() < 1e-4
    trees = NetworkScorer(first_alone(checkpoint), "cpu").logits(features, None)
    assert np.array_equal(first.logits, trees)
    assert np.array_equal(whole[~first.doubtful], trees[~first.doubtful])
    assert np.abs(whole - trees)[first.doubtful].max() > 0.1
    assert second_alone(checkpoint).metadata.encoder.features[-1] == "first_logit"


def test_logits_are_bit_identical_however_they_are_cut(scorer, arrays, whole) -> None:
    features, reads = arrays
    order = np.random.default_rng(1).permutation(N)
    assert np.array_equal(scorer.logits(features[order], reads[order]), whole[order])
    for begin, end in ((0, 1), (1, 20), (20, 21), (21, 150), (150, N)):
        first = scorer.first_stage(features[begin:end])
        doubtful = reads[begin:end][first.doubtful]
        assert np.array_equal(scorer.logits(features[begin:end], doubtful, first), whole[begin:end])
    assert scorer.logits(features[:0], reads[:0]).shape == (0,)


def test_threads_and_a_shared_network_change_nothing(scorer, arrays, whole) -> None:
    features, reads = arrays
    shared = SharedNetwork(scorer)
    found: dict[tuple[str, int], np.ndarray] = {}

    def ask(name: str, network, begin: int) -> None:
        part = slice(begin, begin + 40)
        first = network.first_stage(features[part])
        found[name, begin] = network.logits(features[part], reads[part][first.doubtful], first)

    begins = range(0, N - 40, 50)
    threads = [
        threading.Thread(target=ask, args=(name, network, begin))
        for name, network in (("own", scorer), ("shared", shared))
        for begin in begins
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.close()
    assert len(found) == 2 * len(begins)
    for (_, begin), logits in found.items():
        assert np.array_equal(logits, whole[begin : begin + 40])


def test_what_does_not_fit_is_refused(scorer, arrays) -> None:
    features, reads = arrays
    first = scorer.first_stage(features)
    with pytest.raises(ModelError, match="reads"):
        scorer.logits(features, None)
    with pytest.raises(ModelError, match="reads"):
        scorer.logits(features, reads, first)  # of all, not of the doubtful
    with pytest.raises(ModelError, match="reads"):
        scorer.logits(features, reads[1:])
    with pytest.raises(ModelError, match="first stage"):
        scorer.logits(features[1:], reads[first.doubtful], first)


def test_a_file_with_more_than_both_stages_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for name in ("third.weight", "first.more", "gate.low"):
        changed = replace(checkpoint, tensors={**checkpoint.tensors, name: torch.zeros(2)})
        with pytest.raises(ModelError, match=f"{name} is not known"):
            open_network(changed, "cpu")
