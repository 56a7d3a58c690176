"""How many reads of some files show each called allele, counted as the filter counts them. Knows no labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vcffilter.encoding.encoder import ChunkEncoder
from vcffilter.kernels.encode import ENCODER_VERSION, N_ALT, N_INFORMING
from vcffilter.labelling.resource_rules import ReadCount
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.reads.alignment_file import (
    ReadSelection,
    load_reading_library,
    open_alignment_files,
    read_header,
    refuse_duplicates,
)
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.truth.call_sets import CalledAllele
from vcffilter.variants.allele_chunk import AlleleChunk

#: Alleles whose reads are counted at once.
_PIECE = 4096
#: Base 2 logarithms of fragments on the allele's haplotype, and one more, as the encoder makes them.
_PHASED = ("phase_log_agreeing_alt", "phase_log_contradicting")


class ReadCounter:
    """Counts on some BAM or CRAM files, all of one sample or of several runs of it. Close it when done, or use it with `with`.

    calls_path: for messages. samples: of the reads' @RG lines; empty = all reads. phase_reach: bases on either side of an allele
    in which heterozygous columns phase its reads; 0 = they are not phased. Raises ReadsFileError, ReferenceFileError,
    ContigNamingError.
    """

    def __init__(
        self, calls_path: str, reads: Sequence[str], reference: str, samples: Sequence[str] = (), phase_reach: int = 0
    ) -> None:
        self._calls_path = calls_path
        refuse_duplicates(reads)
        self._headers = [read_header(path, reference) for path in reads]
        files = open_alignment_files(self._headers, reference, load_reading_library(), ReadSelection(samples=tuple(samples)))
        self._is_phased = phase_reach > 0
        spec = EncoderSpec(ENCODER_VERSION, _PHASED if self._is_phased else (), phase_reach=phase_reach)
        self._encoder = ChunkEncoder(spec, files, ReferenceFile(reference))

    def __enter__(self) -> ReadCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self._encoder.close()

    def counts(self, contig: str, calls: Sequence[CalledAllele]) -> list[ReadCount]:
        """Of each call of a contig; nothing for one without a sequence."""
        for header in self._headers:
            if contig not in header.contigs:
                check_naming(contig, self._calls_path, header.path, header.contigs)
        found = [ReadCount(0, 0)] * len(calls)
        usable = sorted((call.pos1, index) for index, call in enumerate(calls) if call.has_sequence)
        order = [index for _, index in usable]
        for first in range(0, len(order), _PIECE):
            piece = order[first : first + _PIECE]
            chunk = AlleleChunk.from_alleles(contig, [calls[index].allele for index in piece])
            encoded = self._encoder.encode(chunk)
            counts = encoded.counts[:, [N_INFORMING, N_ALT]].astype(np.int64)
            if self._is_phased:
                fragments = np.round(np.exp2(encoded.features.astype(np.float64)) - 1).astype(np.int64)
                counts = np.concatenate([counts, fragments], axis=1)
            for index, row in zip(piece, counts.tolist(), strict=True):
                found[index] = ReadCount(*row)
        return found
