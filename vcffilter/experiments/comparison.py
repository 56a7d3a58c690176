"""A whole comparison of models: the same data and folds for each, then tables. Trains through `cross_validation` only."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vcffilter.errors import TrainingError
from vcffilter.evaluation.counts import CountRow, find_row
from vcffilter.experiments.config import ComparisonConfig, Experiment, assign_folds
from vcffilter.experiments.cross_validation import JudgedScores, ModelCost, check_experiments, judge, out_of_fold_logits
from vcffilter.experiments.filter_effect import FilteredCallSets
from vcffilter.experiments.paired_test import PairedTest, paired_test
from vcffilter.files import write_bytes
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.progress import ProgressCallback, no_progress
from vcffilter.training.dataset import ArrayDataset, concatenate
from vcffilter.training.example_file import read_examples

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelResult:
    """One experiment's row. test: against the first experiment, None for the first itself. effect: counts of the call sets."""

    experiment: Experiment
    cost: ModelCost
    scores: JudgedScores
    test: PairedTest | None
    effect: list[CountRow]

    def fold_values(self, metric: str) -> np.ndarray:
        """float (n_folds,): the metric in each fold, NaN where it cannot be computed."""
        return np.array([metrics[metric] for metrics in self.scores.fold_metrics], np.float64)


@dataclass(frozen=True)
class ModelComparison:
    """Everything the report needs. n_in_fold: examples per fold."""

    config: ComparisonConfig
    results: list[ModelResult]
    n_in_fold: list[int]


def run_comparison(
    config: ComparisonConfig, base: Path, folder: Path | None, progress: ProgressCallback = no_progress
) -> ModelComparison:
    """Train and judge every experiment. base: folder that relative paths start from.

    folder: out-of-fold scores are kept here and taken again when the same experiment is run on the same data; None = nowhere.
    progress: called with the models trained so far, one an experiment and fold.
    Raises TrainingError, ModelError, MissingExtraError and what reading call sets raises.
    """
    data, spec = _load(config, base)
    folds = assign_folds(data, config)
    check_experiments(config, data)
    call_sets = FilteredCallSets(config.call_sets, base, data) if config.call_sets else None
    data_hash = data.sha256() if not data.on_disk else _hash_of_files(config, base)
    results: list[ModelResult] = []
    n_folds = len(np.bincount(folds))
    for number, experiment in enumerate(config.experiments):
        after_fold = _after_fold(progress, number * n_folds, len(config.experiments) * n_folds, experiment.name)
        kept = None if folder is None else folder / f"{_key(experiment, config, data_hash)}.npz"
        logits, cost = _taken_or_made(kept, experiment, config, data, spec, folds, after_fold)
        scores = judge(logits, data, folds, config)
        effect = [] if call_sets is None else call_sets.counts(scores.passed)
        result = ModelResult(experiment, cost, scores, None, effect)
        if results:
            values = (one.fold_values(config.metric) for one in (results[0], result))
            result = dataclasses.replace(result, test=paired_test(*values))
        results.append(result)
        # The number of the table's first column, which all folds together would not give.
        mean = _row(result, config)["mean"]
        logger.info("%s: %s %s, mean over the folds", experiment.name, config.metric, "-" if mean is None else f"{mean:.4f}")
    if all(_row(result, config)["mean"] is None for result in results):
        which = "calls that their caller believed (QUAL or TLOD of 1 or more)" if config.metric.startswith("hard_") else "calls"
        logger.warning(
            "no fold holds both true and false %s, so %s says nothing. Give call sets with more false calls, fewer folds, or "
            "another metric, such as log_loss", which, config.metric
        )  # fmt: skip
    return ModelComparison(config, results, np.bincount(folds).tolist())


def table(comparison: ModelComparison) -> list[dict[str, Any]]:
    """One dictionary of columns per experiment; None where there is no value."""
    return [_row(result, comparison.config) for result in comparison.results]


def fold_table(comparison: ModelComparison) -> list[dict[str, Any]]:
    """One dictionary per experiment and fold, with every metric."""
    return [
        {"name": result.experiment.name, "fold": number, **{name: _plain(value) for name, value in metrics.items()}}
        for result in comparison.results
        for number, metrics in enumerate(result.scores.fold_metrics)
    ]


def effect_table(comparison: ModelComparison) -> list[dict[str, Any]]:
    """hap.py's columns before (ALL, once) and after (PASS) the filter with each model."""
    rows: list[dict[str, Any]] = []
    for number, result in enumerate(comparison.results):
        for row in result.effect:
            if row.filter == "PASS" or number == 0:
                name = result.experiment.name if row.filter == "PASS" else "unfiltered"
                rows.append({"name": name, **row.columns()})
    return rows


