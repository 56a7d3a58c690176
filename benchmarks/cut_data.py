"""Call sets for the study of cuts: every caller's labelled ALTs with probabilities of weights that never saw their locus.

A call set is one caller's file on one copy of one library's reads. Knows the layout of ../shared/data and of harvest folders; no
cut is computed here.
"""

from __future__ import annotations

import csv
import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy_data import (
    FOLD_OF_SET,
    LONG_CALLERS,
    SHORT_CALLERS,
    Key,
    caller_records,
    contig_of,
    key_of,
    read_reference,
    scores_of_alleles,
    withheld_alleles,
)

from vcffilter.truth.call_sets import CallsFile
from vcffilter.variants.allele_scores import AlleleScores

logger = logging.getLogger("cut_data")

COLUMNS = ("label", "hard", "is_snv", "probability", "depth", "cut_0_1_0", "part", "locus")
HERE = Path(__file__).resolve().parent
#: Of no fold: the shipped weights saw nothing of its chromosome.
UNSEEN_SET = "na12878-pg-chr3-a"
#: Thresholds that 0.1.0 shipped, by what the weights did not see: ALTs of 1-20 reads, and of more.
RULES_OF_0_1_0 = {
    "chr20": {"snv": (0.0013, 0.5), "indel": (0.0203, 0.3066)},
    "chr21": {"snv": (0.0016, 0.2261), "indel": (0.0806, 0.4747)},
    "chr22": {"snv": (0.0022, 0.3937), "indel": (0.0524, 0.259)},
    "none": {"snv": (0.0005, 0.5), "indel": (0.0133, 0.3603)},
    "hifi": {"snv": (0.0078, 0.5), "indel": (0.0054, 0.0022)},
}
#: 0-based borders of the quarters of hifi-revio-chr20, as in recipe/train.py.
HIFI_BORDERS = (9_022_000, 9_050_000, 9_077_000)
#: 0-based start of the second half of each ONT set, as in recipes/germline/ont.yaml.
ONT_BORDERS = {"ont-r10-chr20": 5_059_400, "hg002-ont-r94-chr20-59m": 59_044_000}


@dataclass(frozen=True)
class CallSet:
    """One caller's labelled ALTs on one copy of a set's reads; arrays of n.

    share: of the read names; seed: of the thinning. label: 1 true, 0 false. hard: bool, the caller's QUAL (Mutect2: TLOD) is 1 or
    more. probability: calibrated, of weights that never saw the locus. depth: reads that informed. cut_0_1_0: float,
    the default threshold that 0.1.0 held for the ALT. part: int, quarter of hifi-revio-chr20, half of an ONT set; 0 elsewhere.
    locus: int, the same for one ALT of one person whoever calls it in whichever copy.
    """

    set_name: str
    share: float
    seed: int
    caller: str
    label: np.ndarray
    hard: np.ndarray
    is_snv: np.ndarray
    probability: np.ndarray
    depth: np.ndarray
    cut_0_1_0: np.ndarray
    part: np.ndarray
    locus: np.ndarray

    @property
    def library(self) -> str:
        """What was sequenced together: sets of several chromosomes."""
        return self.set_name.partition("-chr")[0]

    @property
    def fold(self) -> str:
        """What its weights did not see."""
        return FOLD_OF_SET.get(self.set_name, "none")


@dataclass(frozen=True)
class Copy:
    """Reads of one copy of a set. records: caller -> (key, label, score)."""

    set_name: str
    share: float
    seed: int
    bam: Path
    records: dict[str, list[tuple[Key, int, float]]]


def short_read_call_sets(data: Path, harvest: Sequence[Path]) -> list[CallSet]:
    """All visible short-read DNA sets, whole and thinned. Weights of the fold; na12878-pg-chr3-a by the shipped ones, which saw
    nothing of chr3.
    """
    return [
        one
        for copy, keys, scores in short_read_copies(data, harvest)
        for one in call_sets(data, copy, keys, scores.probability.astype(np.float64), scores.n_reads)
    ]


