"""The scorer of the main job: reads, encoder and network behind the `ChunkScorer` face.

Each scoring thread borrows its own open files (`ChunkEncoder`); the network is shared. Knows no VCF.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vcffilter.encoding.encoder import Choose, ChunkEncoder, EncodedAlleles, check_spec
from vcffilter.errors import ReferenceMismatchError, UsageError
from vcffilter.kernels.normalised_alleles import FINE, NOT_AN_ALLELE, OFF_REFERENCE, REF_MISMATCH, TOO_LONG
from vcffilter.kernels.warm import load_encoder
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint
from vcffilter.pipeline.linked_parts import with_parts
from vcffilter.pipeline.pool import Pool
from vcffilter.pipeline.sample_reads import (
    SEVERAL_SAMPLES,
    SampleReads,
    check_names,
    pooled_reads,
    reads_file,
    reads_of_samples,
    relabelled,
)
from vcffilter.reads.alignment_file import (
    AlignmentFile,
    AlignmentHeader,
    ReadSelection,
    forbid_network_references,
    load_reading_library,
    open_alignment_files,
    read_header,
    refuse_duplicates,
    require_group_tags,
)
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.scoring.reason_finder import ReasonFinder
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import STAGE_NETWORK, STAGE_NONE, STAGE_TREES, STATUS_CODE, AlleleScores, SampleScores

if TYPE_CHECKING:
    from vcffilter.kernels.htslib import Htslib
    from vcffilter.scoring.network import CalibratedNetwork, FirstStage

logger = logging.getLogger(__name__)

#: Stages that decide, as --stage names them.
TREES, BOTH = "trees", "both"
#: Files with reads that a thread keeps open.
_MOST_OPEN_FILES = 128
#: ALTs less probable than this, or than the model's threshold, get reasons when these are asked for.
_DOUBTFUL = 0.5

_STATUS_OF_PROBLEM = {
    REF_MISMATCH: STATUS_CODE["ref_mismatch"],
    OFF_REFERENCE: STATUS_CODE["ref_mismatch"],
    TOO_LONG: STATUS_CODE["allele_too_long"],
    NOT_AN_ALLELE: STATUS_CODE["invalid_allele"],
}


@dataclass(frozen=True)
class EvidenceOptions:
    """Where the evidence is and how it is weighed.

    variants_path: for messages only. reads_paths: as -b names them, FILE or NAME=FILE. allow_ref_mismatch: an allele whose REF
    is not the reference's gets a status instead of ending the run. samples: of the reads' @RG lines; empty = all reads.
    sample_of: sample of the calls by @RG SM or by file. columns_of: the samples of the records; of two and more each is scored
    by its own reads, else all reads together. each_sample: also a lone sample gets scores of its own. known_samples: those of the
    file with the calls, whichever are asked for. stage: of a model with two, `trees` to leave the second out.
    """

    variants_path: str
    reads_paths: tuple[str, ...]
    reference_path: str
    samples: tuple[str, ...] = ()
    model: str = "illumina-germline"
    stage: str | None = None
    device: str = "auto"
    use_supplementary: bool = False
    allow_ref_mismatch: bool = False
    want_reasons: bool = False
    sample_of: Mapping[str, str] = field(default_factory=dict)
    columns_of: tuple[str, ...] = ()
    known_samples: tuple[str, ...] = ()
    each_sample: bool = False


class SampleEncoder:
    """Encodes chunks by the reads of one sample or another; for one thread.

    open_files: opens the files of a sample, which is done when its reads are first asked for. Files of the samples that were
    asked for longest ago are closed, so that a cohort does not use up what the system lets a process open.
    """

    def __init__(self, encoder: ChunkEncoder, open_files: Callable[[SampleReads], list[AlignmentFile]]) -> None:
        self._encoder = encoder
        self._open_files = open_files
        self._files: OrderedDict[int | None, list[AlignmentFile]] = OrderedDict()  # by column

    def encode(self, sample: SampleReads, chunk: AlleleChunk, choose: Choose | None = None) -> EncodedAlleles:
        """Every allele of a chunk by a sample's reads. choose: which of them get tensors; None = all, or as the model asks."""
        if sample.column not in self._files:
            while self._files and sum(map(len, self._files.values())) + len(sample.files) > _MOST_OPEN_FILES:
                _close(self._files.popitem(last=False)[1])
            self._files[sample.column] = self._open_files(sample)
        self._files.move_to_end(sample.column)
        self._encoder.read_from(self._files[sample.column])
        return self._encoder.encode(chunk) if choose is None else self._encoder.encode_chosen(chunk, choose)

    def close(self) -> None:
        """Close all files."""
        for files in self._files.values():
            _close(files)
        self._files.clear()
        self._encoder.close()


