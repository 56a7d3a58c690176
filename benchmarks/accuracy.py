"""Accuracy on real call sets, every one scored with weights that never saw its chromosome.

    python benchmarks/accuracy.py --data ../shared/data [--harvest DIR ...] [--out benchmarks/results]

Prints Markdown and writes accuracy.md, accuracy.json and, with --docs, docs/developers/accuracy.md. Alleles are scored by the
program's own scorer (reads, encoder, network, calibration), once each, with benchmarks/folds/*.safetensors. --harvest
adds the down-sampled copies (recipes/germline/harvest.py).
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from accuracy_data import (
    FOLD_OF_SET,
    LONG_CALLERS,
    SHORT_CALLERS,
    Pool,
    Record,
    best_point_of,
    caller_records,
    contig_of,
    harvested_pools,
    key_of,
    pool_records,
    read_reference,
    thresholds_of,
    withheld_alleles,
)
from accuracy_figures import (
    Figures,
    calibration_figures,
    caller_figures,
    hard_filter_figures,
    join,
    kept_at,
    limits_of,
    low_depth_figures,
    pooled_figures,
)
from accuracy_report import render
from cut_data import CallSet, short_read_call_sets
from cut_figures import by_type, of_library, passed, rule_figures

from vcffilter.truth.call_sets import CallsFile
from vcffilter.truth.normalise import normalised
from vcffilter.variants.intervals import read_bed

logger = logging.getLogger("accuracy")

HERE = Path(__file__).resolve().parent
FOLDS = ("chr20", "chr21", "chr22")
CALLER_SETS = ("nygc-chr21", "nygc-chr22", "broad8x-chr20")
#: Copies whose sites get pooled as one share of the reads.
SHARES = ("f0.50", "f0.25", "f0.12")
#: 0-based borders of the quarters of hifi-revio-chr20, as in recipes/germline/hifi.yaml.
HIFI_BORDERS = (9_022_000, 9_050_000, 9_077_000)


def n_truth_alleles(folder: Path, reference: str) -> int:
    """Distinct truth alleles inside the confident regions."""
    contig = contig_of(folder)
    confident = read_bed(folder / "confident.bed")[contig]
    found = set()
    with pysam.VariantFile(str(folder / "truth.vcf.gz")) as truth:
        for record in truth.fetch(contig):
            called = {index for sample in record.samples.values() for index in sample.get("GT", ()) if index}
            for number, alt in enumerate(record.alts or (), 1):
                edit = normalised(record.pos - 1, record.ref, alt, reference)
                if (
                    edit is not None
                    and (not called or number in called)
                    and confident.contains(edit.start0, max(edit.end0, edit.start0 + 1))
                ):
                    found.add(edit)
    return len(found)


def short_read_pools(data: Path, models: dict[str, Path]) -> tuple[dict[str, Pool], dict[str, dict[str, list[Record]]]]:
    """Every set pooled, and its callers' records."""
    pools, records = {}, {}
    for set_name, fold in FOLD_OF_SET.items():
        folder = data / "real" / set_name
        reference = read_reference(folder)
        withheld = withheld_alleles(folder, SHORT_CALLERS, reference)
        records[set_name] = {
            caller: [record for record in caller_records(folder, caller, reference) if record.key not in withheld]
            for caller in SHORT_CALLERS
            if (folder / f"{caller}.labels.tsv").exists()
        }
        pools[set_name] = pool_records(set_name, folder, records[set_name], models[fold])
        logger.info("%s: %d alleles scored", set_name, len(pools[set_name].keys))
    return pools, records


def of_fold(pools: dict[str, Pool], fold: str) -> list[Pool]:
    """Pools of the sets of one chromosome."""
    return [pool for name, pool in pools.items() if FOLD_OF_SET[name] == fold]


