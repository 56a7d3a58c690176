"""Figures of the accuracy benchmark: numbers with block-bootstrap intervals. Knows arrays only; no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from accuracy_data import Pool, Record

from vcffilter.training.metrics import auroc, block_bootstrap, cut_for_true_kept, expected_calibration_error, false_removed

BLOCK_BASES = 1000
Figures = dict[str, Any]
#: Depths of the bands in which calibration is looked at: 1-7, 8-20, 21 and more.
DEPTH_BANDS = {"1-7": (0, 7), "8-20": (8, 20), "21 and more": (21, 10**9)}


def join(pools: Sequence[Pool]) -> Pool:
    """Several pools as one; blocks stay apart by set."""
    return Pool(
        "+".join(dict.fromkeys(pool.set_name for pool in pools)),
        [key for pool in pools for key in pool.keys],
        *(np.concatenate([getattr(pool, name) for pool in pools]) for name in ("label", "score", "probability", "depth")),
    )


def blocks_of(pools: Sequence[Pool]) -> np.ndarray:
    """Block of 1 kb of every allele of the joined pools; sets of one chromosome share theirs."""
    parts = []
    for pool in pools:
        region = {"broad8x-chr20": 1, "hifi-revio-chr20": 4, "chm13-hifi-chr20": 5}.get(
            pool.set_name, 2 if pool.set_name.endswith("chr21") or pool.set_name.endswith("chr21b") else 3
        )
        parts.append(np.array([region * 10**9 + pos1 // BLOCK_BASES for pos1, _, _ in pool.keys], np.int64))
    return np.concatenate(parts)


def slices(pool: Pool) -> dict[str, np.ndarray]:
    """All and hard alleles, by type."""
    everything, snv, hard = np.ones(len(pool.keys), bool), pool.is_snv, pool.hard
    return {
        "all": everything,
        "all SNV": snv,
        "all non-SNV": ~snv,
        "hard": hard,
        "hard SNV": hard & snv,
        "hard non-SNV": hard & ~snv,
    }


def compare(label: np.ndarray, scores: dict[str, np.ndarray], blocks: np.ndarray, draws: int = 300) -> Figures:
    """AUROC with interval and share of false ones removed at 99% of true ones kept, of each score."""
    figures: Figures = {"n_true": int(label.sum()), "n_false": int(len(label) - label.sum())}
    for name, score in scores.items():
        if np.isnan(score).any() or figures["n_true"] == 0 or figures["n_false"] == 0:
            continue
        figures[name] = {"auroc": auroc(label, score), "removed_99": false_removed(label, score)}
        if draws and figures["n_false"] >= 5:
            figures[name]["interval"] = block_bootstrap(auroc, label, score, blocks, draws)
    return figures


def pooled_figures(pools: Sequence[Pool], draws: int = 300) -> dict[str, Figures]:
    """`compare` of the model and the callers' highest QUAL, by slice."""
    pool, blocks = join(pools), blocks_of(pools)
    scored = ~np.isnan(pool.probability)
    return {
        name: compare(
            pool.label[chosen & scored],
            {"model": pool.probability[chosen & scored], "QUAL": pool.score[chosen & scored]},
            blocks[chosen & scored],
            draws,
        )
        for name, chosen in slices(pool).items()
    }


def caller_figures(pool: Pool, records: Sequence[Record]) -> dict[str, Figures]:
    """One caller's records of one set: model against its own QUAL or TLOD."""
    place = {key: index for index, key in enumerate(pool.keys)}
    index = np.array([place[record.key] for record in records], np.int64)
    label = np.array([record.label for record in records])
    score = np.nan_to_num(np.array([record.score for record in records]))
    blocks = blocks_of([pool])[index] if len(index) else index
    found = {}
    for name, chosen in (("hard", score >= 1), ("all", np.ones(len(index), bool))):
        scores = {"model": pool.probability[index][chosen], "QUAL": score[chosen]}
        found[name] = compare(label[chosen], scores, blocks[chosen], 0)
    return found


def limits_of(pool: Pool, thresholds: dict[str, float]) -> np.ndarray:
    """The threshold that holds for each allele, float64 (n,)."""
    return np.where(pool.is_snv, thresholds["snv"], thresholds["indel"])


def kept_at(pool: Pool, thresholds: dict[str, float]) -> dict[str, Figures]:
    """Shares of true ones kept and false ones removed at thresholds, by type. Not scored counts as kept."""
    limit = limits_of(pool, thresholds)
    kept = ~(pool.probability < limit)
    figures = {}
    for name, of_type in (("SNV", pool.is_snv), ("non-SNV", ~pool.is_snv)):
        true, false = of_type & (pool.label == 1), of_type & (pool.label == 0)
        figures[name] = {
            "n_true": int(true.sum()),
            "kept": float(kept[true].mean()) if true.any() else None,
            "n_false": int(false.sum()),
            "removed": float((~kept)[false].mean()) if false.any() else None,
            "hard_removed": float((~kept)[false & pool.hard].mean()) if (false & pool.hard).any() else None,
        }
    return figures


