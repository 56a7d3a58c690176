"""Kinds of the settings that architectures share, so that what a setting may be stands where it is declared.

Bounds of what is built one by one (layers, members) keep a changed checkpoint from building for ever; memory needs no bound
here, since sizes are compared with the tensors in the file before any is allocated (`checkpoint`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from vcffilter.models.plain_data import Range

#: Any number of things, at least one.
Count = Annotated[int, Range(1, 2**31 - 1)]
CountOrNone = Annotated[int, Range(0, 2**31 - 1)]
Layers = Annotated[int, Range(1, 256)]
Widths = Annotated[tuple[Count, ...], Range(0, 256)]
#: A share that leaves something: dropout and the like.
Dropped = Annotated[float, Range(0, 0.999)]
Shown = Annotated[float, Range(1e-6, 1)]
#: How members are averaged: their logits, or their probabilities.
Average = Literal["logit", "probability"]
