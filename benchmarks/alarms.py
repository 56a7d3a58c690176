"""What the warnings of a run would say of every real call set, and of sets that do not belong together: alarms and false alarms.

python benchmarks/alarms.py [--data ../shared/data] [--docs docs/developers/alarms.md]

Real data only. Scores each call set by the weights of each platform; some minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vcffilter.inspection.contradictions import ContradictedCalls
from vcffilter.inspection.foreign_data import ForeignFeatures
from vcffilter.inspection.read_facts import read_facts
from vcffilter.models.training_ranges import TrainingRanges, training_ranges
from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer
from vcffilter.variants.allele_scores import SampleScores
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.reader import VariantReader

MODELS = ("illumina-germline", "hifi-germline", "ont-germline")
#: (calls of, reads of): other people on the same stretch.
SWAPS = [
    ("na19401-nygc-chr21", "nygc-chr21b"),
    ("na19401-nygc-chr22", "nygc-chr22"),
    ("nygc-chr22", "na19401-nygc-chr22"),
    ("nygc-chr21b", "na19401-nygc-chr21"),
]
INTRODUCTION = """# Alarms and false alarms

Written by `python benchmarks/alarms.py --docs docs/developers/alarms.md`. Meaning of warnings: [output](../output.md#warnings).

"""


@dataclass(frozen=True)
class Judged:
    """places: with calls of QUAL 30 or more. unsupported: of these, where no read shows any. unlike: features, or None."""

    caller: str
    places: int
    unsupported: int
    warned: bool
    unlike: int | None
    n_alts: int
    n_outside: int


def judged(calls: Path, folder: Path, model: str) -> Judged:
    """One call set with the reads of a folder."""
    reads, reference = str(folder / "reads.bam"), str(calls.parent / "reference.fa.gz")
    scorer = open_scorer(EvidenceOptions(str(calls), (reads,), reference, model=model, allow_ref_mismatch=True))
    ranges = training_ranges(scorer.metadata, scorer.model_path)
    assert isinstance(ranges, TrainingRanges)
    contradicted = ContradictedCalls()
    foreign = ForeignFeatures(ranges, scorer.metadata.encoder.features)
    with VariantReader(str(calls)) as reader:
        for batch in reader.batches():
            chunk = take_chunk(reader.header, batch)
            scores = scorer.score(chunk.alleles)
            assert not isinstance(scores, SampleScores)
            contradicted.saw(chunk, scores)
            if scores.features is not None:
                foreign.saw(scores.features[scores.status == 0])
            reader.release(batch)
    scorer.close()
    warned = contradicted.warning() is not None
    unlike = len(foreign.unlike()) if foreign.can_judge else None
    caller = calls.name.removesuffix(".vcf.gz")
    return Judged(caller, contradicted.n_places, contradicted.n_unsupported, warned, unlike, foreign.n_alts, foreign.n_outside)


def call_sets(folder: Path) -> Iterator[Path]:
    """Every caller's file of a set."""
    yield from (path for path in sorted(folder.glob("*.vcf.gz")) if path.name != "truth.vcf.gz")


def row_of_set(folder: Path) -> str:
    """Facts of the reads, worst caller's contradicted places, and unlike features by both models."""
    facts = read_facts(str(folder / "reads.bam"), str(folder / "reference.fa.gz"))
    assert facts is not None
    by_model = {model: [judged(path, folder, model) for path in call_sets(folder)] for model in MODELS}
    worst = max(by_model[MODELS[0]], key=lambda one: one.unsupported / max(one.places, 1))
    cells = [
        folder.name,
        f"{facts.platform} ({facts.read_length:.0f}, {facts.paired_share:.0%}, {facts.indels_per_kb:.1f})",
        f"{worst.unsupported} of {worst.places} ({worst.caller})",
        "yes" if any(one.warned for one in by_model[MODELS[0]]) else "no",
    ]
    for model in MODELS:
        counts = [one.unlike for one in by_model[model] if one.unlike is not None]
        outside = sum(one.n_outside for one in by_model[model]) / max(sum(one.n_alts for one in by_model[model]), 1)
        cells += [f"{min(counts)}-{max(counts)}" if counts else "-", f"{outside:.1%}"]
    return f"| {' | '.join(cells)} |"


def own_reads(real: Path) -> str:
    """Every set with its own reads."""
    rows = [row_of_set(folder) for folder in sorted(real.iterdir()) if (folder / "reads.bam").is_file()]
    head = ["set", "reads: platform (length, paired, indels per kb)", "worst: places without support", "warned"]
    for model in MODELS:
        head += [f"unlike by {model}", "ALTs outside"]
    return (
        "## Calls with their own reads\n\nNone may be warned of as contradicted. Three or more unlike features warn of foreign "
        f"data, as does another platform; ranges over the callers of a set.\n\n{table(head, rows)}"
    )


def table(head: list[str], rows: list[str]) -> str:
    """Markdown."""
    return f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n" + "\n".join(rows) + "\n"


def swaps(real: Path) -> str:
    """Calls of one person with the reads of another."""
    rows = []
    for calls_of, reads_of in SWAPS:
        found = [judged(path, real / reads_of, MODELS[0]) for path in call_sets(real / calls_of)]
        for one in found:
            if one.places:
                warned = "yes" if one.warned else "no: too few places"
                rows.append(f"| {calls_of} | {reads_of} | {one.caller} | {one.unsupported} of {one.places} | {warned} |")
    return "## Calls of one person with another's reads\n\nMutect2 writes no QUAL, and is not judged.\n\n" + table(
        ["calls", "reads", "caller", "places without support", "warned"], rows
    )


#: (case, calls, set of the reads and the FASTA, further arguments)
CASES = [
    ("NA19401's calls, NA12878's reads", "na19401-nygc-chr21/freebayes", "nygc-chr21b", ""),
    ("calls of chr21, reads and FASTA of chr22", "nygc-chr21/freebayes", "nygc-chr22", ""),
    ("calls of 16.60-16.80 Mb, reads of 16.57-16.60 Mb", "nygc-chr21/freebayes", "nygc-chr21b", ""),
    ("the same, `--allow-unscored`", "nygc-chr21/freebayes", "nygc-chr21b", "--allow-unscored"),
    ("HiFi reads, default weights", "chm13-hifi-chr20/haplotypecaller-sensitive", "chm13-hifi-chr20", ""),
    ("the same, `--model auto`", "chm13-hifi-chr20/haplotypecaller-sensitive", "chm13-hifi-chr20", "--model auto"),
    ("ONT reads, default weights", "ont-r10-chr20/bcftools", "ont-r10-chr20", ""),
    ("the same, `--model auto`", "ont-r10-chr20/bcftools", "ont-r10-chr20", "--model auto"),
    ("ONT R9.4 reads, `--model auto`", "hg002-ont-r94-chr20-59m/bcftools", "hg002-ont-r94-chr20-59m", "--model auto"),
    ("RNA reads, default weights", "gm12878-rna-chr22/freebayes", "gm12878-rna-chr22", ""),
    ("Mutect2's calls", "nygc-chr21/mutect2", "nygc-chr21", ""),
    ("all as it should be", "nygc-chr21/freebayes", "nygc-chr21", ""),
]


def cases(real: Path) -> str:
    """What a user meets: exit code and warnings of `filter`."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [row_of_case(real, Path(folder), *case) for case in CASES]
    return (
        "## What `filter` says\n\n0.1.0 ended all of these with exit code 0 and no warning.\n\n"
        + table(["case", "exit code", "warnings, or the error"], rows)
    )  # fmt: skip


def row_of_case(real: Path, folder: Path, name: str, calls: str, reads: str, more: str) -> str:
    """One run of the program."""
    summary = folder / f"{abs(hash(name))}.json"
    command = [
        sys.executable, "-m", "vcffilter", "filter", f"{real / calls}.vcf.gz", "-b", str(real / reads / "reads.bam"),
        "-f", str(real / reads / "reference.fa.gz"), "-o", str(folder / "out.vcf"), "--summary", str(summary), *more.split(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    codes = [f"`{one['code']}`" for one in json.loads(summary.read_text())["warnings"]] if summary.is_file() else []
    error = next((line.partition("error: ")[2].partition(". ")[0] for line in done.stderr.splitlines() if "error: " in line), "")
    return f"| {name} | {done.returncode} | {', '.join(codes) or error or '-'} |"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--docs", type=Path)
    chosen = arguments.parse_args()
    real = chosen.data / "real"
    text = INTRODUCTION + "\n".join([cases(real), swaps(real), own_reads(real)])
    print(text)
    if chosen.docs is not None:
        chosen.docs.write_text(text)


if __name__ == "__main__":
    main()
