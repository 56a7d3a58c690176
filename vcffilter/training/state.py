"""The state of an unfinished training run on disk, so that a killed run goes on where the last epoch ended.

Tensors as safetensors, the rest as JSON in its metadata: no pickle. Epochs are seeded by their number, so no
generator's state needs keeping. Knows nothing of the training loop.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vcffilter.errors import TrainingError
from vcffilter.files import write_bytes

_KEY = "state"


@dataclass(frozen=True)
class TrainingState:
    """tensors: named, e.g. `module.head.weight`, `optimizer.3.exp_avg`. facts: plain JSON (epoch, history,
    best value, ...).
    """

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        """Tensors whose name starts with the prefix, the prefix cut off."""
        return {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}


def save_state(path: Path, state: TrainingState) -> None:
    """Write the state; the old one is replaced only when the new one is complete. Raises OutputError."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.tensors.items()}
    write_bytes(path, save(tensors, {_KEY: json.dumps(state.facts, sort_keys=True)}))


def load_state(path: Path) -> TrainingState | None:
    """The state at `path`, None when there is none; raises TrainingError when it cannot be read."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dictionary)
        return TrainingState(tensors, json.loads(metadata[_KEY]))
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError(
            f"the training state cannot be read ({error})", path=str(path), hint="Delete it to start afresh"
        ) from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's tensors by `<parameter number>.<name>`."""
    return {
        f"{number}.{name}": value
        for number, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    entries: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        entries.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
