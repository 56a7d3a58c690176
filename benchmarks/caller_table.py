"""What the default cut does to each caller's default calls on whole reads of three platforms: true ones lost, false removed.

    python benchmarks/caller_table.py --data ../shared/data [--out benchmarks/results]

Prints Markdown and writes callers.md and callers.json, of which README's first table is made (readme_figures.py). Probabilities
are out of fold: of weights that never saw the locus.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cut_data import CallSet, hifi_call_sets, ont_call_sets, short_read_call_sets
from cut_figures import by_type, passed

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit
from vcffilter.models.checkpoint import load_checkpoint

HERE = Path(__file__).resolve().parent
#: Callers as they come, by the name in the table.
CALLERS = {"haplotypecaller": "HaplotypeCaller", "freebayes": "freebayes", "bcftools": "bcftools call"}
#: What is pooled, by the name in the table: the model, and the sets.
PLATFORMS = {
    "Illumina, 36x": (
        "illumina-germline",
        ("nygc-chr21", "nygc-chr21b", "nygc-chr22", "na19401-nygc-chr21", "na19401-nygc-chr22"),
    ),
    "Illumina, 8x": ("illumina-germline", ("broad8x-chr20",)),
    "PacBio HiFi, 45x": ("hifi-germline", ("hifi-revio-chr20",)),
    "ONT R10.4, 52x": ("ont-germline", ("ont-r10-chr20",)),
}


def rows_of(platform: str, sets: Sequence[CallSet]) -> list[dict[str, Any]]:
    """A row a caller: counts and F1 before and after."""
    model, names = PLATFORMS[platform]
    cuts = load_checkpoint(model).metadata.thresholds
    rule = by_type(cuts["snv"], cuts["indel"])
    rows = []
    for caller, title in CALLERS.items():
        chosen = [one for one in sets if one.set_name in names and one.caller == caller and one.share == 1]
        if not chosen:
            continue
        true = [one.label == 1 for one in chosen]
        kept = [passed(one, rule) for one in chosen]
        n_true, n_false = sum(int(t.sum()) for t in true), sum(int((~t).sum()) for t in true)
        lost = sum(int((t & ~k).sum()) for t, k in zip(true, kept, strict=True))
        removed = sum(int((~t & ~k).sum()) for t, k in zip(true, kept, strict=True))
        rows.append({
            "reads": platform, "caller": title,
            "n_true": n_true, "n_false": n_false, "true_lost": lost, "false_removed": removed,
            "f1_called": _f1(n_true, n_true, n_false), "f1_filtered": _f1(n_true, n_true - lost, n_false - removed),
            "lost_at_most": upper_limit(lost, n_true) if n_true else None,
            "removed_at_least": lower_limit(removed, n_false) if n_false else None,
        })  # fmt: skip
    return rows


def _f1(n_true: int, kept_true: int, kept_false: int) -> float:
    """Against the caller's own true calls, as `cut_figures.f1`."""
    return 2 * kept_true / (kept_true + kept_false + n_true)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| reads | calls of | F1 as called -> filtered | true calls lost | false calls removed |", "|---|---|---|---|---|"]
    for row in rows:
        lost = f"{row['true_lost']} of {row['n_true']} (at most {row['lost_at_most']:.1%})"
        removed = f"{row['false_removed']} of {row['n_false']}"
        removed += f" (at least {row['removed_at_least']:.0%})" if row["n_false"] else ""
        f1 = f"{row['f1_called']:.3f} -> {row['f1_filtered']:.3f}"
        lines.append(f"| {row['reads']} | {row['caller']} | {f1} | {lost} | {removed} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    collect = {"illumina-germline": short_read_call_sets, "hifi-germline": hifi_call_sets, "ont-germline": ont_call_sets}
    sets = {model: of_model(arguments.data.resolve(), ()) for model, of_model in collect.items()}
    rows = [row for platform, (model, _) in PLATFORMS.items() for row in rows_of(platform, sets[model])]
    text = table(rows)
    sys.stdout.write(text)
    (arguments.out / "callers.json").write_text(json.dumps(rows, indent=1) + "\n")
    (arguments.out / "callers.md").write_text(f"{__doc__.split(chr(10))[0]}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
