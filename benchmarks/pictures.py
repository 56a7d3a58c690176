"""What a hundred pictures cost: drawn in one process, by the command with its start, and a page of the report with its pictures.

Run: python benchmarks/pictures.py [--data ../shared/data] [--pictures 100] [--rounds 3]
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from common import Report, Table, measure, parser
from explaining import inputs

from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.pictures.channels import draw_channels
from vcffilter.pictures.drawing import to_png, to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.layout import draw_pileup
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.selection import CallFile
from vcffilter.pictures.terminal import pileup_text


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--pictures", type=int, default=100)
    given = arguments.parse_args()
    report = Report("pictures", given)
    variants, reads, reference = inputs(given.data, given.set, given.caller, given.work)
    filtered = given.work / "pictures.vcf.gz"
    given.work.mkdir(parents=True, exist_ok=True)
    source_options = ["-b", str(reads), "-f", str(reference)]
    run("filter", str(variants), *source_options, "--reasons", "-q", "--model", given.model, "-Oz", "-o", str(filtered))
    file = CallFile(str(filtered))
    calls = file.borderline(given.pictures)
    with PileupSource([str(reads)], str(reference)) as source:
        report.add(drawn(source, calls, given.rounds))
    report.add(by_command(filtered, source_options, len(calls), given.work, given.rounds))
    report.save()


def run(*arguments: str) -> None:
    """The program, in a process of its own."""
    subprocess.run([sys.executable, "-m", "vcffilter", *arguments], check=True, stdout=subprocess.DEVNULL)


def children_cpu() -> float:
    """CPU seconds of all programs run so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def drawn(source: PileupSource, calls: list[CallFacts], rounds: int) -> Table:
    """Seconds of all pictures, in one process, one thread."""
    pileups = [source.pileup(call.contig, call.pos1, call.ref, call.alt) for call in calls]
    drawings = [draw_pileup(pileup, call) for pileup, call in zip(pileups, calls, strict=True)]

    def tensors() -> None:
        for call in calls:
            tensor = source.tensor(call.contig, call.pos1, call.ref, call.alt, CHANNEL_NAMES)
            to_svg(draw_channels(tensor, CHANNEL_NAMES, call.place, ""))

    work = {
        "reads and pileups": lambda: [source.pileup(call.contig, call.pos1, call.ref, call.alt) for call in calls],
        "text": lambda: [pileup_text(pileup, call, colour=False) for pileup, call in zip(pileups, calls, strict=True)],
        "drawings": lambda: [draw_pileup(pileup, call) for pileup, call in zip(pileups, calls, strict=True)],
        "SVG of drawings": lambda: [to_svg(drawing) for drawing in drawings],
        "PNG of drawings": lambda: [to_png(drawing) for drawing in drawings],
        "tensors, all channels, SVG": tensors,
    }
    table = Table(f"{len(calls)} pictures, one process", ("what", "seconds", "CPU seconds", "ms a picture"))
    for name, timing in measure(work, rounds).items():
        table.add(name, timing.best, timing.best_cpu, 1000 * timing.best / len(calls))
    return table


def by_command(filtered: Path, source_options: list[str], n: int, work: Path, rounds: int) -> Table:
    """Seconds of whole commands, with the program's start."""
    folder = work / "pictures"
    chosen = ["--borderline", str(n), *source_options, "-q"]
    commands = {
        "show, SVG": ["show", str(filtered), *chosen, "-o", str(folder)],
        "show, PNG": ["show", str(filtered), *chosen, "-o", str(folder), "--format", "png"],
        "show, text": ["show", str(filtered), *chosen],
        "report with pictures": ["report", str(filtered), *source_options, "-q", "-o", str(work / "report.html")],
        "report without": ["report", str(filtered), "-q", "-o", str(work / "bare.html")],
    }
    table = Table(f"Commands, {n} pictures", ("command", "seconds", "CPU seconds", "MB written"))
    for name, arguments in commands.items():
        seconds, cpu_seconds = [], []
        for _ in range(rounds):
            shutil.rmtree(folder, ignore_errors=True)
            cpu_started, started = children_cpu(), time.perf_counter()
            run(*arguments)
            seconds.append(time.perf_counter() - started)
            cpu_seconds.append(children_cpu() - cpu_started)
        written = [*folder.glob("*")] if name.startswith("show") else [work / Path(arguments[-1]).name]
        table.add(name, min(seconds), min(cpu_seconds), sum(path.stat().st_size for path in written) / 1e6)
    return table


if __name__ == "__main__":
    main()
