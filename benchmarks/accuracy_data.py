"""Labelled calls of the real sets: every caller's records with QUAL or TLOD, pooled by allele, scored as the program does.

Knows the layout of ../shared/data and of harvest folders; no figures are computed here.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer
from vcffilter.truth.normalise import normalised, spelled
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import AlleleScores

SHORT_CALLERS = (
    "bcftools",
    "bcftools-nobaq",
    "freebayes",
    "freebayes-sensitive",
    "haplotypecaller",
    "haplotypecaller-sensitive",
    "mutect2",
)
LONG_CALLERS = ("bcftools", "bcftools-nobaq", "haplotypecaller", "haplotypecaller-sensitive", "mutect2", "pileup-sensitive")
#: Set -> the fold whose weights never saw its chromosome.
FOLD_OF_SET = {
    "nygc-chr21": "chr21",
    "nygc-chr21b": "chr21",
    "na19401-nygc-chr21": "chr21",
    "nygc-chr22": "chr22",
    "na19401-nygc-chr22": "chr22",
    "broad8x-chr20": "chr20",
}
#: Truth of these is a population panel: what it lacks may be real.
PANEL_SETS = frozenset({"na19401-nygc-chr21", "na19401-nygc-chr22"})
_INFO_OF_HARD_FILTERS = ("QD", "FS", "SOR", "MQ", "MQRankSum", "ReadPosRankSum")

Key = tuple[int, str, str]


@dataclass(frozen=True)
class Record:
    """One split record of one caller. key: (pos1, ref, alt) left-aligned. label: 1 TP, 0 FP. score: QUAL, or TLOD."""

    key: Key
    label: int
    score: float
    info: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Pool:
    """Alleles of one set, whoever called them; arrays of n.

    score: the highest QUAL or TLOD of any caller. probability: of the model, NaN where it gave none. depth: reads that
    informed.
    """

    set_name: str
    keys: list[Key]
    label: np.ndarray
    score: np.ndarray
    probability: np.ndarray
    depth: np.ndarray

    @property
    def is_snv(self) -> np.ndarray:
        """bool (n,)."""
        return np.array([len(ref) == 1 and len(alt) == 1 for _, ref, alt in self.keys], bool)

    @property
    def hard(self) -> np.ndarray:
        """bool (n,): a caller gave QUAL or TLOD of 1 or more."""
        return self.score >= 1


def contig_of(folder: Path) -> str:
    """The one contig of a set's reference."""
    with pysam.FastaFile(str(folder / "reference.fa.gz")) as fasta:
        return fasta.references[0]


def read_reference(folder: Path) -> str:
    """The set's contig, upper case."""
    with pysam.FastaFile(str(folder / "reference.fa.gz")) as fasta:
        return fasta.fetch(fasta.references[0]).upper()


def key_of(pos1: int, ref: str, alt: str, reference: str) -> Key | None:
    """The allele left-aligned; None when it has no sequence."""
    edit = normalised(pos1 - 1, ref, alt, reference)
    if edit is None:
        return None
    pos0, ref, alt = spelled(reference, edit)
    return pos0 + 1, ref, alt


def _number(text: str) -> float:
    return float("nan") if text in (".", "") else float(text.split(",")[0])


def caller_records(folder: Path, caller: str, reference: str) -> list[Record]:
    """TP and FP records of `bcftools norm -m -any`, with the labels that came with the set."""
    with open(folder / f"{caller}.labels.tsv") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t") if len(row) >= 5 and row[1].isdigit()]
    labels = {(int(row[1]), row[2], row[3]): row[4] for row in rows}
    path = folder / f"{caller}.vcf.gz"
    header = subprocess.run(["bcftools", "view", "-h", str(path)], check=True, capture_output=True, text=True).stdout
    names = [name for name in ("TLOD", *_INFO_OF_HARD_FILTERS) if f"##INFO=<ID={name}," in header]
    query = "\\t".join(["%POS", "%REF", "%ALT", "%QUAL", *(f"%INFO/{name}" for name in names)]) + "\\n"
    split = subprocess.run(["bcftools", "norm", "-m", "-any", str(path)], check=True, capture_output=True).stdout
    text = subprocess.run(["bcftools", "query", "-f", query], input=split, check=True, capture_output=True).stdout.decode()
    records = []
    for line in text.splitlines():
        pos, ref, alt, qual, *values = line.split("\t")
        label = labels.get((int(pos), ref, alt))
        key = key_of(int(pos), ref, alt, reference) if label in ("TP", "FP") else None
        if key is None:
            continue
        info = {name: _number(value) for name, value in zip(names, values, strict=True)}
        score = _number(qual) if qual != "." else info.get("TLOD", 0.0)
        records.append(Record(key, int(label == "TP"), score, info))
    return records


