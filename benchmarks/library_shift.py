"""Weights on a library that they never saw: where their probabilities go wrong, and what mends them without the library's truth.

    python benchmarks/library_shift.py --work WORK [--beside OTHER/platforms.json] [--document docs/developers/library-shift.md]

WORK is a work folder of recipes/germline with hifi-without-revio.yaml in it. Weights are trained on CHM13's false calls and
simulated reads, in variants, and judged on every copy of the Revio calls, whose truth nothing but the judging (and the rows that
say so) sees. Neither the recipe nor what ships follows from this. --beside: of platforms.py --folds, with weights that were grown
without features of the library, all folds of hifi.yaml; set beside those that ship.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, Report, Table, parser, put_tables
from phase_study import without

from vcffilter.calibration.cross_fitting import cross_fitted
from vcffilter.calibration.maps import Calibration, fit_calibration, sigmoid
from vcffilter.kernels.encode import LIBRARY_FEATURES
from vcffilter.kernels.phase import PHASE_FEATURES
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.training.config import ExampleFiles, OutOfFold, TrainConfig, load_train_config
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit import predict
from vcffilter.training.grown_trees import grow_network
from vcffilter.training.metrics import auroc, expected_calibration_error
from vcffilter.training.out_of_fold import HeldOut, calibrate, cross_fit, fold_of
from vcffilter.training.run import calibrate_held_out
from vcffilter.training.split import load_split

TARGET, FOREIGN = "hifi-revio-chr20", "chm13-hifi-chr20"
BINS = 10
#: Reads that inform.
DEPTHS = (("1-7", 1, 7), ("8-20", 8, 20), ("21 or more", 21, 1 << 30))
#: Labelled calls of the library itself, where a row says that it had some.
FEW, DRAWS = (50, 200), 20
_EM_ROUNDS, _EM_STEP = 500, 1e-6


@dataclass(frozen=True)
class Trained:
    """Weights of one variant. held: its training examples by weights without their fold. target: float64 (n,), uncalibrated
    log-odds of the target's examples.
    """

    held: HeldOut
    target: np.ndarray


def train(config: TrainConfig, examples: ArrayDataset, fold: np.ndarray, target: ArrayDataset, spec: EncoderSpec) -> Trained:
    """Grow the trees of a configuration, with and without each fold. fold: str (n,), of the examples."""

    def grow(some: ArrayDataset) -> Network:
        return grow_network(config.architecture, config.model, some, spec, config.fit.seed, config.fit.threads).module

    held = cross_fit(examples, fold, grow)
    return Trained(held, predict(grow(examples), target).astype(np.float64))


def shifted_prior(p: np.ndarray, source_share: float) -> float:
    """Share of true ones among unlabelled examples, by expectation maximisation (Saerens, Latinne and Decaestecker 2002).

    p: float64 (n,), probabilities under a share of true ones of `source_share`.
    """
    share = source_share
    for _ in range(_EM_ROUNDS):
        expected = float(np.mean(_under(p, source_share, share)))
        if abs(expected - share) < _EM_STEP:
            break
        share = min(max(expected, 1e-6), 1 - 1e-6)
    return share


def _under(p: np.ndarray, source_share: float, share: float) -> np.ndarray:
    """Probabilities where the share of true ones is another one."""
    true = p * share / source_share
    return true / (true + (1 - p) * (1 - share) / (1 - source_share))


def by_shifted_prior(p: np.ndarray, group: np.ndarray, source_share: np.ndarray) -> np.ndarray:
    """Probabilities with each group's own share of true ones.

    group: int (n,). source_share: float64 (n,), of the example's type in training.
    """
    out = p.copy()
    for number in np.unique(group):
        inside = group == number
        before = float(source_share[inside][0])
        out[inside] = _under(p[inside], before, shifted_prior(p[inside], before))
    return out


def only(held: HeldOut, chosen: np.ndarray) -> HeldOut:
    """Some of the examples."""
    return HeldOut(held.examples.take(np.flatnonzero(chosen)), held.logits[chosen], held.fold[chosen])


@dataclass(frozen=True)
class Measured:
    """What one way gives. p: float64 (n,). cuts: of each example, float64 (n,)."""

    weights: str
    calibration: str
    p: np.ndarray
    cuts: np.ndarray


def ways(config: TrainConfig, variants: dict[str, Trained], places: Trained, target: ArrayDataset) -> Iterator[Measured]:
    """Every variant of weights and calibration."""
    snv = target.is_snv

    def cuts_of(held: HeldOut) -> np.ndarray:
        cuts = calibrate_held_out(config, held).thresholds
        return np.where(snv, cuts["snv"], cuts["indel"])

    for name, one in variants.items():
        p = calibrate(one.held, "platt").probabilities(one.target, snv)
        yield Measured(name, "every library scored without it (the recipe)", p, cuts_of(one.held))
    recipe = variants["the recipe's"]
    cuts = cuts_of(recipe.held)
    yield Measured("the recipe's", "none", sigmoid(recipe.target), cuts)
    p = calibrate(places.held, "platt").probabilities(recipe.target, snv)
    yield Measured("the recipe's", "CHM13 by quarters of its place", p, cuts_of(places.held))
    simulated = only(recipe.held, recipe.held.examples.set_name != FOREIGN)
    p = calibrate(simulated, "platt").probabilities(recipe.target, snv)
    yield Measured("the recipe's", "simulated reads alone", p, cuts_of(simulated))
    yield from _without_labels(recipe, target, cuts)


def _without_labels(recipe: Trained, target: ArrayDataset, cuts: np.ndarray) -> Iterator[Measured]:
    """Shifted shares of true ones, from the target's scores alone."""
    snv, held = target.is_snv, recipe.held.examples
    p = calibrate(recipe.held, "platt").probabilities(recipe.target, snv)
    shares = [float(held.label[of_type].mean()) for of_type in (held.is_snv, ~held.is_snv)]
    source = np.where(snv, *shares)
    kinds = snv.astype(np.int64)
    copies = np.unique(np.round(100 * target.share), return_inverse=True)[1]
    for name, group in (("a type", kinds), ("a type and share of reads", 2 * copies + kinds)):
        yield Measured("the recipe's", f"share of true ones of {name} by EM, no labels", by_shifted_prior(p, group, source), cuts)


