"""The calls that the filter judged wrongly: true ones that it lost, false ones that it kept. Knows no reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vcffilter.evaluation.context import KIND_NAMES
from vcffilter.evaluation.filter_run import FilterRun
from vcffilter.evaluation.tables import FALSE, TRUE, CallTable, TruthTable
from vcffilter.truth.matching import ContigMatching

TRUE_LOST, FALSE_KEPT, TRUE_KEPT, FALSE_REMOVED = "true_lost", "false_kept", "true_kept", "false_removed"


class Mistake(NamedTuple):
    """One called ALT, alleles as written. outcome: TRUE_LOST or FALSE_KEPT, by the allele whatever the genotype.

    type: SNP, INS, DEL or COMPLEX. depth: informing reads, -1 unknown. score: log-odds. threshold: the lowest probability that
    passes, None where the header does not say. reasons: as written with --reasons. filter: as in the file.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    type: str
    outcome: str
    depth: int
    probability: float
    score: float
    threshold: float | None
    reasons: str
    filter: str
    caller_score: float


def outcome_of(label: int, passed: bool) -> str | None:
    """What became of a judged call; None without a verdict."""
    if label == TRUE:
        return TRUE_KEPT if passed else TRUE_LOST
    return (FALSE_KEPT if passed else FALSE_REMOVED) if label == FALSE else None


@dataclass
class MistakeList:
    """Collects mistakes contig by contig; give `add` to `tabulate`."""

    run: FilterRun | None
    found: list[Mistake] = field(default_factory=list)

    def add(self, matching: ContigMatching, calls: CallTable, truth: TruthTable) -> None:
        """Take one contig's."""
        self.found += _of_contig(matching, calls, self.run)


def tsv_text(mistakes: Sequence[Mistake]) -> str:
    """A header line and one line each, tab-separated; `.` where nothing is known."""
    lines = ["\t".join(Mistake._fields), *("\t".join(_cell(value) for value in mistake) for mistake in mistakes)]
    return "\n".join(lines) + "\n"


def _of_contig(matching: ContigMatching, calls: CallTable, run: FilterRun | None) -> Iterator[Mistake]:
    for index, call in enumerate(matching.calls):
        outcome = outcome_of(int(calls.label[index]), bool(calls.passed[index]))
        if outcome not in (TRUE_LOST, FALSE_KEPT):
            continue
        yield Mistake(
            call.contig,
            call.pos1,
            call.ref,
            call.alt,
            KIND_NAMES[int(calls.facts.kind[index])],
            outcome,
            call.depth,
            call.probability,
            call.score,
            None if run is None else run.minimum_of(call.is_snv, call.depth),
            call.reasons,
            call.filters,
            call.caller_score,
        )


def _cell(value: object) -> str:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return "."
    return f"{value:g}" if isinstance(value, float) else str(value)
