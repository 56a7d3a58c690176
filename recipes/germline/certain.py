"""Harvest where there is no truth: what is certain at full depth labels what callers write on a few of the same reads.

    python recipes/germline/certain.py --data ../shared/data --work WORKDIR [--gatk JARS]

TP: every careful caller calls the allele on all reads, sure and with clean support. FP: all reads together show
next to no trace of it, and nothing else that many reads show or a caller is sure of is near.
Everything else is left out. The tables are those of harvest.py, under WORKDIR/harvest/; what is there is not made again.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pysam
from callers import SHORT_READ_CALLERS, Caller, CallRequest, call, missing_tools, prepare_reference, subsample
from harvest import COLUMNS, Copy
from pooled_alleles import PooledAllele, as_vcf, called_alleles, pool

from vcffilter.truth.normalise import Edit, equivalent_span

logger = logging.getLogger("certain")

#: Slices by set: (contig, first and last position with reads).
SLICES = {
    "na12878-hiseq-slices": (
        ("chr4", 115922336, 115938273),
        ("chr12", 71530636, 71535959),
        ("chrX", 101031588, 101090890),
    ),
    "na12889-hiseq-slices": (
        ("chr4", 115922337, 115938253),
        ("chr12", 71530630, 71535960),
        ("chrX", 101031614, 101090873),
    ),
}
COPIES = (Copy(1.0, 0), *(Copy(share, seed) for share in (0.4, 0.2, 0.1, 0.05) for seed in (1, 2)))
#: Callers whose settings are not meant to be careless: all of them must agree on a TP.
CAREFUL = ("bcftools", "freebayes", "haplotypecaller", "mutect2")
SURE_SCORE = 20.0
TP_MIN_FRACTION, TP_MIN_READS, TP_MIN_MAPQ = 0.25, 20, 50.0
FP_MAX_FRACTION, FP_MIN_READS = 0.04, 25
#: No FP this near (bp) to a call on all reads that is sure, or that this share of the reads shows.
NEAR_BASES, VISIBLE_FRACTION = 30, 0.08
#: Longer insertions and deletions leave clipped reads in place of a trace: not settled here.
FP_MAX_INDEL = 20
#: A clip this near (bp) to the allele's range is a trace.
CLIP_MARGIN = 20


@dataclass(frozen=True)
class Evidence:
    """Full-depth reads at one allele. n_alt: with the allele; n_trace: with anything like it; mapq of the n_alt."""

    n_reads: int
    n_alt: int
    n_trace: int
    alt_mapq: float
    strands: int


def read_evidence(bam: pysam.AlignmentFile, contig: str, edit: Edit, reference: str) -> Evidence:
    """Count the reads that span every spelling of the edit by what they show there."""
    span = equivalent_span(edit, reference)
    start0, end0 = span.start0 - 1, span.end0 + 1
    n_reads = n_alt = n_trace = 0
    mapqs, strands = [], set()
    for read in bam.fetch(contig, max(0, start0 - CLIP_MARGIN), end0 + CLIP_MARGIN):
        if read.is_unmapped or read.is_secondary or read.is_supplementary or read.is_qcfail or read.is_duplicate:
            continue
        shown = shown_bases(read, start0, end0)
        clipped = any(start0 - CLIP_MARGIN <= edge < end0 + CLIP_MARGIN for edge in clip_edges(read))
        if shown is None:
            n_reads += clipped
            n_trace += clipped
            continue
        n_reads += 1
        expected = reference[start0 : edit.start0] + edit.alt + reference[edit.end0 : end0]
        if shown == expected:
            n_alt += 1
            mapqs.append(read.mapping_quality)
            strands.add(read.is_reverse)
        n_trace += clipped or is_trace(shown, edit, start0, end0)
    return Evidence(n_reads, n_alt, n_trace, sum(mapqs) / max(len(mapqs), 1), len(strands))


def is_trace(shown: str, edit: Edit, start0: int, end0: int) -> bool:
    """Does the read show the changed base(s) of a substitution, or, for other alleles, any other length?"""
    if len(shown) != end0 - start0:
        return True
    if len(edit.alt) != edit.end0 - edit.start0:
        return False
    offset = edit.start0 - start0
    return any(shown[offset + i] == base for i, base in enumerate(edit.alt))


def shown_bases(read: pysam.AlignedSegment, start0: int, end0: int) -> str | None:
    """The read's bases aligned from start0 to end0, insertions with them; None when it does not span that."""
    if read.reference_start > start0 or (read.reference_end or 0) < end0 or read.query_sequence is None:
        return None
    first = last = None
    for query, position in read.get_aligned_pairs():
        if query is None or position is None:
            continue
        if position <= start0:
            first = query
        if position >= end0 - 1:
            last = query
            break
    if first is None or last is None:
        return None
    return read.query_sequence[first : last + 1]


