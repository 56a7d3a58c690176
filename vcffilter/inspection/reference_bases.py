"""REF of the calls against the bases of the FASTA: the same, others, or unknown there (N). Looks at a few calls of many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.kernels.reference import UNKNOWN_BASE, base_code_table
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_chunk import AlleleChunk

#: Calls looked at of each chunk.
_MOST_PER_CHUNK = 32
#: Calls on unknown bases before anything is said, and their least share.
_FEWEST, _LEAST_SHARE = 5, 0.05


@dataclass
class ReferenceBases:
    """Counts of the calls looked at. where: the first call of each kind, as CHROM:POS."""

    n_same: int = 0
    n_other: int = 0
    n_unknown: int = 0
    first_other: str = ""
    first_unknown: str = ""

    @property
    def n_calls(self) -> int:
        """All that were looked at."""
        return self.n_same + self.n_other + self.n_unknown

    def saw(self, reference: ReferenceFile, alleles: AlleleChunk, most: int = _MOST_PER_CHUNK) -> None:
        """Look at calls spread evenly over a chunk, whose contig the FASTA may lack. Raises ReferenceFileError."""
        length = reference.length_of_contig.get(alleles.contig)
        if length is None or alleles.n_alleles == 0:
            return
        codes = base_code_table()
        for index in np.unique(np.linspace(0, alleles.n_alleles - 1, min(most, alleles.n_alleles)).astype(np.int64)):
            start0 = int(alleles.start0[index])
            ref = codes[alleles.ref_bases[alleles.ref_offset[index] : alleles.ref_offset[index + 1]]]
            end0 = start0 + len(ref)
            place = f"{alleles.contig}:{start0 + 1}"
            if not 0 <= start0 < end0 <= length:
                self._count_other(place)
                continue
            there = reference.segments(alleles.contig, np.array([start0]), np.array([end0])).codes
            known = (there != UNKNOWN_BASE) & (ref != UNKNOWN_BASE)
            if not known.any():
                self.n_unknown += 1
                self.first_unknown = self.first_unknown or place
            elif (there[known] != ref[known]).any():
                self._count_other(place)
            else:
                self.n_same += 1

    def _count_other(self, place: str) -> None:
        self.n_other += 1
        self.first_other = self.first_other or place

    def warning(self, path: str) -> RunWarning | None:
        """A warning where the FASTA is masked at the calls. path: of the FASTA."""
        if self.n_unknown < _FEWEST or self.n_unknown < _LEAST_SHARE * self.n_calls:
            return None
        return RunWarning(
            "reference_unknown_bases",
            f"{path} has N at {self.n_unknown} of {self.n_calls} calls looked at (the first at {self.first_unknown})",
            "Give the FASTA that the calls were made with, not a hard-masked one: the sequence around such calls counts",
        )