def by_own_labels(recipe: Trained, target: ArrayDataset, n: int | None, seed: int) -> np.ndarray:
    """Probabilities of each half of the target by a map fitted on whole-read calls of the other.

    n: so many of them drawn; None: all.
    """
    half = (target.pos0 >= np.median(target.pos0)).astype(np.int64)
    random = np.random.default_rng(seed)

    def fit(learn: np.ndarray) -> Calibration:
        known = np.flatnonzero(learn & (target.share == 1))
        if n is not None:
            known = random.choice(known, min(n, len(known)), replace=False)
        return fit_calibration(recipe.target[known], target.label[known], target.is_snv[known], method="platt")

    return cross_fitted(half, fit, lambda one, inside: one.probabilities(recipe.target[inside], target.is_snv[inside]))


def row_of(target: ArrayDataset, one: Measured) -> list[object]:
    """AUROC and calibration errors on hard ones; what the default does to them."""
    true, hard = target.label > 0.5, target.hard
    kept = np.round(one.p, 4) >= one.cuts
    errors = [_error(target, one.p, hard & of) for of in (hard, target.is_snv, ~target.is_snv)]
    deep = [_error(target, one.p, hard & (target.share == 1))]
    lost, removed = int((hard & true & ~kept).sum()), int((hard & ~true & ~kept).sum())
    ranks = auroc(target.label[hard], one.p[hard])
    counts = [f"{lost} of {int((hard & true).sum())}", f"{removed} of {int((hard & ~true).sum())}"]
    return [one.weights, one.calibration, f"{ranks:.4f}", *(f"{error:.3f}" for error in errors + deep), *counts]


def _error(target: ArrayDataset, p: np.ndarray, chosen: np.ndarray) -> float:
    return expected_calibration_error(target.label[chosen].astype(np.float64), p[chosen])


def curve_table(target: ArrayDataset, p: np.ndarray) -> Table:
    """Claimed and observed share of true ones by bin, type and reads."""
    names = [f"{low / BINS:g}-{(low + 1) / BINS:g}" for low in range(BINS)]
    columns = ["hard alleles", "reads", "n", "claimed", "true", "calibration error", *names]
    table = Table("Revio by the recipe's weights: share of true ones in each bin of probability (how many)", columns)
    for kind, of_kind in (("SNV", target.is_snv), ("other", ~target.is_snv)):
        for band, low, high in DEPTHS:
            chosen = np.flatnonzero(of_kind & target.hard & (target.depth >= low) & (target.depth <= high))
            bin_of = np.minimum((p[chosen] * BINS).astype(int), BINS - 1)
            cells = []
            for number in range(BINS):
                label = target.label[chosen[bin_of == number]]
                cells.append(f"{label.mean():.2f} ({len(label)})" if len(label) else "-")
            claimed, true = f"{p[chosen].mean():.3f}", f"{target.label[chosen].mean():.3f}"
            table.add(kind, band, len(chosen), claimed, true, f"{_error(target, p, chosen):.3f}", *cells)
    return table


