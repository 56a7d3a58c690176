"""Architectures by name. A checkpoint names its architecture; this is the only place that knows which
exist.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from torch import nn

from vcffilter.errors import ModelError
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.models.plain_data import MisfitError, parse_dataclass
from vcffilter.models.read_rows import require_reads

#: name -> (module, config dataclass, network class). Modules are imported when asked for: timm is optional
#: and slow.
ARCHITECTURES = {
    "site_mlp": ("site_mlp", "SiteMlpConfig", "SiteMlp"),
    "read_set": ("read_set", "ReadSetConfig", "ReadSet"),
    "cnn2d": ("cnn2d", "Cnn2dConfig", "Cnn2d"),
    "wide_resnet": ("wide_resnet", "WideResnetConfig", "WideResnet"),
    "read_attention": ("read_attention", "ReadAttentionConfig", "ReadAttention"),
    "read_contrast": ("read_contrast", "ReadContrastConfig", "ReadContrast"),
    "forest": ("forest", "ForestConfig", "Forest"),
    "ensemble": ("ensemble", "EnsembleConfig", "Ensemble"),
    "cascade": ("cascade", "CascadeConfig", "Cascade"),
}
TIMM_PREFIX = "timm:"
TIMM_ENTRY = ("timm_backbone", "TimmConfig", "TimmBackbone")


def lookup(name: str) -> tuple[type, type[Network]]:
    """(config dataclass, network class) of an architecture; raises ModelError when there is none of that
    name.
    """
    entry = TIMM_ENTRY if name.startswith(TIMM_PREFIX) else ARCHITECTURES.get(name)
    if entry is None:
        known = ", ".join([*ARCHITECTURES, f"{TIMM_PREFIX}<backbone>"])
        raise ModelError(f"unknown architecture {name!r}", hint=f"Known are: {known}; a newer vcffilter may know more")
    module = importlib.import_module(f"vcffilter.models.{entry[0]}")
    return getattr(module, entry[1]), getattr(module, entry[2])


def parse_config(name: str, config: dict[str, Any]) -> Any:
    """The architecture's config dataclass from a plain dictionary; unknown keys and what its annotations do not allow raise
    ModelError.
    """
    config_class, _ = lookup(name)
    try:
        return parse_dataclass(config_class, config, f"architecture {name}")
    except MisfitError as error:
        raise ModelError(str(error)) from error


def takes_reads(name: str, config: dict[str, Any]) -> bool:
    """Whether an architecture with these settings looks at the read tensor."""
    return lookup(name)[1].takes_reads(parse_config(name, config))


def config_to_json(config: Any) -> dict[str, Any]:
    """A config dataclass as a plain dictionary with every setting spelled out."""
    return dataclasses.asdict(config)


def build(name: str, config: dict[str, Any], spec: EncoderSpec) -> Network:
    """A network with fresh random weights, in training mode.

    name: architecture, e.g. `read_set` or `timm:resnet34`. config: its settings, missing ones take defaults.
    spec: the arrays it gets. Raises ModelError: unknown architecture or setting, or an encoder that does not
    fit.
    """
    parsed = parse_config(name, config)
    _, network_class = lookup(name)
    if network_class.minimum_columns:
        require_reads(name, spec, network_class.minimum_columns)
    if name.startswith(TIMM_PREFIX):
        return network_class(name.removeprefix(TIMM_PREFIX), parsed, spec)
    return network_class(parsed, spec)


def count_parameters(module: nn.Module) -> int:
    """Number of trained numbers (buffers not counted)."""
    return sum(parameter.numel() for parameter in module.parameters())