def short_read_copies(data: Path, harvest: Sequence[Path]) -> Iterator[tuple[Copy, list[Key], AlleleScores]]:
    """Of every copy of those sets: its callers' records, their ALTs in order, and scores of these."""
    for set_name in [*FOLD_OF_SET, UNSEEN_SET]:
        fold = FOLD_OF_SET.get(set_name)
        model = HERE / "folds" / f"illumina-germline-without-{fold}.safetensors" if fold else "illumina-germline"
        for copy in _copies(data, set_name, SHORT_CALLERS, harvest):
            keys = _keys(copy)
            yield copy, keys, _allele_scores(data, copy, keys, model)


def hifi_call_sets(data: Path, harvest: Sequence[Path]) -> list[CallSet]:
    """hifi-revio-chr20 by leave-a-quarter-out, chm13-hifi-chr20 by weights without it; whole and thinned."""
    found = []
    for copy in _copies(data, "hifi-revio-chr20", LONG_CALLERS, harvest):
        keys = _keys(copy)
        quarter = _quarter(keys)
        probability, depth = np.full(len(keys), np.nan), np.zeros(len(keys), np.int64)
        for number in range(1, 5):
            chosen = np.flatnonzero(quarter == number)
            model = HERE / "folds" / f"hifi-germline-without-quarter{number}.safetensors"
            probability[chosen], depth[chosen] = _scores(data, copy, [keys[index] for index in chosen], model)
        found += call_sets(data, copy, keys, probability, depth)
    for copy in _copies(data, "chm13-hifi-chr20", LONG_CALLERS, harvest):
        keys = _keys(copy)
        model = HERE / "folds" / "hifi-germline-without-chm13.safetensors"
        found += call_sets(data, copy, keys, *_scores(data, copy, keys, model))
    return found


def ont_call_sets(data: Path, harvest: Sequence[Path]) -> list[CallSet]:
    """ont-r10-chr20 and hg002-ont-r94-chr20-59m, each half by weights that never saw it; whole and thinned."""
    found = []
    for set_name, border0 in ONT_BORDERS.items():
        for copy in _copies(data, set_name, LONG_CALLERS, harvest):
            keys = _keys(copy)
            second = np.array([key[0] - 1 >= border0 for key in keys], bool)
            probability, depth = np.full(len(keys), np.nan), np.zeros(len(keys), np.int64)
            for half, (one, other) in ((~second, (1, 2)), (second, (3, 4))):
                chosen = np.flatnonzero(half)
                model = HERE / "folds" / f"ont-germline-without-quarter{one}-without-quarter{other}.safetensors"
                probability[chosen], depth[chosen] = _scores(data, copy, [keys[index] for index in chosen], model)
            found += call_sets(data, copy, keys, probability, depth)
    return found


def _quarter(keys: Sequence[Key]) -> np.ndarray:
    """int (n,), 1 to 4."""
    return 1 + np.searchsorted(np.array(HIFI_BORDERS), np.array([key[0] - 1 for key in keys]), side="right")


def _part(set_name: str, keys: Sequence[Key]) -> np.ndarray:
    """int (n,): quarter of hifi-revio-chr20, half (1, 2) of an ONT set, else 0."""
    if "revio" in set_name:
        return _quarter(keys)
    if set_name in ONT_BORDERS:
        return 1 + np.array([key[0] - 1 >= ONT_BORDERS[set_name] for key in keys], np.int64)
    return np.zeros(len(keys), int)


def _copies(data: Path, set_name: str, callers: Iterable[str], harvest: Sequence[Path]) -> list[Copy]:
    folder = data / "real" / set_name
    reference = read_reference(folder)
    present = [caller for caller in callers if (folder / f"{caller}.labels.tsv").exists()]
    withheld = withheld_alleles(folder, present, reference)
    records = {
        caller: [
            (record.key, record.label, float(np.nan_to_num(record.score)))
            for record in caller_records(folder, caller, reference)
            if record.key not in withheld
        ]
        for caller in present
    }
    copies = [Copy(set_name, 1.0, 0, folder / "reads.bam", records)]
    for work in harvest:
        for table in sorted((work / "harvest").glob(f"{set_name}.f*.tsv")):
            if ".f1.00-" not in table.name:
                copies.append(_thinned(table, set_name, reference, contig_of(folder)))
    return copies


