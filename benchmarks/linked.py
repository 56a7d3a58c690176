"""MNPs by their own score, and no lower than the least of their single bases: true ones lost, false ones kept, CPU time.

Run: python benchmarks/linked.py --data ../shared/data [--document docs/developers/linked.md]
Scored by the weights of the fold that never saw the set's chromosome, reads whole and thinned, judged at the presets of the
weights that ship. "Called": what a caller wrote, true where the labels say so or where all its bases are true. "Made up": two
SNVs that callers wrote within 10 bases of each other, joined; true where both are and most reads with one of them have both.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pysam
from accuracy_data import FOLD_OF_SET, SHORT_CALLERS, Key, contig_of, read_reference, score_alleles
from common import Table, print_tables

from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.pipeline import evidence
from vcffilter.pipeline.linked_parts import MAX_PARTS, LinkedChunk, with_parts
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import READS_FOR_ALT, AlleleScores

#: Their chromosomes are in no training set.
_FOLD_OF_SET = {**FOLD_OF_SET, "na12878-pg-chr3-a": "chr20", "gm12878-rna-chr22": "chr22"}
_SHARES = (1.0, 0.5, 0.25, 0.12)
_REACH = 10
_LINKED = 30
_SEED = 7
#: Of a pair's reads with one of its bases so many have both, or so few, where it is told at full depth.
_MOST, _FEWEST = 0.8, 0.2
_PRESETS = ("sensitive", "balanced", "strict")

#: Changed bases of a substitution: (pos1, ref, alt) each.
Bases = tuple[Key, ...]


@dataclass(frozen=True)
class Mnp:
    """called: by a caller, or made up of two that were. is_true: by the labels."""

    key: Key
    called: bool
    is_true: bool


def caller_labels(folder: Path, caller: str) -> dict[Key, str]:
    """Labels of the sequences that a caller wrote, as they are split but not shifted; {} where the set has no such caller."""
    path = folder / f"{caller}.labels.tsv"
    if not path.exists():
        return {}
    with open(path) as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t") if len(row) >= 5 and row[1].isdigit()]
    return {(int(row[1]), row[2], row[3]): row[4] for row in rows if set(row[2] + row[3]) <= set("ACGT")}


def _bases_of(key: Key) -> Bases:
    pos1, ref, alt = key
    return tuple((pos1 + at, r, a) for at, (r, a) in enumerate(zip(ref, alt, strict=True)) if r != a)


def _mnps(folder: Path, contig: str, reference: str) -> list[Mnp]:
    """Those of a set whose label is known."""
    labels: dict[Key, str] = {}
    for caller in SHORT_CALLERS:
        for key, label in caller_labels(folder, caller).items():
            labels[key] = "TP" if "TP" in (label, labels.get(key)) else label
    snvs = {key: label for key, label in labels.items() if len(key[1]) == len(key[2]) == 1}
    found = []
    for key, label in labels.items():
        if len(key[1]) != len(key[2]) or not 1 < len(_bases_of(key)) <= MAX_PARTS:
            continue
        by_bases = label == "OUT" and all(snvs.get(base) == "TP" for base in _bases_of(key))
        if label in ("TP", "FP") or by_bases:
            found.append(Mnp(key, called=True, is_true=label != "FP"))
    pairs = [pair for pair in itertools.combinations(sorted(snvs), 2) if 0 < pair[1][0] - pair[0][0] <= _REACH]
    with pysam.AlignmentFile(str(folder / "reads.bam")) as bam:
        for one, other in pairs:
            both = {snvs[one], snvs[other]}
            share = _share_with_both(bam, contig, one, other) if both == {"TP"} else 0.0
            if both <= {"TP", "FP"} and ("FP" in both or share >= _MOST or share <= _FEWEST):
                between = reference[one[0] : other[0] - 1]
                key = one[0], one[1] + between + other[1], one[2] + between + other[2]
                found.append(Mnp(key, called=False, is_true=both == {"TP"} and share >= _MOST))
    return found


def _share_with_both(bam: pysam.AlignmentFile, contig: str, one: Key, other: Key) -> float:
    n_any, n_both = 0, 0
    for read in bam.fetch(contig, one[0] - 1, other[0]):
        if read.is_duplicate or read.is_secondary or read.is_supplementary or read.query_sequence is None:
            continue
        place = {pos0: at for at, pos0 in read.get_aligned_pairs(matches_only=True)}
        if one[0] - 1 in place and other[0] - 1 in place:
            shown = [read.query_sequence[place[pos1 - 1]] == alt for pos1, _, alt in (one, other)]
            n_any, n_both = n_any + any(shown), n_both + all(shown)
    return n_both / n_any if n_any else 0.5


@contextmanager
def _by_itself() -> Iterator[None]:
    """Scores of MNPs as if they had no parts."""
    evidence.with_parts = lambda chunk: LinkedChunk(chunk, np.full(chunk.n_alleles, -1, np.int64))
    try:
        yield
    finally:
        evidence.with_parts = with_parts


def _thinned(folder: Path, share: float, scratch: Path) -> Path:
    reads = folder / "reads.bam"
    if share == 1:
        return reads
    out = scratch / f"{folder.name}.{share}.bam"
    subprocess.run(["samtools", "view", "-b", "-s", str(_SEED + share), "-o", str(out), str(reads)], check=True)
    pysam.index(str(out))
    return out


@dataclass(frozen=True)
class Scored:
    """Of one set and share of its reads. own, linked: float64 (n,), probabilities."""

    mnps: list[Mnp]
    share: float
    own: np.ndarray
    linked: np.ndarray


def _scored(data: Path, scratch: Path) -> Iterator[Scored]:
    for name, fold in _FOLD_OF_SET.items():
        folder = data / "real" / name
        contig, reference = contig_of(folder), read_reference(folder)
        mnps = sorted(_mnps(folder, contig, reference), key=lambda mnp: mnp.key)
        model = Path(__file__).parent / "folds" / f"illumina-germline-without-{fold}.safetensors"
        for share in _SHARES:
            bam = _thinned(folder, share, scratch)

            score = partial(_probabilities, model, bam, folder, [mnp.key for mnp in mnps])
            with _by_itself():
                own = score()
            yield Scored(mnps, share, own, score())


def _probabilities(model: Path, bam: Path, folder: Path, keys: list[Key]) -> np.ndarray:
    return score_alleles(model, bam, folder / "reference.fa.gz", contig_of(folder), keys)[0]


def _counts(scored: list[Scored]) -> list[Table]:
    card = load_checkpoint("illumina-germline").metadata.presets
    cuts = {preset: card["presets"][preset]["thresholds"]["indel"] for preset in _PRESETS}
    tables = []
    for preset, cut in cuts.items():
        columns = ["MNPs", "share of reads", "true", "lost by own score", "lost now", "false", "kept by own score", "kept now"]
        table = Table(f"At the preset {preset} (probability {cut:g})", columns)
        for called, share in itertools.product((True, False), _SHARES):
            row: list[int] = []
            for is_true in (True, False):
                cells = [_chosen(one, is_true, called) for one in scored if one.share == share]
                own, linked = (np.concatenate([getattr(one, kind)[at] for one, at in cells]) for kind in ("own", "linked"))
                known = ~np.isnan(own)
                passing = [int((values[known] >= cut).sum()) for values in (own, linked)]
                row += [int(known.sum()), *([int(known.sum()) - n for n in passing] if is_true else passing)]
            table.add("called" if called else "made up", f"{share:g}", *row)
        tables.append(table)
    return tables


def _chosen(one: Scored, is_true: bool, called: bool) -> tuple[Scored, np.ndarray]:
    return one, np.array([mnp.is_true == is_true and mnp.called == called for mnp in one.mnps], bool)


def _lost_indels(data: Path) -> Table:
    """What is no substitution, at full depth by the fold's weights: with and without another ALT of the same caller nearby."""
    cut = load_checkpoint("illumina-germline").metadata.thresholds["indel"]
    columns = ["another ALT called within", "true", "lost", "of these no read for ALT", "false", "kept"]
    table = Table(f"Indels and complex alleles at the default (probability {cut:g}), all callers", columns)
    cells = {True: np.zeros(5, int), False: np.zeros(5, int)}
    for name, fold in _FOLD_OF_SET.items():
        folder = data / "real" / name
        model = Path(__file__).parent / "folds" / f"illumina-germline-without-{fold}.safetensors"
        label, linked = _called_indels(folder)
        keys = sorted(label)
        scores = _scores(model, folder, keys)
        for at in np.flatnonzero(scores.status == 0):
            passes = scores.probability[at] >= cut
            if label[keys[at]] == "TP":
                cells[keys[at] in linked][:3] += 1, not passes, not passes and scores.counts[at, READS_FOR_ALT] == 0
            else:
                cells[keys[at] in linked][3:] += 1, passes
    for is_linked, counts in cells.items():
        table.add(f"{_LINKED} bases" if is_linked else "none", *counts.tolist())
    return table