def _close(files: Sequence[AlignmentFile]) -> None:
    for file in files:
        file.close()


class _Doubt:
    """Asks a network's first stage about the pieces of a chunk, and keeps the answers."""

    def __init__(self, network: CalibratedNetwork) -> None:
        self._network = network
        self._logits: list[np.ndarray] = []
        self._doubtful: list[np.ndarray] = []

    def choose(self, piece: EncodedAlleles) -> np.ndarray:
        """bool (n_alleles,): those that are scored, and left to the second stage."""
        logits, doubtful = np.zeros(len(piece.problem), np.float32), np.zeros(len(piece.problem), bool)
        scored = np.flatnonzero((piece.problem == FINE) & (piece.n_informing > 0))
        found = self._network.first_stage(piece.features[scored])
        assert found is not None, "a network of one stage was asked for its first one"
        logits[scored], doubtful[scored] = found.logits, found.doubtful
        self._logits.append(logits)
        self._doubtful.append(doubtful)
        return doubtful

    def of_chunk(self) -> FirstStage:
        """The answers on all pieces."""
        from vcffilter.scoring.network import FirstStage

        return FirstStage(np.concatenate(self._logits), np.concatenate(self._doubtful))


class EvidenceScorer:
    """Scores chunks of alleles by their reads. Called from several threads at once.

    headers: of the files with reads, under the samples' names in the calls. reference: open, for the calling thread. columns:
    int64, of the samples that are scored each by its own reads; None = reads are pooled. metadata, model_path, model_id,
    model_sha256: of the checkpoint. thresholds: probability below which an ALT fails, by type. operating_points, presets: from
    the checkpoint's card. explained_below: probability below which ALTs get reasons. stage: as `LoadedModel` has it.
    """

    def __init__(
        self,
        options: EvidenceOptions,
        headers: Sequence[AlignmentHeader],
        samples: Sequence[SampleReads],
        encoders: Pool[SampleEncoder],
        reference: ReferenceFile,
        model: LoadedModel,
    ) -> None:
        checkpoint = model.checkpoint
        self._options = options
        self.headers = tuple(headers)
        self._samples = tuple(samples)
        columns = [sample.column for sample in samples if sample.column is not None]
        self.columns = np.array(columns, np.int64) if columns else None
        self._encoders = encoders
        self.reference = reference
        self._contigs = frozenset(reference.length_of_contig)
        self._network, self.stage = model.network, model.stage
        self.metadata, self.model_path = checkpoint.metadata, checkpoint.path
        self.model_id = checkpoint.metadata.model_id
        self.model_sha256 = checkpoint.sha256
        self.thresholds = checkpoint.metadata.thresholds
        self.operating_points = checkpoint.metadata.operating_points
        self.explained_below = max([_DOUBTFUL, *self.thresholds.values()])
        self.presets = checkpoint.metadata.presets

    @property
    def scored_names(self) -> frozenset[str]:
        """Samples whose reads the scores are made of, by their names in the calls or by @RG SM."""
        files = [file for sample in self._samples for file in sample.files]
        return frozenset(name for header, names in files for name in (names or header.groups_of_sample) if name)

    def score(self, chunk: AlleleChunk) -> AlleleScores | SampleScores:
        """Score one chunk; raises VcffilterError where files disagree or cannot be read."""
        missing = chunk.n_alleles > 0 and not self._has_contig(chunk.contig)
        if self.columns is not None:
            return self._score_samples(self.columns, chunk, missing=missing)
        if chunk.n_alleles == 0 or missing:
            return AlleleScores.unscored([STATUS_CODE["contig_missing"]] * chunk.n_alleles)
        with self._encoders.lent() as encoder:
            return self._score_by(encoder, self._samples[0], chunk)

    def _score_samples(self, columns: np.ndarray, chunk: AlleleChunk, *, missing: bool) -> SampleScores:
        """Each sample's ALTs by its own reads. missing: the contig is."""
        carriers = np.ones((len(columns), chunk.n_alleles), bool) if chunk.carriers is None else chunk.carriers
        scores = SampleScores.without_carriers(columns, chunk.n_alleles)
        if missing:
            scores.status[carriers] = STATUS_CODE["contig_missing"]
            return scores
        with self._encoders.lent() as encoder:
            for index, sample in enumerate(self._samples):
                carried = np.flatnonzero(carriers[index])
                if len(carried):
                    part = chunk.subset(carried)
                    scores.put(index, carried, self._score_by(encoder, sample, part))
        return scores

    def _score_by(self, encoder: SampleEncoder, sample: SampleReads, chunk: AlleleChunk) -> AlleleScores:
        """Every ALT by one sample's reads, those of several bases beside their parts."""
        linked = with_parts(chunk)
        scores, together = self._score_rows(encoder, sample, linked.chunk)
        return linked.combined(scores, together, self.explained_below)

    def _score_rows(self, encoder: SampleEncoder, sample: SampleReads, chunk: AlleleChunk) -> tuple[AlleleScores, np.ndarray]:
        """Scores, and which are shown together (`EncodedAlleles`); tensors are made of those that a model of two stages leaves in
        doubt alone.
        """
        if self.stage != BOTH:
            encoded, first = encoder.encode(sample, chunk), None
        else:
            doubt = _Doubt(self._network)
            encoded = encoder.encode(sample, chunk, doubt.choose)
            first = doubt.of_chunk()
        return self._score_encoded(chunk, encoded, first), encoded.together

    def _score_encoded(self, chunk: AlleleChunk, encoded: EncodedAlleles, first: FirstStage | None) -> AlleleScores:
        self._check_reference(chunk, encoded.problem)
        status = np.zeros(chunk.n_alleles, np.uint8)
        status[encoded.n_informing == 0] = STATUS_CODE["no_reads"]
        for problem, code in _STATUS_OF_PROBLEM.items():
            status[encoded.problem == problem] = code
        is_snv = (np.diff(chunk.ref_offset) == 1) & (np.diff(chunk.alt_offset) == 1)
        return self._with_probabilities(encoded, is_snv, status, first)

    def _with_probabilities(
        self, encoded: EncodedAlleles, is_snv: np.ndarray, status: np.ndarray, first: FirstStage | None
    ) -> AlleleScores:
        """first: of every ALT, not doubtful where it is not scored."""
        probability = np.full(len(status), np.nan, np.float32)
        log_odds = np.full(len(status), np.nan)
        scored = np.flatnonzero(status == 0)
        if len(scored):
            every = encoded.reads if first is not None or encoded.reads is None else encoded.reads[scored]
            probability[scored], log_odds[scored] = self._network.scores(
                encoded.features[scored],
                every,
                is_snv[scored],
                encoded.n_informing[scored],
                None if first is None else first.of(scored),
            )
        reasons = self._reasons(encoded, is_snv, probability, first) if self._options.want_reasons else None
        return AlleleScores(
            probability, log_odds, encoded.counts, status, reasons, encoded.features, self._stages(status, first)
        )

    def _stages(self, status: np.ndarray, first: FirstStage | None) -> np.ndarray | None:
        """Which stage decided on each ALT."""
        if self.stage is None:
            return None
        doubtful = np.zeros(len(status), bool) if first is None else first.doubtful
        return np.where(status != 0, STAGE_NONE, np.where(doubtful, STAGE_NETWORK, STAGE_TREES)).astype(np.uint8)

    def _reasons(
        self, encoded: EncodedAlleles, is_snv: np.ndarray, probability: np.ndarray, first: FirstStage | None
    ) -> np.ndarray:
        """Reasons of every doubtful ALT. Of one that was settled without a tensor the first stage alone is asked."""
        has_tensor = np.ones(len(is_snv), bool) if first is None else first.doubtful
        place = np.cumsum(has_tensor) - 1

        def log_odds(features: np.ndarray, alleles: np.ndarray) -> np.ndarray:
            own = self._network.first_stage(features)
            seen = alleles
            if own is not None:
                own = replace(own, doubtful=own.doubtful & has_tensor[alleles])
                seen = alleles[own.doubtful]
            reads = None if encoded.reads is None else encoded.reads[place[seen]]
            return self._network.log_odds(features, reads, is_snv[alleles], encoded.n_informing[alleles], own)

        finder = ReasonFinder(self._network.encoder.features, log_odds)
        return finder.find(encoded.features, np.flatnonzero(probability < self.explained_below))

    def _has_contig(self, contig: str) -> bool:
        """Whether FASTA and reads have the contig; raises ContigNamingError when one has it under another name."""
        path = self._options.variants_path
        if contig not in self._contigs:
            check_naming(contig, path, self._options.reference_path, self._contigs)
            return False
        there = False
        for header in self.headers:
            if contig in header.contigs:
                there = True
            else:
                check_naming(contig, path, header.path, header.contigs)
        return there

    def _check_reference(self, chunk: AlleleChunk, problem: np.ndarray) -> None:
        wrong = np.flatnonzero((problem == REF_MISMATCH) | (problem == OFF_REFERENCE))
        if len(wrong) == 0 or self._options.allow_ref_mismatch:
            return
        first = wrong[0]
        ref = bytes(chunk.ref_bases[chunk.ref_offset[first] : chunk.ref_offset[first + 1]]).decode()
        what = f"the calls' REF {ref[:20]} is not what the reference has there"
        if problem[first] == OFF_REFERENCE:
            length = self.reference.length_of_contig[chunk.contig]
            what = f"the calls' REF ends beyond the end of {chunk.contig} ({length:,} bases)"
        raise ReferenceMismatchError(
            what,
            path=self._options.reference_path,
            contig=chunk.contig,
            pos1=int(chunk.start0[first]) + 1,
            hint="Give the FASTA that the calls were made with, or pass such records unscored with --allow-ref-mismatch",
        )

    def close(self) -> None:
        """Close all files."""
        self._encoders.close()
        self.reference.close()


