"""A checkpoint is data that nobody vouches for: whatever is changed in one, it is used or refused, and never crashes or hangs."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import time

import numpy as np
import pytest
import torch
from model_arrays import make_arrays, make_spec
from safetensors.torch import save as serialise

from vcffilter.calibration.maps import VARIANT_TYPES
from vcffilter.calibration.thresholds import choose_thresholds
from vcffilter.errors import ModelError
from vcffilter.models.card import render_card
from vcffilter.models.cascade import first_spec
from vcffilter.models.checkpoint import METADATA_KEY, decode_checkpoint, encode_checkpoint, load_checkpoint
from vcffilter.models.ensemble import combine
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.network import Network
from vcffilter.models.registry import build
from vcffilter.models.stages import first_alone, is_staged
from vcffilter.scoring.two_stages import open_network

NAME = "changed.safetensors"
FOREST = {"n_trees": 2, "n_nodes": 8, "depth": 2}
SMALL = {"hidden": [4], "n_members": 2, "n_bins": 3, "embedding": 2}


def make_forest(spec) -> Network:
    """Two trees: one of two splits, one of one."""
    forest = build("forest", FOREST, spec)
    inf = torch.inf
    tensors = {
        "root": torch.tensor([0, 5], dtype=torch.int32),
        "feature": torch.tensor([1, 0, 2, 0, 0, 3, 0, 0], dtype=torch.int32),
        "threshold": torch.tensor([2.0, inf, 1.0, inf, inf, 0.5, inf, inf]),
        "left": torch.tensor([1, 1, 3, 3, 4, 6, 6, 7], dtype=torch.int32),
        "value": torch.linspace(-1, 1, 8),
    }
    forest.load_state_dict(tensors)
    return forest


@pytest.fixture(scope="module")
def sound() -> bytes:
    """A small checkpoint with every kind of content."""
    spec = make_spec(rows=5, n_features=5, n_channels=3)
    torch.manual_seed(0)
    members = [("forest", FOREST, make_forest(spec))]
    for name in ("site_mlp", "read_set"):
        module = build(name, SMALL, spec)
        module.fit_inputs(*make_arrays(spec, 50))
        members.append((name, SMALL, module))
    config, module = combine(members, spec)
    knots = {"logit_in": [-1.0, 0.0, 1.0], "logit_out": [-2.0, 0.0, 1.0]}
    metadata = CheckpointMetadata(
        "small-1",
        "ensemble",
        config,
        spec,
        calibration={"depth_borders": [10], "maps": {name: [knots, knots] for name in VARIANT_TYPES}},
        thresholds={"snv": 0.2, "indel": 0.3, "snv_deep": 0.4},
        operating_points=[
            {"name": "r", "target_recall": 0.99, "thresholds": {"snv": 0.1, "indel": 0.2}, "measured": {"snv": {"recall": 0.99}}}
        ],
        training={"seed": 1, "data": ["a"]},
        evaluation={"fold": {"auroc": 0.9}},
        limits=["Made up."],
    )
    return encode_checkpoint(module, metadata)


@pytest.fixture(scope="module")
def staged() -> bytes:
    """A small checkpoint of two stages."""
    spec = make_spec(rows=5, n_features=5, n_channels=3)
    torch.manual_seed(0)
    config = {
        "first": {"architecture": "forest", "config": FOREST},
        "second": {"architecture": "read_set", "config": SMALL},
        "gate": [{"kind": kind, "reads_from": 0, "low": -3.0, "high": 3.0, "share": 0.2} for kind in ("snv", "other")],
        "second_features": ["feature_1", "is_snv"],
    }
    module = build("cascade", config, spec)
    module.first.load_state_dict(make_forest(first_spec(spec)).state_dict())
    module.fit_inputs(*make_arrays(spec, 50))
    knots = {"logit_in": [-1.0, 1.0], "logit_out": [-2.0, 1.0]}
    maps = {"depth_borders": [], "maps": {name: [knots] for name in VARIANT_TYPES}}
    return encode_checkpoint(module, CheckpointMetadata("two-1", "cascade", config, spec, {**maps, "first_alone": maps}))


def parts(data: bytes) -> tuple[dict[str, torch.Tensor], dict]:
    checkpoint = decode_checkpoint(data)
    return dict(checkpoint.tensors), json.loads(checkpoint.metadata.to_json_text())


def joined(tensors: dict[str, torch.Tensor], metadata: object) -> bytes:
    return serialise(tensors, {METADATA_KEY: json.dumps(metadata)})


def use(data: bytes) -> None:
    """All that the program does with a checkpoint."""
    checkpoint = decode_checkpoint(data, NAME)
    scorer = open_network(checkpoint, "cpu")
    features, reads = make_arrays(checkpoint.metadata.encoder, 9)
    n = np.arange(9)
    probability, log_odds = scorer.scores(features, reads, n % 2 == 0, n * 3)
    assert np.isfinite(log_odds).all()
    assert ((probability >= 0) & (probability <= 1)).all()
    if is_staged(checkpoint):
        alone = open_network(first_alone(checkpoint), "cpu")
        assert np.isfinite(alone.log_odds(features, None, n % 2 == 0, n * 3)).all()
    choose_thresholds(checkpoint.metadata.thresholds, checkpoint.metadata.operating_points)
    render_card(checkpoint).encode()


def refusal(data: bytes) -> str | None:
    """What is said of a checkpoint, or None where it is used; the file and what to do are always said."""
    with contextlib.suppress(ModelError):
        use(data)
        return None
    with pytest.raises(ModelError) as caught:
        use(data)
    assert caught.value.path == NAME, caught.value
    assert caught.value.hint, caught.value
    return str(caught.value)


def test_the_unchanged_checkpoint_is_used(sound):
    assert refusal(sound) is None
    tensors, metadata = parts(sound)
    assert refusal(joined(tensors, metadata)) is None


NUMBERS = (float("nan"), float("inf"), -float("inf"), 1e38, -1, 0, 1, 7, 8, 2**31 - 1, -(2**31))


def change_tensor(tensors: dict[str, torch.Tensor], draw: random.Random) -> None:
    name = draw.choice(sorted(tensors))
    tensor = tensors[name].clone()
    how = draw.choice(("number", "number", "number", "all", "order", "shape", "dtype", "gone", "more"))
    if how == "number":
        value = draw.choice(NUMBERS)
        tensor.view(-1)[draw.randrange(tensor.numel())] = value if tensor.is_floating_point() or value == value // 1 else 3
    elif how == "all":
        tensor = (torch.rand(tensor.shape, generator=torch.Generator().manual_seed(draw.randrange(99))) * 20 - 5).to(tensor.dtype)
    elif how == "order":
        tensor = tensor.view(-1).flip(0).reshape(tensor.shape).contiguous()
    elif how == "shape":
        tensor = tensor.view(-1)[: draw.randrange(tensor.numel() + 1)].clone()
    elif how == "dtype":
        tensor = tensor.to(draw.choice((torch.float64, torch.int64, torch.float16, torch.bool)))
    tensors[name + "_more" if how == "more" else name] = tensor
    if how == "gone":
        del tensors[name]


VALUES = (None, True, -1, 0, 3, 10**11, 10**30, 1e308, 0.5, float("nan"), float("inf"), "text", "", "\ud800", "a\nb", [], {}, [1])


def places(data: object, way: tuple = ()) -> list[tuple]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [way] + [place for key, one in inner for place in places(one, (*way, key))]


def change_metadata(metadata: dict, draw: random.Random) -> None:
    *way, last = draw.choice(places(metadata)[1:])
    parent = metadata
    for key in way:
        parent = parent[key]
    how = draw.choice(("value", "value", "value", "value", "gone", "deep", "more"))
    if how == "gone":
        del parent[last]
    elif how == "more" and isinstance(parent, dict):
        parent["more"] = draw.choice(VALUES)
    elif how == "deep":
        deep: object = 1
        for _ in range(draw.choice((3, 400))):
            deep = draw.choice(([deep], {"members": [{"architecture": "ensemble", "config": deep}]}))
        parent[last] = deep
    else:
        parent[last] = draw.choice(VALUES)


def refused_of_changed(data: bytes, n: int) -> int:
    """How many of n copies, each with a change of its own, are refused; the others can be used."""
    tensors, metadata = parts(data)
    n_refused = 0
    for seed in range(n):
        draw = random.Random(seed)
        changed, said = dict(tensors), copy.deepcopy(metadata)
        if seed % 2:
            change_tensor(changed, draw)
        else:
            change_metadata(said, draw)
        n_refused += refusal(joined(changed, said)) is not None
    return n_refused


def test_two_hundred_changed_checkpoints_are_used_or_refused(sound):
    started = time.monotonic()
    assert 100 < refused_of_changed(sound, 200) < 190
    assert time.monotonic() - started < 60


def test_a_changed_cascade_is_used_or_refused(staged):
    assert refusal(staged) is None
    assert 40 < refused_of_changed(staged, 100) < 98


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [("root", 0, 8, "root"), ("feature", 0, 5, "feature"), ("left", 2, 2**31 - 1, "left"), ("value", 4, float("nan"), "finite")],
)
def test_trees_of_a_first_stage_must_be_trees(staged, name, place, value, said):
    tensors, metadata = parts(staged)
    tensors[f"first.{name}"] = tensors[f"first.{name}"].clone()
    tensors[f"first.{name}"][place] = value
    assert said in (refusal(joined(tensors, metadata)) or "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"share": None}, "not complete"),
        ({"share": 0.3}, "not complete"),
        ({"share": 2.0}, "share 2, not 0 to 1"),
        ({"reads_from": 8}, "not complete"),
        ({"high": -4.0}, "from -3 to -4"),
        ({"low": float("nan")}, "NaN is no number"),
        ({"kind": "snv", "reads_from": 8}, "not complete"),
    ],
)
def test_a_damaged_gate_is_refused_before_anything_is_scored(staged, change, said):
    tensors, metadata = parts(staged)
    metadata["config"]["gate"][1] |= change
    assert said in (refusal(joined(tensors, metadata)) or "")


def test_stages_lie_in_no_endless_nest(staged):
    """Neither a cascade in a cascade, nor one hidden in an ensemble, however deep."""
    tensors, metadata = parts(staged)
    inner = copy.deepcopy(metadata["config"])
    for _ in range(30):
        inner = {**metadata["config"], "first": {"architecture": "ensemble", "config": {"members": [
            {"architecture": "cascade", "config": inner}]}}}  # fmt: skip
    metadata["config"] = inner
    assert refusal(joined(tensors, metadata)) is not None


def test_changed_bytes_are_used_or_refused(sound):
    header = int.from_bytes(sound[:8], "little") + 8
    for seed in range(100):
        draw = random.Random(seed)
        data = bytearray(sound)
        for _ in range(draw.choice((1, 1, 4))):
            data[draw.randrange(header)] = draw.randrange(256)
        refusal(bytes(data[: draw.choice((len(data), len(data), draw.randrange(len(data))))]))


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("root", 0, 8, "root"),
        ("root", 1, 0, "two ways"),
        ("root", 0, -1, "root"),
        ("feature", 0, 5, "feature"),
        ("feature", 1, -1, "feature"),
        ("left", 0, 7, "left"),
        ("left", 2, 2**31 - 1, "left"),
        ("left", 2, 0, "two ways"),
        ("left", 0, 0, "lets a walk go on"),
        ("left", 3, 1, "two ways"),
        ("threshold", 0, float("nan"), "threshold"),
        ("threshold", 1, 3.0, "lets a walk go on"),
        ("value", 4, float("nan"), "finite"),
    ],
)
def test_trees_must_be_trees(sound, name, place, value, said):
    tensors, metadata = parts(sound)
    tensors[f"members.0.{name}"] = tensors[f"members.0.{name}"].clone()
    tensors[f"members.0.{name}"][place] = value
    assert said in (refusal(joined(tensors, metadata)) or "")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("depth", 10**9, "2 steps, not 1000000000"),
        ("depth", 1, "2 steps, not 1"),
        ("n_nodes", 10**9, "in the network"),
        ("n_nodes", 10**11, "n_nodes"),
        ("n_trees", 2**31 - 1, "in the network"),
        ("clip", 0, "clip"),
        ("output", "Logit", "not one of logit, probability"),
    ],
)
def test_settings_must_be_true_of_the_trees(sound, setting, value, said):
    tensors, metadata = parts(sound)
    metadata["config"]["members"][0]["config"][setting] = value
    started = time.monotonic()
    assert said in (refusal(joined(tensors, metadata)) or "")
    assert time.monotonic() - started < 5


def test_a_calibration_that_would_give_no_numbers_is_refused(sound):
    tensors, metadata = parts(sound)
    metadata["calibration"]["maps"]["snv"][0] = {"logit_in": [-1e-300, 0.0, 1e-300], "logit_out": [-1e308, 0.0, 1e308]}
    assert "too steep" in (refusal(joined(tensors, metadata)) or "")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"model_id":"\\ud800"}', "[]", "1e999", "NaN", "{", "\x00"])
def test_metadata_that_are_no_json_of_ours(sound, text):
    tensors, _ = parts(sound)
    assert refusal(serialise(tensors, {METADATA_KEY: text}))


def test_what_no_reader_would_take_is_not_written(sound):
    checkpoint = decode_checkpoint(sound)
    module = checkpoint.build()
    metadata = json.loads(checkpoint.metadata.to_json_text())
    del metadata["encoder"]
    for changed in ({"model_id": "../other"}, {"thresholds": {"snv": float("nan")}}, {"thresholds": {"snv": 2.0}}):
        with pytest.raises(ModelError):
            encode_checkpoint(module, CheckpointMetadata(encoder=checkpoint.metadata.encoder, **{**metadata, **changed}))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("calibration", "maps"), None, "metadata.calibration lacks maps"),
        (("presets", "measured_on"), None, "metadata.presets lacks measured_on"),
        (("presets", "presets", "strict", "thresholds"), {"snv": 0.5}, "thresholds lacks indel"),
        (("operating_points", 0, "depth"), [3], "depth is a list of 1"),
        (("operating_points", 0, "measured", "snv", "recall_at_least"), "much", "recall_at_least is 'much'"),
    ],
)
def test_cuts_that_a_card_cannot_tell_are_refused(path, value, message):
    """None: the key is taken out. They were found when the card was written, or at the end of a run."""
    data = json.loads(load_checkpoint("illumina-germline").metadata.to_json_text())
    place = data
    for key in path[:-1]:
        place = place[key]
    assert path[-1] in place
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(ModelError, match=message):
        CheckpointMetadata.from_json_text(json.dumps(data), NAME)
