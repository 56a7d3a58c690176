"""Every architecture: shapes, what its output may and may not depend on, and that it learns."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch
from model_arrays import make_arrays, make_spec
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.members import average_members
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.registry import ARCHITECTURES, build, config_to_json, count_parameters, parse_config, takes_reads

SMALL = {
    "site_mlp": {"hidden": [16], "n_members": 3},
    "read_set": {"hidden": [16], "n_members": 3},
    "cnn2d": {"widths": [8, 8]},
    "wide_resnet": {"stem": 8, "widths": [8, 16], "blocks": 1},
    "read_attention": {"width": 16, "depth": 1, "feed_forward": 16},
    "read_contrast": {"width": 8, "filters": 4, "kernel": 3, "hidden": [16], "site_features": True},
    "ensemble": {
        "members": [{"architecture": "site_mlp", "config": {"hidden": [8]}}, {"architecture": "read_set"}],
        "weights": [0.25, 0.75],
    },
    "cascade": {
        "first": {"architecture": "site_mlp", "config": {"hidden": [8]}},
        "second": {"architecture": "read_attention", "config": {"width": 16, "depth": 1, "feed_forward": 16}},
        "gate": [{"kind": kind, "low": -50.0, "high": 50.0} for kind in ("snv", "other")],
    },
}


def columns_for(architecture):
    return 1 if architecture in ("read_set", "read_attention", "ensemble", "cascade") else 5


def ready(architecture, config=None, columns=None, seed=0):
    spec = make_spec(columns=columns_for(architecture) if columns is None else columns)
    torch.manual_seed(seed)
    module = build(architecture, SMALL[architecture] if config is None else config, spec)
    module.fit_inputs(*make_arrays(spec, 400, seed=5))
    return module, spec


def run(module, features, reads):
    module.eval()
    with torch.inference_mode():
        return module(torch.from_numpy(features), None if reads is None else torch.from_numpy(reads)).numpy()


def test_every_architecture_is_tried_here():
    # Splits of a forest cannot be trained: tests/training/test_forests.py.
    assert set(SMALL) | {"forest"} == set(ARCHITECTURES)


@pytest.mark.parametrize("architecture", SMALL)
def test_shapes_and_dependence_on_features(architecture):
    module, spec = ready(architecture)
    features, reads = make_arrays(spec, 30)
    logits = run(module, features, reads)
    assert logits.shape == (30,)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert np.ptp(logits) > 0
    other = features.copy()
    other[:, 1] += 3
    assert (run(module, other, reads) != logits).any()


@pytest.mark.parametrize("architecture", [name for name in SMALL if name != "site_mlp"])
def test_depends_on_reads(architecture):
    module, spec = ready(architecture)
    features, reads = make_arrays(spec, 30)
    assert (run(module, features, 255 - reads) != run(module, features, reads)).any()


@pytest.mark.parametrize(
    ("architecture", "columns"),
    [("read_set", 1), ("read_set", 5), ("read_attention", 1), ("read_attention", 5), ("read_contrast", 5)],
)
def test_order_of_reads_and_empty_rows_do_not_matter(architecture, columns):
    module, spec = ready(architecture, columns=columns)
    features, reads = make_arrays(spec, 30)
    shuffled = reads.copy()
    rng = np.random.default_rng(0)
    for example in shuffled:
        example[1:] = example[1:][rng.permutation(spec.rows - 1)]
    assert np.allclose(run(module, features, shuffled), run(module, features, reads), atol=1e-5)


def test_read_set_tells_alt_supporting_from_other_reads():
    module, spec = ready("read_set")
    features, reads = make_arrays(spec, 10)
    reads[..., 1] = np.where(reads[..., 0] > 0, 128, 0)
    switched = reads.copy()
    # The same row, once as support for REF and once for ALT; scaled alike so that only the pooling differs.
    switched[:, 1, :, 1] = np.where(reads[:, 1, :, 0] > 0, 255, 0)
    with torch.no_grad():
        module.vectors.scale.inverse_deviation[1] = 0
    changed = run(module, features, switched) != run(module, features, reads)
    assert changed[reads[:, 1].reshape(10, -1).any(1)].all()


def contrast(channels=(), **settings):
    spec = make_spec(columns=5)
    spec = dataclasses.replace(spec, channels=(*channels, *spec.channels[len(channels) :]))
    torch.manual_seed(0)
    module = build("read_contrast", SMALL["read_contrast"] | settings, spec)
    features, reads = make_arrays(spec, 200)
    reads[..., 1] = np.where(reads[..., :1, 1] > 128, 255, 128) * (reads[..., 1] > 0)
    module.fit_inputs(features, reads)
    return module, features[:30], reads[:30]


def test_read_contrast_computes_the_same_while_it_learns():
    # It leaves out empty rows then.
    module, features, reads = contrast(dropout=0.0)
    module.train()
    learning = module(torch.from_numpy(features), torch.from_numpy(reads)).detach().numpy()
    assert np.allclose(run(module, features, reads), learning, atol=1e-5)


def test_read_contrast_does_not_see_the_level_of_qualities_nor_the_number_of_reads():
    module, features, reads = contrast()
    module.scale.mean[:], module.scale.inverse_deviation[:] = 0, 1 / 64
    low = reads.copy()
    low[..., 0] = np.where(reads[..., 0] > 0, 20 + reads[..., 0] // 4, 0)
    high = low.copy()
    high[:, 1:, :, 0] = np.where(low[:, 1:, :, 0] > 0, low[:, 1:, :, 0] + 100, 0)
    assert np.allclose(run(module, features, high), run(module, features, low), atol=1e-4)
    twice = np.concatenate([reads, reads[:, 1:]], axis=1)
    assert np.allclose(run(module, features, twice), run(module, features, reads), atol=1e-5)


def test_read_contrast_stays_within_its_limit():
    module, features, reads = contrast(limit=0.5)
    with torch.no_grad():
        module.head.out_weight.mul_(1000)
    logits = run(module, features, reads)
    assert (np.abs(logits) <= 0.5).all()
    assert np.ptp(logits) >= 0.5


@pytest.mark.parametrize("architecture", SMALL)
def test_learns_a_simple_rule(architecture):
    module, spec = ready(architecture)
    features, reads = make_arrays(spec, 400)
    label = torch.from_numpy((features[:, 1] > np.median(features[:, 1])).astype(np.float32))
    features, reads = torch.from_numpy(features), torch.from_numpy(reads)
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    module.train()
    for _ in range(40):
        logits = module.member_logits(features, reads)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, label[:, None].expand_as(logits))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = ((module.eval()(features, reads) > 0) == (label > 0.5)).float().mean()
    assert right > 0.9


@pytest.mark.parametrize("architecture", SMALL)
def test_stem_and_head_are_both_there(architecture):
    module, _ = ready(architecture)
    stem = [module.is_stem(name) for name, _ in module.named_parameters()]
    assert any(stem)
    assert not all(stem)


def test_members_of_random_subspaces_see_only_their_features():
    module, spec = ready("site_mlp", {"hidden": [16], "n_members": 12, "feature_share": 0.4})
    features = torch.from_numpy(make_arrays(spec, 30)[0])
    module.eval()
    seen = torch.zeros(12, spec.n_features, dtype=torch.bool)
    for column in range(spec.n_features - 1):  # the last is constant
        other = features.clone()
        other[:, column] += 5
        seen[:, column] = (module.member_logits(other, None) != module.member_logits(features, None)).any(0)
    shown = module.shown.unflatten(1, (spec.n_features, -1))[:, :, 0] > 0
    assert torch.equal(seen[:, :-1], shown[:, :-1])
    assert 0.2 < shown.float().mean() < 0.6


@pytest.mark.parametrize("average", ["logit", "probability"])
def test_average_of_members(average):
    logits = torch.tensor([[0.0, 4.0], [-30.0, 30.0]])
    p = torch.sigmoid(logits.double())
    expected = logits.mean(1) if average == "logit" else torch.logit(p.mean(1)).float()
    assert torch.allclose(average_members(logits, average), expected, atol=1e-4)


@pytest.mark.parametrize("average", ["logit", "probability"])
def test_ensemble_is_the_weighted_average_of_its_members(average):
    from vcffilter.models.ensemble import combine

    spec = make_spec()
    features, reads = make_arrays(spec, 20)
    members = []
    for seed, architecture in enumerate(("site_mlp", "read_set")):
        module, _ = ready(architecture, columns=1, seed=seed)
        members.append((architecture, SMALL[architecture], module))
    _, together = combine(members, spec, average)
    single = np.stack([run(module, features, reads) for _, _, module in members], 1).astype(np.float64)
    p = 1 / (1 + np.exp(-single))
    expected = single.mean(1) if average == "logit" else np.log(p.mean(1)) - np.log1p(-p.mean(1))
    assert np.allclose(run(together, features, reads), expected, atol=1e-4)


def test_quantile_embedding():
    rng = np.random.default_rng(0)
    column = np.where(rng.random(1000) < 0.97, 0.0, rng.gamma(2.0, 5.0, 1000))
    features = np.stack([column, np.full(1000, 3.0), rng.integers(0, 2, 1000), rng.normal(size=1000)], 1).astype(np.float32)
    embedding = QuantileEmbedding(4, 8, 0)
    embedding.fit(features)

    def embed(rows):
        return embedding(torch.tensor(rows, dtype=torch.float32)).reshape(len(rows), 4, 8).numpy()

    top, bottom = embed([[1e9] * 4])[0], embed([[-1e9] * 4])[0]
    assert (bottom == 0).all()
    # A constant feature says nothing, a binary one has one bin, a column that is mostly 0 still resolves the rest.
    assert top.sum(1).tolist()[1:3] == [0, 1]
    assert top[0].sum() >= 5
    line = embed([[0, 0, 0, x] for x in np.linspace(-4, 4, 200)])[:, 3].sum(1)
    assert (np.diff(line) >= -1e-6).all()
    assert np.isfinite(embedding(torch.from_numpy(features)).numpy()).all()


def test_unknown_names_and_settings_are_refused():
    spec = make_spec()
    with pytest.raises(ModelError, match="read_set"):
        build("no_such", {}, spec)
    with pytest.raises(ModelError, match="colour"):
        build("read_set", {"colour": 1}, spec)
    with pytest.raises(ModelError, match="hidden"):
        build("read_set", {"hidden": 3}, spec)
    with pytest.raises(ModelError, match="'Logit', not one of logit, probability"):
        build("read_set", {"average": "Logit"}, spec)
    with pytest.raises(ModelError, match="average"):
        build("ensemble", {**SMALL["ensemble"], "average": "mean"}, spec)
    with pytest.raises(ModelError, match="output"):
        build("forest", {"output": "Probability"}, spec)
    with pytest.raises(ModelError, match="dropout is 1.5"):
        build("site_mlp", {"dropout": 1.5}, spec)
    with pytest.raises(ModelError, match="n_members"):
        build("site_mlp", {"n_members": 0}, spec)
    with pytest.raises(ModelError, match="heads"):
        build("read_attention", {"width": 10, "heads": 4}, spec)
    with pytest.raises(ModelError, match="sum to"):
        build("ensemble", {**SMALL["ensemble"], "weights": [0.5, 0.7]}, spec)
    with pytest.raises(ModelError, match="columns"):
        build("cnn2d", {}, make_spec(columns=1))
    with pytest.raises(ModelError, match="site_mlp"):
        build("read_set", {}, make_spec(columns=0))
    with pytest.raises(ModelError, match="members"):
        build("ensemble", {}, spec)


def test_who_takes_reads_is_said_by_the_architecture():
    taking = {name for name in SMALL if takes_reads(name, SMALL[name])}
    assert taking == set(SMALL) - {"site_mlp"}
    assert not takes_reads("forest", {})
    assert not takes_reads("ensemble", {"members": [{"architecture": "site_mlp"}, {"architecture": "forest"}]})


def test_config_round_trip_and_size():
    config = parse_config("read_set", {"hidden": [8], "dropout": 0})
    assert config.hidden == (8,)
    assert config.dropout == 0.0
    assert parse_config("read_set", config_to_json(config)) == config
    small, large = (count_parameters(build("read_set", {"hidden": [width]}, make_spec())) for width in (8, 64))
    assert small < large


class TestTimm:
    @pytest.fixture(autouse=True)
    def timm(self):
        return pytest.importorskip("timm")

    def test_random_start_is_said_and_runs(self, caplog):
        spec = make_spec(columns=5)
        with caplog.at_level(logging.WARNING, logger="vcffilter"):
            module = build("timm:resnet10t", {"minimum_size": 32}, spec)
            module.fit_inputs(*make_arrays(spec, 50))
        assert "random" in caplog.text
        features, reads = make_arrays(spec, 3)
        assert np.ptp(run(module, features, reads)) > 0

    def test_pretrained_file_is_adapted_to_the_channels(self, tmp_path, timm, caplog):
        from safetensors.torch import save_file

        from vcffilter.models.timm_backbone import first_convolution

        original = timm.create_model("resnet10t", pretrained=False)
        path = tmp_path / "resnet10t.safetensors"
        save_file(original.state_dict(), path)
        spec = make_spec(columns=5, n_channels=7)
        module = build("timm:resnet10t", {"minimum_size": 32, "pretrained": str(path)}, spec)
        with caplog.at_level(logging.WARNING, logger="vcffilter"):
            module.fit_inputs(*make_arrays(spec, 50))
        assert "random" not in caplog.text
        name, convolution = next(
            (name, part) for name, part in module.backbone.named_modules() if getattr(part, "in_channels", 0) == 8
        )
        assert name == first_convolution(original)[0]
        # An image that is the same in all channels gives the same activations as before.
        grey = torch.rand(1, 1, 16, 16)
        before = first_convolution(original)[1](grey.repeat(1, 3, 1, 1))
        assert torch.allclose(convolution(grey.repeat(1, 8, 1, 1)), before, atol=1e-5)

    @pytest.mark.parametrize("backbone", ["efficientnet_b0", "regnety_008", "resnet34", "resnext50_32x4d", "inception_v3"])
    def test_backbones_with_the_programs_own_tensor(self, backbone, tmp_path, timm, caplog):
        from safetensors.torch import save_file

        from vcffilter.models.timm_backbone import first_convolution

        spec = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES, CHANNEL_NAMES, 49, 5)
        torch.manual_seed(0)
        original = timm.create_model(backbone, pretrained=False)
        path = tmp_path / "pretrained.safetensors"
        save_file(original.state_dict(), path)
        module = build(f"timm:{backbone}", {"minimum_size": 32, "pretrained": str(path), "hidden": [8]}, spec)
        arrays = make_arrays(spec, 4)
        with caplog.at_level(logging.INFO, logger="vcffilter"):
            module.fit_inputs(*arrays)
        assert str(path) in caplog.text
        assert "random" not in caplog.text
        # Every channel, presence included, has the mean of the three input weights, so that an even image gives what it gave.
        name, convolution = first_convolution(original)
        weight, n_channels = module.backbone.state_dict()[f"{name}.weight"], spec.n_channels + 1
        expected = convolution.weight.mean(1, keepdim=True) * 3 / n_channels
        assert torch.allclose(weight, expected.expand(-1, n_channels, -1, -1))
        assert torch.allclose(weight.sum(1), convolution.weight.sum(1), atol=1e-6)
        others = {key: value for key, value in original.state_dict().items() if key in module.backbone.state_dict()}
        del others[f"{name}.weight"]
        assert all(torch.equal(module.backbone.state_dict()[key], value) for key, value in others.items())
        # One step on a small batch moves the first weights and the last.
        before = {key: value.detach().clone() for key, value in module.named_parameters()}
        features, reads = (torch.from_numpy(array) for array in arrays)
        module.train()
        logits = module.member_logits(features, reads)
        assert logits.shape == (4, 1)
        assert torch.isfinite(logits).all()
        nn.functional.binary_cross_entropy_with_logits(logits[:, 0], torch.tensor([0.0, 1.0, 1.0, 0.0])).backward()
        torch.optim.SGD(module.parameters(), lr=0.1).step()
        after = dict(module.named_parameters())
        for key in (f"backbone.{name}.weight", "head.out_weight"):
            assert not torch.equal(after[key], before[key]), key

    @pytest.mark.parametrize("backbone", ["efficientnet_b0", "inception_v3"])
    def test_no_pretrained_weights_is_said(self, backbone, caplog):
        spec = make_spec(columns=5)
        with caplog.at_level(logging.WARNING, logger="vcffilter"):
            build(f"timm:{backbone}", {}, spec).fit_inputs(*make_arrays(spec, 5))
        assert "no pretrained weights" in caplog.text
        assert "random" in caplog.text

    def test_wrong_names_and_files(self, tmp_path):
        spec = make_spec(columns=5)
        with pytest.raises(ModelError, match="no_such_net"):
            build("timm:no_such_net", {}, spec)
        module = build("timm:resnet10t", {"pretrained": str(tmp_path / "none.safetensors")}, spec)
        with pytest.raises(ModelError, match="none.safetensors"):
            module.fit_inputs(*make_arrays(spec, 5))
