"""A resource VCF: alleles known in people, whoever carries them (dbSNP common, 1000 Genomes, Mills, HapMap). Knows no labels."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from vcffilter.errors import VariantFileError
from vcffilter.truth.haplotype_match import SearchLimits
from vcffilter.truth.labeller import TRUE_POSITIVE, TruthIndex, label_alleles
from vcffilter.truth.normalise import Allele, is_sequence
from vcffilter.truth.placement import is_on, place
from vcffilter.truth.variant_file import VariantFile

#: Insertions and deletions of a resource further than this from every call (bp) are not kept: more than they shift in most
#: repeats. Substitutions of one base stay where they are.
NEAR_BASES = 300
#: A called allele of several bases may be spelled by alleles that overlap it, and by nothing beside it: in a dense resource any
#: haplotype could be put together from what lies around.
_ALONE = SearchLimits(gap_bases=0, max_reach_bases=100, max_states=2_000)


class ResourceFile(VariantFile):
    """An indexed VCF or BCF whose records are alleles that people have. Genotypes are not looked at; a record whose FILTER is
    neither PASS nor `.` is left out. Raises VariantFileError.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        if not self.has_index:
            raise VariantFileError(
                "the resource has no index", path=self.path, hint=f"bgzip it and index it with: bcftools index {self.path}"
            )

        if not self.contigs:
            raise VariantFileError(
                "the resource declares no contig: nothing of it can be found",
                path=self.path,
                hint="Write its ##contig lines with: bcftools reheader --fai REFERENCE.fai, and index it again",
            )

    def alleles_near(self, contig: str, spans: Sequence[tuple[int, int]]) -> Iterator[Allele]:
        """Alleles of a contig, in upper case, that lie near one of the spans (0-based, half open)."""
        if contig not in self.contigs:
            return
        starts0, reached0 = _reach(spans)
        for record in self.records(contig):
            ref, alts = self.alleles_of(record, None)
            pos0, near = record.POS - 1, 0 if len(ref) == 1 == max(map(len, alts), default=1) else NEAR_BASES
            before = bisect_right(starts0, pos0 + len(ref) - 1 + near)
            if before == 0 or reached0[before - 1] <= pos0 - near or record.FILTER is not None:
                continue
            for alt in alts:
                if is_sequence(ref.upper()) and is_sequence(alt.upper()):
                    yield pos0, ref.upper(), alt.upper()


def _reach(spans: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """(starts, rising; the furthest end of the spans up to each)."""
    starts0, reached0, furthest = [], [], -1
    for start0, end0 in sorted(spans):
        furthest = max(furthest, end0)
        starts0.append(start0)
        reached0.append(furthest)
    return starts0, reached0


class KnownAlleles:
    """What resources have on one contig, ready to be asked. reference: the contig's sequence, upper case."""

    def __init__(self, contig: str, known: Sequence[Allele], reference: str) -> None:
        self._contig, self._reference = contig, reference
        self._index = TruthIndex(known, reference)

    def has(self, allele: Allele) -> bool:
        """Whether a resource has the same allele, normalised, or alleles that overlap it and together spell it."""
        if not is_on(allele[0], allele[1], self._reference):
            return False
        placed = place(*allele, self._reference)
        if placed.normalised in self._index.normalised:
            return True
        start0, end0, alt = placed.written
        if not alt or end0 == start0 or len(alt) == end0 - start0 == 1:
            return False
        return label_alleles(self._contig, [allele], self._index, None, self._reference, _ALONE)[0].label == TRUE_POSITIVE