def _thinned(table: Path, set_name: str, reference: str, contig: str) -> Copy:
    """One copy of harvest.py: labels from its table, each caller's own scores from its file."""
    share, _, seed = table.stem.partition(".f")[2].partition("-s")
    with open(table) as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    labels = {(int(row["pos"]), row["ref"], row["alt"]): int(row["label"] == "TP") for row in rows}
    bam = Path(rows[0]["bam"])
    records: dict[str, list[tuple[Key, int, float]]] = {}
    for caller in dict.fromkeys((*SHORT_CALLERS, *LONG_CALLERS)):
        path = bam.parent / f"{caller}.vcf.gz"
        if path.exists():
            best: dict[Key, float] = {}
            with CallsFile(path) as calls:
                of_contig = [call for call in calls.alleles() if call.contig == contig and call.has_sequence]
            for call in of_contig:
                key = key_of(call.pos1, call.ref.upper(), call.alt.upper(), reference)
                if key in labels:
                    best[key] = max(best.get(key, 0.0), float(np.nan_to_num(call.caller_score)))
            records[caller] = [(key, labels[key], score) for key, score in best.items()]
    return Copy(set_name, float(share), int(seed), bam, records)


def _keys(copy: Copy) -> list[Key]:
    return sorted({key for of_caller in copy.records.values() for key, _, _ in of_caller})


def _allele_scores(data: Path, copy: Copy, keys: list[Key], model: Path | str) -> AlleleScores:
    folder = data / "real" / copy.set_name
    logger.info("%s, %g of its reads, seed %d: %d ALTs", copy.set_name, copy.share, copy.seed, len(keys))
    return scores_of_alleles(model, copy.bam, folder / "reference.fa.gz", contig_of(folder), keys)


def _scores(data: Path, copy: Copy, keys: list[Key], model: Path | str) -> tuple[np.ndarray, np.ndarray]:
    scores = _allele_scores(data, copy, keys, model)
    return scores.probability.astype(np.float64), scores.n_reads


def call_sets(data: Path, copy: Copy, keys: list[Key], probability: np.ndarray, depth: np.ndarray) -> list[CallSet]:
    """One a caller of the copy. keys: ALTs in order. probability: float64 (n,), depth: int (n,), of these."""
    folder = data / "real" / copy.set_name
    place = {key: index for index, key in enumerate(keys)}
    person = "na19401" if copy.set_name.startswith("na19401") else ""
    contig = contig_of(folder)
    locus = np.array([zlib.crc32(f"{person} {contig} {key}".encode()) for key in keys], np.int64)
    part = _part(copy.set_name, keys)
    found = []
    limits = RULES_OF_0_1_0["hifi" if "hifi" in copy.set_name else FOLD_OF_SET.get(copy.set_name, "none")]
    for caller, records in copy.records.items():
        index = np.array([place[key] for key, _, _ in records], np.int64)
        scored = ~np.isnan(probability[index])
        is_snv = np.array([len(ref) == len(alt) == 1 for (_, ref, alt), _, _ in records], bool)
        deep = (np.asarray(depth)[index] > 20).astype(int)
        found.append(
            CallSet(
                copy.set_name,
                copy.share,
                copy.seed,
                caller,
                np.array([label for _, label, _ in records], np.int64)[scored],
                np.array([score >= 1 for _, _, score in records], bool)[scored],
                is_snv[scored],
                probability[index][scored],
                np.asarray(depth)[index][scored],
                np.where(is_snv, np.array(limits["snv"])[deep], np.array(limits["indel"])[deep])[scored],
                part[index][scored],
                locus[index][scored],
            )
        )
    return found


def save(path: Path, sets: Sequence[CallSet]) -> None:
    """Keep call sets in one .npz, for another look without scoring again."""
    n = np.array([len(one.label) for one in sets])
    columns = {name: np.concatenate([getattr(one, name) for one in sets]) for name in COLUMNS}
    facts = {name: np.array([getattr(one, name) for one in sets]) for name in ("set_name", "share", "seed", "caller")}
    np.savez_compressed(path, n=n, **facts, **columns)


def load(path: Path) -> list[CallSet]:
    """Call sets of `save`."""
    with np.load(path) as data:
        end = np.cumsum(data["n"])
        columns = [np.split(data[name], end[:-1]) for name in COLUMNS]
        facts = [data[name].tolist() for name in ("set_name", "share", "seed", "caller")]
        return [CallSet(*one) for one in zip(*facts, *columns, strict=True)]
