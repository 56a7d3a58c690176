"""What every architecture offers beside being a torch module. Training and checkpoints rely on this and
nothing more.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from vcffilter.errors import ModelError


class Network(nn.Module):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels) or None) -> logits float32 (n,).

    Raw features come in; whatever standardises them lives inside as buffers, set by `fit_inputs`.
    minimum_columns: fewest columns of the read tensor that it can use; 0: it takes no reads. stem_prefixes:
    parameters whose names start so read the input; a first stage of fine-tuning may freeze them.
    """

    minimum_columns: ClassVar[int] = 0
    stem_prefixes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def takes_reads(cls, config: Any) -> bool:
        """Whether a network of these settings (its config dataclass) looks at the read tensor."""
        return cls.minimum_columns > 0

    def check_weights(self) -> None:
        """Raise ModelError where what was loaded cannot be computed with. Shapes and dtypes have been checked."""
        for name, tensor in self.state_dict().items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise ModelError(f"{name} holds what is no finite number")

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
