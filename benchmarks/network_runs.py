"""Trials of the network behind the trees: docs/developers/pileup-network.md from the log of every run.

    python benchmarks/network_runs.py [--docs docs/developers/pileup-network.md]

The log (results/pileup_network_runs.jsonl) was written by throw-away code, one line a run: name, settings that differ from the
first run's, AUROC of the trees (base) and of both stages (res) by fold and kind, log-loss within the gate. Lines whose data are
"gates" are one network behind several gates: borders, shares, AUROC, log-loss and calibration errors by depth.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from common import RESULTS

from vcffilter.files import write_text

FOLDS = ("chr20", "chr21", "chr22", "pooled")
#: Section of the page -> what its trials' `data` is.
SECTIONS = {
    "Half of the examples, without phase": "",
    "All examples, with phase": "phase",
    "All examples, by `pileup-filter train`; trees see all features of phase": "product, all of phase",
    "The same, trees that see the ratio of phase alone, as those that ship": "product",
    "The same, half of the loci": "product, half",
}
#: What a trial's name means, in the order of the page; trials that only settled how to write the loop are left out.
TRIALS = {
    "mlp_b0": "no reads: site features and the trees' logit",
    "rs_b0": "`read_set`",
    "ra_b0": "`read_attention`",
    "c_b0": "ALT reads against others (`read_contrast`) with site features",
    "c_nofeat": "the same without site features",
    "c_cen": "and qualities as differences from the site's mean",
    "c_cen_reg": "and held back: decay, dropout, penalty on its output, thinned rows",
    "c_cen_reg2": "the same with site features, without insert size and distances from the end",
    "q_pre": "held back; pretrained on simulated alleles",
    "q_prereal": "held back; pretrained on all labelled alleles, 3 epochs",
    "q_cons": "held back; two random thinnings must agree",
    "q_clip02": "held back less",
    "q_bal": "held back; losses balanced by type, depth and label",
    "r_sim": "pretrained on simulated alleles, then on all labelled ones",
    "a_base": "pretrained on all labelled alleles, 3 epochs",
    "a_pr8": "8 epochs",
    "a_feat": "3 epochs, with site features",
    "b_simpr8": "simulated alleles, then 8 epochs",
    "b_pr16": "16 epochs",
    "b_pr8s3": "8 epochs, three seeds averaged",
    "p_base": "`read_contrast` as it is, 16 epochs; 30% of the loss against the trees' own probability, in place of the penalty",
    "p_d1": "the same, dropout 0.1 for 0.3",
    "n_t5": "50% of the loss against the trees: what illumina-pileup.yaml has; seed 1",
    "m_t5s2": "seed 2",
    "m_t5s3": "seed 3",
    "d_base": "as the first row of the section before, pretrained for 8 epochs",
    "d_teach": "before that taught the trees' own probability for 6 epochs, labels unseen: on the same alleles, on 2,501 real "
    "ones that no truth reaches, and on 14,089 simulated ones",
    "b_adv": "8 epochs, and an adversary must not guess the ALT count",
}


def row(trial: dict[str, Any], what: str) -> str:
    """One line of the table: hard AUROC by fold, trees -> both; non-SNVs; log-loss."""
    base, found = trial["base"], trial["res"]
    cells = [what, *(change(base[f"{fold}_hard"], found[f"{fold}_hard"]) for fold in FOLDS)]
    cells += [change(base[f"{fold}_non"], found[f"{fold}_non"]) for fold in FOLDS]
    cells += [change(trial["ll_trees"], trial["ll"])]
    return f"| {' | '.join(cells)} |"


def change(before: float, after: float) -> str:
    """The difference, in thousandths."""
    return f"{1000 * (after - before):+.1f}"


def render(trials: list[dict[str, Any]]) -> str:
    """The page."""
    of_name = {trial["name"]: trial for trial in trials}
    parts = [
        "# The network behind the trees: what was tried\n",
        "Made by `python benchmarks/network_runs.py --docs docs/developers/pileup-network.md` from a log of throw-away code.\n",
        "Every trial: trees are grown without each chromosome; a network learns from the other two what to add to their logit\n"
        "where they doubt (-4.5 to 4), and is scored on the third. AUROC and log-loss, difference to the trees alone,\n"
        "**in thousandths**; one seed unless said. AUROC: more is better; log-loss (within the gate): less. Three seeds of\n"
        "one trial differ by 0.3 (hard, pooled): smaller differences are ties. False non-SNVs are few: 3 thousandths are one\n"
        "or two loci.\n",
    ]
    for title, of_data in SECTIONS.items():
        chosen = [name for name in TRIALS if name in of_name and of_name[name].get("data", "") == of_data]
        first = of_name[chosen[0]]
        parts.append(
            f"## {title} ({first['n']:,})\n\nTrees alone: hard AUROC "
            + ", ".join(f"{fold} {first['base'][f'{fold}_hard']:.4f}" for fold in FOLDS)
            + "; non-SNVs "
            + ", ".join(f"{first['base'][f'{fold}_non']:.4f}" for fold in FOLDS)
            + f"; log-loss {first['ll_trees']:.4f}.\n"
        )
        header = [*(f"hard, {fold}" for fold in FOLDS), *(f"non-SNV, {fold}" for fold in FOLDS), "log-loss"]
        lines = [f"| trial | {' | '.join(header)} |", f"|---{'|---' * len(header)}|"]
        parts.append("\n".join(lines + [row(of_name[name], TRIALS[name]) for name in chosen]) + "\n")
    parts.append(targets([trial for trial in trials if trial.get("data") == "target"]))
    parts.append(gates([trial for trial in trials if trial.get("data") == "gates"]))
    return "\n".join(parts)


def targets(rows: list[dict[str, Any]]) -> str:
    """The section on consistency of what is said of a target's reads."""
    header = ["labelled -> target", "loss", "scored", "AUROC", "hard", "hard SNVs", "hard non-SNVs", "log-loss"]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for row in rows:
        for where, facts in row["res"].items():
            loss = _LOSSES[row.get("mode", "none")] + (f", weight {row['cons']:g}" if row["cons"] else "")
            cells = [f"{row['what']} ({row['n_source']:,} labelled)", loss, f"{where}: {facts['n']:,}, {facts['false']:,} false"]
            cells += [f"{facts[name]:.4f}" for name in ("all", "hard", "hard_snv", "hard_non", "ll")]
            lines.append(f"| {' | '.join(cells)} |")
    return _TARGETS[0] + "\n".join(lines) + "\n\n" + _TARGETS[1]


