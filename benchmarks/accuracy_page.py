"""docs/accuracy.md and its figure: what the default does to callers' calls, one table a platform.

    python benchmarks/accuracy_page.py --data ../shared/data --harvest DIR --rna DIR [--cache FOLDER]

--harvest: thinned copies, as cut_study.py takes them. --rna: work folder of recipes/rna/run.sh. --cache: call sets that
cut_study.py kept. Writes docs/accuracy.md, docs/pictures/accuracy.svg and results/accuracy_page.json. Everything is decided by
weights and cuts that never saw the place; figures of the library that nothing is chosen on come from results/report_only.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_page_text import figure, render
from cut_data import CallSet
from cut_figures import FEWEST_TRUE, f1, joined_by_library, labelled
from cut_study import COLLECT, call_sets, caller_kind

from vcffilter.calibration.binomial_bounds import lower_limit_of_copies, upper_limit_of_copies
from vcffilter.calibration.operating_points import DECIMALS
from vcffilter.calibration.presets import DEFAULT_PRESET, DEPTH_BANDS, FALSE_PER_TRUE, choose_cuts
from vcffilter.models.checkpoint import load_checkpoint

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
#: Callers of the RNA set: by name in the work folder.
RNA_CALLERS = ("haplotypecaller", "bcftools", "freebayes", "freebayes-sensitive")


def unseeing_weights(model: str, one: CallSet, part: int) -> Path:
    """What scored a part of a call set: weights of a fold that never saw it."""
    if model == "illumina-germline":
        without = one.fold
    elif model == "ont-germline":
        without = "quarter1-without-quarter2" if part == 1 else "quarter3-without-quarter4"
    else:
        without = f"quarter{part}" if part else "chm13"
    return HERE / "folds" / f"{model}-without-{without}.safetensors"


def unseeing_cuts(model: str, sets: Sequence[CallSet], one: CallSet, part: int) -> dict[str, float]:
    """Default cuts by type that were chosen without a part of a call set."""
    if model == "illumina-germline" and one.fold == "none":
        # Scored by the shipped weights, which saw nothing of its chromosome; their cuts were chosen on it, too.
        others = [other for other in sets if other.library != one.library]
        return choose_cuts(labelled(others), FALSE_PER_TRUE[DEFAULT_PRESET])
    return load_checkpoint(unseeing_weights(model, one, part)).metadata.thresholds


def decided(one: CallSet, cuts_of: Callable[[CallSet, int], dict[str, float]]) -> CallSet:
    """The call set with 1 and 0 for its probabilities: what passes by the cuts of each of its parts."""
    passes = np.zeros(len(one.label))
    for part in np.unique(one.part).tolist():
        cuts = cuts_of(one, part)
        cut = np.where(one.is_snv, cuts["snv"], cuts["indel"])
        passes = np.where(one.part == part, np.round(one.probability, DECIMALS) >= cut, passes)
    return dataclasses.replace(one, probability=passes)


def rows_of(model: str, sets: Sequence[CallSet]) -> list[dict[str, Any]]:
    """A row a library, kind of caller and band of depth; call sets of whole reads and thinned copies alike."""
    known: dict[tuple[str, str, int], dict[str, float]] = {}

    def cuts_of(one: CallSet, part: int) -> dict[str, float]:
        key = (one.library, one.fold, part)
        if key not in known:
            known[key] = unseeing_cuts(model, sets, one, part)
        return known[key]

    joined = joined_by_library([decided(one, cuts_of) for one in sets])
    groups: dict[tuple[str, str, str], list[CallSet]] = {}
    for one in joined:
        copy = [other for other in joined if (other.library, other.share, other.seed) == (one.library, one.share, one.seed)]
        groups.setdefault((one.library, caller_kind(one.caller), _band(copy)), []).append(one)
    order = {band: number for number, band in enumerate(DEPTH_BANDS)}
    found = []
    for library, kind, band in sorted(groups, key=lambda key: (key[0], key[1], -order[key[2]])):
        names = {"library": library, "callers": kind, "reads": band}
        found.append(names | counts_of(groups[library, kind, band]) | f1_of(groups[library, kind, band]))
    return found


def _band(copy: Sequence[CallSet]) -> str:
    """Of a copy's median depth at the true ALTs, or at all of them where none is true."""
    depth, label = (np.concatenate([getattr(one, name) for one in copy]) for name in ("depth", "label"))
    median = np.median(depth[label == 1] if label.any() else depth)
    return next(band for band, (_, high) in DEPTH_BANDS.items() if median <= high)


