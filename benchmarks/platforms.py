"""Long reads: what hifi-germline and ont-germline do to calls of reads, places and libraries that the weights never saw.

    python benchmarks/platforms.py --data ../shared/data --work WORKDIR [--out benchmarks/results] [--docs FILE] [--install]

WORKDIR: of recipes/germline/run.sh (tables of calls and labels, weights of every fold). Prints Markdown, writes platforms.md and
platforms.json. --install: chooses the presets of the shipped weights by the rule of vcffilter.calibration.presets from these call
sets, and writes them into WORKDIR/weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from platforms_data import FOLDS, OTHER_LIBRARY, Copy, copies_of, join
from platforms_report import render

from vcffilter.calibration.operating_points import operating_points
from vcffilter.calibration.presets import LabelledCalls, choose_presets, default_thresholds, preset_card
from vcffilter.models.card import render_card
from vcffilter.models.checkpoint import load_checkpoint, save_checkpoint
from vcffilter.training.metrics import auroc, expected_calibration_error

HERE = Path(__file__).resolve().parent
#: Callers as their users run them; the others were set to call whatever they see.
DEFAULTS = ("bcftools", "freebayes", "haplotypecaller", "mutect2")
#: Call sets with fewer true calls are not judged by F1: one call moves it by more than the filter does.
FEWEST_TRUE = 20
MEASURED_ON = (
    "Measured on parts of the real sets that the weights did not see, whole and thinned reads (benchmarks/platforms.py): an ALT "
    "counts once for every caller and copy."
)


def ranking(copies: Sequence[Copy]) -> dict[str, dict[str, Any]]:
    """Slice -> counts, AUROC, calibration error, true lost and false removed by default, of all copies together."""
    one = join(copies)
    scored = ~np.isnan(one.probability)
    found = {}
    for level, of_level in (("all", scored), ("hard", scored & one.hard)):
        for kind, of_kind in (("", of_level), (" SNV", of_level & one.is_snv), (" non-SNV", of_level & ~one.is_snv)):
            label, p = one.label[of_kind], one.probability[of_kind]
            found[level + kind] = counts(label, one.passes[of_kind]) | {
                "auroc": auroc(label, p),
                "ece": expected_calibration_error(label.astype(float), p) if len(p) else float("nan"),
            }
    return found


def counts(label: np.ndarray, passes: np.ndarray) -> dict[str, int]:
    """True and false ones, and what the default does to them."""
    return {
        "n_true": int(label.sum()),
        "true_lost": int((label & ~passes).sum()),
        "n_false": int((~label).sum()),
        "false_removed": int((~label & ~passes).sum()),
    }


def f1(n_true: int, true_kept: int, false_kept: int) -> float:
    """Of a call set against its own true calls: what the caller missed is nobody's merit or fault here."""
    return 2 * true_kept / max(n_true + true_kept + false_kept, 1)


def call_sets(copies: Sequence[Copy]) -> list[dict[str, Any]]:
    """One row a caller and copy of a set: F1 as called and filtered, true lost, false removed."""
    rows = []
    for key in sorted({(one.set_name, -one.share, one.seed) for one in copies}):
        joined = join([one for one in copies if (one.set_name, -one.share, one.seed) == key])
        for caller, called in joined.caller.items():
            row = counts(joined.label[called], joined.passes[called])
            rows.append(
                {"set": key[0], "share": -key[1], "seed": key[2], "caller": caller, **row}
                | {"depth": float(np.median(joined.depth)), "defaults": caller in DEFAULTS}
                | {"as_called": f1(row["n_true"], row["n_true"], row["n_false"])}
                | {"filtered": f1(row["n_true"], row["n_true"] - row["true_lost"], row["n_false"] - row["false_removed"])}
            )
    return rows