def gates(rows: list[dict[str, Any]]) -> str:
    """The section on gates by depth."""
    depths = list(rows[0]["shares"])
    header = ["doubt", "half width", "through the network", "hard AUROC", "non-SNV", "log-loss", "log-loss by depth"]
    lines = [f"| {' | '.join([*header, 'calibration error of the doubtful'])} |", f"|---{'|---' * len(header)}|"]
    for row in rows:
        borders = "" if row["borders"] is None else ", ".join(f"{row['borders'][depth]:g}" for depth in depths)
        shares = ", ".join(f"{row['shares'][depth]:.0%}" for depth in depths) + f"; all {row['all']:.0%}"
        cells = [row["what"], borders, shares, f"{row['hard']:.4f}", f"{row['non']:.4f}", f"{row['ll']:.4f}"]
        cells.append(", ".join(f"{row['ll_bands'][depth]:.4f}" for depth in depths) if row["ll_bands"] else "")
        cells.append(", ".join(f"{row['ece_doubt'][depth]:.3f}" for depth in depths) if row["ece_doubt"] else "")
        lines.append(f"| {' | '.join(cells)} |")
    return (
        f"## Gates by depth ({rows[0]['n']:,})\n\n"
        "A network trained as the one that ships (settings and seed 1; run again, it differs by 0.0003 of log-loss), behind\n"
        "gates that let the same share of every depth through (`gate_share`): the alleles whose logit is nearest to 0. Three\n"
        f"figures in a cell are of {', '.join(depths)} reads; pooled over folds, all copies. The network was not trained\n"
        "anew for another gate, but in the last row.\n\n" + "\n".join(lines) + "\n\n" + _GATES
    )


#: How the target's reads come in.
_LOSSES = {
    "none": "labels alone",
    "labelled thinned to 10%": "labels alone, their reads thinned harder (10% or more)",
    "pair": "two thinnings agree",
    "sure": "a thinning agrees with all reads, where these are sure",
}
#: Before and after the table.
_TARGETS = (
    """\
## Agreement on reads of a target without labels

`read_contrast` alone, without trees or site features, learns from labelled alleles of one kind of reads (a half or more of each
pileup's rows are shown) and in each step sees 64 alleles of the target without their labels. Either two random thinnings of the
target's reads (40% of the rows or more) must get the same probability, or a thinning must get that of all reads where that is
above 0.9 or below 0.1. Then it is scored on the target: for depth on the chromosome held out, for platforms on the very alleles
whose labels it did not see. Small trials: one seed, 400 steps (platforms: 500) of 128 labelled alleles.

""",
    """\
From deep to sparse reads agreement helps a network alone in both folds: ranking as much as thinning the labelled alleles harder
does, which needs no reads of the target; log-loss, at a small weight, more than that. One fold pays with its hard calls at 36x.
All shipped weights learn from thinned copies with their labels, and behind the trees agreement was a tie (first table), so none
is trained with it; for a library without sparse labelled copies it is worth another look.

From Illumina to long reads it fails. Two thinnings agree best where every allele gets the same probability: nothing is said of
the target any more (log-loss near 0.69, that of 0.5 for all). Agreement with what it is sure of does not end so; it ranks both
targets better as a whole, by telling SNVs from others, and true from false SNVs worse.
""",
)
#: What the table says.
_GATES = """\
One gate for all depths sends half of the alleles of few reads to the network and a tenth of the deep ones. The same share
everywhere costs little: with 15% of each depth half as many tensors are made, and about half of the gain in log-loss stays,
nearly all of it above 7 reads. What is lost is lost at 1-7 reads, where the trees doubt most and the network helps most; so
the shipped weights keep their gate, and `gate_share` is for who has to bound the time. Borders meet the cuts too: with 5%
at 1-7 reads no call near the default cut (logit -1.4) is looked at. The doubtful are the hardest: their calibration error is
the higher the narrower the gate, and no higher than that of the trees alone for the same alleles (row "trees alone" has
those of the 15%), so the stages join at every depth.
"""


def main() -> None:
    """Print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    lines = (arguments.results / "pileup_network_runs.jsonl").read_text().splitlines()
    text = render([json.loads(line) for line in lines])
    if arguments.docs is None:
        print(text)
    else:
        write_text(arguments.docs, text)


if __name__ == "__main__":
    main()
