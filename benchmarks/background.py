"""What `--background` says of true and false calls, what `--background-filter` removes and costs: people whose reads overlap.

Run: python benchmarks/background.py --data ../shared/data [--document docs/background.md]
Scores are out of fold: of weights that never saw the place. True calls are told apart by whether the other person has them: by
the other's truth set, or, of the father who has none, by bcftools' calls of his reads (QUAL 20 or more).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pysam
from accuracy_data import (
    LONG_CALLERS,
    SHORT_CALLERS,
    Key,
    caller_records,
    contig_of,
    key_of,
    read_reference,
    thresholds_of,
    withheld_alleles,
)
from common import RESULTS, Table, print_tables

from vcffilter.calibration.binomial_bounds import lower_limit, upper_limit
from vcffilter.pipeline.background import BackgroundOptions, BesideBackground, open_background
from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer
from vcffilter.scoring.background_rules import BACKGROUND_NAMES, NOISE, judge, least_share
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import READS_FOR_ALT, READS_FOR_REF, AlleleScores

_FOLDS = Path(__file__).parent / "folds"
_SHOWN = ("support", "noise", "none", ".")
#: The share of fragments kept of a sparse copy, and the seeds of its draws.
_SPARSE, _SEEDS = 0.25, (1, 2, 3)


@dataclass(frozen=True)
class Pair:
    """A set and another person's reads, folders below --data; where both have reads, 1-based; weights that saw none of it."""

    platform: str
    scored: str
    background: str
    first1: int
    last1: int
    weights: str


