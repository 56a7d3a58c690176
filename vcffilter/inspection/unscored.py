"""Runs in which nothing or nearly nothing could be scored: the files do not belong together. Knows statuses, not their causes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vcffilter.inspection.samples import named
from vcffilter.pipeline.run_warnings import RunWarning, UnscoredError
from vcffilter.variants.allele_scores import STATUS_CODE, AlleleScores
from vcffilter.variants.chunks import RecordChunk

#: ALTs of a kind that can be scored before a run is judged: shards and headers alone are left in peace.
FEWEST_ALTS = 100
#: So many, all of them on contigs that the other files lack, are worth a word, though too few to end a run.
FEWEST_WITHOUT_CONTIG = 10
#: Share of them scored below which a run fails, and below which it warns.
LEAST_SHARE, LOW_SHARE = 0.02, 0.5
#: Their own sequence or genotypes forbid scoring, whatever the files are.
_OF_THE_ALLELE = (STATUS_CODE["allele_too_long"], STATUS_CODE["invalid_allele"], STATUS_CODE["no_carrier"])


@dataclass
class UnscoredAlts:
    """Counts ALTs of a kind that can be scored, and why some were not."""

    n_alts: int = 0
    n_scored: int = 0
    n_no_reads: int = 0
    n_contig_missing: int = 0
    n_ref_mismatch: int = 0
    contigs_missing: list[str] = field(default_factory=list)

    def saw(self, chunk: RecordChunk, scores: AlleleScores) -> None:
        """Take a chunk in."""
        status = scores.status
        self.n_alts += int((~np.isin(status, _OF_THE_ALLELE)).sum())
        self.n_scored += int((status == STATUS_CODE["scored"]).sum())
        self.n_no_reads += int((status == STATUS_CODE["no_reads"]).sum())
        self.n_ref_mismatch += int((status == STATUS_CODE["ref_mismatch"]).sum())
        n_missing = int((status == STATUS_CODE["contig_missing"]).sum())
        self.n_contig_missing += n_missing
        if n_missing and chunk.alleles.contig not in self.contigs_missing:
            self.contigs_missing.append(chunk.alleles.contig)

    def warning(self) -> RunWarning | None:
        """A warning where less than half was scored, of few ALTs where the contigs of all are missing."""
        enough = FEWEST_WITHOUT_CONTIG if self.n_contig_missing == self.n_alts else FEWEST_ALTS
        if self.n_alts < enough or self.n_scored >= LOW_SHARE * self.n_alts:
            return None
        return RunWarning("hardly_scored", f"{self._what()}{self._why()}", self._hint())

    def refuse(self) -> None:
        """Raise UnscoredError where nothing or nearly nothing was scored."""
        if self.n_alts >= FEWEST_ALTS and self.n_scored < LEAST_SHARE * self.n_alts:
            hint = f"{self._hint()}; if it is meant so, pass --allow-unscored"
            raise UnscoredError(f"{self._what()}{self._why()}", hint=hint)

    def _what(self) -> str:
        number = "none" if self.n_scored == 0 else f"only {self.n_scored}"
        return f"{number} of {self.n_alts} ALTs could be scored"

    def _why(self) -> str:
        parts = [
            (self.n_no_reads, "no reads lie at {} of them"),
            (self.n_contig_missing, f"FASTA or reads lack the contigs of {{}} ({named(self.contigs_missing)})"),
            (self.n_ref_mismatch, "REF is not the reference's in {} of them"),
        ]
        said = [text.format(number) for number, text in parts if number]
        return f": {', '.join(said)}" if said else ""

    def _hint(self) -> str:
        most = max(self.n_no_reads, self.n_contig_missing, self.n_ref_mismatch)
        if most == self.n_no_reads:
            return "Give the BAM or CRAM that these calls were made from, or only its regions with -r or -t"
        if most == self.n_contig_missing:
            return "Give the FASTA and the reads of the build that the calls are on; pileup-filter check shows the contigs of all"
        return "Give the FASTA that the calls were made with"
