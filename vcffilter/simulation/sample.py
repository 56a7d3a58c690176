"""Makes one simulated sample on disk: runs the stages in order and names the files. Knows each stage's face, none of its ways."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vcffilter.errors import OutputError
from vcffilter.labelling.files import LabelInputs, label_file
from vcffilter.progress import ProgressCallback, no_progress
from vcffilter.simulation.alignment import place_reads
from vcffilter.simulation.alignment_file import AlignmentWriter, alignment_header, lay_out
from vcffilter.simulation.artefacts import ArtefactPlan, plan_artefacts
from vcffilter.simulation.careless_caller import call_variants
from vcffilter.simulation.fragments import draw_fragments, local_depth, pool_templates
from vcffilter.simulation.haplotypes import Template, sample_haplotypes
from vcffilter.simulation.randomness import stream
from vcffilter.simulation.reference import Reference, load_reference, make_reference, write_fasta
from vcffilter.simulation.repeats import tandem_runs
from vcffilter.simulation.sequencing import sequence_fragments
from vcffilter.simulation.settings import SimulationSettings
from vcffilter.simulation.transcripts import Gene, exonic, place_genes, spliced_templates
from vcffilter.simulation.truth import plant_variants
from vcffilter.simulation.vcf_text import write_truth

#: Bases drawn at a time: bounds memory. A part of the result's identity: another value gives another sample.
_BATCH_BASES = 3_000_000
_CONTIG_MARGIN = 300


@dataclass(frozen=True)
class SampleFiles:
    """Where a sample's files are, all in one folder."""

    directory: Path
    reference: Path
    reads: Path
    truth: Path
    confident: Path
    artefacts: Path
    calls: Path
    labels: Path

    @classmethod
    def within(cls, directory: Path, *, cram: bool = False, compress_reference: bool = False) -> SampleFiles:
        """The names that `simulate_sample` gives."""
        return cls(
            directory,
            directory / ("reference.fa.gz" if compress_reference else "reference.fa"),
            directory / ("reads.cram" if cram else "reads.bam"),
            directory / "truth.vcf.gz",
            directory / "confident.bed",
            directory / "artefacts.bed",
            directory / "calls.vcf.gz",
            directory / "calls.labels.tsv",
        )


@dataclass(frozen=True)
class SampleReport:
    """What was made. seconds: wall time."""

    files: SampleFiles
    n_variants: int
    n_reads: int
    n_calls: int
    labels: dict[str, int]
    seconds: float


def simulate_sample(
    directory: Path,
    settings: SimulationSettings,
    *,
    fasta: str | None = None,
    region: str | None = None,
    cram: bool = False,
    compress_reference: bool = False,
    progress: ProgressCallback = no_progress,
) -> SampleReport:
    """Writes reference, truth, reads, calls and labels to `directory`; the same arguments give the same bytes.

    fasta, region: take the reference from a file instead of making one up (see `load_reference`). Raises OutputError,
    ReferenceFileError, RegionError. progress: called with the fragments sequenced so far.
    """
    began = time.perf_counter()
    files = SampleFiles.within(directory, cram=cram, compress_reference=compress_reference)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return _simulate(files, settings, fasta, region, began, progress)
    except OSError as error:
        raise OutputError(f"cannot write the sample: {error}", path=str(directory)) from error


def _simulate(
    files: SampleFiles,
    settings: SimulationSettings,
    fasta: str | None,
    region: str | None,
    began: float,
    progress: ProgressCallback,
) -> SampleReport:
    if fasta is None:
        reference = make_reference(stream(settings.seed, "reference"), settings.contig, settings.length)
    else:
        reference = load_reference(fasta, region, settings.length)
    write_fasta(reference, files.reference, compress=files.reference.suffix == ".gz")
    runs = tandem_runs(reference.bases)
    variants = plant_variants(stream(settings.seed, "variants"), reference, runs, settings.variants)
    write_truth(files.truth, reference, settings.sample, variants)
    plan = plan_artefacts(stream(settings.seed, "artefacts"), reference, runs, settings.artefacts)
    templates = sample_haplotypes(reference, variants, plan.insertions) + plan.copies
    genes: list[Gene] = []
    if settings.spliced:
        gene_stream = stream(settings.seed, "genes")
        genes = place_genes(gene_stream, reference)
        templates = spliced_templates(gene_stream, templates, genes)
    _write_bed(files.confident, reference.contig, _confident(reference, genes))
    _write_bed(files.artefacts, reference.contig, plan.spans)
    n_reads = _write_reads(files, settings, reference, templates, plan, progress)
    n_calls = call_variants(
        stream(settings.seed, "caller"), files.reads, files.reference, reference, settings.sample, settings.caller, files.calls
    )
    with open(files.labels, "w") as output:
        labels = label_file(files.calls, LabelInputs(files.truth, files.reference, files.confident), output)
    _write_settings(files.directory / "simulation.json", settings, fasta, region)
    return SampleReport(files, len(variants), n_reads, n_calls, dict(labels), time.perf_counter() - began)


def _write_reads(
    files: SampleFiles,
    settings: SimulationSettings,
    reference: Reference,
    templates: list[Template],
    plan: ArtefactPlan,
    progress: ProgressCallback,
) -> int:
    fragment_stream, read_stream = stream(settings.seed, "fragments"), stream(settings.seed, "reads")
    pool = pool_templates(templates, settings.reads)
    field = local_depth(fragment_stream, reference.bases, settings.reads.coverage_spread)
    fragments = draw_fragments(fragment_stream, pool, field, settings.reads, plan.jackpots)
    per_batch = max(1, _BATCH_BASES // (settings.reads.read_length * 2))
    header = alignment_header(reference, settings.sample, settings.reads.platform)
    with AlignmentWriter(files.reads, reference, header, files.reference) as writer:
        for first in range(0, len(fragments), per_batch):
            part = fragments.take(slice(first, first + per_batch))
            batch = sequence_fragments(read_stream, pool, part, reference, plan.sites, settings.reads, settings.seed)
            placement = place_reads(read_stream, batch, part, pool, reference, plan, settings.artefacts.shifted_gap_share)
            layout = lay_out(batch, reference, placement, extended_cigar=settings.reads.extended_cigar, spliced=settings.spliced)
            writer.write(read_stream, batch, part, placement, layout, first)
            progress(first + len(part), len(fragments), "reads")
    return writer.n_reads


def _confident(reference: Reference, genes: list[Gene]) -> list[tuple[int, int]]:
    """Where the truth is complete: exons of spliced samples, else all but N and the contig's ends."""
    if genes:
        return exonic(genes)
    known = np.concatenate(([0], (reference.bases != ord("N")).astype(np.int8), [0]))
    edges = np.diff(known)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    first, last = _CONTIG_MARGIN, len(reference) - _CONTIG_MARGIN
    clipped = [(max(int(start), first), min(int(end), last)) for start, end in zip(starts, ends, strict=True)]
    return [(start, end) for start, end in clipped if start < end]


def _write_bed(path: Path, contig: str, rows: list[tuple[int, int]] | list[tuple[int, int, str]]) -> None:
    path.write_text("".join("\t".join((contig, *(str(value) for value in row))) + "\n" for row in rows))


def _write_settings(path: Path, settings: SimulationSettings, fasta: str | None, region: str | None) -> None:
    described = asdict(settings) | {"fasta": fasta, "region": region}
    path.write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")
