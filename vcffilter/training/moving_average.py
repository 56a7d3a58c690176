"""Exponential moving average of a network's weights: steadier than the last step's, and what is evaluated and
kept.
"""

from __future__ import annotations

from torch import nn


class MovingAverage:
    """Average of a module's parameters; buffers are copied. values: the averaged state, by name as in
    `state_dict`.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self.values = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}

    def update(self, module: nn.Module, step: int) -> None:
        """Take in the module as it is after the step of that number (from 0)."""
        # Short memory at first, so that the random start is soon forgotten.
        decay = min(self._decay, (1 + step) / (10 + step))
        parameters = dict(module.named_parameters())
        for name, tensor in module.state_dict().items():
            if name in parameters and self._decay > 0:
                self.values[name].lerp_(tensor.detach(), 1 - decay)
            else:
                self.values[name].copy_(tensor)
