"""Several samples: FORMAT in and out beside bcftools, memory along the file, and what scoring 1, 3 and 20 samples costs.

Run: python benchmarks/samples.py [--cohorts 20x100000 2504x6000] [--rounds 3]
"FORMAT in and out" scores nothing: a scorer in the place of the reads gives every carrier the same.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pysam
from common import Report, Table, measure, parser
from whole_job import timed_process
from workloads import describe, model, simulated, thinned_calls

from vcffilter.annotation.annotator import Annotator
from vcffilter.annotation.declarations import Provenance
from vcffilter.annotation.settings import AnnotationSettings, Thresholds, annotation_keys
from vcffilter.pipeline.run import run_stream
from vcffilter.simulation.tiling import Sample
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import SampleScores
from vcffilter.variants.reader import VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec

_MEBIBYTE = 2**20
_SCORED = (1, 3, 20)


class ConstantScorer:
    """Every carrier at 0.9876 by 30 reads."""

    def __init__(self, columns: np.ndarray) -> None:
        self._columns = columns

    def score(self, chunk: AlleleChunk) -> SampleScores:
        """At once."""
        scores = SampleScores.without_carriers(self._columns, chunk.n_alleles)
        carried = chunk.carriers
        scores.status[carried] = 0
        scores.probability[carried] = 0.9876
        scores.log_odds[carried] = 4.3773
        scores.counts[carried] = 30, 14, 15
        return scores

    def close(self) -> None:
        """Nothing is open."""


def annotate(calls: str, out: str, kind: str, n_scored: int) -> None:
    """Every record in, FORMAT of the first samples written, and out."""
    columns = np.arange(n_scored)
    settings = AnnotationSettings(annotation_keys(), Thresholds(0.5, 0.5), with_samples=True, with_sample_verdicts=True)
    with VariantReader(calls) as reader:
        annotator = Annotator(reader.header, settings, Provenance("constant", "0"), calls)
        with VariantWriter(output_spec(out, kind, None), reader.header) as writer:
            run_stream(reader, ConstantScorer(columns), annotator, writer, columns=columns)
            writer.commit()


def cohort(work: Path, n_samples: int, n_records: int) -> Path:
    """A VCF.gz of a cohort with GT, AD, DP and GQ; made once. A sample carries an ALT at one site in eight."""
    path = work / f"cohort-{n_samples}x{n_records}.vcf.gz"
    if path.exists():
        return path
    work.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    cells = ["0/0:30,0:30:90", "0/1:16,14:30:99", "./.:.:.:.", "1/1:0,28:28:84"]
    two = ["0/0:30,0,0:30:90", "0/2:16,0,14:30:99", "./.:.:.:.", "1/2:0,15,13:28:84"]
    choices = [np.array(cells), np.array(two)]
    formats = (("GT", "1", "String"), ("AD", "R", "Integer"), ("DP", "1", "Integer"), ("GQ", "1", "Integer"))
    with pysam.BGZFile(str(path) + ".part", "wb") as file:
        lines = [
            "##fileformat=VCFv4.2",
            "##contig=<ID=1,length=250000000>",
            '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">',
        ]
        lines += [f'##FORMAT=<ID={name},Number={number},Type={kind},Description="d">' for name, number, kind in formats]
        names = [f"S{number}" for number in range(n_samples)]
        lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]))
        file.write(("\n".join(lines) + "\n").encode())
        for record in range(n_records):
            has_two = record % 20 == 0
            drawn = random.choice(4, n_samples, p=(0.8, 0.1, 0.075, 0.025))
            columns = "\t".join(choices[has_two][drawn])
            fixed = f"1\t{1000 + 300 * record}\t.\tA\t{'C,G' if has_two else 'C'}\t50\t.\tDP={30 * n_samples}\tGT:AD:DP:GQ\t"
            file.write((fixed + columns + "\n").encode())
    Path(str(path) + ".part").rename(path)
    return path


def _here(calls: Path, out: Path, kind: str, n_scored: int, *, warm: Path) -> list[str]:
    return [sys.executable, __file__, "--annotate", str(calls), str(out), kind, str(n_scored), str(warm)]


def _note_seconds(seconds: list[float], command: list[str]) -> None:
    """Run the child and keep what it measured of itself."""
    seconds.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def format_tables(work: Path, cohorts: Sequence[tuple[int, int]], rounds: int) -> tuple[Table, Table]:
    """Time beside bcftools that copies the result, and peak memory of half of the file and of all of it."""
    columns = ["samples x records", "output", "scored", "seconds", "bcftools view of the result", "of its time"]
    times = Table("FORMAT in and out, nothing scored (fastest round)", columns)
    memory = Table("Peak memory, MiB", ["samples x records", "scored", "half of the records", "all"])
    for n_samples, n_records in cohorts:
        one, half, calls = (cohort(work, n_samples, number) for number in (1, n_records // 2, n_records))
        scored = [number for number in _SCORED if number <= n_samples]
        label = f"{n_samples:,} x {n_records:,}"
        for kind in ("v", "z"):
            outs = {number: work / f"scored-{number}.{kind}" for number in scored}
            seconds: dict[int, list[float]] = {number: [] for number in scored}
            work_of: dict[str, Callable[[], object]] = {}
            for number, out in outs.items():
                here = _here(calls, out, kind, number, warm=one)
                copy = ["bcftools", "view", "--no-version", f"-O{kind}", "-o", str(work / "copy"), str(out)]
                work_of[f"here {number}"] = partial(_note_seconds, seconds[number], here)
                work_of[f"copy {number}"] = partial(timed_process, copy)
            timings = measure(work_of, rounds)
            for number in scored:
                best, copied = min(seconds[number]), timings[f"copy {number}"].best
                times.add(label, f"-O{kind}", number, best, copied, f"{best / copied:.2f} x")
            for out in outs.values():
                out.unlink()
        for number in scored:
            peaks = [timed_process(_here(path, work / "copy", "v", number, warm=one)).peak_bytes for path in (half, calls)]
            memory.add(label, number, *(peak / _MEBIBYTE for peak in peaks))
    times.note = (
        "Input VCF.gz; here INFO, FILTER, and PROB, AD, DP, FT in FORMAT of every record where a scored sample has an ALT; "
        "from opening to closing the files, in a process that has done one record before. bcftools: a process each."
    )
    return times, memory


def several(calls: Path, n_samples: int, out: Path) -> Path:
    """The calls of one sample as those of several, each with the same genotypes."""
    source = pysam.VariantFile(str(calls))
    header = source.header.copy()
    with open(out, "w") as file:
        text = str(header).rstrip("\n").rsplit("\n", 1)[0]
        names = "\t".join(f"S{number}" for number in range(n_samples))
        file.write(f"{text}\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n")
        for record in source:
            alts = ",".join(record.alts)
            cells = "\t".join(["/".join(map(str, range(len(record.alts) + 1)))] * n_samples)
            file.write(f"{record.contig}\t{record.pos}\t.\t{record.ref}\t{alts}\t.\t.\t.\tGT\t{cells}\n")
    return out


def scoring_table(made: Sample, used: str, work: Path, rounds: int) -> Table:
    """The whole job with 1, 3 and 20 samples that all carry every ALT, each with a BAM of its own."""
    table = Table(
        "Scoring samples that all carry every ALT, 30x each (fastest round, 1 thread)",
        [
            "samples",
            "records",
            "ALTs scored, over all samples",
            "seconds",
            "of one record",
            "us an ALT and sample beyond",
            "peak MiB",
        ],
    )
    one, _ = thinned_calls(made, 0, at_most=1)
    calls, _ = thinned_calls(made, 0)
    commands, bams = {}, []
    for n_samples in _SCORED:
        bams += [_copy(made.reads, work / f"S{number}.bam") for number in range(len(bams), n_samples)]
        for name, source in (("one", one), ("all", calls)):
            joint = several(source, max(n_samples, 2), work / f"joint-{n_samples}-{name}.vcf")
            named = [word for number in range(n_samples) for word in ("-b", f"S{number}={bams[number]}")]
            command = [sys.executable, "-m", "vcffilter", "filter", str(joint), *named, "-f", str(made.reference)]
            command += ["--model", used, "-q", "--threads", "1", "-o", str(work / "out.vcf")]
            commands[f"{n_samples} {name}"] = command
    peaks: dict[str, int] = {}

    def timed(name: str) -> None:
        peaks[name] = timed_process(commands[name]).peak_bytes

    timings = measure({name: partial(timed, name) for name in commands}, rounds)
    n_alts = sum(len(record.alts or ()) for record in pysam.VariantFile(str(calls)))
    n_records = sum(1 for _ in pysam.VariantFile(str(calls)))
    for n_samples in _SCORED:
        seconds, start = timings[f"{n_samples} all"].best, timings[f"{n_samples} one"].best
        cost = 1e6 * (seconds - start) / (n_alts * n_samples)
        table.add(n_samples, n_records, n_alts * n_samples, seconds, start, cost, peaks[f"{n_samples} all"] / _MEBIBYTE)
    for bam in bams:
        bam.unlink()
    table.note = describe(made)
    return table


def _copy(reads: Path, target: Path) -> Path:
    shutil.copy(reads, target)
    pysam.index(str(target))
    return target


def _size(text: str) -> tuple[int, int]:
    n_samples, _, n_records = text.partition("x")
    return int(n_samples), int(n_records)


def main() -> None:
    """Print and save the tables; or, as its own child, annotate one file."""
    if sys.argv[1:2] == ["--annotate"]:
        calls, out, kind, n_scored, warm = sys.argv[2:]
        annotate(warm, out, kind, int(n_scored))
        started = time.perf_counter()
        annotate(calls, out, kind, int(n_scored))
        print(time.perf_counter() - started)
        return
    options = parser(__doc__)
    options.add_argument("--cohorts", type=_size, nargs="+", default=[(20, 100_000), (2504, 6_000)], help="SAMPLESxRECORDS")
    arguments = options.parse_args()
    report = Report("samples", arguments)
    work = arguments.work / "samples"
    for table in format_tables(work, arguments.cohorts, arguments.rounds):
        report.add(table)
    made = simulated(arguments.work, min(arguments.megabases, 1.0), arguments.depth, 200)
    report.add(scoring_table(made, model(arguments), work, arguments.rounds))
    report.save()


if __name__ == "__main__":
    main()
