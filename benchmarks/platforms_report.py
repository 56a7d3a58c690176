"""The Markdown page of platforms.py: one section a platform. Knows figures only."""

from __future__ import annotations

import math
from typing import Any

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit

HEAD = """# Long reads, measured

Printed by `benchmarks/platforms.py`. Every allele is scored by weights that never saw its place: quarters of the Revio set,
CHM13 as a whole, halves by position of the ONT sets. Thinned copies are counted beside the whole reads, so an allele comes back
at several depths: the limits (Clopper-Pearson, 95%) hold for whole reads and are too narrow for copies. Labels and callers:
recipes/germline/README.md. "Hard": the caller's QUAL (Mutect2: TLOD) is 1 or more. "By default" is FILTER by the cuts of the
weights that did the scoring, which were chosen without the part that is scored. Presets that ship were chosen on all parts, by
`benchmarks/cut_study.py`.
"""

TITLES = {"hifi": "PacBio HiFi (`hifi-germline`)", "ont": "ONT (`ont-germline`)"}


def render(figures: dict[str, Any]) -> str:
    """The page."""
    return "\n".join([HEAD, *(_platform(name, of) for name, of in figures.items())])


def _platform(name: str, of: dict[str, Any]) -> str:
    parts = [f"## {TITLES[name]}", "", *marks(name, of)]
    for set_name, levels in of["ranking"].items():
        for level, cells in levels.items():
            parts += [f"### {set_name}, {level}", "", ranking_table(cells), ""]
    parts += ["### All sets and copies", "", ranking_table(of["pooled"]), ""]
    if of["before"]:
        parts += [
            "### Beside the weights of before",
            "",
            "All alleles, by the default cuts of each version's weights that did not see them. Callers' defaults made worse "
            f"before: {_worse(of['made_worse_before'])}; now: {_worse(of['made_worse'])}.",
            "",
            before_table(of["before"]),
            "",
        ]
    if of["other_library"]:
        parts += [
            "### Revio by weights that never saw a library like it",
            "",
            "Trained on CHM13's false alleles and simulated reads (recipes/germline/hifi-without-revio.yaml), on all copies of "
            "hifi-revio-chr20. "
            f"Call sets of callers' defaults made worse: {_worse(of['other_library_worse'])}. "
            "Why the probabilities are off, and what mends them: [a library that the weights never saw](library-shift.md).",
            "",
            ranking_table(of["other_library"]),
            "",
        ]
    parts += ["### Call sets", "", call_set_table(of["call_sets"]), ""]
    parts += ["### Presets of the weights that ship", "", preset_table(of["presets"]), ""]
    return "\n".join(parts)


def marks(name: str, of: dict[str, Any]) -> list[str]:
    """The marks as a table."""
    rows = _hifi_marks(of) if name == "hifi" else _ont_marks(of)
    rows.append(("callers' defaults made worse: none", _worse(of["made_worse"])))
    rows.append(("the same by the cuts that ship, chosen on these call sets", _worse(of["made_worse_shipped"])))
    return ["| mark | measured |", "|---|---|", *(f"| {mark} | {measured} |" for mark, measured in rows), ""]


def _worse(worse: dict[str, Any]) -> str:
    return f"{worse['worse']} of {worse['n']}, at most by {worse['most']:.4f}"


def _hifi_marks(of: dict[str, Any]) -> list[tuple[str, str]]:
    hard, chm13 = of["pooled"]["hard"], of["ranking"]["chm13-hifi-chr20"]["all copies"]["hard"]
    return [
        ("hard AUROC out of fold: 0.99 or more", _number(hard["auroc"])),
        ("calibration error on hard: below 0.05", _number(hard["ece"])),
        ("CHM13's hard false alleles removed by weights without CHM13", _share(chm13["false_removed"], chm13["n_false"])),
    ]


def _ont_marks(of: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for set_name, levels in of["ranking"].items():
        for level, cells in levels.items():
            cell = cells["all"]
            rows += [
                (f"{set_name}, {level}: AUROC 0.98 or more", _number(cell["auroc"])),
                ("80% of false ones removed", _share(cell["false_removed"], cell["n_false"])),
                ("98% of true ones kept", _share(cell["n_true"] - cell["true_lost"], cell["n_true"])),
            ]
    return rows


def ranking_table(cells: dict[str, Any]) -> str:
    """One row a slice."""
    lines = ["| alleles | true | false | AUROC | calibration error | true lost by default | false removed by default |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, cell in cells.items():
        if cell["n_true"] + cell["n_false"]:
            lost = _loss(cell["true_lost"], cell["n_true"])
            removed = _share(cell["false_removed"], cell["n_false"])
            measured = f"{_number(cell['auroc'])} | {_number(cell['ece'], 3)}"
            lines.append(f"| {name} | {cell['n_true']} | {cell['n_false']} | {measured} | {lost} | {removed} |")
    return "\n".join(lines)


def before_table(rows: list[dict[str, Any]]) -> str:
    """One row a set and share of reads."""
    lines = ["| set | share of reads | AUROC before | now | true lost before | now | false removed before | now |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        pair = [row["before"], row["now"]]
        cells = [_number(one["auroc"]) for one in pair] + [f"{one['true_lost']} of {one['n_true']}" for one in pair]
        cells += [f"{one['false_removed']} of {one['n_false']}" for one in pair]
        lines.append(f"| {row['set']} | {row['share']:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def call_set_table(rows: list[dict[str, Any]]) -> str:
    """One row a caller and share of reads; seeds are summed."""
    lines = ["| set | share of reads (depth) | caller | true | true lost | false | false removed | F1 as called | F1 filtered |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, float, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["set"], row["share"], row["caller"]), []).append(row)
    for (set_name, share, caller), group in groups.items():
        total = {name: sum(row[name] for row in group) for name in ("n_true", "true_lost", "n_false", "false_removed")}
        scores = [sum(row[name] for row in group) / len(group) for name in ("as_called", "filtered")]
        reads = f"{share:g} ({sum(row['depth'] for row in group) / len(group):.0f}x{', two seeds' if len(group) == 2 else ''})"
        f1 = f"{scores[0]:.4f} | {scores[1]:.4f}" if total["n_true"] else "- | -"
        lines.append(f"| {set_name} | {reads} | {caller} | {' | '.join(map(str, total.values()))} | {f1} |")
    return "\n".join(lines)


def preset_table(card: dict[str, Any]) -> str:
    """Cuts and costs over all callers and depths."""
    lines = ["| preset | SNV cut | other cut | callers | true lost | false removed |", "|---|---|---|---|---|---|"]
    for name, one in sorted(card["presets"].items(), key=lambda item: -item[1]["false_per_true"]):
        cuts = one["thresholds"]
        for row in one["measured"]:
            if row["depth"] == "any":
                cost = f"{_loss(row['true_lost'], row['n_true'])} | {_share(row['false_removed'], row['n_false'])}"
                lines.append(f"| {name} | {cuts['snv']:g} | {cuts['indel']:g} | {row['callers']} | {cost} |")
    return "\n".join(lines)


def _number(value: float, digits: int = 4) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _share(k: int, n: int) -> str:
    return "-" if n == 0 else f"{k} of {n} ({100 * k / n:.1f}%; at least {100 * lower_limit(k, n):.1f}%)"


def _loss(k: int, n: int) -> str:
    return "-" if n == 0 else f"{k} of {n} ({100 * k / n:.1f}%; at most {100 * upper_limit(k, n):.1f}%)"
