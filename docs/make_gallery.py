"""Writes docs/gallery.md and its pictures: failed calls of real reads whose truth is known, with the reasons given.

Run: python docs/make_gallery.py --data ../shared/data [--work DIR]

Every call is scored by weights that never saw its contig (benchmarks/folds), so that nobody looks at what was learnt by heart.
Which calls are shown follows a rule (`SOURCES`): the failing ones that the caller was surest of, no two within 100 bp, no more
than two of one first reason in a set. What a person says of each stands in docs/gallery/sentences.tsv.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from vcffilter.commands.main import main as program
from vcffilter.files import write_text
from vcffilter.labelling.files import read_labels
from vcffilter.pictures.drawing import to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.layout import draw_pileup
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.selection import CallFile, caller_score, trimmed

DOCS = Path(__file__).resolve().parent
FOLDS = DOCS.parent / "benchmarks" / "folds"
FOLDER, PAGE = DOCS / "gallery", DOCS / "gallery.md"
SENTENCES = FOLDER / "sentences.tsv"
_APART, _MOST_OF_A_REASON = 100, 2
_COLUMNS, _ROWS = 61, 34


@dataclass(frozen=True)
class Source:
    """Calls of one set. weights: in benchmarks/folds. n_false, n_true: failing calls shown that truth calls false, true."""

    set: str
    callers: tuple[str, ...]
    weights: str
    what: str
    n_false: int
    n_true: int


SOURCES = (
    Source("nygc-chr21", ("haplotypecaller", "freebayes", "bcftools-nobaq"), "illumina-germline-without-chr21",
           "NA12878, NovaSeq 36x", 5, 0),
    Source("nygc-chr22", ("haplotypecaller", "freebayes", "bcftools-nobaq"), "illumina-germline-without-chr22",
           "NA12878, NovaSeq 38x, segmental duplications", 6, 0),
    Source("broad8x-chr20", ("haplotypecaller", "freebayes", "bcftools-nobaq"), "illumina-germline-without-chr20",
           "NA12878, HiSeq 8x", 5, 4),
    Source("hifi-revio-chr20", ("haplotypecaller", "bcftools", "haplotypecaller-sensitive"), "hifi-germline-without-revio",
           "HG002, PacBio Revio HiFi 45x", 4, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """One call of the gallery. picture: name of its file."""

    source: Source
    caller: str
    call: CallFacts
    is_true: bool

    @property
    def key(self) -> str:
        """What the sentences are found by; also the picture's name."""
        return f"{self.source.set}_{self.call.file_stem}"


def main() -> None:
    """Choose, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="Where filtered files go and stay. [default: a temporary folder]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        shown = [one for source in SOURCES for one in chosen(source, given.data / "real" / source.set, work)]
    for path in FOLDER.glob("*.svg"):
        path.unlink()
    for source in SOURCES:
        draw(source, given.data / "real" / source.set, [one for one in shown if one.source is source])
    write_text(PAGE, page(shown, sentences()))
    missing = [one.key for one in shown if one.key not in sentences()]
    print(f"{PAGE}: {len(shown)} calls; {len(missing)} without a sentence: {' '.join(missing)}")


def chosen(source: Source, data: Path, work: Path) -> Iterator[Shown]:
    """False calls that fail, then true ones, by the rule."""
    candidates = [one for caller in source.callers for one in failing(source, caller, data, work)]
    candidates.sort(key=lambda one: (-caller_score(one.call), one.call.pos1))
    taken: list[Shown] = []
    for is_true, n in ((False, source.n_false), (True, source.n_true)):
        of_reason: Counter[str] = Counter()
        left = n
        for one in candidates:
            near = any(abs(one.call.pos1 - other.call.pos1) < _APART for other in taken)
            reason = one.call.reasons[0] if one.call.reasons else ""
            if left == 0 or one.is_true != is_true or near or of_reason[reason] == _MOST_OF_A_REASON:
                continue
            of_reason[reason] += 1
            left -= 1
            taken.append(one)
            yield one


def failing(source: Source, caller: str, data: Path, work: Path) -> Iterator[Shown]:
    """Failing calls of one caller whose truth is known."""
    calls, output = data / f"{caller}.vcf.gz", work / f"{source.set}.{caller}.vcf.gz"
    if not calls.exists():
        return
    if not output.exists():
        arguments = ["filter", str(calls), *reads_of(data), "--model", str(FOLDS / f"{source.weights}.safetensors")]
        result = CliRunner().invoke(program, [*arguments, "--reasons", "-q", "-Oz", "-o", str(output)])
        assert result.exit_code == 0, result.output
    labels = {trimmed(*allele): label for allele, label in read_labels(data / f"{caller}.labels.tsv").items()}
    for call in CallFile(str(output)).calls():
        label = labels.get(trimmed(call.contig, call.pos1, call.ref, call.alt))
        if call.verdict == "fails" and label in ("TP", "FP"):
            yield Shown(source, caller, call, label == "TP")


def reads_of(data: Path) -> list[str]:
    """Options that name a set's reads."""
    return ["-b", str(data / "reads.bam"), "-f", str(data / "reference.fa.gz")]


