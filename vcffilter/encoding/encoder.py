"""From a chunk of alleles to the arrays a model declares. One `ChunkEncoder` per thread; knows no VCF and no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vcffilter.errors import ModelError, ReadsFileError
from vcffilter.kernels.encode import (
    ALL_FEATURES,
    ENCODER_VERSION,
    FEATURE_NAMES,
    N_COUNTS,
    N_INFORMING,
    empty_encode_scratch,
    encode_alleles,
    running_maximum,
)
from vcffilter.kernels.haplotypes import FLANK, empty_haplotypes
from vcffilter.kernels.linked_parts import find_together
from vcffilter.kernels.normalised_alleles import FINE, MAX_ALLELE_LENGTH, NormalisedAlleles, empty_alleles, normalise_alleles
from vcffilter.kernels.phase import PHASE_CHANNEL, PHASE_FEATURES, Columns, find_columns, no_columns
from vcffilter.kernels.reads import N_CIGAR, N_READS, ReadArrays, empty_reads
from vcffilter.kernels.reads_order import in_order
from vcffilter.kernels.reference import ReferenceSegments, base_code_table, merge_intervals
from vcffilter.kernels.scan import MAX_SHIFT, SCAN_EQUAL_BASES, SCAN_NEED_SPACE, ReadEvents, empty_events, link_mates, scan_reads
from vcffilter.kernels.site_view import view_site
from vcffilter.kernels.support import SiteReads, empty_site_reads
from vcffilter.kernels.tensor import ALL_CHANNELS, COLUMN_CHANNELS
from vcffilter.models import encoder_spec
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.reads.alignment_file import AlignmentFile
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_chunk import AlleleChunk

# Kernels write channels and networks read them, and neither knows the other: here both are seen.
assert encoder_spec.COLUMN_CHANNELS == COLUMN_CHANNELS, "networks take other channels for columns than the kernels write"
assert encoder_spec.SUPPORT_CHANNEL in ALL_CHANNELS, "networks ask for a channel of support that is not written"
assert encoder_spec.PHASE_CHANNEL == PHASE_CHANNEL, "the channel of phase has another name than checkpoints know"
assert {name for name in ALL_FEATURES if name.startswith(encoder_spec.PHASE_PREFIX)} == set(PHASE_FEATURES)

#: Reference kept around each record: enough for the longest shift (kernels.scan.MAX_SHIFT), flanks and slack on either side, so
#: that nothing depends on the neighbours in the chunk.
_PAD_LEFT, _PAD_RIGHT = 640, 1024
#: Between a record as written and the far end of its allele's shift range, with room to spare: the reach counts from there.
_REACH_PAD = 640
#: Widest window of a tensor: beyond it lies what depends on the neighbours in the chunk. The middle column is an allele's start,
#: at most MAX_SHIFT bases left of where the record has it.
MAX_COLUMNS = 2 * (_PAD_LEFT - MAX_SHIFT) + 1
#: Alleles encoded at once: at first, and how many reads a piece should hold at most.
_FIRST_PIECE, _MAX_PIECE = 64, 4096
_READS_PER_PIECE = 50_000
#: Reads between two sites closer than this are read along rather than jumped over.
_JOIN_GAP = 256


@dataclass(frozen=True)
class EncodedAlleles:
    """Arrays of one chunk.

    features: float32 (n_alleles, n_features), in the order of the spec. reads: uint8 (n_alleles, rows, columns, channels) or
    None; the encoder writes its next chunk over it; where tensors were made of chosen alleles only, theirs in order.
    counts: int32 (n_alleles, N_COUNTS), reads as kernels.encode counts them.
    problem: uint8 (n_alleles,), codes of kernels.normalised_alleles (FINE, ...). together: bool (n_alleles,), whether it is a
    substitution of several bases that the reads show together.
    """

    features: np.ndarray
    reads: np.ndarray | None
    counts: np.ndarray
    problem: np.ndarray
    together: np.ndarray

    @property
    def n_informing(self) -> np.ndarray:
        """int32 (n_alleles,), reads counted."""
        return self.counts[:, N_INFORMING]


#: Alleles without tensors -> bool (n_alleles,), those that need one.
Choose = Callable[[EncodedAlleles], np.ndarray]


@dataclass(frozen=True)
class PreparedChunk:
    """A chunk with everything the encoding kernels take; also the entry for explanations and pictures of single alleles."""

    alleles: NormalisedAlleles
    segments: ReferenceSegments
    reads: ReadArrays
    n_reads: int
    events: ReadEvents
    furthest_end0: np.ndarray
    columns: Columns


def check_spec(spec: EncoderSpec) -> None:
    """Raise ModelError when a checkpoint asks for what this encoder cannot make."""
    if spec.version != ENCODER_VERSION:
        raise ModelError(
            f"the model needs encoder version {spec.version}, this program has version {ENCODER_VERSION}",
            hint="Use a model made for this version, or the program's version that the model's card names",
        )
    unknown = [name for name in spec.features if name not in ALL_FEATURES]
    unknown += [name for name in spec.channels if name not in ALL_CHANNELS]
    if unknown:
        raise ModelError(f"the model needs what the encoder does not make: {', '.join(unknown)}")
    if spec.uses_phase and spec.phase_reach < 1:
        raise ModelError("the model needs phase, but does not say within which reach (phase_reach is 0)")
    if spec.rows and (spec.columns < 1 or spec.columns % 2 == 0):
        raise ModelError(f"the model's window has {spec.columns} columns; it must be odd")
    if spec.rows and spec.columns > MAX_COLUMNS:
        raise ModelError(
            f"the model's window has {spec.columns} columns; more than {MAX_COLUMNS} reach beyond the reference around an allele"
        )


class ChunkEncoder:
    """Reads, support, site features and tensors of one chunk after the other; keeps its arrays from chunk to chunk."""

    def __init__(self, spec: EncoderSpec, files: Sequence[AlignmentFile], reference: ReferenceFile) -> None:
        check_spec(spec)
        self._spec = spec
        self._files = tuple(files)
        self._reference = reference
        self._channels = np.array([ALL_CHANNELS.index(name) for name in spec.channels], np.int64)
        self._phase_reach = spec.phase_reach if spec.uses_phase else 0
        self._written = ALL_FEATURES if self._phase_reach else FEATURE_NAMES
        self._columns_of_features = np.array([self._written.index(name) for name in spec.features], np.int64)
        self._all_features = tuple(spec.features) == self._written
        self._codes = base_code_table()
        self._reads = empty_reads()
        # Kept, as pages that the system has to clear first cost a tenth of encoding.
        self._tensor = np.zeros((0, spec.rows, spec.columns, len(self._channels)), np.uint8)
        self._piece_size = _FIRST_PIECE

    def read_from(self, files: Sequence[AlignmentFile]) -> None:
        """Take the reads of the next chunks from these files. They stay the caller's to close."""
        self._files = tuple(files)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
        self._reference.close()

    def encode(self, chunk: AlleleChunk) -> EncodedAlleles:
        """Encode every allele of a chunk whose contig the reference has.

        Works in pieces whose size follows the depth, so that deep data does not fill the memory; no result depends on the cut.
        """
        if len(self._tensor) < chunk.n_alleles:
            self._tensor = np.zeros((chunk.n_alleles, *self._tensor.shape[1:]), np.uint8)
        pieces, first = [], 0
        for prepared in self._pieces(chunk):
            last = first + len(prepared.alleles.problem)
            pieces.append(self.encode_prepared(prepared, self._tensor[first:last] if self._spec.rows else None))
            first = last
        return _joined(pieces, self._tensor[: chunk.n_alleles] if self._spec.rows else None)

    def encode_chosen(self, chunk: AlleleChunk, choose: Choose) -> EncodedAlleles:
        """As `encode`, with tensors of the alleles that `choose` names alone, one after the other in `reads`.

        choose: called with one piece of the chunk after the other, while its reads are in memory. What it says of an allele must
        not depend on the others, as they may be cut otherwise.
        """
        pieces, n_tensors = [], 0
        for prepared in self._pieces(chunk):
            pieces.append(self.encode_prepared(prepared, None))
            chosen = np.flatnonzero(choose(pieces[-1]))
            if len(chosen):
                end = n_tensors + len(chosen)
                self._make_room(end)
                self._run_kernels(replace(prepared, alleles=prepared.alleles.subset(chosen)), self._tensor[n_tensors:end])
                n_tensors = end
        return _joined(pieces, self._tensor[:n_tensors])

    def _pieces(self, chunk: AlleleChunk) -> Iterator[PreparedChunk]:
        """A chunk in pieces of whole records, ready to be encoded: each holds until the next is asked for."""
        first = 0
        while first < chunk.n_alleles:
            last = _end_of_record(chunk.record_index, min(first + self._piece_size, chunk.n_alleles))
            prepared = self.prepare(_alleles_of(chunk, first, last))
            yield prepared
            self._piece_size = _next_piece_size(last - first, prepared.n_reads)
            first = last

    def _make_room(self, n_tensors: int) -> None:
        """For so many tensors; what there are of them already is kept."""
        n_had = len(self._tensor)
        if n_had < n_tensors:
            more = np.zeros((max(n_tensors, 2 * n_had), *self._tensor.shape[1:]), np.uint8)
            more[:n_had] = self._tensor
            self._tensor = more

    def encode_prepared(self, prepared: PreparedChunk, tensor: np.ndarray | None) -> EncodedAlleles:
        """Encode what `prepare` made. tensor: uint8 (n_alleles, rows, columns, channels), written over; None: none is wanted."""
        features, counts = self._run_kernels(prepared, tensor)
        if not self._all_features:
            features = np.ascontiguousarray(features[:, self._columns_of_features])
        return EncodedAlleles(features, tensor, counts, prepared.alleles.problem, _shown_together(prepared))

    def _run_kernels(self, prepared: PreparedChunk, tensor: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """(features, float32 (n_alleles, all that are written); counts, int32 (n_alleles, N_COUNTS)); fills `tensor`."""
        n = len(prepared.alleles.problem)
        features = np.zeros((n, len(self._written)), np.float32)
        counts = np.zeros((n, N_COUNTS), np.int32)
        encode_alleles(
            prepared.alleles,
            prepared.segments,
            prepared.reads,
            prepared.n_reads,
            prepared.events,
            prepared.furthest_end0,
            prepared.columns,
            self._channels,
            empty_encode_scratch(prepared.n_reads, self._phase_reach),
            features,
            tensor,
            counts,
        )
        return features, counts

    def prepare(self, chunk: AlleleChunk, window: tuple[int, int] | None = None) -> PreparedChunk:
        """Reference windows, normalised alleles, reads and their differences for one chunk.

        window: (start0, end0) that a picture shows; all between it and the alleles is taken, too.
        """
        start0, end0 = _sorted_with(chunk.start0, chunk.start0 + np.diff(chunk.ref_offset), window)
        left, right = (max(pad, self._phase_reach + _REACH_PAD if self._phase_reach else 0) for pad in (_PAD_LEFT, _PAD_RIGHT))
        segments = self._reference.segments(chunk.contig, start0 - left, np.maximum.accumulate(end0) + right)
        alleles = empty_alleles(chunk.n_alleles, len(chunk.alt_bases))
        normalise_alleles(
            chunk.start0,
            chunk.ref_offset,
            chunk.ref_bases,
            chunk.alt_offset,
            chunk.alt_bases,
            self._codes,
            np.empty(len(chunk.ref_bases), np.uint8),
            np.empty(len(chunk.alt_bases), np.uint8),
            segments,
            alleles,
        )
        alleles.record[:] = chunk.record_index
        reads = self._read(chunk.contig, alleles, window)
        n_reads = int(reads.counts[N_READS])
        events = self._scan(chunk.contig, reads, n_reads, segments)
        furthest_end0 = np.empty(n_reads, np.int64)
        running_maximum(reads.unclipped_end0, n_reads, furthest_end0)
        columns = no_columns()
        if self._phase_reach:
            columns = find_columns(reads, n_reads, segments, events, self._phase_reach)
        return PreparedChunk(alleles, segments, reads, n_reads, events, furthest_end0, columns)

    def _read(self, contig: str, alleles: NormalisedAlleles, window: tuple[int, int] | None) -> ReadArrays:
        """The reads over the alleles, and on the way to a window, each decoded once."""
        self._reads.counts[:] = 0
        usable = alleles.problem == FINE
        if not usable.any():
            return self._reads
        reach = max(FLANK, self._phase_reach)
        start0, end0 = _sorted_with(np.maximum(alleles.start0[usable] - reach, 0), alleles.shift_end0[usable] + reach, window)
        merged_start0 = np.empty(len(start0), np.int64)
        merged_end0 = np.empty(len(start0), np.int64)
        n = merge_intervals(start0, end0, _JOIN_GAP, merged_start0, merged_end0)
        for file in self._files:
            if file.has_contig(contig):
                self._reads = file.append_reads(contig, merged_start0[:n], merged_end0[:n], self._reads)
        return in_order(self._reads, len(self._files))

    def _scan(self, contig: str, reads: ReadArrays, n_reads: int, segments: ReferenceSegments) -> ReadEvents:
        """Mismatches, indels and mates of the reads."""
        n_cigar = int(reads.counts[N_CIGAR])
        room = 8 * n_reads + 1024
        events = empty_events(n_reads, room, n_cigar)
        while (found := scan_reads(reads, n_reads, segments, events)) == SCAN_NEED_SPACE:
            room *= 4
            events = empty_events(n_reads, room, n_cigar)
        if found == SCAN_EQUAL_BASES:
            raise ReadsFileError(
                "its bases are written as = where they are the reference's",
                path=", ".join(file.header.path for file in self._files),
                contig=contig,
                pos1=int(reads.start0[0]) + 1,
                hint="Give the reads as they were before samtools calmd -e",
            )
        table = np.full(1 << max(int(2 * n_reads).bit_length(), 4), -1, np.int32)
        link_mates(reads, n_reads, table, events.mate)
        return events


def site_reads(prepared: PreparedChunk, allele: int) -> SiteReads:
    """The reads over one usable allele of a chunk with their support, as the features are made of them."""
    site = empty_site_reads(prepared.n_reads)
    view_site(
        allele,
        prepared.alleles,
        prepared.segments,
        prepared.reads,
        prepared.n_reads,
        prepared.events,
        prepared.furthest_end0,
        empty_haplotypes(),
        site,
    )
    return site


def _sorted_with(start0: np.ndarray, end0: np.ndarray, window: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Intervals by start; where there is a window, one more that reaches over it and all of them."""
    order = np.argsort(start0, kind="stable")
    start0, end0 = start0[order], end0[order]
    if window is None:
        return start0, end0
    whole = max(min(int(start0[0]), window[0]), 0), max(int(end0.max()), window[1])
    return np.concatenate([[whole[0]], start0]), np.concatenate([[whole[1]], end0])


def _shown_together(prepared: PreparedChunk) -> np.ndarray:
    """bool (n_alleles,), as `EncodedAlleles` has it."""
    together = np.zeros(len(prepared.alleles.problem), bool)
    find_together(
        prepared.alleles,
        prepared.segments,
        prepared.reads,
        prepared.n_reads,
        prepared.furthest_end0,
        np.empty(MAX_ALLELE_LENGTH, np.uint8),
        np.empty(MAX_ALLELE_LENGTH, np.int64),
        together,
    )
    return together


def _end_of_record(record_index: np.ndarray, end: int) -> int:
    """The first border between records at or after `end`: the ALTs of one record stay together, its parts (below 0) with them."""
    while end < len(record_index) and (record_index[end] == record_index[end - 1] or record_index[end] < 0):
        end += 1
    return end


def _next_piece_size(n_alleles: int, n_reads: int) -> int:
    """Alleles whose reads should fit a piece, given what the last piece held."""
    fitting = n_alleles * _READS_PER_PIECE // max(n_reads, 1)
    return min(max(fitting, 1), 4 * n_alleles + _FIRST_PIECE, _MAX_PIECE)


def _alleles_of(chunk: AlleleChunk, first: int, last: int) -> AlleleChunk:
    """The alleles first:last of a chunk, as a chunk."""
    ref, alt = chunk.ref_offset, chunk.alt_offset
    return AlleleChunk(
        chunk.contig,
        chunk.start0[first:last],
        ref[first : last + 1] - ref[first],
        chunk.ref_bases[ref[first] : ref[last]],
        alt[first : last + 1] - alt[first],
        chunk.alt_bases[alt[first] : alt[last]],
        chunk.record_index[first:last],
        chunk.alt_index[first:last],
    )


def _joined(pieces: Sequence[EncodedAlleles], tensor: np.ndarray | None) -> EncodedAlleles:
    """Pieces of one chunk, in order, as one. tensor: of all of them."""
    if len(pieces) == 1:
        return replace(pieces[0], reads=tensor)
    return EncodedAlleles(
        np.concatenate([piece.features for piece in pieces]),
        tensor,
        np.concatenate([piece.counts for piece in pieces]),
        np.concatenate([piece.problem for piece in pieces]),
        np.concatenate([piece.together for piece in pieces]),
    )
