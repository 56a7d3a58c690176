"""Calls against truth on one contig: labels of the calls, and which truth alleles the calls spell. Knows no files, no metrics.

A truth allele is found when it is matched with the calls in the role of the truth, by the same search that labels calls.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from vcffilter.truth.call_sets import NOT_CARRIED
from vcffilter.truth.exclusion import Exclusions
from vcffilter.truth.genotypes import GenotypedAllele, right_genotypes
from vcffilter.truth.haplotype_match import SearchLimits
from vcffilter.truth.labeller import AlleleLabel, label_alleles
from vcffilter.truth.normalise import Edit
from vcffilter.truth.pairing import ContigPair, PairedFiles, paired_contigs
from vcffilter.truth.placement import is_on, place

logger = logging.getLogger(__name__)


class ContigMatching:
    """One contig's calls and truth. The truth alleles are those whose REF lies wholly inside the confident regions.

    calls, truth: as read. labels: one per call. placed_calls, placed_truth: the same, normalised. excluded_calls,
    excluded_truth: bool, one per allele.
    """

    def __init__(self, pair: ContigPair, limits: SearchLimits | None = None, exclusions: Exclusions | None = None) -> None:
        self.contig, self.sequence, confident = pair.contig, pair.sequence, pair.confident
        self._limits = limits
        self.calls = pair.calls
        self.labels: list[AlleleLabel] = label_alleles(
            pair.contig,
            [call.allele for call in pair.calls],
            [item.allele for item in pair.truth],
            confident,
            pair.sequence,
            limits,
        )
        usable = [item for item in pair.truth if is_on(item.pos0, item.ref, pair.sequence)]
        if confident is not None:
            usable = [item for item in usable if confident.contains(item.pos0, item.pos0 + len(item.ref))]
        self.truth = usable
        self.placed_calls = [place(*call.allele, pair.sequence) for call in self.calls]
        self.placed_truth = [place(*item.allele, pair.sequence) for item in self.truth]
        exclusions = exclusions or Exclusions(())
        self.excluded_calls = exclusions.chosen(pair.contig, self.placed_calls, pair.sequence)
        self.excluded_truth = exclusions.chosen(pair.contig, self.placed_truth, pair.sequence)

    def found(self, kept: np.ndarray) -> np.ndarray:
        """bool (n_truth,): truth alleles that the calls in `kept` (bool (n_calls,)) spell."""
        some_calls = [call.allele for call, is_kept in zip(self.calls, kept, strict=True) if is_kept]
        labels = label_alleles(self.contig, [item.allele for item in self.truth], some_calls, None, self.sequence, self._limits)
        return np.array([one.label == "TP" for one in labels], bool)

    def right_genotypes(self, kept: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """bool (n_calls,), bool (n_truth,): matched calls in `kept`, and found truth alleles, with the right genotype."""
        # What matches but reaches out of the confident regions still gives truth alleles inside their genotype.
        matched = np.array([one.how in ("exact", "haplotype") for one in self.labels], bool) & kept
        chosen_calls, chosen_truth = np.flatnonzero(matched), np.flatnonzero(found)
        answers = right_genotypes(
            [GenotypedAllele(*self.placed_calls[i], self.calls[i].zygosity) for i in chosen_calls],
            [GenotypedAllele(*self.placed_truth[i], self.truth[i].zygosity) for i in chosen_truth],
            self.sequence,
        )
        calls_right, truth_right = np.zeros(len(self.calls), bool), np.zeros(len(self.truth), bool)
        calls_right[chosen_calls], truth_right[chosen_truth] = answers
        return calls_right, truth_right

    def calls_of_truth(self, found: np.ndarray) -> list[list[int]]:
        """For each truth allele the calls that are that allele; where there are none and it is found with neighbours, the
        nearest matched call. found: bool (n_truth,), by all calls.
        """
        same: dict[Edit, list[int]] = {}
        matched = []
        for index, (item, label) in enumerate(zip(self.placed_calls, self.labels, strict=True)):
            same.setdefault(item.normalised, []).append(index)
            if label.how == "haplotype":
                matched.append(index)
        positions = np.array([self.calls[index].pos1 - 1 for index in matched])
        answer = []
        for item, is_found in zip(self.placed_truth, found, strict=True):
            indices = same.get(item.normalised, [])
            if not indices and is_found and len(positions):
                indices = [matched[int(np.argmin(np.abs(positions - item.normalised.start0)))]]
            answer.append(indices)
        return answer


def matched_contigs(files: PairedFiles, limits: SearchLimits | None = None) -> Iterator[ContigMatching]:
    """One contig after the other: those of the calls as they come, then those that only the truth has. Calls without a sequence,
    and those that the sample does not carry when one is named, are left out. Raises what `paired_contigs` raises.
    """
    exclusions = Exclusions(files.exclude)
    n_unsupported = 0
    for pair in paired_contigs(files, missed_contigs=True, also_named=exclusions.contigs_of):
        with_sequence = [call for call in pair.calls if call.has_sequence]
        n_unsupported += len(pair.calls) - len(with_sequence)
        carried = [call for call in with_sequence if files.sample is None or call.zygosity != NOT_CARRIED]
        yield ContigMatching(pair._replace(calls=carried), limits, exclusions)
    if n_unsupported:
        logger.info("%d symbolic, `*` and similar ALTs are not compared", n_unsupported)
