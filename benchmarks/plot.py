"""Draws docs/developers/benchmarks.svg from the results on disk: cost of an allele by stage, and memory along a long run.

Run: python benchmarks/plot.py [--results benchmarks/results] [--out docs/developers/benchmarks.svg]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from common import RESULTS

_STAGES = {
    "reads decoded": "reads decoded",
    "scan of the reads": "scan",
    "site features": "site features",
    "network": "network",
}


def table(results: Path, name: str, start: str) -> list[dict[str, Any]]:
    """Rows by column of the table whose title starts so."""
    tables = json.loads((results / f"{name}.json").read_text())["tables"]
    found = next(table for table in tables if table["title"].startswith(start))
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def main() -> None:
    """Write the figure."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--results", type=Path, default=RESULTS)
    options.add_argument("--out", type=Path, default=RESULTS.parents[1] / "docs" / "developers" / "benchmarks.svg")
    arguments = options.parse_args()
    stages = {row["stage"]: row for row in table(arguments.results, "stages", "Scoring, stage by stage")}
    whole = stages["all of scoring"]
    alleles = whole["CPU us each, 1 thread"], whole["alleles/s, 1 thread"] * whole["us each, 1 thread"] / 1e6
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), constrained_layout=True)
    bottom = 0.0
    for stage, label in _STAGES.items():
        row = stages[stage]
        # Stages that handle reads are given by the read; the ratio of their two rates is the reads an allele has.
        reads_an_allele = row[f"per second, {1} thread"] / row["alleles/s, 1 thread"]
        cost = row["CPU us each, 1 thread"] * reads_an_allele
        left.barh([0], [cost], left=bottom, label=f"{label}: {cost:.0f}")
        bottom += cost
    left.axvline(alleles[0], color="black", linewidth=1, label=f"all of scoring: {alleles[0]:.0f}")
    left.set(title="CPU time of an allele at 36x (us)", yticks=[], xlabel="us")
    left.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    for row in table(arguments.results, "memory-records", "Resident memory along the run"):
        points = [(float(name[3:-1]), value) for name, value in row.items() if name.startswith("at ")]
        right.plot(*zip(*points, strict=True), marker="o", markersize=3, label=f"{row['records']:,} records")
    right.set(title="Resident memory along the run (MiB)", xlabel="% of the run", ylim=(0, 1100))
    right.axhline(1000, color="grey", linewidth=0.8, linestyle="--")
    right.legend(fontsize=8)
    figure.savefig(arguments.out, metadata={"Date": None})
    print(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
