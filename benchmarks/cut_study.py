"""Which cut on the calibrated probability: candidates on every visible call set, whole and thinned, and the presets chosen.

    python benchmarks/cut_study.py --data ../shared/data --harvest DIR [--cache FOLDER] [--out FOLDER] [--install MODEL]

Prints Markdown and writes cut.md, cut.json and cut.tsv (a row for each call set). Probabilities are out of fold: of weights that
never saw the chromosome (long reads: the quarter, half or library). --harvest: thinned copies of recipes/germline/harvest.py
(its --sets, and na12878-pg-chr3-a). --cache keeps what was scored. --install writes presets, with their costs, into the shipped
weights of that name, their card and the weights of the folds; tensors stay as they are.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cut_data import CallSet, hifi_call_sets, load, ont_call_sets, save, short_read_call_sets
from cut_figures import (
    FEWEST_TRUE,
    Rule,
    as_called,
    best_f1,
    by_type,
    discovery_rate,
    expected_cut,
    f1,
    labelled,
    of_0_1_0,
    of_library,
    passed,
    rule_figures,
    smooth,
    taken,
)
from cut_report import render

from vcffilter.calibration.operating_points import DECIMALS, operating_points
from vcffilter.calibration.presets import (
    FALSE_PER_TRUE,
    LabelledCalls,
    choose_cuts,
    choose_presets,
    default_thresholds,
    mean_loss,
    preset_card,
    scores_of_pairs,
    weighted_score,
)
from vcffilter.training.metrics import removed_at_least

logger = logging.getLogger("cut_study")

HERE = Path(__file__).resolve().parent
FLAT = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
PAIRS = ((0.2, 0.1), (0.2, 0.3), (0.2, 0.4), (0.3, 0.2), (0.3, 0.4), (0.4, 0.3))
SMOOTH = tuple((sparse, deep, 15.0) for sparse in (0.1, 0.2, 0.3, 0.4, 0.5) for deep in (0.1, 0.2, 0.3, 0.4) if sparse != deep)
RATES = (0.01, 0.02, 0.05, 0.1)
#: Model -> how its call sets are collected.
COLLECT = {"illumina-germline": short_read_call_sets, "hifi-germline": hifi_call_sets, "ont-germline": ont_call_sets}
_CACHED_AS = {"illumina-germline": "short", "hifi-germline": "hifi", "ont-germline": "ont"}


def call_sets(model: str, arguments: argparse.Namespace) -> list[CallSet]:
    """All call sets that a model is judged on, from the cache where they are there."""
    kept = None if arguments.cache is None else arguments.cache / f"{_CACHED_AS[model]}.npz"
    if kept is not None and kept.exists():
        return load(kept)
    sets = COLLECT[model](arguments.data.resolve(), arguments.harvest)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        save(kept, sets)
    return sets


def caller_kind(caller: str) -> str:
    """Whether a caller ran with its defaults or was set to call whatever it sees."""
    return "sensitive" if caller.endswith(("-sensitive", "-nobaq")) else "defaults"


def rules(presets: dict[str, dict[str, float]], same_weights: bool = True) -> dict[str, Rule]:
    """Name -> rule, in the order of the table. same_weights: 0.1.0 shipped the same tensors, so its cuts can be compared."""
    return {
        "as called": as_called,
        **({"0.1.0": of_0_1_0} if same_weights else {}),
        **{f"preset {name} ({cuts['snv']:g}, {cuts['indel']:g})": by_type(**cuts) for name, cuts in presets.items()},
        **{f"{cut:g}": by_type(cut, cut) for cut in FLAT},
        **{f"SNV {snv:g}, others {indel:g}": by_type(snv, indel) for snv, indel in PAIRS},
        **{f"{sparse:g} at 0 reads to {deep:g}": smooth(sparse, deep, reads) for sparse, deep, reads in SMOOTH},
    }


def rule_table(sets: Sequence[CallSet], presets: dict[str, dict[str, float]], same_weights: bool = True) -> list[dict[str, Any]]:
    """One row a rule, on whole reads and on all copies. Call sets: of a library, and set by set."""
    rows = []
    for name, rule in rules(presets, same_weights).items():
        groups = {"whole": [one for one in sets if one.share == 1], "all": list(sets)}
        row: dict[str, Any] = {"rule": name}
        for where, chosen in groups.items():
            row[where] = rule_figures(of_library(chosen), rule)
            row[f"{where} set by set"] = rule_figures([one for one in chosen if one.label.sum() >= 5], rule)
        rows.append(row)
    return rows


def without_each_library(sets: Sequence[CallSet]) -> list[dict[str, Any]]:
    """Cuts chosen on the other libraries, tried on the one left out."""
    rows = []
    for library in sorted({one.library for one in sets}):
        inside = [one for one in sets if one.library == library]
        others = labelled([one for one in sets if one.library != library])
        for preset, false_per_true in FALSE_PER_TRUE.items():
            cuts = choose_cuts(others, false_per_true)
            rows.append({"library": library, "preset": preset, "cuts": cuts} | _tried(inside, cuts))
    return rows


def _tried(sets: Sequence[CallSet], cuts: dict[str, float]) -> dict[str, Any]:
    joined = of_library(sets)
    return {"called": rule_figures(joined, as_called), "cut": rule_figures(joined, by_type(**cuts))}


def does_depth_help(sets: Sequence[CallSet]) -> list[dict[str, Any]]:
    """Mean weighted loss (what presets are chosen by) of the best flat pair and of every smooth rule, balanced preset."""
    weight = FALSE_PER_TRUE["balanced"]
    calls = labelled(sets)
    loss, _ = mean_loss(calls, weight)
    assert loss is not None
    rows = [
        {"rule": "best flat pair, SNV and others", "loss": float(loss.min())},
        {"rule": "best flat cut for both", "loss": float(loss.diagonal().min())},
    ]
    depth = np.concatenate([one.depth for one in sets])
    for sparse, deep, reads in SMOOTH:
        limit = deep + (sparse - deep) * np.exp(-depth / reads)
        rows.append(
            {"rule": f"{sparse:g} at 0 reads to {deep:g}", "loss": _loss_of(calls, np.round(calls.probability, 4) >= limit)}
        )
    return rows


def _loss_of(calls: LabelledCalls, kept: np.ndarray) -> float:
    """Mean weighted loss of decisions, against the best flat pair of each call set."""
    weight = FALSE_PER_TRUE["balanced"]
    of: dict[int, list[float]] = {}
    for one in np.unique(calls.call_set).tolist():
        chosen = calls.call_set == one
        true = calls.is_true & chosen
        if true.sum() >= FEWEST_TRUE:
            score = weighted_score((true & kept).sum(), (chosen & ~calls.is_true & kept).sum(), int(true.sum()), weight)
            best = scores_of_pairs(calls, chosen, weight).max()
            of.setdefault(int(calls.library[chosen][0]), []).append(float(best - score))
    return float(np.mean([np.mean(losses) for losses in of.values()]))


def rate_table(sets: Sequence[CallSet]) -> list[dict[str, Any]]:
    """Call sets cut where their own probabilities predict a false discovery rate, and the rate that they have then."""
    rows = []
    for rate in RATES:
        for kind in ("defaults", "sensitive"):
            joined = [one for one in of_library(sets) if caller_kind(one.caller) == kind]
            found = [discovery_rate(one, expected_cut(one, rate)) for one in joined]
            shares = [false / max(kept, 1) for false, kept in found]
            rows.append(
                {
                    "rate": rate,
                    "callers": kind,
                    "n_sets": len(joined),
                    "pooled": sum(false for false, _ in found) / max(sum(kept for _, kept in found), 1),
                    "worst": max(shares),
                    "above_twice": sum(share > 2 * rate for share in shares),
                    "true_kept": float(np.mean([_true_kept(one, expected_cut(one, rate)) for one in joined])),
                }
            )
    return rows


def _true_kept(one: CallSet, cut: float) -> float:
    true = one.label == 1
    return float((np.round(one.probability[true], DECIMALS) >= cut).mean())


def set_rows(sets: Sequence[CallSet], presets: dict[str, dict[str, float]]) -> list[list[Any]]:
    """One row a call set: counts, F1 as called, by 0.1.0, by presets, flat cuts, best."""
    columns: dict[str, Rule] = {
        "as_called": as_called,
        "0.1.0": of_0_1_0,
        **{name: by_type(**cuts) for name, cuts in presets.items()},
        **{f"flat_{cut:g}": by_type(cut, cut) for cut in FLAT},
    }
    rows: list[list[Any]] = [["set", "share", "seed", "caller", "true", "false", "hard_false", *columns, "best"]]
    for one in sets:
        true = one.label == 1
        counts = [int(true.sum()), int((~true).sum()), int((~true & one.hard).sum())]
        scores = [f1(true, passed(one, rule)) for rule in columns.values()]
        values = [f"{score:.4f}" for score in (*scores, best_f1(one))]
        rows.append([one.set_name, f"{one.share:g}", one.seed, one.caller, *counts, *values])
    return rows


def facts_of(sets: Sequence[CallSet], presets: dict[str, dict[str, float]], measured_on: str) -> dict[str, Any]:
    """Presets with their costs, as the card has them."""
    depth = np.concatenate([one.depth for one in sets])
    kinds = np.repeat([caller_kind(one.caller) for one in sets], [len(one.label) for one in sets])
    return preset_card(presets, labelled(sets), depth, kinds, measured_on)


def install(model: str | Path, sets: Sequence[CallSet], measured_on: str) -> None:
    """Presets chosen on these call sets, and operating points read off them, into a checkpoint and its card."""
    from vcffilter.models.card import render_card
    from vcffilter.models.checkpoint import load_checkpoint, resolve_weights, save_checkpoint

    path = resolve_weights(model)
    checkpoint = load_checkpoint(path)
    calls, depth = labelled(sets), np.concatenate([one.depth for one in sets])
    card = facts_of(sets, choose_presets(calls), measured_on)
    points = operating_points(calls.probability, calls.is_true, calls.is_snv, depth, locus=calls.locus)
    metadata = dataclasses.replace(
        checkpoint.metadata,
        thresholds=default_thresholds(card),
        presets=card,
        operating_points=points,
        evaluation=with_limits(checkpoint.metadata.evaluation),
    )
    save_checkpoint(path, checkpoint.build(), metadata)
    if path.with_suffix(".md").exists():
        path.with_suffix(".md").write_text(render_card(load_checkpoint(path)))
    logger.info("%s: %s", path.name, metadata.thresholds)


def with_limits(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The shares of false ones removed that a training before there were limits left without."""
    found: dict[str, Any] = {}
    for name, value in evaluation.items():
        found[name] = with_limits(value) if isinstance(value, dict) else value
        if name.endswith("fp_removed_99") and value is not None:
            n_false = evaluation[f"{name.removesuffix('fp_removed_99')}n_false"]
            found[f"{name}_at_least"] = removed_at_least(value, n_false)
    return found


