"""One model trained and judged in every fold: its out-of-fold scores, calibrated and cut by what the other folds say."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from vcffilter.calibration.cross_fitting import cross_fitted, held_out_folds
from vcffilter.calibration.maps import FIT_METHODS, fit_calibration
from vcffilter.calibration.operating_points import DECIMALS, threshold_for_recall
from vcffilter.errors import TrainingError
from vcffilter.experiments.config import ComparisonConfig, Experiment, fit_config
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.models.registry import build, config_to_json, count_parameters, parse_config
from vcffilter.scoring.network import walk_trees_by_kernel
from vcffilter.training.cascades import ARCHITECTURE as CASCADE
from vcffilter.training.dataset import ArrayDataset, without_reads
from vcffilter.training.fit import fit, predict
from vcffilter.training.grown_trees import check_kind, grow_network, is_grown
from vcffilter.training.metrics import summarise_groups
from vcffilter.training.run import architecture_takes_reads

_FLOP_BATCH, _CPU_BATCH, _GPU_BATCH = 64, 1024, 4096


@dataclass(frozen=True)
class ModelCost:
    """parameters: trained numbers (of trees: all numbers). flops: per allele, None where there are no matrix products.

    cpu_alleles_per_second: one thread, the network alone. gpu_alleles_per_second: None without a GPU. train_seconds: all folds.
    """

    parameters: int
    flops: float | None
    cpu_alleles_per_second: float
    gpu_alleles_per_second: float | None
    train_seconds: float


@dataclass(frozen=True)
class JudgedScores:
    """logits: float64 (n,), calibrated by maps fitted on the other folds. passed: bool (n,), by thresholds chosen there.

    fold_metrics: one dictionary of metrics per fold. pooled: the same over all folds together.
    """

    logits: np.ndarray
    passed: np.ndarray
    fold_metrics: list[dict[str, float]]
    pooled: dict[str, float]


def check_experiments(config: ComparisonConfig, data: ArrayDataset) -> None:
    """Raise TrainingError or ModelError on what would otherwise end the comparison only after hours."""
    metrics = _metrics(data, np.zeros(len(data)))
    if config.metric not in metrics:
        raise TrainingError(f"unknown metric {config.metric!r}", hint=f"Known are: {', '.join(metrics)}")
    if config.calibration not in FIT_METHODS:
        raise TrainingError(f"unknown calibration {config.calibration!r}", hint=f"Known are: {', '.join(FIT_METHODS)}")
    for experiment in config.experiments:
        if is_grown(experiment.architecture):
            check_kind(experiment.architecture)
        elif experiment.architecture == CASCADE:
            raise TrainingError(
                f"{experiment.name}: a cascade cannot be compared, as it has folds of its own",
                hint="Train it with pileup-filter train and out_of_fold: its card has the first stage's figures beside both's",
            )
        else:
            parse_config(experiment.architecture, experiment.model)


def out_of_fold_logits(
    experiment: Experiment,
    config: ComparisonConfig,
    data: ArrayDataset,
    spec: EncoderSpec,
    folds: np.ndarray,
    after_fold: Callable[[int], None],
) -> tuple[np.ndarray, ModelCost]:
    """Uncalibrated logits float32 (n,) of every example by a model that was trained without its fold, and what the model costs.

    No fold chooses its own epoch: the last epoch's averaged weights count. after_fold: called with the number
    of folds whose models are trained. Raises TrainingError, ModelError, MissingExtraError.
    """
    if not architecture_takes_reads(experiment.architecture, experiment.model):
        data, spec = dataclasses.replace(data, reads=None), without_reads(spec)
    started = time.monotonic()
    modules: list[Network] = []
    n_trained = itertools.count(1)

    def train(others: np.ndarray) -> Network:
        modules[:] = [_trained(experiment, config, data.take(others), spec)]
        after_fold(next(n_trained))
        return modules[0]

    logits = cross_fitted(folds, train, lambda module, held_out: predict(module, data.take(held_out))).astype(np.float32)
    if not modules:
        raise TrainingError("there are no folds")
    return logits, _cost(modules[0], data, time.monotonic() - started)


def judge(logits: np.ndarray, data: ArrayDataset, folds: np.ndarray, config: ComparisonConfig) -> JudgedScores:
    """Calibrate and cut each fold by the others, and compute the metrics."""
    calibrated, passed = np.empty(len(data)), np.zeros(len(data), bool)
    for inside, others in held_out_folds(folds):
        maps = fit_calibration(logits[others], data.label[others], data.is_snv[others], data.weight[others], config.calibration)
        calibrated[inside] = maps.logits(logits[inside], data.is_snv[inside])
        learned_from = maps.probabilities(logits[others], data.is_snv[others])
        probability = np.round(maps.probabilities(logits[inside], data.is_snv[inside]), DECIMALS)
        is_snv, label = data.is_snv[others], data.label[others]
        cut_snv = threshold_for_recall(learned_from[is_snv], label[is_snv], config.recall_snv)
        cut_indel = threshold_for_recall(learned_from[~is_snv], label[~is_snv], config.recall_indel)
        passed[inside] = probability >= np.where(data.is_snv[inside], cut_snv, cut_indel)
    every_fold = [_metrics(data.take(inside), calibrated[inside]) for inside, _ in held_out_folds(folds)]
    pooled = _metrics(data, calibrated)
    true = data.label > 0.5
    for prefix, of_type in (("snv", data.is_snv), ("indel", ~data.is_snv)):
        pooled[f"{prefix}_true_kept"] = _share(passed[of_type & true])
        pooled[f"{prefix}_false_removed"] = _share(~passed[of_type & ~true])
        pooled[f"hard_{prefix}_false_removed"] = _share(~passed[of_type & ~true & data.hard])
    return JudgedScores(calibrated, passed, every_fold, pooled)


def _metrics(data: ArrayDataset, logits: np.ndarray) -> dict[str, float]:
    return summarise_groups(data.label, logits, data.is_snv, data.hard)


def _share(chosen: np.ndarray) -> float:
    return float(chosen.mean()) if len(chosen) else float("nan")


def _trained(experiment: Experiment, config: ComparisonConfig, train: ArrayDataset, spec: EncoderSpec) -> Network:
    if is_grown(experiment.architecture):
        return grow_network(experiment.architecture, experiment.model, train, spec, config.seed).module
    settings = fit_config(config, experiment)
    model = config_to_json(parse_config(experiment.architecture, experiment.model))
    with torch.random.fork_rng([]):
        torch.manual_seed(settings.seed)
        module = build(experiment.architecture, model, spec)
    return fit(module, train, None, settings, channels=spec.channels, feature_names=spec.features).module


def _cost(module: Network, data: ArrayDataset, train_seconds: float) -> ModelCost:
    parameters = count_parameters(module) or sum(tensor.numel() for tensor in module.state_dict().values())
    gpu = None
    if torch.cuda.is_available():
        gpu = _speed(module.to("cuda"), data, "cuda", _GPU_BATCH)
        module.to("cpu")
    return ModelCost(parameters, _flops(module, data), _speed(module, data, "cpu", _CPU_BATCH), gpu, train_seconds)


def _batch(data: ArrayDataset, size: int, device: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`size` examples, repeated where there are fewer."""
    index = np.arange(size) % len(data)
    order, place = np.unique(index, return_inverse=True)
    reads = data.read_rows(order)
    features = torch.from_numpy(data.features[index]).to(device)
    return features, None if reads is None else torch.from_numpy(np.ascontiguousarray(reads[place])).to(device)


def _flops(module: Network, data: ArrayDataset) -> float | None:
    """Per allele; None for models without matrix products."""
    features, reads = _batch(data, _FLOP_BATCH, "cpu")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(features, reads)
    total = counter.get_total_flops()
    return total / _FLOP_BATCH if total else None


def _speed(module: Network, data: ArrayDataset, device: str, batch: int, least_seconds: float = 0.3) -> float:
    """Alleles per second through the network alone, run as the filter runs it; on the CPU with one thread."""
    if device == "cpu":
        walk_trees_by_kernel(module)
    features, reads = _batch(data, batch, device)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            module(features, reads).cpu()
            n_done, started, elapsed = 0, time.perf_counter(), 0.0
            while elapsed < least_seconds:
                module(features, reads).cpu()
                n_done += batch
                elapsed = time.perf_counter() - started
    finally:
        torch.set_num_threads(n_threads)
    return n_done / elapsed
