"""Harvest of labelled calls: real callers run over down-sampled copies of the labelled real sets.

    python recipes/germline/harvest.py --data ../shared/data --work WORKDIR [--gatk JARS] [--sets
    nygc-chr21b,...]

Writes WORKDIR/harvest/SET.fFRACTION-sSEED.tsv, one line per normalised allele, and keeps BAMs and VCFs under
WORKDIR/SET/. What is there is not made again. GATK's callers are left out, and that is said, when --gatk is
not given. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pysam
from callers import (
    CALLERS,
    SHORT_READ_CALLERS,
    Caller,
    CallRequest,
    call,
    missing_tools,
    prepare_reference,
    subsample,
)
from pooled_alleles import PooledAllele, as_vcf, called_alleles, pool

from vcffilter.labelling.files import read_labels
from vcffilter.truth.call_sets import TruthFile
from vcffilter.truth.labeller import TruthIndex, label_alleles
from vcffilter.truth.normalise import Edit, equivalent_span, normalised
from vcffilter.variants.intervals import Intervals, read_bed

logger = logging.getLogger("harvest")

#: Cheapest and most useful first.
SHORT_READ_SETS = (
    "nygc-chr21b",
    "broad8x-chr20",
    "na19401-nygc-chr21",
    "na19401-nygc-chr22",
    "nygc-chr22",
    "nygc-chr21",
)
LONG_READ_SETS = ("chm13-hifi-chr20", "hifi-revio-chr20")
ONT_SETS = ("ont-r10-chr20", "hg002-ont-r94-chr20-59m")
#: Truth of these is a population panel: a confident call that it lacks may well be real.
PANEL_SETS = frozenset({"na19401-nygc-chr21", "na19401-nygc-chr22"})
PANEL_DISPUTED_SCORE = 20.0
#: Unlisted false alleles this near (bp) to a disputed one are dropped.
DISPUTED_MARGIN = 10
COLUMNS = ("chrom", "pos", "ref", "alt", "label", "callers", "max_qual", "hard", "how", "bam")


@dataclass(frozen=True)
class Copy:
    """One down-sampled copy of a set's reads; seed 0 is the set itself."""

    fraction: float
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder and table."""
        return f"f{self.fraction:.2f}-s{self.seed}"


SHORT_READ_COPIES = (Copy(1.0, 0), *(Copy(share, seed) for share in (0.5, 0.25, 0.12) for seed in (1, 2)))
#: More of the three sets with a full truth. GATK takes four minutes for each larger copy of nygc-chr21: those are left out.
_MORE_SMALL = (Copy(0.35, 3), Copy(0.18, 3), Copy(0.12, 4))
_MORE_LARGE = (Copy(0.7, 3), Copy(0.5, 4), Copy(0.25, 4))
MORE_COPIES = {
    "nygc-chr21": _MORE_SMALL,
    "nygc-chr22": _MORE_SMALL + _MORE_LARGE,
    "broad8x-chr20": _MORE_SMALL + _MORE_LARGE,
}
LONG_READ_COPIES = (Copy(1.0, 0), *(Copy(share, seed) for share in (0.5, 0.25) for seed in (1, 2)))
#: To 8x and 4x of the deep set of HiFi, to 2x of the other, to 5x of ONT R10.4 and of R9.4.
COPIES_OF_SET = {
    "chm13-hifi-chr20": (Copy(1.0, 0), Copy(0.5, 1), Copy(0.25, 1)),
    "hifi-revio-chr20": LONG_READ_COPIES + tuple(Copy(share, seed) for share in (0.18, 0.09) for seed in (1, 2)),
    "ont-r10-chr20": LONG_READ_COPIES + tuple(Copy(share, seed) for share in (0.15, 0.1) for seed in (1, 2)),
    "hg002-ont-r94-chr20-59m": (Copy(1.0, 0), *(Copy(share, seed) for share in (0.7, 0.5) for seed in (1, 2))),
}


def platform_of(set_name: str) -> str:
    """illumina, hifi or ont: of the sets here, and of what is simulated like them."""
    return next((name for name in ("hifi", "ont") if name in set_name.split("-")), "illumina")


def copies_of(set_name: str) -> tuple[Copy, ...]:
    """The set itself and its copies."""
    if platform_of(set_name) == "illumina":
        return SHORT_READ_COPIES + MORE_COPIES.get(set_name, ())
    return COPIES_OF_SET.get(set_name, LONG_READ_COPIES)


class LabelledSet:
    """A real set with its truth, and the labels that came with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        with pysam.FastaFile(str(folder / "reference.fa.gz")) as fasta:
            bed = read_bed(folder / "confident.bed")
            self.contig = next(iter(bed))
            self.reference = fasta.fetch(self.contig).upper()
        self.confident: Intervals = bed[self.contig]
        truth = TruthFile(folder / "truth.vcf.gz")
        self.truth = TruthIndex([item.allele for item in truth.alleles(self.contig)], self.reference)
        truth.close()
        self.shipped: dict[Edit, str] = {}
        self.disputed: list[tuple[int, int]] = []
        for path in sorted(folder.glob("*.labels.tsv")):
            self._add_shipped(path)
        self._spread_disputed()

    @property
    def region(self) -> str:
        """CONTIG:START1-END1 around everything confident."""
        start0, end0 = self.confident.start0[0], self.confident.end0[-1]
        return f"{self.contig}:{max(1, start0 - 500)}-{min(len(self.reference), end0 + 500)}"

    def _add_shipped(self, path: Path) -> None:
        rank = {"OUT": 0, "FP": 1, "TP": 2, "DISPUTED": 3}
        for (contig, pos1, ref, alt), label in read_labels(path).items():
            edit = normalised(pos1 - 1, ref, alt, self.reference) if contig == self.contig else None
            if edit is None:
                continue
            if label == "OUT" and self.name in PANEL_SETS and self._inside(edit):
                # Withheld because the panel cannot settle it, not because it lies outside.
                label = "DISPUTED"
            before = self.shipped.get(edit)
            if before is None or rank[label] > rank[before]:
                self.shipped[edit] = label

    def _inside(self, edit: Edit) -> bool:
        span = equivalent_span(edit, self.reference)
        return self.confident.contains(span.start0 - (edit.start0 == edit.end0), span.end0)

    def _spread_disputed(self) -> None:
        for edit, label in self.shipped.items():
            if label == "DISPUTED":
                span = equivalent_span(edit, self.reference)
                self.disputed.append((span.start0 - DISPUTED_MARGIN, span.end0 + DISPUTED_MARGIN))
        by_hand = self.folder / "disputed.tsv"
        if by_hand.exists():
            for line in by_hand.read_text().splitlines():
                fields = line.split("\t")
                if len(fields) >= 3 and fields[1].isdigit():
                    self.disputed.append((int(fields[1]) - 1 - DISPUTED_MARGIN, int(fields[2]) + DISPUTED_MARGIN))
        self.disputed.sort()

    def is_near_disputed(self, edit: Edit) -> bool:
        """Does the edit's range of spellings touch a disputed locus?"""
        span = equivalent_span(edit, self.reference)
        return any(start0 <= span.end0 and span.start0 <= end0 for start0, end0 in self.disputed)