def own_label_rows(recipe: Trained, target: ArrayDataset, cuts: np.ndarray) -> Iterator[list[object]]:
    """Rows of a few labelled calls of the library itself: the means of draws; of all of one half."""
    whole = target.share == 1
    for n in FEW:
        rows = [row_of(target, Measured("", "", by_own_labels(recipe, target, n, seed), cuts)) for seed in range(1, DRAWS + 1)]
        errors = [f"{np.mean([float(str(row[at])) for row in rows]):.3f}" for at in range(3, 7)]
        yield [
            "the recipe's",
            f"`calibrate` on {n} labelled calls of the other half, mean of {DRAWS} draws",
            "-",
            *errors,
            "-",
            "-",
        ]
    half = f"`calibrate` on all {int(whole.sum()) // 2} labelled calls of the other half"
    yield row_of(target, Measured("the recipe's", half, by_own_labels(recipe, target, None, 0), cuts))


def quarters(examples: ArrayDataset) -> np.ndarray:
    """str (n,): quarters of the foreign library by place, other sets whole."""
    here = examples.set_name == FOREIGN
    borders = np.quantile(examples.pos0[here], [0.25, 0.5, 0.75])
    number = np.searchsorted(borders, examples.pos0, side="right")
    return np.where(here, np.char.mod("quarter%d", number + 1), examples.set_name)


def tables(work: Path) -> list[Table]:
    """All of the study."""
    config = load_train_config(work / "hifi-without-revio.yaml")
    revio = dataclasses.replace(config, data=(ExampleFiles(f"real/examples/hifi/{TARGET}.*.h5"),), out_of_fold=OutOfFold())
    with load_split(config, work, None) as split, load_split(revio, work, None) as other:
        examples, target, spec = split.train, other.train, split.spec
        bare, bare_target = (without(some, spec, PHASE_FEATURES) for some in (examples, target))
        seen = {**config.model, "unseen": [*config.model["unseen"], *LIBRARY_FEATURES]}
        fold = fold_of(examples, config.out_of_fold)
        variants = {
            "the recipe's": train(config, examples, fold, target, spec),
            "without phase": train(config, bare[0], fold, bare_target[0], bare[1]),
            "without features of the library": train(dataclasses.replace(config, model=seen), examples, fold, target, spec),
        }
        places = train(config, examples, quarters(examples), target, spec)
        recipe = variants["the recipe's"]
        found = list(ways(config, variants, places, target))
        errors = ("overall", "SNV", "other", "whole reads")
        columns = ["trees", "calibration", "AUROC", *(f"error, {name}" for name in errors), "true lost", "false removed"]
        table = Table("Revio by weights without it: hard alleles of all copies", columns)
        for one in found:
            table.add(*row_of(target, one))
        for row in own_label_rows(recipe, target, found[0].cuts):
            table.add(*row)
        return [curve_table(target, found[0].p), table]


def beside_table(ships: dict[str, Any], other: dict[str, Any]) -> Table:
    """What the folds of hifi-germline do to every library, as they are and without features of the library."""
    columns = ["alleles", "AUROC", "without", "calibration error", "without", "true lost", "without", "false removed", "without"]
    table = Table("`hifi-germline`, every library out of fold: as it ships, and without features of the library", columns)
    table.note = "; ".join(
        f"callers' defaults made worse, {name}: {_worse(ships[key])}, without {_worse(other[key])}"
        for name, key in (("by cuts of the folds", "made_worse"), ("Revio without a library like it", "other_library_worse"))
    )
    parts = {"all libraries": [one["pooled"] for one in (ships, other)]}
    parts |= {f"{name}, all copies": [one["ranking"][name]["all copies"] for one in (ships, other)] for name in (TARGET, FOREIGN)}
    parts["Revio without a library like it"] = [one["other_library"] for one in (ships, other)]
    for part, pair in parts.items():
        for group in ("all", "hard", "hard SNV", "hard non-SNV"):
            cells = [[one[group][name] for one in pair] for name in ("auroc", "ece", "true_lost", "false_removed")]
            row = [f"{value:.4f}" if value == value else "-" for value in cells[0] + cells[1]]
            table.add(f"{part}: {group}", *row, *cells[2], *cells[3])
    return table


def _worse(one: dict[str, Any]) -> str:
    return f"{one['worse']} of {one['n']} by at most {one['most']:.4f}"


def main() -> None:
    """Print the tables and keep them; with --document, put them into the page between its markers."""
    options = parser(__doc__)
    options.add_argument("--beside", type=Path, help="platforms.json of weights without features of the library")
    options.add_argument("--document", type=Path)
    arguments = options.parse_args()
    report = Report("library_shift", arguments)
    made = tables(arguments.work)
    if arguments.beside:
        ships, other = (json.loads(path.read_text())["hifi"] for path in (RESULTS / "platforms.json", arguments.beside))
        made.append(beside_table(ships, other))
    for table in made:
        report.add(table)
    report.save()
    if arguments.document:
        put_tables(made, arguments.document)


if __name__ == "__main__":
    main()