@dataclass(frozen=True)
class LoadedModel:
    """A checkpoint and the network built from it.

    stage: of a model of two stages BOTH, or TREES where its first one decides alone and checkpoint and network are that; None of
    a model of one stage.
    """

    checkpoint: Checkpoint
    network: CalibratedNetwork
    stage: str | None = None


@dataclass(frozen=True)
class Evidence:
    """A model and the reads that it looks at: all that scorers of the same reads and samples can share, at once, too.

    headers, samples, encoders: as `EvidenceScorer` has them.
    """

    headers: tuple[AlignmentHeader, ...]
    samples: tuple[SampleReads, ...]
    encoders: Pool[SampleEncoder]
    model: LoadedModel

    def scorer(self, options: EvidenceOptions, reference: ReferenceFile) -> EvidenceScorer:
        """A scorer of these reads. reference: for the thread that asks; whoever closes the scorer closes it and the reads."""
        return EvidenceScorer(options, self.headers, self.samples, self.encoders, reference, self.model)

    def close(self) -> None:
        """Close the reads."""
        self.encoders.close()


def load_model(name: str, device: str, stage: str | None = None) -> LoadedModel:
    """A model by name or file, ready to score. stage: as `EvidenceOptions` has it. Raises ModelError, UsageError."""
    from vcffilter.models.stages import first_alone, is_staged
    from vcffilter.scoring.two_stages import open_network

    checkpoint = load_checkpoint(name)
    check_spec(checkpoint.metadata.encoder)
    if not is_staged(checkpoint):
        _refuse_stage(checkpoint, stage)
        return LoadedModel(checkpoint, open_network(checkpoint, device))
    if stage == TREES:
        checkpoint = first_alone(checkpoint)
    return LoadedModel(checkpoint, open_network(checkpoint, device), stage or BOTH)


