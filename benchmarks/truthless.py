"""What labels without truth are worth: the truth of the visible sets is hidden, weights learn from resources, truth then judges.

    python benchmarks/truthless.py --data ../shared/data [--work DIR] [--cases NAME ...] [--draws N]
    python benchmarks/truthless.py --document

No resource VCF comes with the sets, so one is made for each: 60% of the alleles of its truth, drawn at random, as a VCF of sites;
what is withheld stands for rare variants. One arm has 5% of the false called alleles in it, too, as recurrent artefacts are in
dbSNP. `label --resource`, `examples` and `train` then run as a user would run them (their functions, in this process), on some
places; the calls of other places are scored, and their hidden labels say how well. `--document` writes results/truthless.json
into docs/training.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shutil
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from common import RESULTS

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit
from vcffilter.calibration.maps import Calibration
from vcffilter.labelling.files import COLUMNS, Key, read_label_rows, read_labels
from vcffilter.labelling.from_resources import ResourceInputs, label_by_resources
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.training.config import Selection, TrainConfig
from vcffilter.training.dataset import ArrayDataset, concatenate
from vcffilter.training.example_file import write_examples
from vcffilter.training.example_source import ExampleMaker, ExampleSource
from vcffilter.training.fit import predict
from vcffilter.training.fit_config import FitConfig
from vcffilter.training.metrics import auroc, expected_calibration_error, false_removed
from vcffilter.training.run import run_training
from vcffilter.truth.variant_file import VariantFile

PAGE = Path(__file__).parents[1] / "docs" / "training.md"
FOLDS = Path(__file__).parent / "folds"
_BLOCK = re.compile(r"(<!-- truthless: written by benchmarks/truthless.py -->\n).*?(<!-- end of truthless -->)", re.DOTALL)
#: Share of the truth that a resource knows, and share of false calls that one with errors holds.
KNOWN, ERRORS = 0.6, 0.05
#: What an undecided ALT counts as a false one, beside 0.5 for a label.
UNDECIDED_WEIGHT = 0.15
FIT = FitConfig(
    epochs=12, learning_rate=1e-2, batch_size=128, weight_decay=0.0, ema_decay=0.98, device="cpu", threads=1, seed=1
)  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """held_out: what is scored and never trained on. weights: name or file of weights that saw nothing of it."""

    weights: str
    held_out: Selection


@dataclass(frozen=True)
class Case:
    """Call sets of one library. phase_reach: as `label` takes it."""

    name: str
    sets: tuple[str, ...]
    folds: tuple[Fold, ...]
    phase_reach: int = 500


def _fold(weights: str, *regions: str) -> Fold:
    return Fold(weights, Selection(regions=regions))


CASES = (
    Case(
        "Mate pairs (a library that the weights never saw)",
        ("na12878-pg-chr3-a",),
        tuple(_fold("illumina-germline", f"chr3:{mb}00000-{mb + 3}00000") for mb in (1, 20, 40)),
    ),
    Case(
        "RNA-seq (weights for DNA)",
        ("gm12878-rna-chr22",),
        (_fold("illumina-germline", "chr22:17600001-17640000"), _fold("illumina-germline", "chr22:17640001-17940000")),
    ),
    Case(
        "NovaSeq (a library that the weights know)",
        ("nygc-chr21", "nygc-chr21b", "na19401-nygc-chr21", "nygc-chr22", "na19401-nygc-chr22"),
        tuple(
            Fold(str(FOLDS / f"illumina-germline-without-{contig}.safetensors"), Selection(contigs=(contig,)))
            for contig in ("chr21", "chr22")
        ),
    ),
    Case(
        "Revio (weights that never saw Revio)",
        ("hifi-revio-chr20",),
        tuple(
            _fold(str(FOLDS / "hifi-germline-without-revio.safetensors"), region)
            for region in ("chr20:8990001-9050000", "chr20:9050001-9110000")
        ),
        3000,
    ),
)


@dataclass(frozen=True)
class Arm:
    """How labels are made. errors: share of the false calls that the resource holds. phase: by haplotypes, too. undecided: what
    no rule decides counts as false, a little. by_truth: the labels that are hidden from the others.
    """

    name: str
    errors: float = 0.0
    phase: bool = True
    undecided: bool = False
    by_truth: bool = False


RESOURCES, TRUTH = Arm("resources and reads"), Arm("truth", by_truth=True)
ARMS = (
    RESOURCES,
    Arm("the same, 5% of the false calls in the resource", errors=ERRORS),
    Arm("the same, haplotypes not asked", phase=False),
    Arm("the same, undecided calls as false ones of little weight", undecided=True),
    TRUTH,
)


@dataclass(frozen=True)
class CalledSet:
    """One caller's calls of a set with real reads."""

    folder: Path
    caller: str

    @property
    def calls(self) -> str:
        """VCF."""
        return str(self.folder / f"{self.caller}.vcf.gz")

    @property
    def hidden(self) -> Path:
        """Labels by truth."""
        return self.folder / f"{self.caller}.labels.tsv"

    @property
    def reads(self) -> tuple[str, ...]:
        """BAM."""
        return (str(self.folder / "reads.bam"),)

    @property
    def reference(self) -> str:
        """FASTA."""
        return str(self.folder / "reference.fa.gz")


