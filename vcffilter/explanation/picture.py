"""An explanation drawn beside, and over, the reads that it is about. Knows no files but those of a `PileupSource`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vcffilter.explanation.bars import draw_bars
from vcffilter.explanation.occlusion import Evidence
from vcffilter.pictures.drawing import Drawing, beside
from vcffilter.pictures.heat import first_column0, heat_of, heat_of_reads, read_of_each_row
from vcffilter.pictures.layout import Tint, draw_pileup
from vcffilter.pictures.pileup import pileup_of

if TYPE_CHECKING:
    from vcffilter.explanation.call_explainer import CallExplanation
    from vcffilter.models.encoder_spec import EncoderSpec
    from vcffilter.pictures.facts import CallFacts
    from vcffilter.pictures.painter import PileupSource


def evidence_of(source: PileupSource, spec: EncoderSpec, contig: str, pos1: int, ref: str, alt: str) -> Evidence | None:
    """What a model with this spec gets of an ALT; None where no reads inform it. Raises ReferenceMismatchError."""
    encoder = source.encoder(spec)
    prepared = source.prepared(contig, pos1, ref, alt, encoder=encoder)
    room = np.zeros((1, spec.rows, spec.columns, spec.n_channels), np.uint8) if spec.rows else None
    encoded = encoder.encode_prepared(prepared, room)
    if not encoded.n_informing[0]:
        return None
    return Evidence(prepared, encoder, encoded, len(ref) == len(alt) == 1)


def draw_explained(evidence: Evidence, call: CallFacts, found: CallExplanation, model_id: str) -> Drawing:
    """The reads, and beside them what the parts add; of a network that looks at the pileup the gradients lie over the reads."""
    pileup, tint = pileup_of(evidence.prepared, call.contig, 0), None
    if found.maps is not None:
        heat = heat_of(pileup, found.maps.gradients, *_place(evidence, found.maps.gradients))
        tint = Tint(heat, "integrated gradients, log-odds")
    return beside(draw_pileup(pileup, call, tint), draw_bars(found.explanation, call, model_id))


def draw_cam(evidence: Evidence, call: CallFacts, found: CallExplanation) -> Drawing | None:
    """The reads under a network's Grad-CAM; None where there is none."""
    if found.maps is None or found.maps.cam is None:
        return None
    pileup = pileup_of(evidence.prepared, call.contig, 0)
    heat = heat_of(pileup, found.maps.cam, *_place(evidence, found.maps.gradients))
    return draw_pileup(pileup, call, Tint(heat, "Grad-CAM of the last map of rows and columns, no unit"))


def draw_left_out(evidence: Evidence, call: CallFacts, found: CallExplanation) -> Drawing:
    """The reads in the colours of what is lost without each of them and its mate."""
    pileup = pileup_of(evidence.prepared, call.contig, 0)
    heat = heat_of_reads(pileup, found.occlusion.of_read)
    return draw_pileup(pileup, call, Tint(heat, "log-odds lost without a read and its mate"))


def _place(evidence: Evidence, gradients: np.ndarray) -> tuple[np.ndarray, int]:
    n_rows, n_columns = gradients.shape
    return read_of_each_row(evidence.prepared, n_rows), first_column0(evidence.prepared, n_columns)
