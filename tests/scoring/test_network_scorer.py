"""The scorer: scores that do not depend on batches, places or threads, and clear errors."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
import torch

from vcffilter.calibration.maps import Calibration
from vcffilter.errors import ModelError
from vcffilter.models.checkpoint import decode_checkpoint, encode_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.registry import build
from vcffilter.scoring.network import CPU_TILE, SMALL_TILE, TILE_TOLERANCE, NetworkScorer, one_intra_op_thread

FEATURES = 110


def make_checkpoint(architecture, columns=1, rows=16, config=None, **metadata):
    channels = ("support", *(f"c{i}" for i in range(7)))
    spec = EncoderSpec(
        1,
        tuple(f"f{i}" for i in range(FEATURES)),
        channels if columns else (),
        rows if columns else 0,
        columns,
    )
    torch.manual_seed(3)
    module = build(architecture, config or {}, spec)
    module.fit_inputs(*make_arrays(spec, 300, seed=9))
    return decode_checkpoint(encode_checkpoint(module, CheckpointMetadata("test", architecture, config or {}, spec, **metadata)))


def make_arrays(spec, n, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.gamma(1.0, 3.0, (n, spec.n_features)).astype(np.float32)
    if spec.rows == 0:
        return features, None
    reads = rng.integers(0, 255, (n, spec.rows, spec.columns, spec.n_channels), dtype=np.uint8)
    reads[np.arange(spec.rows)[None, :] >= rng.integers(1, spec.rows + 1, n)[:, None]] = 0
    return features, reads


def part(features, reads, chosen):
    return features[chosen], None if reads is None else reads[chosen]


@pytest.mark.parametrize(
    ("architecture", "columns"),
    [
        ("site_mlp", 0),
        ("read_set", 1),
        ("read_set", 9),
        ("cnn2d", 9),
        ("wide_resnet", 9),
        ("read_attention", 1),
        ("read_contrast", 9),
    ],
)
def test_logits_are_bit_identical_however_they_are_batched(architecture, columns):
    checkpoint = make_checkpoint(architecture, columns)
    n = 2 * CPU_TILE + 37
    features, reads = make_arrays(checkpoint.metadata.encoder, n)
    whole = NetworkScorer(checkpoint, "cpu").logits(features, reads)
    assert whole.dtype == np.float32
    assert np.ptp(whole) > 0

    scorer = NetworkScorer(checkpoint, "cpu")
    order = np.random.default_rng(1).permutation(n)
    assert np.array_equal(scorer.logits(*part(features, reads, order)), whole[order])
    borders = [0, 1, 20, 21, 150, n]
    chunks = [scorer.logits(*part(features, reads, slice(a, b))) for a, b in zip(borders, borders[1:], strict=False)]
    assert np.array_equal(np.concatenate(chunks), whole)


def test_logits_are_bit_identical_over_threads_and_intra_op_settings():
    checkpoint = make_checkpoint("read_set", 9)
    features, reads = make_arrays(checkpoint.metadata.encoder, 500)
    scorer = NetworkScorer(checkpoint, "cpu")
    expected = scorer.logits(features, reads)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    results = {}

    def work(begin):
        # Each worker sees another piece, over and over, while the others run.
        for _ in range(3):
            results[begin] = scorer.logits(features[begin : begin + 200], reads[begin : begin + 200])

    workers = [threading.Thread(target=work, args=(begin,)) for begin in (0, 50, 133, 300)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    torch.set_num_threads(before)
    for begin, got in results.items():
        assert np.array_equal(got, expected[begin : begin + 200])


def test_the_callers_number_of_torch_threads_is_left_alone():
    checkpoint = make_checkpoint("site_mlp", 0)
    features, _ = make_arrays(checkpoint.metadata.encoder, 20)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        NetworkScorer(checkpoint, "cpu").logits(features, None)
        assert torch.get_num_threads() == 2
        with one_intra_op_thread():
            seen = []
            worker = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            worker.start()
            worker.join()
            assert seen == [torch.get_num_threads()] == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_inputs_need_not_be_contiguous_and_may_be_empty():
    checkpoint = make_checkpoint("read_set")
    features, reads = make_arrays(checkpoint.metadata.encoder, 60)
    scorer = NetworkScorer(checkpoint, "cpu")
    assert np.array_equal(scorer.logits(features[::2], reads[::2]), scorer.logits(features, reads)[::2])
    assert scorer.logits(features[:0], reads[:0]).shape == (0,)
    assert scorer.probabilities(features[:0], reads[:0], np.zeros(0, bool)).shape == (0,)


def test_probabilities_are_calibrated_per_type_and_rounded():
    maps = {
        "snv": [{"logit_in": [-1.0, 1.0], "logit_out": [-1.0, 1.0]}],
        "indel": [{"logit_in": [-1.0, 1.0], "logit_out": [-3.0, 1.0]}],
    }
    checkpoint = make_checkpoint("site_mlp", 0, calibration={"depth_borders": [], "maps": maps})
    features, _ = make_arrays(checkpoint.metadata.encoder, 50)
    scorer = NetworkScorer(checkpoint, "cpu")
    logits = scorer.logits(features, None).astype(np.float64)
    is_snv = np.arange(50) % 2 == 0
    calibrated = np.where(is_snv, logits, 2 * logits - 1)
    probabilities = scorer.probabilities(features, None, is_snv)
    assert probabilities.dtype == np.float32
    assert np.array_equal(probabilities, np.round(1 / (1 + np.exp(-calibrated)), 4).astype(np.float32))


def test_wrong_arrays_are_refused():
    checkpoint = make_checkpoint("read_set")
    features, reads = make_arrays(checkpoint.metadata.encoder, 4)
    scorer = NetworkScorer(checkpoint, "cpu")
    with pytest.raises(ModelError, match="110"):
        scorer.logits(features[:, :-1], reads)
    with pytest.raises(ModelError, match="float64"):
        scorer.logits(features.astype(np.float64), reads)
    with pytest.raises(ModelError, match="reads"):
        scorer.logits(features, None)
    with pytest.raises(ModelError, match="reads"):
        scorer.logits(features, reads[:, :-1])


def test_device_choice(caplog):
    checkpoint = make_checkpoint("site_mlp", 0)
    with caplog.at_level(logging.INFO):
        NetworkScorer(checkpoint, "cpu")
    assert "CPU" in caplog.text
    with pytest.raises(ModelError, match="device"):
        NetworkScorer(checkpoint, "tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="CUDA"):
            NetworkScorer(checkpoint, "cuda")


class _ShortOfMemory(torch.nn.Module):
    """A network on a GPU that cannot hold more than so many alleles."""

    def __init__(self, module, largest):
        super().__init__()
        self.module = module
        self.largest = largest
        self.seen = []

    def forward(self, features, reads):
        self.seen.append(len(features))
        if len(features) > self.largest:
            raise torch.cuda.OutOfMemoryError("no memory")
        return self.module(features, reads)


@pytest.mark.parametrize("architecture", ["read_set", "cnn2d", "read_attention"])
@pytest.mark.parametrize("largest", [CPU_TILE - 1, SMALL_TILE])
def test_one_smaller_tile_serves_where_memory_runs_out(monkeypatch, caplog, architecture, largest):
    checkpoint = make_checkpoint(architecture, 9)
    features, reads = make_arrays(checkpoint.metadata.encoder, 300)
    expected = NetworkScorer(checkpoint, "cpu").logits(features, reads)
    scorer = NetworkScorer(checkpoint, "cpu")
    device = _ShortOfMemory(scorer._module, largest)
    monkeypatch.setattr(scorer, "_module", device)
    got = scorer.logits(features, reads)
    assert np.abs(got - expected).max() < TILE_TOLERANCE
    # However much memory there is, the tile is one of two, and so are the scores.
    assert set(device.seen) == {CPU_TILE, SMALL_TILE}
    assert np.array_equal(scorer.logits(features[:50], reads[:50]), got[:50])
    assert caplog.text.count("out of memory") == 1
    assert f"{SMALL_TILE} alleles at a time" in caplog.text
    device.largest = SMALL_TILE - 1
    with pytest.raises(ModelError, match="memory"):
        scorer.logits(features, reads)


def test_an_output_that_is_no_number_ends_the_run():
    checkpoint = make_checkpoint("site_mlp", 0)
    features, _ = make_arrays(checkpoint.metadata.encoder, 5)
    features[3, 2] = np.nan
    with pytest.raises(ModelError, match="no finite number"):
        NetworkScorer(checkpoint, "cpu").logits(features, None)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_agrees_with_the_cpu():
    checkpoint = make_checkpoint("read_set")
    features, reads = make_arrays(checkpoint.metadata.encoder, 5000)
    cpu = NetworkScorer(checkpoint, "cpu").logits(features, reads)
    gpu_scorer = NetworkScorer(checkpoint, "cuda")
    gpu = gpu_scorer.logits(features, reads)
    assert np.allclose(cpu, gpu, atol=1e-2)
    assert np.array_equal(gpu_scorer.logits(features[:7], reads[:7]), gpu[:7])


def test_log_odds_keep_the_order_of_the_logits_where_the_probability_is_rounded_away():
    checkpoint = make_checkpoint("site_mlp", 0)
    scorer = NetworkScorer(checkpoint, "cpu")
    features, reads = make_arrays(checkpoint.metadata.encoder, 200)
    logits = scorer.logits(features, reads)
    scorer.calibration = Calibration.from_json(calibration_json(slope=25.0 / np.abs(logits).max()))
    is_snv = np.arange(200) % 2 == 0
    probability, log_odds = scorer.scores(features, reads, is_snv)
    assert np.array_equal(probability, scorer.probabilities(features, reads, is_snv))
    assert len(np.unique(probability)) < len(np.unique(log_odds)) == len(np.unique(np.round(log_odds, 4)))
    assert (np.diff(log_odds[np.argsort(logits)]) >= 0).all()
    assert np.abs(log_odds).max() == pytest.approx(25.0, abs=1e-3)
    assert np.allclose(probability, 1 / (1 + np.exp(-log_odds)), atol=0.00006)


def calibration_json(slope):
    one = {"logit_in": [-1.0, 1.0], "logit_out": [-slope, slope]}
    return {"depth_borders": [], "maps": {"snv": [one], "indel": [one]}}
