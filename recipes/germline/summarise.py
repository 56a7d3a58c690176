"""Counts of a harvest: one line per table, and totals of distinct alleles per set.

python recipes/germline/summarise.py WORKDIR/harvest
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

COUNTED = ("TP", "FP", "hard TP", "hard FP", "hard FP SNV", "hard FP other")


def counts_of(rows: list[dict[str, str]]) -> Counter[str]:
    """How many rows there are of each of COUNTED."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["label"]] += 1
        if row["hard"] == "1":
            counts[f"hard {row['label']}"] += 1
            kind = "SNV" if len(row["ref"]) == len(row["alt"]) == 1 else "other"
            counts[f"hard {row['label']} {kind}"] += 1
    return counts


def main() -> None:
    """Print the table."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    by_set: dict[str, dict[tuple[str, ...], dict[str, str]]] = {}
    print("\t".join(("table", *COUNTED)))
    for path in sorted(Path(sys.argv[1]).glob("*.f*-s*.tsv")):
        if path.name.startswith("partial."):
            continue
        header, *lines = path.read_text().splitlines()
        rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
        counts = counts_of(rows)
        print("\t".join((path.stem, *(str(counts[name]) for name in COUNTED))))
        distinct = by_set.setdefault(path.name.split(".f")[0], {})
        for row in rows:
            key = row["chrom"], row["pos"], row["ref"], row["alt"]
            before = distinct.get(key)
            if before is None or before["hard"] == "0":
                distinct[key] = row
    print("\ndistinct alleles over all copies\t" + "\t".join(COUNTED))
    for name, distinct in by_set.items():
        counts = counts_of(list(distinct.values()))
        print("\t".join((name, *(str(counts[label]) for label in COUNTED))))


if __name__ == "__main__":
    main()
