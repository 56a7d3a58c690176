"""What read-backed phase says of labelled alleles, and what trees make of it that never saw the place.

python benchmarks/phase_study.py --work WORK [--config illumina.yaml] [--seeds 3] [--platform Illumina]

WORK is a work folder of recipes/germline whose examples were made with a reach of phase, with a copy of the YAML in it. The same
trees are grown without phase and with it, in the three ways that `phase` of a YAML names; every example is scored by trees that
never saw its fold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from common import Report, Table, parser

from vcffilter.kernels.phase import PHASE_FEATURES, PHASE_RATIO
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.training.config import TrainConfig, load_train_config
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.grown_trees import TreesConfig, grow_network
from vcffilter.training.metrics import auroc, false_removed
from vcffilter.training.out_of_fold import cross_fit, fold_of
from vcffilter.training.split import load_split

#: Reads that inform: name, fewest, most.
BANDS = (("1-8", 1, 8), ("9-13", 9, 13), ("14-20", 14, 20), ("21 or more", 21, 1 << 30))
KEPT = 0.99
#: Bases that are drawn together.
BLOCK = 1000


def without(examples: ArrayDataset, spec: EncoderSpec, names: tuple[str, ...]) -> tuple[ArrayDataset, EncoderSpec]:
    """Examples and encoder without some of the features."""
    kept = [number for number, name in enumerate(spec.features) if name not in names]
    features = tuple(spec.features[number] for number in kept)
    reach = 0 if set(names) >= set(PHASE_FEATURES) else spec.phase_reach
    return (
        dataclasses.replace(examples, features=np.ascontiguousarray(examples.features[:, kept])),
        dataclasses.replace(spec, features=features, phase_reach=reach),
    )


def evidence_table(platform: str, examples: ArrayDataset, spec: EncoderSpec) -> Table:
    """How many hard alleles are phased at all, and how many of these are contradicted."""
    column = {name: examples.features[:, spec.features.index(name)] for name in PHASE_FEATURES}
    anchored = column["phase_log_agreeing_alt"] > 0
    contradicted = anchored & (column["phase_log_contradicting"] > 0)
    half = contradicted & (column["phase_contradicting_share"] >= 0.5)
    table = Table(
        f"{platform}: hard alleles whose ALT has a haplotype (reach {spec.phase_reach})",
        ("alleles", "reads", "false", "on a haplotype", "contradicted", "by half", "true", "on one", "contradicted", "by half"),
        note="contradicted: a fragment on the haplotype of the ALT's fragments shows REF; by half: at least as many as show ALT. "
        "Copies of one allele in thinned reads count each.",
    )
    for kind, of_kind in (("SNV", examples.is_snv), ("other", ~examples.is_snv)):
        for band, low, high in BANDS:
            chosen = of_kind & examples.hard & (examples.depth >= low) & (examples.depth <= high)
            cells: list[int] = []
            for label in (0, 1):
                here = chosen & (examples.label == label)
                cells += [int((here & marks).sum()) for marks in (here, anchored, contradicted, half)]
            table.add(kind, band, *cells)
    return table


def logits_by_fold(config: TrainConfig, examples: ArrayDataset, spec: EncoderSpec, seed: int, threads: int) -> np.ndarray:
    """float64 (n,): of trees that never saw the example's fold; NaN for examples of no fold."""
    fold = fold_of(examples, config.out_of_fold)

    def grow(others: ArrayDataset) -> Network:
        return grow_network(config.architecture, config.model, others, spec, seed, threads).module

    held = cross_fit(examples, fold, grow)
    logits = np.full(len(examples), np.nan)
    logits[np.concatenate([np.flatnonzero(fold == name) for name in sorted(set(fold.tolist()) - {""})])] = held.logits
    return logits


def logits_of_uses(
    config: TrainConfig, examples: ArrayDataset, spec: EncoderSpec, seeds: int, threads: int
) -> dict[str, list[np.ndarray]]:
    """By use of phase, "without" first, logits by seed."""
    bare = without(examples, spec, PHASE_FEATURES)
    used = {"without": (config, *bare)}
    for use in ("added", "ratio", "all"):
        used[use] = (dataclasses.replace(config, model={**config.model, "phase": use}), examples, spec)
    return {use: [logits_by_fold(*arguments, seed, threads) for seed in range(1, seeds + 1)] for use, arguments in used.items()}


