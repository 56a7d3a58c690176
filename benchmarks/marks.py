"""The marks of the 0.2.0 plan ("the score becomes a decision"): each with today's figure, met or missed, why, and what was tried.

    python benchmarks/marks.py [--check]

Reads what the other scripts measured (benchmarks/results) and writes the tables of docs/developers/marks.md between its markers;
the prose around them is kept. --check writes nothing; exit code 1 where the page is not what it would be. Measures nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import RESULTS, Table

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "developers" / "marks.md"
BEGIN, END = "<!-- {}: written by benchmarks/marks.py -->", "<!-- end of {} -->"

#: Script -> its command in full; WORK is a work folder of recipes/germline.
COMMANDS = {
    "accuracy.py": "python benchmarks/accuracy.py --data ../shared/data --harvest WORK",
    "cut_study.py": "python benchmarks/cut_study.py --data ../shared/data --harvest WORK",
    "phase_study.py": "python benchmarks/phase_study.py --work WORK --seeds 3",
    "network_runs.py": "python benchmarks/network_runs.py",
    "library_shift.py": "python benchmarks/library_shift.py --work WORK --document docs/developers/library-shift.md",
    "linked_indels.py": "python benchmarks/linked_indels.py --data ../shared/data --harvest WORK",
    "calibration_by_chance.py": "python benchmarks/calibration_by_chance.py --data ../shared/data",
    "platforms.py": "python benchmarks/platforms.py --data ../shared/data --work WORK",
    "speed.py": "python benchmarks/speed.py --data ../shared/data --megabases 20 --rounds 3 --tables dense bound",
    "two_stages.py": "python benchmarks/two_stages.py --data ../shared/data --megabases 3 --rounds 2",
    "report_only.py": "python benchmarks/report_only.py --data ../shared/data",
    "invariance.py": "python benchmarks/invariance.py --data ../shared/data --megabases 1",
    "shards.py": "python benchmarks/shards.py",
}

#: Trials of the network that ships, three seeds (results/pileup_network_runs.jsonl).
SHIPPED_TRIALS = ("n_t5", "m_t5s2", "m_t5s3")
#: Results by the name of their file.
Results = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """One line of the table. limit: as the plan had it. scripts: what prints it. why: of a missed one, the cause and what was
    tried, with a link to more.
    """

    limit: str
    today: str
    met: bool
    scripts: str
    why: str = ""

    def row(self) -> str:
        """As Markdown. SystemExit where a missed mark has no cause."""
        if not self.met and not self.why:
            raise SystemExit(f"{self.limit}: missed, and no cause is given in {Path(__file__).name}")
        met, why = ("yes", "") if self.met else ("**no**", self.why)
        return f"| {self.limit} | {self.today} | {met} | {why} | {', '.join(f'`{one}`' for one in self.scripts.split(', '))} |"


def read_results(folder: Path) -> Results:
    """Every JSON of results; the trials of the network line by line."""
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    trials = (folder / "pileup_network_runs.jsonl").read_text().splitlines()
    return {**found, "network": [json.loads(line) for line in trials]}


def cut_marks(results: Results) -> Iterator[Mark]:
    """What the default does to call sets of short reads."""
    sets = results["accuracy"]["call_sets"]
    whys = {
        "whole reads, set by set": "",
        "whole reads, by library": f"[two libraries](#f1-by-library): {_best_cut(results, 'whole')}",
        "all copies, by library": f"[two libraries](#f1-by-library) at low depth: {_best_cut(results, 'all')}",
    }
    for name, why in whys.items():
        one = sets[name]
        today = f"{one['f1']:.4f} of {one['n_sets']}"
        yield Mark(f"mean F1 at the default 0.99 or more: {name}", today, one["f1"] >= 0.99, "accuracy.py", why)
    for name in whys:
        one = sets[name]
        today = f"{one['made_worse']}; {one['made_worse_by_more']} by more, at most by {one['most_worse']:.4f}"
        met = one["made_worse"] <= 2 and not one["made_worse_by_more"]
        why = f"[indels of one haplotype judged apart](#linked-indels); cuts and phase tried, and {_joint(results)}"
        limit = f"call sets made worse: at most 2, none by more than 0.002: {name}"
        yield Mark(limit, today, met, "accuracy.py, linked_indels.py", why)
    for name, reads in (("all copies, by library", "whole and thinned reads"), ("whole reads, by library", "whole reads alone")):
        few = sets[name]["few"]
        removed, kept = few["removed"] / few["n_false"], few["kept"] / few["n_true"]
        yield Mark(
            f"hard, 20 reads or fewer, default: 85% of false removed, 99% of true kept: {reads}",
            f"{_k_of_n(few['removed'], few['n_false'])} removed, {_k_of_n(few['kept'], few['n_true'], 2)} kept",
            removed >= 0.85 and kept >= 0.99,
            "accuracy.py",
            "[SNVs of the 8x library](#few-reads); cuts that follow depth tried",
        )


def _joint(results: Results) -> str:
    """What judging near indels by the best of them would do, at the shortest reach."""
    row = next(row for row in _rows(results["linked_indels"], "Linked indels") if row["judged by"] == "highest within 10 bases")
    return f"joint judgement: {row['call sets better than now']} sets better, {row['worse']} worse"


def _best_cut(results: Results, level: str) -> str:
    """What any flat cut of the study would give."""
    rules = [(rule[level]["f1"], rule["rule"]) for rule in results["cut"]["rules"]]
    best, name = max(rules)
    return f"the best of {len(rules)} rules ({name}) gives {best:.4f}"


def ranking_marks(results: Results) -> Iterator[Mark]:
    """Hard alleles of short reads in order, and the gain that was asked for."""
    now, before = results["accuracy"], results["accuracy-0.1.0"]["hard_auroc"]
    for group in ("hard SNV", "hard non-SNV", "hard"):
        pairs = {fold: (before[fold][group], now["folds"][fold][group]["model"]["auroc"]) for fold in ("chr20", "chr21", "chr22")}
        pairs["together"] = before["pooled"][group], now["pooled"][group]["model"]["auroc"]
        today = "; ".join(f"{fold} {was:.4f} -> {now:.4f}" for fold, (was, now) in pairs.items())
        met = all(round(now, 4) >= round(was, 4) for was, now in pairs.values())
        limit = f"{group}: AUROC at or above 0.1.0's in every fold and together"
        yield Mark(limit, today, met, "accuracy.py", "[two MNPs, now judged by their parts](#hard-auroc)")
    phase = next(table for table in results["phase"]["tables"] if "with and without phase" in table["title"])
    row = dict(zip(phase["columns"], phase["rows"][0], strict=True))
    trials = {trial["name"]: trial for trial in results["network"]}
    seeds = [trials[name]["res"]["pooled_hard"] - trials[name]["base"]["pooled_hard"] for name in SHIPPED_TRIALS]
    gains = f"phase {row['added - without (95%)']}; network, three seeds {', '.join(f'{gain:+.4f}' for gain in seeds)}"
    met = float(row["added - without (95%)"].split()[0]) + min(seeds) >= 0.002
    yield Mark(
        "hard, together: +0.002 AUROC from phase and network",
        gains,
        met,
        "phase_study.py, network_runs.py",
        "[calls of one or two reads have no haplotype and no other read](#hard-auroc)",
    )


def hifi_marks(results: Results) -> Iterator[Mark]:
    """PacBio HiFi, libraries that weights never saw."""
    hifi = results["platforms"]["hifi"]
    reverse, chm13 = hifi["other_library"]["hard"], hifi["ranking"]["chm13-hifi-chr20"]["all copies"]["hard"]
    yield Mark(
        "HiFi, Revio by weights without it: hard AUROC 0.99 or more",
        f"{reverse['auroc']:.4f}",
        reverse["auroc"] >= 0.99,
        "platforms.py",
    )
    yield Mark(
        "the same: calibration error on hard below 0.05",
        f"{reverse['ece']:.3f}",
        reverse["ece"] < 0.05,
        "platforms.py, library_shift.py",
        f"[another machine's qualities](#hifi-library); {_tried_on_revio(results)}",
    )
    yield Mark(
        "HiFi, CHM13's false calls by weights without it: calibration error on hard below 0.05 (no AUROC: it has no true ones)",
        f"{chm13['ece']:.3f}; {_k_of_n(chm13['false_removed'], chm13['n_false'])} removed",
        chm13["ece"] < 0.05,
        "platforms.py",
        "[the same, the other way round](#hifi-library)",
    )
    for name, cuts in (("made_worse", "cuts of the folds"), ("made_worse_shipped", "cuts that ship")):
        one = hifi[name]
        today = f"{one['worse']} of {one['n']}, at most by {one['most']:.4f}"
        mark = f"HiFi: no call set of a caller's defaults made worse: {cuts}"
        yield Mark(mark, today, not one["worse"], "platforms.py", "[one to three indels in homopolymers](#hifi-defaults)")


def _tried_on_revio(results: Results) -> str:
    """Calibration errors of what was tried."""
    rows = _rows(results["library_shift"], "Revio by weights without it")
    wanted = {
        "trees without features of the library": ("without features of the library", "every library"),
        "without phase": ("without phase", "every library"),
        "shares by EM": ("the recipe's", "share of true ones of a type by EM"),
        "simulated reads alone": ("the recipe's", "simulated reads alone"),
        "`calibrate` on 50 calls of its own": ("the recipe's", "`calibrate` on 50 "),
    }
    found = []
    for name, (trees, calibration) in wanted.items():
        (row,) = [row for row in rows if row["trees"] == trees and row["calibration"].startswith(calibration)]
        found.append(f"{name} {row['error, overall']}")
    return "; ".join(found)


def ont_marks(results: Results) -> Iterator[Mark]:
    """ONT R10.4, halves by position."""
    one = results["platforms"]["ont"]["ranking"]["ont-r10-chr20"]["whole reads"]["all"]
    kept = one["n_true"] - one["true_lost"]
    yield Mark("ONT R10.4: AUROC 0.98 or more", f"{one['auroc']:.4f}", one["auroc"] >= 0.98, "platforms.py")
    removed = one["false_removed"] / one["n_false"]
    yield Mark(
        "ONT R10.4: 80% of false ones removed", _k_of_n(one["false_removed"], one["n_false"]), removed >= 0.8, "platforms.py"
    )
    why = "[two indels in homopolymers](#ont-indels), of five true indels"
    yield Mark(
        "ONT R10.4: 98% of true ones kept", _k_of_n(kept, one["n_true"]), kept / one["n_true"] >= 0.98, "platforms.py", why
    )


def calibration_marks(results: Results) -> Iterator[Mark]:
    """Short reads, hard alleles of the folds."""
    names = {"overall": 0.03, "SNV": 0.05, "non-SNV": 0.05, "depth 1-7": 0.05, "depth 8-20": 0.05, "depth 21 and more": 0.05}
    chance = {row["hard alleles"]: row for row in _rows(results["calibration_by_chance"], "Calibration error")}
    for group, reads in (("pooled", "whole reads"), ("pooled, thinned too", "whole and thinned reads")):
        for name, limit in names.items():
            one = results["accuracy"]["calibration"][group][name]
            mark = f"calibration error on hard, {reads}, {name}: below {limit:g}"
            right = chance[name]
            why = f"[one library at 8x](#calibration-at-1-7-reads), and few: right probabilities of {right['n']} alleles show "
            why += f"{right['of right probabilities: mean']} on average, {right['95% below']} or more in one of twenty"
            yield Mark(
                mark,
                f"{one['ece']:.4f} of {one['n']}",
                one["ece"] < limit,
                "accuracy.py, calibration_by_chance.py" if group == "pooled" else "accuracy.py",
                why,
            )


def cost_marks(results: Results) -> Iterator[Mark]:
    """Speed and memory."""
    job = next(
        row for row in _rows(results["speed-dense-bound"], "Whole job, one") if row["threads"] == 2 and row["output"] == "-Oz"
    )
    rate, memory = job["records/s after start-up"], job["peak MiB"]
    yield Mark(
        "whole job, 2 cores, 30x, the default: 12,000 records/s after start-up or more",
        f"{rate:,.0f}",
        rate >= 12_000,
        "speed.py",
    )
    yield Mark("the same: under 1 GB", f"{memory:,.0f} MiB", memory * 2**20 < 1e9, "speed.py")
    yield from _both_stages(results["speed-dense-illumina-pileup"])
    both = [row for row in _rows(results["two_stages"], "Scoring") if row["stages"] == "both"]
    rates = "; ".join(f"{row['on 2 cores, ALTs/s']:,.0f} with {row['by the network']} in doubt" for row in both)
    met = all(row["on 2 cores, ALTs/s"] >= 12_000 for row in both)
    yield Mark("scoring by both stages, 2 cores: 12,000 ALTs/s or more", rates, met, "two_stages.py")
    alone = next(row for row in _rows(results["two_stages"], "The network alone") if "as scored" in row["tile"])
    yield Mark("the network alone: tensors/s said", f"{alone['tensors/s']:,.0f} on one core", True, "two_stages.py")


def _both_stages(measured: dict[str, Any]) -> Iterator[Mark]:
    """The whole job with a network behind the trees, by every output."""
    jobs = _rows(measured, "Whole job, one")
    rates = sorted(row["records/s after start-up"] for row in jobs)
    name = "whole job, both stages (`illumina-pileup`, by name), 2 cores"
    today = f"{rates[0]:,.0f} to {rates[-1]:,.0f}"
    yield Mark(f"{name}: 12,000 records/s after start-up or more", today, rates[0] >= 12_000, "speed.py")
    peaks = sorted(row["peak MiB"] for row in jobs)
    why = "[compiling](#memory-of-both-stages)"
    today = f"{peaks[0]:,.0f} to {peaks[-1]:,.0f} MiB"
    yield Mark("the same: under 1 GB", today, peaks[-1] * 2**20 < 1e9, "speed.py", why)


def apart_marks(results: Results) -> Iterator[Mark]:
    """Calls that nothing was chosen on."""
    (rows,) = results["report_only"].values()
    found = {(row["caller"], row["rule"]): row for row in rows}
    caller, gatk, mutect = (
        found["haplotypecaller", "balanced"],
        found["haplotypecaller", "GATK hard filters"],
        found["mutect2", "balanced"],
    )
    lost = f"{caller['removed']} of {caller['n_false']}, {caller['lost']} lost"
    lost += f" (GATK's hard filters: {gatk['removed']}, {gatk['lost']} lost)"
    met = caller["removed"] >= 76 and not caller["lost"]
    yield Mark(
        "data kept apart, HaplotypeCaller's defaults: 76 of 78 false ones removed, no true one lost", lost, met, "report_only.py"
    )
    today = f"{mutect['removed']} of {mutect['n_false']}, {mutect['lost']} lost"
    yield Mark("data kept apart, Mutect2: 640 of 649 false ones removed", today, mutect["removed"] >= 640, "report_only.py")


def sameness_marks(results: Results) -> Iterator[Mark]:
    """The same bytes however a job is run."""
    runs = _rows(results["invariance"], "Records by way")
    shards = results["shards"]["tables"][0]["rows"]
    differ, sums = sum(row["records that differ"] for row in runs), {row[-1] for row in shards}
    today = f"{differ} of {runs[0]['records']:,} records differ in {len(runs)} ways; "
    today += f"{shards[0][1]:,} records whole and in 100 shards: "
    today += "the same" if len(sums) == 1 else "not the same"
    met = not differ and len(sums) == 1
    yield Mark("byte-identical for threads, batches, shards (CRAM: `make test-hard`)", today, met, "invariance.py, shards.py")


GROUPS: tuple[Callable[[Results], Iterator[Mark]], ...] = (
    cut_marks, ranking_marks, hifi_marks, ont_marks, calibration_marks, cost_marks, apart_marks, sameness_marks,
)  # fmt: skip


def table(results: Results) -> str:
    """Every mark; missed ones lead to their part of the page."""
    marks = [mark for group in GROUPS for mark in group(results)]
    lines = [
        "| mark | today | met | missed: cause, what was tried | printed by |",
        "|---|---|---|---|---|",
        *(mark.row() for mark in marks),
    ]
    met = sum(mark.met for mark in marks)
    return "\n".join([f"{met} of {len(marks)} lines are met.", "", *lines]) + "\n"


def command_table() -> str:
    """Scripts and their commands in full."""
    lines = ["| script | command |", "|---|---|", *(f"| `{script}` | `{command}` |" for script, command in COMMANDS.items())]
    return "\n".join(lines) + "\n"


def worse_table(rows: list[dict[str, str]]) -> str:
    """Call sets of whole reads that the default makes worse, from the rows of cut.tsv."""
    header = ("call set", "caller", "true", "false", "F1 as called", "F1 at the default", "F1 at the best cuts")
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in _short_reads(rows):
        if row["share"] == "1" and float(row["balanced"]) < float(row["as_called"]):
            names = ("set", "caller", "true", "false", "as_called", "balanced", "best")
            lines.append("| " + " | ".join(row[name] for name in names) + " |")
    return "\n".join(lines) + "\n"


def depth_table(rows: list[dict[str, str]]) -> str:
    """Mean F1 over callers, as called and at the default, a row a set, a column a share of its reads."""
    shares = ("1", "0.5", "0.25", "0.12")
    lines = [
        "| call sets of | " + " | ".join(f"share of reads {share}" for share in shares) + " |",
        "|---|" + "---|" * len(shares),
    ]
    for name in dict.fromkeys(row["set"] for row in _short_reads(rows)):
        cells = []
        for share in shares:
            chosen = [row for row in rows if (row["set"], row["share"]) == (name, share)]
            means = [sum(float(row[column]) for row in chosen) / max(len(chosen), 1) for column in ("as_called", "balanced")]
            cells.append(f"{means[0]:.3f} -> {means[1]:.3f}" if chosen else "-")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _short_reads(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in rows if "hifi" not in row["set"] and "-ont-" not in f"-{row['set']}"]


def chance_table(results: Results) -> str:
    """Calibration errors beside those of right probabilities, and the bins at 1-7 reads."""
    tables = results["calibration_by_chance"]["tables"]
    return "\n".join(Table(one["title"], one["columns"], one["rows"], one["note"]).markdown() for one in tables).replace(
        "### ", "#### "
    )


def filled(page: str, blocks: dict[str, str]) -> str:
    """The page with what stands between each block's markers replaced. SystemExit where it has no such markers."""
    for name, content in blocks.items():
        begin, end = BEGIN.format(name), END.format(name)
        head, found_begin, rest = page.partition(begin)
        _, found_end, tail = rest.partition(end)
        if not (found_begin and found_end):
            raise SystemExit(f"{PAGE} has no markers {begin} and {end}")
        page = f"{head}{begin}\n\n{content}\n{end}{tail}"
    return page


def blocks(folder: Path = RESULTS) -> dict[str, str]:
    """What the page holds between its markers."""
    header, *lines = (line.split("\t") for line in (folder / "cut.tsv").read_text().splitlines())
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    results = read_results(folder)
    return {
        "marks": table(results),
        "chance": chance_table(results),
        "commands": command_table(),
        "made worse": worse_table(rows),
        "depth": depth_table(rows),
    }


def _rows(result: dict[str, Any], title: str) -> list[dict[str, Any]]:
    found = next(table for table in result["tables"] if table["title"].startswith(title))
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def _k_of_n(k: int, n: int, digits: int = 1) -> str:
    return f"{k} of {n} ({100 * k / n:.{digits}f}%)"


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the page is not up to date")
    arguments = parser.parse_args()
    old = PAGE.read_text()
    new = filled(old, blocks())
    if arguments.check:
        if new != old:
            print("docs/developers/marks.md is not up to date: python benchmarks/marks.py", file=sys.stderr)
        return int(new != old)
    PAGE.write_text(new)
    print(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