def _called_indels(folder: Path) -> tuple[dict[Key, str], set[Key]]:
    """(label of each, TP or FP; those with another ALT of a caller that wrote them nearby)."""
    label: dict[Key, str] = {}
    linked: set[Key] = set()
    for caller in SHORT_CALLERS:
        labels = caller_labels(folder, caller)
        places = np.sort([pos1 for pos1, _, _ in labels])
        for key, word in labels.items():
            if len(key[1]) == len(key[2]) or word not in ("TP", "FP"):
                continue
            label[key] = word
            near = np.searchsorted(places, key[0] + len(key[1]) + _LINKED) - np.searchsorted(places, key[0] - _LINKED)
            linked |= {key} if near > 1 else set()
    return label, linked


def _scores(model: Path, folder: Path, keys: list[Key]) -> AlleleScores:
    options = evidence.EvidenceOptions(
        "benchmark", (str(folder / "reads.bam"),), str(folder / "reference.fa.gz"), model=str(model), device="cpu"
    )
    scorer = evidence.open_scorer(options)
    try:
        scores = scorer.score(AlleleChunk.from_alleles(contig_of(folder), [(pos1 - 1, ref, alt) for pos1, ref, alt in keys]))
    finally:
        scorer.close()
    assert isinstance(scores, AlleleScores)
    return scores


