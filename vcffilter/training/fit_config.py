"""How to train: the settings of the training loop. Plain data; knows no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from vcffilter.errors import TrainingError


@dataclass(frozen=True)
class AugmentationConfig:
    """All off by default.

    keep_reads_from: lowest share of read rows kept; each example draws its own share between this and 1. shuffle_reads: another
    order of the read rows. feature_noise: standard deviation added to continuous site features, in units of each feature's own.
    channel_noise: channel name -> largest change of its uint8 value in rows that hold a read. mixup: alpha of the Beta
    distribution with which pairs of examples are mixed in the network's loss and site features; 0 = never. reverse_complement:
    share of SNVs shown from the other strand (indels are left-aligned and so have no mirror image).
    """

    keep_reads_from: float = 1.0
    shuffle_reads: bool = False
    feature_noise: float = 0.0
    channel_noise: tuple[tuple[str, int], ...] = ()
    mixup: float = 0.0
    reverse_complement: float = 0.0


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

    epochs: int = 30
    batch_size: int = 512
    learning_rate: float = 2e-3
    final_rate: float = 0.01
    warmup: float = 0.05
    weight_decay: float = 0.02
    gradient_clip: float = 1.0
    ema_decay: float = 0.998
    label_smoothing: float = 0.01
    balance_class: float = 0.0
    balance_type: float = 0.0
    balance_set: float = 0.0
    examples_per_epoch: int = 0
    teacher_share: float = 0.0
    metric: str = "hard_auroc"
    patience: int = 0
    freeze_stem_epochs: int = 0
    mixed_precision: str = "auto"
    device: str = "auto"
    threads: int = 0
    seed: int = 0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise TrainingError(f"seed is {self.seed}", hint="Give a number from 0 to 4294967295")
