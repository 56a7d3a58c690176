"""TensorBoard of a training run, when it is installed: numbers, histograms per layer, confusion matrix, worst mistakes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.pictures.channels import draw_channels
from vcffilter.pictures.drawing import to_pixels
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit import EpochReport

logger = logging.getLogger(__name__)

WORST_SHOWN = 8
HISTOGRAM_EVERY = 5


class Board:
    """Writes one run's events. channels: names of the tensor's channels, for the pictures."""

    def __init__(self, folder: Path, validation: ArrayDataset | None, channels: tuple[str, ...]) -> None:
        self._validation = validation
        self._channels = channels
        self._writer = _open_writer(folder)

    def write(self, report: EpochReport) -> None:
        """Add an epoch."""
        if self._writer is None:
            return
        for name, value in report.facts.items():
            if not np.isnan(value):
                self._writer.add_scalar(_section(name), value, report.epoch)
        if report.epoch % HISTOGRAM_EVERY == 0:
            for name, parameter in report.module.named_parameters():
                self._writer.add_histogram(f"weights/{name}", parameter.detach().cpu(), report.epoch)
                if parameter.grad is not None:
                    self._writer.add_histogram(f"gradients/{name}", parameter.grad.detach().cpu(), report.epoch)
        if self._validation is not None and report.validation_logits is not None:
            self._mistakes(self._validation, report.validation_logits, report.epoch)

    def close(self) -> None:
        """Flush and close."""
        if self._writer is not None:
            self._writer.close()

    def _mistakes(self, data: ArrayDataset, logits: np.ndarray, epoch: int) -> None:
        true, called = data.label > 0.5, logits > 0
        counts = [[int((true == t).__and__(called == c).sum()) for c in (True, False)] for t in (True, False)]
        table = f"| | called true | called false |\n|---|---|---|\n| true | {counts[0][0]} | {counts[0][1]} |\n"
        self._writer.add_text("confusion", table + f"| false | {counts[1][0]} | {counts[1][1]} |", epoch)
        wrongness = np.where(true, -logits, logits)
        worst = np.argsort(-wrongness)[:WORST_SHOWN]
        rows = data.read_rows(worst)
        for rank, index in enumerate(worst):
            place = f"{data.set_name[index]} {data.contig[index]}:{data.pos0[index] + 1}"
            said = f"label {data.label[index]:g}, logit {logits[index]:.2f}, depth {data.depth[index]}"
            self._writer.add_text(f"worst/{rank}", f"{place}: {said}", epoch)
            if rows is not None:
                self._writer.add_image(f"worst/{rank}", self._picture(rows[rank], place, said), epoch, dataformats="HWC")

    def _picture(self, tensor: np.ndarray, place: str, said: str) -> np.ndarray:
        """uint8 (height, width, 3): every channel as a panel with its name."""
        return to_pixels(draw_channels(tensor, self._channels, place, said))


def _section(name: str) -> str:
    """Groups of curves: training, then validation by kind of example."""
    if name in ("train_loss", "learning_rate", "seconds", "epoch"):
        return f"training/{name}"
    for prefix in ("hard_snv_", "hard_indel_", "hard_", "snv_", "indel_"):
        if name.startswith(prefix):
            return f"validation_{prefix.rstrip('_')}/{name.removeprefix(prefix)}"
    return f"validation/{name}"


def _open_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.info("TensorBoard is not installed: no event files (pip install tensorboard)")
        return None
    return SummaryWriter(str(folder))
