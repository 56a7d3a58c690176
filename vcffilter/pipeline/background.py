"""The background: reads of others at the same alleles, counted beside the scores. Never part of a score.

Each thread borrows its own open files, as it does of the scored samples. Knows no VCF; what the counts mean is
`scoring.background_rules`' business.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vcffilter.encoding.encoder import ChunkEncoder
from vcffilter.errors import UsageError
from vcffilter.kernels.encode import ENCODER_VERSION, N_ALT, N_REF
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.pipeline.evidence import SampleEncoder, open_sample_files
from vcffilter.pipeline.pool import Pool
from vcffilter.pipeline.protocol import ChunkScorer
from vcffilter.pipeline.sample_reads import SampleReads, reads_file, relabelled
from vcffilter.reads.alignment_file import (
    AlignmentHeader,
    ReadSelection,
    forbid_network_references,
    load_reading_library,
    read_header,
    refuse_duplicates,
    require_group_tags,
)
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import AlleleScores, SampleScores
from vcffilter.variants.background_counts import BackgroundCounts


@dataclass(frozen=True)
class BackgroundOptions:
    """variants_path: for messages only. paths: as --background names them, FILE or NAME=FILE. use_supplementary: as of the
    scored reads, which both are weighed like. reads_paths: files that are scored. scored_names: samples that are.
    """

    variants_path: str
    paths: tuple[str, ...]
    reference_path: str
    use_supplementary: bool = False
    reads_paths: tuple[str, ...] = ()
    scored_names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BackgroundSample:
    """One sample of the background: its name by @RG SM (or as given; else its file's) and its reads."""

    name: str
    reads: SampleReads

    @property
    def paths(self) -> tuple[str, ...]:
        """Files that hold its reads."""
        return tuple(header.path for header, _ in self.reads.files)


class Background:
    """Counts the reads of each of its samples. Called from several threads at once."""

    def __init__(self, options: BackgroundOptions, samples: Sequence[BackgroundSample]) -> None:
        self.samples = tuple(samples)
        self._options = options
        self._reference = ReferenceFile(options.reference_path)
        htslib = load_reading_library()
        selection = ReadSelection(options.use_supplementary)
        spec = EncoderSpec(ENCODER_VERSION, features=())

        def open_encoder() -> SampleEncoder:
            encoder = ChunkEncoder(spec, (), ReferenceFile(options.reference_path))
            return SampleEncoder(encoder, lambda sample: open_sample_files(sample, options.reference_path, htslib, selection))

        self._encoders = Pool(open_encoder)

    @property
    def files(self) -> dict[str, tuple[str, ...]]:
        """Files of each sample, by its name."""
        return {sample.name: sample.paths for sample in self.samples}

    def count(self, chunk: AlleleChunk) -> BackgroundCounts:
        """The reads of each sample at each allele. Raises VcffilterError where files disagree or cannot be read."""
        counts = BackgroundCounts.without_reads(len(self.samples), chunk.n_alleles)
        if chunk.n_alleles == 0 or chunk.contig not in self._reference.length_of_contig:
            return counts
        # Every ALT as a record of its own: reads against it are then no matter of its siblings.
        apart = replace(chunk, record_index=np.arange(chunk.n_alleles, dtype=np.int32), carriers=None)
        with self._encoders.lent() as encoder:
            for row, sample in enumerate(self.samples):
                if self._has_contig(sample, chunk.contig):
                    found = encoder.encode(sample.reads, apart).counts
                    counts.showing[row] = found[:, N_ALT]
                    counts.telling[row] = found[:, N_ALT] + found[:, N_REF]
        return counts

    def _has_contig(self, sample: BackgroundSample, contig: str) -> bool:
        """Whether any file has the contig; raises ContigNamingError where one has it under another name."""
        headers = [header for header, _ in sample.reads.files]
        for header in headers:
            if contig not in header.contigs:
                check_naming(contig, self._options.variants_path, header.path, header.contigs)
        return any(contig in header.contigs for header in headers)

    def close(self) -> None:
        """Close all files."""
        self._encoders.close()
        self._reference.close()


class BesideBackground:
    """A scorer whose scores come with what the background shows; the scores themselves are the other scorer's."""

    def __init__(self, scorer: ChunkScorer, background: Background) -> None:
        self._scorer, self._background = scorer, background

    def score(self, chunk: AlleleChunk) -> AlleleScores | SampleScores:
        """Scores of a chunk, with counts of the background."""
        scores = self._scorer.score(chunk)
        return replace(scores, background=self._background.count(chunk))

    def close(self) -> None:
        """Close both."""
        self._scorer.close()
        self._background.close()


def open_background(options: BackgroundOptions) -> Background:
    """Find whose reads the files hold. Raises UsageError where they are the scored sample's, VcffilterError as -b does."""
    forbid_network_references()
    given = [reads_file(text) for text in options.paths]
    refuse_duplicates([file.path for file in given])
    _refuse_scored_files([file.path for file in given], options.reads_paths)
    headers = [read_header(file.path, options.reference_path) for file in given]
    headers = [_named(relabelled(header, file, {})) for header, file in zip(headers, given, strict=True)]
    names = list(dict.fromkeys(name for header in headers for name in header.groups_of_sample))
    _refuse_scored_names(names, headers, options.scored_names)
    samples = [_sample(number, name, headers) for number, name in enumerate(names)]
    for header in {header.path: header for sample in samples for header, chosen in sample.reads.files if chosen}.values():
        require_group_tags(header, options.reference_path)
    return Background(options, samples)


def _sample(number: int, name: str, headers: Sequence[AlignmentHeader]) -> BackgroundSample:
    """All reads of one name; of a file that holds others' too those of its read groups."""
    files = [
        (header, () if len(header.groups_of_sample) == 1 else (name,)) for header in headers if name in header.groups_of_sample
    ]
    return BackgroundSample(name, SampleReads(number, tuple(files)))


def _named(header: AlignmentHeader) -> AlignmentHeader:
    """Reads of nobody are, where a file has no others, those of a sample that is called as the file is."""
    named = {name: groups for name, groups in header.groups_of_sample.items() if name}
    return replace(header, groups_of_sample=named or {header.path: ()})


def _refuse_scored_files(paths: Sequence[str], scored: Sequence[str]) -> None:
    of_scored = {_identity(reads_file(text).path) for text in scored}
    for path in paths:
        if _identity(path) in of_scored:
            raise UsageError(
                f"{path} is given as -b and as --background: a sample is no background of itself",
                hint="Give the reads of others: unrelated people, samples of the same run, or parents",
            )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _refuse_scored_names(names: Sequence[str], headers: Sequence[AlignmentHeader], scored: frozenset[str]) -> None:
    for name in names:
        if name in scored:
            path = next(header.path for header in headers if name in header.groups_of_sample)
            raise UsageError(
                f"{path}, given as --background, holds reads of {name} (@RG SM), which is the sample that is scored",
                hint=f"Give the reads of others; where they are another person's, say so: --background NAME={path}",
            )


