"""Harvest of planted alleles: variants written into real reads, real callers over the changed reads.

    python benchmarks/recipe/planted.py --data ../shared/data --work WORKDIR [--gatk JARS] [--kind illumina|hifi]

Keeps the real reads' qualities, errors and coverage and gives them true alleles whose place is known for certain. Writes the
tables of harvest.py under WORKDIR/harvest/planted-*.tsv, with alleles within 50 bases of a planted one and no others; changed
reads, truth and calls lie under WORKDIR/samples/. What is there is not made again. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from alleles import as_vcf, called_alleles, normalised
from callers import LONG_READ_CALLERS, SHORT_READ_CALLERS, Caller, CallRequest, call, missing_tools, prepare_reference
from certain import COPIES as SLICE_COPIES
from certain import SLICES, UnlabelledSet
from harvest import LONG_READ_COPIES, SHORT_READ_COPIES, Copy, LabelledSet, harvest_copy, has_long_reads
from planted_reads import PlantedAllele, plant_in_file
from planted_sites import choose_alleles, within
from planting import is_snv

from vcffilter.truth.normalise import Span, equivalent_span
from vcffilter.truth.truth_files import open_variants
from vcffilter.variants.intervals import Intervals

logger = logging.getLogger("planted")

#: train.py knows planted sets by it.
PREFIX = "planted-"
LABELLED_SETS = {
    "illumina": ("nygc-chr21b", "broad8x-chr20", "nygc-chr22", "nygc-chr21"),
    "hifi": ("hifi-revio-chr20",),
}
SEED = 41
#: Alleles further (bases) from every planted one are not written: harvest.py has them.
NEAR_PLANTED = 50
#: Without a BED, alleles are planted where this many sure reads lie, and no fewer than this share of the median.
LEAST_READS, LEAST_SHARE, SURE_MAPQ = 15, 0.5, 20
_REFERENCE_SUFFIXES = ("", ".fai", ".gzi")


@dataclass(frozen=True)
class Source:
    """Real reads of one contig to plant in. folder: with reads.bam and reference.fa.gz; allowed: where; taken: nowhere near.

    truth: lines of a VCF with one sample's GT, what is known to be there.
    """

    name: str
    folder: Path
    contig: str
    reference: str
    allowed: Intervals
    taken: tuple[Span, ...]
    truth: tuple[str, ...]


def labelled_source(folder: Path) -> Source:
    """A set with truth: planted in its confident regions, away from truth and from what any caller wrote."""
    labelled = LabelledSet(folder)
    truth = known_lines(folder / "truth.vcf.gz", labelled.contig)
    paths = [path for path in sorted(folder.glob("*.vcf.gz")) if path.name != "truth.vcf.gz"]
    called = [allele for path in paths for allele, _ in called_alleles(path, labelled.contig)]
    taken = spans_of([*called, *alleles_of(truth)], labelled.reference)
    return Source(folder.name, folder, labelled.contig, labelled.reference, labelled.confident, taken, truth)


def slice_sources(folder: Path, work: Path, callers: list[Caller]) -> list[Source]:
    """A set without truth, slice by slice: planted where many sure reads lie, away from what any caller writes."""
    unlabelled = UnlabelledSet(folder, work, callers, None)
    sources = []
    for contig, start1, end1 in SLICES[folder.name]:
        reference = unlabelled.sequences[contig]
        calls = unlabelled.calls(SLICE_COPIES[0], contig, start1, end1)
        taken = spans_of([allele for one in calls.values() for allele, _ in one], reference)
        covered = well_covered(folder / "reads.bam", contig, start1 - 1, end1)
        sources.append(Source(f"{folder.name}-{contig}", folder, contig, reference, covered, taken, ()))
    return sources


def spans_of(alleles: Iterable[tuple[int, str, str]], reference: str) -> tuple[Span, ...]:
    """Where each (pos0, ref, alt) can be written, sorted; what has no sequence is left out."""
    edits = {normalised(*allele, reference) for allele in alleles}
    return tuple(sorted(equivalent_span(edit, reference) for edit in edits if edit is not None))


def known_lines(path: Path, contig: str) -> tuple[str, ...]:
    """The contig's records of a truth VCF: place, alleles, FILTER, and the first sample's GT where there is one."""
    lines = []
    with open_variants(path) as records:
        for record in records.fetch(contig):
            fields = str(record).rstrip("\n").split("\t")
            keys = fields[8].split(":") if len(fields) > 9 else []
            genotype = fields[9].split(":")[keys.index("GT")] if "GT" in keys else "./."
            lines.append("\t".join([*fields[:5], ".", fields[6], ".", "GT", genotype]))
    return tuple(lines)


def alleles_of(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """(pos0, ref, alt) of every ALT of a VCF's lines."""
    for line in lines:
        _, pos1, _, ref, alts = line.split("\t")[:5]
        for alt in alts.upper().split(","):
            yield int(pos1) - 1, ref.upper(), alt


