"""Matched calls and truth as the columns that everything is counted from. Must not know how alleles are matched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vcffilter.errors import RegionError, VariantFileError
from vcffilter.evaluation.context import describe, homopolymer_bases, in_tandem_repeat
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
from vcffilter.truth.call_sets import UNKNOWN_DEPTH
from vcffilter.truth.haplotype_match import SearchLimits
from vcffilter.truth.matching import ContigMatching, matched_contigs
from vcffilter.truth.pairing import PairedFiles
from vcffilter.truth.placement import PlacedAllele
from vcffilter.variants.intervals import EMPTY, Intervals, read_bed

_LABEL_CODES = {"FP": FALSE, "TP": TRUE, "OUT": OUTSIDE, ".": NOT_COMPARED}


@dataclass(frozen=True)
class EvaluationInputs(PairedFiles):
    """What is compared, and what is counted apart. strata: name -> BED. reads: BAM or CRAM files that give the depth at truth
    alleles which no call has; without them it is unknown.
    """

    strata: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    match_genotypes: bool = False


#: What wants to see each contig beside its tables.
Watcher = Callable[[ContigMatching, CallTable, TruthTable], None]


def tabulate(
    inputs: EvaluationInputs, limits: SearchLimits | None = None, watchers: Sequence[Watcher] = ()
) -> tuple[CallTable, TruthTable]:
    """Both tables of a whole call set; see `paired_contigs` for what is raised. watchers: called with each contig in turn."""
    strata = {name: read_bed(path) for name, path in inputs.strata.items()}
    if inputs.confident is not None and not read_bed(inputs.confident):
        raise RegionError("holds no interval: nothing could be compared", path=inputs.confident)
    with DepthCounter(inputs.reads, inputs.reference) as depths:
        parts = []
        for code, matching in enumerate(matched_contigs(inputs, limits)):
            parts.append(tables_of(matching, code, strata, depths, match_genotypes=inputs.match_genotypes))
            for watch in watchers:
                watch(matching, *parts[-1])
    if not parts:
        raise VariantFileError(
            "there are neither calls nor truth to compare", path=inputs.calls, hint="Check the files' contigs and the regions"
        )
    return joined([calls for calls, _ in parts]), joined([truth for _, truth in parts])


def tables_of(
    matching: ContigMatching,
    code: int,
    strata: Mapping[str, Mapping[str, Intervals]],
    depths: DepthCounter,
    *,
    match_genotypes: bool = False,
) -> tuple[CallTable, TruthTable]:
    """Both tables of one contig. code: the contig's number in them. Excluded alleles still match others."""
    calls, contig = matching.calls, matching.contig
    label = np.array([_LABEL_CODES[one.label] for one in matching.labels], np.uint8)
    label[matching.excluded_calls] = EXCLUDED
    of_contig = [beds.get(contig, EMPTY) for beds in strata.values()]
    caller_score = np.array([call.caller_score for call in calls], np.float64)
    hard = caller_believed(caller_score)
    passed = np.array([call.passed for call in calls], bool)
    everything = np.ones(len(calls), bool)
    found = [matching.found(kept) for kept in (everything, passed)]
    genotypes = None
    if match_genotypes:
        both = (matching.right_genotypes(kept, hit) for kept, hit in zip((everything, passed), found, strict=True))
        genotypes = [np.stack(sides, 1) for sides in zip(*both, strict=True)]
    call_table = CallTable(
        facts_of(
            len(of_contig),
            **_columns(code, matching.placed_calls, matching.sequence, of_contig),
            depth=[call.depth for call in calls],
            hard=hard,
        ),
        label=label,
        passed=passed,
        record=np.array([call.record_number - 1 for call in calls], np.int64),
        probability=np.array([call.probability for call in calls], np.float64),
        caller_score=caller_score,
        is_snv=np.array([call.is_snv for call in calls], bool),
        genotype_right=None if genotypes is None else genotypes[0],
    )
    own_calls = matching.calls_of_truth(found[0])
    truth_table = TruthTable(
        facts_of(
            len(of_contig),
            **_columns(code, matching.placed_truth, matching.sequence, of_contig),
            depth=_truth_depths(matching, own_calls, depths),
            hard=[max((int(hard[index]) for index in indices), default=HARD_UNKNOWN) for indices in own_calls],
        ),
        found=np.stack(found, 1),
        genotype_right=None if genotypes is None else genotypes[1],
        excluded=matching.excluded_truth,
    )
    return call_table, truth_table


def _columns(
    code: int, placed: Sequence[PlacedAllele], sequence: str, strata: Sequence[Intervals]
) -> dict[str, Sequence[object]]:
    kinds = [describe(item.written, sequence) for item in placed]
    return {
        "contig": [code] * len(placed),
        "pos0": [item.normalised.start0 for item in placed],
        "kind": [one.kind for one in kinds],
        "size_bases": [one.size_bases for one in kinds],
        "is_transition": [one.is_transition for one in kinds],
        "homopolymer_bases": [homopolymer_bases(item.span, sequence) for item in placed],
        "in_repeat": [in_tandem_repeat(item.span, sequence) for item in placed],
        "strata": [[bed.overlaps(item.span.start0, item.span.end0) for bed in strata] for item in placed],
    }


def _truth_depths(matching: ContigMatching, own_calls: Sequence[Sequence[int]], depths: DepthCounter) -> list[int]:
    found = []
    for item, indices in zip(matching.placed_truth, own_calls, strict=True):
        depth = max((matching.calls[index].depth for index in indices), default=UNKNOWN_DEPTH)
        if depth == UNKNOWN_DEPTH:
            depth = depths.at(matching.contig, item.normalised.start0)
        found.append(depth)
    return found
