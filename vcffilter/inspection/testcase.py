"""A call with its reads and a piece of reference as one small archive, for a bug report: enough to score it again elsewhere.

Nothing that names a person or a machine goes along: reads, samples, read groups and programs get plain names, comments are left
out. Coordinates begin anew at the piece of reference. Knows no score.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcffilter.errors import RegionError
from vcffilter.files import write_bytes
from vcffilter.truth.variant_file import VariantFile

if TYPE_CHECKING:
    import pysam

#: Bases on either side of the call whose reads go along: more than any model looks at, the reach of phase in long reads included.
REACH = 3500
#: Reference beyond the reads' ends: what the encoder keeps around an allele, and its longest shift.
_SLACK = 1200
_KEPT_HEADER = re.compile(r"^##(fileformat|INFO|FORMAT|FILTER|ALT)=")
#: INFO/END, a position.
_END = re.compile(r"(^|;)END=(\d+)(?=;|$)")


@dataclass(frozen=True)
class TestcaseFiles:
    """Where the call is looked for, and place: "CHROM:POS", 1-based."""

    calls: str
    reads: tuple[str, ...]
    reference: str
    contig: str
    pos1: int


def write_testcase(files: TestcaseFiles, facts: dict[str, Any], output: str) -> int:
    """Write the archive (.tar.gz) and return how many reads are in it.

    facts: of the program and its model, kept as testcase.json; `model` is the model's name. Raises RegionError where no record
    has the place, and VcffilterError where a file cannot be read.
    """
    import pysam

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        reads = [_read_piece(path, files) for path in files.reads]
        spans = [span for piece in reads for span in piece.spans]
        first0, end0 = _slice(files, spans)
        n_reference = _write_reference(files, first0, end0, folder / "reference.fa")
        records = _write_calls(files, first0, n_reference, folder / "calls.vcf")
        if records == 0:
            hint = "Give CHROM:POS as a record has it; pileup-filter show of a place without a call names the nearest"
            raise RegionError("no record is there", path=files.calls, contig=files.contig, pos1=files.pos1, hint=hint)
        names: dict[str, str] = {}
        for number, piece in enumerate(reads, 1):
            _write_reads(piece, files.contig, first0, n_reference, names, folder / f"reads{number}.bam")
        pysam.faidx(str(folder / "reference.fa"))
        place = f"{files.contig}:{files.pos1 - first0}"
        (folder / "testcase.json").write_text(json.dumps({**facts, "place": place}, indent=1, sort_keys=True) + "\n")
        (folder / "README.txt").write_text(_readme(len(reads), place, _model_option(str(facts["model"]))))
        write_bytes(output, _archive(folder))
    return sum(len(piece.reads) for piece in reads)


@dataclass(frozen=True)
class _ReadPiece:
    """Reads of one file around the call, with their spans (start0, end0)."""

    reads: list[pysam.AlignedSegment]
    spans: list[tuple[int, int]]


def _read_piece(path: str, files: TestcaseFiles) -> _ReadPiece:
    import pysam

    with pysam.AlignmentFile(path, "r", reference_filename=files.reference) as source:
        if files.contig not in source.references:
            return _ReadPiece([], [])
        start0 = max(files.pos1 - 1 - REACH, 0)
        reads = list(source.fetch(files.contig, start0, files.pos1 + REACH))
    return _ReadPiece(reads, [(read.reference_start, read.reference_end or read.reference_start + 1) for read in reads])


def _slice(files: TestcaseFiles, spans: list[tuple[int, int]]) -> tuple[int, int]:
    start0 = min([span[0] for span in spans] + [files.pos1 - 1 - REACH])
    end0 = max([span[1] for span in spans] + [files.pos1 + REACH])
    return max(start0 - _SLACK, 0), end0 + _SLACK


def _write_reference(files: TestcaseFiles, first0: int, end0: int, path: Path) -> int:
    """Write the piece of reference; returns its length."""
    from vcffilter.reads.reference_file import ReferenceFile

    # Opened once as the filter opens it, for its messages about missing files and indexes.
    with ReferenceFile(files.reference) as reference:
        length = reference.length_of_contig.get(files.contig)
    if length is None:
        raise RegionError("the reference has no such contig", path=files.reference, contig=files.contig)
    import pysam

    with pysam.FastaFile(files.reference) as fasta:
        bases = fasta.fetch(files.contig, first0, min(end0, length))
    lines = "".join(f"{bases[at : at + 60]}\n" for at in range(0, len(bases), 60))
    path.write_text(f">{files.contig}\n{lines}")
    return len(bases)


def _write_calls(files: TestcaseFiles, first0: int, n_reference: int, path: Path) -> int:
    """Write the records around the place; returns how many of them have its POS."""
    source = VariantFile(files.calls)
    n_samples = len(source.samples)
    header = [line for line in source.header_text.splitlines() if _KEPT_HEADER.match(line)]
    header.append(f"##contig=<ID={files.contig},length={n_reference}>")
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    columns += "".join(["\tFORMAT", *(f"\tsample{number}" for number in range(1, n_samples + 1))]) if n_samples else ""
    rows, at_place = [], 0
    for record in source.records():
        if files.contig == record.CHROM and abs(record.POS - files.pos1) <= REACH:
            rows.append(_moved(str(record), first0))
            at_place += int(files.pos1 == record.POS)
    source.close()
    path.write_text("\n".join([*header, columns, *rows]) + "\n")
    return at_place


def _moved(line: str, first0: int) -> str:
    fields = line.rstrip("\n").split("\t")
    fields[1] = str(int(fields[1]) - first0)
    fields[7] = _END.sub(lambda match: f"{match[1]}END={int(match[2]) - first0}", fields[7])
    return "\t".join(fields)


def _write_reads(piece: _ReadPiece, contig: str, first0: int, n_reference: int, names: dict[str, str], path: Path) -> None:
    import pysam

    groups: dict[str, str] = {}
    for read in piece.reads:
        if read.has_tag("RG"):
            groups.setdefault(str(read.get_tag("RG")), f"group{len(groups) + 1}")
    # A read's mate on another contig stays there: what it says is part of the score.
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": contig, "LN": n_reference}, {"SN": "elsewhere", "LN": 1 << 30}],
            "RG": [{"ID": group, "SM": "sample1"} for group in groups.values()] or [{"ID": "group1", "SM": "sample1"}],
        }
    )
    with pysam.AlignmentFile(path, "wb", header=header) as target:
        for read in piece.reads:
            target.write(_anonymous(read, header, first0, names, groups))
    pysam.index(str(path))


def _anonymous(
    read: pysam.AlignedSegment, header: pysam.AlignmentHeader, first0: int, names: dict[str, str], groups: dict[str, str]
) -> pysam.AlignedSegment:
    import pysam

    copy = pysam.AlignedSegment(header)
    copy.query_name = names.setdefault(read.query_name or "", f"read{len(names) + 1}")
    copy.flag = read.flag
    copy.reference_id, copy.reference_start = 0, read.reference_start - first0
    copy.mapping_quality, copy.cigartuples = read.mapping_quality, read.cigartuples
    copy.query_sequence = read.query_sequence
    copy.query_qualities = read.query_qualities
    copy.next_reference_id, copy.next_reference_start = _mate(read, first0)
    copy.template_length = read.template_length
    for tag in ("HP", "MD", "NM"):
        if read.has_tag(tag):
            copy.set_tag(tag, read.get_tag(tag))
    if read.has_tag("RG"):
        copy.set_tag("RG", groups[str(read.get_tag("RG"))])
    return copy


def _mate(read: pysam.AlignedSegment, first0: int) -> tuple[int, int]:
    """Contig number and start of the mate: on the piece, at its border where it lies outside, or elsewhere."""
    if read.next_reference_id < 0:
        return -1, -1
    if read.next_reference_id != read.reference_id:
        return 1, 0
    return 0, max(read.next_reference_start - first0, 0)


def _model_option(model_id: str) -> str:
    """What --model takes: the name of a model that ships, else the file that has to go along."""
    from vcffilter.models.checkpoint import available_weights

    return model_id if model_id in available_weights() else f"{model_id}.safetensors"


def _readme(n_files: int, place: str, model: str) -> str:
    reads = " ".join(f"-b reads{number}.bam" for number in range(1, n_files + 1))
    return (
        f"One call at {place} with the reads around it. Names of reads, samples and groups were replaced; positions count from\n"
        "the beginning of the piece of reference. testcase.json says with which program and model it was made. To score it:\n\n"
        f"  pileup-filter filter calls.vcf {reads} -f reference.fa --model {model} --reasons\n"
    )


def _archive(folder: Path) -> bytes:
    """The files of a folder as .tar.gz; the same files are the same bytes."""
    import gzip

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(f"testcase/{path.name}")
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
    return gzip.compress(plain.getvalue(), mtime=0)
