"""Two real people called apart, merged, and filtered with both BAMs: all reads taken together, and each sample by its own.

Run: python benchmarks/merged.py --data ../shared/data [--document docs/developers/several-samples.md]
Taken together is what 0.1.0 did with several samples, and what is still done with calls that have none: the merged sites alone.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pysam
from common import Table, print_tables

from vcffilter.commands.main import run

#: Sample: its set. Both are of one project, on the same stretch of chr21.
_SETS = {"NA19401": "na19401-nygc-chr21", "NA12878": "nygc-chr21b"}
_CALLERS = ("haplotypecaller", "freebayes", "bcftools", "bcftools-nobaq")
_NAMED = ((16577346, "ATATAT", "A"), (16583167, "A", "C"))

Place = tuple[str, int, str]
Key = tuple[str, int, str, str]


def _genotypes(path: Path) -> dict[Place, dict[str, bool]]:
    """By place: each ALT, and whether the caller's genotype has it."""
    found: dict[Place, dict[str, bool]] = {}
    for record in pysam.VariantFile(str(path)):
        alleles = record.samples[0]["GT"]
        for number, alt in enumerate(record.alts or (), 1):
            found.setdefault((record.contig, record.pos, record.ref), {})[alt] = number in alleles
    return found


def write_joint(path: Path, calls: Mapping[str, Mapping[Place, Mapping[str, bool]]], *, with_samples: bool) -> None:
    """One record per place and REF, with genotypes or sites alone."""
    contigs = sorted({place[0] for found in calls.values() for place in found})
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name}>" for name in contigs)]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    lines.append("\t".join([*fixed, *(["FORMAT", *calls] if with_samples else [])]))
    for place in sorted({place for found in calls.values() for place in found}):
        alts = list(dict.fromkeys(alt for found in calls.values() for alt in found.get(place, {})))
        row = [place[0], str(place[1]), ".", place[2], ",".join(alts), ".", ".", "."]
        if with_samples:
            row.append("GT")
            for found in calls.values():
                carried = [str(1 + alts.index(alt)) for alt, has in found.get(place, {}).items() if has]
                row.append("/".join(["0", *carried]) if place in found else "./.")
        lines.append("\t".join(row))
    path.write_text("\n".join(lines) + "\n")


def _true(folder: Path, caller: str) -> set[Key]:
    rows = (line.split("\t") for line in (folder / f"{caller}.labels.tsv").read_text().splitlines()[1:])
    return {(row[0], int(row[1]), row[2], row[3]) for row in rows if row[4].startswith("TP")}


def _scored(data: Path, calls: Path, out: Path, sample: str | None) -> dict[Key, tuple[float, str]]:
    """(probability, verdict) of each ALT by INFO; with both BAMs, or of one sample alone with its own."""
    names = _SETS if sample is None else {sample: _SETS[sample]}
    reads = [text for name in names.values() for text in ("-b", str(data / "real" / name / "reads.bam"))]
    reference = data / "real" / _SETS["NA19401"] / "reference.fa.gz"
    chosen = [] if sample is None else ["-s", sample]
    if run(["filter", str(calls), *reads, "-f", str(reference), "-q", "-o", str(out), "--allow-unscored", *chosen]) != 0:
        raise SystemExit(f"{calls}: the filter failed")
    found: dict[Key, tuple[float, str]] = {}
    for record in pysam.VariantFile(str(out)):
        values = zip(record.alts or (), record.info.get("PILEUP_PROB", ()), record.info.get("PILEUP_FT", ()), strict=False)
        for alt, probability, verdict in values:
            if probability is not None:
                found[record.contig, record.pos, record.ref, alt] = (probability, verdict)
    return found


def tables(data: Path) -> tuple[Table, Table]:
    """True calls that fail, by caller; and the two calls of the report."""
    lost = Table("True ALTs that fail", ["caller", "true ALTs that a genotype has", "reads together", "each sample by its own"])
    named = Table("Two true calls, HaplotypeCaller", ["call", "alone", "reads together", "each sample by its own"])
    for caller in _CALLERS:
        folders = {sample: data / "real" / name for sample, name in _SETS.items()}
        calls = {sample: _genotypes(folder / f"{caller}.vcf.gz") for sample, folder in folders.items()}
        true: set[Key] = set()
        for sample, folder in folders.items():
            labelled = _true(folder, caller)
            true |= {(*place, alt) for place, alts in calls[sample].items() for alt, has in alts.items() if has} & labelled
        with tempfile.TemporaryDirectory() as scratch:
            sites, joint, out = (Path(scratch) / name for name in ("sites.vcf", "joint.vcf", "out.vcf"))
            write_joint(sites, calls, with_samples=False)
            write_joint(joint, calls, with_samples=True)
            together, apart = _scored(data, sites, out, None), _scored(data, joint, out, None)
            alone = {sample: _scored(data, joint, out, sample) for sample in _SETS} if caller == _CALLERS[0] else {}
        failing = [sum(scores[key][1] != "PASS" for key in true if key in scores) for scores in (together, apart)]
        lost.add(caller, len(true), *failing)
        for pos1, ref, alt in _NAMED if alone else ():
            key = ("chr21", pos1, ref, alt)
            carrier = next(sample for sample, found in calls.items() if found.get(key[:3], {}).get(alt))
            values = (alone[carrier], together, apart)
            named.add(f"{pos1} {ref}>{alt}, {carrier}", *(f"{found[key][0]:.4f} {found[key][1]}" for found in values))
    return lost, named


def main() -> None:
    """Print the tables; with --document, put them into the page between its markers."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--document", type=Path)
    arguments = options.parse_args()
    print_tables(tables(arguments.data), arguments.document)


if __name__ == "__main__":
    main()