def _row(result: ModelResult, config: ComparisonConfig) -> dict[str, Any]:
    values = result.fold_values(config.metric)
    values, pooled, test = values[np.isfinite(values)], result.scores.pooled, result.test
    columns: dict[str, Any] = {
        "name": result.experiment.name,
        "architecture": result.experiment.architecture,
        "metric": config.metric,
        "folds": len(values),
        "mean": float(values.mean()) if len(values) else None,
        "spread": float(values.std(ddof=1)) if len(values) > 1 else None,
        "difference": test.mean if test else None,
        "effect_size": test.effect_size if test else None,
        "p_value": test.p_value if test else None,
        "folds_better": test.n_better if test else None,
    }
    names = ("hard_auroc", "hard_snv_auroc", "hard_indel_auroc", "hard_fp_removed_99", "hard_ece")
    columns |= {f"pooled_{name}": _plain(pooled[name]) for name in names}
    for prefix in ("snv", "indel"):
        for name in (f"{prefix}_true_kept", f"{prefix}_false_removed", f"hard_{prefix}_false_removed"):
            columns[name] = _plain(pooled[name])
    for kind in ("SNP", "INDEL"):
        row = find_row(result.effect, kind, "PASS")
        for name in ("recall", "precision", "f1"):
            columns[f"call_set_{kind}_{name}"] = None if row is None else getattr(row, name)
    cost = result.cost
    columns |= {
        "parameters": cost.parameters,
        "flops_per_allele": cost.flops,
        "cpu_alleles_per_second": round(cost.cpu_alleles_per_second),
        "gpu_alleles_per_second": None if cost.gpu_alleles_per_second is None else round(cost.gpu_alleles_per_second),
        "train_seconds": round(cost.train_seconds, 1),
    }
    return columns


def _load(config: ComparisonConfig, base: Path) -> tuple[ArrayDataset, EncoderSpec]:
    files = [read_examples(base / name, config.in_memory) for name in config.data]
    if not files:
        raise TrainingError("no example files are given", hint="List them under data:")
    for name, file in zip(config.data, files, strict=True):
        if file.spec != files[0].spec:
            raise TrainingError(f"made by another encoder than {config.data[0]}", path=str(base / name), hint="Make both anew")
    data = concatenate([file.examples for file in files])
    return data.take(~config.exclude.mask(data)), files[0].spec


def _after_fold(progress: ProgressCallback, n_before: int, n_models: int, name: str) -> Callable[[int], None]:
    return lambda n_folds_done: progress(n_before + n_folds_done, n_models, name)


def _taken_or_made(
    kept: Path | None,
    experiment: Experiment,
    config: ComparisonConfig,
    data: ArrayDataset,
    spec: EncoderSpec,
    folds: np.ndarray,
    after_fold: Callable[[int], None],
) -> tuple[np.ndarray, ModelCost]:
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as stored:
            logger.info("%s: scores taken from %s", experiment.name, kept)
            return stored["logits"], ModelCost(**json.loads(str(stored["cost"])))
    logits, cost = out_of_fold_logits(experiment, config, data, spec, folds, after_fold)
    if kept is not None:
        stream = io.BytesIO()
        np.savez(stream, logits=logits, cost=json.dumps(dataclasses.asdict(cost)))
        write_bytes(kept, stream.getvalue())
    return logits, cost


def _key(experiment: Experiment, config: ComparisonConfig, data_hash: str) -> str:
    """Name of what decides an experiment's scores."""
    what = [
        experiment.architecture, experiment.model, {**config.fit, **experiment.fit}, data_hash,
        config.n_folds, config.group_by, config.region_bases, config.seed,
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return f"{''.join(letter if letter.isalnum() else '_' for letter in experiment.name)}-{digest}"


def _hash_of_files(config: ComparisonConfig, base: Path) -> str:
    """Of example files too large for memory: names, sizes and times, and what is left out."""
    facts = [(name, (base / name).stat().st_size, (base / name).stat().st_mtime_ns) for name in config.data]
    return json.dumps([facts, dataclasses.asdict(config.exclude)])


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def short_table(comparison: ModelComparison) -> tuple[Sequence[str], list[list[Any]]]:
    """(header, rows) of the table for people: everything on one line per experiment."""
    metric = comparison.config.metric
    has_effect = bool(comparison.config.call_sets)
    header = ["Model", f"{metric}: mean", "sd", "vs first", "d", "p", "Hard ECE", "SNV kept", "Indel kept", "Hard FP removed SNV"]
    header += ["Hard FP removed indel"]
    header += ["SNP recall", "SNP precision", "SNP F1", "INDEL recall", "INDEL precision", "INDEL F1"] if has_effect else []
    header += ["Parameters", "FLOPs", "CPU/s", "GPU/s"]
    rows = []
    for row in table(comparison):
        cells = [row["name"], row["mean"], row["spread"], row["difference"], row["effect_size"], row["p_value"]]
        cells += [row["pooled_hard_ece"], row["snv_true_kept"], row["indel_true_kept"]]
        cells += [row["hard_snv_false_removed"], row["hard_indel_false_removed"]]
        if has_effect:
            cells += [row[f"call_set_{kind}_{name}"] for kind in ("SNP", "INDEL") for name in ("recall", "precision", "f1")]
        flops = row["flops_per_allele"]
        cells += [row["parameters"], None if flops is None else f"{flops:.3g}"]
        cells += [row["cpu_alleles_per_second"], row["gpu_alleles_per_second"]]
        rows.append(cells)
    if has_effect:
        rows.insert(0, _unfiltered(comparison, len(header)))
    return header, rows


def _unfiltered(comparison: ModelComparison, n_cells: int) -> list[Any]:
    effect = comparison.results[0].effect
    found = [find_row(effect, kind, "ALL") for kind in ("SNP", "INDEL")]
    metrics = [None if row is None else getattr(row, name) for row in found for name in ("recall", "precision", "f1")]
    return ["(unfiltered)", *[None] * (n_cells - 11), *metrics, *[None] * 4]
