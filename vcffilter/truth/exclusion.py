"""Alleles whose truth is disputed: regions of BED files and alleles of VCF files that are not counted. Knows no labels."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from vcffilter.truth.call_sets import CallsFile
from vcffilter.truth.normalise import Allele, is_sequence
from vcffilter.truth.placement import PlacedAllele, place
from vcffilter.variants.intervals import EMPTY, Intervals, read_bed

logger = logging.getLogger(__name__)

_BED_ENDINGS = (".bed", ".bed.gz", ".bed.bgz")


class Exclusions:
    """What --exclude names. A BED (by its ending) takes every allele that overlaps it; a VCF or BCF takes its own alleles,
    however they are spelled and whatever its FILTER and genotypes say.

    contigs_of: the contigs that each file has something on. Raises RegionError, VariantFileError.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._beds: list[dict[str, Intervals]] = []
        self._alleles: dict[str, list[Allele]] = {}
        self.contigs_of: dict[str, set[str]] = {}
        for path in paths:
            if path.lower().endswith(_BED_ENDINGS):
                self._beds.append(read_bed(path))
                self.contigs_of[path] = set(self._beds[-1])
            else:
                self.contigs_of[path] = self._read_alleles(path)

    def chosen(self, contig: str, placed: Sequence[PlacedAllele], sequence: str) -> np.ndarray:
        """bool (n,): which of a contig's alleles are left out. sequence: the contig's, upper case."""
        beds = [bed.get(contig, EMPTY) for bed in self._beds]
        listed = {place(*allele, sequence).normalised for allele in self._alleles.get(contig, ())}
        answers = [
            item.normalised in listed or any(bed.overlaps(item.span.start0, item.span.end0) for bed in beds) for item in placed
        ]
        return np.array(answers, bool)

    def _read_alleles(self, path: str) -> set[str]:
        contigs, n_symbolic = set[str](), 0
        with CallsFile(path) as calls:
            for item in calls.alleles():
                if not is_sequence(item.alt.upper()):
                    n_symbolic += 1
                    continue
                self._alleles.setdefault(item.contig, []).append(item.allele)
                contigs.add(item.contig)
        if n_symbolic:
            logger.warning("%s: %d ALTs without a sequence leave nothing out; give such regions as BED", path, n_symbolic)
        return contigs
