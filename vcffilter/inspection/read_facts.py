"""What reads say of their platform: length, pairs, indels, introns, from about a thousand of them, spread over the file.

@RG PL is not asked: it is often missing, and often wrong. Knows no variants and no models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from statistics import median
from typing import Any

import pysam

from vcffilter.errors import ReadsFileError
from vcffilter.kernels import sam

#: Names of platforms, as models' ranges have them, and in words.
PLATFORMS = {
    "illumina": "short reads",
    "rna": "spliced short reads (RNA)",
    "hifi": "long reads of few errors (PacBio HiFi)",
    "ont": "long reads with many indels (ONT, PacBio CLR)",
}
#: Longer ones are long reads.
_LONG_READ = 1000
#: Indels per kb above which long reads are no HiFi (HiFi: up to 2.3 measured, ONT R10: 6.5); share of spliced reads of RNA.
_MANY_INDELS, _SPLICED_SHARE = 4.0, 0.02
_PLACES, _READS_PER_PLACE = 8, 150
#: Reads of a slice that are looked at for introns: its first gene may have none.
_MOST_READS_OF_SLICE = 20_000
_LEFT_OUT = sam.FLAGS_LEFT_OUT | sam.FLAG_SUPPLEMENTARY


@dataclass(frozen=True)
class ReadFacts:
    """n_reads: looked at. read_length: median, bases. paired_share, spliced_share: of reads. indels_per_kb: of aligned bases."""

    n_reads: int
    read_length: float
    paired_share: float
    spliced_share: float
    indels_per_kb: float

    @property
    def platform(self) -> str:
        """A name of PLATFORMS."""
        if self.read_length >= _LONG_READ:
            return "ont" if self.indels_per_kb > _MANY_INDELS else "hifi"
        return "rna" if self.spliced_share > _SPLICED_SHARE else "illumina"

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**asdict(self), "platform": self.platform}


def read_facts(path: str, reference_path: str) -> ReadFacts | None:
    """Facts of one BAM or CRAM with an index; None where it has no mapped read. Raises ReadsFileError where it cannot be read."""
    try:
        with pysam.AlignmentFile(path, "r", reference_filename=reference_path) as alignments:
            facts = facts_of(_spread_reads(alignments))
            if facts is None or facts.n_reads >= _PLACES * _READS_PER_PLACE or facts.read_length >= _LONG_READ:
                return facts
            return replace(facts, spliced_share=_spliced_share(alignments))
    except (OSError, ValueError) as error:
        raise ReadsFileError(
            f"cannot be read ({error})", path=path, hint="Check it with: samtools quickcheck -v, and index it again"
        ) from error


def facts_of(reads: Iterable[pysam.AlignedSegment]) -> ReadFacts | None:
    """Facts of some reads; None of none."""
    lengths: list[int] = []
    n_paired = n_spliced = n_indels = n_aligned = 0
    for read in reads:
        operations = read.cigartuples or []
        lengths.append(read.query_length or read.infer_query_length() or 0)
        n_paired += read.is_paired
        n_spliced += any(operation == sam.SKIP for operation, _ in operations)
        n_indels += sum(operation in (sam.INSERTION, sam.DELETION) for operation, _ in operations)
        n_aligned += sum(length for operation, length in operations if operation in sam.ALIGNED)
    if not lengths:
        return None
    n = len(lengths)
    return ReadFacts(n, float(median(lengths)), n_paired / n, n_spliced / n, 1000 * n_indels / max(n_aligned, 1))


def _spread_reads(alignments: pysam.AlignmentFile) -> Iterator[pysam.AlignedSegment]:
    """Primary reads from places spread over the contigs; where the file holds a slice only, reads of the slice, each once."""
    n_found = 0
    contig, last0 = "", -1
    for place, start0 in _places(alignments):
        if place != contig:
            contig, last0 = place, -1
        n_here = 0
        for read in alignments.fetch(place, max(start0, last0 + 1)):
            if read.flag & _LEFT_OUT or read.reference_start <= last0:
                continue
            yield read
            n_here += 1
            if n_here == _READS_PER_PLACE:
                last0 = read.reference_start
                break
        n_found += n_here
    if n_found == 0:
        yield from _first_reads(alignments)


def _spliced_share(alignments: pysam.AlignmentFile) -> float:
    """Of a file so small that the places did not fill: of its first _MOST_READS_OF_SLICE primary reads."""
    reads = (read for read in alignments.fetch() if not read.flag & _LEFT_OUT)
    spliced = [
        any(operation == sam.SKIP for operation, _ in read.cigartuples or ()) for read in islice(reads, _MOST_READS_OF_SLICE)
    ]
    return sum(spliced) / max(len(spliced), 1)


def _first_reads(alignments: pysam.AlignmentFile) -> Iterator[pysam.AlignedSegment]:
    n = 0
    for read in alignments.fetch():
        if not read.flag & _LEFT_OUT:
            yield read
            n += 1
        if n == _PLACES * _READS_PER_PLACE:
            return


def _places(alignments: pysam.AlignmentFile) -> Iterator[tuple[str, int]]:
    """Contigs and positions at even steps through all contigs."""
    lengths = alignments.lengths
    total, passed, index = sum(lengths), 0, 0
    for step in range(_PLACES):
        wanted = total * (2 * step + 1) // (2 * _PLACES)
        while passed + lengths[index] <= wanted:
            passed += lengths[index]
            index += 1
        yield alignments.references[index], wanted - passed
