"""How often `pileup-filter label` gives the label that RTG vcfeval gave, by set and caller of the real sets.

Run: python benchmarks/label_agreement.py [--data ../shared/data/real] [--max-listed 200]
Left out are rows labelled DISPUTED (whether the truth is doubtful cannot be seen from the truth), and rows
labelled OUT although every spelling of the allele lies inside confident.bed: those were withheld for another
reason (in the NA19401 sets, a confident call that the population panel lacks). How many is printed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pysam

from vcffilter.labelling.files import read_labels
from vcffilter.truth.call_sets import TruthFile
from vcffilter.truth.labeller import TruthIndex, label_alleles
from vcffilter.truth.normalise import Allele, equivalent_span, trim
from vcffilter.variants.intervals import Intervals, read_bed


@dataclass
class Comparison:
    """One caller's rows against ours."""

    rows: int = 0
    disputed: int = 0
    withheld: int = 0
    disagreements: list[str] = field(default_factory=list)
    how: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def is_withheld(allele: Allele, label: str, confident: Intervals, reference: str) -> bool:
    """Is the row OUT for a reason other than the confident regions?"""
    if label != "OUT":
        return False
    pos0, ref, alt = allele
    edit = trim(pos0, ref, alt)
    span = equivalent_span(edit, reference)
    starts0 = span.start0 - (edit.start0 == edit.end0)
    return confident.contains(starts0, span.end0) and confident.contains(pos0, pos0 + len(ref))


def compare_contig(
    found: Comparison,
    contig: str,
    rows: list[tuple[Allele, str]],
    truth: TruthIndex,
    confident: Intervals,
    reference: str,
) -> None:
    """Label one contig's rows and add the outcome to `found`."""
    start = time.perf_counter()
    labels = label_alleles(contig, [allele for allele, _ in rows], truth, confident, reference)
    found.seconds += time.perf_counter() - start
    for (allele, expected), label in zip(rows, labels, strict=True):
        if expected == "DISPUTED":
            found.disputed += 1
            continue
        if is_withheld(allele, expected, confident, reference):
            found.withheld += 1
            continue
        found.rows += 1
        found.how[label.how] += 1
        if label.label != expected:
            pos0, ref, alt = allele
            found.disagreements.append(f"{contig}:{pos0 + 1} {ref}>{alt} vcfeval {expected}, here {label.label} ({label.how})")


def compare_set(folder: Path) -> dict[str, Comparison]:
    """Comparison by caller for each labels file of a set."""
    confident = read_bed(folder / "confident.bed")
    truth_file = TruthFile(folder / "truth.vcf.gz")
    with pysam.FastaFile(str(folder / "reference.fa.gz")) as fasta:
        sequences = {str(name): fasta.fetch(name).upper() for name in fasta.references}
    truth = {
        name: TruthIndex([item.allele for item in truth_file.alleles(name)], sequence) for name, sequence in sequences.items()
    }
    truth_file.close()
    results = {}
    for path in sorted(folder.glob("*.labels.tsv")):
        by_contig: dict[str, list[tuple[Allele, str]]] = {}
        for (contig, pos1, ref, alt), label in read_labels(path).items():
            by_contig.setdefault(contig, []).append(((pos1 - 1, ref.upper(), alt.upper()), label))
        found = results[path.name.removesuffix(".labels.tsv")] = Comparison()
        for contig, rows in by_contig.items():
            inside = confident.get(contig, Intervals(()))
            compare_contig(found, contig, rows, truth[contig], inside, sequences[contig])
    return results


def main() -> None:
    """Print one line per set and caller, then the disagreements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parents[2] / "shared" / "data" / "real"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--max-listed", type=int, default=200)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"{arguments.data} does not exist: nothing to compare with")
    everything: list[Comparison] = []
    listed = []
    print("set\tcaller\trows\tagree\tagree_percent\tdisputed\twithheld\thow")
    for folder in sorted(path for path in arguments.data.iterdir() if path.is_dir()):
        for caller, found in compare_set(folder).items():
            everything.append(found)
            agree = found.rows - len(found.disagreements)
            how = ", ".join(f"{name} {count}" for name, count in found.how.most_common())
            print(
                f"{folder.name}\t{caller}\t{found.rows}\t{agree}\t{100 * agree / max(found.rows, 1):.2f}"
                f"\t{found.disputed}\t{found.withheld}\t{how}"
            )
            listed += [f"{folder.name}\t{caller}\t{line}" for line in found.disagreements]
    rows = sum(found.rows for found in everything)
    agree = rows - len(listed)
    disputed, withheld = sum(f.disputed for f in everything), sum(f.withheld for f in everything)
    print(f"all\tall\t{rows}\t{agree}\t{100 * agree / max(rows, 1):.3f}\t{disputed}\t{withheld}\t")
    print(f"{rows / max(sum(found.seconds for found in everything), 1e-9):.0f} alleles/s\n")
    print("\n".join(listed[: arguments.max_listed]))


if __name__ == "__main__":
    main()