def well_covered(bam: Path, contig: str, start0: int, end0: int) -> Intervals:
    """Where LEAST_READS and LEAST_SHARE of the median depth of reads with SURE_MAPQ or more lie."""

    def is_sure(read: pysam.AlignedSegment) -> bool:
        return read.mapping_quality >= SURE_MAPQ and not read.flag & (4 | 256 | 512 | 1024 | 2048)

    with pysam.AlignmentFile(str(bam)) as reads:
        counts = reads.count_coverage(contig, start0, end0, quality_threshold=0, read_callback=is_sure)
    depth = np.sum(counts, axis=0)
    enough = depth >= max(LEAST_READS, LEAST_SHARE * np.median(depth[depth > 0]))
    edges = np.diff(np.concatenate(([0], enough.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return Intervals((start0 + int(a), start0 + int(b)) for a, b in zip(starts, ends, strict=True))


def make_sample(source: Source, work: Path, seed: int) -> Path:
    """A labelled set, as those of ../shared/data/real, of the source's reads with alleles planted; its folder."""
    folder = work / "samples" / f"{PREFIX}{source.name}"
    if (folder / "reads.bam").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    alleles = choose_alleles(source.reference, source.allowed, source.taken, seed)
    for suffix in _REFERENCE_SUFFIXES:
        link = folder / f"reference.fa.gz{suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(source.folder / link.name)
    near = Intervals(within(alleles, source.reference, source.allowed, NEAR_PLANTED))
    rows = zip(near.start0, near.end0, strict=True)
    (folder / "confident.bed").write_text("".join(f"{source.contig}\t{start0}\t{end0}\n" for start0, end0 in rows))
    write_truth(folder / "truth.vcf.gz", source, alleles)
    plant_in_file(source.folder / "reads.bam", folder / "reads.bam", alleles, source.contig, source.reference, seed)
    n_snvs = sum(is_snv(one.edit) for one in alleles)
    logger.info("%s: %d SNVs and %d indels planted", folder.name, n_snvs, len(alleles) - n_snvs)
    return folder


def write_truth(path: Path, source: Source, alleles: Sequence[PlantedAllele]) -> None:
    """What is known and what was planted (INFO/PLANTED), sorted, BGZF and indexed."""
    header = (
        "##fileformat=VCFv4.2",
        f"##contig=<ID={source.contig},length={len(source.reference)}>",
        '##INFO=<ID=PLANTED,Number=0,Type=Flag,Description="Written into the reads">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tSAMPLE",
    )
    lines = list(source.truth)
    for allele in alleles:
        pos1, ref, alt = as_vcf(allele.edit, source.reference)
        lines.append(f"{source.contig}\t{pos1}\t.\t{ref}\t{alt}\t.\tPASS\tPLANTED\tGT\t{allele.genotype}")
    lines.sort(key=lambda line: int(line.split("\t")[1]))
    with pysam.BGZFile(str(path), "wb", None) as output:
        output.write("".join(f"{line}\n" for line in (*header, *lines)).encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)


def harvest_sample(
    folder: Path, copies: Iterable[Copy], callers: list[Caller], work: Path, gatk: Path | None, relabel: bool
) -> None:
    """Call and label a planted sample and its thinned copies, whatever of that is missing."""
    labelled = LabelledSet(folder)
    reference = prepare_reference(folder / "reference.fa.gz", work / folder.name)
    for caller in callers:
        output = folder / f"{caller.name}.vcf.gz"
        request = CallRequest(folder / "reads.bam", reference, labelled.region, output, gatk, has_long_reads(labelled.name))
        call(caller, request)
    for copy in copies:
        harvest_copy(labelled, copy, callers, work, gatk, relabel)


def main() -> None:
    """Plant, call and label set by set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--work", type=Path, required=True, help="keeps what is made; not that of harvest.py")
    parser.add_argument("--gatk", type=Path, help="folder of GATK's jars (gatk-pom.xml); without it its callers are left out")
    parser.add_argument("--kind", choices=sorted(LABELLED_SETS), default="illumina")
    parser.add_argument("--sets", help="only these labelled sets, or slices, such as nygc-chr21,na12878-hiseq-slices")
    parser.add_argument("--seed", type=int, default=SEED, help="of places, alleles and haplotypes (default %(default)s)")
    parser.add_argument("--relabel", action="store_true", help="write the tables again; reads and calls are kept")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    data, work, is_long = arguments.data.resolve(), arguments.work, arguments.kind == "hifi"
    callers = usable_callers(LONG_READ_CALLERS if is_long else SHORT_READ_CALLERS, arguments.gatk)
    wanted = arguments.sets.split(",") if arguments.sets else [*LABELLED_SETS[arguments.kind], *(() if is_long else SLICES)]
    for name in wanted:
        if name in SLICES:
            without_gatk = [caller for caller in callers if not caller.needs_gatk]
            sources = slice_sources(data / "unlabelled" / name, work, without_gatk)
            copies = SLICE_COPIES
        else:
            sources = [labelled_source(data / "real" / name)]
            copies = LONG_READ_COPIES if is_long else SHORT_READ_COPIES
        for source in sources:
            folder = make_sample(source, work, arguments.seed)
            harvest_sample(folder, copies, callers, work, arguments.gatk, arguments.relabel)


def usable_callers(callers: tuple[Caller, ...], gatk: Path | None) -> list[Caller]:
    """Those whose programs are here; GATK's may be missing, and that is said, the others must be there."""
    missing = missing_tools(callers, gatk)
    others = [tool for tool in missing if tool not in ("gatk", "java")]
    if others:
        raise SystemExit(f"not installed: {', '.join(others)}")
    if missing:
        logger.info("left out: haplotypecaller, haplotypecaller-sensitive, mutect2 (no %s)", " nor ".join(missing))
    return [caller for caller in callers if not (caller.needs_gatk and missing)]


if __name__ == "__main__":
    main()
