"""A small network learns artefacts that were planted into pileups; its gradients name them and lie on the reads that have them.

A network with random weights names nothing: what the maps show comes from what was learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from vcffilter.encoding.encoder import ENCODER_VERSION
from vcffilter.explanation.families import ALL_FAMILIES, CHANNEL_PREFIX, by_family
from vcffilter.explanation.saliency import baseline_of, grad_cam, integrated_gradients
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.registry import build
from vcffilter.scoring.network import one_intra_op_thread

CHANNELS = ("base", "base_quality", "present", "support", "margin", "mapping_quality", "strand", "end_distance")
SPEC = EncoderSpec(ENCODER_VERSION, ("is_snv", "run_at_event"), CHANNELS, 13, 5)
#: What is planted -> the family that is true of it.
TRUE_FAMILY = {"strand": "strand_bias", "read_end": "read_end", "mapping": "low_mapq", "homopolymer": "homopolymer"}
TOP = 2
ALT_ROWS = slice(1, 6)
N = 60


@dataclass(frozen=True)
class Examples:
    """features: float32 (n, 2). reads: uint8 (n, 13, 5, 8). kinds: what was planted, "" in clean ones."""

    features: np.ndarray
    reads: np.ndarray
    kinds: np.ndarray


def at(channel):
    return CHANNELS.index(channel)


def clean(rng, n):
    """Five reads for the ALT, five for REF, two rows empty; nothing tells one group from the other but their support."""
    shape = (n, SPEC.rows, 1)
    reads = np.zeros((n, SPEC.rows, SPEC.columns, len(CHANNELS)), np.uint8)
    reads[..., at("base")] = rng.choice([60, 120, 180, 240], (n, 1, SPEC.columns))
    reads[..., at("base_quality")] = rng.integers(120, 200, (n, SPEC.rows, SPEC.columns))
    reads[..., at("present")] = 255
    reads[..., at("support")] = 128
    reads[:, ALT_ROWS, :, at("support")] = 255
    reads[..., at("margin")] = np.where(reads[..., at("support")] == 255, 180, 70)
    reads[..., at("mapping_quality")] = rng.integers(200, 256, shape)
    reads[..., at("strand")] = rng.choice([80, 240], shape)
    reads[..., at("end_distance")] = rng.integers(0, 256, shape)
    reads[:, -2:] = 0
    reads[:, 0, :, 1:] = 0
    reads[:, 0, :, at("support")] = 1
    features = np.stack([np.ones(n), rng.integers(1, 7, n)], axis=1).astype(np.float32)
    return features, reads


def planted(rng, kind, n):
    features, reads = clean(rng, n)
    if kind == "strand":
        reads[:, ALT_ROWS, :, at("strand")] = rng.choice([80, 240], (n, 1, 1))
    elif kind == "read_end":
        reads[:, ALT_ROWS, :, at("end_distance")] = rng.integers(0, 20, (n, 5, 1))
    elif kind == "mapping":
        reads[:, ALT_ROWS, :, at("mapping_quality")] = rng.integers(1, 80, (n, 5, 1))
    elif kind == "homopolymer":
        features[:, 1] = rng.integers(10, 14, n)
    return features, reads


@pytest.fixture(scope="module")
def examples():
    rng = np.random.default_rng(3)
    parts = [(kind, planted(rng, kind, N)) for kind in TRUE_FAMILY] + [("", clean(rng, 4 * N))]
    kinds = np.concatenate([[kind] * len(features) for kind, (features, _) in parts])
    return Examples(*(np.concatenate([arrays[index] for _, arrays in parts]) for index in (0, 1)), kinds)


def fresh(examples, seed):
    torch.manual_seed(seed)
    module = build("cnn2d", {"widths": (16, 16), "hidden": (16,), "n_members": 1, "dropout": 0.0}, SPEC)
    module.fit_inputs(examples.features, examples.reads)
    return module.eval()


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_intra_op_thread():
        yield


@pytest.fixture(scope="module")
def found(trained, examples):
    """Families and cells of each kind."""
    return {kind: families(trained, examples, kind) for kind in TRUE_FAMILY}


@pytest.fixture(scope="module")
def trained(examples):
    module = fresh(examples, 2).train()
    label = torch.from_numpy((examples.kinds == "").astype(np.float32))
    features, reads = torch.from_numpy(examples.features), torch.from_numpy(examples.reads)
    optimiser = torch.optim.AdamW(module.parameters(), 3e-3, weight_decay=1e-2)
    shuffle = np.random.default_rng(1)
    for _ in range(40):
        order = torch.from_numpy(shuffle.permutation(len(label)))
        for batch in order.split(48):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(module(features[batch], reads[batch]), label[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return module.eval()


def families(module, examples, kind, n=12):
    """Contributions by family of the first examples of a kind, float64 (n, n_families), and their cells."""
    columns, cells = [], []
    for index in np.flatnonzero(examples.kinds == kind)[:n]:
        features, reads = examples.features[index], examples.reads[index]
        found = integrated_gradients(module, features, reads, baseline_of(module, SPEC, features, reads))
        columns.append(np.concatenate([found.of_feature, found.of_cell.sum(axis=(0, 1))]))
        cells.append(found.of_cell)
    return by_family(np.array(columns), [*SPEC.features, *(f"{CHANNEL_PREFIX}{name}" for name in CHANNELS)]), np.array(cells)


def named_share(of_family, kind):
    """Share of examples in which the true family is one of the two that speak most against the call."""
    family = ALL_FAMILIES.index(TRUE_FAMILY[kind])
    rank = of_family.argsort(axis=1).argsort(axis=1)[:, family]
    return float(np.mean((rank < TOP) & (of_family[:, family] < 0)))


def test_planted_artefacts_are_named(found):
    shares = {kind: named_share(of_family, kind) for kind, (of_family, _) in found.items()}
    assert min(shares.values()) >= 0.75, shares


def test_random_weights_name_nothing(examples):
    shares = [
        named_share(families(fresh(examples, seed), examples, kind, 4)[0], kind) for seed in (11, 12, 13) for kind in TRUE_FAMILY
    ]
    assert np.mean(shares) < 0.4, shares


def test_what_speaks_against_lies_on_the_reads_that_have_it(found):
    for kind, channel in (("strand", "strand"), ("read_end", "end_distance"), ("mapping", "mapping_quality")):
        of_row = found[kind][1][..., at(channel)].sum(axis=(0, 2))
        assert of_row[ALT_ROWS].sum() < 3 * min(of_row[6:].sum(), 0.0)


def test_grad_cam_of_a_planted_call_speaks_against_it(trained, examples):
    def mean(kind):
        return np.mean(
            [
                grad_cam(trained, examples.features[i], examples.reads[i]).sum()
                for i in np.flatnonzero(examples.kinds == kind)[:12]
            ]
        )

    assert mean("mapping") < mean("")
    assert mean("read_end") < mean("")
