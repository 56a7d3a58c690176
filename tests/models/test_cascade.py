"""The two-stage network: where the second stage has a say, how much, and what a changed checkpoint of one can do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from model_arrays import make_arrays, make_spec

from vcffilter.errors import ModelError
from vcffilter.models.cascade import Cascade, Gate, GateBand, second_spec
from vcffilter.models.checkpoint import decode_checkpoint, encode_checkpoint
from vcffilter.models.encoder_spec import FIRST_LOGIT
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.registry import build, config_to_json, parse_config

SPEC = make_spec(rows=5, n_features=6, n_channels=3)
IS_SNV, LOG_DEPTH = (SPEC.features.index(name) for name in ("is_snv", "log_depth"))
#: One split on feature_0: -2 up to 2, and 1 above.
FOREST = {"n_trees": 1, "n_nodes": 3, "depth": 1}
CONFIG = {
    "first": {"architecture": "forest", "config": FOREST},
    "second": {"architecture": "read_set", "config": {"hidden": [4], "n_members": 2, "n_bins": 3, "embedding": 2}},
    "gate": [
        {"kind": "snv", "reads_from": 4, "low": -1.0, "high": 3.0},
        {"kind": "snv", "reads_from": 20, "low": -4.0, "high": 0.0},
        {"kind": "other", "low": -8.0, "high": 8.0},
    ],
}


def make_cascade(config: dict | None = None) -> Cascade:
    torch.manual_seed(1)
    module = build("cascade", config or CONFIG, SPEC)
    assert isinstance(module, Cascade)
    inf = torch.inf
    module.first.load_state_dict(
        {
            "root": torch.zeros(1, dtype=torch.int32),
            "feature": torch.zeros(3, dtype=torch.int32),
            "threshold": torch.tensor([2.0, inf, inf]),
            "left": torch.tensor([1, 1, 2], dtype=torch.int32),
            "value": torch.tensor([0.0, -2.0, 1.0]),
        }
    )
    features, reads = alleles(300)
    module.fit_inputs(features, reads)
    return module.eval()


def alleles(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays with kinds and depths as the encoder writes them."""
    features, reads = make_arrays(SPEC, n)
    draw = np.random.default_rng(3)
    features[:, IS_SNV] = draw.integers(0, 2, n)
    features[:, LOG_DEPTH] = np.log2(1 + draw.integers(0, 60, n)).astype(np.float32)
    assert reads is not None
    return features, reads


def at(is_snv: int, depth: int, n: int = 1) -> torch.Tensor:
    features = torch.zeros(n, SPEC.n_features)
    features[:, IS_SNV] = is_snv
    features[:, LOG_DEPTH] = torch.tensor(np.log2(np.float64(1 + depth)), dtype=torch.float32)
    return features


def gate() -> Gate:
    return Gate(parse_config("cascade", CONFIG).gate, SPEC)


@pytest.mark.parametrize(
    ("is_snv", "depth", "low", "high"),
    [(1, 3, 0, 0), (1, 4, -1, 3), (1, 19, -1, 3), (1, 20, -4, 0), (1, 90_000, -4, 0), (0, 0, -8, 8), (0, 500, -8, 8)],
)
def test_bands_by_kind_and_depth(is_snv, depth, low, high):
    logits = torch.linspace(-10, 10, 401)
    doubtful = gate().doubtful(logits, at(is_snv, depth, 401))
    assert torch.equal(doubtful, (logits > low) & (logits < high))


