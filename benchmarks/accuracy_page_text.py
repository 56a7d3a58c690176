"""docs/accuracy.md and its figure from figures. Knows no data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit

Row = dict[str, Any]
#: Library -> what the page calls it.
LIBRARIES = {
    "nygc": "NA12878, NovaSeq 2x150",
    "na19401-nygc": "NA19401, NovaSeq 2x150 (panel as truth)",
    "broad8x": "NA12878, HiSeq 2x101",
    "na12878-pg": "NA12878, HiSeq 2x101, mate pairs",
    "hifi-revio": "HG002, Revio",
    "chm13-hifi": "CHM13, Sequel, no true variant",
    "ont-r10": "HG002, R10.4.1",
    "hg002-ont-r94": "HG002, R9.4.1",
}
_HEAD = """# Accuracy

What the default cut does to callers' calls of real reads, one table a platform. Written by `benchmarks/accuracy_page.py`. How it
was measured in detail, by fold, set and caller, with every mark that was missed, stands in
[folds and marks](developers/accuracy.md), [long reads](developers/platforms.md) and `benchmarks/results/cut.md`.

How to read it:

- **Nothing here was seen.** Every ALT is scored and cut by weights and thresholds that were made without its chromosome (HiFi:
  its quarter of the set, or its library; ONT: its half of the set).
- **Callers**: `defaults` are bcftools, freebayes, HaplotypeCaller and Mutect2 as they come; `sensitive` are settings that call
  whatever they see (no base alignment quality, lowest thresholds, every column).
- **Reads**: the median number of reads at the true ALTs. Thinned copies of each set (down to 3x) count beside the whole reads.
- **F1** is against the caller's own true calls, so what a caller missed is nobody's merit or fault here: the mean over call sets
  with 20 true calls or more. **Worse**: how many of them have a lower F1 after the filter, and by how much the worst.
- **True lost, false removed**: all callers and copies together. "At most", "at least": Clopper-Pearson, one-sided, 95%, of as
  many ALTs as there are different ones. Neighbours that go wrong together make the real limits wider.

![F1 of call sets as called and filtered, by platform](pictures/accuracy.svg)
"""
_TITLES = {
    "illumina-germline": "## Illumina (`illumina-germline`)\n\n"
    "The two HiSeq libraries are old chemistry: pairs of 2x101 bases, and mate pairs aligned by bwa aln.\n",
    "hifi-germline": "## PacBio HiFi (`hifi-germline`)\n\nCHM13 by weights that never saw that library or chemistry.\n",
    "ont-germline": "## ONT (`ont-germline`)\n\n"
    "Very little data: 47 true alleles of R10.4 and 93 of R9.4, one person. A run on R9.4 reads warns.\n",
}
_REST = """## Not measured

- **Exome captures and amplicons**: no set with truth was at hand. Their reads begin and end at baits or primers;
  `pileup-filter check` and the warnings of a run say whether reads lie outside the model's training data. Fine-tune
  ([training](training.md)), or calibrate on calls whose truth you know.
- **Tumours**: allele fractions below those of a heterozygote are outside of what the weights have seen.
- Other people than those above, other species, and reads below 3x.
"""


def render(figures: dict[str, Any]) -> str:
    """The page."""
    parts = [_HEAD]
    for model, title in _TITLES.items():
        parts += [title, _table(figures[model])]
        if model == "illumina-germline":
            parts.append(_apart(figures["apart"]))
    parts += [
        "## RNA-seq\n\nOne sample (GM12878, 340 kb, provisional labels), by the weights for DNA and by what the worked "
        "example makes of them ([RNA-seq worked through](rna.md)). Each half of the region by weights that never saw it.\n",
        _rna_table(figures["rna"]),
        _REST,
    ]
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    lines = ["| library | callers | reads | call sets | F1 as called -> filtered | worse | true lost | false removed |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        names = f"{LIBRARIES[row['library']]} | {row['callers']} | {row['reads']} | {row['n_sets'] or '-'}"
        worse = "-" if not row["n_sets"] else "0" if not row["n_worse"] else f"{row['n_worse']}, by {row['most_worse']:.3f}"
        lines.append(f"| {names} | {_f1(row)} | {worse} | {_lost(row)} | {_removed(row)} |")
    return "\n".join(lines) + "\n"


def _rna_table(rows: Sequence[Row]) -> str:
    lines = ["| calls of | weights | F1 as called -> filtered | true lost | false removed |", "|---|---|---|---|---|"]
    lines += [f"| {row['callers']} | {row['weights']} | {_f1(row)} | {_lost(row)} | {_removed(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _apart(rows: Sequence[Row]) -> str:
    """The default on a library that nothing was chosen on."""
    lines = ["A library that nothing was trained, calibrated or chosen on (HG002, 10x linked reads, HiSeq X, 86x):\n"]
    lines += ["| calls of | F1 as called -> filtered | true lost | false removed |", "|---|---|---|---|"]
    for row in rows:
        if row["rule"] == "balanced":
            limits = {
                "lost_at_most": upper_limit(row["lost"], row["n_true"]),
                "removed_at_least": lower_limit(row["removed"], row["n_false"]),
            }
            one = row | limits | {"f1_filtered": row["f1"]}
            lines.append(f"| {row['caller']} | {_f1(one)} | {_lost(one)} | {_removed(one)} |")
    return "\n".join(lines) + "\n"


def _f1(row: Row) -> str:
    return "-" if row["f1_called"] is None else f"{row['f1_called']:.3f} -> {row['f1_filtered']:.3f}"


def _lost(row: Row) -> str:
    return f"{row['lost']} of {row['n_true']:,} (at most {100 * row['lost_at_most']:.1f}%)" if row["n_true"] else "-"


def _removed(row: Row) -> str:
    if not row["n_false"]:
        return "-"
    return f"{row['removed']:,} of {row['n_false']:,} (at least {100 * row['removed_at_least']:.1f}%)"


def figure(figures: dict[str, Any], path: Path) -> None:
    """A line a row of the tables, from F1 as called to F1 filtered. The same figures give the same bytes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "accuracy"
    from matplotlib import pyplot

    rows = [(model, row) for model in _TITLES for row in figures[model] if row["f1_called"] is not None]
    drawn, axis = pyplot.subplots(figsize=(9, 0.27 * len(rows) + 1.2), constrained_layout=True)
    for number, (_, row) in enumerate(rows):
        better = row["f1_filtered"] >= row["f1_called"]
        axis.plot([row["f1_called"], row["f1_filtered"]], [number, number], color="#9aa4b0", linewidth=1.5, zorder=1)
        axis.scatter(row["f1_called"], number, color="#9aa4b0", s=26, zorder=2, label=None if number else "as called")
        axis.scatter(
            row["f1_filtered"],
            number,
            color="#0b57d0" if better else "#c5221f",
            s=26,
            zorder=3,
            label=None if number else "filtered",
        )
    axis.set_yticks(range(len(rows)))
    axis.set_yticklabels([f"{LIBRARIES[row['library']]}: {row['callers']}, {row['reads']} reads" for _, row in rows], fontsize=8)
    borders = [number for number in range(1, len(rows)) if rows[number][0] != rows[number - 1][0]]
    for border in borders:
        axis.axhline(border - 0.5, color="#d0d7de", linewidth=0.8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set(xlabel="F1, mean over call sets (red: lower than as called)", xlim=(None, 1.01))
    axis.grid(axis="x", color="#eaecef")
    axis.legend(loc="lower left", fontsize=8)
    drawn.savefig(path, metadata={"Date": None})