def called_sets(data: Path, case: Case) -> list[CalledSet]:
    """Every caller of every set of a case."""
    folders = [data / "real" / name for name in case.sets]
    return [
        CalledSet(folder, path.name.removesuffix(".labels.tsv"))
        for folder in folders for path in sorted(folder.glob("*.labels.tsv"))
    ]  # fmt: skip


def drawn(key: Key, share: float, draw: int) -> bool:
    """Whether an allele is among this share of all, the same in every call set."""
    return zlib.crc32(f"{draw} {key}".encode()) < share * 2**32


def write_resource(folder: Path, errors: float, draw: int, output: Path) -> str:
    """A resource for one set: some of its truth, and this share of what is false in its call sets; the path of the VCF."""
    contigs, alleles = set(), set[Key]()
    with VariantFile(folder / "truth.vcf.gz") as truth:
        for record in truth.records():
            contigs.add(record.CHROM)
            for alt in record.ALT:
                key = (record.CHROM, record.POS, record.REF, alt)
                if record.FILTER is None and drawn(key, KNOWN, draw):
                    alleles.add(key)
    for path in sorted(folder.glob("*.labels.tsv")):
        false = (key for key, label in read_labels(path).items() if label == "FP")
        alleles |= {key for key in false if drawn(key, errors, draw + 1000)}
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name}>" for name in sorted(contigs | {key[0] for key in alleles}))]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    lines += [f"{contig}\t{pos1}\t.\t{ref}\t{alt}\t.\tPASS\t." for contig, pos1, ref, alt in sorted(alleles)]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines) + "\n")
    return str(pysam.tabix_index(str(output), preset="vcf", force=True))


def labels_of(called: CalledSet, case: Case, arm: Arm, draw: int, work: Path) -> Path:
    """The labels file of one call set under an arm."""
    if arm.by_truth:
        return called.hidden
    folder = work / called.folder.name
    stem = f"{called.caller}.errors{arm.errors:g}.phase{arm.phase:d}.draw{draw}"
    resource = folder / f"known.errors{arm.errors:g}.draw{draw}.vcf"
    path = f"{resource}.gz" if Path(f"{resource}.gz.tbi").exists() else write_resource(called.folder, arm.errors, draw, resource)
    labels = folder / f"{stem}.tsv"
    if not labels.exists():
        reach = case.phase_reach if arm.phase else 0
        inputs = ResourceInputs((path,), called.reference, called.reads, phase_reach=reach)
        with open(labels, "w") as output:
            label_by_resources(called.calls, inputs, output)
    return with_undecided(labels, folder / f"{stem}.undecided.tsv") if arm.undecided else labels


def with_undecided(labels: Path, output: Path) -> Path:
    """The labels, and what is undecided as false with a weight of its own."""
    lines = ["\t".join((*COLUMNS, "weight"))]
    for (contig, pos1, ref, alt), row in read_label_rows(labels).items():
        is_undecided = row.how == "undecided"
        label, weight = ("FP", UNDECIDED_WEIGHT) if is_undecided else (row.label, row.weight)
        lines.append(f"{contig}\t{pos1}\t{ref}\t{alt}\t{label}\t{row.how}\t0\t0\t{weight:g}")
    output.write_text("\n".join(lines) + "\n")
    return output


def rules_and_truth(labels: Path, hidden: Path) -> Counter[tuple[str, str]]:
    """How often a rule met a hidden label."""
    truth = read_labels(hidden)
    return Counter((row.how, truth.get(key, "none")) for key, row in read_label_rows(labels).items())


def examples_of(called: CalledSet, labels: Path, spec: EncoderSpec) -> Iterator[ArrayDataset]:
    """The labelled ALTs of one call set."""
    if not {"TP", "FP"} & set(read_labels(labels).values()):
        return
    source = ExampleSource(called.calls, str(labels), called.reads, called.reference, called.folder.name)
    with ExampleMaker(source, spec) as maker:
        yield from maker.examples(1, full_depth=True)


@cache
def weights(name: str) -> Checkpoint:
    """Weights to start from."""
    return load_checkpoint(name)


