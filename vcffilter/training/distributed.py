"""Several processes that train one network (torchrun), or one. Knows torch.distributed and nothing of the
training loop.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """rank of this process among `size` of them."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the world."""
        return DistributedDataParallel(module) if self.size > 1 else module

    def agreed(self, value: float, device: torch.device) -> float:
        """The first process's value, so that all take the same decision."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(shared, 0)
        return float(shared[0])


def training_device(name: str) -> torch.device:
    """The torch device of `auto`, `cpu` or `cuda`; under torchrun each process takes the GPU of its local
    rank.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    device = torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def is_first_process() -> bool:
    """Whether this process writes files; true without torchrun."""
    return int(os.environ.get("RANK", "0")) == 0


def join_world(device: torch.device) -> World:
    """The world that torchrun set up in the environment, joined; a world of one when there is none."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return World()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(dist.get_rank(), dist.get_world_size())


def leave_world() -> None:
    """End the process group when there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
