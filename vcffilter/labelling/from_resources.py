"""Labels a call set that has no truth, by resource VCFs and by reads, one line per ALT. Must not know the rules' numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TextIO

from vcffilter.errors import UsageError
from vcffilter.labelling.files import COLUMNS, WEIGHT_COLUMN, write_row
from vcffilter.labelling.read_counts import ReadCounter
from vcffilter.labelling.resource_rules import ReadCount, ResourceRules
from vcffilter.progress import ProgressCallback, no_progress
from vcffilter.truth.labeller import NOT_LABELLED, AlleleLabel, why_not_placed
from vcffilter.truth.pairing import ResourcedContig, resourced_contigs
from vcffilter.truth.resources import KnownAlleles
from vcffilter.variants.indexed_count import indexed_record_count


@dataclass(frozen=True)
class ResourceInputs:
    """What calls are labelled by. resources: VCF files with index. reads: those that were called; samples: of their @RG lines,
    empty = all. witnesses: files at least one of which must show a real allele, each read on its own. phase_reach: as
    `ReadCounter` takes it, for the reads that were called.
    """

    resources: tuple[str, ...]
    reference: str
    reads: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    phase_reach: int = 500
    info_prefix: str = "PILEUP"
    rules: ResourceRules = field(default_factory=ResourceRules)

    def __post_init__(self) -> None:
        if not self.reads and not self.witnesses and self.rules.max_probability is None:
            raise UsageError(
                "nothing can be found false by resources alone: what they lack may be rare and real",
                hint="Add the reads of the calls: -b READS",
            )


def label_by_resources(
    calls: str, inputs: ResourceInputs, output: TextIO, progress: ProgressCallback = no_progress
) -> tuple[Counter[str], Counter[str]]:
    """Write one line per ALT of `calls`, in file order, to `output`; return how many alleles got each label, and by which rule.

    Reads one contig at a time. Raises VariantFileError, ReadsFileError, ReferenceFileError, ContigNamingError.
    """
    labels, rules = Counter[str](), Counter[str]()
    output.write("\t".join((*COLUMNS, WEIGHT_COLUMN)) + "\n")
    n_records = None if calls == "-" else indexed_record_count(calls)
    with ExitStack() as opened:
        counters = [ReadCounter(calls, (path,), inputs.reference) for path in inputs.witnesses]
        if inputs.reads:
            counters.insert(0, ReadCounter(calls, inputs.reads, inputs.reference, inputs.samples, inputs.phase_reach))
        for counter in counters:
            opened.enter_context(counter)
        for contig in resourced_contigs(calls, inputs.resources, inputs.reference, inputs.info_prefix):
            counts = [counter.counts(contig.contig, contig.calls) for counter in counters]
            for item, label in zip(contig.calls, _labels(contig, counts, inputs), strict=True):
                labels[label.label] += 1
                rules[label.how] += 1
                write_row(output, item, label, inputs.rules.weight)
            progress(contig.calls[-1].record_number, n_records, contig.contig)
    return labels, rules


def _labels(contig: ResourcedContig, counts: Sequence[Sequence[ReadCount]], inputs: ResourceInputs) -> list[AlleleLabel]:
    known = KnownAlleles(contig.contig, contig.known, contig.sequence)
    found = []
    for index, call in enumerate(contig.calls):
        why = why_not_placed(call.allele, contig.sequence)
        if why is not None:
            found.append(AlleleLabel(NOT_LABELLED, why))
            continue
        seen = [one[index] for one in counts]
        own = seen.pop(0) if inputs.reads else None
        found.append(inputs.rules.label(known.has(call.allele), own, seen, call.probability))
    return found
