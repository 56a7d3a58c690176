"""Runs a checkpoint's network over arrays of alleles. Knows arrays and torch; no reads, no variants, no
files.

A score must not depend on the batch size, the place within a batch, chunk borders or threads. Matrix kernels
choose their order of summation by the shape they are given, so the network only ever sees tiles of one fixed
shape, padded at the end, on one intra-op thread; parallelism comes from several workers calling at once.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

import numpy as np
import torch

from vcffilter.calibration.maps import Calibration, sigmoid
from vcffilter.errors import ModelError
from vcffilter.models.forest import Forest

if TYPE_CHECKING:
    from vcffilter.models.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

#: Alleles per tile. Part of the result: another value may change the last bits of a logit.
CPU_TILE = 128
GPU_TILE = 4096
SMALLEST_TILE = 16
PROBABILITY_DECIMALS = LOG_ODDS_DECIMALS = 4


def choose_device(device: str) -> torch.device:
    """`auto`, `cpu` or `cuda` (also `cuda:1`) -> device; raises ModelError when CUDA is asked for and
    absent.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        return torch.device("cpu")
    if device == "cuda" or device.startswith("cuda:"):
        if not torch.cuda.is_available():
            raise ModelError(
                "no usable CUDA device",
                hint="Use --device cpu, or install a CUDA build of torch and its driver",
            )
        return torch.device(device)
    raise ModelError(f"unknown device {device!r}", hint="Use auto, cpu or cuda")


def walk_trees_by_kernel(module: torch.nn.Module) -> None:
    """Let the forests in a network find their leaves by compiled code: twice as fast as torch, the same leaves."""
    forests = [part for part in module.modules() if isinstance(part, Forest)]
    if forests:
        from vcffilter.kernels.trees import walk_trees

        for forest in forests:
            forest.walk = walk_trees


