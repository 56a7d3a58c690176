"""Calls against truth, contig by contig: labels of the calls, and which truth alleles the calls spell. Knows no metrics.

A truth allele is found when it is matched with the calls in the role of the truth, by the same search that labels calls.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pysam

from vcffilter.errors import ReferenceFileError, RegionError, VariantFileError
from vcffilter.evaluation.missed_depth import DepthCounter
from vcffilter.evaluation.tables import (
    EXCLUDED,
    FALSE,
    HARD_UNKNOWN,
    NOT_COMPARED,
    OUTSIDE,
    TRUE,
    CallTable,
    TruthTable,
    caller_believed,
    facts_of,
    joined,
)
from vcffilter.labelling.files import open_reference
from vcffilter.truth.called_variants import UNKNOWN_DEPTH, CalledVariant, CallsFile, GenotypedTruth, TruthVariant
from vcffilter.truth.context import PlacedAllele, homopolymer_bases, in_tandem_repeat, place
from vcffilter.truth.exclusion import Exclusions
from vcffilter.truth.genotypes import GenotypedAllele, right_genotypes
from vcffilter.truth.haplotype_match import SearchLimits
from vcffilter.truth.labeller import AlleleLabel, label_alleles
from vcffilter.truth.normalise import Edit, trim
from vcffilter.truth.truth_files import check_contig_names
from vcffilter.variants.intervals import Intervals, read_bed

logger = logging.getLogger(__name__)

_LABEL_CODES = {"FP": FALSE, "TP": TRUE, "OUT": OUTSIDE, ".": NOT_COMPARED}


@dataclass(frozen=True)
class ComparisonInputs:
    """What is compared. confident: BED, None = everywhere. strata: name -> BED. sample, truth_sample: see `variants`.

    reads: BAM or CRAM files that give the depth at truth alleles which no call has; without them it is unknown. exclude: BED or
    VCF files of what is counted neither as true nor as false.
    """

    calls: str
    truth: str
    reference: str
    confident: str | None = None
    strata: Mapping[str, str] = field(default_factory=dict)
    sample: str | None = None
    truth_sample: str | None = None
    info_prefix: str = "PILEUP"
    reads: tuple[str, ...] = ()
    match_genotypes: bool = False
    exclude: tuple[str, ...] = ()


class ContigComparison:
    """One contig's calls and truth. The truth alleles are those whose REF lies wholly inside the confident regions.

    calls, truth: as read. labels: one per call. placed_calls, placed_truth: the same, normalised. excluded_calls,
    excluded_truth: bool, one per allele.
    """

    def __init__(
        self,
        contig: str,
        calls: Sequence[CalledVariant],
        truth: Sequence[TruthVariant],
        confident: Intervals | None,
        sequence: str,
        limits: SearchLimits | None = None,
        exclusions: Exclusions | None = None,
    ) -> None:
        self.contig = contig
        self.sequence = sequence
        self._limits = limits
        self.labels: list[AlleleLabel] = label_alleles(
            contig, [_allele(call) for call in calls], [_allele(item) for item in truth], confident, sequence, limits
        )
        usable = [item for item in truth if sequence[item.pos0 : item.pos0 + len(item.ref)] == item.ref]
        if confident is not None:
            usable = [item for item in usable if confident.contains(item.pos0, item.pos0 + len(item.ref))]
        self.calls, self.truth = list(calls), usable
        self.placed_calls = [place(*_allele(call), sequence) for call in self.calls]
        self.placed_truth = [place(*_allele(item), sequence) for item in self.truth]
        exclusions = exclusions or Exclusions(())
        self.excluded_calls = exclusions.chosen(contig, self.placed_calls, sequence)
        self.excluded_truth = exclusions.chosen(contig, self.placed_truth, sequence)

    def found(self, kept: np.ndarray) -> np.ndarray:
        """bool (n_truth,): truth alleles that the calls in `kept` (bool (n_calls,)) spell."""
        some_calls = [_allele(call) for call, is_kept in zip(self.calls, kept, strict=True) if is_kept]
        labels = label_alleles(self.contig, [_allele(item) for item in self.truth], some_calls, None, self.sequence, self._limits)
        return np.array([one.label == "TP" for one in labels], bool)

    def right_genotypes(self, kept: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """bool (n_calls,), bool (n_truth,): matched calls in `kept`, and found truth alleles, with the right genotype."""
        # What matches but reaches out of the confident regions still gives truth alleles inside their genotype.
        matched = np.array([one.how in ("exact", "haplotype") for one in self.labels], bool) & kept
        chosen_calls, chosen_truth = np.flatnonzero(matched), np.flatnonzero(found)
        answers = right_genotypes(
            [_genotyped(self.calls[i], self.placed_calls[i]) for i in chosen_calls],
            [_genotyped(self.truth[i], self.placed_truth[i]) for i in chosen_truth],
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
        positions = np.array([self.calls[index].pos0 for index in matched])
        answer = []
        for item, is_found in zip(self.placed_truth, found, strict=True):
            indices = same.get(item.normalised, [])
            if not indices and is_found and len(positions):
                indices = [matched[int(np.argmin(np.abs(positions - item.normalised.start0)))]]
            answer.append(indices)
        return answer


def compared_contigs(inputs: ComparisonInputs, limits: SearchLimits | None = None) -> Iterator[ContigComparison]:
    """One contig after the other: those of the calls as they come, then those that only the truth has.

    Raises VariantFileError, ReferenceFileError, RegionError, ContigNamingError.
    """
    confident = None if inputs.confident is None else read_bed(inputs.confident)
    exclusions = Exclusions(inputs.exclude)
    with (
        CallsFile(inputs.calls, inputs.sample, inputs.info_prefix) as calls,
        GenotypedTruth(inputs.truth, inputs.truth_sample) as truth,
        open_reference(inputs.reference) as reference,
    ):
        _check_names(inputs, calls.file, truth, reference, confident)
        for path, contigs in exclusions.contigs_of.items():
            check_contig_names(calls.file, inputs.calls, contigs, path)
        seen: set[str] = set()
        for contig, alleles in calls.contigs():
            seen.add(contig)
            sequence = _sequence(reference, contig, inputs)
            _check_reference(contig, alleles, sequence, inputs)
            inside = _inside(confident, contig)
            yield ContigComparison(contig, alleles, truth.variants(contig), inside, sequence, limits, exclusions)
        wanted = truth.contigs if confident is None else truth.contigs & set(confident)
        for contig in sorted((wanted & set(reference.references)) - seen):
            missed = truth.variants(contig)
            if missed:
                sequence = _sequence(reference, contig, inputs)
                yield ContigComparison(contig, [], missed, _inside(confident, contig), sequence, limits, exclusions)
        if calls.n_unsupported:
            logger.info("%d symbolic, `*` and similar ALTs are not compared", calls.n_unsupported)


def compare(inputs: ComparisonInputs, limits: SearchLimits | None = None) -> tuple[CallTable, TruthTable]:
    """Both tables of a whole call set; see `compared_contigs` for what is raised."""
    strata = {name: read_bed(path) for name, path in inputs.strata.items()}
    with DepthCounter(inputs.reads, inputs.reference) as depths:
        parts = [
            tables_of(comparison, code, strata, depths, match_genotypes=inputs.match_genotypes)
            for code, comparison in enumerate(compared_contigs(inputs, limits))
        ]
    if not parts:
        raise VariantFileError(
            "there are neither calls nor truth to compare", path=inputs.calls, hint="Check the files' contigs and the regions"
        )
    return joined([calls for calls, _ in parts]), joined([truth for _, truth in parts])


def tables_of(
    comparison: ContigComparison,
    code: int,
    strata: Mapping[str, Mapping[str, Intervals]],
    depths: DepthCounter,
    *,
    match_genotypes: bool = False,
) -> tuple[CallTable, TruthTable]:
    """Both tables of one contig. code: the contig's number in them. Excluded alleles still match others."""
    calls, contig = comparison.calls, comparison.contig
    label = np.array([_LABEL_CODES[one.label] for one in comparison.labels], np.uint8)
    label[comparison.excluded_calls] = EXCLUDED
    of_contig = [beds.get(contig) for beds in strata.values()]
    caller_score = np.array([call.caller_score for call in calls], np.float64)
    hard = caller_believed(caller_score)
    passed = np.array([call.passed for call in calls], bool)
    everything = np.ones(len(calls), bool)
    found = [comparison.found(kept) for kept in (everything, passed)]
    genotypes = None
    if match_genotypes:
        both = (comparison.right_genotypes(kept, hit) for kept, hit in zip((everything, passed), found, strict=True))
        genotypes = [np.stack(sides, 1) for sides in zip(*both, strict=True)]
    call_table = CallTable(
        facts_of(
            len(of_contig),
            **_columns(code, comparison.placed_calls, comparison.sequence, of_contig),
            depth=[call.depth for call in calls],
            hard=hard,
        ),
        label=label,
        passed=passed,
        record=np.array([call.record for call in calls], np.int64),
        probability=np.array([call.probability for call in calls], np.float64),
        caller_score=caller_score,
        is_snv=np.array([len(call.ref) == len(call.alt) == 1 for call in calls], bool),
        genotype_right=None if genotypes is None else genotypes[0],
    )
    own_calls = comparison.calls_of_truth(found[0])
    truth_table = TruthTable(
        facts_of(
            len(of_contig),
            **_columns(code, comparison.placed_truth, comparison.sequence, of_contig),
            depth=_truth_depths(comparison, own_calls, depths),
            hard=[max((int(hard[index]) for index in indices), default=HARD_UNKNOWN) for indices in own_calls],
        ),
        found=np.stack(found, 1),
        genotype_right=None if genotypes is None else genotypes[1],
        excluded=comparison.excluded_truth,
    )
    return call_table, truth_table