def _cost(data: Path) -> Table:
    """CPU seconds of scoring every ALT of two sets' files, best of five in turn."""
    columns = ["set", "caller", "ALTs", "of these MNPs", "parts", "own score", "now", "more"]
    table = Table("CPU time of scoring all ALTs of a file", columns)
    for name, caller in (("nygc-chr21", "freebayes"), ("na12878-pg-chr3-a", "freebayes"), ("nygc-chr21", "haplotypecaller")):
        folder = data / "real" / name
        keys = sorted(caller_labels(folder, caller))
        mnps = [key for key in keys if len(key[1]) == len(key[2]) and 1 < len(_bases_of(key)) <= MAX_PARTS]
        own, linked = _best_of(partial(_cpu_seconds, folder, keys))
        table.add(
            name, caller, len(keys), len(mnps), sum(len(_bases_of(key)) for key in mnps), f"{own:.3f} s", f"{linked:.3f} s",
            f"{100 * (linked / own - 1):.0f}%",
        )  # fmt: skip
    return table


def _cpu_seconds(folder: Path, keys: list[Key]) -> float:
    """Of scoring them once more."""
    reads, reference = str(folder / "reads.bam"), str(folder / "reference.fa.gz")
    scorer = evidence.open_scorer(evidence.EvidenceOptions("benchmark", (reads,), reference, device="cpu"))
    chunk = AlleleChunk.from_alleles(contig_of(folder), [(pos1 - 1, ref, alt) for pos1, ref, alt in keys])
    try:
        scorer.score(chunk)
        begun = time.process_time()
        scorer.score(chunk)
        return time.process_time() - begun
    finally:
        scorer.close()


def _best_of(score: Callable[[], float]) -> tuple[float, float]:
    own, linked = [], []
    for _ in range(5):
        with _by_itself():
            own.append(score())
        linked.append(score())
    return min(own), min(linked)


def main() -> None:
    """Print the tables; with --document, put them into the page between its markers."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--document", type=Path)
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scored = list(_scored(arguments.data, Path(scratch)))
    print_tables([*_counts(scored), _cost(arguments.data), _lost_indels(arguments.data)], arguments.document)


if __name__ == "__main__":
    main()
