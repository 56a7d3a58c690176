"""The stages of a cascade as checkpoints of their own, for who scores stage by stage, or by the first stage alone.

Both keep the file's name and hash: that is where their weights come from.
"""

from __future__ import annotations

from dataclasses import replace

from vcffilter.models.cascade import CascadeConfig, first_spec, second_spec
from vcffilter.models.checkpoint import Checkpoint
from vcffilter.models.ensemble import Member
from vcffilter.models.registry import parse_config

#: Of the calibration: maps for the first stage's logits where it decides alone. Without them those of both stages hold.
FIRST_ALONE = "first_alone"


def is_staged(checkpoint: Checkpoint) -> bool:
    """Whether a model has two stages."""
    return checkpoint.metadata.architecture == "cascade"


def first_alone(checkpoint: Checkpoint) -> Checkpoint:
    """The first stage of a cascade as a model of one stage, with the calibration for it. Raises ModelError."""
    of_both = first_of_two(checkpoint)
    own = checkpoint.metadata.calibration.get(FIRST_ALONE)
    return of_both if own is None else replace(of_both, metadata=replace(of_both.metadata, calibration=own))


def first_of_two(checkpoint: Checkpoint) -> Checkpoint:
    """The first stage of a cascade as a network, under the calibration of both stages. Raises ModelError."""
    metadata = checkpoint.metadata
    alone = _stage(checkpoint, "first", _config(checkpoint).first)
    calibration = {name: value for name, value in metadata.calibration.items() if name != FIRST_ALONE}
    return replace(alone, metadata=replace(alone.metadata, encoder=first_spec(metadata.encoder), calibration=calibration))


def second_alone(checkpoint: Checkpoint) -> Checkpoint:
    """The second stage as a network, whose output is what it adds to the first one's logit. Raises ModelError."""
    config = _config(checkpoint)
    alone = _stage(checkpoint, "second", config.second)
    encoder = second_spec(config, checkpoint.metadata.encoder)
    return replace(alone, metadata=replace(alone.metadata, encoder=encoder, calibration={}))


def _config(checkpoint: Checkpoint) -> CascadeConfig:
    with checkpoint.blamed():
        config = parse_config(checkpoint.metadata.architecture, checkpoint.metadata.config)
    assert isinstance(config, CascadeConfig), "a model of one stage was taken for a cascade"
    return config


def _stage(checkpoint: Checkpoint, name: str, member: Member) -> Checkpoint:
    """The weights whose names begin with the stage's."""
    prefix = f"{name}."
    tensors = {key.removeprefix(prefix): value for key, value in checkpoint.tensors.items() if key.startswith(prefix)}
    metadata = replace(checkpoint.metadata, architecture=member["architecture"], config=member.get("config", {}))
    return replace(checkpoint, metadata=metadata, tensors=tensors)