def install_all(model: str, sets: Sequence[CallSet]) -> None:
    """Shipped weights from all call sets; each fold's from those that its weights did not see either way.

    Halves of the ONT sets keep the cuts of their training: one half alone holds too few true calls to choose by.
    """
    where = (
        "Measured out of fold on every visible call set, whole and thinned reads (benchmarks/cut_study.py): an ALT counts once "
        "for every caller and copy."
    )
    install(model, sets, where)
    for fold, others in _without_each_fold(model, sets).items():
        install(HERE / "folds" / f"{model}-without-{fold}.safetensors", others, where)


def _without_each_fold(model: str, sets: Sequence[CallSet]) -> dict[str, list[CallSet]]:
    if model == "illumina-germline":
        return {fold: [one for one in sets if one.fold != fold] for fold in ("chr20", "chr21", "chr22")}
    if model == "hifi-germline":
        quarters = {f"quarter{k}": [taken(one, one.part != k) for one in sets] for k in range(1, 5)}
        return quarters | {"chm13": [one for one in sets if one.library == "hifi-revio"]}
    return {}


def run(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[list[Any]]]:
    """All figures, and the rows of the table of call sets."""
    of_model = {model: call_sets(model, arguments) for model in COLLECT}
    presets = {model: choose_presets(labelled(sets)) for model, sets in of_model.items()}
    short, hifi, ont = of_model.values()
    revio = [one for one in hifi if one.library == "hifi-revio"]
    figures = {
        "presets": presets,
        "rules": rule_table(short, presets["illumina-germline"]),
        "left_out": without_each_library(short),
        "depth": does_depth_help(short),
        "rates": rate_table(short),
        "hifi_rules": rule_table(revio, presets["hifi-germline"], same_weights=False),
        "ont_rules": rule_table(ont, presets["ont-germline"], same_weights=False),
        "costs": {model: facts_of(sets, presets[model], "")["presets"] for model, sets in of_model.items()},
    }
    for model in arguments.install:
        install_all(model, of_model[model])
    rows = [set_rows(sets, presets[model]) for model, sets in of_model.items()]
    return figures, [rows[0][0], *(row for of_one in rows for row in of_one[1:])]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--harvest", type=Path, action="append", default=[], help="work folder of harvest.py; may be repeated")
    parser.add_argument("--cache", type=Path, help="folder for what was scored")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--install", action="append", default=[], choices=COLLECT, metavar="MODEL", help="may be repeated")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logger.setLevel(logging.INFO)
    logging.getLogger("cut_data").setLevel(logging.INFO)
    figures, rows = run(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = render(figures)
    (arguments.out / "cut.md").write_text(text)
    (arguments.out / "cut.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    (arguments.out / "cut.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    print(text)


if __name__ == "__main__":
    main()
