"""What a checkpoint says beside its weights, as one JSON text: written sorted, read as data that nobody vouches for.

Calibration and thresholds are plain JSON here; what they mean is the business of `vcffilter.calibration`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from vcffilter.errors import ModelError
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.plain_data import MisfitError, Range, Shape, parse_dataclass

FORMAT_VERSION = 1
#: What a model may be called: the name stands in VCF headers and is a file's name.
_MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_OTHER_VERSION = "Install the vcffilter version that wrote it, or take weights made for this one"

Probability = Annotated[float, Range(0, 1)]


class OperatingPoint(TypedDict):
    """A row of the card's table. Further keys are let through."""

    name: str
    thresholds: dict[str, Probability]


class MeasuredDepth(TypedDict):
    """Informing reads of the true ALTs that a share was measured on."""

    low: int
    median: int
    high: int


class MeasuredShares(TypedDict, total=False):
    """What a cut does to one type, and limits of that; None where there is nothing to measure. Counts are let through."""

    recall: float | None
    precision: float | None
    false_removed: float | None
    recall_at_least: float | None
    precision_at_least: float | None
    removed_at_least: float | None


class MeasuredPoint(OperatingPoint, total=False):
    """measured: by threshold class, recall and the like."""

    measured: dict[str, MeasuredShares]
    depth: MeasuredDepth
    target_recall: Probability


class PresetCounts(TypedDict):
    """Calls of one kind of caller with so many reads: lost and removed ones."""

    callers: str
    depth: str
    n_true: int
    true_lost: int
    n_false: int
    false_removed: int


class PresetCost(PresetCounts, total=False):
    """One-sided 95% limits of the shares; absent where there is no such call."""

    lost_at_most: Probability
    removed_at_least: Probability


class PresetCuts(TypedDict):
    """By type. Further keys are let through."""

    snv: Probability
    indel: Probability


class Preset(TypedDict):
    """Thresholds where a lost true call counts as so many kept false ones."""

    false_per_true: Annotated[float, Range(0, 1e6)]
    thresholds: PresetCuts
    measured: list[PresetCost]


class SureCalls(TypedDict):
    """Calls at or above a probability and a number of reads: how many are false, with a one-sided 95% limit of their share."""

    probability: Probability
    reads: int
    n: int
    n_false: int
    false_at_most: Probability
    share_of_true: Probability


class PresetCard(TypedDict, total=False):
    """`vcffilter.calibration.presets.preset_card`."""

    sure: list[SureCalls]
    measured_on: str
    presets: dict[str, Preset]


class MapKnots(TypedDict):
    """A map of `vcffilter.calibration.maps.LogitMap`."""

    logit_in: list[float]
    logit_out: list[float]


class StageMaps(TypedDict, total=False):
    """`vcffilter.calibration.maps.Calibration.to_json()`."""

    depth_borders: list[int]
    maps: dict[str, list[MapKnots]]


class CalibrationMaps(StageMaps, total=False):
    """Of a cascade also, if fitted apart, the maps for its first stage where that decides alone (`vcffilter.models.stages`)."""

    first_alone: StageMaps


#: Keys without which what is there means nothing.
_WHOLE = {StageMaps: {"depth_borders", "maps"}, PresetCard: {"presets", "measured_on"}}


@dataclass(frozen=True)
class CheckpointMetadata:
    """Everything a checkpoint says beside its weights. Plain JSON values only, apart from `encoder`.

    model_id: e.g. `illumina-germline-1`. architecture, config: see `vcffilter.models.registry`. encoder: the
    arrays the network takes. calibration: `vcffilter.calibration.maps.Calibration.to_json()`; empty =
    none. thresholds: probability under which an ALT fails by default, by type (`snv`, `indel`; older checkpoints
    have `snv_deep` and `indel_deep` beside them). presets: `vcffilter.calibration.presets.preset_card`; empty = none but the
    default. operating_points: rows of the card's table, each with at least `name` and `thresholds`. training:
    provenance (data, hashes, versions, seeds, folds). evaluation: numbers for the card. limits: sentences.
    """

    model_id: str
    architecture: str
    config: dict[str, Any]
    encoder: EncoderSpec
    calibration: Annotated[dict[str, Any], Shape(CalibrationMaps)] = field(default_factory=dict)
    thresholds: dict[str, Probability] = field(default_factory=dict)
    presets: Annotated[dict[str, Any], Shape(PresetCard)] = field(default_factory=dict)
    operating_points: list[Annotated[dict[str, Any], Shape(MeasuredPoint)]] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    limits: list[str] = field(default_factory=list)
    licence: str = "MIT"
    format_version: int = FORMAT_VERSION

    def to_json_text(self) -> str:
        """Sorted JSON; the same metadata always gives the same bytes. Raises ModelError where no reader would take them."""
        data = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self) if entry.name != "encoder"}
        data["encoder"] = self.encoder.to_json()
        try:
            text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except ValueError as error:
            raise ModelError(f"the checkpoint's metadata cannot be written ({error})") from error
        self.from_json_text(text, self.model_id)
        return text

    @classmethod
    def from_json_text(cls, text: str, path: str) -> CheckpointMetadata:
        """Parse and check; raises ModelError with `path` on another format version and on anything that is not as declared."""
        data = read_json(text, path)
        version = data.get("format_version")
        if version != FORMAT_VERSION or isinstance(version, bool):
            raise ModelError(
                f"checkpoint format {str(version)[:40]} is not the format {FORMAT_VERSION} that this version reads",
                path=path,
                hint=_OTHER_VERSION,
            )
        try:
            if "encoder" in data:
                data["encoder"] = EncoderSpec.from_json(data["encoder"])
            metadata: CheckpointMetadata = parse_dataclass(cls, data, "metadata")
        except MisfitError as error:
            raise ModelError(f"the checkpoint's metadata are not as declared: {error}", path=path, hint=_OTHER_VERSION) from error
        for where, part, whole in (
            ("calibration", metadata.calibration, StageMaps),
            ("calibration.first_alone", metadata.calibration.get("first_alone", {}), StageMaps),
            ("presets", metadata.presets, PresetCard),
        ):
            # All or nothing: an empty one stands for none.
            if part and (missing := sorted(_WHOLE[whole] - set(part))):
                raise ModelError(
                    f"the checkpoint's metadata are not as declared: metadata.{where} lacks {', '.join(missing)}",
                    path=path,
                    hint=_OTHER_VERSION,
                )
        if not _MODEL_ID.fullmatch(metadata.model_id):
            raise ModelError(
                f"model_id {metadata.model_id[:60]!r} is no name for a model",
                path=path,
                hint="Name it with up to 100 letters, digits, dots, dashes, underscores and plus signs",
            )
        return metadata


def read_json(text: str, path: str) -> dict[str, Any]:
    """A JSON object whose numbers are finite and whose texts can be written; raises ModelError with `path` on anything else."""
    try:
        data = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        # A lone surrogate is legal JSON and cannot be written anywhere.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"the checkpoint's metadata are no JSON that can be used ({error})",
            path=path,
            hint="The file was changed: take the original weights",
        ) from error
    if not isinstance(data, dict):
        raise ModelError("the metadata are no JSON object", path=path, hint="Weights are made by: pileup-filter train")
    return data


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text[:40])
