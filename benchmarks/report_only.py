"""What a user with another library sees: the shipped weights on calls that nothing was trained, calibrated or chosen on.

    python benchmarks/report_only.py --data ../shared/data [--out benchmarks/results]

Prints Markdown and writes report_only.md and report_only.json. Reads DATA/report-only, as nothing else in this project may: what
it shows must not change anything that is measured here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_data import (
    SHORT_CALLERS,
    Record,
    caller_records,
    contig_of,
    read_reference,
    score_alleles,
    withheld_alleles,
)
from accuracy_figures import passes_hard_filters
from common import Table
from cut_data import RULES_OF_0_1_0

from vcffilter.models.checkpoint import load_checkpoint

HERE = Path(__file__).resolve().parent
MODEL = "illumina-germline"
#: False calls this near (bp) are one locus.
LOCUS_BASES = 100


def cuts_of_presets() -> dict[str, dict[str, float]]:
    """Preset -> cut by type, from the least to the most that fails; as 0.1.0 had them, too."""
    presets = load_checkpoint(MODEL).metadata.presets["presets"]
    order = sorted(presets, key=lambda name: -presets[name]["false_per_true"])
    return {name: presets[name]["thresholds"] for name in order}


def n_loci(positions: np.ndarray) -> int:
    """Places of positions, int (n,)."""
    return int((np.diff(np.sort(positions)) > LOCUS_BASES).sum() + 1) if len(positions) else 0


def row_of(rule: str, caller: str, records: list[Record], failed: np.ndarray) -> dict[str, Any]:
    """True calls lost and false ones removed. failed: bool (n,)."""
    true = np.array([record.label == 1 for record in records])
    place = np.array([record.key[0] for record in records])
    kept_true, kept_false = int((true & ~failed).sum()), int((~true & ~failed).sum())
    n_true, n_false = int(true.sum()), int((~true).sum())
    return {
        "caller": caller,
        "rule": rule,
        "n_true": n_true,
        "lost": n_true - kept_true,
        "n_false": n_false,
        "removed": n_false - kept_false,
        "loci": n_loci(place[~true]),
        "loci_kept": n_loci(place[~true & ~failed]),
        "f1_called": 2 * n_true / (2 * n_true + n_false),
        "f1": 2 * kept_true / (kept_true + kept_false + n_true),
    }


def rows_of_set(folder: Path) -> list[dict[str, Any]]:
    """Every caller, by every rule."""
    reference = read_reference(folder)
    callers = [caller for caller in SHORT_CALLERS if (folder / f"{caller}.labels.tsv").exists()]
    withheld = withheld_alleles(folder, callers, reference)
    rows = []
    for caller in callers:
        records = [record for record in caller_records(folder, caller, reference) if record.key not in withheld]
        keys = sorted({record.key for record in records})
        probability, depth = score_alleles(MODEL, folder / "reads.bam", folder / "reference.fa.gz", contig_of(folder), keys)
        index = {key: number for number, key in enumerate(keys)}
        at = np.array([index[record.key] for record in records], np.int64)
        p, deep = np.round(probability[at], 4), (depth[at] > 20).astype(int)
        is_snv = np.array([len(record.key[1]) == len(record.key[2]) == 1 for record in records])
        old = {name: np.array(limits)[deep] for name, limits in RULES_OF_0_1_0["none"].items()}
        rows.append(row_of("0.1.0", caller, records, p < np.where(is_snv, old["snv"], old["indel"])))
        for name, cuts in cuts_of_presets().items():
            rows.append(row_of(name, caller, records, p < np.where(is_snv, cuts["snv"], cuts["indel"])))
        if caller.startswith("haplotypecaller"):
            failed = np.array([not passes_hard_filters(record) for record in records])
            rows.append(row_of("GATK hard filters", caller, records, failed))
    return rows


def table(set_name: str, rows: list[dict[str, Any]]) -> Table:
    """One set's rows."""
    columns = ("caller", "rule", "true", "lost", "false", "removed", "loci of false", "left", "F1 as called", "F1")
    made = Table(set_name, columns)
    names = ("caller", "rule", "n_true", "lost", "n_false", "removed", "loci", "loci_kept", "f1_called", "f1")
    for row in rows:
        made.add(*(row[name] for name in names))
    return made


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    sets = {folder.name: rows_of_set(folder) for folder in sorted((arguments.data.resolve() / "report-only").iterdir())}
    text = (
        f"## Never trained, calibrated or chosen on\n\nWritten by `benchmarks/report_only.py`: `{MODEL}` on a library type that "
        "no training set has. Every ALT by its own verdict; F1 against the caller's own true calls; false calls within "
        f"{LOCUS_BASES} bp are one locus.\n\n" + "\n".join(table(name, rows).markdown() for name, rows in sets.items())
    )
    (arguments.out / "report_only.md").write_text(text)
    (arguments.out / "report_only.json").write_text(json.dumps(sets, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
