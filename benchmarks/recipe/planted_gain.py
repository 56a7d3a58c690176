"""What planted alleles give: trained with and without them in the leave-one-chromosome-out folds, scored on real alleles only.

    python benchmarks/recipe/planted_gain.py --data ../shared/data --harvest DIR --harvest PLANTED --cache DIR [--seeds 1,2,3]

Prints a Markdown table: hard alleles of all copies, AUROC and share of false ones removed at 99% of true ones kept, mean and
standard deviation over the seeds. Nothing is installed.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from dataset import Alleles, load_harvest
from train import ALWAYS, RECIPES, Recipe, illumina_group, is_planted, select_short_reads, train_model

from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit import predict
from vcffilter.training.metrics import auroc, false_removed

logger = logging.getLogger("planted_gain")

VARIANTS = {
    "without": {},
    "planted indels": {"planted": True},
    "all planted": {"planted": True, "planted_snvs": True},
}


def held_out_logits(alleles: Alleles, group: np.ndarray, recipe: Recipe, threads: int) -> np.ndarray:
    """Logits, float64 (n,), of the real alleles of each group by a model that did not see it; NaN elsewhere."""
    logits = np.full(len(alleles), np.nan)
    real = ~is_planted(alleles)
    wanted = real | np.where(alleles.is_snv, recipe.planted_snvs, recipe.planted)
    for held_out in sorted(set(group.tolist()) - {ALWAYS}):
        _, module = train_model(alleles.take(wanted & (group != held_out)), recipe, threads)
        scored = real & (group == held_out)
        features = np.nan_to_num(alleles.features[scored])
        logits[scored] = predict(module, ArrayDataset.create(features, np.zeros(len(features))))
    return logits


def slices(alleles: Alleles, group: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(name, bool (n,)) of the hard real alleles by type, pooled and by group."""
    scored = ~is_planted(alleles) & (group != ALWAYS) & alleles.hard
    for kind, of_kind in (("SNV", alleles.is_snv), ("non-SNV", ~alleles.is_snv)):
        yield f"{kind}, pooled", scored & of_kind
        for one in sorted(set(group.tolist()) - {ALWAYS}):
            yield f"{kind}, {one}", scored & of_kind & (group == one)


def _spread(values: list[float], digits: int) -> str:
    return f"{np.mean(values):.{digits}f} +- {np.std(values, ddof=1):.{digits}f}"


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--harvest", type=Path, action="append", required=True, help="work folders, planted.py's among them")
    parser.add_argument("--cache", type=Path, required=True, help="encoded alleles, kept")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    base = RECIPES["illumina"]
    every = replace(base, planted=True, planted_snvs=True)
    alleles = select_short_reads(load_harvest(arguments.harvest, arguments.data.resolve(), arguments.cache), every)
    group = illumina_group(alleles)
    logits: dict[str, list[np.ndarray]] = {name: [] for name in VARIANTS}
    for seed in map(int, arguments.seeds.split(",")):
        for name, changes in VARIANTS.items():
            recipe = replace(base, seed=seed, **changes)
            logits[name].append(held_out_logits(alleles, group, recipe, arguments.threads))
            logger.info("seed %d, %s", seed, name)
    planted = is_planted(alleles)
    true = planted & (alleles.label > 0.5)
    n_distinct, n_false = len(np.unique(alleles.site[true])), (planted & ~true).sum()
    print(f"{n_distinct} distinct true planted alleles in {true.sum()} rows, {n_false} false, beside {(~planted).sum()} rows\n")
    header = ["hard records", "true / false", *(f"AUROC {name}" for name in VARIANTS), *(f"removed {name}" for name in VARIANTS)]
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for name, part in slices(alleles, group):
        label = alleles.label[part]
        cells = [_spread([auroc(label, one[part]) for one in logits[variant]], 4) for variant in VARIANTS]
        cells += [_spread([false_removed(label, one[part]) for one in logits[variant]], 3) for variant in VARIANTS]
        print(f"| {name} | {int((label > 0.5).sum())} / {int((label <= 0.5).sum())} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
