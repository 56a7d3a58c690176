"""Input of the benchmarks: samples of a given size and call sets of a given density, made once and kept in a work folder."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pysam

from vcffilter.simulation.tiling import Sample, Slice, tile_slice

#: A genome's density: one variant per 600 bases.
DENSE_SPACING = 600
#: Simulated slices are at most this long; longer samples are copies of one.
_SLICE_LENGTH = 1_000_000
#: What is longer is written quickly instead of small.
_LARGE_LENGTH = 50_000_000


def sample(arguments: argparse.Namespace, megabases: float | None = None) -> Sample:
    """Reads, reference and all calls over `megabases` (default: the command line's): real ones with --data, else simulated."""
    if not arguments.data:
        return simulated(arguments.work, arguments.megabases if megabases is None else megabases, arguments.depth)
    source, part = _real(arguments)
    megabases = arguments.megabases if megabases is None else megabases
    return _tiled(arguments.work, source, part, megabases, f"{arguments.set}-{arguments.caller}")


def simulated(
    work: Path, megabases: float, depth: float, spacing: int = DENSE_SPACING, slice_length: int = _SLICE_LENGTH
) -> Sample:
    """A simulated sample with a true variant every `spacing` bases; copies of a slice of at most `slice_length`."""
    slice_length = min(slice_length, round(megabases * 1e6))
    source, part = _simulated(work, slice_length, depth, spacing)
    return _tiled(work, source, part, megabases, f"sim-{depth:g}x-{slice_length}-{spacing}")


def _tiled(work: Path, source: Sample, part: Slice, megabases: float, kind: str) -> Sample:
    n_copies = max(1, round(megabases * 1e6 / part.length))
    folder = work / f"{kind}-{n_copies}"
    made_of = {"slice": asdict(part), "copies": n_copies, "kind": kind}
    if not _is_made(folder, made_of):
        level = 1 if part.length * n_copies > _LARGE_LENGTH else 6
        tile_slice(source, part, n_copies, folder, level=level)
        _mark_made(folder, made_of)
    return Sample.within(folder)


def describe(made: Sample) -> str:
    """One line on a sample: length, reads, bytes."""
    with pysam.AlignmentFile(str(made.reads)) as reads:
        n_reads, length = reads.mapped, reads.lengths[0]
    with pysam.FastaFile(str(made.reference)):
        pass
    n_bytes = made.reads.stat().st_size
    return f"{made.reads.parent.name}: {length / 1e6:g} Mb, {n_reads:,} reads, BAM of {n_bytes / n_reads:.0f} bytes a read"


def _real(arguments: argparse.Namespace) -> tuple[Sample, Slice]:
    folder = arguments.data / "real" / arguments.set
    source = Sample(folder / "reads.bam", folder / "reference.fa.gz", folder / f"{arguments.caller}.vcf.gz")
    with pysam.AlignmentFile(str(source.reads)) as reads:
        contig = max(reads.get_index_statistics(), key=lambda row: row.mapped).contig
        covered = [(read.reference_start, read.reference_end) for read in reads.fetch(contig) if not read.is_secondary]
    starts0 = sorted(start0 for start0, _ in covered)
    # The outermost thousandth of the reads may be strays far from the slice.
    first, last = starts0[len(starts0) // 1000], starts0[-1 - len(starts0) // 1000]
    return source, Slice(contig, first // 1000 * 1000 + 1000, last // 1000 * 1000)


def _simulated(work: Path, length: int, depth: float, spacing: int) -> tuple[Sample, Slice]:
    from vcffilter.simulation.sample import SampleFiles, simulate_sample
    from vcffilter.simulation.settings import preset, with_options

    folder = work / f"simulated-{depth:g}x-{length}-{spacing}"
    made_of = {"preset": "novaseq8", "length": length, "depth": depth, "spacing": spacing}
    if not _is_made(folder, made_of):
        simulate_sample(folder, with_options(preset("novaseq8"), seed=7, length=length, depth=depth, variant_rate=1 / spacing))
        _mark_made(folder, made_of)
    files = SampleFiles.within(folder)
    with pysam.FastaFile(str(files.reference)) as fasta:
        contig = fasta.references[0]
    return Sample(files.reads, files.reference, files.calls), Slice(contig, 0, length)


def _is_made(folder: Path, made_of: dict[str, Any]) -> bool:
    marker = folder / "made.json"
    return marker.is_file() and json.loads(marker.read_text()) == made_of


def _mark_made(folder: Path, made_of: dict[str, Any]) -> None:
    (folder / "made.json").write_text(json.dumps(made_of))


def thinned_calls(made: Sample, spacing: int, at_most: int | None = None) -> tuple[Path, int]:
    """Calls `spacing` bases apart: for spacings above a genome's, the first call of every stretch of that length; else a
    random choice with that mean distance; 0 = all. at_most: only the first ones. Returns (path, number of records).
    """
    out = made.calls.with_name(f"calls-{spacing}-{at_most or 'all'}.vcf.gz")
    if not out.is_file():
        with pysam.VariantFile(str(made.calls)) as calls, pysam.VariantFile(str(out), "wz", header=calls.header) as kept:
            pick = _picked(made, calls, spacing)
            for number, record in enumerate(pick):
                if number == at_most:
                    break
                kept.write(record)
        pysam.tabix_index(str(out), preset="vcf", force=True, csi=True)
    with pysam.VariantFile(str(out)) as calls:
        return out, sum(1 for _ in calls)


def _picked(made: Sample, calls: pysam.VariantFile, spacing: int) -> Iterator[pysam.VariantRecord]:
    if spacing == 0:
        return iter(calls)
    return _one_per_stretch(calls, spacing) if spacing > DENSE_SPACING else _random_share(made, calls, spacing)


def _one_per_stretch(calls: pysam.VariantFile, spacing: int) -> Iterator[pysam.VariantRecord]:
    stretch = -1
    for record in calls:
        if record.start // spacing != stretch:
            stretch = record.start // spacing
            yield record


def _random_share(made: Sample, calls: pysam.VariantFile, spacing: int) -> Iterator[pysam.VariantRecord]:
    with pysam.VariantFile(str(made.calls)) as all_calls:
        n_calls = sum(1 for _ in all_calls)
    with pysam.AlignmentFile(str(made.reads)) as reads:
        share = reads.lengths[0] / spacing / n_calls
    chooser = random.Random(1)
    yield from (record for record in calls if chooser.random() < share)


def mix(path: Path) -> str:
    """Share of SNVs, other alleles and records with several ALTs."""
    n_records = n_snvs = n_alleles = n_several = 0
    with pysam.VariantFile(str(path)) as calls:
        for record in calls:
            n_records += 1
            n_alleles += len(record.alts or ())
            n_several += len(record.alts or ()) > 1
            n_snvs += sum(len(alt) == len(record.ref) == 1 for alt in record.alts or ())
    return f"{n_records:,} records, {n_alleles:,} alleles, {100 * n_snvs / n_alleles:.0f}% SNVs, {n_several:,} multi-allelic"


def model(arguments: argparse.Namespace) -> str:
    """The model to run: the one asked for; `random` makes a network of random weights, for trying the scripts out."""
    if arguments.model != "random":
        return str(arguments.model)
    return str(random_model(arguments.work))


def random_model(work: Path) -> Path:
    """A checkpoint of an untrained perceptron on all site features."""
    import torch

    from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES
    from vcffilter.models.checkpoint import save_checkpoint
    from vcffilter.models.encoder_spec import EncoderSpec
    from vcffilter.models.metadata import CheckpointMetadata
    from vcffilter.models.registry import build

    torch.manual_seed(1)
    spec = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES)
    path = work / "random.safetensors"
    work.mkdir(parents=True, exist_ok=True)
    metadata = CheckpointMetadata("random", "site_mlp", {}, spec, thresholds={"snv": 0.5, "indel": 0.5})
    save_checkpoint(path, build("site_mlp", {}, spec), metadata)
    return path
