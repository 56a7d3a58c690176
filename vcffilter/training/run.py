"""A whole training run: example files in, a run folder with config, versions, data hashes, metrics, weights and card out."""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vcffilter.calibration.maps import Calibration, fit_calibration
from vcffilter.calibration.operating_points import operating_points
from vcffilter.calibration.presets import LabelledCalls, default_thresholds, presets_for_card
from vcffilter.errors import TrainingError
from vcffilter.explanation.covers import count_covers, covers_path, write_covers
from vcffilter.files import write_text
from vcffilter.models.card import render_card
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.network import Network
from vcffilter.models.registry import build, config_to_json, count_parameters, parse_config, takes_reads
from vcffilter.progress import ProgressCallback, no_progress
from vcffilter.training.board import Board
from vcffilter.training.cascades import ARCHITECTURE as CASCADE
from vcffilter.training.cascades import CascadeTrainer, HeldOutTwice, TrainedCascade, parse_cascade
from vcffilter.training.config import TrainConfig
from vcffilter.training.dataset import ArrayDataset, without_reads
from vcffilter.training.distributed import is_first_process, leave_world
from vcffilter.training.fit import EpochReport, FitResult, fit, predict
from vcffilter.training.gates import errors_by_stage, shares_by_depth
from vcffilter.training.grown_trees import Grown, check_kind, grow_network, is_grown
from vcffilter.training.metrics import summarise_groups
from vcffilter.training.out_of_fold import HeldOut, calibrate, cross_fit, fold_of, locus_of
from vcffilter.training.split import Split, load_split
from vcffilter.version import __version__

logger = logging.getLogger(__name__)

DEFAULT_ARCHITECTURE = "read_set"
STATE_FILE = "state.safetensors"


def run_training(
    config: TrainConfig,
    base: Path,
    run_folder: Path,
    init: str | None = None,
    resume: bool = False,
    progress: ProgressCallback = no_progress,
) -> Path:
    """Train as `config` says and return the path of the checkpoint.

    base: folder that relative data paths start from. run_folder: made when absent. init: name or path of weights to start from.
    resume: go on with an unfinished run in the folder. progress: called with the times that trees were grown, once a fold and
    once on everything. Raises TrainingError/ModelError when config, data or weights do not fit.
    """
    started_from = load_checkpoint(init) if init is not None else None
    grows = is_grown(config.architecture)
    if grows:
        _check_growing(config, init)
    elif config.architecture == CASCADE and init is None:
        _check_cascade(config)
    elif config.out_of_fold.folds:
        raise TrainingError(
            "out_of_fold is for trees and cascades", hint="Hold examples out with validation: a network is trained only once"
        )
    with load_split(config, base, None if started_from is None else started_from.metadata.encoder) as split:
        return _train_split(config, split, run_folder, init, started_from, resume, progress)


def _train_split(
    config: TrainConfig,
    split: Split,
    run_folder: Path,
    init: str | None,
    started_from: Checkpoint | None,
    resume: bool,
    progress: ProgressCallback,
) -> Path:
    grows = is_grown(config.architecture)
    cascades = config.architecture == CASCADE and started_from is None
    architecture, model_config = (config.architecture, {}) if grows or cascades else _architecture(config, started_from)
    spec = split.spec if architecture_takes_reads(architecture, model_config) else without_reads(split.spec)
    data_facts = _data_facts(split)
    if is_first_process():
        _prepare_folder(run_folder, resume)
        _write_json(run_folder / "config.json", dataclasses.asdict(config) | {"init": init})
        _write_json(run_folder / "versions.json", versions())
        _write_json(run_folder / "data.json", data_facts)
    cascade = None
    if grows:
        architecture, model_config, result = _grow(config, split, spec, run_folder)
        progress(1, len(config.out_of_fold.folds) + 1, "on everything")
    elif cascades:
        cascade = _train_cascade(config, split, spec, run_folder, progress)
        model_config, result = cascade.config, dataclasses.replace(cascade.result, module=cascade.module)
    else:
        module = _starting_module(architecture, model_config, spec, started_from, config.fit.seed)
        result = _fit(config, split, module, spec, run_folder, started_from is not None)
    leave_world()
    target = run_folder / f"{config.model_id}.safetensors"
    if not is_first_process():
        return target
    calibrated = _calibrated(config, spec, split, result, cascade, progress)
    metadata = _metadata(config, architecture, model_config, spec, split, result, data_facts, started_from, calibrated)
    save_checkpoint(target, result.module, metadata)
    write_text(target.with_suffix(".md"), render_card(load_checkpoint(target)))
    if grows or cascades:
        about = f"the {len(split.train):,} examples that {config.model_id} grew on"
        write_covers(covers_path(target), count_covers(result.module, np.nan_to_num(split.train.features), about))
    logger.info("weights and card written to %s", target)
    return target