def label_pool(labelled: LabelledSet, calls: dict[str, list], pooled: dict[Edit, PooledAllele]) -> dict[Edit, tuple[str, str]]:
    """(label, how) per allele: as shipped where listed, otherwise each caller's calls against the truth."""
    found: dict[Edit, tuple[str, str]] = {}
    for alleles in calls.values():
        plain = [allele for allele, _ in alleles]
        labels = label_alleles(labelled.contig, plain, labelled.truth, labelled.confident, labelled.reference)
        for allele, label in zip(plain, labels, strict=True):
            edit = normalised(*allele, labelled.reference)
            if edit is None or edit in labelled.shipped:
                continue
            # What one caller's neighbours make true is true, whoever calls it.
            if edit not in found or label.label == "TP":
                found[edit] = (label.label, label.how)
    result = {}
    for edit, item in pooled.items():
        if edit in labelled.shipped:
            result[edit] = (labelled.shipped[edit], "shipped")
            continue
        label, how = found[edit]
        doubtful = labelled.name in PANEL_SETS and item.max_score >= PANEL_DISPUTED_SCORE
        if label == "FP" and (how == "search_limit" or doubtful or labelled.is_near_disputed(edit)):
            label = "DISPUTED"
        result[edit] = (label, how)
    return result


def write_table(path: Path, labelled: LabelledSet, calls: dict[str, list], bam: Path) -> Counter[str]:
    """Write TP and FP alleles of one copy; return counts, those of dropped alleles too."""
    pooled = pool(calls, labelled.reference)
    labels = label_pool(labelled, calls, pooled)
    counts: Counter[str] = Counter()
    partial = path.with_name(f"partial.{path.name}")
    with open(partial, "w") as table:
        table.write("\t".join(COLUMNS) + "\n")
        for edit in sorted(pooled):
            item, (label, how) = pooled[edit], labels[edit]
            counts[label] += 1
            counts[f"hard {label}"] += item.hard
            if label in ("TP", "FP"):
                pos1, ref, alt = as_vcf(edit, labelled.reference)
                callers = ",".join(sorted(item.callers))
                table.write(
                    f"{labelled.contig}\t{pos1}\t{ref}\t{alt}\t{label}\t{callers}\t{item.max_score:.3f}"
                    f"\t{int(item.hard)}\t{how}\t{bam}\n"
                )
    partial.rename(path)
    return counts