class NetworkScorer:
    """A network ready to score; safe to call from several threads at once.

    checkpoint: weights and what they need. device: `auto`, `cpu` or `cuda`. batch_size: at most this many
    alleles are put through the network at a time (never more than the fixed tile); changes speed and memory,
    never a score.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto", batch_size: int | None = None) -> None:
        if batch_size is not None and batch_size < 1:
            raise ModelError(f"batch size {batch_size} is not positive")
        self.device = choose_device(device)
        if self.device.type == "cpu":
            logger.info("network %s runs on the CPU", checkpoint.metadata.model_id)
        self.encoder = checkpoint.metadata.encoder
        self.calibration = Calibration.from_json(checkpoint.metadata.calibration)
        self._module = checkpoint.build().requires_grad_(False).to(self.device)
        if self.device.type == "cpu":
            walk_trees_by_kernel(self._module)
        self._tile = CPU_TILE if self.device.type == "cpu" else GPU_TILE
        self._batch_size = batch_size
        self._local = threading.local()
        self._gpu_lock = threading.Lock()

    def logits(self, features: np.ndarray, reads: np.ndarray | None) -> np.ndarray:
        """Uncalibrated logits, float32 (n,).

        features: float32 (n, n_features). reads: uint8 (n, rows, columns, channels), or None when the network
        takes none. Raises ModelError when the arrays are not what the checkpoint's encoder yields.
        """
        reads = self._check(features, reads)
        with contextlib.nullcontext() if self.device.type == "cpu" else self._gpu_lock:
            return self._run_within_memory(features, reads)

    def probabilities(
        self,
        features: np.ndarray,
        reads: np.ndarray | None,
        is_snv: np.ndarray,
        depth: np.ndarray | None = None,
    ) -> np.ndarray:
        """Calibrated probability that each ALT is real, float32 (n,), rounded to 4 decimals.

        is_snv: bool (n,). depth: int (n,), reads that informed each ALT; needed only when the calibration has
        depth bands.
        """
        return self.scores(features, reads, is_snv, depth)[0]

    def scores(
        self, features: np.ndarray, reads: np.ndarray | None, is_snv: np.ndarray, depth: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """`probabilities`, and the log-odds they come from, float64 (n,), rounded to 4 decimals; arguments as there."""
        log_odds = self.log_odds(features, reads, is_snv, depth)
        probability = np.round(sigmoid(log_odds), PROBABILITY_DECIMALS).astype(np.float32)
        return probability, np.round(log_odds, LOG_ODDS_DECIMALS)

    def log_odds(
        self, features: np.ndarray, reads: np.ndarray | None, is_snv: np.ndarray, depth: np.ndarray | None = None
    ) -> np.ndarray:
        """Calibrated log-odds (natural logarithm) that each ALT is real, float64 (n,), not rounded; arguments as
        `probabilities`.
        """
        return self.calibration.logits(self.logits(features, reads), is_snv, depth)

    def _check(self, features: np.ndarray, reads: np.ndarray | None) -> np.ndarray | None:
        """The reads the network is to see; raises ModelError on arrays of another shape or dtype."""
        spec = self.encoder
        if features.dtype != np.float32 or features.shape != (len(features), spec.n_features):
            raise ModelError(f"the network takes float32 (n, {spec.n_features}) features, not {features.dtype} {features.shape}")
        if spec.rows == 0:
            return None
        shape = (len(features), spec.rows, spec.columns, spec.n_channels)
        if reads is None or reads.dtype != np.uint8 or reads.shape != shape:
            got = "none" if reads is None else f"{reads.dtype} {reads.shape}"
            raise ModelError(f"the network takes uint8 {shape} reads, not {got}")
        return reads

    def _buffers(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """This thread's own tile-shaped input buffers (pinned when they feed a GPU)."""
        if getattr(self._local, "tile", None) != self._tile:
            # Intra-op threads are a setting of each thread: without this a worker would split matrices by the
            # core count.
            torch.set_num_threads(1)
            spec, pinned = self.encoder, self.device.type == "cuda"
            self._local.features = torch.zeros(self._tile, spec.n_features, pin_memory=pinned)
            self._local.reads = None
            if spec.rows:
                shape = (self._tile, spec.rows, spec.columns, spec.n_channels)
                self._local.reads = torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned)
            self._local.tile = self._tile
        return self._local.features, self._local.reads

    def _run(self, features: np.ndarray, reads: np.ndarray | None) -> np.ndarray:
        """Tile after tile through the network."""
        logits = np.empty(len(features), np.float32)
        feature_buffer, read_buffer = self._buffers()
        step = min(self._tile, self._batch_size or self._tile)
        with torch.inference_mode():
            for begin in range(0, len(features), step):
                end = min(begin + step, len(features))
                count = end - begin
                feature_buffer.numpy()[:count] = features[begin:end]
                feature_buffer.numpy()[count:] = 0
                if read_buffer is not None and reads is not None:
                    read_buffer.numpy()[:count] = reads[begin:end]
                    read_buffer.numpy()[count:] = 0
                device_reads = None if read_buffer is None else read_buffer.to(self.device, non_blocking=True)
                out = self._module(feature_buffer.to(self.device, non_blocking=True), device_reads)
                logits[begin:end] = out.float().cpu().numpy()[:count]
        return logits

    def _run_within_memory(self, features: np.ndarray, reads: np.ndarray | None) -> np.ndarray:
        """As `_run`, with the tile halved for good when the GPU's memory does not suffice."""
        while True:
            try:
                return self._run(features, reads)
            except torch.cuda.OutOfMemoryError as error:
                if self._tile <= SMALLEST_TILE:
                    raise ModelError(
                        f"the GPU's memory does not suffice for {SMALLEST_TILE} alleles", hint="Use --device cpu"
                    ) from error
                self._tile //= 2
                torch.cuda.empty_cache()
                logger.warning("the GPU is out of memory: batch halved to %d alleles", self._tile)
