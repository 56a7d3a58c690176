"""How to train: the settings of the training loop. Plain data; knows no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from vcffilter.errors import TrainingError
from vcffilter.models.plain_data import Range

_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,4})?")
_Share = Annotated[float, Range(0, 1)]
_Factor = Annotated[float, Range(0, 1e6)]
_Count = Annotated[int, Range(0, 10**9)]


@dataclass(frozen=True)
class AugmentationConfig:
    """All off by default.

    keep_reads_from: lowest share of read rows kept; each example draws its own share between this and 1. shuffle_reads: another
    order of the read rows. feature_noise: standard deviation added to continuous site features, in units of each feature's own.
    channel_noise: channel name -> largest change of its uint8 value in rows that hold a read. mixup: alpha of the Beta
    distribution with which pairs of examples are mixed in the network's loss and site features; 0 = never. reverse_complement:
    share of SNVs shown from the other strand (indels are left-aligned and so have no mirror image).
    """

    keep_reads_from: _Share = 1.0
    shuffle_reads: bool = False
    feature_noise: _Factor = 0.0
    channel_noise: tuple[tuple[str, Annotated[int, Range(0, 255)]], ...] = ()
    mixup: _Factor = 0.0
    reverse_complement: _Share = 0.0


@dataclass(frozen=True)
class FitConfig:
    """How to train.

    epochs, batch_size (over all processes), learning_rate (peak), weight_decay, gradient_clip (norm, 0 =
    off): AdamW. warmup: share of all steps in which the rate rises; after it the rate falls along a cosine to
    `final_rate` of the peak. ema_decay: of the moving average of weights, which is what is evaluated and
    kept; 0 = off. label_smoothing: 0 to 1. balance_class, balance_type, balance_set: 0 (as they come) to 1
    (drawn equally often). examples_per_epoch: 0 = all. teacher_share: share of the loss against the teacher's
    probability where there is one. metric: of validation, by which the best epoch is chosen, e.g.
    `hard_auroc`, `auprc`, `log_loss`, `hard_fp_removed_99`. patience: epochs without a better value before
    stopping, 0 = never. freeze_stem_epochs: first epochs that train only the head. mixed_precision: `auto`
    (bf16 on a GPU that has it), `off`, `bf16`, `fp16`. device: `auto`, `cpu`, `cuda`. threads: torch's on the
    CPU, 0 = as is.
    """

    epochs: Annotated[int, Range(1, 10**6)] = 30
    batch_size: Annotated[int, Range(1, 10**6)] = 512
    learning_rate: _Factor = 2e-3
    final_rate: _Share = 0.01
    warmup: _Share = 0.05
    weight_decay: _Factor = 0.02
    gradient_clip: _Factor = 1.0
    ema_decay: _Share = 0.998
    label_smoothing: _Share = 0.01
    balance_class: _Share = 0.0
    balance_type: _Share = 0.0
    balance_set: _Share = 0.0
    examples_per_epoch: _Count = 0
    teacher_share: _Share = 0.0
    metric: str = "hard_auroc"
    patience: _Count = 0
    freeze_stem_epochs: _Count = 0
    mixed_precision: Literal["auto", "off", "bf16", "fp16"] = "auto"
    device: str = "auto"
    threads: Annotated[int, Range(0, 10_000)] = 0
    seed: int = 0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise TrainingError(f"seed is {self.seed}", hint="Give a number from 0 to 4294967295")
        if not _DEVICE.fullmatch(self.device):
            raise TrainingError(f"device is {self.device!r}", hint="Use auto, cpu or cuda")
