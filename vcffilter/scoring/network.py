"""Runs a checkpoint's network over arrays of alleles. Knows arrays and torch; no reads, no variants, no
files.

A score must not depend on the batch size, the place within a batch, chunk borders or threads. Matrix kernels
choose their order of summation by the shape they are given, so the network only ever sees tiles of one fixed
shape, padded at the end, on one intra-op thread; parallelism comes from several workers calling at once. Only
where a GPU's memory does not suffice for such a tile, all goes on in smaller ones, and the log says so.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from vcffilter.calibration.maps import Calibration, sigmoid
from vcffilter.errors import ModelError
from vcffilter.models.forest import Forest

if TYPE_CHECKING:
    from vcffilter.models.checkpoint import Checkpoint
    from vcffilter.models.encoder_spec import EncoderSpec

logger = logging.getLogger(__name__)

#: Alleles per tile. Part of the result: another value may change the last bits of a logit.
CPU_TILE = 128
GPU_TILE = 4096
#: The one other tile, for where memory does not suffice. Logits differ from those of the first by less than the tolerance.
SMALL_TILE = 64
TILE_TOLERANCE = 1e-3
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


def device_name(device: torch.device) -> str | None:
    """What the maker calls a GPU; None for a CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


def walk_trees_by_kernel(module: torch.nn.Module) -> None:
    """Let the forests in a network find their leaves by compiled code: twice as fast as torch, the same leaves."""
    forests = [part for part in module.modules() if isinstance(part, Forest)]
    if forests:
        from vcffilter.kernels.trees import walk_trees

        for forest in forests:
            forest.walk = walk_trees


@contextlib.contextmanager
def one_intra_op_thread() -> Iterator[None]:
    """Let torch compute on the calling thread alone, and on those started meanwhile; what the caller had set comes back after."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class TileBuffers:
    """A thread's own input of one tile (pinned when it feeds a GPU).

    features: float32 (tile, n_features). reads: uint8 (tile, rows, columns, channels), or None.
    """

    features: torch.Tensor
    reads: torch.Tensor | None

    def fill(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Take in so many alleles as a tile holds or fewer; the rest of the tile is zero."""
        self.features.numpy()[: len(features)] = features
        self.features.numpy()[len(features) :] = 0
        if self.reads is not None and reads is not None:
            self.reads.numpy()[: len(reads)] = reads
            self.reads.numpy()[len(reads) :] = 0


@dataclass(frozen=True)
class FirstStage:
    """What the first of two stages says. logits: float32 (n,), uncalibrated. doubtful: bool (n,), left to the second stage."""

    logits: np.ndarray
    doubtful: np.ndarray

    def of(self, alleles: np.ndarray) -> FirstStage:
        """What it says of some of the alleles, by their indices."""
        return FirstStage(self.logits[alleles], self.doubtful[alleles])


class CalibratedNetwork(ABC):
    """A network and its calibration; safe to call from several threads at once. encoder: what it takes."""

    encoder: EncoderSpec
    calibration: Calibration

    def first_stage(self, features: np.ndarray) -> FirstStage | None:
        """What is settled without reads; None of a network of one stage. features: float32 (n, n_features)."""
        return None

    @abstractmethod
    def logits(self, features: np.ndarray, reads: np.ndarray | None, first: FirstStage | None = None) -> np.ndarray:
        """Uncalibrated logits, float32 (n,).

        features: float32 (n, n_features). reads: uint8 (n, rows, columns, channels), or None when the network
        takes none. first: what `first_stage` said of the same alleles; then `reads` are of the doubtful ones alone.
        Raises ModelError when the arrays are not what the checkpoint's encoder yields.
        """

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
        self,
        features: np.ndarray,
        reads: np.ndarray | None,
        is_snv: np.ndarray,
        depth: np.ndarray | None = None,
        first: FirstStage | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """`probabilities`, and the log-odds they come from, float64 (n,), rounded to 4 decimals; arguments as there.

        first: as `logits` takes it.
        """
        log_odds = self.log_odds(features, reads, is_snv, depth, first)
        probability = np.round(sigmoid(log_odds), PROBABILITY_DECIMALS).astype(np.float32)
        return probability, np.round(log_odds, LOG_ODDS_DECIMALS)

    def log_odds(
        self,
        features: np.ndarray,
        reads: np.ndarray | None,
        is_snv: np.ndarray,
        depth: np.ndarray | None = None,
        first: FirstStage | None = None,
    ) -> np.ndarray:
        """Calibrated log-odds (natural logarithm) that each ALT is real, float64 (n,), not rounded; arguments as
        `scores`.
        """
        return self.calibration.logits(self.logits(features, reads, first), is_snv, depth)


