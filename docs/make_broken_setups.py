"""Writes what `pileup-filter check` says of ten broken set-ups into docs/troubleshooting.md, below its mark.

Run: python docs/make_broken_setups.py
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pysam
from click.testing import CliRunner

from vcffilter.commands.main import main as program
from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options

PAGE = Path(__file__).with_name("troubleshooting.md")
MARK = "## What `check` says of ten broken set-ups\n"
INTRODUCTION = """
`pileup-filter check calls.vcf.gz -b reads.bam -f reference.fa` looks at everything before a run, in seconds: exit code 0 where
all fits, 1 where a run would fail, 3 where it would warn. `filter` makes the cheap part of these checks by itself. Below, a
simulated sample is broken in ten ways (`python docs/make_broken_setups.py`); lines that say `ok` are left out, but for the last.
"""


def rewrite_calls(change: Callable[[str], str]) -> None:
    """Change the calls as text."""
    text = gzip.decompress(Path("calls.vcf.gz").read_bytes()).decode()
    Path("calls.vcf").write_text(change(text))
    pysam.tabix_index("calls.vcf", preset="vcf", force=True)


def rewrite_fasta(change: Callable[[str], str]) -> None:
    """Change every line of the FASTA."""
    name, *lines = Path("reference.fa").read_text().splitlines()
    Path("reference.fa").write_text("\n".join([name, *map(change, lines)]) + "\n")
    pysam.faidx("reference.fa")


def without_reads() -> None:
    """Keep the first reads only."""
    shutil.copy("reads.bam", "all.bam")
    with pysam.AlignmentFile("all.bam") as source, pysam.AlignmentFile("reads.bam", "wb", template=source) as target:
        for read in source:
            if read.reference_start < 250:
                target.write(read)
    pysam.index("reads.bam")


def cut_reads() -> None:
    """Cut the BAM in two."""
    data = Path("reads.bam").read_bytes()
    Path("reads.bam").write_bytes(data[: len(data) // 2])


CALLS, READS, FASTA = "calls.vcf.gz", "reads.bam", "reference.fa"
#: (what is wrong, how it is broken, other arguments, or None for the usual ones)
SETUPS: list[tuple[str, Callable[[], object], list[str] | None]] = [
    ("Contigs named otherwise", lambda: rewrite_calls(lambda text: text.replace("sim1", "chrsim1")), None),
    ("A FASTA of another build", lambda: rewrite_fasta(lambda line: line[::-1]), None),
    ("A hard-masked FASTA", lambda: rewrite_fasta(lambda line: "N" * len(line)), None),
    ("Another length in the calls' header", lambda: rewrite_calls(lambda text: text.replace("length=", "length=9", 1)), None),
    ("Reads of another place", without_reads, None),
    ("Reads of another person", lambda: rewrite_calls(lambda text: text.replace("FORMAT\tSIM", "FORMAT\tANNA", 1)), None),
    ("A BAM cut in two", cut_reads, None),
    ("Files swapped", lambda: None, [CALLS, "-b", FASTA, "-f", READS]),
    ("Weights for other reads", lambda: None, [CALLS, "-b", READS, "-f", FASTA, "--model", "hifi-germline"]),
    (
        "A somatic caller's calls, an old index",
        lambda: (
            rewrite_calls(lambda text: text.replace("##contig", "##source=Mutect2\n##contig", 1)),
            os.utime("reads.bam.bai", (1_000_000_000, 1_000_000_000)),
        ),
        None,
    ),
    ("Nothing wrong", lambda: None, None),
]


def said(arguments: list[str], *, whole: bool) -> str:
    """The command and its output, without what is well unless the whole is wanted."""
    result = CliRunner().invoke(program, ["check", *arguments], standalone_mode=False)
    assert result.exception is None, result.exception
    lines, kept, is_ok = result.output.splitlines(), [], False
    for line in lines:
        if line.startswith(("ok  ", "WARN", "FAIL")):
            is_ok = line.startswith("ok  ")
        if whole or not is_ok or not line.startswith(("ok  ", " ")):
            kept.append(line)
    text = re.sub(r"kept in \S+", "kept in FOLDER", "\n".join(kept).replace(str(Path.cwd()), "."))
    return f"$ pileup-filter check {' '.join(arguments)}\n{text}\n[exit {result.return_value}]"


def main() -> None:
    """Write the section anew."""
    parts = [MARK + INTRODUCTION]
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        settings = with_options(preset("novaseq"), seed=11, length=20_000, variant_rate=1 / 200, artefact_scale=3.0)
        simulate_sample(Path(folder) / "whole", settings)
        for number, (title, break_it, arguments) in enumerate(SETUPS, 1):
            desk = Path(folder) / str(number)
            shutil.copytree(Path(folder) / "whole", desk)
            os.chdir(desk)
            break_it()
            text = said(arguments or [CALLS, "-b", READS, "-f", FASTA], whole=number == len(SETUPS))
            parts.append(f"### {number}. {title}\n\n```text\n{text}\n```\n")
            os.chdir(home)
    before = PAGE.read_text().partition(MARK)[0].rstrip("\n")
    PAGE.write_text(before + "\n\n" + "\n".join(parts))


if __name__ == "__main__":
    main()
