"""Evidence for alleles in a window of a BAM or CRAM: bases and gaps by position. Plain and slow, any library; decides nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pysam

from vcffilter.kernels import sam
from vcffilter.simulation.bases import CODE_OF_ASCII
from vcffilter.simulation.settings import CallerSettings
from vcffilter.truth.normalise import Edit, left_align

_SKIPPED_FLAGS = sam.FLAGS_LEFT_OUT | sam.FLAG_SUPPLEMENTARY
#: A gap written this far beyond the window may belong to it once moved left.
_FURTHEST_SHIFT = 100


@dataclass
class WindowEvidence:
    """What the reads of reference[start0:end0] say.

    counts: int32 (end0 - start0, 4), bases A, C, G, T above the threshold. log_error: float64, same shape, their summed
    log10 chance of being wrong. depth: int32 (end0 - start0,), reads over each base, deleted ones included.
    reads_of_base: {(pos0, base code): read numbers} of bases that differ from the reference.
    reads_of_gap: {left-aligned Edit: read numbers}. mapq_sum: float64 (end0 - start0,).
    """

    start0: int
    end0: int
    counts: np.ndarray
    log_error: np.ndarray
    depth: np.ndarray
    mapq_sum: np.ndarray
    reads_of_base: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    reads_of_gap: dict[Edit, list[int]] = field(default_factory=lambda: defaultdict(list))


def window_evidence(
    alignments: pysam.AlignmentFile,
    contig: str,
    text: str,
    reference: np.ndarray,
    start0: int,
    end0: int,
    settings: CallerSettings,
) -> WindowEvidence:
    """Evidence of contig:[start0, end0). text and reference: the whole contig as str and as uint8 ASCII.

    Overlapping mates count twice, which a careless caller does.
    """
    size = end0 - start0
    shape = (size, 4)
    evidence = WindowEvidence(start0, end0, np.zeros(shape, np.int32), np.zeros(shape), np.zeros(size, np.int32), np.zeros(size))
    blocks = _Blocks()
    placed: dict[tuple[int, int, str], Edit] = {}
    for number, read in enumerate(alignments.fetch(contig, start0, end0)):
        if read.flag & _SKIPPED_FLAGS or read.mapping_quality < settings.min_mapq or read.query_sequence is None:
            continue
        for edit in blocks.add(read, number, start0, end0):
            if edit not in placed:
                placed[edit] = left_align(Edit(*edit), text)
            evidence.reads_of_gap[placed[edit]].append(number)
    _count(evidence, blocks, reference, settings)
    return evidence


class _Blocks:
    """Aligned stretches of reads, gathered before they are counted together."""

    def __init__(self) -> None:
        self.position: list[np.ndarray] = []
        self.base: list[np.ndarray] = []
        self.qual: list[np.ndarray] = []
        self.read: list[int] = []
        self.mapq: list[int] = []
        self.deleted: list[tuple[int, int]] = []

    def add(self, read: pysam.AlignedSegment, number: int, start0: int, end0: int) -> list[tuple[int, int, str]]:
        """Takes the read's stretches inside the window; returns its gaps there as (start0, end0, inserted bases)."""
        sequence = read.query_sequence or ""
        bases = np.frombuffer(sequence.encode(), np.uint8)
        quals = np.asarray(read.query_qualities, np.uint8)
        at_ref, at_read, gaps = read.reference_start, 0, []
        for op, n in read.cigartuples or ():
            if op in sam.ALIGNED:
                low, high = max(at_ref, start0), min(at_ref + n, end0)
                if low < high:
                    self.position.append(np.arange(low, high))
                    self.base.append(bases[at_read + low - at_ref : at_read + high - at_ref])
                    self.qual.append(quals[at_read + low - at_ref : at_read + high - at_ref])
                    self.read.append(number)
                    self.mapq.append(read.mapping_quality)
                at_ref += n
                at_read += n
            elif op in (2, 3):
                if op == 2 and start0 <= at_ref < end0 + _FURTHEST_SHIFT:
                    gaps.append((at_ref, at_ref + n, ""))
                    self.deleted.append((min(at_ref, end0), min(at_ref + n, end0)))
                at_ref += n
            else:
                if op == 1 and start0 <= at_ref < end0 + _FURTHEST_SHIFT:
                    gaps.append((at_ref, at_ref, sequence[at_read : at_read + n]))
                at_read += n if op != 5 else 0
        return gaps


def _count(evidence: WindowEvidence, blocks: _Blocks, reference: np.ndarray, settings: CallerSettings) -> None:
    if not blocks.position:
        return
    position = np.concatenate(blocks.position) - evidence.start0
    base = CODE_OF_ASCII[np.concatenate(blocks.base)]
    qual = np.concatenate(blocks.qual).astype(np.float64)
    sizes = [len(piece) for piece in blocks.position]
    size = evidence.end0 - evidence.start0
    evidence.depth += np.bincount(position, minlength=size).astype(np.int32)
    evidence.mapq_sum += np.bincount(position, np.repeat(blocks.mapq, sizes), size)
    for low, high in blocks.deleted:
        evidence.depth[low - evidence.start0 : high - evidence.start0] += 1
    good = (base < 4) & (qual >= settings.min_base_qual)
    key = position * 4 + base
    evidence.counts += np.bincount(key[good], minlength=4 * size).reshape(-1, 4).astype(np.int32)
    evidence.log_error += np.bincount(key[good], -qual[good] / 10, 4 * size).reshape(-1, 4)
    differs = np.flatnonzero(good & (base != CODE_OF_ASCII[reference[evidence.start0 : evidence.end0]][position]))
    read = np.repeat(blocks.read, sizes)[differs]
    for at, code, number in zip(position[differs].tolist(), base[differs].tolist(), read.tolist(), strict=True):
        evidence.reads_of_base[at + evidence.start0, code].append(number)
