"""Labelled alleles of the long-read sets and their thinned copies, scored by weights that never saw their place.

Knows the layout of ../shared/data and of harvest folders; computes no figures.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy_data import score_alleles

from vcffilter.calibration.operating_points import DECIMALS
from vcffilter.models.checkpoint import load_checkpoint


@dataclass(frozen=True)
class Fold:
    """What one file of weights did not see. weights: ends of its name. start0, end0: positions of the set."""

    set_name: str
    weights: str
    start0: int = 0
    end0: int = 2**40


#: As in recipes/germline/hifi.yaml and ont.yaml.
FOLDS = {
    "hifi": (
        Fold("hifi-revio-chr20", "without-quarter1", 0, 9_022_000),
        Fold("hifi-revio-chr20", "without-quarter2", 9_022_000, 9_050_000),
        Fold("hifi-revio-chr20", "without-quarter3", 9_050_000, 9_077_000),
        Fold("hifi-revio-chr20", "without-quarter4", 9_077_000),
        Fold("chm13-hifi-chr20", "without-chm13"),
    ),
    "ont": (
        Fold("ont-r10-chr20", "without-quarter1-without-quarter2", 0, 5_059_400),
        Fold("ont-r10-chr20", "without-quarter3-without-quarter4", 5_059_400),
        Fold("hg002-ont-r94-chr20-59m", "without-quarter1-without-quarter2", 0, 59_044_000),
        Fold("hg002-ont-r94-chr20-59m", "without-quarter3-without-quarter4", 59_044_000),
    ),
}
#: Weights of hifi-germline-without-revio.yaml: CHM13's false alleles and simulated reads.
OTHER_LIBRARY = {"hifi": (Fold("hifi-revio-chr20", "without-revio"),), "ont": ()}


@dataclass(frozen=True)
class Copy:
    """Alleles of one copy of a set's reads that a fold holds; arrays of n.

    share: of the read names. label, is_snv, hard: bool. probability: calibrated, NaN where none. depth: reads that
    informed. passes: bool, by the default cuts of the weights that scored it. caller: caller -> bool (n,), who called it.
    """

    set_name: str
    share: float
    seed: int
    label: np.ndarray
    is_snv: np.ndarray
    hard: np.ndarray
    probability: np.ndarray
    depth: np.ndarray
    passes: np.ndarray
    caller: dict[str, np.ndarray]


def copies_of(platform: str, folds: Sequence[Fold], data: Path, work: Path, weights: Path) -> list[Copy]:
    """Every table of the sets, cut into folds and scored."""
    found = []
    for fold in folds:
        for table in sorted((work / "harvest").glob(f"{fold.set_name}.f*.tsv")):
            rows = [row for row in _rows(table) if fold.start0 <= int(row["pos"]) - 1 < fold.end0]
            if rows:
                found.append(_scored(table, rows, data, weights / f"{platform}-germline-{fold.weights}.safetensors"))
    return found


def _rows(table: Path) -> list[dict[str, str]]:
    with open(table) as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["label"] in ("TP", "FP")]
    return sorted(rows, key=lambda row: int(row["pos"]))


def _scored(table: Path, rows: list[dict[str, str]], data: Path, model: Path) -> Copy:
    set_name, _, copy = table.stem.partition(".f")
    share, _, seed = copy.partition("-s")
    keys = [(int(row["pos"]), row["ref"], row["alt"]) for row in rows]
    reference = data / "real" / set_name / "reference.fa.gz"
    probability, depth = score_alleles(model, Path(rows[0]["bam"]), reference, rows[0]["chrom"], keys)
    is_snv = np.array([len(ref) == len(alt) == 1 for _, ref, alt in keys], bool)
    cuts = load_checkpoint(model).metadata.thresholds
    # What has no probability passes: it is not judged.
    passes = ~(np.round(probability, DECIMALS) < np.where(is_snv, cuts["snv"], cuts["indel"]))
    who = [set(row["callers"].split(",")) for row in rows]
    return Copy(
        set_name,
        float(share),
        int(seed),
        np.array([row["label"] == "TP" for row in rows], bool),
        is_snv,
        np.array([row["hard"] == "1" for row in rows], bool),
        probability,
        np.asarray(depth),
        passes,
        {name: np.array([name in callers for callers in who], bool) for name in sorted(set().union(*who))},
    )


def join(copies: Sequence[Copy]) -> Copy:
    """Several as one; their set, share and seed are the first one's."""
    names = sorted({name for one in copies for name in one.caller})
    first = copies[0]

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in copies])

    return Copy(
        first.set_name,
        first.share,
        first.seed,
        *(column(name) for name in ("label", "is_snv", "hard", "probability", "depth", "passes")),
        {name: np.concatenate([one.caller.get(name, np.zeros(len(one.label), bool)) for one in copies]) for name in names},
    )