def thinned_figures(copies: dict[tuple[str, str], Pool]) -> dict[str, dict[str, dict[str, Figures]]]:
    """Share -> fold or 'pooled' -> slice -> figures."""
    found: dict[str, dict[str, dict[str, Figures]]] = {}
    for share in SHARES:
        chosen = {key: pool for key, pool in copies.items() if key[1].startswith(share)}
        if not chosen:
            continue
        found[share] = {"pooled": pooled_figures(list(chosen.values()), 0)}
        for fold in FOLDS:
            found[share][fold] = pooled_figures([pool for (name, _), pool in chosen.items() if FOLD_OF_SET[name] == fold], 0)
    return found


def hifi_figures(data: Path, folds: Path) -> dict[str, Any]:
    """Leave-a-quarter-out on hifi-revio-chr20, and what weights without CHM13 fail of its false alleles."""
    models = [folds / f"hifi-germline-without-quarter{number}.safetensors" for number in (1, 2, 3, 4)]
    blind = folds / "hifi-germline-without-chm13.safetensors"
    if not all(path.exists() for path in [*models, blind]):
        return {}
    folder = data / "real" / "hifi-revio-chr20"
    reference = read_reference(folder)
    records = {caller: caller_records(folder, caller, reference) for caller in LONG_CALLERS}
    parts = []
    for number, model in enumerate(models):
        low, high = (0, *HIFI_BORDERS)[number], (*HIFI_BORDERS, 10**9)[number]
        inside = {
            caller: [record for record in of_caller if low <= record.key[0] - 1 < high] for caller, of_caller in records.items()
        }
        parts.append(pool_records("hifi-revio-chr20", folder, inside, model))
    kept = [kept_at(pool, thresholds_of(model)) for pool, model in zip(parts, models, strict=True)]
    figures: dict[str, Any] = {
        "revio": pooled_figures(parts),
        "kept": dict(zip(("1", "2", "3", "4"), kept, strict=True)),
        "calibration": calibration_figures(parts),
    }
    figures["chm13"] = chm13_figures(data, blind)
    return figures


