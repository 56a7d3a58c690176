"""A checkpoint's probabilities and thresholds fitted anew on labelled calls. Knows networks only through their scorer."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcffilter.calibration.cross_fitting import cross_fitted, dealt_folds
from vcffilter.calibration.maps import VARIANT_TYPES, Calibration, fit_calibration, sigmoid
from vcffilter.calibration.operating_points import (
    at_thresholds,
    operating_points,
    threshold_for_precision,
)
from vcffilter.calibration.presets import LabelledCalls, default_thresholds, presets_for_card
from vcffilter.errors import TrainingError
from vcffilter.evaluation.counts import DEPTH_BANDS, band_name, within
from vcffilter.models.checkpoint import Checkpoint
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.stages import FIRST_ALONE, is_staged
from vcffilter.scoring.network import CalibratedNetwork
from vcffilter.training.example_source import ExampleMaker, ExampleSource
from vcffilter.training.metrics import expected_calibration_error, log_loss, summarise_groups

logger = logging.getLogger(__name__)

_N_FOLDS, _BLOCK_BASES = 5, 10_000
#: For the card.
_NO_TRUTH = (
    "No truth: calibrated on labels from resources and reads, which leave the doubtful calls out: probabilities are bolder than "
    "they should be."
)


@dataclass(frozen=True)
class LabelledLogits:
    """n labelled alleles. logits: float32 (n,), uncalibrated. label: float32 (n,). is_snv, hard: bool (n,).

    depth: int32 (n,). block: int64 (n,), id of the allele's 10 kb block. first_logits: float32 (n,), of the first of two stages;
    those of the whole model where it has one.
    """

    logits: np.ndarray
    label: np.ndarray
    is_snv: np.ndarray
    hard: np.ndarray
    depth: np.ndarray
    block: np.ndarray
    first_logits: np.ndarray


@dataclass(frozen=True)
class RecalibrationSettings:
    """method: a key of calibration.maps.FIT_METHODS. depth_borders: depths at which the next band begins; empty = one band.

    minimum_examples: a band with fewer takes its type's map. recalls, precisions: operating points for the card.
    recall_snv, recall_indel: share of true variants that the default thresholds keep; None = the cuts of the balanced preset.
    """

    method: str = "isotonic"
    depth_borders: tuple[int, ...] = (8, 21)
    minimum_examples: int = 200
    recalls: tuple[float, ...] = (0.9999, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9)
    precisions: tuple[float, ...] = ()
    recall_snv: float | None = None
    recall_indel: float | None = None


@dataclass(frozen=True)
class CalibrationQuality:
    """Calibration error and log loss of one group: as the checkpoint came, and by maps fitted on other blocks."""

    group: str
    n_true: int
    n_false: int
    error_before: float
    error_after: float
    log_loss_before: float
    log_loss_after: float

    @property
    def is_worse(self) -> bool:
        """Whether the new maps believe wrong things more firmly than the old ones, as far as four decimals tell."""
        return round(self.log_loss_after, 4) > round(self.log_loss_before, 4)


@dataclass(frozen=True)
class Recalibration:
    """metadata: of the new checkpoint. quality: one row per group that has alleles, all of them first."""

    metadata: CheckpointMetadata
    quality: list[CalibrationQuality]


def labelled_logits(source: ExampleSource, scorer: CalibratedNetwork) -> LabelledLogits:
    """Score every labelled allele of the source at full depth. Raises TrainingError when none has reads."""
    columns: dict[str, list[np.ndarray]] = {field.name: [] for field in dataclasses.fields(LabelledLogits)}
    contig_codes: dict[str, int] = {}
    with ExampleMaker(source, scorer.encoder) as maker:
        for piece in maker.examples(0, full_depth=True):
            if len(piece) == 0:
                continue
            codes = np.array([contig_codes.setdefault(name, len(contig_codes)) for name in piece.contig.tolist()], np.int64)
            first = scorer.first_stage(piece.features)
            logits = scorer.logits(piece.features, piece.read_rows(np.arange(len(piece))))
            columns["logits"].append(logits)
            columns["first_logits"].append(logits if first is None else first.logits)
            columns["block"].append(codes * 1_000_000 + piece.pos0 // _BLOCK_BASES)
            for name in ("label", "is_snv", "hard", "depth"):
                columns[name].append(getattr(piece, name))
    if not columns["logits"]:
        raise TrainingError("no labelled allele has reads", path=source.calls, hint="Are these the reads of the calls' sample?")
    return LabelledLogits(**{name: np.concatenate(parts) for name, parts in columns.items()})


def recalibrate(
    checkpoint: Checkpoint,
    data: LabelledLogits,
    settings: RecalibrationSettings,
    provenance: dict[str, Any],
    model_id: str,
    without_truth: bool = False,
) -> Recalibration:
    """Fit calibration, default thresholds and operating points; the weights stay.

    provenance: plain JSON for the card, what the labelled calls were. without_truth: their labels come from no truth. Raises
    TrainingError when a class is missing.
    """
    if not (np.any(data.label > 0.5) and np.any(data.label <= 0.5)):
        raise TrainingError(
            "the labelled calls are all true or all false: nothing can be calibrated",
            hint="Take an unfiltered call set with its false calls",
        )
    everything = np.ones(len(data.label), bool)
    calibration = _fit(data, everything, settings)
    probabilities = calibration.probabilities(data.logits, data.is_snv, data.depth)
    before = Calibration.from_json(checkpoint.metadata.calibration).logits(data.logits, data.is_snv, data.depth)
    after = _cross_fitted(data, settings)
    old = checkpoint.metadata
    presets = presets_for_card(
        LabelledCalls.of_one_set(sigmoid(after), data.label, data.is_snv),
        data.depth,
        {"snv": settings.recall_snv, "indel": settings.recall_indel},
        "Measured on the labelled calls that it was calibrated on, each block by maps fitted on the others.",
    )
    metadata = dataclasses.replace(
        old,
        model_id=model_id,
        calibration=calibration.to_json() | _first_alone(checkpoint, data, settings),
        thresholds=default_thresholds(presets),
        presets=presets,
        operating_points=_points(probabilities, data, settings),
        training={
            **old.training,
            "calibration": {
                **provenance,
                "weights": f"{old.model_id} {checkpoint.sha256}",
                "method": settings.method,
                "true": int((data.label > 0.5).sum()),
                "false": int((data.label <= 0.5).sum()),
            },
        },
        evaluation={
            **old.evaluation,
            "calibrated anew, each block by maps fitted on the others": _plain(
                summarise_groups(data.label, after, data.is_snv, data.hard)
            ),
        },
        limits=[*([_NO_TRUTH] if without_truth else []), *old.limits],
    )
    return Recalibration(metadata, _quality(data, before, after))


def _first_alone(checkpoint: Checkpoint, data: LabelledLogits, settings: RecalibrationSettings) -> dict[str, Any]:
    """Maps for the first of two stages where it decides alone; nothing of a model of one."""
    if not is_staged(checkpoint):
        return {}
    of_first = dataclasses.replace(data, logits=data.first_logits)
    return {FIRST_ALONE: _fit(of_first, np.ones(len(data.label), bool), settings).to_json()}


def _fit(data: LabelledLogits, chosen: np.ndarray, settings: RecalibrationSettings) -> Calibration:
    return fit_calibration(
        data.logits[chosen],
        data.label[chosen],
        data.is_snv[chosen],
        method=settings.method,
        depth=data.depth[chosen],
        depth_borders=settings.depth_borders,
        minimum_examples=settings.minimum_examples,
    )


def _cross_fitted(data: LabelledLogits, settings: RecalibrationSettings) -> np.ndarray:
    """Calibrated logits, float64 (n,), of each fold of blocks by maps that were fitted without it."""
    return cross_fitted(
        dealt_folds(data.block, _N_FOLDS),
        # Where all calls lie in one block there are no others to learn from.
        lambda others: _fit(data, others if others.any() else ~others, settings),
        lambda maps, held_out: maps.logits(data.logits[held_out], data.is_snv[held_out], data.depth[held_out]),
    )


def _points(probabilities: np.ndarray, data: LabelledLogits, settings: RecalibrationSettings) -> list[dict[str, Any]]:
    """Rows of the card: by recall, then by precision; a precision that a type cannot reach is left out with a warning."""
    recalls = tuple(sorted(set(settings.recalls), reverse=True))
    rows = operating_points(probabilities, data.label, data.is_snv, depth=data.depth, recalls=recalls)
    for precision in sorted(set(settings.precisions), reverse=True):
        thresholds = {
            name: threshold_for_precision(probabilities[of_type], data.label[of_type], precision)
            for name, of_type in zip(VARIANT_TYPES, (data.is_snv, ~data.is_snv), strict=True)
        }
        missed = [name for name, threshold in thresholds.items() if np.isnan(threshold)]
        if missed:
            logger.warning("no threshold reaches a precision of %g for %s: left out", precision, " and ".join(missed))
            continue
        rows.append(
            {
                "name": f"precision_{precision:g}",
                "target_precision": precision,
                "thresholds": thresholds,
                "measured": at_thresholds(probabilities, data.label, data.is_snv, thresholds),
            }
        )
    return rows


def _quality(data: LabelledLogits, before: np.ndarray, after: np.ndarray) -> list[CalibrationQuality]:
    snv, hard = data.is_snv, data.hard
    groups = {
        "all": np.ones(len(snv), bool),
        "snv": snv,
        "indel": ~snv,
        "hard": hard,
        "hard_snv": hard & snv,
        "hard_indel": hard & ~snv,
        **{f"hard_depth_{band_name(low, high)}": hard & within(data.depth, low, high) for low, high in DEPTH_BANDS[:3]},
    }
    rows = []
    for name, chosen in groups.items():
        if chosen.any():
            label = data.label[chosen]
            rows.append(
                CalibrationQuality(
                    name,
                    int((label > 0.5).sum()),
                    int((label <= 0.5).sum()),
                    expected_calibration_error(label, sigmoid(before[chosen])),
                    expected_calibration_error(label, sigmoid(after[chosen])),
                    log_loss(label, before[chosen]),
                    log_loss(label, after[chosen]),
                )
            )
    return rows


def _plain(numbers: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: float(value) if np.isfinite(value) else None for name, value in numbers.items()}