def architecture_takes_reads(architecture: str, model_config: dict[str, Any]) -> bool:
    """Whether an architecture, trees to be grown and cascades to be trained included, looks at the read tensor."""
    return architecture == CASCADE or not is_grown(architecture) and takes_reads(architecture, model_config)


def versions() -> dict[str, str]:
    """Versions of what took part, for the record."""
    return {
        "vcffilter": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),
        "machine": platform.machine(),
    }


def _architecture(config: TrainConfig, started_from: Checkpoint | None) -> tuple[str, dict[str, Any]]:
    """(name, settings spelled out); with weights to start from these decide."""
    if started_from is None:
        name = config.architecture or DEFAULT_ARCHITECTURE
        return name, config_to_json(parse_config(name, config.model))
    metadata = started_from.metadata
    if config.architecture not in ("", metadata.architecture):
        raise TrainingError(
            f"the configuration asks for architecture {config.architecture}, the weights to start from are "
            f"{metadata.architecture}",
            hint="Leave architecture and model out of the configuration",
        )
    # What changes only training (dropout) may be set anew; anything else would not fit the weights, and loading says so.
    settings = {**metadata.config, **config.model}
    return metadata.architecture, config_to_json(parse_config(metadata.architecture, settings))


def _starting_module(
    architecture: str,
    model_config: dict[str, Any],
    spec: EncoderSpec,
    started_from: Checkpoint | None,
    seed: int,
) -> Network:
    if started_from is not None:
        if started_from.metadata.encoder != spec:
            raise TrainingError(
                "the examples were made by another encoder than the weights to start from take",
                path=started_from.path,
                hint="Make the examples with: pileup-filter examples --model WEIGHTS",
            )
        return dataclasses.replace(started_from, metadata=dataclasses.replace(started_from.metadata, config=model_config)).build()
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return build(architecture, model_config, spec)


def _prepare_folder(run_folder: Path, resume: bool) -> None:
    run_folder.mkdir(parents=True, exist_ok=True)
    if (run_folder / "config.json").exists() and not resume:
        raise TrainingError(
            "the run folder holds a run already", path=str(run_folder), hint="Go on with --resume, or take another folder"
        )


def _fit(
    config: TrainConfig, split: Split, module: Network, spec: EncoderSpec, run_folder: Path, is_fine_tuning: bool
) -> FitResult:
    board = Board(run_folder / "tensorboard", split.validation, spec.channels) if is_first_process() else None

    def on_epoch(report: EpochReport) -> None:
        with open(run_folder / "metrics.jsonl", "a") as stream:
            stream.write(json.dumps(_json_ready(report.facts), sort_keys=True) + "\n")
        if board is not None:
            board.write(report)

    try:
        return fit(
            module,
            split.train,
            split.validation,
            config.fit,
            fit_inputs=not is_fine_tuning,
            channels=spec.channels,
            feature_names=spec.features,
            train_of_epoch=split.train_of_epoch,
            state_path=run_folder / STATE_FILE,
            on_epoch=on_epoch,
        )
    finally:
        if board is not None:
            board.close()