def clip_edges(read: pysam.AlignedSegment) -> list[int]:
    """Reference positions where a soft clip of 5 bases or more begins or ends."""
    operations = read.cigartuples or []
    edges = []
    if operations and operations[0][0] == 4 and operations[0][1] >= 5:
        edges.append(read.reference_start)
    if operations and operations[-1][0] == 4 and operations[-1][1] >= 5:
        edges.append(read.reference_end or read.reference_start)
    return edges


class FullDepth:
    """What all reads of a slice say: calls of every caller, and the reads themselves."""

    def __init__(self, bam: Path, contig: str, reference: str, calls: dict[str, list]) -> None:
        self.bam = pysam.AlignmentFile(str(bam))
        self.contig = contig
        self.reference = reference
        self.pooled = pool(calls, reference)
        self.careful = [name for name in CAREFUL if name in calls]
        careful = pool({name: calls[name] for name in self.careful}, reference)
        self.taken = [equivalent_span(edit, reference) for edit, item in careful.items() if item.max_score >= SURE_SCORE]
        for edit in self.pooled:
            seen = read_evidence(self.bam, contig, edit, reference)
            if seen.n_alt > VISIBLE_FRACTION * seen.n_reads:
                self.taken.append(equivalent_span(edit, reference))

    def label(self, edit: Edit) -> str:
        """TP, FP, or "?" where all reads together do not settle it."""
        seen = read_evidence(self.bam, self.contig, edit, self.reference)
        called = self.pooled.get(edit)
        if called is not None and called.callers.issuperset(self.careful) and called.max_score >= SURE_SCORE:
            clean = seen.n_reads >= TP_MIN_READS and seen.n_alt >= TP_MIN_FRACTION * seen.n_reads
            clean = clean and seen.alt_mapq >= TP_MIN_MAPQ and seen.strands == 2
            return "TP" if clean else "?"
        span = equivalent_span(edit, self.reference)
        if any(other.start0 - NEAR_BASES <= span.end0 and span.start0 <= other.end0 + NEAR_BASES for other in self.taken):
            return "?"
        if abs(len(edit.alt) - (edit.end0 - edit.start0)) > FP_MAX_INDEL:
            return "?"
        no_trace = seen.n_reads >= FP_MIN_READS and seen.n_trace < FP_MAX_FRACTION * seen.n_reads
        return "FP" if no_trace else "?"


def slice_rows(pooled: dict[Edit, PooledAllele], full: FullDepth, bam: Path, counts: Counter[str]) -> list[str]:
    """Lines of the table for one slice of one copy; counts what was labelled."""
    rows = []
    for edit in sorted(pooled):
        item, label = pooled[edit], full.label(edit)
        counts[label] += 1
        counts[f"hard {label}"] += item.hard
        if label == "?":
            continue
        pos1, ref, alt = as_vcf(edit, full.reference)
        callers = ",".join(sorted(item.callers))
        rows.append(
            f"{full.contig}\t{pos1}\t{ref}\t{alt}\t{label}\t{callers}\t{item.max_score:.3f}\t{int(item.hard)}\tcertain\t{bam}\n"
        )
    return rows


