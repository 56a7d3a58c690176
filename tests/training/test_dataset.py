"""Examples in memory and on disk are the same; files are checked."""

from __future__ import annotations

import numpy as np
import pytest
from training_examples import make_examples, make_spec

from vcffilter.errors import TrainingError
from vcffilter.training.dataset import (
    COLUMNS,
    ArrayDataset,
    ExampleWriter,
    concatenate,
    read_examples,
    write_examples,
)

pytest.importorskip("h5py")


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


def test_hash_sees_every_column():
    examples = make_examples(20)
    assert examples.take(np.arange(20)).sha256() == examples.sha256()
    for name in COLUMNS:
        other = examples.take(np.arange(20))
        column = getattr(other, name)
        column[3] = {"U": "x", "b": ~column[3] if column.dtype.kind == "b" else 0}.get(column.dtype.kind, 77)
        assert other.sha256() != examples.sha256(), name
