"""How much labelled data trees need, and how much a network behind them: accuracy of both against the number of labelled alleles.

    python benchmarks/learning_curve.py WORKDIR/illumina-pileup.yaml [--shares 0.05,0.1,0.25,0.5,1] [--docs FILE]

The configuration is a cascade's (recipes/germline), with its example files. Loci are drawn with all their copies; what lies in
no fold is always trained on. Every fold is scored whole, by what was trained on the drawn loci of the other folds. Prints
Markdown, writes learning_curve.md, .json and, with --docs, the page and its figure.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS

from vcffilter.calibration.presets import DEFAULT_PRESET
from vcffilter.files import write_text
from vcffilter.training.cascades import CascadeTrainer, HeldOutTwice, parse_cascade
from vcffilter.training.config import TrainConfig, load_train_config
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.metrics import summarise_groups
from vcffilter.training.out_of_fold import HeldOut, calibrate, fold_of, locus_of
from vcffilter.training.run import calibrate_held_out
from vcffilter.training.split import load_split

STAGES = {"trees": "first_alone", "trees and network": "both"}


def drawn_loci(examples: ArrayDataset, share: float, seed: int) -> np.ndarray:
    """bool (n,): examples of a share of the loci; those of a smaller share are among those of a larger one."""
    locus = locus_of(examples)
    return np.random.default_rng(seed).random(locus.max() + 1)[locus] < share


def mean_f1(held: HeldOut, config: TrainConfig) -> float:
    """F1 at the default cuts that these very scores give, mean over sets at a share of their reads with 20 true calls or more.

    Against the true calls of the set itself: what no caller found is nobody's merit or fault here.
    """
    examples = held.examples
    presets = calibrate_held_out(config, held).presets["presets"][DEFAULT_PRESET]["thresholds"]
    p = calibrate(held, config.calibration).probabilities(held.logits, examples.is_snv)
    kept = np.round(p, 4) >= np.where(examples.is_snv, presets["snv"], presets["indel"])
    true = examples.label > 0.5
    call_set = np.char.add(examples.set_name, np.char.mod("@%.2f", examples.share))
    scores = []
    for name in np.unique(call_set):
        chosen = call_set == name
        if true[chosen].sum() >= 20:
            hits = int((kept & true & chosen).sum())
            scores.append(2 * hits / (int((kept & chosen).sum()) + int((true & chosen).sum())))
    return float(np.mean(scores))


def measured(held: HeldOutTwice, config: TrainConfig, learnt: np.ndarray) -> dict[str, Any]:
    """Figures of both stages on all folds together, and each fold's. learnt: bool (n,), of the examples in folds."""
    shown = held.shown
    figures: dict[str, Any] = {
        "alleles": int(learnt.sum()),
        "loci": len(np.unique(locus_of(shown)[learnt])),
        "false loci": len(np.unique(locus_of(shown)[learnt & (shown.label < 0.5)])),
    }
    for stage, of_stage in STAGES.items():
        one: HeldOut = getattr(held, of_stage)()
        facts: dict[str, Any] = {"f1": mean_f1(one, config)}
        for fold in (*sorted(set(held.fold.tolist())), "all"):
            chosen = (held.fold == fold) | (fold == "all")
            found = summarise_groups(shown.label[chosen], one.logits[chosen], shown.is_snv[chosen], shown.hard[chosen])
            facts[fold] = {name: found[name] for name in ("hard_auroc", "hard_indel_auroc", "hard_snv_auroc", "log_loss")}
        figures[stage] = facts
    return figures


def render(rows: list[dict[str, Any]], model_id: str) -> str:
    """Markdown."""
    lines = [
        "| share | alleles | loci | false loci | hard AUROC | | hard non-SNVs | | log-loss | | F1 at the default | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        f"| | | | {' | '.join(['', *['trees', 'both'] * 4])} |",
    ]
    for row in rows:
        cells = [f"{row['share']:.0%}", f"{row['alleles']:,}", f"{row['loci']:,}", f"{row['false loci']:,}"]
        for name in ("hard_auroc", "hard_indel_auroc", "log_loss"):
            cells += [f"{row[stage]['all'][name]:.4f}" for stage in STAGES]
        cells += [f"{row[stage]['f1']:.4f}" for stage in STAGES]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([f"`{model_id}`, all folds together, each scored by what never saw it:", "", *lines]) + "\n"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Log-loss and hard AUROC of both stages against loci."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "learning_curve"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3.2), constrained_layout=True)
    panels = (
        ("hard_auroc", "hard alleles: AUROC"),
        ("hard_indel_auroc", "hard non-SNVs: AUROC"),
        ("log_loss", "all alleles: log-loss"),
    )
    loci = [row["loci"] for row in rows]
    for axis, (name, title) in zip(axes, panels, strict=True):
        for stage in STAGES:
            axis.plot(loci, [row[stage]["all"][name] for row in rows], marker="o", markersize=3, label=stage)
        axis.set(title=title, xlabel="loci trained on", xscale="log")
        axis.set_xticks(loci, [f"{one:,}" for one in loci], fontsize=8)
        axis.minorticks_off()
    axes[0].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def page(text: str, figure: str) -> str:
    """The developers' page."""
    return (
        "# How much labelled data\n\n"
        "Made by `python benchmarks/learning_curve.py WORKDIR/illumina-pileup.yaml --docs docs/developers/learning-curve.md`.\n\n"
        "Trees on site features, and the same trees with a network on the reads of what they leave in doubt (a `cascade`, see\n"
        "[training](../training.md)), trained on a share of the labelled loci of the other chromosomes, scored on each in turn.\n"
        "One seed: differences under 0.001 are ties. What has no fold (simulated reads, sets without truth) grows the trees of\n"
        "every row.\n\n"
        f"![accuracy against loci trained on]({figure})\n\n{text}"
    )


def main() -> None:
    """Measure every share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--shares", default="0.05,0.1,0.25,0.5,1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path, help="docs/developers/learning-curve.md")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_train_config(arguments.config)
    rows = []
    with load_split(config, arguments.config.parent, None) as split:
        fold = fold_of(split.train, config.out_of_fold)
        trainer = CascadeTrainer(parse_cascade(config.model), config.fit, split.spec, config.fit.threads or 1)
        for share in map(float, arguments.shares.split(",")):
            begin = time.process_time()
            learns = (fold == "") | drawn_loci(split.train, share, arguments.seed)
            held = trainer.score_out_of_fold(split.train, fold, learns)
            row = {"share": share, "cpu_seconds": round(time.process_time() - begin)}
            rows.append(row | measured(held, config, learns[fold != ""]))
            write_text(
                arguments.results / "learning_curve.json", json.dumps({"model": config.model_id, "rows": rows}, indent=1) + "\n"
            )
    text = render(rows, config.model_id)
    print(text)
    write_text(arguments.results / "learning_curve.md", text)
    if arguments.docs is not None:
        figure = arguments.docs.with_suffix(".svg")
        draw(rows, figure)
        write_text(arguments.docs, page(text, figure.name))


if __name__ == "__main__":
    main()