def withheld_alleles(folder: Path, callers: Iterable[str], reference: str) -> set[Key]:
    """Alleles that some caller's labels call DISPUTED (of a population panel also OUT): not counted, whoever calls them."""
    withheld = {"DISPUTED", "OUT"} if folder.name in PANEL_SETS else {"DISPUTED"}
    found = set()
    for caller in callers:
        path = folder / f"{caller}.labels.tsv"
        if not path.exists():
            continue
        with open(path) as lines:
            for row in csv.reader(lines, delimiter="\t"):
                if len(row) >= 5 and row[4] in withheld:
                    found.add(key_of(int(row[1]), row[2], row[3], reference))
    return found - {None}


def scores_of_alleles(model: Path | str, bam: Path, reference: Path, contig: str, keys: Sequence[Key]) -> AlleleScores:
    """Of sorted alleles, by the same scorer that the command uses."""
    options = EvidenceOptions("benchmark", (str(bam),), str(reference), model=str(model), device="cpu", allow_ref_mismatch=True)
    scorer = open_scorer(options)
    try:
        scores = scorer.score(AlleleChunk.from_alleles(contig, [(pos1 - 1, ref, alt) for pos1, ref, alt in keys]))
    finally:
        scorer.close()
    assert isinstance(scores, AlleleScores)
    return scores


def score_alleles(
    model: Path | str, bam: Path, reference: Path, contig: str, keys: Sequence[Key]
) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities, reads that informed) of sorted alleles, by the same scorer that the command uses."""
    scores = scores_of_alleles(model, bam, reference, contig, keys)
    return scores.probability.astype(np.float64), scores.n_reads


def thresholds_of(model: Path) -> dict[str, float]:
    """Default thresholds of a checkpoint."""
    from vcffilter.models.checkpoint import load_checkpoint

    return load_checkpoint(model).metadata.thresholds


def best_point_of(model: Path) -> dict[str, Any]:
    """The operating point of a checkpoint's card with the best F1 on the alleles that it was read off, which no scored set is
    among.
    """
    from vcffilter.models.checkpoint import load_checkpoint

    def quality(point: dict[str, Any]) -> float:
        cells = [cell for cell in point["measured"].values() if cell["n_true"] and cell["n_false"]]
        n_truth = sum(cell["n_true"] for cell in cells)
        n_true = sum(cell["recall"] * cell["n_true"] for cell in cells)
        n_false = sum((1 - cell["false_removed"]) * cell["n_false"] for cell in cells)
        return 2 * n_true / (n_true + n_false + n_truth)

    return max(load_checkpoint(model).metadata.operating_points, key=quality)


def pool_records(set_name: str, folder: Path, records: dict[str, list[Record]], model: Path) -> Pool:
    """All callers' alleles of a set, each scored once."""
    score: dict[Key, float] = {}
    label: dict[Key, int] = {}
    for of_caller in records.values():
        for record in of_caller:
            score[record.key] = max(score.get(record.key, 0.0), np.nan_to_num(record.score))
            label[record.key] = max(label.get(record.key, 0), record.label)
    keys = sorted(score)
    probability, depth = score_alleles(model, folder / "reads.bam", folder / "reference.fa.gz", contig_of(folder), keys)
    return Pool(
        set_name,
        keys,
        np.array([label[key] for key in keys]),
        np.array([score[key] for key in keys]),
        probability,
        depth,
    )


def harvested_pools(harvest: Iterable[Path], data: Path, model_of_fold: dict[str, Path]) -> dict[tuple[str, str], Pool]:
    """(set, copy such as f0.25-s1) -> pool, of every down-sampled copy of the benchmark's sets."""
    pools = {}
    for work in harvest:
        for table in sorted((work / "harvest").glob("*.tsv")):
            set_name, _, copy = table.stem.partition(".")
            if set_name not in FOLD_OF_SET or copy.startswith("f1.00") or (set_name, copy) in pools:
                continue
            with open(table) as lines:
                rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["label"] in ("TP", "FP")]
            rows.sort(key=lambda row: int(row["pos"]))
            keys = [(int(row["pos"]), row["ref"], row["alt"]) for row in rows]
            model = model_of_fold[FOLD_OF_SET[set_name]]
            reference = data / "real" / set_name / "reference.fa.gz"
            probability, depth = score_alleles(model, Path(rows[0]["bam"]), reference, rows[0]["chrom"], keys)
            pools[set_name, copy] = Pool(
                set_name,
                keys,
                np.array([int(row["label"] == "TP") for row in rows]),
                np.array([float(row["max_qual"]) if int(row["hard"]) else 0.0 for row in rows]),
                probability,
                depth,
            )
    return pools
