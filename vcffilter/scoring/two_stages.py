"""Scores a cascade stage by stage: trees for all alleles, the network on reads for those that they leave in doubt.

Each stage sees tiles of its own fixed shape, and which alleles go on to the second depends on each of them alone: so a score
depends neither on its neighbours nor on how alleles were cut into chunks. Knows arrays and torch, as `network` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vcffilter.calibration.maps import Calibration
from vcffilter.errors import ModelError
from vcffilter.models.cascade import Cascade, second_features
from vcffilter.models.stages import first_of_two, is_staged, second_alone
from vcffilter.scoring.network import CalibratedNetwork, FirstStage, NetworkScorer

if TYPE_CHECKING:
    from vcffilter.models.checkpoint import Checkpoint

#: Alleles per tile of the second stage, on a CPU and on a GPU: few, as few of a chunk's are doubtful. Part of the result.
SECOND_TILES = (32, 256)


class CascadeScorer(CalibratedNetwork):
    """A network of two stages ready to score, on the threads that call. Arguments and errors as `NetworkScorer`.

    first: the first stage as a scorer of its own, under the calibration of both.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self.encoder = checkpoint.metadata.encoder
        self._checkpoint = checkpoint
        with checkpoint.blamed():
            self.calibration = Calibration.from_json(checkpoint.metadata.calibration)
        whole = checkpoint.build()
        assert isinstance(whole, Cascade), "a model of one stage was taken for a cascade"
        self._gate = whole.gate
        self._seen = whole.seen
        self.first = NetworkScorer(first_of_two(checkpoint), device)
        self._second = NetworkScorer(second_alone(checkpoint), device, SECOND_TILES, is_announced=False)
        self.device = self.first.device

    def first_stage(self, features: np.ndarray) -> FirstStage:
        """As `CalibratedNetwork.first_stage`."""
        logits = self.first.logits(features, None)
        with torch.inference_mode():
            doubtful = self._gate.doubtful(torch.from_numpy(logits), torch.from_numpy(features))
        return FirstStage(logits, doubtful.numpy())

    def logits(self, features: np.ndarray, reads: np.ndarray | None, first: FirstStage | None = None) -> np.ndarray:
        """As `CalibratedNetwork.logits`."""
        if first is None:
            first = self.first_stage(features)
            if reads is None or len(reads) != len(features):
                raise ModelError(f"the network takes the reads of {len(features)} alleles")
            reads = reads[first.doubtful]
        logits, doubtful = first.logits.copy(), first.doubtful
        if len(features) != len(logits):
            raise ModelError(f"the first stage spoke of {len(logits)} alleles, not of {len(features)}")
        if doubtful.any():
            seen, z1 = torch.from_numpy(features[doubtful]), torch.from_numpy(logits[doubtful])
            with torch.inference_mode():
                delta = self._second.logits(second_features(self._seen, seen, z1).numpy(), reads)
                logits[doubtful] = self._gate.combine(z1, torch.from_numpy(delta), seen).numpy()
        return logits


#: What goes with a checkpoint.
Scorer = NetworkScorer | CascadeScorer


def open_network(checkpoint: Checkpoint, device: str = "auto") -> Scorer:
    """The scorer that goes with a checkpoint. Raises ModelError where the checkpoint cannot be used."""
    return CascadeScorer(checkpoint, device) if is_staged(checkpoint) else NetworkScorer(checkpoint, device)