@dataclass(frozen=True)
class Scored:
    """Different held-out ALTs, each once. label, is_snv, hard: as of examples. logits: for ranking. probability, kept: by the
    weights' calibration and default cuts; None where they have none.
    """

    label: np.ndarray
    is_snv: np.ndarray
    hard: np.ndarray
    logits: np.ndarray
    probability: np.ndarray | None
    kept: np.ndarray | None


def scored(checkpoint: Checkpoint, examples: ArrayDataset) -> Scored:
    """The examples by a checkpoint."""
    logits, snv, metadata = predict(checkpoint.build(), examples), examples.is_snv, checkpoint.metadata
    if not metadata.thresholds:
        return Scored(examples.label, snv, examples.hard, logits, None, None)
    calibration = Calibration.from_json(metadata.calibration)
    probability = calibration.probabilities(logits, snv, examples.depth)
    cut = np.where(snv, metadata.thresholds["snv"], metadata.thresholds["indel"])
    calibrated = calibration.logits(logits, snv, examples.depth)
    return Scored(examples.label, snv, examples.hard, calibrated, probability, np.round(probability, 4) >= cut)


def once(examples: ArrayDataset) -> ArrayDataset:
    """Every ALT once, however many callers wrote it; it is hard where one of them believed it."""
    order = np.argsort(~examples.hard, kind="stable")
    keys = [np.unique(column, return_inverse=True)[1] for column in (examples.set_name, examples.contig)]
    alleles = np.stack([*keys, examples.pos0, examples.allele], axis=1)[order]
    return examples.take(np.sort(order[np.unique(alleles, axis=0, return_index=True)[1]]))


def measured(parts: Sequence[Scored]) -> dict[str, Any]:
    """Figures of all folds together, of the ALTs that a caller believed (hard)."""
    joined = {
        name: np.concatenate([getattr(part, name)[part.hard] for part in parts])
        for name in ("label", "is_snv", "logits", *(("probability", "kept") if parts[0].kept is not None else ()))
    }
    true = joined["label"] > 0.5
    facts = {
        "true": int(true.sum()), "false": int((~true).sum()), "auroc": auroc(true, joined["logits"]),
        "auroc_not_snv": auroc(true[~joined["is_snv"]], joined["logits"][~joined["is_snv"]]),
        "false_removed_at_99": false_removed(true, joined["logits"]),
    }  # fmt: skip
    if "kept" in joined:
        facts |= {
            "true_lost": int((true & ~joined["kept"]).sum()), "false_removed": int((~true & ~joined["kept"]).sum()),
            "ece": expected_calibration_error(true.astype(float), joined["probability"]),
        }  # fmt: skip
    return facts


