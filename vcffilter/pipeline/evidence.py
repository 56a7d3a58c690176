"""The scorer of the main job: reads, encoder and network behind the `ChunkScorer` face.

Each scoring thread borrows its own open files (`ChunkEncoder`); the network is shared. Knows no VCF.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcffilter.encoding.encoder import ChunkEncoder, EncodedAlleles, check_spec
from vcffilter.errors import ReferenceFileError
from vcffilter.kernels.alleles import NOT_AN_ALLELE, OFF_REFERENCE, REF_MISMATCH, TOO_LONG
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint
from vcffilter.reads.alignment_file import (
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
from vcffilter.variants.alleles import STATUS_CODE, AlleleChunk, AlleleScores

if TYPE_CHECKING:
    from vcffilter.scoring.network import NetworkScorer

logger = logging.getLogger(__name__)

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

    variants_path: for messages only. allow_ref_mismatch: an allele whose REF is not the reference's gets a status instead of
    ending the run. samples: of the reads' @RG lines; empty = all reads.
    """

    variants_path: str
    reads_paths: tuple[str, ...]
    reference_path: str
    samples: tuple[str, ...] = ()
    model: str = "illumina-germline"
    device: str = "auto"
    use_supplementary: bool = False
    allow_ref_mismatch: bool = False
    want_reasons: bool = False


class EncoderPool:
    """Lends every thread a `ChunkEncoder` of its own and keeps them open for the next chunk."""

    def __init__(self, open_encoder: Callable[[], ChunkEncoder]) -> None:
        self._open_encoder = open_encoder
        self._idle: queue.SimpleQueue[ChunkEncoder] = queue.SimpleQueue()

    @contextmanager
    def lent(self) -> Iterator[ChunkEncoder]:
        """An encoder for one thread, to be given back when what it encoded has been used."""
        try:
            encoder = self._idle.get_nowait()
        except queue.Empty:
            encoder = self._open_encoder()
        try:
            yield encoder
        finally:
            self._idle.put(encoder)

    def close(self) -> None:
        """Close every idle encoder."""
        while not self._idle.empty():
            self._idle.get_nowait().close()


class EvidenceScorer:
    """Scores chunks of alleles by their reads. Called from several threads at once.

    headers: of the files with reads. reference: open, for the calling thread. metadata, model_path, model_id, model_sha256: of
    the checkpoint. thresholds: probability below which an ALT fails, by type. operating_points: from the checkpoint's card.
    """

    def __init__(
        self,
        options: EvidenceOptions,
        headers: Sequence[AlignmentHeader],
        encoders: EncoderPool,
        reference: ReferenceFile,
        checkpoint: Checkpoint,
        network: NetworkScorer,
    ) -> None:
        self._options = options
        self.headers = tuple(headers)
        self._encoders = encoders
        self.reference = reference
        self._contigs = frozenset(reference.length_of_contig)
        self._network = network
        self.metadata, self.model_path = checkpoint.metadata, checkpoint.path
        self.model_id = checkpoint.metadata.model_id
        self.model_sha256 = checkpoint.sha256
        self.thresholds = checkpoint.metadata.thresholds
        self.operating_points = checkpoint.metadata.operating_points

    def score(self, chunk: AlleleChunk) -> AlleleScores:
        """Score one chunk; raises VcffilterError where files disagree or cannot be read."""
        if chunk.n_alleles == 0:
            return _unscored(0, 0)
        if not self._has_contig(chunk.contig):
            return _unscored(chunk.n_alleles, STATUS_CODE["contig_missing"])
        with self._encoders.lent() as encoder:
            return self._score_encoded(chunk, encoder.encode(chunk))

    def _score_encoded(self, chunk: AlleleChunk, encoded: EncodedAlleles) -> AlleleScores:
        self._check_reference(chunk, encoded.problem)
        status = np.zeros(chunk.n_alleles, np.uint8)
        status[encoded.n_informing == 0] = STATUS_CODE["no_reads"]
        for problem, code in _STATUS_OF_PROBLEM.items():
            status[encoded.problem == problem] = code
        is_snv = (np.diff(chunk.ref_offset) == 1) & (np.diff(chunk.alt_offset) == 1)
        return self._with_probabilities(encoded, is_snv, status)

    def _with_probabilities(self, encoded: EncodedAlleles, is_snv: np.ndarray, status: np.ndarray) -> AlleleScores:
        probability = np.full(len(status), np.nan, np.float32)
        log_odds = np.full(len(status), np.nan)
        scored = np.flatnonzero(status == 0)
        if len(scored):
            probability[scored], log_odds[scored] = self._network.scores(
                encoded.features[scored],
                None if encoded.reads is None else encoded.reads[scored],
                is_snv[scored],
                encoded.n_informing[scored],
            )
        reasons = self._reasons(encoded, is_snv, probability) if self._options.want_reasons else None
        return AlleleScores(probability, log_odds, encoded.counts, status, reasons, encoded.features)

    def _reasons(self, encoded: EncodedAlleles, is_snv: np.ndarray, probability: np.ndarray) -> np.ndarray:
        """Reasons of every doubtful ALT."""

        def log_odds(features: np.ndarray, alleles: np.ndarray) -> np.ndarray:
            reads = None if encoded.reads is None else encoded.reads[alleles]
            return self._network.log_odds(features, reads, is_snv[alleles], encoded.n_informing[alleles])

        finder = ReasonFinder(self._network.encoder.features, log_odds)
        return finder.find(encoded.features, np.flatnonzero(probability < max(_DOUBTFUL, *self.thresholds.values())))

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
        raise ReferenceFileError(
            f"the calls' REF {ref[:20]} is not what the reference has there",
            path=self._options.reference_path,
            contig=chunk.contig,
            pos1=int(chunk.start0[first]) + 1,
            hint="Give the FASTA that the calls were made with, or pass such records unscored with --allow-ref-mismatch",
        )

    def close(self) -> None:
        """Close all files."""
        self._encoders.close()
        self.reference.close()


def _unscored(n_alleles: int, status: int) -> AlleleScores:
    nothing = np.full(n_alleles, np.nan, np.float32)
    return AlleleScores(nothing, nothing, np.zeros((n_alleles, 3), np.int32), np.full(n_alleles, status, np.uint8))


def open_scorer(options: EvidenceOptions) -> EvidenceScorer:
    """Open every file, load the model, and make the scorer. Raises VcffilterError with what to do on anything that is missing."""
    from vcffilter.scoring.network import NetworkScorer

    forbid_network_references()
    reference = ReferenceFile(options.reference_path)
    refuse_duplicates(options.reads_paths)
    headers = [read_header(path, options.reference_path) for path in options.reads_paths]
    if options.samples:
        for header in headers:
            header.groups_of(options.samples)
            require_group_tags(header, options.reference_path)
    checkpoint = load_checkpoint(options.model)
    spec = checkpoint.metadata.encoder
    check_spec(spec)
    htslib = load_reading_library()
    selection = ReadSelection(options.use_supplementary, "haplotype_tag" in spec.channels, options.samples)

    def open_encoder() -> ChunkEncoder:
        sequence = ReferenceFile(options.reference_path)
        files = open_alignment_files(headers, options.reference_path, htslib, selection)
        return ChunkEncoder(spec, files, sequence)

    encoders = EncoderPool(open_encoder)
    network = NetworkScorer(checkpoint, options.device)
    return EvidenceScorer(options, headers, encoders, reference, checkpoint, network)