@pytest.mark.parametrize(("is_snv", "depth", "low", "high"), [(1, 10, -1, 3), (1, 30, -4, 0), (0, 3, -8, 8)])
def test_one_scale_without_a_jump(is_snv, depth, low, high):
    """In every band the stages join: near a border the second has no say, further in all."""
    width = high - low
    logits = torch.linspace(low - 1, high + 1, 60_001)
    features = at(is_snv, depth, len(logits))
    taper = gate().taper(logits, features)
    assert taper.min() == 0
    inner = (logits >= low + width / 4) & (logits <= high - width / 4)
    assert torch.equal(taper[inner], torch.ones(int(inner.sum())))
    # Over the outer quarters it falls evenly.
    outer = logits[(logits > low) & (logits < low + width / 4)]
    assert torch.allclose(taper[(logits > low) & (logits < low + width / 4)], (outer - low) / (width / 4), atol=1e-5)
    joined = gate().combine(logits, torch.full_like(logits, 5.0), features)
    assert (joined.diff().abs() < 1e-2).all()
    settled = ~gate().doubtful(logits, features)
    assert torch.equal(joined[settled], logits[settled])
    assert torch.equal(gate().combine(logits, torch.full_like(logits, torch.nan), features)[settled], logits[settled])


def test_settled_alleles_have_the_first_stage_s_logit_and_no_regard_for_reads():
    module = make_cascade()
    features, reads = alleles(400)
    given = torch.from_numpy(features)
    with torch.inference_mode():
        first = module.first(given, None)
        logits = module(given, torch.from_numpy(reads))
        other = module(given, torch.from_numpy(255 - reads))
        doubtful = module.gate.doubtful(first, given)
        # By parts, as who scores does it: tensors for the doubtful alone.
        delta = module.second_logits(given[doubtful], torch.from_numpy(reads[doubtful.numpy()]), first[doubtful])
        parts = first.clone()
        parts[doubtful] = module.gate.combine(first[doubtful], delta, given[doubtful])
    assert 50 < int(doubtful.sum()) < 350
    assert torch.equal(logits[~doubtful], first[~doubtful])
    assert torch.equal(other[~doubtful], first[~doubtful])
    assert (logits[doubtful] != first[doubtful]).float().mean() > 0.9
    assert (logits[doubtful] != other[doubtful]).float().mean() > 0.9
    assert torch.allclose(parts, logits, atol=1e-5)


def test_the_second_stage_sees_the_features_that_it_names_and_the_first_logit():
    config = {**CONFIG, "second_features": ["feature_1", "log_depth"]}
    module = make_cascade(config)
    assert second_spec(parse_config("cascade", config), SPEC).features == ("feature_1", "log_depth", FIRST_LOGIT)
    features = torch.from_numpy(alleles(5)[0])
    first = module.first_logits(features)
    expected = torch.stack([features[:, 1], features[:, LOG_DEPTH], first], 1)
    assert torch.equal(module.second_features(features, first), expected)


def test_training_leaves_the_first_stage_alone():
    module = make_cascade().train()
    features, reads = (torch.from_numpy(array) for array in alleles(200))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    optimizer = torch.optim.Adam(module.parameters(), 0.1)
    module.member_logits(features, reads).square().sum().backward()
    optimizer.step()
    changed = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("second.") for name in changed)
    assert not any(name.startswith("first.") for name in changed)
    assert module.is_stem("first.value")
    assert module.is_stem("second.stem.weight") == module.second.is_stem("stem.weight")


def test_knots_are_set_from_what_is_in_doubt():
    config = {**CONFIG, "gate": [{"kind": "snv", "reads_from": 4, "low": 5.0, "high": 6.0}]}
    with pytest.raises(ModelError, match="nothing of the training data in doubt"):
        make_cascade(config)


