"""Training examples that are most like a call in what weighs there, with their labels. Arrays and one file format.

A file beside the weights (NAME.examples.npz) holds what `recipes/germline/reference_examples.py` chose of the labelled sets. Its
features are kept as ranks among quantiles, one byte each: enough to tell near from far, and no copy of anybody's data.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vcffilter.errors import ModelError
from vcffilter.explanation.array_file import read_arrays
from vcffilter.files import write_bytes

_ENDING = ".examples.npz"
_TAKE_ORIGINAL = "Take the file that came with the weights, or give one of your own with --examples"
#: Kind and number of dimensions of each array of a file.
_ARRAYS = {
    "features": ("U", 1), "knots": ("f", 2), "rank": ("u", 2), "is_true": ("u", 1), "is_snv": ("u", 1), "sets": ("U", 1),
    "set_code": ("u", 1), "contigs": ("U", 1), "contig_code": ("u", 1), "pos1": ("i", 1), "about": ("U", 0),
}  # fmt: skip
#: Quantiles of each feature that tell ranks apart.
_QUANTILES = 100
#: Examples shown, and those of which the share of true ones is given.
SHOWN, COUNTED = 5, 25


@dataclass(frozen=True)
class ReferenceExamples:
    """n labelled alleles.

    features: names, in order. knots: float32 (n_features, n_knots), rising. rank: uint8 (n, n_features), how many knots lie below
    the value. is_true, is_snv: bool (n,). contig, set_name: str (n,). pos1: int64 (n,). about: what they are, in a few words.
    """

    features: tuple[str, ...]
    knots: np.ndarray
    rank: np.ndarray
    is_true: np.ndarray
    is_snv: np.ndarray
    contig: np.ndarray
    set_name: np.ndarray
    pos1: np.ndarray
    about: str

    def ranks(self, values: np.ndarray) -> np.ndarray:
        """uint8 (n_features,) of one allele. values: float32 (n_features,)."""
        found: np.ndarray = (self.knots < values[:, None]).sum(axis=1).astype(np.uint8)
        return found


@dataclass(frozen=True)
class Neighbour:
    """An example. distance: 0 alike in all that weighs, 1 as far as can be."""

    place: str
    set_name: str
    is_true: bool
    distance: float


@dataclass(frozen=True)
class Neighbours:
    """The nearest first. n_true of n_counted: of those that lie nearest, more than are shown. about: of the examples."""

    nearest: tuple[Neighbour, ...]
    n_true: int
    n_counted: int
    about: str


def reference_examples(
    features: np.ndarray,
    names: Sequence[str],
    is_true: np.ndarray,
    is_snv: np.ndarray,
    places: tuple[np.ndarray, ...],
    about: str,
) -> ReferenceExamples:
    """Of raw features, float32 (n, n_features). places: contig, set_name (str), pos1 (int64), n each."""
    knots = np.quantile(features, np.linspace(0, 1, _QUANTILES), axis=0).T.astype(np.float32)
    rank = np.stack([np.searchsorted(knots[i], features[:, i], side="left") for i in range(len(names))], axis=1)
    contig, set_name, pos1 = places
    return ReferenceExamples(tuple(names), knots, rank.astype(np.uint8), is_true, is_snv, contig, set_name, pos1, about)


def nearest_examples(
    examples: ReferenceExamples,
    names: Sequence[str],
    values: np.ndarray,
    weight: np.ndarray,
    is_snv: bool,
    place: tuple[str, int],
) -> Neighbours:
    """Examples of the same type (SNV or not) by the distance of their ranks, each feature weighing as much as in the call.

    names: of the model's features; those that the examples lack are left out. values: float32 (n_features,). weight: float64
    (n_features,), not negative. place: contig and pos1 of the call, which is no neighbour of itself.
    """
    known = {name: index for index, name in enumerate(examples.features)}
    ours = [index for index, name in enumerate(names) if name in known]
    theirs = [known[names[index]] for index in ours]
    full = np.zeros(len(examples.features), np.float32)
    full[theirs] = values[ours]
    share = weight[ours] / (weight[ours].sum() or 1.0)
    apart = np.abs(examples.rank[:, theirs].astype(np.int16) - examples.ranks(full)[theirs])
    distance = apart @ share / _QUANTILES
    distance[(examples.is_snv != is_snv) | ((examples.contig == place[0]) & (examples.pos1 == place[1]))] = np.inf
    order = np.argsort(distance, kind="stable")[:COUNTED]
    order = order[np.isfinite(distance[order])]
    nearest = tuple(
        Neighbour(
            f"{examples.contig[i]}:{examples.pos1[i]}", str(examples.set_name[i]), bool(examples.is_true[i]), float(distance[i])
        )
        for i in order[:SHOWN]
    )
    return Neighbours(nearest, int(examples.is_true[order].sum()), len(order), examples.about)


def examples_path(weights_path: str | Path) -> Path:
    """The file beside a checkpoint."""
    path = Path(weights_path)
    return path.with_name(path.name.removesuffix(".safetensors") + _ENDING)


def find_examples(weights_path: str) -> ReferenceExamples | None:
    """Those beside the weights; None where none are. Raises ModelError."""
    path = examples_path(weights_path)
    return read_reference_examples(path) if weights_path and path.is_file() else None


def write_reference_examples(path: str | Path, examples: ReferenceExamples) -> None:
    """Whole or not at all; the same examples always give the same bytes. Raises OutputError."""
    sets, set_code = np.unique(examples.set_name, return_inverse=True)
    contigs, contig_code = np.unique(examples.contig, return_inverse=True)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, features=np.array(examples.features), knots=examples.knots, rank=examples.rank,
        is_true=np.packbits(examples.is_true), is_snv=np.packbits(examples.is_snv), sets=sets,
        set_code=set_code.astype(np.uint8),
        contigs=contigs, contig_code=contig_code.astype(np.uint8), pos1=examples.pos1.astype(np.int64),
        about=np.array(examples.about),
    )  # fmt: skip
    write_bytes(path, buffer.getvalue())


def read_reference_examples(path: str | Path) -> ReferenceExamples:
    """From a file. Raises ModelError where it is not one of `write_reference_examples`."""
    file = read_arrays(path, "the examples", _TAKE_ORIGINAL)
    if any(name not in file or (file[name].dtype.kind, file[name].ndim) != kind for name, kind in _ARRAYS.items()):
        raise ModelError("what the examples hold is not as declared", path=str(path), hint=_TAKE_ORIGINAL)
    (n, n_features), n_packed = file["rank"].shape, -(-len(file["rank"]) // 8)
    lengths = {"features": n_features, "knots": n_features, "is_true": n_packed, "is_snv": n_packed, "set_code": n,
               "contig_code": n, "pos1": n}  # fmt: skip
    fits = all(len(file[name]) == length for name, length in lengths.items())
    if not fits or any((file[f"{name}_code"] >= len(file[f"{name}s"])).any() for name in ("contig", "set")):
        raise ModelError("the examples do not fit each other", path=str(path), hint=_TAKE_ORIGINAL)
    is_true, is_snv = (np.unpackbits(file[name].astype(np.uint8), count=n).astype(bool) for name in ("is_true", "is_snv"))
    return ReferenceExamples(
        tuple(map(str, file["features"])), file["knots"], file["rank"].astype(np.uint8), is_true, is_snv,
        file["contigs"][file["contig_code"]], file["sets"][file["set_code"]], file["pos1"], str(file["about"]),
    )  # fmt: skip


def examples_of_file(path: str | Path) -> ReferenceExamples:
    """From an .npz beside weights, or from an HDF5 file of `pileup-filter examples`. Raises ModelError, TrainingError."""
    if str(path).endswith(".npz"):
        return read_reference_examples(path)
    from vcffilter.training.example_file import read_examples

    file = read_examples(path, in_memory=False)
    data = file.examples
    try:
        where = (data.contig.astype(str), data.set_name.astype(str), data.pos0 + 1)
        about = f"{len(data):,} examples of {Path(path).name}"
        return reference_examples(data.features, file.spec.features, data.label >= 0.5, data.is_snv, where, about)
    finally:
        data.close()
