"""`pileup-filter demo`: simulates a small sample, runs the main job on it as a user would, compares with the truth."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vcffilter.commands import options
from vcffilter.errors import VcffilterError

if TYPE_CHECKING:
    from vcffilter.simulation.comparison import TypeCounts

_LENGTH, _DEPTH, _VARIANT_RATE, _ARTEFACTS = 80_000, 30.0, 1 / 250, 3.0


@click.command("demo", context_settings={"help_option_names": ["-h", "--help"]})
@options.option(
    "-o", "--output", "directory", group="General", old_names=["--out"], default="demo-output", show_default=True,
    metavar="DIR", help="Folder to write to.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Another seed is another sample.")
def demo(directory: str, seed: int) -> None:
    """Simulate a small sample, filter its calls, and compare with the planted truth."""
    from vcffilter.simulation.comparison import compare_with_truth, false_by_artefact
    from vcffilter.simulation.sample import simulate_sample
    from vcffilter.simulation.settings import preset, with_options

    folder = Path(directory)
    settings = with_options(
        preset("novaseq"), seed=seed, length=_LENGTH, depth=_DEPTH, variant_rate=_VARIANT_RATE, artefact_scale=_ARTEFACTS
    )
    click.echo(f"1. Simulating {_LENGTH // 1000} kb at {_DEPTH:.0f}x in {folder}/")
    report = simulate_sample(folder, settings)
    false = report.labels.get("FP", 0)
    click.echo(
        f"   {report.n_reads} reads, {report.n_variants} planted variants; a careless caller wrote {report.n_calls} records "
        f"({report.labels.get('TP', 0)} real ALTs, {false} false) in {report.seconds:.1f} s\n"
    )
    arguments = ["filter", "calls.vcf.gz", "-b", "reads.bam", "-f", "reference.fa", "--reasons", "-Oz", "-o", "filtered.vcf.gz"]
    click.echo(f"2. The main job, in {folder}/:\n   pileup-filter {shlex.join(arguments)}")
    run_filter(folder, [*arguments, "--summary", "summary.json"])
    summary = json.loads((folder / "summary.json").read_text())
    click.echo(_describe(summary))
    counts = compare_with_truth(report.files, folder / "filtered.vcf.gz")
    click.echo("3. Against the planted truth (ALTs; precision, recall and F1 of what has FILTER PASS or empty)\n")
    click.echo(_table(counts))
    click.echo(_why_some_pass(false_by_artefact(report.files, folder / "filtered.vcf.gz")))
    click.echo("\n4. Two of these calls, drawn: the surest failed one, and the surest that passes\n" + _draw(folder))
    click.echo(f"\nFiles, all in {folder.resolve()}/:")
    for name, meaning in _FILES.items():
        click.echo(f"   {name:<18} {meaning}")


_FILES = {
    "filtered.vcf.gz": "the result: FILTER and INFO/PILEUP_* written",
    "failed.*, kept.*": "the two pictures",
    "summary.json": "what was scored and filtered, how fast",
    "calls.vcf.gz": "the caller's records",
    "reads.bam": "the reads",
    "reference.fa": "the reference",
    "truth.vcf.gz": "what was planted",
    "artefacts.bed": "where artefacts were planted",
    "calls.labels.tsv": "TP or FP for each ALT",
}


#: What a reader sees of the artefacts that `simulate` plants.
_ARTEFACT_LOOKS = {
    "hidden_copy": "reads of a copy that the reference lacks: they look like a true heterozygote",
    "strand_damage": "damaged bases, on one orientation of the fragment",
    "strand_error": "an error that one strand makes again and again",
    "read_end_error": "errors near the ends of reads",
    "breakpoint": "misaligned ends at a breakpoint",
    "low_mapq": "reads that fit elsewhere as well",
    "elsewhere": "sequencing errors and misalignments without a plan",
}


def _why_some_pass(counts: dict[str, tuple[int, int]]) -> str:
    """Where the false calls that pass were planted, the most frequent first."""
    passing = {kind: count for kind, count in counts.items() if count[0]}
    if not passing:
        return "\n   No false call passes."
    lines = ["\n   False calls that pass, by what was planted there (of those called there):"]
    lines += [f"   {n:>4} of {called:<4} {kind:<15} {_ARTEFACT_LOOKS.get(kind, '')}" for kind, (n, called) in passing.items()]
    lines.append(f"   The sample holds {_ARTEFACTS:g} times as many artefacts as usual; the default cut spares true calls.")
    return "\n".join(lines)


def _draw(folder: Path) -> str:
    """Draw the two calls; PNG, or SVG where Pillow is missing. Returns what to say."""
    from vcffilter.errors import MissingExtraError
    from vcffilter.files import write_bytes
    from vcffilter.pictures.drawing import to_png, to_svg
    from vcffilter.pictures.layout import draw_pileup
    from vcffilter.pictures.painter import PileupSource
    from vcffilter.pictures.selection import CallFile

    calls = CallFile(str(folder / "filtered.vcf.gz"))
    chosen = {"failed": calls.failed(1), "kept": calls.passing(1)}
    lines = []
    with PileupSource([str(folder / "reads.bam")], str(folder / "reference.fa")) as source:
        for name, facts in ((name, call) for name, found in chosen.items() for call in found):
            drawing = draw_pileup(source.pileup(facts.contig, facts.pos1, facts.ref, facts.alt), facts)
            try:
                path, content = folder / f"{name}.png", to_png(drawing)
            except MissingExtraError:
                path, content = folder / f"{name}.svg", to_svg(drawing).encode()
            write_bytes(path, content)
            lines.append(f"   {path}: {facts.place}, {facts.lines()[1]}")
    return "\n".join(lines)


def run_filter(folder: Path, arguments: list[str]) -> None:
    """Runs the command in `folder` as a program of its own; VcffilterError when it fails."""
    done = subprocess.run([sys.executable, "-m", "vcffilter", *arguments], cwd=folder, check=False)
    if done.returncode != 0:
        raise VcffilterError(f"pileup-filter filter ended with exit code {done.returncode}", hint="Its own message stands above")


def _describe(summary: dict[str, Any]) -> str:
    records = summary["records"]
    unscored = ", ".join(f"{name} {number}" for name, number in records["not_scored"].items()) or "none"
    return (
        f"   scored {records['scored']} of {records['total']} records; filtered {records['failed']} "
        f"(SNV {records['failed_snv']}, indel {records['failed_indel']}); not scored: {unscored}\n"
        f"   {summary['seconds']['elapsed']:.1f} s with start-up, {summary['records_per_second']:.0f} records/s, "
        f"peak memory {summary['peak_memory_bytes'] / 2**20:.0f} MiB, model {summary['model']['id']}\n"
    )


def _table(counts: dict[str, TypeCounts]) -> str:
    lines = [f"   {'type':<6} {'TP kept':>12} {'FP removed':>12}   {'precision':>16} {'recall':>16} {'F1':>16}"]
    for kind, count in counts.items():
        before, after = count.scores(after=False), count.scores(after=True)
        changes = " ".join(f"{f'{old:.3f} -> {new:.3f}':>16}" for old, new in zip(before, after, strict=True))
        kept = f"{count.tp_after}/{count.tp_before}"
        removed = f"{count.fp_before - count.fp_after}/{count.fp_before}"
        lines.append(f"   {kind:<6} {kept:>12} {removed:>12}   {changes}")
    return "\n".join(lines)
