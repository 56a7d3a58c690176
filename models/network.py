"""What every architecture offers beside being a torch module. Training and checkpoints rely on this and
nothing more.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import nn


class Network(nn.Module):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels) or None) -> logits float32 (n,).

    Raw features come in; whatever standardises them lives inside as buffers, set by `fit_inputs`.
    stem_prefixes: parameters whose names start so read the input; a first stage of fine-tuning may freeze
    them.
    """

    stem_prefixes: ClassVar[tuple[str, ...]] = ()

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and scales from the training data (arrays as `forward` takes them)."""
        raise NotImplementedError

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Logits (n, n_members) of the members whose average `forward` is; each is trained on its own
        loss.
        """
        raise NotImplementedError

    def is_stem(self, parameter_name: str) -> bool:
        """Whether a parameter belongs to the stem."""
        return parameter_name.startswith(self.stem_prefixes)