def groups(examples: ArrayDataset, fold: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Named groups of hard examples that lie in a fold."""
    hard = examples.hard & (fold != "")
    yield "all", hard
    yield "SNV", hard & examples.is_snv
    yield "other", hard & ~examples.is_snv
    for name in sorted(set(fold.tolist()) - {""}):
        yield f"fold {name}", hard & (fold == name)
        yield f"fold {name}, other", hard & (fold == name) & ~examples.is_snv
    yield "reads as they are", hard & (examples.share == 1)
    for band, low, high in BANDS:
        yield f"{band} reads", hard & (examples.depth >= low) & (examples.depth <= high)


def effect_table(title: str, examples: ArrayDataset, fold: np.ndarray, logits: dict[str, list[np.ndarray]]) -> Table:
    """AUROC and false ones removed of each use, means over seeds; what two of them change, with intervals over blocks.

    logits: as `logits_of_uses`.
    """
    table = Table(
        title,
        ("hard alleles", "true", "false", *(f"AUROC {use}" for use in logits), "added - without (95%)", "ratio - without (95%)")
        + tuple(f"removed {use}" for use in logits),
        note=f"Means of {len(logits['without'])} seeds. Trees without phase; with {PHASE_RATIO} added to what they say (weight "
        f"{TreesConfig().phase_weight}); with it as a feature; with all features of phase. Intervals: of the seeds' mean logits, "
        f"over blocks of {BLOCK} bases drawn anew. removed: false ones under the cut that keeps {KEPT:.0%} of the group's true "
        "ones.",
    )
    contig = np.unique(examples.contig, return_inverse=True)[1]
    block = np.unique(np.stack([contig, examples.pos0 // BLOCK]), axis=1, return_inverse=True)[1].reshape(-1)
    for name, chosen in groups(examples, fold):
        label = examples.label[chosen]
        if not 0 < label.sum() < len(label):
            continue
        ranks = {use: np.mean([auroc(label, one[chosen]) for one in of_seed]) for use, of_seed in logits.items()}
        gone = [np.mean([false_removed(label, one[chosen], KEPT) for one in of_seed]) for of_seed in logits.values()]
        mean = {use: np.mean(of_seed, axis=0)[chosen] for use, of_seed in logits.items()}
        changes = []
        for use in ("added", "ratio"):
            low, high = difference_interval(label, mean["without"], mean[use], block[chosen])
            changes.append(f"{ranks[use] - ranks['without']:+.4f} ({low:+.4f} to {high:+.4f})")
        counts = (int(label.sum()), int(len(label) - label.sum()))
        table.add(name, *counts, *(f"{rank:.4f}" for rank in ranks.values()), *changes, *(f"{share:.1%}" for share in gone))
    return table


def difference_interval(
    label: np.ndarray, plain: np.ndarray, phased: np.ndarray, block: np.ndarray, draws: int = 200
) -> tuple[float, float]:
    """95% of the difference in AUROC over blocks drawn with replacement."""
    random = np.random.default_rng(1)
    members = [np.flatnonzero(block == one) for one in np.unique(block)]
    found = []
    for _ in range(draws):
        index = np.concatenate([members[number] for number in random.integers(0, len(members), len(members))])
        found.append(auroc(label[index], phased[index]) - auroc(label[index], plain[index]))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Both tables of one platform."""
    options = parser(__doc__)
    options.add_argument("--config", default="illumina.yaml", help="in WORK; its folds and trees are used")
    options.add_argument("--platform", default="Illumina", help="for the titles")
    options.add_argument("--name", default="phase", help="of the result")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    arguments = options.parse_args()
    config = load_train_config(arguments.work / arguments.config)
    report = Report(arguments.name, arguments)
    with load_split(config, arguments.work, None) as split:
        examples, spec = split.train, split.spec
        if not spec.phase_reach:
            raise SystemExit("the examples were made without --phase-reach")
        fold = fold_of(examples, config.out_of_fold)
        report.add(evidence_table(arguments.platform, examples.take(fold != ""), spec))
        logits = logits_of_uses(config, examples, spec, arguments.seeds, arguments.threads)
        title = f"{arguments.platform}: trees with and without phase (reach {spec.phase_reach}), out of fold"
        report.add(effect_table(title, examples, fold, logits))
    report.save()


if __name__ == "__main__":
    main()