def test_a_checkpoint_holds_both_stages_and_the_gate():
    module = make_cascade()
    config = config_to_json(parse_config("cascade", CONFIG))
    data = encode_checkpoint(module, CheckpointMetadata("two-1", "cascade", config, SPEC))
    features, reads = (torch.from_numpy(array) for array in alleles(50))
    with torch.inference_mode():
        assert torch.equal(decode_checkpoint(data).build()(features, reads), module(features, reads))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gate": []}, "gate has 0 items"),
        ({"gate": [{"kind": "indel", "low": 0.0, "high": 1.0}]}, "not one of snv, other"),
        ({"gate": [{"kind": "snv", "low": 1.0, "high": 1.0}]}, r"gate\[0\].* from 1 to 1"),
        ({"gate": [{"kind": "snv", "low": 2.0, "high": 1.0}]}, "from 2 to 1"),
        ({"gate": [{"kind": "snv", "low": float("nan"), "high": 1.0}]}, "finite number"),
        ({"gate": [{"kind": "snv", "low": 0.0, "high": 1e6}]}, "-1000 to 1000"),
        ({"gate": [{"kind": "snv", "low": 0.0}]}, "high"),
        ({"gate": [{"kind": "snv", "low": 0.0, "high": 1.0, "reads_from": -1}]}, "reads_from"),
        ({"gate": [{"kind": "snv", "low": 0.0, "high": 1.0}] * 2}, "rising reads_from"),
        ({"first": {"architecture": "read_set"}}, "tensor"),
        ({"second": {"architecture": "site_mlp"}}, "must take reads"),
        ({"second": {"architecture": "cascade", "config": CONFIG}}, "cannot be a cascade"),
        ({"first": {"architecture": "ensemble", "config": {"members": [{"architecture": "cascade"}]}}}, "cannot be a cascade"),
        ({"second_features": ["feature_1", "feature_1"]}, "twice"),
        ({"second_features": ["colour"]}, "colour"),
    ],
)
def test_settings_that_make_no_cascade(change, said):
    with pytest.raises(ModelError, match=said):
        build("cascade", {**CONFIG, **change}, SPEC)


def bands(*some: tuple[str, int, float | None]) -> dict:
    borders = {"low": -1.0, "high": 1.0}
    return {"gate": [borders | {"kind": kind, "reads_from": reads, "share": share} for kind, reads, share in some]}


WHOLE = (("other", 0, 0.1), ("snv", 0, 0.1), ("other", 8, 0.12), ("snv", 8, 0.12))


@pytest.mark.parametrize(
    ("some", "said"),
    [
        (WHOLE[:3], "not complete"),
        (WHOLE[2:], "not complete"),
        (WHOLE[::2], "not complete"),
        ((*WHOLE[:3], ("snv", 9, 0.12)), "not complete"),
        ((*WHOLE[:3], ("snv", 8, 0.1)), "not complete"),
        ((*WHOLE[:2], ("other", 8, None), ("snv", 8, None)), "not complete"),
        ((*WHOLE[2:], *WHOLE[:2]), "rising reads_from"),
        (tuple((kind, reads, 1.5) for kind, reads, _ in WHOLE), r"gate\[0\].* share 1.5, not 0 to 1"),
        (tuple((kind, reads, -0.1) for kind, reads, _ in WHOLE), r"gate\[0\].* share -0.1, not 0 to 1"),
        (tuple((kind, reads, float("nan")) for kind, reads, _ in WHOLE), r"gate\[0\].*share is nan.*finite number"),
    ],
)
def test_a_gate_of_shares_is_whole_or_refused(some, said):
    build("cascade", {**CONFIG, **bands(*WHOLE)}, SPEC)
    with pytest.raises(ModelError, match=said):
        build("cascade", {**CONFIG, **bands(*some)}, SPEC)


def test_an_encoder_without_kind_and_depth_is_refused():
    spec = make_spec(n_features=3)
    with pytest.raises(ModelError, match="log_depth"):
        build("cascade", CONFIG, spec)


def test_bands_are_checked_wherever_they_are_made():
    with pytest.raises(ModelError, match="from 1 to 0"):
        GateBand("snv", 1.0, 0.0)


def test_a_checkpoint_is_opened_without_the_library_of_symbols(tmp_path):
    """Which torch loads for some operations on the meta device: a second and 150 MB at the start of every run."""
    path = tmp_path / "two.safetensors"
    path.write_bytes(encode_checkpoint(make_cascade(), CheckpointMetadata("two-1", "cascade", CONFIG, SPEC)))
    code = f"import sys; from vcffilter.models.checkpoint import load_checkpoint; load_checkpoint({str(path)!r}).build()"
    command = [sys.executable, "-c", f"{code}; print('sympy' in sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
