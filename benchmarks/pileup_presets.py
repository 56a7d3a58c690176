"""What the presets of a cascade cost the call sets of each caller, and which presets those call sets would choose.

    python benchmarks/pileup_presets.py WORKDIR/illumina-pileup.yaml --run WORKDIR/runs/illumina-pileup [--docs FILE] [--install]

`pileup-filter train` chooses presets on the examples of the folds, in which an allele counts once for every copy of the reads,
whoever called it. Here the same alleles with the same out-of-fold probabilities are parted into what each caller called
(WORKDIR/*/harvest/*.tsv), as benchmarks/cut_study.py does for the models of one stage. The networks without each fold are those
of the run; only trees are grown again. Prints Markdown. --install writes presets chosen on the callers' call sets into the
shipped weights of the configuration's name, and their card.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

import numpy as np
from common import RESULTS
from cut_data import CallSet
from cut_figures import Rule, as_called, by_type, labelled, of_library, rule_figures
from cut_study import install

from vcffilter.calibration.presets import FALSE_PER_TRUE, choose_presets
from vcffilter.files import write_text
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.cascades import CascadeTrainer, HeldOutTwice, parse_cascade
from vcffilter.training.config import ExampleFiles, TrainConfig, load_train_config
from vcffilter.training.dataset import allele_number
from vcffilter.training.example_file import read_examples
from vcffilter.training.out_of_fold import calibrate, fold_of, locus_of
from vcffilter.training.split import load_split

_COPY = re.compile(r"(?P<set>.+)\.f(?P<share>[0-9.]+)-s(?P<seed>[0-9]+)")
MEASURED_ON = (
    "Measured out of fold on the call sets of every caller, whole and thinned reads (benchmarks/pileup_presets.py): an ALT "
    "counts once for every caller and copy."
)


_INTRODUCTION = """\
# Presets of the weights of two stages

Made by `python benchmarks/pileup_presets.py WORKDIR/PLATFORM-pileup.yaml --run WORKDIR/runs/PLATFORM-pileup --docs
docs/developers/pileup-presets.md`, platform by platform.

The presets of `illumina-germline`, `hifi-germline` and `ont-germline` are chosen on call sets (`benchmarks/cut_study.py
--install`). Those of the `-pileup` weights come from their training: `pileup-filter train` chooses them, by the same rule, on
the examples of the folds, in which an allele counts once for every copy of the reads, whoever called it, each scored by weights
that never saw its fold. So their cards' counts and those of the `-germline` cards are not of the same calls.

