"""Headers that samtools takes and pysam's parser does not; what is missing, twice or cut is said before the first read."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pysam
import pytest
from encoding_files import Aligned, Shape, encode, write_bam, write_fasta
from tiny_cases import CONTIG
from twin.normalised_alleles import Called

from vcffilter.errors import ReadsFileError, ReferenceFileError, UsageError
from vcffilter.kernels.htslib import load_htslib
from vcffilter.reads.alignment_file import (
    AlignmentFile,
    ReadSelection,
    open_alignment_files,
    read_header,
    refuse_duplicates,
    require_group_tags,
)
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.truth.pairing import open_reference

_BASES = "GATTACAGGCTTAACCGTGCATCGGATCCTAGCATTACGGATTGACCATGCAAGTCCTGAACTTGGCA" * 5
_READ = Aligned(name="r", start0=100, cigar="100M", bases=_BASES[100:200], qualities=(30,) * 100, tags=(("RG", "g1"),))
_SITE = Called(150, _BASES[150], "A" if _BASES[150] != "A" else "C")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    bam = write_bam(tmp_path / "reads.bam", {CONTIG: _BASES}, [_READ], (("g1", "one"),))
    return bam, write_fasta(tmp_path / "reference.fa", {CONTIG: _BASES})


def _with_lines(bam: str, lines: bytes, instead_of: bytes = b"") -> None:
    """Write the BAM again with more header lines, as no parser saw them."""
    data = gzip.decompress(Path(bam).read_bytes())
    (length,) = struct.unpack("<i", data[4:8])
    text = data[8 : 8 + length].replace(instead_of, b"") + lines
    with pysam.BGZFile(bam, "wb", None) as file:
        file.write(data[:4] + struct.pack("<i", len(text)) + text + data[8 + length :])
    os.unlink(bam + ".bai")
    pysam.index(bam)


@pytest.mark.parametrize("lines", [b"@ZZ\tXX:1\n", b"@CO\tM\xfcller\n", b"@RG\tID:g2\tSM:M\xfcller\n"])
def test_lines_that_samtools_takes(files, lines):
    bam, fasta = files
    _with_lines(bam, lines)
    assert read_header(bam, fasta).groups_of_sample["one"] == ("g1",)
    assert encode([bam], fasta, CONTIG, [_SITE], Shape(selection=ReadSelection(samples=("one",)))).n_informing[0] == 1


def test_a_group_without_id_is_named(files):
    bam, fasta = files
    _with_lines(bam, b"@RG\tSM:two\n")
    with pytest.raises(ReadsFileError, match=r"@RG without ID.*samtools reheader"):
        read_header(bam, fasta)


def test_groups_without_sample_are_no_missing_groups(files):
    bam, fasta = files
    _with_lines(bam, b"@RG\tID:g1\n", instead_of=b"@RG\tID:g1\tSM:one\n")
    with pytest.raises(ReadsFileError, match="@RG lines have no SM"):
        read_header(bam, fasta).groups_of(["one"])


def test_reads_without_a_group_tag_are_of_no_sample(tmp_path, files):
    bam, fasta = files
    require_group_tags(read_header(bam, fasta), fasta)
    bare = write_bam(tmp_path / "bare.bam", {CONTIG: _BASES}, [Aligned(**(vars(_READ) | {"tags": ()}))], (("g1", "one"),))
    with pytest.raises(ReadsFileError, match=r"no RG tag.*addreplacerg"):
        require_group_tags(read_header(bare, fasta), fasta)


def test_one_file_twice(tmp_path, files):
    link = tmp_path / "link.bam"
    link.symlink_to(files[0])
    with pytest.raises(UsageError, match="given twice"):
        refuse_duplicates([files[0], str(link)])


def test_a_pipe_is_refused_without_being_opened(tmp_path, files):
    os.mkfifo(tmp_path / "pipe.bam")
    with pytest.raises(ReadsFileError, match="is a pipe"):
        read_header(str(tmp_path / "pipe.bam"), files[1])
    os.mkfifo(tmp_path / "pipe.fa")
    with pytest.raises(ReferenceFileError, match="is no file"):
        ReferenceFile(str(tmp_path / "pipe.fa"))


def test_names_that_are_not_utf8(tmp_path, files):
    folder = tmp_path / os.fsdecode(b"M\xfcller")
    folder.mkdir()
    for path in files:
        for end in ("", ".bai", ".fai"):
            if os.path.exists(path + end):
                os.rename(path + end, folder / os.path.basename(path + end))
    bam, fasta = (str(folder / os.path.basename(path)) for path in files)
    assert encode([bam], fasta, CONTIG, [_SITE], Shape()).n_informing[0] == 1


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="open files are counted in /proc")
def test_no_file_stays_open_after_an_error(tmp_path, files):
    bam, fasta = files
    header = read_header(bam, fasta)
    htslib = load_htslib()
    other = read_header(write_bam(tmp_path / "other.bam", {CONTIG: _BASES}, [_READ]), fasta)
    os.unlink(other.path + ".bai")
    before = _open_files()
    with pytest.raises(ReadsFileError, match="index"):
        AlignmentFile(other, fasta, htslib, ReadSelection())
    with pytest.raises(ReadsFileError, match="index"):
        open_alignment_files([header, other], fasta, htslib, ReadSelection())
    assert _open_files() == before


def _cut(path: str, n_bytes: int) -> None:
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:-n_bytes])


@pytest.mark.parametrize("open_it", [ReferenceFile, open_reference])
def test_a_cut_reference(files, tmp_path, open_it):
    open_it(files[1]).close()
    packed = str(tmp_path / "packed.fa.gz")
    pysam.tabix_compress(files[1], packed)
    pysam.faidx(packed)
    open_it(packed).close()
    os.rename(packed + ".gzi", packed + ".kept")
    with pytest.raises(ReferenceFileError, match="samtools faidx"):
        open_it(packed)
    os.rename(packed + ".kept", packed + ".gzi")
    for path in (packed, files[1]):
        _cut(path, 30)
        with pytest.raises(ReferenceFileError, match="is cut"):
            open_it(path)