def _refuse_stage(checkpoint: Checkpoint, stage: str | None) -> None:
    """A model of one stage is what it is: said where it makes no difference, an error where something else was asked for."""
    model_id = checkpoint.metadata.model_id
    if stage == TREES and checkpoint.metadata.encoder.rows:
        raise UsageError(f"{model_id} has one stage, a network on reads: no trees can decide alone", hint="Leave --stage out")
    if stage is not None:
        logger.warning("note: %s has one stage: --stage %s changes nothing", model_id, stage)


def open_scorer(options: EvidenceOptions) -> EvidenceScorer:
    """Open every file, load the model, and make the scorer. Raises VcffilterError with what to do on anything that is missing."""
    forbid_network_references()
    reference = ReferenceFile(options.reference_path)
    headers, samples = _whose_reads(options)
    model = load_model(options.model, options.device, options.stage)
    return Evidence(tuple(headers), samples, _encoder_pool(options, model), model).scorer(options, reference)


def open_evidence(options: EvidenceOptions, model: LoadedModel) -> Evidence:
    """Open the reads for a model that is loaded already. Raises VcffilterError."""
    forbid_network_references()
    headers, samples = _whose_reads(options)
    return Evidence(tuple(headers), samples, _encoder_pool(options, model), model)


def _encoder_pool(options: EvidenceOptions, model: LoadedModel) -> Pool[SampleEncoder]:
    """Encoders for the threads, each of which opens its own files when it first encodes."""
    spec = model.checkpoint.metadata.encoder
    htslib = load_reading_library()
    selection = ReadSelection(options.use_supplementary, "haplotype_tag" in spec.channels)

    def open_encoder() -> SampleEncoder:
        encoder = ChunkEncoder(spec, (), ReferenceFile(options.reference_path))
        return SampleEncoder(encoder, lambda sample: open_sample_files(sample, options.reference_path, htslib, selection))

    if spec.rows == 0 or model.stage == BOTH:
        load_encoder()
    return Pool(open_encoder)


