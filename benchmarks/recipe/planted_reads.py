"""Plants alleles into all reads of a BAM: who carries what, mates, order.

Must not know callers, labels, or how sites are chosen.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam
from planting import aligned_bases, carry, write_back

from vcffilter.truth.normalise import Edit

#: How far (bases) beyond a read's end a fill can reach.
REACH = 100


@dataclass(frozen=True)
class PlantedAllele:
    """A normalised edit, 0-based, and which of the two haplotypes (0, 1) carry it."""

    edit: Edit
    haplotypes: tuple[int, ...]

    @property
    def genotype(self) -> str:
        """As in a VCF, unphased: the sample's own variants are on other haplotypes than the planted ones."""
        return "1/1" if len(self.haplotypes) == 2 else "0/1"


def haplotype_of(name: str, seed: int) -> int:
    """0 or 1, drawn once for all reads of a name: mates agree, and so do neighbouring alleles."""
    return random.Random(f"{seed} {name}").randrange(2)


def plant_in_read(read: pysam.AlignedSegment, alleles: Sequence[PlantedAllele], reference: str, seed: int) -> bool:
    """Change one record in place; True when anything changed. alleles: sorted by position."""
    if read.is_unmapped or read.reference_end is None or not alleles:
        return False
    first = bisect_left(alleles, read.reference_start - REACH, key=lambda allele: allele.edit.start0)
    last = bisect_left(alleles, read.reference_end + REACH, key=lambda allele: allele.edit.start0)
    haplotype = haplotype_of(read.query_name or "", seed)
    carried = [allele.edit for allele in alleles[first:last] if haplotype in allele.haplotypes]
    before = aligned_bases(read) if carried else None
    if before is None:
        return False
    after = before
    # From the sequenced end on: what an indel fills in may hold the next allele's place.
    for edit in reversed(carried) if read.is_reverse else carried:
        after = carry(after, edit, reference)
    if after is before:
        return False
    write_back(read, after, reference)
    return True


def plant_in_reads(
    reads: Sequence[pysam.AlignedSegment], alleles: Sequence[PlantedAllele], contig: str, reference: str, seed: int
) -> list[pysam.AlignedSegment]:
    """The records, changed in place, and in order of position again. Names that carry nothing stay as they are."""
    changed = {
        read.query_name for read in reads if read.reference_name == contig and plant_in_read(read, alleles, reference, seed)
    }
    pairs: dict[str | None, list[pysam.AlignedSegment]] = {}
    for read in reads:
        if read.query_name in changed and read.is_paired and not read.is_secondary and not read.is_supplementary:
            pairs.setdefault(read.query_name, []).append(read)
    for pair in pairs.values():
        if len(pair) == 2:
            _agree(*pair)
    return sorted(reads, key=lambda read: (read.reference_id < 0, read.reference_id, read.reference_start))


def _agree(first: pysam.AlignedSegment, second: pysam.AlignedSegment) -> None:
    """What mates say of each other: place, CIGAR, length of the template."""
    for read, mate in ((first, second), (second, first)):
        if read.is_unmapped and not mate.is_unmapped:
            read.reference_start = mate.reference_start
    for read, mate in ((first, second), (second, first)):
        read.next_reference_start = mate.reference_start
        if read.has_tag("MC") and mate.cigarstring:
            read.set_tag("MC", mate.cigarstring)
    if first.template_length and not first.is_unmapped and not second.is_unmapped and first.reference_id == second.reference_id:
        start0 = min(first.reference_start, second.reference_start)
        size = max(first.reference_end or 0, second.reference_end or 0) - start0
        sign = 1 if first.template_length > 0 else -1
        first.template_length, second.template_length = sign * size, -sign * size


def plant_in_file(source: Path, target: Path, alleles: Sequence[PlantedAllele], contig: str, reference: str, seed: int) -> None:
    """Indexed copy of the BAM's reads of one contig with the alleles planted; appears under its name when complete."""
    partial = target.with_name(f"partial.{target.name}")
    with pysam.AlignmentFile(str(source)) as given:
        reads = plant_in_reads(list(given.fetch(contig)), alleles, contig, reference, seed)
        with pysam.AlignmentFile(str(partial), "wb", template=given) as output:
            for read in reads:
                output.write(read)
    pysam.index(str(partial))
    partial.with_name(f"{partial.name}.bai").rename(target.with_name(f"{target.name}.bai"))
    partial.rename(target)
