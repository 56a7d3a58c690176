"""Which model and cut made the FILTER of a call set, as its header tells. Knows no records."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from vcffilter.annotation.model_line import thresholds_of
from vcffilter.annotation.settings import DEEP_READS
from vcffilter.truth.variant_file import VariantFile

_MODEL = re.compile(r"^##vcffilter_model=<ID=([^,>]+),(.*)>$", re.MULTILINE)
_TYPE_NAMES = {"snv": "SNVs", "indel": "indels and complex alleles"}


@dataclass(frozen=True)
class FilterRun:
    """model_id: what scored. minimum: the lowest probability that passes, by name of the threshold. prefix: of the INFO keys."""

    model_id: str
    minimum: dict[str, float]
    prefix: str = "PILEUP"

    def minimum_of(self, is_snv: bool, depth: int) -> float | None:
        """The lowest probability with which such an ALT passes; None where the header does not say."""
        name = "snv" if is_snv else "indel"
        deep = self.minimum.get(f"{name}_deep") if depth >= DEEP_READS else None
        return self.minimum.get(name) if deep is None else deep

    def __str__(self) -> str:
        parts = []
        for name, text in _TYPE_NAMES.items():
            if name in self.minimum:
                deep = self.minimum.get(f"{name}_deep")
                other = "" if deep in (None, self.minimum[name]) else f" ({deep:g} from {DEEP_READS} reads on)"
                parts.append(f"{self.minimum[name]:g}{other} for {text}")
        cut = f", {self.prefix}_PROB at least {' and '.join(parts)}" if parts else ""
        return f"{self.model_id}{cut}"


def filter_run(path: str, prefix: str = "PILEUP") -> FilterRun | None:
    """The last run that wrote keys of this prefix; None where the header names none, or where the calls are no plain file."""
    if not os.path.isfile(path):
        return None
    with VariantFile(path) as file:
        runs = [(name, text) for name, text in _MODEL.findall(file.header_text) if f"info_prefix={prefix}," in f"{text},"]
    if not runs:
        return None
    name, text = runs[-1]
    return FilterRun(name, thresholds_of(text, path), prefix)
