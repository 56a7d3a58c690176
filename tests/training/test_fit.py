"""The training loop: it learns, repeats itself, resumes exactly, and obeys its settings."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from training_examples import CHANNELS, make_examples, make_spec

from vcffilter.errors import TrainingError
from vcffilter.models.ensemble import combine
from vcffilter.models.registry import build
from vcffilter.training.augmentation import Augmentation
from vcffilter.training.example_file import read_examples, write_examples
from vcffilter.training.fit import FitConfig, fit, learning_rate, predict
from vcffilter.training.fit_config import AugmentationConfig
from vcffilter.training.forests import LEAF, Tree, to_network
from vcffilter.training.metrics import auroc
from vcffilter.training.sampling import balanced_share, epoch_order

QUICK = FitConfig(epochs=4, batch_size=128, learning_rate=5e-3, ema_decay=0.95, device="cpu", threads=1)


def fresh(architecture="read_set", with_reads=True, seed=0, **config):
    torch.manual_seed(seed)
    return build(architecture, {"hidden": [16], "n_members": 2} | config, make_spec(with_reads))


def same_weights(a, b):
    left, right = a.state_dict(), b.state_dict()
    return all(torch.equal(left[name], right[name]) for name in left)


def test_threads_are_the_callers_again(monkeypatch):
    before = torch.get_num_threads()
    seen = []
    fit(fresh(), make_examples(200), None, dataclasses.replace(QUICK, epochs=1, threads=before + 1),
        on_epoch=lambda _: seen.append(torch.get_num_threads()))  # fmt: skip
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    with pytest.raises(TrainingError):
        fit(fresh(), make_examples(200), make_examples(100), dataclasses.replace(QUICK, threads=before + 1, metric="none"))
    assert torch.get_num_threads() == before


def test_learns_what_is_there():
    train, test = make_examples(3000), make_examples(1000, seed=1)
    config = dataclasses.replace(QUICK, epochs=15)
    result = fit(fresh(), train, test, config)
    assert result.best_value > 0.9
    assert not result.module.training
    assert auroc(test.label[test.hard], predict(result.module, test)[test.hard]) == pytest.approx(result.best_value)
    assert len(result.history) == 15
    without = fit(fresh("site_mlp"), train, test, config)
    assert without.best_value < result.best_value - 0.05  # half of the truth lies in the reads


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    train = make_examples(600)
    config = dataclasses.replace(QUICK, epochs=2)
    first, again = (fit(fresh(), train, None, config).module for _ in range(2))
    other = fit(fresh(), train, None, dataclasses.replace(config, seed=1)).module
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    module = fresh()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(module, make_examples(300), None, dataclasses.replace(QUICK, epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    train, validation = make_examples(600), make_examples(300, seed=1)
    config = dataclasses.replace(QUICK, augmentation=AugmentationConfig(feature_noise=0.1, shuffle_reads=True))
    whole = fit(fresh(), train, validation, config)

    class KilledError(Exception):
        pass

    def kill(report):
        if report.epoch == 1:
            raise KilledError

    path = tmp_path / "state.safetensors"
    with pytest.raises(KilledError):
        fit(fresh(), train, validation, config, state_path=path, on_epoch=kill)
    epochs = []
    resumed = fit(fresh(seed=9), train, validation, config, state_path=path, on_epoch=lambda r: epochs.append(r.epoch))
    assert epochs == [2, 3]
    assert same_weights(resumed.module, whole.module)
    assert resumed.best_epoch == whole.best_epoch
    facts = [{k: v for k, v in entry.items() if k != "seconds"} for entry in resumed.history]
    expected = [{k: v for k, v in entry.items() if k != "seconds"} for entry in whole.history]
    assert [list(entry) for entry in facts] == [sorted(entry) if i < 2 else list(entry) for i, entry in enumerate(expected)]
    for got, wanted in zip(facts, expected, strict=True):
        assert got == pytest.approx(wanted, nan_ok=True)


def test_a_broken_state_is_said(tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match=r"state\.safetensors"):
        fit(fresh(), make_examples(100), None, QUICK, state_path=path)


def test_tensors_on_disk_train_like_those_in_memory(tmp_path):
    pytest.importorskip("h5py")
    train = make_examples(700)
    write_examples(tmp_path / "e.h5", train, make_spec())
    on_disk = read_examples(tmp_path / "e.h5", in_memory=False).examples
    result = fit(fresh(), on_disk, make_examples(500, seed=1), dataclasses.replace(QUICK, epochs=20))
    assert result.best_value > 0.85
    assert np.array_equal(predict(result.module, on_disk), predict(result.module, train))


def test_patience_stops_and_the_best_epoch_is_kept():
    train, validation = make_examples(300), make_examples(300, seed=1)
    noise = dataclasses.replace(validation, label=np.random.default_rng(0).integers(0, 2, 300).astype(np.float32))
    result = fit(fresh(), train, noise, dataclasses.replace(QUICK, epochs=40, patience=3))
    assert len(result.history) == result.best_epoch + 4
    assert result.best_value == max(entry["hard_auroc"] for entry in result.history)
    assert auroc(noise.label[noise.hard], predict(result.module, noise)[noise.hard]) == pytest.approx(result.best_value)


def test_losses_are_minimised_when_they_are_the_metric():
    result = fit(fresh(), make_examples(400), make_examples(200, seed=1), dataclasses.replace(QUICK, metric="log_loss"))
    assert result.best_value == min(entry["log_loss"] for entry in result.history)


def test_frozen_stem_moves_only_the_head():
    train = make_examples(300)
    module = fresh()
    fit(module, train, None, dataclasses.replace(QUICK, epochs=1))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    config = dataclasses.replace(QUICK, epochs=1, freeze_stem_epochs=1, ema_decay=0.0)
    fit(module, make_examples(300, seed=4), None, config, fit_inputs=False)
    for name, tensor in module.state_dict().items():
        is_parameter = name in dict(module.named_parameters())
        assert torch.equal(tensor, before[name]) == (module.is_stem(name) or not is_parameter), name
    fit(module, make_examples(300, seed=4), None, dataclasses.replace(config, epochs=2), fit_inputs=False)
    assert not torch.equal(module.state_dict()["row_layer.weight"], before["row_layer.weight"])


def test_what_wants_no_gradient_stays_whatever_is_frozen():
    """As the trees of a cascade, whose values would otherwise learn along."""
    module = fresh()
    kept, *others = (name for name, _ in module.named_parameters())
    module.get_parameter(kept).requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    after = fit(module, make_examples(200), None, dataclasses.replace(QUICK, epochs=2, freeze_stem_epochs=1)).module
    assert torch.equal(after.get_parameter(kept), before[kept])
    assert {name for name in others if torch.equal(after.get_parameter(name), before[name])} == set()
    assert [name for name, parameter in after.named_parameters() if not parameter.requires_grad] == [kept]


def test_a_first_stage_with_a_frozen_stem_takes_an_ensemble_with_trees():
    spec, train = make_spec(with_reads=False), make_examples(300, with_reads=False)
    leaves = np.array([0.0, -1.0, 1.0])
    tree = Tree(np.array([0, LEAF, LEAF]), np.zeros(3), np.array([1, LEAF, LEAF]), np.array([2, LEAF, LEAF]), leaves)
    settings = {"hidden": [16], "n_members": 2}
    network = fit(build("site_mlp", settings, spec), train, None, dataclasses.replace(QUICK, epochs=1)).module
    _, module = combine([("forest", *to_network([tree], spec, "logit")), ("site_mlp", settings, network)], spec)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    config = dataclasses.replace(QUICK, epochs=1, freeze_stem_epochs=1, ema_decay=0.0)
    after = fit(module, train, None, config, fit_inputs=False).module.state_dict()
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert {name for name in changed if module.is_stem(name)} == set()
    assert {"members.0.value", "members.1.head.out_weight"} <= changed


def test_weights_and_teachers_count():
    train = make_examples(1500)
    wrong = np.arange(1500) % 2 == 0
    spoilt = dataclasses.replace(train, label=np.where(wrong, 1 - train.label, train.label))
    test = make_examples(600, seed=1)

    def quality(data, **changes):
        return fit(fresh(), data, test, dataclasses.replace(QUICK, epochs=15, **changes)).best_value

    by_weight = quality(dataclasses.replace(spoilt, weight=np.where(wrong, 0.0, 1.0).astype(np.float32)))
    by_teacher = quality(dataclasses.replace(spoilt, teacher=train.label * 0.98 + 0.01), teacher_share=1.0)
    assert quality(spoilt) < 0.75
    assert min(by_weight, by_teacher) > 0.85


def test_learning_rate_warms_up_and_falls():
    config = FitConfig(learning_rate=1.0, warmup=0.1, final_rate=0.01)
    rates = [learning_rate(config, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[99] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    assert (np.diff(rates[:100]) > 0).all()
    assert (np.diff(rates[100:]) < 0).all()


def test_balancing_draws_classes_types_and_sets_evenly():
    data = make_examples(4000)
    data = dataclasses.replace(
        data,
        label=(np.arange(4000) % 10 == 0).astype(np.float32),
        set_name=np.where(np.arange(4000) < 400, "rare", "common"),
    )
    share = balanced_share(data, balance_class=1, balance_type=0, balance_set=0)
    assert share[data.label > 0.5].sum() == pytest.approx(0.5)
    assert balanced_share(data, 0, 0, 1)[data.set_name == "rare"].sum() == pytest.approx(0.5)
    assert balanced_share(data, 0, 1, 0)[data.is_snv].sum() == pytest.approx(0.5)
    assert balanced_share(data, 0, 0, 0) is None
    order = epoch_order(data, 0, share, seed=0, epoch=0)
    assert (data.label[order] > 0.5).mean() == pytest.approx(0.5, abs=0.05)
    plain = epoch_order(data, 0, None, seed=0, epoch=0)
    assert sorted(plain) == list(range(4000))
    assert not np.array_equal(plain, epoch_order(data, 0, None, seed=0, epoch=1))
    assert len(epoch_order(data, 9000, None, seed=0, epoch=0)) == 9000
    assert len(np.unique(epoch_order(data, 100, None, seed=0, epoch=0))) == 100


class TestAugmentation:
    def reads(self):
        return torch.from_numpy(make_examples(300).reads)

    def test_dropped_rows_are_blank_and_the_rest_untouched(self):
        before = self.reads()
        after = Augmentation(AugmentationConfig(keep_reads_from=0.5), CHANNELS, np.zeros((5, 6))).apply(
            torch.zeros(300, 6), before
        )[1]
        blank = after.flatten(2).amax(2) == 0
        assert torch.equal(after[~blank], before[~blank])
        assert not blank[:, 0].any()
        assert 0.1 < blank[:, 1:7].float().mean() < 0.4

    def test_shuffling_keeps_the_set_of_rows(self):
        before = self.reads()
        after = Augmentation(AugmentationConfig(shuffle_reads=True), CHANNELS, np.zeros((5, 6))).apply(
            torch.zeros(300, 6), before
        )[1]
        assert torch.equal(after[:, 0], before[:, 0])
        assert not torch.equal(after, before)
        for old, new in zip(before[:20], after[:20], strict=True):
            assert sorted(map(bytes, old.numpy())) == sorted(map(bytes, new.numpy()))
        assert (after[:, 7:] == 0).all()

    def test_noise_changes_what_it_may(self):
        examples = make_examples(300)
        examples.features[:, 3] = np.arange(300) % 2
        config = AugmentationConfig(feature_noise=0.1, channel_noise=(("mapping_quality", 9),))
        features, reads = torch.from_numpy(examples.features), self.reads()
        new_features, new_reads = Augmentation(config, CHANNELS, examples.features).apply(features, reads)
        assert torch.equal(new_features[:, 3], features[:, 3])
        assert 0.05 < (new_features[:, 0] - features[:, 0]).std() < 0.2
        change = new_reads[..., 2].int() - reads[..., 2].int()
        assert change.abs().max() == 9
        assert torch.equal(new_reads[..., :2], reads[..., :2])
        assert (new_reads[:, 7:] == 0).all()
        assert torch.equal(new_reads[:, 0], reads[:, 0])

    def test_snvs_seen_from_the_other_strand(self):
        channels = ("base", "differs", "strand")
        base = torch.tensor([60, 120, 180, 240, 30, 0], dtype=torch.uint8)
        reads = torch.zeros(2, 2, 6, 3, dtype=torch.uint8)
        reads[:, 1, :, 0] = base
        reads[:, 1, :, 2] = 80
        reads[:, 1, 4, 1] = 255
        features = torch.tensor([[1.0, 5, 2, 7], [0, 5, 2, 7]])
        names = ("is_snv", "run_left", "run_right", "other")
        mirror = Augmentation(AugmentationConfig(reverse_complement=1.0), channels, features.numpy(), names)
        new_features, new_reads = mirror.apply(features, reads)
        assert new_features.tolist() == [[1, 2, 5, 7], [0, 5, 2, 7]]
        assert new_reads[0, 1, :, 0].tolist() == [0, 30, 60, 120, 180, 240]  # T G C A from the other side is A C G T
        assert new_reads[0, 1, :, 2].tolist() == [240] * 6
        assert new_reads[0, 1, :, 1].tolist() == [0, 255, 0, 0, 0, 0]
        assert (new_reads[0, 0] == 0).all()
        assert torch.equal(new_reads[1], reads[1])
        again = mirror.apply(new_features, new_reads)
        assert torch.equal(again[0], features)
        assert torch.equal(again[1], reads)
        with pytest.raises(TrainingError, match="is_snv"):
            Augmentation(AugmentationConfig(reverse_complement=0.5), channels, features.numpy())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: dataclasses.replace(d, label=np.ones(len(d), np.float32)), "one class"),
        (lambda d: d.take(np.arange(0)), "no training examples"),
        (lambda d: dataclasses.replace(d, features=d.features * np.float32(np.nan)), "finite"),
    ],
)
def test_unusable_data_is_said(change, said):
    with pytest.raises(TrainingError, match=said):
        fit(fresh(), change(make_examples(50)), None, QUICK)


def test_unusable_settings_are_said():
    data = make_examples(50)
    with pytest.raises(TrainingError, match="fp8"):
        fit(fresh(), data, None, dataclasses.replace(QUICK, mixed_precision="fp8"))
    with pytest.raises(TrainingError, match="colour_auroc"):
        fit(fresh(), data, data, dataclasses.replace(QUICK, metric="colour_auroc"))
    one_class = dataclasses.replace(data, hard=data.label > 0.5)
    with pytest.raises(TrainingError, match="hard_auroc"):
        fit(fresh(), data, one_class, QUICK)
    noise = AugmentationConfig(channel_noise=(("no_channel", 1),))
    with pytest.raises(TrainingError, match="no_channel"):
        fit(fresh(), data, None, dataclasses.replace(QUICK, augmentation=noise), channels=CHANNELS)


_BARE_WORLD = "import torch.distributed as world; world.init_process_group('gloo'); world.barrier()"


def run_in_two_processes(*arguments):
    """What torchrun does, over the loopback interface alone: [(exit status, stderr)] of rank 0 and rank 1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    shared |= {"GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments], env=shared | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True
        )
        for rank in ("0", "1")
    ]
    errors = []
    for process in processes:
        try:
            errors.append(process.communicate(timeout=90)[1])
        except subprocess.TimeoutExpired:
            process.kill()
            errors.append(process.communicate()[1])
    return [(process.returncode, error[-2000:]) for process, error in zip(processes, errors, strict=True)]


@pytest.fixture
def two_processes():
    """run_in_two_processes, where torch alone, without a line of this project, can connect two processes."""
    if any(status for status, _ in run_in_two_processes("-c", _BARE_WORLD)):
        pytest.skip("needs a machine on which torch.distributed connects two processes")
    return run_in_two_processes


def test_two_processes_train_one_network(tmp_path, two_processes):
    ends = two_processes(str(Path(__file__).parent / "two_processes.py"), str(tmp_path))
    assert [status for status, _ in ends] == [0, 0], ends
    first, second = (np.load(tmp_path / f"{rank}.npy") for rank in (0, 1))
    assert np.array_equal(first, second)
    labels = make_examples(400, seed=1).label
    assert auroc(labels, first) > 0.8
    assert (tmp_path / "epochs.txt").read_text() == "0:0 0:1 0:2 0:3 0:4 0:5 "
