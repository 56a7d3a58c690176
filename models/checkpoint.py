"""The checkpoint format: one safetensors file with the weights and one metadata key that holds everything
else as sorted JSON.

Byte-reproducible (safetensors writes several metadata keys in changing order, hence exactly one), never
pickle, every tensor checked by name and shape. Calibration and thresholds are stored here as plain JSON; what
they mean is `vcffilter.scoring`'s business.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as serialise_tensors
from torch import nn

from vcffilter.errors import ModelError
from vcffilter.files import write_bytes
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.models.registry import build, parse_config

FORMAT_VERSION = 1
METADATA_KEY = "vcffilter"
WEIGHTS_DIR = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class CheckpointMetadata:
    """Everything a checkpoint says beside its weights. Plain JSON values only, apart from `encoder`.

    model_id: e.g. `illumina-germline-1`. architecture, config: see `vcffilter.models.registry`. encoder: the
    arrays the network takes. calibration: `vcffilter.calibration.maps.Calibration.to_json()`; empty =
    none. thresholds: probability under which an ALT fails by default, by `threshold_classes.THRESHOLD_NAMES`.
    operating_points: rows of the card's table, each with at least `name` and `thresholds`. training:
    provenance (data, hashes, versions, seeds, folds). evaluation: numbers for the card. limits: sentences.
    """

    model_id: str
    architecture: str
    config: dict[str, Any]
    encoder: EncoderSpec
    calibration: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    operating_points: list[dict[str, Any]] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    limits: list[str] = field(default_factory=list)
    licence: str = "MIT"
    format_version: int = FORMAT_VERSION

    def to_json_text(self) -> str:
        """Sorted JSON; the same metadata always gives the same bytes."""
        data = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self) if entry.name != "encoder"}
        data["encoder"] = self.encoder.to_json()
        return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json_text(cls, text: str, path: str) -> CheckpointMetadata:
        """Parse and check; raises ModelError with `path` on another format version or unknown or missing
        fields.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelError(f"the checkpoint's metadata are no JSON ({error})", path=path) from error
        version = data.get("format_version") if isinstance(data, dict) else None
        if version != FORMAT_VERSION:
            raise ModelError(
                f"checkpoint format {version} is not the format {FORMAT_VERSION} that this version reads",
                path=path,
                hint="Install the vcffilter version that wrote it, or take weights made for this one",
            )
        try:
            data["encoder"] = EncoderSpec.from_json(data["encoder"])
            return cls(**data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"the checkpoint's metadata lack a field or have an unknown one ({error})",
                path=path,
                hint="Install the vcffilter version that wrote it, or take weights made for this one",
            ) from error


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

        Raises ModelError: unknown architecture or setting, a tensor that is missing, superfluous, or of
        another shape or dtype.
        """
        metadata = self.metadata
        module = build(metadata.architecture, metadata.config, metadata.encoder)
        load_strictly(module, self.tensors, self.path or metadata.model_id)
        return module.eval()


def load_strictly(module: nn.Module, tensors: dict[str, torch.Tensor], path: str, prefix: str = "") -> None:
    """Copy `tensors` into the module after checking every name, shape and dtype; `prefix` limits both sides
    to names that start so.

    Raises ModelError that names the first differences.
    """
    expected = {name: tensor for name, tensor in module.state_dict().items() if name.startswith(prefix)}
    given = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    problems = [f"{name} is missing" for name in sorted(set(expected) - set(given))]
    problems += [f"{name} is not known to the network" for name in sorted(set(given) - set(expected))]
    for name in sorted(set(expected) & set(given)):
        if expected[name].shape != given[name].shape or expected[name].dtype != given[name].dtype:
            problems.append(f"{name} is {_kind(given[name])} in the file and {_kind(expected[name])} in the network")
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(
            f"the weights do not fit the architecture: {'; '.join(problems[:3])}{more}",
            path=path,
            hint="The file was changed, or another version of vcffilter wrote it: take the original weights",
        )
    module.load_state_dict(given, strict=prefix == "")


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
    try:
        tensors = load_tensors(data)
    except SafetensorError as error:
        raise ModelError(
            f"not a complete safetensors file ({error})",
            path=path,
            hint="The file was changed or cut: fetch it again",
        ) from error
    header_length = int.from_bytes(data[:8], "little")
    header_metadata = json.loads(data[8 : 8 + header_length]).get("__metadata__") or {}
    if METADATA_KEY not in header_metadata:
        raise ModelError(
            f"the file has no {METADATA_KEY!r} metadata: these are not weights for vcffilter",
            path=path,
            hint="Weights are made by: pileup-filter train",
        )
    metadata = CheckpointMetadata.from_json_text(header_metadata[METADATA_KEY], path)
    return Checkpoint(metadata, tensors, hashlib.sha256(data).hexdigest(), path)
