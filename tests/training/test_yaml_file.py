"""Configurations that are no YAML, no text, too clever, or of another kind: one message, quickly; nothing outside the folder."""

import time

import pytest

from vcffilter.commands.main import run
from vcffilter.errors import TrainingError
from vcffilter.training.config import ExampleFiles, load_train_config
from vcffilter.training.yaml_file import read_yaml

pytest.importorskip("yaml")

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_aliases_are_refused_before_they_grow(tmp_path, capfd):
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMB)
    started = time.monotonic()
    for command in ("train", "compare"):
        assert run([command, str(path), "-o", str(tmp_path / "run")]) == 1
        assert "alias *a: write its value out" in capfd.readouterr().err
    assert time.monotonic() - started < 20
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"model_id: caf\xe9\n", "is not UTF-8 (byte 13)"),
        (b"a: 2001-99-99\n", "is no YAML"),
        (b"a: [b\n", "is no YAML"),
        (b"a: !!python/object:os.system x\n", "is no YAML"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_no_such_yaml_is_named(tmp_path, content, said):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(TrainingError) as caught:
        read_yaml(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the configuration must be a mapping"),
        ("- a\n", "the configuration must be a mapping"),
        ("model_id: 3\n", "model_id is 3, which is no str"),
        ("model_id: a\ndata: a.h5\n", "data is 'a.h5'"),
        ("model_id: a\nmodel: {1: 2}\n", "model has the key 1"),
        ("model_id: a\nvalidation: {contigs: [20]}\n", "validation.contigs[0] is 20"),
        ("model_id: a\nvalidation: chr20\n", "validation must be a mapping"),
        ("model_id: a\nout_of_fold: {folds: {a: chr20}}\n", "out_of_fold.folds.a must be a mapping"),
        ("model_id: a\nfit: {seed: -1}\n", "fit.seed is -1"),
        ("model_id: a\nfit: {seed: 99999999999999999999}\n", "fit.seed is 99999999999999999999"),
        ("model_id: a\nfit: {learning_rate: fast}\n", "fit.learning_rate is 'fast', which is no finite number"),
        ("model_id: a\ndata: [{files: a.h5, weight: -1}]\n", "data[0].weight is -1"),
        ("model_id: a\ndata: [{file: a.h5}]\n", "unknown key data[0].file"),
        ("data: [a.h5]\n", "missing key model_id"),
        ("1: 2\n", "unknown key 1"),
    ],
)
def test_values_of_another_kind_are_named(tmp_path, text, said):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError) as caught:
        load_train_config(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("number", ["1e-3", "1.0e-3", ".1e-2", "0.001"])
def test_a_number_may_be_written_with_an_exponent(tmp_path, number):
    path = tmp_path / "config.yaml"
    settings = f"fit: {{learning_rate: {number}}}\nmodel: {{dropout: {number}}}\n"
    path.write_text(f"model_id: a1e-3\n{settings}data: [b.h5, {{files: c.h5}}]\n")
    config = load_train_config(path)
    assert (config.fit.learning_rate, config.model, config.recall_snv) == (0.001, {"dropout": 0.001}, None)
    assert config.data == ("b.h5", ExampleFiles("c.h5"))
    assert config.model_id == "a1e-3"


@pytest.mark.parametrize("model_id", ["../outside", "/tmp/outside", "a/b", "..", "", ".hidden", "a\nb", "-o"])
def test_a_name_of_weights_is_no_path(tmp_path, model_id):
    path = tmp_path / "config.yaml"
    path.write_text(f"model_id: {model_id!r}\n".replace("'", '"'))
    with pytest.raises(TrainingError, match="is no name for a file"):
        load_train_config(path)