Here the same alleles with the same probabilities are parted into what each caller called: what the shipped presets cost the
callers, and which presets the same rule would choose from these call sets. F1 is against a caller's own true calls. Both do
about the same, so the shipped ones stay.
"""


def copies(config: TrainConfig, base: Path) -> tuple[np.ndarray, list[Path]]:
    """(int (n,) which file each example of the run is of, the files), in the order of the run."""
    index, paths = [], []
    for one in config.data:
        wanted = one if isinstance(one, ExampleFiles) else ExampleFiles(one)
        for path in sorted(base.glob(wanted.files)):
            examples = read_examples(path, in_memory=False).examples
            n = {"all": len(examples), "snv": int(examples.is_snv.sum()), "indel": int((~examples.is_snv).sum())}[wanted.only]
            index.append(np.full(n, len(paths)))
            paths.append(path)
            examples.close()
    return np.concatenate(index), paths


def scored_out_of_fold(path: Path, run: Path) -> tuple[TrainConfig, HeldOutTwice, np.ndarray, list[Path]]:
    """(configuration, its examples that lie in folds by what never saw their fold, int (n,) which file each is of, the files).

    run: folder of the finished training, whose networks are taken; trees are grown again.
    """
    config = load_train_config(path)
    base = path.resolve().parent
    with load_split(config, base, None) as split:
        fold = fold_of(split.train, config.out_of_fold)
        trainer = CascadeTrainer(parse_cascade(config.model), config.fit, split.spec, config.fit.threads or 1, run)
        held = trainer.score_out_of_fold(split.train, fold)
    copy, paths = copies(config, base)
    return config, held, copy[fold != ""], paths


def callers_of(path: Path) -> dict[tuple[str, int, int], list[str]]:
    """(contig, pos0, allele number) -> who called it, of the table that an example file was made of."""
    with open(path.parents[2] / "harvest" / f"{path.stem}.tsv") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {(row["chrom"], int(row["pos"]) - 1, allele_number(row["ref"], row["alt"])): row["callers"].split(",") for row in rows}


def call_sets(held: HeldOutTwice, probability: np.ndarray, copy: np.ndarray, paths: list[Path]) -> list[CallSet]:
    """Of every caller and copy. copy: int (n,), which of `paths` an example is of."""
    shown, locus, found = held.shown, locus_of(held.shown), []
    for number in np.unique(copy).tolist():
        name = _COPY.fullmatch(paths[number].stem)
        assert name is not None, f"{paths[number]}: not named as harvest.py names its tables"
        index = np.flatnonzero(copy == number)
        keys = zip(shown.contig[index].tolist(), shown.pos0[index].tolist(), shown.allele[index].tolist(), strict=True)
        callers = callers_of(paths[number])
        of_caller: dict[str, list[int]] = {}
        for place, key in zip(index.tolist(), keys, strict=True):
            for caller in callers[key]:
                of_caller.setdefault(caller, []).append(place)
        for caller, places in of_caller.items():
            at = np.array(places)
            label, nothing = (shown.label[at] > 0.5).astype(np.int64), np.zeros(len(at))
            columns = (shown.hard[at], shown.is_snv[at], probability[at], shown.depth[at], nothing, nothing, locus[at])
            found.append(CallSet(name["set"], float(name["share"]), int(name["seed"]), caller, label, *columns))
    return found


def render(model: str, sets: list[CallSet], rules: dict[str, tuple[str, Rule]]) -> str:
    """Markdown: what rules do to call sets of 20 true calls or more. rules: name -> (cuts, rule)."""
    joined = of_library(sets)
    lines = [
        f"`{model}`: {len(joined)} call sets of 20 true calls or more, each a caller's on one copy of a library's reads.\n",
        "| | SNV, indel | mean F1 | call sets made worse | by more than 0.002 | the most | true lost | false removed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    calls = labelled(joined)
    for name, (cuts, rule) in rules.items():
        facts = rule_figures(joined, rule)
        kept = np.concatenate([np.round(one.probability, 4) >= rule(one) for one in joined])
        lost, removed = int((calls.is_true & ~kept).sum()), int((~calls.is_true & ~kept).sum())
        cells = [name, cuts, f"{facts['f1']:.4f}", facts["made_worse"], facts["made_worse_by_more"], f"{facts['most_worse']:.4f}"]
        cells += [f"{lost} of {int(calls.is_true.sum())}", f"{removed} of {int((~calls.is_true).sum())}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def rules_of(presets: dict[str, dict[str, dict[str, float]]]) -> dict[str, tuple[str, Rule]]:
    """Name -> (cuts, rule). presets: where they come from -> preset -> cuts."""
    found: dict[str, tuple[str, Rule]] = {"as called": ("", as_called)}
    for origin, cuts in presets.items():
        for name in FALSE_PER_TRUE:
            snv, indel = cuts[name]["snv"], cuts[name]["indel"]
            found[f"{name}, {origin}"] = (f"{snv:g}, {indel:g}", by_type(snv, indel))
    return found


def page(results: Path) -> str:
    """Every model's table."""
    tables = [path.read_text() for path in sorted(results.glob("presets-*.md"))]
    return "\n".join([_INTRODUCTION, *tables])


def main() -> None:
    """Score out of fold, measure, print; install when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="folder of the finished training")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path, help="the page of every model measured so far")
    parser.add_argument("--install", action="store_true")
    arguments = parser.parse_args()
    config, held, copy, paths = scored_out_of_fold(arguments.config, arguments.run)
    both = held.both()
    probability = calibrate(both, config.calibration).probabilities(both.logits, held.shown.is_snv)
    sets = call_sets(held, probability, copy, paths)
    shipped = {name: one["thresholds"] for name, one in load_checkpoint(config.model_id).metadata.presets["presets"].items()}
    presets = {"shipped": shipped, "chosen on these call sets": choose_presets(labelled(sets))}
    text = render(config.model_id, sets, rules_of(presets))
    write_text(arguments.out / f"presets-{config.model_id}.md", text)
    print(text)
    if arguments.docs is not None:
        write_text(arguments.docs, page(arguments.out))
    if arguments.install:
        install(config.model_id, sets, MEASURED_ON)


if __name__ == "__main__":
    main()