class UnlabelledSet:
    """A set without truth, its calls made where they are missing."""

    def __init__(self, folder: Path, work: Path, callers: list[Caller], gatk: Path | None) -> None:
        self.folder, self.work, self.callers, self.gatk = folder, work, callers, gatk
        self.name = folder.name
        self.reference_path = prepare_reference(folder / "reference.fa.gz", work / self.name)
        self.sequences: dict[str, str] = {}
        with pysam.FastaFile(str(self.reference_path)) as fasta:
            for contig, _, _ in SLICES[self.name]:
                self.sequences[contig] = fasta.fetch(contig).upper()
        self.full: dict[str, FullDepth] = {}

    def bam(self, copy: Copy) -> Path:
        """Reads of a copy; all reads are the set's own file."""
        if copy.fraction == 1:
            return self.folder / "reads.bam"
        output = self.work / self.name / copy.name / "reads.bam"
        return subsample(self.folder / "reads.bam", copy.fraction, copy.seed, output)

    def calls(self, copy: Copy, contig: str, start1: int, end1: int) -> dict[str, list]:
        """Calls of every caller on one slice of a copy."""
        folder = self.work / self.name / copy.name / contig
        folder.mkdir(parents=True, exist_ok=True)
        found = {}
        for caller in self.callers:
            output = folder / f"{caller.name}.vcf.gz"
            region = f"{contig}:{start1}-{end1}"
            call(caller, CallRequest(self.bam(copy), self.reference_path, region, output, self.gatk, "illumina"))
            found[caller.name] = called_alleles(output, contig)
        return found

    def harvest(self, copy: Copy, relabel: bool) -> None:
        """Write one copy's table unless it is there; relabel: even then."""
        table = self.work / "harvest" / f"{self.name}.{copy.name}.tsv"
        if table.exists() and not relabel:
            return
        table.parent.mkdir(parents=True, exist_ok=True)
        start, counts, rows = time.perf_counter(), Counter(), []
        for contig, start1, end1 in SLICES[self.name]:
            if contig not in self.full:
                calls = self.calls(COPIES[0], contig, start1, end1)
                self.full[contig] = FullDepth(self.bam(COPIES[0]), contig, self.sequences[contig], calls)
            pooled = pool(self.calls(copy, contig, start1, end1), self.sequences[contig])
            rows += slice_rows(pooled, self.full[contig], self.bam(copy), counts)
        partial = table.with_name(f"partial.{table.name}")
        partial.write_text("\t".join(COLUMNS) + "\n" + "".join(rows))
        partial.rename(table)
        shown = " ".join(f"{name}={counts[name]}" for name in ("TP", "FP", "hard TP", "hard FP", "?", "hard ?"))
        logger.info("%s %s %.0fs %s", self.name, copy.name, time.perf_counter() - start, shown)


def main() -> None:
    """Harvest every unlabelled set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--gatk", type=Path, help="folder of GATK's jars (gatk-pom.xml)")
    parser.add_argument("--relabel", action="store_true", help="write the tables again; calls are kept")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    missing = missing_tools(SHORT_READ_CALLERS, arguments.gatk)
    without_gatk = bool({"gatk", "java"} & set(missing))
    if without_gatk:
        logger.info("left out: haplotypecaller, haplotypecaller-sensitive, mutect2 (no GATK or no java)")
    callers = [caller for caller in SHORT_READ_CALLERS if not (caller.needs_gatk and without_gatk)]
    for name in SLICES:
        folder = arguments.data.resolve() / "unlabelled" / name
        unlabelled = UnlabelledSet(folder, arguments.work, callers, arguments.gatk)
        for copy in COPIES:
            unlabelled.harvest(copy, arguments.relabel)


if __name__ == "__main__":
    main()