def _columns(
    code: int, placed: Sequence[PlacedAllele], sequence: str, strata: Sequence[Intervals | None]
) -> dict[str, Sequence[object]]:
    return {
        "contig": [code] * len(placed),
        "pos0": [item.normalised.start0 for item in placed],
        "kind": [item.kind for item in placed],
        "size_bases": [item.size_bases for item in placed],
        "is_transition": [item.is_transition for item in placed],
        "homopolymer_bases": [homopolymer_bases(item.span, sequence) for item in placed],
        "in_repeat": [in_tandem_repeat(item.span, sequence) for item in placed],
        "strata": [[bed is not None and bed.overlaps(item.span.start0, item.span.end0) for bed in strata] for item in placed],
    }


def _truth_depths(comparison: ContigComparison, own_calls: Sequence[Sequence[int]], depths: DepthCounter) -> list[int]:
    found = []
    for item, indices in zip(comparison.placed_truth, own_calls, strict=True):
        depth = max((comparison.calls[index].depth for index in indices), default=UNKNOWN_DEPTH)
        if depth == UNKNOWN_DEPTH:
            depth = depths.at(comparison.contig, item.normalised.start0)
        found.append(depth)
    return found


def _allele(item: CalledVariant | TruthVariant) -> tuple[int, str, str]:
    return item.pos0, item.ref, item.alt


