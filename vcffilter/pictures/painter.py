"""Pileups of calls from files of reads: opens what the score is made of, keeps it open, and encodes one allele after the other.

Knows no VCF and no drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np

from vcffilter.encoding.encoder import ENCODER_VERSION, ChunkEncoder, EncodedAlleles, PreparedChunk
from vcffilter.errors import ReferenceMismatchError
from vcffilter.kernels.normalised_alleles import FINE
from vcffilter.models.encoder_spec import PHASE_CHANNEL, EncoderSpec
from vcffilter.pictures.pileup import Pileup, pileup_of
from vcffilter.reads.alignment_file import ReadSelection, open_reads
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_chunk import AlleleChunk

#: Within so many bases, where a picture of the channel of phase is asked for and no model says how far.
PHASE_REACH = 500


class PileupSource:
    """Makes pileups of single alleles. samples: of the reads' @RG lines; empty = all reads. Raises VcffilterError."""

    def __init__(self, reads_paths: Sequence[str], reference_path: str, samples: tuple[str, ...] = ()) -> None:
        self._reference = ReferenceFile(reference_path)
        try:
            self._files = open_reads(reads_paths, reference_path, ReadSelection(want_haplotype_tag=True, samples=samples))
        except BaseException:
            self._reference.close()
            raise
        self._encoder = ChunkEncoder(EncoderSpec(ENCODER_VERSION, ()), self._files, self._reference)

    def __enter__(self) -> PileupSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every file."""
        self._encoder.close()

    def pileup(
        self, contig: str, pos1: int, ref: str, alt: str, *, n_columns: int = 81, most_rows: int = 60, shift: int = 0
    ) -> Pileup:
        """The pileup of one ALT; shift: bases by which the window is moved from it.

        Raises ReferenceMismatchError where its REF is not the reference's, or the allele is too long.
        """
        prepared = self.prepared(contig, pos1, ref, alt, (shift - n_columns, shift + n_columns) if shift else None)
        return pileup_of(prepared, contig, 0, n_columns=n_columns, most_rows=most_rows, shift=shift)

    def prepared(
        self,
        contig: str,
        pos1: int,
        ref: str,
        alt: str,
        reach: tuple[int, int] | None = None,
        encoder: ChunkEncoder | None = None,
    ) -> PreparedChunk:
        """Everything that pictures and encoders take of one ALT; its reads hold until the next call. Raises as `pileup`.

        reach: (first, last) of a window, in bases from where REF begins and ends; its reads and reference are taken, too.
        encoder: one of `encoder`, where it is to encode this: a network that knows of phase takes reads of further around.
        """
        self._check_contig(contig)
        window = None if reach is None else (pos1 - 1 + reach[0], pos1 - 1 + len(ref) + reach[1])
        prepared = (encoder or self._encoder).prepare(AlleleChunk.from_alleles(contig, [(pos1 - 1, ref, alt)]), window)
        if prepared.alleles.problem[0] != FINE:
            raise self._undrawable(contig, pos1, ref, alt)
        return prepared

    def encoder(self, spec: EncoderSpec) -> ChunkEncoder:
        """An encoder of these reads as a network with this spec gets them. The files stay this object's to close."""
        return ChunkEncoder(spec, self._files, self._reference)

    def tensor(
        self, contig: str, pos1: int, ref: str, alt: str, channels: tuple[str, ...], *, rows: int = 33, columns: int = 33
    ) -> np.ndarray:
        """The tensor of one ALT, uint8 (rows, columns, channels), as a network that declares these channels gets it.

        Raises ModelError on an unknown channel, ReferenceMismatchError as `pileup`.
        """
        reach = PHASE_REACH if PHASE_CHANNEL in channels else 0
        encoded = self.encoded(contig, pos1, ref, alt, EncoderSpec(ENCODER_VERSION, (), channels, rows, columns, reach))
        assert encoded.reads is not None
        tensor: np.ndarray = encoded.reads[0]
        return tensor

    def encoded(self, contig: str, pos1: int, ref: str, alt: str, spec: EncoderSpec) -> EncodedAlleles:
        """The arrays of one ALT as a network with this spec gets them. Raises as `tensor`."""
        self._check_contig(contig)
        chunk = AlleleChunk.from_alleles(contig, [(pos1 - 1, ref, alt)])
        encoded = ChunkEncoder(spec, self._files, self._reference).encode(chunk)
        if encoded.problem[0] != FINE:
            raise self._undrawable(contig, pos1, ref, alt)
        return encoded

    def _check_contig(self, contig: str) -> None:
        contigs = frozenset(self._reference.length_of_contig)
        if contig not in contigs:
            check_naming(contig, "the calls", self._reference.path, contigs)
            raise ReferenceMismatchError("the reference has no such contig", path=self._reference.path, contig=contig)

    def _undrawable(self, contig: str, pos1: int, ref: str, alt: str) -> ReferenceMismatchError:
        return ReferenceMismatchError(
            f"{ref[:20]}>{alt[:20]} cannot be drawn: REF is not what the reference has there, or an allele is too long",
            path=self._reference.path, contig=contig, pos1=pos1, hint="Give the FASTA that the calls were made with",
        )  # fmt: skip