def draw(source: Source, data: Path, shown: list[Shown]) -> None:
    """One SVG a call."""
    with PileupSource([str(data / "reads.bam")], str(data / "reference.fa.gz")) as opened:
        for one in shown:
            call = one.call
            pileup = opened.pileup(call.contig, call.pos1, call.ref, call.alt, n_columns=_COLUMNS, most_rows=_ROWS)
            write_text(FOLDER / f"{one.key}.svg", to_svg(draw_pileup(pileup, call)))


def sentences() -> dict[str, tuple[str, str]]:
    """(is the reason true to the reads, sentence) by key."""
    with SENTENCES.open(encoding="utf-8") as rows:
        return {row["call"]: (row["true_to_the_reads"], row["sentence"]) for row in csv.DictReader(rows, delimiter="\t")}


def page(shown: list[Shown], said: dict[str, tuple[str, str]]) -> str:
    """The page; said: as `sentences`."""
    false, true = [one for one in shown if not one.is_true], [one for one in shown if one.is_true]
    verdicts = Counter(said[one.key][0] for one in false if one.key in said)
    lines = [
        "# Gallery: failed calls and their reads",
        "",
        f"{len(false)} calls that fail and are false, and {len(true)} that fail although they are true, of real reads whose "
        "truth is known. Each was scored by weights that never saw",
        "its contig. Which are shown follows a rule, not their looks: of each set the failing calls that the callers were surest "
        "of, no two near each other, no more than two of one first",
        "reason (`python docs/make_gallery.py`). Each picture was looked at, to say whether the reasons are true to the "
        "reads; of the false calls: " + ", ".join(f"{n} {name}" for name, n in verdicts.most_common()) + ".",
        "",
        "The legend stands below each picture; reads for the ALT come first. What reasons mean: [output](output.md).",
        "",
        "## False calls that fail",
        "",
        *(line for one in false for line in entry(one, said)),
        "## True calls that fail",
        "",
        *(line for one in true for line in entry(one, said)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def entry(one: Shown, said: dict[str, tuple[str, str]]) -> list[str]:
    """One call's lines."""
    call = one.call
    verdict, sentence = said.get(one.key, ("", ""))
    alleles = call.place.partition(" ")[2].replace(">", " to ")
    return [
        f"### {call.contig}:{call.pos1} {alleles}",
        "",
        f"{one.source.what}; {one.caller}, QUAL {call.qual_phred:.4g}; probability {call.probability:.3g}, threshold "
        f"{call.threshold:g}; reasons: {', '.join(f'`{name}`' for name in call.reasons) or 'none'}.",
        "",
        f"**Reasons true to the reads: {verdict}.** {sentence}" if sentence else "Nobody has looked at it yet.",
        "",
        f"![Reads of {call.contig}:{call.pos1}](gallery/{one.key}.svg)",
        "",
    ]


if __name__ == "__main__":
    main()
