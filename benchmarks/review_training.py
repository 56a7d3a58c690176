"""What 200 verdicts are worth: a simulated reviewer judges calls of one contig, weights are tuned, another contig is measured.

    python benchmarks/review_training.py [--work DIR] [--verdicts N] [--repeats N] [--sequence FASTA]
    python benchmarks/review_training.py --document

The calls are of simulated spliced reads, which the weights that ship do not know. The reviewer asks the page of
`pileup-filter review` for one call after the other, as its script does, and answers what the truth says; another one answers one
call in ten the other way round. Everything else is the product's own commands, as docs/review.md has them. What is in the work
folder is not made again. `--document` writes results/review_training.json into docs/review.md.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cyvcf2
import numpy as np
from common import RESULTS

from vcffilter.labelling.files import read_labels
from vcffilter.training.metrics import auroc, expected_calibration_error, false_removed

PAGE = Path(__file__).parents[1] / "docs" / "review.md"
SEQUENCE = "../shared/data/simulation/grch38-chr20-chr21-first-10mb.fa.gz"
MODEL = "illumina-germline"
_BLOCK = re.compile(r"(<!-- verdicts: written by benchmarks/review_training.py -->\n).*?(<!-- end -->)", re.DOTALL)
#: One of so many parts of the verdicts is not trained on: it chooses the epoch and the calibration.
_QUARTERS = 4
Allele = tuple[str, int, str, str]
_CONFIG = """model_id: {name}
data: [examples.h5]
validation: {{regions: ["{held_out}"]}}
calibration: platt
fit:
  epochs: 30
  learning_rate: 1e-2
  batch_size: 32
  weight_decay: 0.0
  ema_decay: 0.98
  patience: 6
  device: cpu
  threads: 1
  seed: 1
"""


@dataclass(frozen=True)
class Sample:
    """A folder that `pileup-filter simulate` made."""

    folder: Path

    @property
    def calls(self) -> str:
        """The calls."""
        return str(self.folder / "calls.vcf.gz")

    @property
    def reads(self) -> list[str]:
        """Options that name the reads."""
        return ["-b", str(self.folder / "reads.bam"), "-f", str(self.folder / "reference.fa")]

    @property
    def truth(self) -> dict[Allele, str]:
        """TP or FP by allele, of those that are either."""
        labels = read_labels(self.folder / "calls.labels.tsv")
        return {allele: label for allele, label in labels.items() if label in ("TP", "FP")}


@dataclass(frozen=True)
class Reviewer:
    """orders: of the page, each for an equal part of the verdicts. mistakes: share of verdicts that are wrong."""

    name: str
    orders: tuple[str, ...]
    mistakes: float = 0.0


REVIEWERS = (
    Reviewer("least sure first", ("doubt",)),
    Reviewer("drawn at random", ("random",)),
    Reviewer("half of each", ("doubt", "random")),
    Reviewer("half of each, one in ten wrong", ("doubt", "random"), 0.1),
)


def program(*arguments: str | Path, log: Path | None = None) -> None:
    """A command of the product; it must succeed."""
    command = [sys.executable, "-m", "vcffilter", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    if log is not None:
        log.write_text(done.stdout + done.stderr)


def simulated(folder: Path, sequence: str, region: str, seed: int) -> Sample:
    """Spliced reads of real human sequence with planted variants and artefacts, as the RNA example's."""
    if not (folder / "simulation.json").exists():
        program("simulate", "--preset", "rna", "--seed", str(seed), "-f", f"{sequence}:{region}", "--read-length", "76",
                "--artefacts", "2", "--depth", "30", "-o", folder)  # fmt: skip
    return Sample(folder)


