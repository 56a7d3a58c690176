"""A few records of a VCF or BCF, from its beginning and, where it has an index, spread over its contigs. Scores nothing."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vcffilter.errors import RegionError
from vcffilter.inspection.contigs import contigs_of_calls
from vcffilter.inspection.indexes import index_of
from vcffilter.inspection.reference_bases import ReferenceBases
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.intervals import regions_from_text
from vcffilter.variants.reader import BatchLimits, VariantReader

_FIRST_RECORDS, _SPREAD_RECORDS, _SPREAD_CONTIGS = 2000, 50, 12
_ALLELES_COMPARED = 200
_BYTES_LOOKED_AT = 1 << 20


@dataclass
class CallsSample:
    """What some records show.

    n_records, n_alts, n_scorable: looked at. contigs: of the records, in order. places: (contig, pos0) of scorable ALTs.
    bases: REF against the FASTA. is_whole: all records were looked at. header_text, samples: of the file.
    """

    n_records: int = 0
    n_alts: int = 0
    n_scorable: int = 0
    contigs: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    bases: ReferenceBases = field(default_factory=ReferenceBases)
    is_whole: bool = False
    header_text: str = ""
    samples: list[str] = field(default_factory=list)

    def take(self, chunk: AlleleChunk, n_records: int, n_alts: int, reference: ReferenceFile | None) -> None:
        """Take a chunk in."""
        self.n_records += n_records
        self.n_alts += n_alts
        self.n_scorable += chunk.n_alleles
        if chunk.contig not in self.contigs:
            self.contigs.append(chunk.contig)
        spread = np.unique(np.linspace(0, max(chunk.n_alleles - 1, 0), min(chunk.n_alleles, 40)).astype(np.int64))
        self.places += [(chunk.contig, int(chunk.start0[index])) for index in spread]
        if reference is not None:
            self.bases.saw(reference, chunk, _ALLELES_COMPARED)


def sample_calls(path: str, reference: ReferenceFile | None, samples: list[str] | None = None) -> CallsSample:
    """Records of a file. Raises VariantFileError as reading them in a run would."""
    sample = CallsSample()
    contigs: list[str] = []
    with VariantReader(path, samples=samples, limits=BatchLimits(n_records=500)) as reader:
        sample.header_text = reader.header.text()
        sample.samples = reader.header.sample_names()
        contigs = list(reader.header.contig_name_by_index().values())
        sample.is_whole = _read(reader, sample, reference, _FIRST_RECORDS)
    if not sample.is_whole and index_of(path) is not None:
        for region in _spread_regions(sample.header_text, contigs, sample.contigs[-1:]):
            _read_region(path, region, sample, reference)
    return sample


def _read(reader: VariantReader, sample: CallsSample, reference: ReferenceFile | None, most: int) -> bool:
    """Whether the end of the file, or of the region, was reached."""
    n_taken = 0
    for batch in reader.batches():
        chunk = take_chunk(reader.header, batch)
        sample.take(chunk.alleles, batch.n_records, len(chunk.alt_status), reference)
        n_taken += batch.n_records
        reader.release(batch)
        if n_taken >= most:
            return False
    return True


def _read_region(path: str, region: str, sample: CallsSample, reference: ReferenceFile | None) -> None:
    try:
        with VariantReader(path, regions=regions_from_text(region), limits=BatchLimits(n_records=_SPREAD_RECORDS)) as reader:
            _read(reader, sample, reference, _SPREAD_RECORDS)
    except RegionError:  # a contig that the index does not know
        return


def _spread_regions(header_text: str, contigs: list[str], seen: list[str]) -> Iterator[str]:
    """The second half of each of the largest contigs; where no length is known, the contigs not yet met."""
    lengths = {name: one.length or 0 for name, one in contigs_of_calls(header_text).items()}
    for name in sorted(contigs, key=lambda name: -lengths.get(name, 0))[:_SPREAD_CONTIGS]:
        if lengths.get(name):
            yield f"{{{name}}}:{max(lengths[name] // 2, 1)}-"
        elif name not in seen:
            yield f"{{{name}}}"


def estimated_records(path: str) -> int | None:
    """About how many records a VCF holds, by the lines in its first bytes; None for BCF and where no record is among them."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        packed = file.read(_BYTES_LOOKED_AT)
    text = _inflated(packed) if packed.startswith(b"\x1f\x8b") else packed
    records = [line for line in text.split(b"\n")[:-1] if not line.startswith(b"#")]
    if text.startswith(b"BCF") or not records:
        return None
    # The header counts as well in a small file: as much of the packed bytes as of the text.
    body = sum(len(line) + 1 for line in records) / len(text)
    return round(len(records) * (size - len(packed) * (1 - body)) / (len(packed) * body))


def _inflated(packed: bytes) -> bytes:
    """As much as is whole, of every gzip member."""
    parts = []
    while packed.startswith(b"\x1f\x8b"):
        inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        parts.append(inflater.decompress(packed))
        packed = inflater.unused_data
    return b"".join(parts)
