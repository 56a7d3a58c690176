"""Examples that are most like a call: by what weighs there, of its type, never itself; files that fit."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from vcffilter.commands.main import run
from vcffilter.errors import ModelError
from vcffilter.explanation.nearest import (
    COUNTED,
    SHOWN,
    examples_path,
    nearest_examples,
    read_reference_examples,
    reference_examples,
    write_reference_examples,
)
from vcffilter.models.checkpoint import available_weights, load_checkpoint

NAMES = ("a", "b", "c")


def some_examples(n=400):
    rng = np.random.default_rng(4)
    features = rng.random((n, 3)).astype(np.float32)
    is_true, is_snv = features[:, 0] > 0.5, np.arange(n) % 4 != 0
    places = np.full(n, "chr1"), np.full(n, "mine"), np.arange(n) * 10 + 1
    return features, reference_examples(features, NAMES, is_true, is_snv, places, f"{n} rows")


def test_the_nearest_are_alike_in_what_weighs():
    features, examples = some_examples()
    call = np.array([0.9, 0.2, 0.4], np.float32)
    found = nearest_examples(examples, NAMES, call, np.array([1.0, 0.0, 0.0]), True, ("chr2", 5))
    assert len(found.nearest) == SHOWN
    assert (found.n_true, found.n_counted) == (COUNTED, COUNTED)
    rows = [int(one.place.removeprefix("chr1:")) // 10 for one in found.nearest]
    assert np.abs(features[rows, 0] - 0.9).max() < 0.03
    assert np.abs(features[rows, 1] - 0.2).max() > 0.1, "what does not weigh is not asked"
    assert all(row % 4 for row in rows), "an SNV is compared with SNVs"
    other = nearest_examples(examples, NAMES, call, np.array([0.0, 1.0, 1.0]), True, ("chr2", 5))
    rows = [int(one.place.removeprefix("chr1:")) // 10 for one in other.nearest]
    assert np.abs(features[rows, 1:] - call[1:]).max() < 0.2
    assert [one.distance for one in other.nearest] == sorted(one.distance for one in other.nearest)


def test_a_call_is_no_neighbour_of_itself():
    features, examples = some_examples()
    found = nearest_examples(examples, NAMES, features[1], np.ones(3), True, ("chr1", 11))
    assert all(one.place != "chr1:11" for one in found.nearest)
    itself = nearest_examples(examples, NAMES, features[1], np.ones(3), True, ("chr1", 12)).nearest[0]
    assert (itself.place, itself.distance) == ("chr1:11", 0.0)


def test_files_hold_what_was_written_and_damage_is_said(tmp_path):
    _, examples = some_examples()
    path = tmp_path / "mine.examples.npz"
    write_reference_examples(path, examples)
    first = path.read_bytes()
    found = read_reference_examples(path)
    for name in ("knots", "rank", "is_true", "is_snv", "contig", "set_name", "pos1"):
        np.testing.assert_array_equal(getattr(found, name), getattr(examples, name))
    assert (found.features, found.about) == (examples.features, examples.about)
    write_reference_examples(path, found)
    assert path.read_bytes() == first
    path.write_bytes(first[:200])
    with pytest.raises(ModelError, match="cannot be read"):
        read_reference_examples(path)


_TOO_LARGE = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000000000000, 3), }"


def _with_head(content: bytes, head: bytes) -> bytes:
    """Bytes of an array whose head is another text of the same length."""
    return content[:10] + head.ljust(118)[:118] + content[128:]


@pytest.mark.parametrize(
    ("member", "change", "message"),
    [
        ("is_true.npy", lambda _: _npy(np.ones(50)), "not as declared"),
        ("knots.npy", lambda _: _npy(np.ones(3, np.float32)), "not as declared"),
        ("rank.npy", lambda content: _with_head(content, b"{'descr': '|u1', (("), "cannot be read"),
        ("rank.npy", lambda content: _with_head(content, _TOO_LARGE), "cannot be read"),
        ("is_snv.npy", lambda _: _npy(np.ones(9, np.uint8)), "do not fit each other"),
        ("set_code.npy", lambda _: _npy(np.full(400, 7, np.uint8)), "do not fit each other"),
    ],
)  # fmt: skip
def test_an_array_that_was_changed_is_refused(tmp_path, member, change, message):
    _, examples = some_examples()
    whole, path = tmp_path / "whole.npz", tmp_path / "mine.examples.npz"
    write_reference_examples(whole, examples)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, change(source.read(name)) if name == member else source.read(name))
    with pytest.raises(ModelError, match=message):
        read_reference_examples(path)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("name", available_weights())
def test_shipped_examples_fit_the_shipped_weights(name):
    checkpoint = load_checkpoint(name)
    examples = read_reference_examples(examples_path(checkpoint.path))
    assert examples.features == tuple(checkpoint.metadata.encoder.features)
    assert 0 < examples.is_true.sum() < len(examples.rank)


def test_command_names_them(simulated, tmp_path, capsys):
    files, examples = simulated.files, str(tmp_path / "mine.h5")
    reads = ["-b", str(files.reads), "-f", str(files.reference)]
    made = [
        "examples",
        str(files.calls),
        *reads,
        "--labels",
        str(files.labels),
        "--rows",
        "0",
        "-o",
        examples,
        "--set",
        "mine",
        "-q",
    ]
    assert run(made) == 0
    filtered = str(tmp_path / "filtered.vcf.gz")
    assert run(["filter", str(files.calls), *reads, "-q", "-Oz", "-o", filtered]) == 0
    assert run(["explain", filtered, "--failed", "3", *reads, "--examples", examples, "--json", "-q"]) == 0
    for line in capsys.readouterr().out.splitlines():
        one = json.loads(line)
        found = one["nearest_examples"]
        assert len(found["nearest"]) == SHOWN
        assert {near["set"] for near in found["nearest"]} == {"mine"}
        assert f"{one['chrom']}:{one['pos']}" not in {near["place"] for near in found["nearest"]}
    assert run(["explain", filtered, "--failed", "1", *reads, "-q"]) == 0
    assert "nearest of the" in capsys.readouterr().out