def _check_growing(config: TrainConfig, init: str | None) -> None:
    """Before anything is read: whether the trees are known, and start from nothing."""
    check_kind(config.architecture)
    if init is not None:
        raise TrainingError(
            f"{config.architecture} is grown from nothing, not from weights",
            hint="Leave architecture and model out to fit the leaves of the weights' own trees, or --init",
        )


def _grow(config: TrainConfig, split: Split, spec: EncoderSpec, run_folder: Path) -> tuple[str, dict[str, Any], FitResult]:
    """(architecture, settings, result) of trees, which have no epochs. Of sources, fragments are drawn once."""
    begin = time.monotonic()
    grown = _grown_on(config, split.train, spec)
    facts: dict[str, Any] = {"epoch": 0}
    if split.validation is not None:
        held = split.validation
        facts |= summarise_groups(held.label, predict(grown.module, held).astype(np.float64), held.is_snv, held.hard)
    if is_first_process():
        write_text(run_folder / "metrics.jsonl", json.dumps(_json_ready(facts), sort_keys=True) + "\n")
    result = FitResult(grown.module, [facts], 0, float(facts.get(config.fit.metric, np.nan)), time.monotonic() - begin)
    return grown.architecture, grown.config, result


def _grown_on(config: TrainConfig, examples: ArrayDataset, spec: EncoderSpec) -> Grown:
    threads = config.fit.threads or os.cpu_count() or 1
    grown = grow_network(config.architecture, config.model, examples, spec, config.fit.seed, threads)
    logger.info("%s: grown on %d examples", config.architecture, len(examples))
    return grown


def _check_cascade(config: TrainConfig) -> None:
    """Before anything is read: whether the settings can be understood, and there are folds to train the second stage by."""
    parse_cascade(config.model)
    if len(config.out_of_fold.folds) < 2:
        raise TrainingError(
            "a cascade needs two folds or more under out_of_fold",
            hint="Its network learns from the logits of trees that never saw the allele's fold",
        )


def _train_cascade(
    config: TrainConfig, split: Split, spec: EncoderSpec, run_folder: Path, progress: ProgressCallback
) -> TrainedCascade:
    done = itertools.count(1)
    trainer = CascadeTrainer(
        parse_cascade(config.model),
        config.fit,
        spec,
        config.fit.threads or os.cpu_count() or 1,
        run_folder,
        lambda what: progress(next(done), 2 * len(config.out_of_fold.folds) + 1, what),
    )
    return trainer.train(split.train, fold_of(split.train, config.out_of_fold))


def _calibrated(
    config: TrainConfig,
    spec: EncoderSpec,
    split: Split,
    result: FitResult,
    cascade: TrainedCascade | None,
    progress: ProgressCallback,
) -> Calibrated:
    """Calibration and thresholds from the held-out examples."""
    if cascade is not None:
        both = calibrate_held_out(config, cascade.held.both())
        alone = calibrate_held_out(config, cascade.held.first_alone())
        first = {f"{name}, first stage alone": facts for name, facts in alone.evaluation.items()}
        stages = _of_stages(cascade.held, Calibration.from_json(both.calibration), Calibration.from_json(alone.calibration))
        return dataclasses.replace(both, evaluation=both.evaluation | first | stages)
    if config.out_of_fold.folds:
        return calibrate_out_of_fold(config, split.train, spec, progress)
    return calibrate_on(config, split.validation, result.module)


def _of_stages(held: HeldOutTwice, both: Calibration, alone: Calibration) -> dict[str, dict[str, float]]:
    """What the gate lets through, and how well each stage's decisions are calibrated, by depth: for the card."""
    examples = held.shown
    every = np.ones(len(examples), bool)
    shares = {
        f"share of {name} in doubt": shares_by_depth(held.doubtful[chosen], examples.depth[chosen], examples.is_snv[chosen])
        for name, chosen in (("whole reads", examples.share == 1), ("all copies", every))
    }
    joined, first = both.logits(held.logits, examples.is_snv), alone.logits(held.first, examples.is_snv)
    errors = errors_by_stage(joined, first, examples.label, held.doubtful, examples.depth)
    return shares | {"calibration error by depth and stage, all copies": errors}


