"""Alleles of the real data sets: what callers wrote, or, where no caller ran, what reads show."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pysam
from twin.normalised_alleles import Called
from twin.reads import to_read
from twin.reference import Contig
from twin.scan import indels, mismatches

LABELLED = (
    "broad8x-chr20",
    "chm13-hifi-chr20",
    "gm12878-rna-chr22",
    "hifi-revio-chr20",
    "na19401-nygc-chr21",
    "na19401-nygc-chr22",
    "nygc-chr21",
    "nygc-chr21b",
    "nygc-chr22",
    "ont-r10-chr20",
)
UNLABELLED = ("hg003-hifi-chr20", "mitochondrion-deep", "na12878-hiseq-slices", "na12889-hiseq-slices")


@dataclass(frozen=True)
class RealSet:
    """A set's files with some alleles on one contig, by position."""

    bam: str
    reference: str
    contig: str
    calls: tuple[Called, ...]


def labelled_set(shared_data: Path, name: str, n_calls: int, seed: int = 1) -> RealSet:
    """A sample of the alleles that any caller wrote."""
    folder = shared_data / "real" / name
    alleles = set()
    for path in folder.glob("*.labels.tsv"):
        with open(path) as lines:
            rows = [row for row in csv.reader(lines, delimiter="\t") if row[1].isdigit()]
        alleles |= {(row[0], int(row[1]) - 1, row[2], row[3]) for row in rows}
    chosen = Random(seed).sample(sorted(alleles), min(n_calls, len(alleles)))
    calls = tuple(Called(start0, ref, alt) for _, start0, ref, alt in sorted(chosen))
    return RealSet(str(folder / "reads.bam"), str(folder / "reference.fa.gz"), chosen[0][0], calls)


def unlabelled_set(shared_data: Path, name: str, n_calls: int, seed: int = 1) -> RealSet:
    """Mismatches and indels of randomly chosen reads, as calls."""
    folder = shared_data / "unlabelled" / name
    bam, reference = str(folder / "reads.bam"), str(folder / "reference.fa.gz")
    random = Random(seed)
    with pysam.AlignmentFile(bam) as file:
        contig_name = max(file.get_index_statistics(), key=lambda row: row.mapped).contig
        records = [record for record in file.fetch(contig_name) if not record.flag & 3844]
    contig = Contig(reference, contig_name)
    calls: set[Called] = set()
    for record in random.sample(records, min(20 * n_calls, len(records))):
        read = to_read(record)
        # The whole of a long read would be slow to compare: one stretch of it is enough.
        first0 = random.randrange(read.start0, max(read.start0 + 1, read.end0 - 400))
        shown: list[Called] = [
            Called(one.pos0, contig.base(one.pos0), one.base) for one in mismatches(read, contig, first0, first0 + 400)
        ]
        for indel in indels(read, contig):
            before = contig.base(indel.pos0 - 1)
            shown.append(Called(indel.pos0 - 1, before + contig.bases(indel.pos0, indel.end0), before + indel.inserted))
        if shown and len(calls) < n_calls:
            calls.add(random.choice(shown))
    return RealSet(bam, reference, contig_name, tuple(sorted(calls, key=lambda call: (call.start0, call.ref, call.alt))))
