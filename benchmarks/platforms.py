"""Long reads: what hifi-germline and ont-germline do to calls of reads, places and libraries that the weights never saw.

    python benchmarks/platforms.py --data ../shared/data --work WORKDIR [--docs FILE] [--before FOLDER]

WORKDIR: of recipes/germline/run.sh (tables of calls and labels). Prints Markdown, writes platforms.md and platforms.json. Presets
are chosen by cut_study.py. --before: weights of the folds of an earlier version (git show VERSION:benchmarks/folds/...), to be
set beside these.
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

from vcffilter.calibration.operating_points import DECIMALS
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.metrics import auroc, expected_calibration_error

HERE = Path(__file__).resolve().parent
#: Callers as their users run them; the others were set to call whatever they see.
DEFAULTS = ("bcftools", "freebayes", "haplotypecaller", "mutect2")
#: Call sets with fewer true calls are not judged by F1: one call moves it by more than the filter does.
FEWEST_TRUE = 20


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


def at_cuts(copies: Sequence[Copy], cuts: dict[str, float]) -> list[Copy]:
    """The same with FILTER by other cuts."""
    return [
        dataclasses.replace(one, passes=~(np.round(one.probability, DECIMALS) < np.where(one.is_snv, cuts["snv"], cuts["indel"])))
        for one in copies
    ]


def beside(copies: Sequence[Copy], before: Sequence[Copy]) -> list[dict[str, Any]]:
    """A row a set and share of reads: what the default does to all of its alleles, before and now."""
    rows = []
    for set_name, share in sorted({(one.set_name, -one.share) for one in copies}):
        now, then = (
            ranking([one for one in some if (one.set_name, -one.share) == (set_name, share)])["all"] for some in (copies, before)
        )
        rows.append({"set": set_name, "share": -share, "now": now, "before": then})
    return rows


def figures_of(platform: str, data: Path, work: Path, weights: Path, before: Path | None) -> dict[str, Any]:
    """All figures of one platform."""
    copies = copies_of(platform, FOLDS[platform], data, work, weights)
    shipped = load_checkpoint(f"{platform}-germline").metadata
    former = None
    if before is not None and list(before.glob(f"{platform}-germline-*")):
        former = copies_of(platform, FOLDS[platform], data, work, before)
    sets = list(dict.fromkeys(one.set_name for one in copies))
    rows = call_sets(copies)
    others = copies_of(platform, OTHER_LIBRARY[platform], data, work, weights)
    return {
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
        "made_worse_shipped": made_worse(call_sets(at_cuts(copies, shipped.thresholds))),
        "presets": shipped.presets,
        "before": beside(copies, former) if former else [],
        "made_worse_before": made_worse(call_sets(former)) if former else {},
        "other_library": ranking(others) if others else {},
        "other_library_worse": made_worse(call_sets(others)) if others else {},
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--work", type=Path, required=True, help="work folder of recipes/germline/run.sh")
    parser.add_argument("--folds", type=Path, default=HERE / "folds", help="weights that never saw a fold")
    parser.add_argument("--before", type=Path, help="the same of an earlier version")
    parser.add_argument("--platforms", default="hifi,ont")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--docs", type=Path, help="also write the tables there, such as docs/developers/platforms.md")
    arguments = parser.parse_args()
    figures = {}
    for platform in arguments.platforms.split(","):
        work = arguments.work / "real"
        figures[platform] = figures_of(platform, arguments.data.resolve(), work, arguments.folds, arguments.before)
    text = render(figures)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "platforms.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    (arguments.out / "platforms.md").write_text(text)
    if arguments.docs:
        arguments.docs.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
