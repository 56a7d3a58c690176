"""The training loop: one network, arrays in, the best weights out. Knows networks and data sets; no files but
its resume state.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vcffilter.errors import TrainingError
from vcffilter.models.network import Network
from vcffilter.training.augmentation import Augmentation
from vcffilter.training.batch_source import Batch, BatchSource
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.distributed import join_world, training_device
from vcffilter.training.fit_config import FitConfig
from vcffilter.training.metrics import is_better, summarise_groups
from vcffilter.training.moving_average import MovingAverage
from vcffilter.training.sampling import balanced_share, epoch_order
from vcffilter.training.state import (
    TrainingState,
    load_state,
    optimizer_tensors,
    restore_optimizer,
    save_state,
)

logger = logging.getLogger(__name__)

__all__ = ["EpochReport", "FitConfig", "FitResult", "fit", "learning_rate", "predict"]

EVALUATION_BATCH = 1024


@dataclass(frozen=True)
class EpochReport:
    """What one epoch gave. epoch: from 0. facts: plain numbers (losses, rate, validation metrics). module: as
    trained so far.

    validation_logits: float32 (n_validation,) of the averaged weights; None without validation.
    """

    epoch: int
    facts: dict[str, float]
    module: Network
    validation_logits: np.ndarray | None


@dataclass(frozen=True)
class FitResult:
    """module: the network with its best weights, in evaluation mode, on the CPU. history: the facts of every
    epoch.

    best_epoch: from 0. best_value: of the chosen metric there (NaN without validation). seconds: wall time of
    this call.
    """

    module: Network
    history: list[dict[str, float]]
    best_epoch: int
    best_value: float
    seconds: float


def fit(
    module: Network,
    train: ArrayDataset,
    validation: ArrayDataset | None,
    config: FitConfig,
    *,
    fit_inputs: bool = True,
    channels: tuple[str, ...] = (),
    feature_names: tuple[str, ...] = (),
    train_of_epoch: Callable[[int], ArrayDataset] | None = None,
    state_path: Path | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> FitResult:
    """Train `module` (changed in place) on `train`.

    validation: held-out examples that choose the best epoch; None = the last epoch's weights are kept.
    fit_inputs: set knots and scales from `train` first; False when the weights come from a checkpoint.
    channels, feature_names: names of the tensor's channels and of the site features, needed by augmentations that name one.
    state_path: where the state is kept after each epoch and resumed from when it is there. on_epoch: called after each epoch in
    the first process. Same data, config and machine give the same weights, also when the run was killed and resumed between
    epochs. Raises TrainingError when data or config cannot be used.
    """
    with torch_threads(config.threads):
        return _Trainer(
            module, train, validation, config, fit_inputs, channels, feature_names, train_of_epoch, state_path, on_epoch
        ).run()


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """torch's threads on the CPU as asked for (0 = as they are), and as they were afterwards."""
    before = torch.get_num_threads()
    if n_threads:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def predict(module: Network, data: ArrayDataset, device: torch.device | str = "cpu") -> np.ndarray:
    """Logits float32 (n,) of a data set; the module is put into evaluation mode and back."""
    was_training = module.training
    module.eval()
    logits = np.empty(len(data), np.float32)
    with torch.inference_mode():
        for begin in range(0, len(data), EVALUATION_BATCH):
            index = np.arange(begin, min(begin + EVALUATION_BATCH, len(data)))
            reads = data.read_rows(index)
            logits[index] = (
                module(
                    torch.from_numpy(data.features[index]).to(device),
                    None if reads is None else torch.from_numpy(reads).to(device),
                )
                .float()
                .cpu()
                .numpy()
            )
    module.train(was_training)
    return logits


