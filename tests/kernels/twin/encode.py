"""Twin of kernels/encode.py and of the encoder: one allele after the other, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.context_features import context_features
from twin.normalised_alleles import FINE, Called, normalise
from twin.phase import phase
from twin.read_features import differences, read_features
from twin.reads import PAIRED, SUPPLEMENTARY, Read
from twin.reference import Contig
from twin.scan import Indel, indels
from twin.support import SUPPORTS_ALT, SUPPORTS_REF, weigh
from twin.tensor import tensor

_FLANK = 30


@dataclass(frozen=True)
class Encoded:
    """What the encoder gives for one allele. features: float32 by name; reads: uint8 (rows, columns, channels).

    n_alt: reads for ALT. for_ref: those for REF, each pair of mates as one.
    """

    problem: int
    n_informing: int
    features: dict[str, np.float32]
    reads: np.ndarray
    n_alt: int = 0
    for_ref: frozenset[object] = frozenset()


class TwinEncoder:
    """reads: all reads of the contig that may matter, by start. Indels of a read are found once."""

    def __init__(
        self,
        contig: Contig,
        reads: Sequence[Read],
        n_rows: int,
        n_columns: int,
        channels: Sequence[str],
        phase_reach: int = 0,
    ) -> None:
        self._contig = contig
        self._reads = list(reads)
        self._shape = (n_rows, n_columns, len(channels))
        self._channels = tuple(channels)
        self._phase_reach = phase_reach
        self._indels_of_read: dict[int, list[Indel]] = {}

    def _indels(self, read: Read) -> list[Indel]:
        if id(read) not in self._indels_of_read:
            self._indels_of_read[id(read)] = indels(read, self._contig)
        return self._indels_of_read[id(read)]

    def encode(self, called: Called) -> Encoded:
        """Features and tensor of one ALT; zeros where it cannot be used or has no reads."""
        problem, allele = normalise(self._contig, called)
        nothing = Encoded(problem, 0, {}, np.zeros(self._shape, np.uint8))
        if problem != FINE or allele is None:
            return nothing
        first0, last0 = allele.start0 - _FLANK, allele.shift_end0 + _FLANK
        reads = [read for read in self._reads if read.start0 < last0 and read.end0 > first0]
        carried = [self._indels(read) for read in reads]
        site = weigh(allele, self._contig, reads, carried)
        if not site.reads:
            return nothing
        shown = {slot: differences(one.read, allele, self._contig, self._indels(one.read)) for slot, one in enumerate(site.reads)}
        features, n_informing = read_features(allele, self._contig, site, shown)
        features.update(context_features(allele, self._contig))
        level_of_slot: dict[int, int] = {}
        if self._phase_reach:
            phased = phase(allele, self._contig, site, self._reads, self._phase_reach)
            features.update(phased.features)
            level_of_slot = phased.levels
        levels = np.array(tensor(allele, self._contig, site, shown, *self._shape[:2], self._channels, level_of_slot), np.uint8)
        rounded = {name: np.float32(value) for name, value in features.items()}
        n_alt = sum(one.group == SUPPORTS_ALT for one in site.reads)
        for_ref = frozenset(_fragment(one.read) for one in site.reads if one.group == SUPPORTS_REF)
        return Encoded(problem, n_informing, rounded, levels.reshape(self._shape), n_alt, for_ref)


def _fragment(read: Read) -> object:
    return read.name if read.flag & PAIRED and not read.flag & SUPPLEMENTARY else id(read)