def calibration_figures(pools: Sequence[Pool]) -> dict[str, Figures]:
    """Expected calibration error on hard alleles: overall, by type, by depth band."""
    pool = join(pools)
    hard = pool.hard & ~np.isnan(pool.probability)
    parts = {"overall": hard, "SNV": hard & pool.is_snv, "non-SNV": hard & ~pool.is_snv}
    for name, (low, high) in DEPTH_BANDS.items():
        parts[f"depth {name}"] = hard & (pool.depth >= low) & (pool.depth <= high)
    return {
        name: {"n": int(chosen.sum()), "ece": expected_calibration_error(pool.label[chosen], pool.probability[chosen])}
        for name, chosen in parts.items()
        if chosen.any()
    }


def passes_hard_filters(record: Record) -> bool:
    """GATK's recommended hard filters; a missing annotation fails nothing, as in GATK."""
    _, ref, alt = record.key

    def value(name: str) -> float:
        return record.info.get(name, float("nan"))

    failed = [value("QD") < 2, record.score < 30]
    if len(ref) == 1 and len(alt) == 1:
        failed += [value("SOR") > 3, value("FS") > 60, value("MQ") < 40, value("MQRankSum") < -12.5, value("ReadPosRankSum") < -8]
    else:
        failed += [value("FS") > 200, value("ReadPosRankSum") < -20]
    return not any(failed)


def hard_filter_figures(pools: Sequence[Pool], records: Sequence[Sequence[Record]]) -> Figures:
    """GATK's hard filters against the model at the same share of true variants kept (or more), on the same records."""
    label, passed, probability = [], [], []
    for pool, of_set in zip(pools, records, strict=True):
        place = {key: index for index, key in enumerate(pool.keys)}
        for record in of_set:
            label.append(record.label)
            passed.append(passes_hard_filters(record))
            probability.append(pool.probability[place[record.key]])
    y, p, ok = np.array(label), np.array(probability), np.array(passed)
    kept = float(ok[y == 1].mean())
    cut = cut_for_true_kept(y, p, kept)
    return {
        "n_true": int(y.sum()),
        "n_false": int((1 - y).sum()),
        "filters_true_kept": int(ok[y == 1].sum()),
        "filters_false_removed": int((~ok)[y == 0].sum()),
        "model_cut": cut,
        "model_true_kept": int((p >= cut)[y == 1].sum()),
        "model_false_removed": int((p < cut)[y == 0].sum()),
    }


def f1(n_true: int, n_false: int, n_truth: int) -> float:
    """F1 of a call set with these true and false calls against that many true variants."""
    return 2 * n_true / (n_true + n_false + max(n_truth, n_true)) if n_true else 0.0


def best_qual_cut(label: np.ndarray, score: np.ndarray) -> float:
    """The QUAL cut with the best F1 on these records (missed variants do not move it)."""
    n_truth = int(label.sum())
    cuts = np.unique(score)
    values = [f1(int(label[score >= cut].sum()), int((1 - label)[score >= cut].sum()), n_truth) for cut in cuts]
    return float(cuts[int(np.argmax(values))])


def low_depth_figures(
    pool: Pool,
    records: dict[str, list[Record]],
    other: dict[str, list[Record]],
    n_truth: int,
    thresholds: dict[str, float],
    best_point: dict[str, Any],
) -> dict[str, Figures]:
    """Per caller: F1 as called, after its best QUAL cut on other data, filtered by default, at the operating point that was best
    on other data, and at probability 0.5.
    """
    place = {key: index for index, key in enumerate(pool.keys)}
    found = {}
    for caller, of_caller in records.items():
        index = np.array([place[record.key] for record in of_caller])
        label = np.array([record.label for record in of_caller])
        score = np.nan_to_num(np.array([record.score for record in of_caller]))
        probability = pool.probability[index]
        limit = limits_of(pool, thresholds)[index]
        best_limit = limits_of(pool, best_point["thresholds"])[index]
        elsewhere = other[caller]
        cut = best_qual_cut(
            np.array([record.label for record in elsewhere]), np.nan_to_num(np.array([record.score for record in elsewhere]))
        )
        figures: Figures = {"cut": cut, "point": best_point["name"]}
        for name, chosen in (
            ("called", np.ones(len(label), bool)),
            ("qual_cut", score >= cut),
            ("default", ~(probability < limit)),
            ("best_point", ~(probability < best_limit)),
            ("half", ~(probability < 0.5)),
        ):
            figures[name] = f1(int(label[chosen].sum()), int((1 - label)[chosen].sum()), n_truth)
        found[caller] = figures
    return found