def counts_of(group: Sequence[CallSet]) -> dict[str, Any]:
    """True calls lost and false ones removed, with limits of as many ALTs as there are different ones."""
    label, passes, locus = (np.concatenate([getattr(one, name) for one in group]) for name in ("label", "probability", "locus"))
    true, fails = label == 1, passes < 0.5
    n_true, n_false, lost, removed = (int(one.sum()) for one in (true, ~true, true & fails, ~true & fails))
    return {
        "n_true": n_true,
        "lost": lost,
        "lost_at_most": upper_limit_of_copies(lost, n_true, len(np.unique(locus[true]))),
        "n_false": n_false,
        "removed": removed,
        "removed_at_least": lower_limit_of_copies(removed, n_false, len(np.unique(locus[~true]))),
    }


def f1_of(group: Sequence[CallSet]) -> dict[str, Any]:
    """Mean F1 of the call sets with enough true calls, as called and filtered, and how many of them get worse."""
    pairs = [
        (f1(one.label == 1, np.ones(len(one.label), bool)), f1(one.label == 1, one.probability > 0.5))
        for one in group
        if one.label.sum() >= FEWEST_TRUE
    ]
    called, filtered = (float(np.mean(side)) for side in zip(*pairs, strict=True)) if pairs else (None, None)
    worse = [before - after for before, after in pairs if before - after > 1e-9]
    return {
        "n_sets": len(pairs),
        "f1_called": called,
        "f1_filtered": filtered,
        "n_worse": len(worse),
        "most_worse": max(worse, default=0.0),
    }


def rna_rows(work: Path) -> list[dict[str, Any]]:
    """Each caller's RNA calls by the DNA weights as they are, and by those fine-tuned in recipes/rna."""
    found = []
    for caller in RNA_CALLERS:
        for weights, when in (("`illumina-germline`", "before"), ("the same, calibrated", "calibrated"), ("fine-tuned", "after")):
            report = json.loads((work / f"report-{when}-{caller}" / "evaluation.json").read_text())
            rows = {
                row["Filter"]: row
                for row in report["counts"]
                if (row["Type"], row["Subtype"], row["Subset"]) == ("ALL", "*", "*")
            }
            (n_true, n_false), (kept, left) = ((rows[one]["QUERY.TP"], rows[one]["QUERY.FP"]) for one in ("ALL", "PASS"))
            lost, removed = n_true - kept, n_false - left
            found.append({
                "callers": caller, "weights": weights,
                "n_true": n_true, "lost": lost, "lost_at_most": upper_limit_of_copies(lost, n_true, n_true),
                "n_false": n_false, "removed": removed, "removed_at_least": lower_limit_of_copies(removed, n_false, n_false),
                "f1_called": 2 * n_true / (2 * n_true + n_false), "f1_filtered": 2 * kept / (kept + left + n_true),
            })  # fmt: skip
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--harvest", type=Path, action="append", default=[], help="work folder of harvest.py; may be repeated")
    parser.add_argument("--rna", type=Path, required=True, help="work folder of recipes/rna/run.sh")
    parser.add_argument("--cache", type=Path, help="folder for what was scored")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--docs", type=Path, default=DOCS)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {model: rows_of(model, call_sets(model, arguments)) for model in COLLECT}
    figures["rna"] = rna_rows(arguments.rna)
    (figures["apart"],) = json.loads((HERE / "results" / "report_only.json").read_text()).values()
    (arguments.out / "accuracy_page.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    (arguments.docs / "accuracy.md").write_text(render(figures))
    figure(figures, arguments.docs / "pictures" / "accuracy.svg")


if __name__ == "__main__":
    main()