_PAIRS = (
    Pair("Illumina", "real/nygc-chr21b", "real/na19401-nygc-chr21", 16_570_001, 16_600_000, "illumina-germline-without-chr21"),
    Pair("Illumina", "real/nygc-chr21", "real/na19401-nygc-chr21", 16_600_001, 16_610_000, "illumina-germline-without-chr21"),
    Pair("Illumina", "real/nygc-chr22", "real/na19401-nygc-chr22", 16_600_001, 16_610_000, "illumina-germline-without-chr22"),
    Pair("Illumina", "real/na19401-nygc-chr21", "real/nygc-chr21b", 16_570_001, 16_600_000, "illumina-germline-without-chr21"),
    Pair("Illumina", "real/na19401-nygc-chr21", "real/nygc-chr21", 16_600_001, 16_610_000, "illumina-germline-without-chr21"),
    Pair("Illumina", "real/na19401-nygc-chr22", "real/nygc-chr22", 16_600_001, 16_610_000, "illumina-germline-without-chr22"),
    *(
        Pair("HiFi", "real/hifi-revio-chr20", "unlabelled/hg003-hifi-chr20", first1, last1, f"hifi-germline-without-{part}")
        for part, first1, last1 in (
            ("quarter1", 9_000_001, 9_022_000), ("quarter2", 9_022_001, 9_050_000),
            ("quarter3", 9_050_001, 9_077_000), ("quarter4", 9_077_001, 9_100_000),
        )
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Alleles:
    """Alleles of a platform and a depth, whoever called them; arrays of n.

    label: 1 true, 0 false. hard: bool, a caller gave QUAL or TLOD of 1 or more. common: bool, the other person has it.
    probability; threshold: of its type. value: codes of `background_rules`. explained: bool, noise that explains the sample's.
    """

    label: np.ndarray
    hard: np.ndarray
    common: np.ndarray
    probability: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    explained: np.ndarray

    @classmethod
    def joined(cls, parts: Iterable[Alleles]) -> Alleles:
        """All of them, one after the other."""
        rows = [tuple(vars(part).values()) for part in parts]
        return cls(*(np.concatenate(column) for column in zip(*rows, strict=True)))

    @property
    def passes(self) -> np.ndarray:
        """bool (n,): by the score."""
        return self.probability >= self.threshold - 1e-9

    def groups(self) -> Iterator[tuple[str, np.ndarray]]:
        """(name, which) of what is counted apart."""
        true = self.label == 1
        yield "true, the other has it", true & self.common
        yield "true, the other lacks it", true & ~self.common
        yield "false, hard", ~true & self.hard
        yield "false, others", ~true & ~self.hard


def _carried(folder: Path, contig: str, reference: str, pair: Pair, work: Path) -> set[Key]:
    """Alleles that the other person has."""
    path = folder / "truth.vcf.gz"
    if not path.exists():
        path = work / "called.vcf"
        piped = subprocess.run(
            ["bcftools", "mpileup", "-Ou", "-X", "pacbio-ccs", "-r", f"{contig}:{pair.first1}-{pair.last1}", "-f",
             str(folder / "reference.fa.gz"), str(folder / "reads.bam")], check=True, capture_output=True,
        )  # fmt: skip
        called = subprocess.run(["bcftools", "call", "-mv"], input=piped.stdout, check=True, capture_output=True)
        path.write_bytes(called.stdout)
    found = set()
    with pysam.VariantFile(str(path)) as records:
        for record in records:
            genotype = record.samples[0]["GT"] if len(record.samples) else ()
            good = path.suffix == ".gz" or (record.qual or 0) >= 20
            for number, alt in enumerate(record.alts or (), 1):
                if good and (number in genotype or not genotype):
                    found.add(key_of(record.pos, record.ref, alt, reference))
    return found - {None}


def _scores(pair: Pair, data: Path, reads: Path, contig: str, keys: list[Key]) -> AlleleScores:
    reference = str(data / pair.scored / "reference.fa.gz")
    weights = str(_FOLDS / f"{pair.weights}.safetensors")
    scorer = open_scorer(EvidenceOptions("study", (str(reads),), reference, model=weights, device="cpu", allow_ref_mismatch=True))
    other = f"background={data / pair.background / 'reads.bam'}"
    both = BesideBackground(scorer, open_background(BackgroundOptions("study", (other,), reference)))
    try:
        scores = both.score(AlleleChunk.from_alleles(contig, [(pos1 - 1, ref, alt) for pos1, ref, alt in keys]))
    finally:
        both.close()
    assert isinstance(scores, AlleleScores)
    return scores


def _alleles(pair: Pair, data: Path, share: float, seed: int, work: Path) -> Alleles:
    """The pair's alleles, by all of the sample's reads or by a share of its fragments; the other's reads are always whole."""
    folder = data / pair.scored
    contig, reference = contig_of(folder), read_reference(folder)
    callers = SHORT_CALLERS if pair.platform == "Illumina" else LONG_CALLERS
    label: dict[Key, int] = {}
    qual: dict[Key, float] = {}
    for caller in callers:
        for record in caller_records(folder, caller, reference) if (folder / f"{caller}.labels.tsv").exists() else ():
            if pair.first1 <= record.key[0] <= pair.last1:
                label[record.key] = max(label.get(record.key, 0), record.label)
                qual[record.key] = max(qual.get(record.key, 0.0), float(np.nan_to_num(record.score)))
    keys = sorted(set(label) - withheld_alleles(folder, callers, reference))
    reads = folder / "reads.bam"
    if share < 1:
        reads = work / "sparse.bam"
        source = str(folder / "reads.bam")
        subprocess.run(["samtools", "view", "-b", "-s", str(seed + share), "-o", str(reads), source], check=True)
        pysam.index(str(reads))
    scores = _scores(pair, data, reads, contig, keys)
    assert scores.background is not None
    cuts = thresholds_of(_FOLDS / f"{pair.weights}.safetensors")
    own = scores.counts[:, READS_FOR_ALT] / np.maximum(scores.counts[:, READS_FOR_ALT] + scores.counts[:, READS_FOR_REF], 1)
    carried = _carried(data / pair.background, contig, reference, pair, work)
    made = Alleles(
        np.array([label[key] for key in keys], int),
        np.array([qual[key] >= 1 for key in keys], bool),
        np.array([key in carried for key in keys], bool),
        scores.probability.astype(float),
        np.array([cuts["snv" if len(ref) == len(alt) == 1 else "indel"] for _, ref, alt in keys], float),
        judge(scores.background),
        own < least_share(scores.background),
    )
    scored = scores.status == 0
    return Alleles(*(array[scored] for array in vars(made).values()))


def _values(title: str, alleles: Alleles) -> Table:
    table = Table(title, ["calls", "n", *(f"`{name}`" for name in _SHOWN)])
    for name, which in alleles.groups():
        row = [int((alleles.value[which] == BACKGROUND_NAMES.index(shown)).sum()) for shown in _SHOWN]
        table.add(name, int(which.sum()), *row)
    return table


def _limited(k: int, n: int, *, at_least: bool) -> str:
    if n == 0:
        return "0 of 0"
    limit = lower_limit(k, n) if at_least else upper_limit(k, n)
    return f"{k} of {n} ({'at least' if at_least else 'at most'} {100 * limit:.0f}%)"


def _decisions(named: dict[str, Alleles]) -> Table:
    table = Table(
        "Calls that pass at the default cut, and which of them fail by the background",
        ["sample", "calls", "n", "fail by the score", "pass", "`--background-filter`: of these fail", "were all noise to fail"],
        note="In brackets the Clopper-Pearson limit (one-sided, 95%): of true calls at most, of false ones at least. "
        "Alleles, not loci, whoever called them: several of one locus count each.",
    )
    for name, alleles in named.items():
        passes, noise = alleles.passes, alleles.value == NOISE
        for group, which in alleles.groups():
            left = which & passes
            false = group.startswith("false")
            n_left = int(left.sum())
            row = [_limited(int((left & failing).sum()), n_left, at_least=false) for failing in (alleles.explained, noise)]
            table.add(name, group, int(which.sum()), int((which & ~passes).sum()), n_left, *row)
    return table


def _removed_at_recall(alleles: Alleles, failing: np.ndarray, recall: float = 0.99) -> str:
    """Hard false alleles removed by the cut that keeps a share of true ones, where some alleles fail whatever their score."""
    true, false = alleles.label == 1, (alleles.label == 0) & alleles.hard
    kept = np.where(failing, -1.0, alleles.probability)
    cut = np.sort(kept[true])[::-1][int(np.ceil(recall * true.sum())) - 1]
    if cut < 0:
        return f"not reached: {int((true & failing).sum())} true ones fail"
    return _limited(int((kept[false] < cut).sum()), int(false.sum()), at_least=True)


def _at_recall(named: dict[str, Alleles]) -> Table:
    table = Table(
        "Hard false calls removed where the cut keeps 99% of true ones",
        ["sample", "score alone", "with `--background-filter`", "were all noise to fail"],
        note="Hard: a caller gave QUAL (Mutect2: TLOD) of 1 or more.",
    )
    for name, alleles in named.items():
        nothing = np.zeros(len(alleles.label), bool)
        table.add(name, *(_removed_at_recall(alleles, one) for one in (nothing, alleles.explained, alleles.value == NOISE)))
    return table


def main() -> None:
    """Score, count, print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="folder with real/ and unlabelled/")
    options.add_argument("--document", type=Path, help="page to put the tables into")
    options.add_argument("--results", type=Path, default=RESULTS)
    arguments = options.parse_args()
    named: dict[str, Alleles] = {}
    with tempfile.TemporaryDirectory() as work:
        for platform in dict.fromkeys(pair.platform for pair in _PAIRS):
            pairs = [pair for pair in _PAIRS if pair.platform == platform]
            for text, share, seeds in (("all reads", 1.0, (1,)), (f"a quarter, {len(_SEEDS)} draws", _SPARSE, _SEEDS)):
                parts = [_alleles(pair, arguments.data, share, seed, Path(work)) for pair in pairs for seed in seeds]
                named[f"{platform}, {text}"] = Alleles.joined(parts)
    tables = [_values(f"What others' reads show: {name}", alleles) for name, alleles in named.items() if "all reads" in name]
    tables += [_decisions(named), _at_recall(named)]
    print_tables(tables, arguments.document)
    made = {"command": "python benchmarks/background.py --data ../shared/data", "tables": [asdict(table) for table in tables]}
    (arguments.results / "background.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
