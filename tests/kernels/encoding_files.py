"""Small FASTA, BAM and chunks for the tests of kernels, reads and encoding; and the encoder under test on given files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pysam
from twin.normalised_alleles import Called

from vcffilter.encoding.encoder import ChunkEncoder, EncodedAlleles
from vcffilter.kernels.encode import ALL_FEATURES, ENCODER_VERSION, FEATURE_NAMES
from vcffilter.kernels.htslib import Htslib, load_htslib
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.reads.alignment_file import AlignmentFile, ReadSelection, forbid_network_references, read_header
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_chunk import AlleleChunk


@dataclass(frozen=True)
class Aligned:
    """One alignment to write. qualities: phred, one a base, or empty for none (`*`)."""

    name: str
    start0: int
    cigar: str
    bases: str
    qualities: tuple[int, ...] = ()
    flag: int = 0
    mapq: int = 60
    mate_start0: int = -1
    mate_contig: int = 0
    template_length: int = 0
    tags: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Shape:
    """What the encoder is asked for."""

    rows: int = 12
    columns: int = 33
    channels: tuple[str, ...] = CHANNEL_NAMES
    selection: ReadSelection = field(default_factory=lambda: ReadSelection(want_haplotype_tag=True))
    phase_reach: int = 0

    @property
    def features(self) -> tuple[str, ...]:
        return ALL_FEATURES if self.phase_reach else FEATURE_NAMES

    @property
    def spec(self) -> EncoderSpec:
        return EncoderSpec(ENCODER_VERSION, self.features, self.channels, self.rows, self.columns, self.phase_reach)


@lru_cache(maxsize=1)
def htslib() -> Htslib:
    """htslib with its references kept to the files given."""
    forbid_network_references()
    return load_htslib()


def write_fasta(path: Path, contigs: dict[str, str]) -> str:
    """An indexed FASTA."""
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    pysam.faidx(str(path))
    return str(path)


def write_bam(path: Path, contigs: dict[str, str], reads: Sequence[Aligned], groups: Sequence[tuple[str, str]] = ()) -> str:
    """A sorted, indexed BAM. groups: (read group, sample)."""
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": name, "LN": len(b)} for name, b in contigs.items()]}
    if groups:
        header["RG"] = [{"ID": group, "SM": sample} for group, sample in groups]
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for read in sorted(reads, key=lambda read: read.start0):
            file.write(_record(read, file.header))
    pysam.index(str(path))
    return str(path)


def _record(read: Aligned, header: pysam.AlignmentHeader) -> pysam.AlignedSegment:
    record = pysam.AlignedSegment(header)
    record.query_name, record.flag = read.name, read.flag
    record.reference_id, record.reference_start = 0, read.start0
    record.mapping_quality, record.cigarstring = read.mapq, read.cigar
    record.next_reference_id = read.mate_contig if read.flag & 1 else -1
    record.next_reference_start = read.mate_start0
    record.template_length = read.template_length
    record.query_sequence = read.bases or None
    record.query_qualities = list(read.qualities) if read.qualities else None
    for tag, value in read.tags:
        record.set_tag(tag, value)
    return record


def chunk_of(contig: str, alleles: Sequence[Called], records: Sequence[int] | None = None) -> AlleleChunk:
    """A chunk as the stream makes it, bases as given. records: number of each allele's; None = one for each."""

    def pool(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        offset = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=offset[1:])
        return offset, np.frombuffer("".join(texts).encode(), np.uint8)

    ref_offset, ref_bases = pool([allele.ref for allele in alleles])
    alt_offset, alt_bases = pool([allele.alt for allele in alleles])
    n = len(alleles)
    record_index = np.array(range(n) if records is None else records, np.int32)
    start0 = np.array([allele.start0 for allele in alleles], np.int64)
    return AlleleChunk(contig, start0, ref_offset, ref_bases, alt_offset, alt_bases, record_index, np.zeros(n, np.int32))


def open_encoder(bams: Sequence[str], reference: str, shape: Shape) -> ChunkEncoder:
    """The encoder under test."""
    files = [AlignmentFile(read_header(bam, reference), reference, htslib(), shape.selection) for bam in bams]
    return ChunkEncoder(shape.spec, files, ReferenceFile(reference))


def encode(
    bams: Sequence[str],
    reference: str,
    contig: str,
    alleles: Sequence[Called],
    shape: Shape,
    records: Sequence[int] | None = None,
) -> EncodedAlleles:
    """Encode one chunk with a fresh encoder."""
    encoder = open_encoder(bams, reference, shape)
    try:
        return encoder.encode(chunk_of(contig, alleles, records))
    finally:
        encoder.close()


def assert_same(one: EncodedAlleles, other: EncodedAlleles, of_one: object = slice(None), of_other: object = slice(None)) -> None:
    """Two encodings are equal bit by bit. of_one, of_other: which of their alleles, in the same order."""
    np.testing.assert_array_equal(one.problem[of_one], other.problem[of_other])
    np.testing.assert_array_equal(one.n_informing[of_one], other.n_informing[of_other])
    mine, theirs = one.features[of_one], other.features[of_other]
    wrong = sorted({ALL_FEATURES[column] for column in np.nonzero(mine != theirs)[1]})
    assert not wrong, f"features differ: {wrong}"
    if one.reads is not None and other.reads is not None:
        np.testing.assert_array_equal(one.reads[of_one], other.reads[of_other])
