"""The contigs of calls, reads and FASTA side by side: names, lengths, digests. Reads bases for small digests only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pysam

from vcffilter.reads.reference_file import ReferenceFile

_CONTIG_LINE = re.compile(r"^##contig=<(.*)>$", re.MULTILINE)
_FIELD = re.compile(r'(\w+)=("[^"]*"|[^,]*)')
#: Bases digested of the FASTA in all: digests of whole genomes take minutes.
_MOST_DIGESTED = 30_000_000


@dataclass(frozen=True)
class Contig:
    """length: bases, None = not stated. md5: of the upper-case bases, None = not stated."""

    length: int | None = None
    md5: str | None = None


@dataclass(frozen=True)
class ContigRow:
    """One contig in each of the three; None = it is not there."""

    name: str
    calls: Contig | None
    reads: Contig | None
    fasta: Contig | None

    @property
    def lengths_differ(self) -> bool:
        """Whether two of the three state different lengths."""
        return len({one.length for one in (self.calls, self.reads, self.fasta) if one and one.length is not None}) > 1

    @property
    def digests_differ(self) -> bool:
        """Whether two of the three state different digests."""
        return len({one.md5 for one in (self.calls, self.reads, self.fasta) if one and one.md5 is not None}) > 1


def contigs_of_calls(header_text: str) -> dict[str, Contig]:
    """From ##contig lines."""
    contigs = {}
    for line in _CONTIG_LINE.findall(header_text):
        fields = {key.lower(): value.strip('"') for key, value in _FIELD.findall(line)}
        length = fields.get("length", "")
        contigs[fields.get("id", "")] = Contig(int(length) if length.isdigit() else None, _md5(fields.get("md5")))
    return contigs


def contigs_of_reads(path: str, reference_path: str) -> dict[str, Contig]:
    """From @SQ lines. The file has been opened before: it is there, and can be read."""
    with pysam.AlignmentFile(path, "r", reference_filename=reference_path) as alignments:
        contigs = {name: Contig(length) for name, length in zip(alignments.references, alignments.lengths, strict=True)}
        try:
            lines = str(alignments.header).splitlines()
        except UnicodeDecodeError:  # letters of another encoding in a comment: digests are not worth an error
            return contigs
    for line in lines:
        if line.startswith("@SQ\t"):
            fields = {field[:2]: field[3:] for field in line.split("\t")[1:]}
            name = fields.get("SN", "")
            if name in contigs:
                contigs[name] = Contig(contigs[name].length, _md5(fields.get("M5")))
    return contigs


def contigs_of_fasta(reference: ReferenceFile, digested: Iterable[str]) -> dict[str, Contig]:
    """Names and lengths, and the digests of as many of `digested` as are small enough."""
    contigs = {name: Contig(length) for name, length in reference.length_of_contig.items()}
    room = _MOST_DIGESTED
    with pysam.FastaFile(reference.path) as fasta:
        for name in sorted(set(digested) & set(contigs), key=lambda name: reference.length_of_contig[name]):
            length = reference.length_of_contig[name]
            if length > room:
                break
            room -= length
            contigs[name] = Contig(length, hashlib.md5(fasta.fetch(name).upper().encode(), usedforsecurity=False).hexdigest())
    return contigs


def side_by_side(
    calls: Mapping[str, Contig], reads: Mapping[str, Contig], fasta: Mapping[str, Contig], used: Iterable[str] = ()
) -> list[ContigRow]:
    """Rows for every contig, those with records first, then in the order of the calls, the reads, the FASTA."""
    names = dict.fromkeys([*used, *calls, *reads, *fasta])
    return [ContigRow(name, calls.get(name), reads.get(name), fasta.get(name)) for name in names]


def _md5(text: str | None) -> str | None:
    return text.lower() if text and re.fullmatch(r"[0-9a-fA-F]{32}", text) else None