@contextmanager
def review_page(calls: Path, sample: Sample, verdicts: Path) -> Iterator[str]:
    """The address of a running page."""
    arguments = ["review", str(calls), *sample.reads, "--verdicts", str(verdicts), "--port", "0"]
    server = subprocess.Popen([sys.executable, "-m", "vcffilter", *arguments], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if line.startswith("Open "):
                yield line.split()[1]
                return
        raise SystemExit("the page did not start")
    finally:
        server.terminate()
        server.wait()


def asked(address: str, path: str, body: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """An answer of the page."""
    url = f"{address}{path}?{urllib.parse.urlencode(values)}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def judge(address: str, reviewer: Reviewer, allele_of: list[Allele], truth: dict[Allele, str], n_verdicts: int) -> None:
    """Give verdicts until there are so many that the truth knows; calls outside its confident regions are ambiguous."""
    draw = random.Random(7)
    for part, order in enumerate(reviewer.orders):
        n_left = n_verdicts // len(reviewer.orders) + (part < n_verdicts % len(reviewer.orders))
        while n_left:
            number = asked(address, "api/next", order=order, review="open", reviewer=reviewer.name)["number"]
            if number is None:
                raise SystemExit("there are not so many calls")
            label = truth.get(allele_of[number - 1])
            word = {"TP": "germline", "FP": "fail", None: "ambiguous"}[label]
            if label is not None and draw.random() < reviewer.mistakes:
                word = {"germline": "fail", "fail": "germline"}[word]
            asked(address, f"api/calls/{number}/verdict", {"reviewer": reviewer.name, "verdict": word})
            n_left -= label is not None


def held_out(labels: dict[Allele, str]) -> str:
    """Of the quarters of the verdicts, by position, the one in which the rarer label is most frequent, as a region."""
    given = sorted((allele, label) for allele, label in labels.items() if label in ("TP", "FP"))
    size = len(given) // _QUARTERS
    quarters = [given[first : first + size] for first in range(0, size * _QUARTERS, size)]
    words = [[label for _, label in quarter] for quarter in quarters]
    best = max(range(_QUARTERS), key=lambda quarter: min(words[quarter].count("TP"), words[quarter].count("FP")))
    (contig, first, *_), (_, last, *_) = quarters[best][0][0], quarters[best][-1][0]
    return f"{contig}:{first}-{last}"


def alleles_of(path: Path) -> list[Allele]:
    """Alleles in the order in which the page numbers them."""
    return [
        (record.CHROM, record.POS, record.REF, alt)
        for record in cyvcf2.VCF(str(path)) for alt in record.ALT if set(alt) <= set("ACGTN")
    ]  # fmt: skip


def filtered(sample: Sample, model: str | Path, output: Path) -> Path:
    """The sample's calls filtered by a model."""
    if not output.exists():
        program("filter", sample.calls, *sample.reads, "--model", model, "-q", "-Oz", "-o", output)
    return output


def trained(work: Path, reviewer: Reviewer, judged: Sample, n_verdicts: int) -> dict[str, Any]:
    """Verdicts of one reviewer, and the weights fine-tuned and calibrated on them; their paths, and what was judged."""
    folder = work / re.sub(r"\W+", "-", reviewer.name)
    folder.mkdir(exist_ok=True)
    calls, verdicts, labels = filtered(judged, MODEL, work / "judged.vcf.gz"), folder / "verdicts", folder / "labels.tsv"
    if not labels.exists():
        with review_page(calls, judged, verdicts) as address:
            judge(address, reviewer, alleles_of(calls), judged.truth, n_verdicts)
        program("review", calls, "--verdicts", verdicts, "--export", labels)
    words = [label for label in read_labels(labels).values() if label in ("TP", "FP")]
    if not (folder / "run").exists():
        program("examples", judged.calls, *judged.reads, "--labels", labels, "--model", MODEL, "-o", folder / "examples.h5")
        config = _CONFIG.format(name="reviewed", held_out=held_out(read_labels(labels)))
        (folder / "train.yaml").write_text(config)
        program("train", folder / "train.yaml", "--init", MODEL, "-o", folder / "run", log=folder / "train.log")
    if not (folder / "calibrated.safetensors").exists():
        program("calibrate", judged.calls, *judged.reads, "--labels", labels, "--model", MODEL, "--method", "platt",
                "--model-id", "calibrated", "-o", folder / "calibrated.safetensors", "--force")  # fmt: skip
    return {
        "reviewer": reviewer.name, "real": words.count("TP"), "fail": words.count("FP"),
        "weights": {"fine-tuned": folder / "run" / "reviewed.safetensors", "calibrated": folder / "calibrated.safetensors"},
        "folder": folder,
    }  # fmt: skip


def measured_by(path: Path, truth: dict[Allele, str]) -> dict[str, Any]:
    """What a filtered file is worth, on the alleles that the truth knows."""
    labels, probabilities, scores, passes = [], [], [], []
    for record in cyvcf2.VCF(str(path)):
        verdicts = (record.INFO.get("PILEUP_FT") or "").split(",")
        values = [np.atleast_1d(record.INFO.get(key)) for key in ("PILEUP_PROB", "PILEUP_ALT_SCORE")]
        for index, alt in enumerate(record.ALT):
            label = truth.get((record.CHROM, record.POS, record.REF, alt))
            if label is not None and verdicts[index] in ("PASS", "LowPileupSNV", "LowPileupIndel"):
                labels.append(label == "TP")
                probabilities.append(float(values[0][index]))
                scores.append(float(values[1][index]))
                passes.append(verdicts[index] == "PASS")
    real, kept, score = np.array(labels), np.array(passes), np.array(scores)
    return {
        "real": int(real.sum()), "false": int((~real).sum()), "real_kept": int((real & kept).sum()),
        "false_removed": int((~real & ~kept).sum()), "auroc": auroc(real, score),
        "false_removed_at_99": false_removed(real, score),
        "ece": expected_calibration_error(real.astype(float), np.array(probabilities)),
    }  # fmt: skip


def table(data: dict[str, Any]) -> str:
    """The block of docs/review.md: counts of all repeats together, other figures as mean (lowest to highest)."""
    header = (
        "weights", "verdicts on", "of them real", "AUROC", "false removed where 99% of the real are kept",
        "at the default cut: real kept", "false removed", "calibration error",
    )  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for rows in zip(*(repeat["rows"] for repeat in data["repeats"]), strict=True):
        found = [row["measured"] for row in rows]
        total = {name: sum(one[name] for one in found) for name in ("real", "false", "real_kept", "false_removed")}
        judged = [row["real"] for row in rows if row["real"] is not None]
        lines.append("| " + " | ".join((
            rows[0]["weights"], rows[0]["reviewer"], ", ".join(map(str, judged)) or "–",
            _spread([one["auroc"] for one in found], "{:.3f}"),
            _spread([100 * one["false_removed_at_99"] for one in found], "{:.0f}%"),
            f"{total['real_kept']} of {total['real']}", f"{total['false_removed']} of {total['false']}",
            _spread([one["ece"] for one in found], "{:.2f}"),
        )) + " |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _spread(values: list[float], form: str) -> str:
    return f"{form} ({form} to {form})".format(sum(values) / len(values), min(values), max(values))


def run(work: Path, sequence: str, regions: tuple[str, str], n_verdicts: int, seed: int) -> dict[str, Any]:
    """One repeat: other variants, artefacts and reads on the same sequence for every seed."""
    work.mkdir(parents=True, exist_ok=True)
    judged, measured = (
        simulated(work / name, sequence, region, number)
        for name, region, number in zip(("judged", "measured"), regions, (seed, seed + 1), strict=True)
    )
    truth = measured.truth
    before = measured_by(filtered(measured, MODEL, work / "before.vcf.gz"), truth)
    rows = [{"weights": f"`{MODEL}` as it ships", "reviewer": "–", "real": None, "measured": before}]
    for reviewer in REVIEWERS:
        found = trained(work, reviewer, judged, n_verdicts)
        for kind in ("calibrated", "fine-tuned"):
            after = measured_by(filtered(measured, found["weights"][kind], found["folder"] / f"{kind}.vcf.gz"), truth)
            rows.append({"weights": kind, "reviewer": reviewer.name, "real": found["real"], "measured": after})
    return {"seed": seed, "rows": rows}


def document(text: str, data: dict[str, Any]) -> str:
    """The page with its block made anew."""
    return _BLOCK.sub(lambda match: match[1] + table(data) + match[2], text)


def main() -> None:
    """As the module says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/review-training"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--sequence", default=SEQUENCE)
    parser.add_argument("--judged", default="chr20:6000000-7199999")
    parser.add_argument("--measured", default="chr21:6200000-7399999")
    parser.add_argument("--verdicts", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--document", action="store_true", help="only write the results into docs/review.md")
    chosen = parser.parse_args()
    path = chosen.results / "review_training.json"
    if chosen.document:
        PAGE.write_text(document(PAGE.read_text(), json.loads(path.read_text())))
        return
    regions = (chosen.judged, chosen.measured)
    repeats = [
        run(chosen.work / f"repeat-{number}", chosen.sequence, regions, chosen.verdicts, 20 + 2 * number)
        for number in range(1, chosen.repeats + 1)
    ]
    data = {"regions": regions, "n_verdicts": chosen.verdicts, "repeats": repeats}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")
    print(table(data))


if __name__ == "__main__":
    main()