def _metadata(
    config: TrainConfig,
    architecture: str,
    model_config: dict[str, Any],
    spec: EncoderSpec,
    split: Split,
    result: FitResult,
    data_facts: dict[str, Any],
    started_from: Checkpoint | None,
    calibrated: Calibrated,
) -> CheckpointMetadata:
    """The card: calibration and thresholds from the held-out examples, provenance, numbers."""
    training = {
        "data": data_facts,
        "versions": versions(),
        "fit": dataclasses.asdict(config.fit),
        "validation": dataclasses.asdict(config.validation),
        "exclude": dataclasses.asdict(config.exclude),
        "out_of_fold": dataclasses.asdict(config.out_of_fold) if config.out_of_fold.folds else None,
        "grown": {"architecture": config.architecture, "model": config.model}
        if is_grown(config.architecture) or config.architecture == CASCADE
        else None,
        "parameters": count_parameters(result.module),
        "best_epoch": result.best_epoch,
        "epochs_run": len(result.history),
        "init": None if started_from is None else f"{started_from.metadata.model_id} {started_from.sha256}",
    }
    if started_from is not None and split.validation is None:
        before = started_from.metadata
        calibrated = Calibrated(before.calibration, before.operating_points, before.thresholds, before.presets)
    return CheckpointMetadata(
        model_id=config.model_id,
        architecture=architecture,
        config=model_config,
        encoder=spec,
        calibration=calibrated.calibration,
        thresholds=calibrated.thresholds,
        presets=calibrated.presets,
        operating_points=calibrated.operating_points,
        training=_json_ready(training),
        evaluation=_json_ready(calibrated.evaluation),
        description=config.description,
        limits=[*_limits_without_truth(split, bool(config.out_of_fold.folds)), *config.limits],
        licence=config.licence,
    )


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """What held-out examples give a checkpoint, as `CheckpointMetadata` has it; empty without them."""

    calibration: dict[str, Any] = dataclasses.field(default_factory=dict)
    operating_points: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    thresholds: dict[str, float] = dataclasses.field(default_factory=dict)
    presets: dict[str, Any] = dataclasses.field(default_factory=dict)
    evaluation: dict[str, Any] = dataclasses.field(default_factory=dict)


def calibrate_on(config: TrainConfig, validation: ArrayDataset | None, module: Network) -> Calibrated:
    """Calibration, cuts and numbers from held-out examples. Every set of them is a call set of its own."""
    if validation is None:
        return Calibrated()
    logits = predict(module, validation)
    calibration = Calibration.from_json({})
    if config.calibration != "none":
        calibration = fit_calibration(logits, validation.label, validation.is_snv, validation.weight, config.calibration)
    calibrated = calibration.logits(logits, validation.is_snv)
    probabilities = calibration.probabilities(logits, validation.is_snv)
    snv, labels = validation.is_snv, validation.label
    sets = np.unique(validation.set_name, return_inverse=True)[1]
    presets = presets_for_card(
        LabelledCalls(probabilities, labels > 0.5, snv, sets, sets),
        validation.depth,
        {"snv": config.recall_snv, "indel": config.recall_indel},
        "Measured on the held-out examples.",
    )
    evaluation = {"held out, calibrated on the same": summarise_groups(labels, calibrated, snv, validation.hard)}
    points = operating_points(probabilities, labels, snv, validation.depth)
    return Calibrated(calibration.to_json(), points, default_thresholds(presets), presets, evaluation)


