"""Covers: how many examples come to each node of a model's trees. Contributions are measured against them; a checkpoint has none.

A file beside the weights (NAME.covers.npz) holds what `recipes/germline/covers.py` counted. It is bound to the trees' splits, not
to the file: leaves that were fitted anew and another calibration leave it valid, and weights under another name find it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vcffilter.errors import ModelError
from vcffilter.explanation.array_file import read_arrays
from vcffilter.files import write_bytes
from vcffilter.models.cascade import Cascade
from vcffilter.models.checkpoint import WEIGHTS_DIR
from vcffilter.models.forest import Forest

if TYPE_CHECKING:
    from vcffilter.models.network import Network

_ENDING = ".covers.npz"
_SPLITS, _ABOUT = "splits", "about"
_TAKE_ORIGINAL = "Take the file that came with the weights, or remove it"
#: Alleles walked at once.
_TILE = 4096


@dataclass(frozen=True)
class Covers:
    """of_forest: name of each forest within the network -> float64 (n_nodes,), examples that ended in each leaf, 0 elsewhere.

    splits: `digest_of_splits` of the network. about: what was counted, in a few words.
    """

    of_forest: Mapping[str, np.ndarray]
    splits: str
    about: str


def forests_of(module: Network) -> dict[str, Forest]:
    """The forests within a network by their names; a network that is one itself has the name `forest`.

    Of a cascade those of its first stage, under the names that they have in it, as of a model of that stage alone.
    """
    if isinstance(module, Cascade):
        module = module.first_stage
    return {name or "forest": part for name, part in module.named_modules() if isinstance(part, Forest)}


def digest_of_splits(module: Network) -> str:
    """sha256 of where a network's trees split, whatever their leaves hold."""
    digest = hashlib.sha256()
    for name, forest in sorted(forests_of(module).items()):
        digest.update(name.encode())
        for tensor in (forest.root, forest.feature, forest.threshold, forest.left):
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def count_covers(module: Network, features: np.ndarray, about: str) -> Covers:
    """Send examples through the trees. features: float32 (n, n_features), as the network takes them."""
    from vcffilter.kernels.trees import walk_trees

    counted = {}
    for name, forest in forests_of(module).items():
        trees = (forest.root.numpy(), forest.feature.numpy(), forest.threshold.numpy(), forest.left.numpy())
        cover = np.zeros(forest.config.n_nodes)
        for begin in range(0, len(features), _TILE):
            tile = np.ascontiguousarray(features[begin : begin + _TILE])
            leaf = np.empty((len(tile), forest.config.n_trees), np.int32)
            walk_trees(tile, *trees, forest.config.depth, leaf)
            cover += np.bincount(leaf.ravel(), minlength=forest.config.n_nodes)
        counted[name] = cover
    return Covers(counted, digest_of_splits(module), about)


def covers_path(weights_path: str | Path) -> Path:
    """The file beside a checkpoint."""
    path = Path(weights_path)
    return path.with_name(path.name.removesuffix(".safetensors") + _ENDING)


def write_covers(path: str | Path, covers: Covers) -> None:
    """Whole or not at all; the same covers always give the same bytes. Raises OutputError."""
    arrays: dict[str, Any] = {name: cover.astype(np.int32) for name, cover in covers.of_forest.items()}
    arrays |= {name: np.frombuffer(text.encode(), np.uint8) for name, text in ((_SPLITS, covers.splits), (_ABOUT, covers.about))}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def read_covers(path: str | Path) -> Covers:
    """From a file. Raises ModelError where it is not one of `write_covers`."""
    arrays = read_arrays(path, "the covers of the trees", _TAKE_ORIGINAL)
    try:
        splits, about = (bytes(arrays.pop(name)).decode() for name in (_SPLITS, _ABOUT))
    except (ValueError, KeyError) as error:
        raise ModelError(f"the covers of the trees cannot be read ({error})", path=str(path), hint=_TAKE_ORIGINAL) from error
    if any(cover.ndim != 1 or cover.dtype != np.int32 or (cover < 0).any() for cover in arrays.values()):
        raise ModelError("the covers of the trees hold what is no count", path=str(path), hint=_TAKE_ORIGINAL)
    return Covers({name: cover.astype(np.float64) for name, cover in arrays.items()}, splits, about)


def find_covers(module: Network, weights_path: str = "") -> Covers | None:
    """Those beside the weights, else those of shipped weights with the same splits; None where none are. Raises ModelError."""
    splits = digest_of_splits(module)
    beside = covers_path(weights_path) if weights_path else None
    for path in [*([beside] if beside is not None and beside.is_file() else []), *sorted(WEIGHTS_DIR.glob(f"*{_ENDING}"))]:
        covers = read_covers(path)
        if covers.splits == splits:
            check_covers(module, covers, str(path))
            return covers
        if path == beside:
            raise ModelError("the covers are those of other trees than the weights'", path=str(path), hint=_TAKE_ORIGINAL)
    return None


def check_covers(module: Network, covers: Covers, path: str = "") -> None:
    """Raise ModelError unless there is a count for every node."""
    nodes = {name: forest.config.n_nodes for name, forest in forests_of(module).items()}
    if nodes != {name: len(cover) for name, cover in covers.of_forest.items()}:
        raise ModelError("the covers do not fit the trees", path=path, hint=_TAKE_ORIGINAL)