def chm13_figures(data: Path, model: Path) -> Figures:
    """False alleles of CHM13 that its unseeing weights fail by default and at 0.5."""
    folder = data / "real" / "chm13-hifi-chr20"
    reference = read_reference(folder)
    records = {caller: caller_records(folder, caller, reference) for caller in LONG_CALLERS}
    pool = pool_records("chm13-hifi-chr20", folder, records, model)
    thresholds = thresholds_of(model)
    limit = limits_of(pool, thresholds)
    false = pool.label == 0
    hard = false & pool.hard
    return {
        "n_false": int(false.sum()),
        "n_hard": int(hard.sum()),
        "removed": float((pool.probability < limit)[false].mean()),
        "hard_removed": float((pool.probability < limit)[hard].mean()),
        "hard_removed_half": float((pool.probability < 0.5)[hard].mean()),
        "thresholds": thresholds,
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    data = arguments.data.resolve()
    models = {fold: arguments.folds / f"illumina-germline-without-{fold}.safetensors" for fold in FOLDS}
    pools, records = short_read_pools(data, models)
    thresholds = {fold: thresholds_of(models[fold]) for fold in FOLDS}
    figures: dict[str, Any] = {
        "thresholds": thresholds,
        "pooled": pooled_figures(list(pools.values())),
        "folds": {fold: pooled_figures(of_fold(pools, fold)) for fold in FOLDS},
        "three_sets": pooled_figures([pools[name] for name in CALLER_SETS]),
        "na19401": pooled_figures([pool for name, pool in pools.items() if name.startswith("na19401")]),
        "callers": {
            name: {caller: caller_figures(pools[name], of_caller) for caller, of_caller in records[name].items()}
            for name in CALLER_SETS
        },
        "kept": {fold: kept_at(join(of_fold(pools, fold)), thresholds[fold]) for fold in FOLDS},
        "calibration": {"pooled": calibration_figures(list(pools.values()))}
        | {fold: calibration_figures(of_fold(pools, fold)) for fold in FOLDS},
        "hard_filters": hard_filter_figures(
            [pools["nygc-chr21"], pools["nygc-chr22"]],
            [records[name]["haplotypecaller"] for name in ("nygc-chr21", "nygc-chr22")],
        ),
    }
    others = {
        caller: [record for name in ("nygc-chr21", "nygc-chr22") for record in records[name][caller]] for caller in SHORT_CALLERS
    }
    broad = data / "real" / "broad8x-chr20"
    figures["low_depth"] = low_depth_figures(
        pools["broad8x-chr20"],
        records["broad8x-chr20"],
        thinned_records(arguments.harvest, data) or others,
        n_truth_alleles(broad, read_reference(broad)),
        thresholds["chr20"],
        best_point_of(models["chr20"]),
    )
    if arguments.harvest:
        copies = harvested_pools(arguments.harvest, data, models)
        figures["thinned"] = thinned_figures(copies)
        figures["calibration"]["pooled, thinned too"] = calibration_figures([*pools.values(), *copies.values()])
    figures["hifi"] = hifi_figures(data, arguments.folds)
    thresholds["none"] = thresholds_of(Path("illumina-germline"))
    figures["call_sets"] = call_set_figures(short_read_call_sets(data, arguments.harvest), thresholds)
    return figures


def call_set_figures(sets: Sequence[CallSet], thresholds: dict[str, dict[str, float]]) -> dict[str, Figures]:
    """What the default of each set's own weights does to the callers' calls, by F1: whole reads set by set and by library, and
    all copies by library.
    """
    decided = [replace(one, probability=passed(one, by_type(**thresholds[one.fold])).astype(float)) for one in sets]
    whole, either = [one for one in decided if one.share == 1], by_type(0.5, 0.5)
    return {
        "whole reads, set by set": rule_figures([one for one in whole if one.label.sum() >= 5], either),
        "whole reads, by library": rule_figures(of_library(whole), either),
        "all copies, by library": rule_figures(of_library(decided), either),
    }


def thinned_records(harvest: Sequence[Path], data: Path) -> dict[str, list[Record]]:
    """Callers' records of the nygc sets at a quarter of their reads (9x), to choose QUAL cuts on; empty without them."""
    import csv

    found: dict[str, list[Record]] = {caller: [] for caller in SHORT_CALLERS}
    for work in harvest:
        for set_name in ("nygc-chr21", "nygc-chr22"):
            table = work / "harvest" / f"{set_name}.f0.25-s1.tsv"
            if not table.exists():
                continue
            with open(table) as lines:
                labels = {
                    (int(row["pos"]), row["ref"], row["alt"]): int(row["label"] == "TP")
                    for row in csv.DictReader(lines, delimiter="\t")
                }
            folder = data / "real" / set_name
            reference, contig = read_reference(folder), contig_of(folder)
            for caller in SHORT_CALLERS:
                path = work / set_name / "f0.25-s1" / f"{caller}.vcf.gz"
                if not path.exists():
                    continue
                with CallsFile(path) as calls:
                    of_contig = [call for call in calls.alleles() if call.contig == contig and call.has_sequence]
                for call in of_contig:
                    key = key_of(call.pos1, call.ref.upper(), call.alt.upper(), reference)
                    if key in labels:
                        found[caller].append(Record(key, labels[key], float(np.nan_to_num(call.caller_score))))
    return found if all(found.values()) else {}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--folds", type=Path, default=HERE / "folds")
    parser.add_argument("--harvest", type=Path, action="append", default=[], help="work folder of harvest.py; may be repeated")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--docs", type=Path, help="also write the tables there, such as docs/developers/accuracy.md")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logger.setLevel(logging.INFO)
    figures = run(arguments)
    text = render(figures)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "accuracy.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    (arguments.out / "accuracy.md").write_text(text)
    if arguments.docs:
        arguments.docs.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
