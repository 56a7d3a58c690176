"""Examples in memory and on disk are the same; files are checked."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from training_examples import make_examples, make_spec

from vcffilter.errors import TrainingError
from vcffilter.training.dataset import COLUMNS, ArrayDataset, concatenate
from vcffilter.training.example_file import ExampleWriter, read_examples, write_examples

h5py = pytest.importorskip("h5py")


def assert_same(a: ArrayDataset, b: ArrayDataset) -> None:
    assert np.array_equal(a.features, b.features)
    for name in COLUMNS:
        assert np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name == "teacher"), name
    rows_a, rows_b = (data.read_rows(np.arange(len(data))) for data in (a, b))
    assert (rows_a is None and rows_b is None) or np.array_equal(rows_a, rows_b)


@pytest.mark.parametrize("with_reads", [True, False])
@pytest.mark.parametrize("in_memory", [True, False])
def test_round_trip_in_pieces(tmp_path, with_reads, in_memory):
    examples = make_examples(700, with_reads=with_reads)
    path = tmp_path / "examples.h5"
    with ExampleWriter(path, make_spec(with_reads), {"caller": "x"}) as writer:
        for piece in (np.arange(0, 3), np.arange(3, 600), np.arange(600, 700)):
            writer.append(examples.take(piece))
        assert not path.exists()
    back = read_examples(path, in_memory)
    assert back.spec == make_spec(with_reads)
    assert back.note == {"caller": "x"}
    assert_same(back.examples, examples)


def test_on_disk_takes_and_joins_lazily_and_right(tmp_path):
    parts = [make_examples(600, seed=1, set_name="a"), make_examples(500, seed=2, set_name="b")]
    files = []
    for number, part in enumerate(parts):
        write_examples(tmp_path / f"{number}.h5", part, make_spec())
        files.append(read_examples(tmp_path / f"{number}.h5", in_memory=False).examples)
    joined, expected = concatenate(files), concatenate(parts)
    assert joined.on_disk
    assert_same(joined, expected)
    index = np.random.default_rng(0).permutation(1100)[:300]
    assert joined.take(index).on_disk
    assert_same(joined.take(index).take(np.arange(50, 20, -1)), expected.take(index).take(np.arange(50, 20, -1)))
    assert_same(joined.take(expected.set_name == "b"), parts[1])


def test_an_error_leaves_no_file(tmp_path):
    def fail():
        with ExampleWriter(tmp_path / "examples.h5", make_spec()) as writer:
            writer.append(make_examples(10))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_wrong_files_and_columns_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(TrainingError, match="text.h5"):
        read_examples(tmp_path / "text.h5")
    with pytest.raises(TrainingError, match="missing.h5"):
        read_examples(tmp_path / "missing.h5")
    with pytest.raises(TrainingError, match="colour"):
        ArrayDataset.create(np.zeros((2, 3)), np.zeros(2), colour=1)
    with pytest.raises(TrainingError, match="depth"):
        ArrayDataset.create(np.zeros((2, 3)), np.zeros(2), depth=np.zeros(3))
    with pytest.raises(TrainingError), ExampleWriter(tmp_path / "x.h5", make_spec()) as writer:
        writer.append(make_examples(5, with_reads=False))


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_an_error_and_never_other_examples(tmp_path, seed):
    examples, draw = make_examples(40), random.Random(seed)
    path = tmp_path / "examples.h5"
    write_examples(path, examples, make_spec())
    whole, n_refused = path.read_bytes(), 0
    for number in range(40):
        content = bytearray(whole)
        if number % 4 == 0:
            del content[draw.randrange(len(content)) :]
        for _ in range(draw.choice([1, 3, 20]) if number % 4 else 0):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        message = message_of_reading(path, examples, in_memory=number % 2 == 0)
        assert message is None or str(path) in message
        n_refused += message is not None
    assert n_refused > 20


def message_of_reading(path, examples, *, in_memory):
    """What is said of a file; None where it holds just these examples."""
    try:
        found = read_examples(path, in_memory).examples
        assert_same(found, examples)
    except TrainingError as error:
        return str(error)
    found.close()
    return None


def _without_a_column(file):
    del file["depth"]


def _of_another_encoder(file):
    file.attrs["encoder"] = json.dumps({**json.loads(file.attrs["encoder"]), "colour": "blue"})


def _with_an_encoder_of_another_shape(file):
    file.attrs["encoder"] = json.dumps({**json.loads(file.attrs["encoder"]), "rows": 3})


def _without_a_name(file):
    file["contig"].attrs["names"] = "[]"


def _with_a_short_column(file):
    file["label"].resize(3, axis=0)


def _with_a_folder_for_tensors(file):
    del file["reads"]
    file.create_group("reads")


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_a_column, "depth"),
        (_of_another_encoder, "unknown key encoder.colour"),
        (_with_an_encoder_of_another_shape, "reads is uint8 (40, 9, 1, 3), not uint8 (40, 3, 1, 3)"),
        (_without_a_name, "a name is missing"),
        (_with_a_short_column, "label is float32 (3,), not float32 (40,)"),
        (_with_a_folder_for_tensors, "damaged"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(tmp_path, change, said, append):
    path = tmp_path / "examples.h5"
    write_examples(path, make_examples(40), make_spec())
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(TrainingError) as caught:
        ExampleWriter(path, make_spec(), append=True) if append else read_examples(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_hash_sees_every_column():
    examples = make_examples(20)
    assert examples.take(np.arange(20)).sha256() == examples.sha256()
    for name in COLUMNS:
        other = examples.take(np.arange(20))
        column = getattr(other, name)
        column[3] = {"U": "x", "b": ~column[3] if column.dtype.kind == "b" else 0}.get(column.dtype.kind, 77)
        assert other.sha256() != examples.sha256(), name
