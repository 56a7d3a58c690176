"""The checkpoint format: one safetensors file with the weights and one metadata key that holds everything
else as sorted JSON.

Byte-reproducible (safetensors writes several metadata keys in changing order, hence exactly one), never
pickle. A checkpoint is data that nobody vouches for: every tensor is checked by name, shape and dtype, and every network looks
at what it was given (`Network.check_weights`) before a number is taken for a node of a tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as serialise_tensors
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.files import write_bytes
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.metadata import CheckpointMetadata, read_json
from vcffilter.models.network import Network
from vcffilter.models.registry import build, parse_config

METADATA_KEY = "vcffilter"
WEIGHTS_DIR = Path(__file__).parent / "weights"
_TAKE_ORIGINAL = "The file was changed, or another version of vcffilter wrote it: take the original weights"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory. sha256: of the whole file, hexadecimal. path: where it was read from, empty
    when it was not.
    """

    metadata: CheckpointMetadata
    tensors: dict[str, torch.Tensor]
    sha256: str
    path: str = ""

    def build(self) -> Network:
        """The network with these weights, in evaluation mode.

        Raises ModelError, before anything as large as the settings say is allocated: unknown architecture or setting, a tensor
        that is missing, superfluous, of another shape or dtype, or that cannot be computed with.
        """
        metadata = self.metadata
        with self.blamed():
            _check_shapes(_expected_tensors(metadata), self.tensors)
            module = build(metadata.architecture, metadata.config, metadata.encoder).eval()
            module.load_state_dict(self.tensors)
            module.check_weights()
            _try_out(module, metadata.encoder)
        return module

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Whatever ModelError is raised inside names this file, and says what to do about it."""
        try:
            yield
        except ModelError as error:
            raise ModelError(
                error.what, path=error.path or self.path or self.metadata.model_id, hint=error.hint or _TAKE_ORIGINAL
            ) from error


def _expected_tensors(metadata: CheckpointMetadata) -> dict[str, torch.Tensor]:
    """The tensors that the architecture has with these settings: shapes and dtypes only, without their memory."""
    try:
        with torch.device("meta"):
            return build(metadata.architecture, metadata.config, metadata.encoder).state_dict()
    except (RuntimeError, OverflowError) as error:
        what = str(error).partition("\n")[0]
        raise ModelError(f"architecture {metadata.architecture} cannot have these settings ({what})") from error


def _check_shapes(expected: dict[str, torch.Tensor], given: dict[str, torch.Tensor]) -> None:
    problems = [f"{name} is missing" for name in sorted(set(expected) - set(given))]
    problems += [f"{name} is not known to the network" for name in sorted(set(given) - set(expected))]
    for name in sorted(set(expected) & set(given)):
        if expected[name].shape != given[name].shape or expected[name].dtype != given[name].dtype:
            problems.append(f"{name} is {_kind(given[name])} in the file and {_kind(expected[name])} in the network")
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(f"the weights do not fit the architecture: {'; '.join(problems[:3])}{more}")


def _try_out(module: Network, spec: EncoderSpec) -> None:
    """Raise ModelError unless the network gives numbers for two empty sites."""
    reads = torch.zeros(2, spec.rows, spec.columns, spec.n_channels, dtype=torch.uint8) if spec.rows else None
    try:
        with torch.inference_mode():
            logits = module(torch.zeros(2, spec.n_features), reads)
    except (RuntimeError, AssertionError, ValueError) as error:  # torch's, and timm's of backbones for one size of image
        what = str(error).partition("\n")[0]
        raise ModelError(f"the network cannot be run on what its encoder makes ({what})") from error
    if logits.shape != (2,) or not bool(torch.isfinite(logits).all()):
        raise ModelError("the network's output for an empty site is no finite number")


def _kind(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def encode_checkpoint(module: nn.Module, metadata: CheckpointMetadata) -> bytes:
    """The bytes of the checkpoint file; the same weights and metadata always give the same bytes."""
    parse_config(metadata.architecture, metadata.config)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}
    return serialise_tensors(tensors, {METADATA_KEY: metadata.to_json_text()})


def save_checkpoint(path: str | Path, module: nn.Module, metadata: CheckpointMetadata) -> str:
    """Write the checkpoint; it appears under its name only when complete. Returns the file's sha256. Raises OutputError."""
    data = encode_checkpoint(module, metadata)
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def available_weights() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(path.stem for path in WEIGHTS_DIR.glob("*.safetensors"))


def resolve_weights(name_or_path: str | Path) -> Path:
    """The file behind a name of shipped weights or a path; raises ModelError when there is none."""
    text = str(name_or_path)
    if "/" not in text and "\\" not in text and not text.endswith(".safetensors"):
        path = WEIGHTS_DIR / f"{text}.safetensors"
        if path.is_file():
            return path
        names = ", ".join(available_weights()) or "none"
        raise ModelError(f"no weights named {text!r} come with this version", hint=f"There are: {names}; or give a path")
    path = Path(text)
    if not path.is_file():
        raise ModelError("no such weights file", path=text, hint="Give a *.safetensors file or the name of shipped weights")
    return path


def load_checkpoint(name_or_path: str | Path, sha256: str | None = None) -> Checkpoint:
    """Read a checkpoint by the name of shipped weights or by path.

    sha256: when given, the file must have this hash. Raises ModelError: no such file, no safetensors, unknown
    format, another hash.
    """
    path = resolve_weights(name_or_path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the weights cannot be read ({error.strerror})", path=str(path)) from error
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise ModelError(
            f"sha256 is {digest}, not {sha256}",
            path=str(path),
            hint="The file was changed or cut: fetch it again",
        )
    return decode_checkpoint(data, str(path))


def decode_checkpoint(data: bytes, path: str = "") -> Checkpoint:
    """A checkpoint from the bytes of its file; `path` is for messages. Raises ModelError as
    `load_checkpoint`.
    """
    tensors = _read_tensors(data, path)
    header_length = int.from_bytes(data[:8], "little")
    header = read_json(data[8 : 8 + header_length].decode(errors="replace"), path)
    text = (header.get("__metadata__") or {}).get(METADATA_KEY)
    if text is None:
        raise ModelError(
            f"the file has no {METADATA_KEY!r} metadata: these are not weights for vcffilter",
            path=path,
            hint="Weights are made by: pileup-filter train",
        )
    metadata = CheckpointMetadata.from_json_text(text, path)
    return Checkpoint(metadata, tensors, hashlib.sha256(data).hexdigest(), path)


def _read_tensors(data: bytes, path: str) -> dict[str, torch.Tensor]:
    try:
        return load_tensors(data)
    except SafetensorError as error:
        raise ModelError(
            f"not a complete safetensors file ({error})", path=path, hint="The file was changed or cut: fetch it again"
        ) from error
    except KeyError as error:  # a dtype that safetensors knows and torch does not
        raise ModelError(f"the file holds tensors of unknown kind {error}", path=path, hint=_TAKE_ORIGINAL) from error
