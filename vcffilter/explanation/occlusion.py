"""What reads, strands and channels are worth, found by leaving them out and scoring again: a check of every other explanation.

Knows arrays, encoders and scorers; no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vcffilter.encoding.encoder import ChunkEncoder, EncodedAlleles, PreparedChunk, site_reads
from vcffilter.kernels import sam
from vcffilter.kernels.support import N_COVERING

if TYPE_CHECKING:
    from vcffilter.models.encoder_spec import EncoderSpec
    from vcffilter.scoring.network import CalibratedNetwork


@dataclass(frozen=True)
class Occlusion:
    """Log-odds with everything minus log-odds without something: positive = it speaks for the ALT. NaN: nothing is left then.

    of_read: float64 (n_reads of the chunk,), the read and its mate left out; NaN also for reads that do not lie over the allele.
    forward, reverse: all reads of a strand left out. of_channel: a channel of the tensor made its mean in the training data.
    """

    of_read: np.ndarray
    forward: float
    reverse: float
    of_channel: dict[str, float]


@dataclass(frozen=True)
class Evidence:
    """One ALT with its reads. prepared: of a chunk of this ALT alone. encoded: what `encoder` makes of it."""

    prepared: PreparedChunk
    encoder: ChunkEncoder
    encoded: EncodedAlleles
    is_snv: bool


def occlude(evidence: Evidence, scorer: CalibratedNetwork, channel_means: np.ndarray | None) -> Occlusion:
    """Leave out each fragment, each strand, each channel. channel_means: float (n_channels,); None: no channel is left out."""
    fragments = _fragments(evidence.prepared)
    is_reverse = (evidence.prepared.reads.flag[: evidence.prepared.n_reads] & sam.FLAG_REVERSE) != 0
    left_out = [*fragments, np.flatnonzero(~is_reverse), np.flatnonzero(is_reverse)]
    lost = _log_odds(evidence, scorer, evidence.encoded)[0] - _without(evidence, scorer, left_out)
    of_read = np.full(evidence.prepared.n_reads, np.nan)
    for fragment, value in zip(fragments, lost, strict=False):
        of_read[fragment] = value
    of_channel = {} if channel_means is None else _channels(evidence, scorer, channel_means)
    return Occlusion(of_read, float(lost[-2]), float(lost[-1]), of_channel)


def _fragments(prepared: PreparedChunk) -> list[np.ndarray]:
    """Reads over the allele, int64 each: a read and, where it is there, its mate."""
    site = site_reads(prepared, 0)
    over = site.read[: site.counts[N_COVERING]]
    pairs = {tuple(sorted({int(read), int(mate)} - {-1})) for read, mate in zip(over, prepared.events.mate[over], strict=True)}
    return [np.array(pair, np.int64) for pair in sorted(pairs)]


def _without(evidence: Evidence, scorer: CalibratedNetwork, left_out: Sequence[np.ndarray]) -> np.ndarray:
    """Log-odds without some reads each time, float64 (len(left_out),); NaN where none is left that informs."""
    pieces = []
    for reads in left_out:
        length = evidence.prepared.reads.query_length.copy()
        length[reads] = 0  # a read without bases lies over nothing
        prepared = replace(evidence.prepared, reads=evidence.prepared.reads._replace(query_length=length))
        pieces.append(evidence.encoder.encode_prepared(prepared, _room(scorer.encoder)))
    tensors = [piece.reads for piece in pieces if piece.reads is not None]
    joined = EncodedAlleles(
        np.concatenate([piece.features for piece in pieces]),
        np.concatenate(tensors) if tensors else None,
        np.concatenate([piece.counts for piece in pieces]),
        np.concatenate([piece.problem for piece in pieces]),
        np.concatenate([piece.together for piece in pieces]),
    )
    return np.where(joined.n_informing > 0, _log_odds(evidence, scorer, joined), np.nan)


def _room(spec: EncoderSpec) -> np.ndarray | None:
    return np.zeros((1, spec.rows, spec.columns, spec.n_channels), np.uint8) if spec.rows else None


def _log_odds(evidence: Evidence, scorer: CalibratedNetwork, encoded: EncodedAlleles) -> np.ndarray:
    is_snv = np.full(len(encoded.features), evidence.is_snv)
    return scorer.log_odds(encoded.features, encoded.reads, is_snv, encoded.n_informing)


def _channels(evidence: Evidence, scorer: CalibratedNetwork, means: np.ndarray) -> dict[str, float]:
    tensor = evidence.encoded.reads
    assert tensor is not None
    n = tensor.shape[3]
    changed = np.repeat(tensor, n, axis=0)
    is_there = tensor[0].any(axis=2)
    for channel in range(n):
        changed[channel, :, :, channel][is_there] = np.clip(np.rint(means[channel]), 1, 255)
    own = evidence.encoded
    counts, problem, together = (np.repeat(array, n, 0) for array in (own.counts, own.problem, own.together))
    encoded = EncodedAlleles(np.repeat(own.features, n, 0), changed, counts, problem, together)
    lost = _log_odds(evidence, scorer, evidence.encoded)[0] - _log_odds(evidence, scorer, encoded)
    return dict(zip(scorer.encoder.channels, lost.tolist(), strict=True))