class NetworkScorer(CalibratedNetwork):
    """A network ready to score, on the threads that call.

    checkpoint: weights and what they need. device: `auto`, `cpu` or `cuda`. tiles: alleles per tile on a CPU and on a GPU.
    is_announced: say where it runs, which one of the parts of a model says for all. Raises ModelError where the checkpoint cannot
    be used.
    """

    def __init__(
        self, checkpoint: Checkpoint, device: str = "auto", tiles: tuple[int, int] = (CPU_TILE, GPU_TILE),
        *, is_announced: bool = True,
    ) -> None:  # fmt: skip
        self.device = choose_device(device)
        if self.device.type == "cpu" and is_announced:
            logger.info("network %s runs on the CPU", checkpoint.metadata.model_id)
        self.encoder = checkpoint.metadata.encoder
        self._checkpoint = checkpoint
        with checkpoint.blamed():
            self.calibration = Calibration.from_json(checkpoint.metadata.calibration)
        self._module = checkpoint.build().requires_grad_(False).to(self.device)
        if self.device.type == "cpu":
            walk_trees_by_kernel(self._module)
        self._tile = tiles[0] if self.device.type == "cpu" else tiles[1]
        self._local = threading.local()
        self._gpu_lock = threading.Lock()
        if self.device.type == "cuda":
            self._settle_tile()

    def logits(self, features: np.ndarray, reads: np.ndarray | None, first: FirstStage | None = None) -> np.ndarray:
        """As `CalibratedNetwork.logits`, by the calling thread. first: never given, as there is one stage."""
        reads = self._check(features, reads)
        with contextlib.nullcontext() if self.device.type == "cpu" else self._gpu_lock, one_intra_op_thread():
            logits = self._run_within_memory(features, reads)
        if not np.isfinite(logits).all():
            with self._checkpoint.blamed():
                raise ModelError("the network's output is no finite number")
        return logits

    def _settle_tile(self) -> None:
        """Try a tile, so that where memory does not suffice for it no score has been given yet."""
        spec = self.encoder
        reads = np.zeros((1, spec.rows, spec.columns, spec.n_channels), np.uint8) if spec.rows else None
        self.logits(np.zeros((1, spec.n_features), np.float32), reads)

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

    def _buffers(self, tile: int) -> TileBuffers:
        """This thread's input buffers."""
        buffers = getattr(self._local, "buffers", None)
        if buffers is None or len(buffers.features) != tile:
            spec, pinned = self.encoder, self.device.type == "cuda"
            features = torch.zeros(tile, spec.n_features, pin_memory=pinned)
            shape = (tile, spec.rows, spec.columns, spec.n_channels)
            reads = torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned) if spec.rows else None
            buffers = self._local.buffers = TileBuffers(features, reads)
        return buffers

    def _run(self, features: np.ndarray, reads: np.ndarray | None, tile: int) -> np.ndarray:
        """Tile after tile through the network."""
        logits = np.empty(len(features), np.float32)
        buffers = self._buffers(tile)
        with torch.inference_mode():
            for begin in range(0, len(features), tile):
                part = slice(begin, min(begin + tile, len(features)))
                buffers.fill(features[part], None if reads is None else reads[part])
                device_reads = None if buffers.reads is None else buffers.reads.to(self.device, non_blocking=True)
                out = self._module(buffers.features.to(self.device, non_blocking=True), device_reads)
                logits[part] = out.float().cpu().numpy()[: part.stop - begin]
        return logits

    def _run_within_memory(self, features: np.ndarray, reads: np.ndarray | None) -> np.ndarray:
        """As `_run`; once the device's memory does not suffice, in the smaller tiles for good."""
        while True:
            try:
                return self._run(features, reads, self._tile)
            except torch.cuda.OutOfMemoryError as error:
                if self._tile <= SMALL_TILE:
                    raise ModelError(
                        f"the GPU's memory does not suffice for {SMALL_TILE} alleles", hint="Use --device cpu"
                    ) from error
                logger.warning(
                    "the GPU is out of memory: from here on %d alleles at a time instead of %d; log-odds may differ by up to %g",
                    SMALL_TILE,
                    self._tile,
                    TILE_TOLERANCE,
                )
                self._tile = SMALL_TILE
                torch.cuda.empty_cache()
