"""ALTs that share their place with another ALT of the same caller, by the trees alone and by both stages, out of fold.

    python benchmarks/several_alts.py WORKDIR/illumina-pileup.yaml --run WORKDIR/runs/illumina-pileup [--docs FILE]

The networks without each fold are those of a finished training; only trees are grown again. An allele counts once for every copy
of the reads, whoever called it. Prints Markdown; --docs writes it between the page's markers.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import RESULTS
from pileup_presets import copies

from vcffilter.files import write_text
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.cascades import CascadeTrainer, parse_cascade
from vcffilter.training.config import load_train_config
from vcffilter.training.dataset import ArrayDataset, allele_number
from vcffilter.training.metrics import auroc
from vcffilter.training.out_of_fold import calibrate, fold_of
from vcffilter.training.split import load_split

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


def table(label: np.ndarray, company: np.ndarray, is_snv: np.ndarray, stages: Stages, cuts: np.ndarray) -> str:
    """Markdown. label, company, is_snv: bool (n,). cuts: float64 (n,), the default threshold of each allele."""
    lines = [
        "| ALTs | true | false | through the network | AUROC, trees | both stages | true lost, trees | both stages "
        "| false kept, trees | both stages |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, where in (("with another ALT at their place", company), ("alone at their place", ~company)):
        for kind, of_kind in (("SNV", is_snv), ("others", ~is_snv)):
            at = where & of_kind
            true, false = at & label, at & ~label
            cells: list[object] = [f"{name}, {kind}", int(true.sum()), int(false.sum()), f"{stages.doubtful[at].mean():.1%}"]
            scores = (stages.trees, stages.both)
            cells += [f"{auroc(label[at].astype(float), score[at]):.4f}" for score in scores]
            cells += [int((score[true] < cuts[true]).sum()) for score in scores]
            cells += [int((score[false] >= cuts[false]).sum()) for score in scores]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def filled(page: str, content: str) -> str:
    """The page with what stands between its markers replaced."""
    begin, end = "<!-- several: written by benchmarks/several_alts.py -->", "<!-- end of several -->"
    head, _, rest = page.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise SystemExit(f"the page has no markers {begin} and {end}")
    return f"{head}{begin}\n\n{content}\n{end}{tail}"


def main() -> None:
    """Score out of fold, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="folder of the finished training")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    config = load_train_config(arguments.config)
    base = arguments.config.resolve().parent
    with load_split(config, base, None) as split:
        fold = fold_of(split.train, config.out_of_fold)
        trainer = CascadeTrainer(parse_cascade(config.model), config.fit, split.spec, config.fit.threads or 1, arguments.run)
        held = trainer.score_out_of_fold(split.train, fold)
    shown = held.shown
    copy, paths = copies(config, base)
    scored = (held.first_alone(), held.both())
    by_stage = [calibrate(one, config.calibration).probabilities(one.logits, shown.is_snv) for one in scored]
    thresholds = load_checkpoint(config.model_id).metadata.thresholds
    cuts = np.where(shown.is_snv, thresholds["snv"], thresholds["indel"])
    company = has_company(shown, copy[fold != ""], paths)
    text = table(shown.label > 0.5, company, shown.is_snv, Stages(by_stage[0], by_stage[1], held.doubtful), cuts)
    text = f"`{config.model_id}`, by its default cuts:\n\n{text}"
    write_text(arguments.out / f"several-alts-{config.model_id}.md", text)
    print(text)
    if arguments.docs is not None:
        made = sorted(arguments.out.glob("several-alts-*.md"))
        write_text(arguments.docs, filled(arguments.docs.read_text(), "\n".join(path.read_text() for path in made)))


if __name__ == "__main__":
    main()