class _MemberLogits(nn.Module):
    """Makes `member_logits` the forward pass, since only that goes through torch's distributed wrapper."""

    def __init__(self, module: Network) -> None:
        super().__init__()
        self.module = module

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members)."""
        return self.module.member_logits(features, reads)


class _Trainer:
    """State of one call of `fit`."""

    def __init__(
        self,
        module: Network,
        train: ArrayDataset,
        validation: ArrayDataset | None,
        config: FitConfig,
        fit_inputs: bool,
        channels: tuple[str, ...],
        feature_names: tuple[str, ...],
        train_of_epoch: Callable[[int], ArrayDataset] | None,
        state_path: Path | None,
        on_epoch: Callable[[EpochReport], None] | None,
    ) -> None:
        _check(train, config)
        if not any(True for _ in module.parameters()):
            raise TrainingError("the network has no weights that training could change")
        self._config = config
        self._validation = validation
        self._train_of_epoch = train_of_epoch
        self._state_path = state_path
        self._on_epoch = on_epoch
        self._device = training_device(config.device)
        self._world = join_world(self._device)
        if fit_inputs:
            module.fit_inputs(train.features, _sample_reads(train))
        self._module = module.to(self._device)
        #: Weights that want no gradient from the beginning, as a cascade's first stage, stay as they are.
        self._kept = frozenset(name for name, parameter in module.named_parameters() if not parameter.requires_grad)
        self._augmentation = Augmentation(config.augmentation, channels, train.features, feature_names)
        self._take_examples(train)
        self._optimizer = _optimizer(module, config)
        self._average = MovingAverage(module, config.ema_decay)
        self._autocast_type, use_scaler = _precision(config.mixed_precision, self._device)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=use_scaler)
        self._next_epoch = 0
        self._history: list[dict[str, float]] = []
        self._best_epoch = -1
        self._best_value = float("nan")
        self._best = {name: tensor.clone() for name, tensor in self._average.values.items()}

    def _take_examples(self, train: ArrayDataset) -> None:
        config = self._config
        self._train = train
        self._share = balanced_share(train, config.balance_class, config.balance_type, config.balance_set)
        self._source = BatchSource(train, config.label_smoothing, config.teacher_share, self._device)

    def run(self) -> FitResult:
        begin = time.monotonic()
        self._resume()
        config = self._config
        for epoch in range(self._next_epoch, config.epochs):
            if self._exhausted(epoch):
                break
            self._run_epoch(epoch)
        self._module.load_state_dict(self._best)
        self._freeze_stem(False)
        return FitResult(
            self._module.eval().cpu(),
            self._history,
            self._best_epoch,
            self._best_value,
            time.monotonic() - begin,
        )

    def _exhausted(self, epoch: int) -> bool:
        patience = self._config.patience
        return self._validation is not None and 0 < patience < epoch - self._best_epoch

    def _run_epoch(self, epoch: int) -> None:
        begin = time.monotonic()
        if self._train_of_epoch is not None and epoch > 0:
            self._take_examples(self._train_of_epoch(epoch))
        loss = self._train_epoch(epoch)
        facts = {
            "epoch": float(epoch),
            "train_loss": loss,
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "seconds": time.monotonic() - begin,
        }
        logits = None
        if self._validation is not None:
            logits = self._evaluate()
            facts |= _validation_facts(self._validation, logits)
            if self._config.metric not in facts:
                raise TrainingError(f"unknown metric {self._config.metric!r}", hint=f"Known are: {', '.join(facts)}")
            value = self._world.agreed(facts[self._config.metric], self._device)
            if math.isnan(value):
                raise TrainingError(
                    f"metric {self._config.metric} cannot be computed on the validation examples",
                    hint="Hold out a region with true and false examples of that kind, or choose another metric",
                )
            improved = is_better(self._config.metric, value, self._best_value)
        else:
            value, improved = float("nan"), True
        if improved:
            self._best_epoch, self._best_value = epoch, value
            self._best = {name: tensor.clone() for name, tensor in self._average.values.items()}
        self._history.append(facts)
        self._next_epoch = epoch + 1
        measured = "" if self._validation is None else f", {self._config.metric} {value:.5f}"
        logger.info("epoch %d: training loss %.4f%s", epoch, loss, measured)
        if self._world.is_first:
            self._save()
            if self._on_epoch is not None:
                self._on_epoch(EpochReport(epoch, facts, self._module, logits))

    def _train_epoch(self, epoch: int) -> float:
        """One pass; returns the mean loss. Everything random in it follows from the seed and the epoch's
        number.
        """
        config, module = self._config, self._module
        module.train()
        self._freeze_stem(epoch < config.freeze_stem_epochs)
        wrapped = self._world.wrap(_MemberLogits(module))
        order = epoch_order(self._train, config.examples_per_epoch, self._share, config.seed, epoch)
        order = order[: max(1, len(order) // self._world.size) * self._world.size][self._world.rank :: self._world.size]
        local_batch = max(1, config.batch_size // self._world.size)
        batches = np.array_split(order, max(1, len(order) // local_batch))
        devices = [self._device] if self._device.type == "cuda" else []
        total = torch.zeros((), device=self._device)
        with torch.random.fork_rng(devices):
            torch.manual_seed(_epoch_seed(config.seed, epoch, self._world.rank))
            for number, batch in enumerate(self._source.batches(batches)):
                step = epoch * len(batches) + number
                _set_rate(self._optimizer, learning_rate(config, step, config.epochs * len(batches)))
                total += self._step(wrapped, batch)
                self._average.update(module, step)
        return float(total) / len(batches)

    def _step(self, wrapped: nn.Module, batch: Batch) -> torch.Tensor:
        features, reads = self._augmentation.apply(batch.features, batch.reads)
        features, reads, target = _mixed(features, reads, batch.target, self._config.augmentation.mixup)
        with torch.autocast(self._device.type, self._autocast_type, enabled=self._autocast_type is not None):
            logits = wrapped(features, reads)
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), target[:, None].expand_as(logits), reduction="none")
        loss = (loss.mean(1) * batch.weight).mean()
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self._config.gradient_clip:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._module.parameters(), self._config.gradient_clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach()

    def _freeze_stem(self, frozen: bool) -> None:
        module = self._module
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name not in self._kept and not (frozen and module.is_stem(name)))
        if frozen:
            # Frozen also means that normalisation keeps its running statistics.
            for name, part in module.named_modules():
                own = [own_name for own_name, _ in part.named_parameters(prefix=name)]
                if own and all(module.is_stem(own_name) for own_name in own):
                    part.eval()

    def _evaluate(self) -> np.ndarray:
        """Validation logits of the averaged weights."""
        assert self._validation is not None
        current = {name: tensor.clone() for name, tensor in self._module.state_dict().items()}
        self._module.load_state_dict(self._average.values)
        logits = predict(self._module, self._validation, self._device)
        self._module.load_state_dict(current)
        return logits

    def _save(self) -> None:
        if self._state_path is None:
            return
        parts = {
            "module.": self._module.state_dict(),
            "average.": self._average.values,
            "best.": self._best,
            "optimizer.": optimizer_tensors(self._optimizer),
        }
        tensors = {prefix + name: tensor for prefix, part in parts.items() for name, tensor in part.items()}
        facts: dict[str, Any] = {
            "next_epoch": self._next_epoch,
            "best_epoch": self._best_epoch,
            "best_value": None if math.isnan(self._best_value) else self._best_value,
            "history": [{name: None if math.isnan(value) else value for name, value in entry.items()} for entry in self._history],
            "scaler": self._scaler.state_dict(),
        }
        save_state(self._state_path, TrainingState(tensors, facts))

    def _resume(self) -> None:
        state = load_state(self._state_path) if self._state_path is not None else None
        if state is None:
            return
        self._module.load_state_dict(state.part("module."))
        for name, tensor in state.part("average.").items():
            self._average.values[name].copy_(tensor)
        for name, tensor in state.part("best.").items():
            self._best[name].copy_(tensor)
        restore_optimizer(self._optimizer, state.part("optimizer."))
        facts = state.facts
        if facts["scaler"]:
            self._scaler.load_state_dict(facts["scaler"])
        self._next_epoch, self._best_epoch = facts["next_epoch"], facts["best_epoch"]
        self._best_value = float("nan") if facts["best_value"] is None else facts["best_value"]
        self._history = [
            {name: float("nan") if value is None else value for name, value in entry.items()} for entry in facts["history"]
        ]
        logger.info("resumed after epoch %d", self._next_epoch - 1)


def _check(train: ArrayDataset, config: FitConfig) -> None:
    """Raise TrainingError on what would only fail later or quietly."""
    if len(train) == 0:
        raise TrainingError("there are no training examples")
    if not (np.any(train.label > 0.5) and np.any(train.label <= 0.5)):
        raise TrainingError("the training examples are all of one class")
    if not np.all(np.isfinite(train.features)):
        column = int(np.flatnonzero(~np.isfinite(train.features).all(0))[0])
        raise TrainingError(f"site feature {column} holds values that are no finite numbers")
    if config.mixed_precision not in ("auto", "off", "bf16", "fp16"):
        raise TrainingError(f"unknown mixed_precision {config.mixed_precision!r}", hint="Use auto, off, bf16 or fp16")
    if config.epochs < 1 or config.batch_size < 1:
        raise TrainingError("epochs and batch_size must be positive")


def _sample_reads(train: ArrayDataset) -> np.ndarray | None:
    """Enough tensors to set channel scales by."""
    count = min(len(train), 20_000)
    return train.read_rows(np.sort(np.random.default_rng(0).permutation(len(train))[:count]))


def _optimizer(module: Network, config: FitConfig) -> torch.optim.Optimizer:
    """AdamW; scalings, biases and normalisations do not decay."""
    matrices = [p for name, p in module.named_parameters() if _decays(name, p)]
    others = [p for name, p in module.named_parameters() if not _decays(name, p)]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=config.learning_rate)


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and "bias" not in name and "scale" not in name


def learning_rate(config: FitConfig, step: int, n_steps: int) -> float:
    """Rate at a step: linear warm-up to the peak, then a cosine down to final_rate * peak."""
    n_warmup = max(1, round(config.warmup * n_steps))
    if step < n_warmup:
        return config.learning_rate * (step + 1) / n_warmup
    progress = (step - n_warmup) / max(1, n_steps - n_warmup)
    low = config.final_rate
    return config.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * progress)))


def _epoch_seed(seed: int, epoch: int, rank: int) -> int:
    return int(np.random.default_rng([seed, epoch, rank, 2]).integers(2**31))


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _precision(name: str, device: torch.device) -> tuple[torch.dtype | None, bool]:
    """(autocast type or None, whether gradients must be scaled)."""
    if name == "auto":
        name = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "off"
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name], name == "fp16"


def _mixed(
    features: torch.Tensor, reads: torch.Tensor | None, target: torch.Tensor, alpha: float
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """Mixup of site features and targets; reads cannot be mixed, so each example keeps those of its larger
    part.
    """
    if alpha <= 0:
        return features, reads, target
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    share = max(share, 1 - share)
    partner = torch.randperm(len(target), device=target.device)
    return (
        share * features + (1 - share) * features[partner],
        reads,
        share * target + (1 - share) * target[partner],
    )


def _validation_facts(validation: ArrayDataset, logits: np.ndarray) -> dict[str, float]:
    return summarise_groups(validation.label, logits, validation.is_snv, validation.hard)
