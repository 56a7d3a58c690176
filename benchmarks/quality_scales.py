"""hifi-germline on the Revio reads as if another machine had given their base qualities.

Run: python benchmarks/quality_scales.py --data ../shared/data --work WORK [--document docs/developers/library-shift.md]
Every called allele of the whole reads, by the weights of the quarter that never saw it, at their default cuts. Nothing changes
but the qualities: CHM13's distribution (quantile by quantile), or a factor. WORK: of recipes/germline/run.sh.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import pysam
from accuracy_data import Key, score_alleles, thresholds_of
from common import Table, put_tables
from platforms_data import FOLDS, Fold

from vcffilter.training.metrics import auroc, expected_calibration_error

REVIO, CHM13 = "hifi-revio-chr20", "chm13-hifi-chr20"
#: SAM's text holds no more.
MOST_PHRED = 93
#: Factors of qualities: up to the scale of machines that give 93, and down.
FACTORS = (2.3, 0.6)
#: So many reads tell a library's distribution.
N_READS = 2000


def quality_shares(bam: Path) -> np.ndarray:
    """float64 (MOST_PHRED + 1,), shares of bases by quality."""
    count = np.zeros(MOST_PHRED + 1)
    with pysam.AlignmentFile(str(bam)) as reads:
        for number, read in enumerate(reads):
            if number == N_READS:
                break
            if read.query_qualities is not None:
                count += np.bincount(np.asarray(read.query_qualities), minlength=len(count))
    return count / count.sum()


def by_quantile(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """uint8 (n,): each quality of one distribution to the other's at the middle of its quantiles."""
    middle = np.cumsum(given) - given / 2
    return np.searchsorted(np.cumsum(wanted), middle).clip(0, MOST_PHRED).astype(np.uint8)


def by_factor(factor: float) -> np.ndarray:
    """uint8 (n,)."""
    return np.minimum(np.arange(MOST_PHRED + 1) * factor, MOST_PHRED).astype(np.uint8)


def rewritten(bam: Path, new_of_old: np.ndarray, target: Path) -> Path:
    """The reads with other qualities, indexed."""
    with pysam.AlignmentFile(str(bam)) as reads, pysam.AlignmentFile(str(target), "wb", template=reads) as out:
        for read in reads:
            if read.query_qualities is not None:
                text = (new_of_old[np.asarray(read.query_qualities)] + 33).tobytes().decode()
                read.query_qualities = pysam.qualitystring_to_array(text)
            out.write(read)
    pysam.index(str(target))
    return target


def labels_of(table: Path, fold: Fold) -> dict[Key, bool]:
    """Allele -> whether it is true, of a quarter."""
    with open(table) as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["label"] in ("TP", "FP")]
    inside = [row for row in rows if fold.start0 <= int(row["pos"]) - 1 < fold.end0]
    return {(int(row["pos"]), row["ref"], row["alt"]): row["label"] == "TP" for row in inside}


def judged(bam: Path, data: Path, table: Path) -> list[object]:
    """True, lost, false, removed, AUROC, calibration error."""
    label, probability, passes = [], [], []
    for fold in FOLDS["hifi"]:
        if fold.set_name == REVIO:
            labels = labels_of(table, fold)
            weights = Path(__file__).parent / "folds" / f"hifi-germline-{fold.weights}.safetensors"
            cuts = thresholds_of(weights)
            found, _ = score_alleles(weights, bam, data / "real" / REVIO / "reference.fa.gz", "chr20", sorted(labels))
            for key, p in zip(sorted(labels), found.tolist(), strict=True):
                if p == p:
                    label.append(labels[key])
                    probability.append(p)
                    passes.append(p >= cuts["snv" if len(key[1]) == len(key[2]) == 1 else "indel"])
    is_true, kept, p = np.array(label), np.array(passes), np.array(probability)
    error = expected_calibration_error(is_true.astype(float), p)
    n_true, n_false = int(is_true.sum()), int((~is_true).sum())
    return [n_true, int((is_true & ~kept).sum()), n_false, int((~is_true & ~kept).sum()), auroc(is_true.astype(float), p), error]


def main() -> None:
    """Print the table; with --document, put it into the page."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--document", type=Path)
    arguments = options.parse_args()
    bam = arguments.data / "real" / REVIO / "reads.bam"
    table = arguments.work / "real" / "harvest" / f"{REVIO}.f1.00-s0.tsv"
    given, wanted = quality_shares(bam), quality_shares(arguments.data / "real" / CHM13 / "reads.bam")
    scales = {"CHM13's distribution": by_quantile(given, wanted)}
    scales |= {f"{factor:g} times as high, at most {MOST_PHRED}": by_factor(factor) for factor in FACTORS}
    columns = ["base qualities", "true", "lost", "false", "removed", "AUROC", "calibration error"]
    result = Table("`hifi-germline` where another machine gave the base qualities", columns)
    result.add("as they are", *judged(bam, arguments.data, table))
    with tempfile.TemporaryDirectory() as folder:
        for name, new_of_old in scales.items():
            result.add(name, *judged(rewritten(bam, new_of_old, Path(folder) / "reads.bam"), arguments.data, table))
    print(result.markdown())
    if arguments.document is not None:
        put_tables([result], arguments.document, "qualities")


if __name__ == "__main__":
    main()