def trained(name: str, train: ArrayDataset, spec: EncoderSpec, fold: Fold, work: Path, init: str | None) -> Checkpoint:
    """Weights fine-tuned from `init`, or grown from nothing, by `train` as a user would call it."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sets = sorted(set(train.set_name.tolist())) if float(train.weight.min()) < 1 else []
    write_examples(folder / "examples.h5", train, spec, {"without_truth": sets})
    config = TrainConfig(name, data=("examples.h5",), exclude=fold.held_out, fit=FIT)
    if init is None:
        config = dataclasses.replace(config, architecture="trees:both", fit=FitConfig(seed=1, threads=1))
    return load_checkpoint(run_training(config, folder, folder / "run", init))


def run_case(case: Case, data: Path, work: Path, draws: int) -> dict[str, Any]:
    """Figures of one case: of the weights as they are, and of what each arm makes of them."""
    sets = called_sets(data, case)
    spec = weights(case.folds[0].weights).metadata.encoder
    examples: dict[tuple[str, int], ArrayDataset] = {}
    rules = Counter[tuple[str, str]]()
    for arm in ARMS:
        for draw in range(1, 2 if arm.by_truth else draws + 1):
            parts = []
            for called in sets:
                labels = labels_of(called, case, arm, draw, work)
                parts += examples_of(called, labels, spec)
                if arm is RESOURCES:
                    rules += rules_and_truth(labels, called.hidden)
            examples[arm.name, draw] = concatenate(parts)
    truth = examples[TRUTH.name, 1]
    held_out = [once(truth.take(fold.held_out.mask(truth))) for fold in case.folds]
    before = measured([scored(weights(fold.weights), part) for fold, part in zip(case.folds, held_out, strict=True)])
    rows: list[dict[str, Any]] = [{"weights": "as they are", "labels": "", "measured": [before]}]
    for arm, is_tuned in [(arm, True) for arm in ARMS] + [(RESOURCES, False), (TRUTH, False)]:
        found = []
        for draw in range(1, 2 if arm.by_truth else draws + 1):
            parts = [
                scored(trained("t", examples[arm.name, draw], spec, fold, work, fold.weights if is_tuned else None), part)
                for fold, part in zip(case.folds, held_out, strict=True)
            ]
            found.append(measured(parts))
        rows.append({"weights": "fine-tuned" if is_tuned else "grown from nothing", "labels": arm.name, "measured": found})
        print(case.name, rows[-1], flush=True)
    return {"case": case.name, "rows": rows, "rules": [[*key, count] for key, count in sorted(rules.items())], "draws": draws}


def document(text: str, data: list[dict[str, Any]]) -> str:
    """The page with its block made anew."""
    block = "\n".join(["", *_rules_table(data), "", *_figures_table(data), ""])
    return _BLOCK.sub(lambda match: match[1] + block + match[2], text)


def _rules_table(data: list[dict[str, Any]]) -> list[str]:
    """How the labels agree with the hidden truth."""
    header = ("calls", "TP by `resource`: really false", "FP by `own_reads`: really true", "FP by `own_haplotype`: really true",
              "false calls that got a label", "true calls that got one")  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for case in data:
        count = Counter({(rule, label): number for rule, label, number in case["rules"]})
        false, true = (sum(n for (_, label), n in count.items() if label == name) for name in ("FP", "TP"))

        def wrong(rule: str, label: str, count: Counter[tuple[str, str]] = count) -> str:
            total = count[rule, "TP"] + count[rule, "FP"]
            return f"{count[rule, label]} of {total}"

        found = count["own_reads", "FP"] + count["own_haplotype", "FP"]
        lines.append("| " + " | ".join((
            case["case"], wrong("resource", "FP"), wrong("own_reads", "TP"), wrong("own_haplotype", "TP"),
            f"{100 * found / max(false, 1):.0f}%", f"{100 * count['resource', 'TP'] / max(true, 1):.0f}%",
        )) + " |")  # fmt: skip
    return lines


def _figures_table(data: list[dict[str, Any]]) -> list[str]:
    """Figures of the weights, one case after the other."""
    header = ("weights", "labels by", "AUROC", "not SNVs", "false removed where 99% of the true are kept",
              "true lost at the default cut", "false removed at it", "ECE")  # fmt: skip
    lines = []
    for case in data:
        first = case["rows"][0]["measured"][0]
        lines += [f"**{case['case']}**: {first['true']} true, {first['false']} false.", ""]
        lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
        lines += [*("| " + " | ".join(_cells(row)) + " |" for row in case["rows"]), ""]
    return lines


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    found = row["measured"]
    lost, removed, ece = "-", "-", "-"
    if "true_lost" in found[0]:
        n_true, n_false = found[0]["true"], found[0]["false"]
        lost_mean, removed_mean = (sum(one[name] for one in found) / len(found) for name in ("true_lost", "false_removed"))
        lost = f"{_plain(lost_mean)} (at most {100 * upper_limit(round(lost_mean), n_true):.1f}%)"
        at_least = 100 * lower_limit(round(removed_mean), n_false)
        removed = f"{_plain(removed_mean)} ({100 * removed_mean / n_false:.0f}%, at least {at_least:.0f}%)"
        ece = _spread([one["ece"] for one in found], "{:.3f}")
    return (
        row["weights"], row["labels"] or "-", _spread([one["auroc"] for one in found], "{:.4f}"),
        _spread([one["auroc_not_snv"] for one in found], "{:.4f}"),
        _spread([100 * one["false_removed_at_99"] for one in found], "{:.0f}%"), lost, removed, ece,
    )  # fmt: skip


def _plain(mean: float) -> str:
    return f"{mean:.0f}" if mean == round(mean) else f"{mean:.1f}"


def _spread(values: Sequence[float], form: str) -> str:
    mean = form.format(sum(values) / len(values))
    low, high = form.format(min(values)), form.format(max(values))
    return mean if low == high else f"{mean} ({low} to {high})"


def main() -> None:
    """As the module says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/truthless"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--cases", nargs="+", help="beginnings of names", default=[""])
    parser.add_argument("--draws", type=int, default=3, help="resources drawn anew so often")
    parser.add_argument("--document", action="store_true", help="only write the results into docs/training.md")
    chosen = parser.parse_args()
    path = chosen.results / "truthless.json"
    if chosen.document:
        PAGE.write_text(document(PAGE.read_text(), json.loads(path.read_text())))
        return
    old = {case["case"]: case for case in (json.loads(path.read_text()) if path.exists() else [])}
    for case in CASES:
        if case.name.startswith(tuple(chosen.cases)):
            old[case.name] = run_case(case, chosen.data.resolve(), chosen.work, chosen.draws)
    data = [old[case.name] for case in CASES if case.name in old]
    path.write_text(json.dumps(data, indent=1) + "\n")
    print("\n".join([*_rules_table(data), "", *_figures_table(data)]))


if __name__ == "__main__":
    main()