def open_sample_files(
    sample: SampleReads, reference_path: str, htslib: Htslib, selection: ReadSelection
) -> list[AlignmentFile]:
    """The files of a sample, opened for one thread, with its read groups chosen; where one cannot be, none stays open."""
    files: list[AlignmentFile] = []
    try:
        for header, names in sample.files:
            files += open_alignment_files([header], reference_path, htslib, replace(selection, samples=names))
    except BaseException:
        _close(files)
        raise
    return files


def _whose_reads(options: EvidenceOptions) -> tuple[list[AlignmentHeader], tuple[SampleReads, ...]]:
    """The headers, under the names of the calls, and the reads of each sample, or of all together."""
    given = [reads_file(text) for text in options.reads_paths]
    refuse_duplicates([file.path for file in given])
    headers = [read_header(file.path, options.reference_path) for file in given]
    check_names(given, options.sample_of, headers, options.known_samples)
    headers = [relabelled(header, file, options.sample_of) for header, file in zip(headers, given, strict=True)]
    is_whole = [file.sample is not None or file.path in options.sample_of for file in given]
    if len(options.columns_of) >= SEVERAL_SAMPLES:
        samples = reads_of_samples(headers, is_whole, options.columns_of)
    else:
        pooled = pooled_reads(headers, is_whole, options.samples)
        samples = (replace(pooled, column=0) if options.each_sample and options.columns_of else pooled,)
    for header in {header.path: header for sample in samples for header, names in sample.files if names}.values():
        require_group_tags(header, options.reference_path)
    return headers, samples