def calibrate_out_of_fold(
    config: TrainConfig, examples: ArrayDataset, spec: EncoderSpec, progress: ProgressCallback = no_progress
) -> Calibrated:
    """As `calibrate_on`, from examples that trees grown without their fold scored. Every copy of a set is a call set."""
    fold = fold_of(examples, config.out_of_fold)
    n_grown = itertools.count(2)  # the first was grown on everything

    def grow(others: ArrayDataset) -> Network:
        module = _grown_on(config, others, spec).module
        progress(next(n_grown), len(config.out_of_fold.folds) + 1, "without a fold")
        return module

    return calibrate_held_out(config, cross_fit(examples, fold, grow))


def calibrate_held_out(config: TrainConfig, held: HeldOut) -> Calibrated:
    """As `calibrate_on`, from examples that weights without their fold scored. Every copy of a set is a call set."""
    calibration = calibrate(held, config.calibration)
    labels, snv, depth = held.examples.label, held.examples.is_snv, held.examples.depth
    calibrated = calibration.logits(held.logits, snv)
    probabilities = calibration.probabilities(held.logits, snv)
    sets = np.unique(held.examples.set_name, return_inverse=True)[1]
    copies = np.unique(np.stack([sets, np.round(100 * held.examples.share)], axis=1), axis=0, return_inverse=True)[1]
    presets = presets_for_card(
        LabelledCalls(probabilities, labels > 0.5, snv, copies.reshape(-1), sets, locus_of(held.examples)),
        depth,
        {"snv": config.recall_snv, "indel": config.recall_indel},
        "Measured on the examples of the folds, each scored by weights that never saw its fold.",
    )
    whole = held.examples.share == 1
    evaluation = {
        name: summarise_groups(labels[chosen], calibrated[chosen], snv[chosen], held.examples.hard[chosen])
        for name, chosen in (("held-out folds, whole reads", whole), ("held-out folds, all copies", np.ones(len(whole), bool)))
    }
    points = operating_points(probabilities, labels, snv, depth, locus=locus_of(held.examples))
    return Calibrated(calibration.to_json(), points, default_thresholds(presets), presets, evaluation)


def _data_facts(split: Split) -> dict[str, Any]:
    facts: dict[str, Any] = {f"file {name}": digest for name, digest in split.hashes.items()}
    for name, part in (("train", split.train), ("validation", split.validation)):
        if part is not None:
            facts[f"{name} examples"] = len(part)
            facts[f"{name} true"] = int((part.label > 0.5).sum())
            sets, counts = np.unique(part.set_name, return_counts=True)
            facts[f"{name} sets"] = ", ".join(sets.tolist())
            facts |= {f"{name} examples of {one}": int(count) for one, count in zip(sets, counts, strict=True) if len(sets) > 1}
            if (without_truth := _without_truth(split, part)).any():
                facts[f"{name} examples without truth"] = int(without_truth.sum())
    return facts


def _without_truth(split: Split, part: ArrayDataset) -> np.ndarray:
    """bool (n,): examples whose labels come from no truth."""
    return np.isin(part.set_name, sorted(split.without_truth))


def _limits_without_truth(split: Split, measured_on_train: bool) -> list[str]:
    """Sentences for the card where labels were made without truth. measured_on_train: out of fold."""
    learned = _without_truth(split, split.train)
    measured = split.train if measured_on_train else split.validation
    limits = []
    if learned.any():
        sets = ", ".join(sorted(set(split.train.set_name[learned].tolist())))
        n = "all" if learned.all() else f"{learned.sum():,} of"
        limits.append(f"No truth: labels from resources and reads for {n} {len(learned):,} examples trained on ({sets}).")
    if measured is not None and _without_truth(split, measured).any():
        limits.append(
            "Calibration, thresholds and figures were measured on labels without truth, which leave the doubtful calls out: "
            "on all calls they are worse."
        )
    return limits


def _write_json(path: Path, data: dict[str, Any]) -> None:
    write_text(path, json.dumps(_json_ready(data), indent=1, sort_keys=True) + "\n")


def _json_ready(value: Any) -> Any:
    """Dictionaries, lists and numbers that JSON has: no NaN, no numpy."""
    if isinstance(value, dict):
        return {str(key): _json_ready(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