def _genotyped(item: CalledVariant | TruthVariant, placed: PlacedAllele) -> GenotypedAllele:
    return GenotypedAllele(trim(*_allele(item)), placed.normalised, placed.span, item.zygosity)


def _inside(confident: Mapping[str, Intervals] | None, contig: str) -> Intervals | None:
    return None if confident is None else confident.get(contig, Intervals(()))


def _check_names(
    inputs: ComparisonInputs,
    calls: pysam.VariantFile,
    truth: GenotypedTruth,
    reference: pysam.FastaFile,
    confident: Mapping[str, Intervals] | None,
) -> None:
    check_contig_names(calls, inputs.calls, truth.contigs, inputs.truth)
    check_contig_names(calls, inputs.calls, set(reference.references), inputs.reference)
    if confident is not None and inputs.confident is not None:
        check_contig_names(calls, inputs.calls, set(confident), inputs.confident)
        if not confident:
            raise RegionError("holds no interval: nothing could be compared", path=inputs.confident)


def _sequence(reference: pysam.FastaFile, contig: str, inputs: ComparisonInputs) -> str:
    if contig not in reference.references:
        raise ReferenceFileError(
            f"has no contig {contig!r}, which the calls use",
            path=inputs.reference,
            hint="Give the FASTA that the reads were aligned to",
        )
    return reference.fetch(contig).upper()


def _check_reference(contig: str, alleles: Sequence[CalledVariant], sequence: str, inputs: ComparisonInputs) -> None:
    """A few records off the reference are a warning (IUPAC letters); most of a contig is an error."""
    wrong = [call for call in alleles if sequence[call.pos0 : call.pos0 + len(call.ref)] != call.ref]
    if not wrong:
        return
    pos1 = wrong[0].pos0 + 1
    if len(wrong) > 10 and 2 * len(wrong) > len(alleles):
        raise ReferenceFileError(
            f"is not the calls' reference: REF differs for {len(wrong)} of {len(alleles)} alleles",
            path=inputs.reference,
            contig=contig,
            pos1=pos1,
            hint="Give the FASTA that the reads were aligned to",
        )
    logger.warning(
        "%s: REF of %d alleles is not the reference's (first at %s:%d): not compared", inputs.reference, len(wrong), contig, pos1
    )