def made_worse(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many call sets of callers' defaults have a lower F1 after the filter than before."""
    judged = [row for row in rows if row["defaults"] and row["n_true"] >= FEWEST_TRUE]
    lost = [row["as_called"] - row["filtered"] for row in judged]
    worse = [value for value in lost if value > 1e-9]
    return {"n": len(judged), "worse": len(worse), "most": max(worse, default=0.0)}


def figures_of(platform: str, data: Path, work: Path, weights: Path) -> dict[str, Any]:
    """All figures of one platform."""
    copies = copies_of(platform, FOLDS[platform], data, work, weights)
    sets = list(dict.fromkeys(one.set_name for one in copies))
    rows = call_sets(copies)
    others = copies_of(platform, OTHER_LIBRARY[platform], data, work, weights)
    figures = {
        "ranking": {
            name: {
                "whole reads": ranking([one for one in copies if one.set_name == name and one.share == 1]),
                "all copies": ranking([one for one in copies if one.set_name == name]),
            }
            for name in sets
        },
        "pooled": ranking(copies),
        "call_sets": rows,
        "made_worse": made_worse(rows),
        "other_library": ranking(others) if others else {},
        "other_library_worse": made_worse(call_sets(others)) if others else {},
    }
    return figures | {"copies": copies}


def install(platform: str, copies: Sequence[Copy], weights: Path) -> None:
    """Presets chosen on these call sets, and operating points read off them, into the platform's weights and card."""
    path = weights / f"{platform}-germline.safetensors"
    calls, depth, kinds = as_called(copies)
    card = preset_card(choose_presets(calls), calls, depth, kinds, MEASURED_ON)
    checkpoint = load_checkpoint(path)
    metadata = dataclasses.replace(
        checkpoint.metadata,
        thresholds=default_thresholds(card),
        presets=card,
        operating_points=operating_points(calls.probability, calls.is_true, calls.is_snv, depth),
    )
    save_checkpoint(path, checkpoint.build(), metadata)
    path.with_suffix(".md").write_text(render_card(load_checkpoint(path)))


def as_called(copies: Sequence[Copy]) -> tuple[LabelledCalls, np.ndarray, np.ndarray]:
    """(calls, reads that informed, kind of caller) of every caller's call set on every copy."""
    parts: list[tuple[np.ndarray, ...]] = []
    sets = sorted({one.set_name for one in copies})
    names: dict[tuple[str, float, int, str], int] = {}
    for one in copies:
        for caller, called in one.caller.items():
            chosen = np.flatnonzero(called & ~np.isnan(one.probability))
            number = names.setdefault((one.set_name, one.share, one.seed, caller), len(names))
            kind = "defaults" if caller in DEFAULTS else "sensitive"
            columns = (one.probability[chosen], one.label[chosen], one.is_snv[chosen], one.depth[chosen])
            tags = (np.full(len(chosen), number), np.full(len(chosen), sets.index(one.set_name)), np.full(len(chosen), kind))
            parts.append((*columns, *tags))
    p, label, is_snv, depth, call_set, library, kinds = (np.concatenate(column) for column in zip(*parts, strict=True))
    return LabelledCalls(p, label, is_snv, call_set, library), depth, kinds


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--work", type=Path, required=True, help="work folder of recipes/germline/run.sh")
    parser.add_argument("--platforms", default="hifi,ont")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--docs", type=Path, help="also write the tables there, such as docs/developers/platforms.md")
    parser.add_argument("--install", action="store_true", help="write presets into WORKDIR/weights")
    arguments = parser.parse_args()
    figures = {}
    for platform in arguments.platforms.split(","):
        weights = arguments.work / "weights"
        figures[platform] = figures_of(platform, arguments.data.resolve(), arguments.work / "real", weights)
        copies = figures[platform].pop("copies")
        if arguments.install:
            install(platform, copies, weights)
        figures[platform]["presets"] = load_checkpoint(weights / f"{platform}-germline.safetensors").metadata.presets
    text = render(figures)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "platforms.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    (arguments.out / "platforms.md").write_text(text)
    if arguments.docs:
        arguments.docs.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