def harvest_copy(
    labelled: LabelledSet, copy: Copy, callers: Iterable[Caller], work: Path, gatk: Path | None, relabel: bool
) -> None:
    """Make one copy's BAM, calls and table, whatever of them is missing."""
    table = work / "harvest" / f"{labelled.name}.{copy.name}.tsv"
    if table.exists() and not relabel:
        return
    table.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    bam, folder, seconds = labelled.folder / "reads.bam", labelled.folder, {}
    if copy.fraction < 1:
        folder = work / labelled.name / copy.name
        reference = prepare_reference(labelled.folder / "reference.fa.gz", work / labelled.name)
        bam = subsample(bam, copy.fraction, copy.seed, folder / "reads.bam")
        for caller in callers:
            output = folder / f"{caller.name}.vcf.gz"
            request = CallRequest(bam, reference, labelled.region, output, gatk, platform_of(labelled.name))
            seconds[caller.name] = call(caller, request)
    paths = {caller.name: folder / f"{caller.name}.vcf.gz" for caller in callers}
    calls = {name: called_alleles(path, labelled.contig) for name, path in paths.items() if path.exists()}
    counts = write_table(table, labelled, calls, bam)
    spent = " ".join(f"{name}={value:.0f}s" for name, value in seconds.items())
    names = ("TP", "FP", "hard TP", "hard FP", "DISPUTED", "OUT")
    shown = " ".join(f"{name}={counts[name]}" for name in names)
    logger.info("%s %s %.0fs %s (%s)", labelled.name, copy.name, time.perf_counter() - start, shown, spent)


def main() -> None:
    """Harvest the sets asked for, set by set."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--gatk", type=Path, help="folder of GATK's jars (gatk-pom.xml)")
    parser.add_argument("--sets", default=",".join(SHORT_READ_SETS + LONG_READ_SETS + ONT_SETS))
    parser.add_argument("--fractions", help="only these, such as 1,0.25")
    parser.add_argument("--seeds", help="only copies of these seeds, such as 1; all reads always")
    parser.add_argument("--relabel", action="store_true", help="write the tables again; calls are kept")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    missing = missing_tools(SHORT_READ_CALLERS, arguments.gatk)
    if "gatk" in missing or "java" in missing:
        logger.info("left out: haplotypecaller, haplotypecaller-sensitive, mutect2 (no %s)", " nor ".join(missing))
    others = [tool for tool in missing if tool not in ("gatk", "java")]
    if others:
        raise SystemExit(f"not installed: {', '.join(others)}")
    wanted = None if arguments.fractions is None else {float(text) for text in arguments.fractions.split(",")}
    seeds = None if arguments.seeds is None else {int(text) for text in arguments.seeds.split(",")}
    for name in arguments.sets.split(","):
        labelled = LabelledSet(arguments.data.resolve() / "real" / name)
        callers = [caller for caller in CALLERS[platform_of(name)] if not (caller.needs_gatk and {"gatk", "java"} & set(missing))]
        for copy in copies_of(name):
            if (wanted is None or copy.fraction in wanted) and (seeds is None or copy.seed in seeds | {0}):
                harvest_copy(labelled, copy, callers, arguments.work, arguments.gatk, arguments.relabel)


if __name__ == "__main__":
    main()
