"""ALTs that share their place with another ALT of the same caller, by the trees alone and by both stages, out of fold.

    python benchmarks/several_alts.py WORKDIR/illumina-pileup.yaml --run WORKDIR/runs/illumina-pileup [--document FILE]

The networks without each fold are those of a finished training; only trees are grown again. An allele counts once for every copy
of the reads, whoever called it. Prints Markdown; --document puts it into the page.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import Table, print_tables
from pileup_presets import scored_out_of_fold

from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.dataset import ArrayDataset, allele_number
from vcffilter.training.metrics import auroc
from vcffilter.training.out_of_fold import calibrate

#: contig, pos0, allele number.
Place = tuple[str, int, int]


class Stages(NamedTuple):
    """Of n alleles. trees, both: float64 (n,), probabilities out of fold. doubtful: bool (n,), the network had a say."""

    trees: np.ndarray
    both: np.ndarray
    doubtful: np.ndarray


def places_of_several(rows: list[dict[str, str]]) -> set[Place]:
    """Alleles beside which one of their callers wrote another at the same position. rows: of a table of the harvest."""
    written: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        for caller in row["callers"].split(","):
            written[row["chrom"], row["pos"], caller].add((row["ref"], row["alt"]))
    return {
        (chrom, int(pos) - 1, allele_number(ref, alt))
        for (chrom, pos, _), alleles in written.items()
        if len(alleles) > 1
        for ref, alt in alleles
    }


def has_company(shown: ArrayDataset, copy: np.ndarray, paths: list[Path]) -> np.ndarray:
    """bool (n,), whether another ALT stands at the place. copy: int (n,), which of `paths` an example is of."""
    found = np.zeros(len(shown), bool)
    for number in np.unique(copy).tolist():
        path = paths[number]
        with open(path.parents[2] / "harvest" / f"{path.stem}.tsv") as lines:
            several = places_of_several(list(csv.DictReader(lines, delimiter="\t")))
        for place in np.flatnonzero(copy == number).tolist():
            key = str(shown.contig[place]), int(shown.pos0[place]), int(shown.allele[place])
            found[place] = key in several
    return found


def stage_table(
    model: str, label: np.ndarray, company: np.ndarray, is_snv: np.ndarray, stages: Stages, cuts: np.ndarray
) -> Table:
    """label, company, is_snv: bool (n,). cuts: float64 (n,), the default threshold of each allele."""
    columns = ["ALTs", "true", "false", "through the network", "AUROC, trees", "both stages"]
    columns += ["true lost, trees", "both stages", "false kept, trees", "both stages"]
    made = Table(f"`{model}`, by its default cuts", columns)
    for name, where in (("with another ALT at their place", company), ("alone at their place", ~company)):
        for kind, of_kind in (("SNV", is_snv), ("others", ~is_snv)):
            at = where & of_kind
            true, false, scores = at & label, at & ~label, (stages.trees, stages.both)
            areas = [f"{auroc(label[at].astype(float), score[at]):.4f}" for score in scores]
            lost = [int((score[true] < cuts[true]).sum()) for score in scores]
            kept = [int((score[false] >= cuts[false]).sum()) for score in scores]
            share = f"{stages.doubtful[at].mean():.1%}"
            made.add(f"{name}, {kind}", int(true.sum()), int(false.sum()), share, *areas, *lost, *kept)
    return made


def main() -> None:
    """Score out of fold, count, print; with --document, put the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="folder of the finished training")
    parser.add_argument("--document", type=Path)
    arguments = parser.parse_args()
    config, held, copy, paths = scored_out_of_fold(arguments.config, arguments.run)
    shown, scored = held.shown, (held.first_alone(), held.both())
    by_stage = [calibrate(one, config.calibration).probabilities(one.logits, shown.is_snv) for one in scored]
    thresholds = load_checkpoint(config.model_id).metadata.thresholds
    cuts = np.where(shown.is_snv, thresholds["snv"], thresholds["indel"])
    stages = Stages(by_stage[0], by_stage[1], held.doubtful)
    company = has_company(shown, copy, paths)
    print_tables([stage_table(config.model_id, shown.label > 0.5, company, shown.is_snv, stages, cuts)], arguments.document)


if __name__ == "__main__":
    main()
