"""How often `pileup-filter label` gives the label that RTG vcfeval gave: every *.labels.tsv of the real sets, by set and caller.

Run: python benchmarks/label_agreement.py [--data ../shared/data/real] [--list] [--max-listed 200]
Rows labelled DISPUTED there are left out: whether the truth is doubtful cannot be seen from the truth.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import pysam

from vcffilter.labelling.intervals import read_bed
from vcffilter.labelling.labeller import Allele, TruthIndex, label_alleles


def read_expected(path: Path) -> dict[str, list[tuple[Allele, str]]]:
    """Rows of a labels file by contig: ((pos0, ref, alt), label)."""
    rows: dict[str, list[tuple[Allele, str]]] = {}
    with open(path) as lines:
        for line in lines:
            contig, pos1, ref, alt, label = line.rstrip("\n").split("\t")
            if contig not in ("chrom", "#chrom"):
                rows.setdefault(contig, []).append(((int(pos1) - 1, ref.upper(), alt.upper()), label))
    return rows


def read_truth(path: Path) -> dict[str, list[Allele]]:
    """Every ALT of a truth VCF by contig."""
    truth: dict[str, list[Allele]] = {}
    with pysam.VariantFile(str(path)) as records:
        for record in records:
            for alt in record.alts or ():
                truth.setdefault(record.chrom, []).append((record.pos - 1, record.ref.upper(), alt.upper()))
    return truth


def compare(folder: Path) -> list[tuple[str, int, list[str], Counter, float]]:
    """(caller, rows compared, disagreements, outcomes, seconds) for each labels file of a set."""
    truth = read_truth(folder / "truth.vcf.gz")
    confident = read_bed(folder / "confident.bed")
    results = []
    with pysam.FastaFile(str(folder / "reference.fa.gz")) as fasta:
        sequences = {name: fasta.fetch(name).upper() for name in fasta.references}
    indices = {name: TruthIndex(truth.get(name, []), sequence) for name, sequence in sequences.items()}
    for path in sorted(folder.glob("*.labels.tsv")):
        disagreements, outcomes, compared = [], Counter(), 0
        start = time.perf_counter()
        for contig, rows in read_expected(path).items():
            found = label_alleles(
                contig, [allele for allele, _ in rows], indices[contig], confident.get(contig, ()), sequences[contig]
            )
            for (allele, expected), label in zip(rows, found, strict=True):
                if expected == "DISPUTED":
                    continue
                compared += 1
                outcomes[label.how] += 1
                if label.label != expected:
                    pos0, ref, alt = allele
                    disagreements.append(f"{contig}:{pos0 + 1} {ref}>{alt} theirs {expected} ours {label.label} ({label.how})")
        results.append((path.name.removesuffix(".labels.tsv"), compared, disagreements, outcomes, time.perf_counter() - start))
    return results


def main() -> None:
    """Print one line per set and caller, then the disagreements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "real")
    parser.add_argument("--max-listed", type=int, default=200)
    arguments = parser.parse_args()
    total = wrong = 0
    listed = []
    print("set\tcaller\trows\tagree\tagree_percent\thow")
    for folder in sorted(path for path in arguments.data.iterdir() if path.is_dir()):
        for caller, compared, disagreements, outcomes, _ in compare(folder):
            total += compared
            wrong += len(disagreements)
            share = 100 * (1 - len(disagreements) / compared) if compared else 100.0
            how = ", ".join(f"{name} {count}" for name, count in outcomes.most_common())
            print(f"{folder.name}\t{caller}\t{compared}\t{compared - len(disagreements)}\t{share:.2f}\t{how}")
            listed += [f"{folder.name}\t{caller}\t{line}" for line in disagreements]
    print(f"all\tall\t{total}\t{total - wrong}\t{100 * (1 - wrong / max(total, 1)):.3f}\t")
    print("\n".join(listed[: arguments.max_listed]))


if __name__ == "__main__":
    main()
