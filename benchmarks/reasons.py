"""Reasons against the reads: calls whose reads were looked at, with what 0.1.0 said of them and what is said now.

Run: python benchmarks/reasons.py --data ../shared/data [--document docs/developers/reasons.md]
The first table is of calls at which 0.1.0 was not to be believed. The second is of failing calls drawn at random, each with what
a plain count by pysam finds in its reads: so that anyone can judge the reasons without opening a viewer.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam
from common import Table, print_tables

from vcffilter.commands.main import run

_SETS = ("nygc-chr21", "nygc-chr22", "broad8x-chr20", "na12878-pg-chr3-a")
_CALLERS = ("freebayes", "haplotypecaller", "bcftools-nobaq")
_DRAWN, _SEED, _LEAST_QUAL = 30, 11, 1.0


@dataclass(frozen=True)
class Call:
    """An ALT of a real set."""

    name: str
    contig: str
    pos1: int
    ref: str
    alt: str

    def __str__(self) -> str:
        return f"{self.contig}:{self.pos1} {_short(self.ref)}>{_short(self.alt)}"


def _short(bases: str) -> str:
    return bases if len(bases) <= 12 else f"{bases[:9]}..({len(bases)})"


#: Call; what 0.1.0 said; what the reads show to someone who looks.
SEEN = (
    (
        Call("nygc-chr21", "chr21", 16747479, "G", "A"),
        "low_mapq, mismatch_load, allele_imbalance",
        "6 of 23, MQ 21-60, 7-30 mismatches",
    ),
    (
        Call("nygc-chr21", "chr21", 16747546, "CATATATA", "CATATA"),
        "mismatch_load",
        "a unit of (AT)n less; reads with 5-12 mismatches",
    ),
    (Call("nygc-chr21", "chr21", 16772131, "T", "A"), "mismatch_load", "Alu's poly-A; ALT reads with 5-19 mismatches"),
    (Call("nygc-chr22", "chr22", 16724264, "A", "G"), "mismatch_load, allele_imbalance", "4 of 25, all with a 13 bp deletion"),
    (
        Call("nygc-chr22", "chr22", 16665686, "C", "T"),
        "low_mapq, mismatch_load",
        "16 of 34, MQ 40-60; no mismatch but its neighbour's: a paralog",
    ),
    (Call("nygc-chr22", "chr22", 16665687, "A", "G"), "low_mapq, mismatch_load", "the same 16 reads"),
    (
        Call("nygc-chr21", "chr21", 16643808, "TGTAT", "CGTAG"),
        "mismatch_load",
        "13 of 26, MQ 60, with three more SNVs: true, a wrong verdict",
    ),
    (
        Call("nygc-chr22", "chr22", 16603968, "ACGC", "AC"),
        "strand_bias, few_alt_reads, low_base_quality",
        "25 reads carry a 6 bp insertion that explains it",
    ),
    (
        Call("nygc-chr21", "chr21", 16633734, "T", "C"),
        "strand_bias, few_alt_reads, low_base_quality",
        "1 of 28; the base lies in a true deletion beside it",
    ),
    (Call("nygc-chr22", "chr22", 16724281, "A", "C"), "strand_bias, few_alt_reads, low_base_quality", "0 of 26"),
    (
        Call("nygc-chr21", "chr21", 16772217, "C", "A"),
        "strand_bias, few_alt_reads, low_base_quality",
        "1 of 37 (1 of 47 with mates apart)",
    ),
    (Call("nygc-chr21", "chr21", 16755263, "T", "C"), "few_alt_reads", "7 of 30 show it: ends of a 16 bp insertion"),
)


def explained(data: Path, calls: Sequence[Call]) -> dict[Call, dict[str, str]]:
    """INFO of each call as a record of its own, with reasons, under thresholds that everything fails."""
    found = {}
    for name in dict.fromkeys(call.name for call in calls):
        own = sorted((call for call in calls if call.name == name), key=lambda call: (call.pos1, call.ref, call.alt))
        folder = data / "real" / name
        with tempfile.TemporaryDirectory() as scratch:
            source, out = Path(scratch) / "in.vcf", Path(scratch) / "out.vcf"
            lines = ["##fileformat=VCFv4.2", f"##contig=<ID={own[0].contig}>", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
            lines += [f"{call.contig}\t{call.pos1}\t.\t{call.ref}\t{call.alt}\t.\t.\t." for call in own]
            source.write_text("\n".join(lines) + "\n")
            files = ["-b", str(folder / "reads.bam"), "-f", str(folder / "reference.fa.gz"), "-o", str(out)]
            strict = [
                "--min-prob-snv",
                "1",
                "--min-prob-indel",
                "1",
                "--reasons",
                "--allow-ref-mismatch",
                "--allow-unscored",
                "-q",
            ]
            if run(["filter", str(source), *files, *strict]) != 0:
                raise SystemExit(f"{name}: the filter failed")
            rows = [line.split("\t") for line in out.read_text().splitlines() if not line.startswith("#")]
        for call, row in zip(own, rows, strict=True):
            found[call] = dict(pair.partition("=")[::2] for pair in row[7].split(";"))
    return found


def drawn(data: Path) -> list[Call]:
    """Failing calls of the sets' callers, the same number of each set, by chance."""
    picked: list[Call] = []
    for name in _SETS:
        folder, failing = data / "real" / name, set()
        for caller in _CALLERS:
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch) / "out.vcf"
                files = [str(folder / f"{caller}.vcf.gz"), "-b", str(folder / "reads.bam"), "-f", str(folder / "reference.fa.gz")]
                if run(["filter", *files, "--allow-ref-mismatch", "--allow-unscored", "-q", "-o", str(out)]) != 0:
                    raise SystemExit(f"{name}, {caller}: the filter failed")
                for record in pysam.VariantFile(str(out)):
                    verdicts = record.info.get("PILEUP_FT") or ()
                    for alt, verdict in zip(record.alts or (), verdicts, strict=False):
                        if (verdict or "").startswith("Low") and (record.qual or 0) >= _LEAST_QUAL:
                            failing.add(Call(name, record.contig, record.pos, record.ref, alt))
        shuffled = sorted(failing, key=lambda call: (call.pos1, call.ref, call.alt))
        random.Random(_SEED).shuffle(shuffled)
        picked += shuffled[: _DRAWN // len(_SETS) + (name == _SETS[-1]) * (_DRAWN % len(_SETS))]
    return picked


def plain_facts(data: Path, call: Call) -> str:
    """What a count by pysam finds: reads that show the ALT as their aligner placed them, and what is beside them."""
    folder = data / "real" / call.name
    shows: list[pysam.AlignedSegment] = []
    n, n_deleted = 0, 0
    beside: Counter[tuple[int, int]] = Counter()
    names = set()
    with pysam.AlignmentFile(str(folder / "reads.bam")) as reads:
        for read in reads.fetch(call.contig, call.pos1 - 1, call.pos1):
            if read.flag & (4 | 256 | 512 | 1024 | 2048) or read.query_name in names:
                continue
            names.add(read.query_name)
            n += 1
            base_at = {pos0: index for index, pos0 in read.get_aligned_pairs() if pos0 is not None}
            indels = _indels(read)
            beside.update((pos0 + 1 - call.pos1, length) for pos0, length in indels if abs(pos0 + 1 - call.pos1) < 40)
            n_deleted += base_at.get(call.pos1 - 1, 0) is None
            if _shows(call, read, base_at, indels):
                shows.append(read)
    mapq = [read.mapping_quality for read in shows]
    text = f"{len(shows)} of {n} show it"
    if shows:
        mismatches = sum(read.get_tag("NM") if read.has_tag("NM") else 0 for read in shows) / len(shows)
        n_reverse = sum(read.is_reverse for read in shows)
        text += f" ({n_reverse} reverse, MQ {min(mapq)}-{max(mapq)}, {mismatches:.1f} differences a read)"
    if n_deleted:
        text += f"; {n_deleted} delete the base"
    common = [f"{length:+d} at {place:+d} in {number}" for (place, length), number in beside.most_common(2) if number > 1]
    return text + (f"; indels: {', '.join(common)}" if common else "")


def _indels(read: pysam.AlignedSegment) -> list[tuple[int, int]]:
    found, pos0 = [], read.reference_start
    for operation, length in read.cigartuples or ():
        if operation in (1, 2):
            found.append((pos0, length if operation == 1 else -length))
        if operation in (0, 2, 3, 7, 8):
            pos0 += length
    return found


def _shows(call: Call, read: pysam.AlignedSegment, base_at: dict[int, int | None], indels: list[tuple[int, int]]) -> bool:
    if len(call.ref) != len(call.alt):
        change = len(call.alt) - len(call.ref)
        return any(length == change and abs(pos0 - call.pos1) <= 25 for pos0, length in indels)
    bases = read.query_sequence or ""
    differing = [at for at in range(len(call.ref)) if call.ref[at] != call.alt[at]]
    places = [(base_at.get(call.pos1 - 1 + at), call.alt[at]) for at in differing]
    return all(index is not None and bases[index] == base for index, base in places)


def _reasons(info: dict[str, str]) -> str:
    return info.get("PILEUP_ALT_REASON", "-").replace("&", ", ")


def main() -> None:
    """Print both tables; with --document, put them into the page between its markers."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--document", type=Path)
    arguments = options.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    looked = Table("Looked at", ["call", "P", "reads REF, ALT", "the reads", "0.1.0 said", "now"])
    seen = explained(arguments.data, [call for call, _, _ in SEEN])
    for call, before, shown in SEEN:
        info = seen[call]
        looked.add(str(call), info["PILEUP_PROB"], info["PILEUP_AD"], shown, before, _reasons(info))
    others = Table("Drawn at random", ["call", "P", "reads REF, ALT", "counted by pysam", "reasons"])
    calls = drawn(arguments.data)
    infos = explained(arguments.data, calls)
    for call in calls:
        info = infos[call]
        facts = plain_facts(arguments.data, call)
        others.add(str(call), info.get("PILEUP_PROB", "-"), info.get("PILEUP_AD", "-"), facts, _reasons(info))
    print_tables([looked, others], arguments.document)


if __name__ == "__main__":
    main()
