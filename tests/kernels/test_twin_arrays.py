"""What lies between files and features, against the twin: decoded reads, their differences and mates, normalised alleles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encoding_files import Aligned, Shape, chunk_of, open_encoder, write_bam, write_fasta
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_cases import CONTIG, tiny_case
from twin.bases import LETTERS, text_hash
from twin.normalised_alleles import FINE, Called, normalise
from twin.reads import Read, read_file, together
from twin.reference import Contig
from twin.scan import indels, link_mates, mismatches

from vcffilter.encoding.encoder import PreparedChunk
from vcffilter.kernels.reads import hash_array

_BASE_OF_CODE = np.array(list(LETTERS))


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_name_hash(name: str) -> None:
    assert int(hash_array(np.frombuffer(name.encode(), np.uint8))) == text_hash(name)


def _bases(prepared: PreparedChunk, read: int) -> str:
    reads = prepared.reads
    length, first = reads.query_length[read], reads.base_offset[read]
    packed = reads.packed_bases[first : first + (length + 1) // 2]
    return "".join(_BASE_OF_CODE[np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[:length]])


def _assert_reads(prepared: PreparedChunk, expected: list[Read]) -> None:
    reads = prepared.reads
    assert prepared.n_reads == len(expected)
    for name in ("start0", "end0", "unclipped_start0", "unclipped_end0", "soft_left", "soft_right", "flag", "mapq"):
        assert getattr(reads, name)[: len(expected)].tolist() == [getattr(read, name) for read in expected], name
    for name in ("mate_elsewhere", "haplotype_tag", "insert_size"):
        assert getattr(reads, name)[: len(expected)].tolist() == [getattr(read, name) for read in expected], name
    for index, read in enumerate(expected):
        assert int(reads.name_hash[index]) == text_hash(read.name)
        assert _bases(prepared, index) == read.bases
        first = reads.quality_offset[index]
        assert tuple(reads.quality_phred[first : first + len(read.bases)]) == read.qualities
        cigar = reads.cigar[reads.cigar_offset[index] : reads.cigar_offset[index + 1]]
        assert [("MIDNSHPMM"[value & 15], value >> 4) for value in cigar.tolist()] == list(read.cigar)


def _assert_events(prepared: PreparedChunk, expected: list[Read], contig: Contig) -> None:
    """The whole contig lies in one segment here, so every difference must be found."""
    events = prepared.events
    for index, read in enumerate(expected):
        part = slice(events.mismatch_offset[index], events.mismatch_offset[index + 1])
        found = zip(
            events.mismatch_pos0[part].tolist(),
            _BASE_OF_CODE[events.mismatch_code[part]].tolist(),
            events.mismatch_quality_phred[part].tolist(),
            strict=True,
        )
        shown = mismatches(read, contig, 0, contig.length) if read.bases else []
        assert list(found) == [(one.pos0, one.base, one.quality) for one in shown]
        part = slice(events.indel_offset[index], events.indel_offset[index + 1])
        columns = (events.indel_pos0, events.indel_length, events.indel_hash, events.indel_read_pos0)
        wanted = [(one.pos0, one.length, one.hash, one.read_pos0) for one in indels(read, contig)]
        assert list(zip(*(column[part].tolist() for column in columns), strict=True)) == wanted
    assert events.mate[: len(expected)].tolist() == link_mates(expected)


@pytest.mark.parametrize("seed", range(12))
def test_reads_and_events(tmp_path: Path, seed: int) -> None:
    case = tiny_case(seed, n_fragments=60, contig_length=400)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads, groups=(("g1", "one"), ("g2", "two")))
    bases = case.contigs[CONTIG]
    places = (*range(0, len(bases), 40), len(bases) - 1)
    everywhere = [Called(pos0, bases[pos0], "C" if bases[pos0] != "C" else "A") for pos0 in places]
    encoder = open_encoder([bam], fasta, Shape())
    prepared = encoder.prepare(chunk_of(CONTIG, everywhere))
    encoder.close()
    expected = together([read_file(bam, fasta, CONTIG, 0, len(bases), want_haplotype_tag=True)])
    _assert_reads(prepared, expected)
    _assert_events(prepared, expected, Contig(fasta, CONTIG))


@pytest.mark.parametrize("seed", range(40))
def test_alleles(tmp_path: Path, seed: int) -> None:
    case = tiny_case(seed, n_fragments=0, contig_length=700)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, [])
    encoder = open_encoder([bam], fasta, Shape())
    alleles = encoder.prepare(chunk_of(CONTIG, case.calls)).alleles
    encoder.close()
    contig = Contig(fasta, CONTIG)
    for index, called in enumerate(case.calls):
        problem, wanted = normalise(contig, called)
        assert alleles.problem[index] == problem, called
        if problem == FINE and wanted is not None:
            alt = alleles.alt_codes[alleles.alt_offset[index] : alleles.alt_offset[index + 1]]
            assert "".join(_BASE_OF_CODE[alt]) == wanted.alt, called
            for name in ("kind", "start0", "end0", "shift_end0", "indel_hash"):
                assert int(getattr(alleles, name)[index]) == getattr(wanted, name), (called, name)


@pytest.mark.parametrize("unit", ["A", "CA", "AAT", "ACGTC"])
def test_shift_in_repeats_longer_than_the_limit(tmp_path: Path, unit: str) -> None:
    """Alleles and reads' indels move by no more than MAX_SHIFT bases, in the twin as in the kernels."""
    bases = "GATTACAGCC" * 60 + unit * (900 // len(unit)) + "GGCTTAACCG" * 60
    first0 = 600
    fasta = write_fasta(tmp_path / "tiny.fa", {CONTIG: bases})
    reads = []
    for number, offset in enumerate((0, 150, 199, 200, 201, 450, 700)):
        at, length = first0 + len(unit) * (offset // len(unit)), len(unit)
        inserted = bases[at - 50 : at] + unit + bases[at : at + 50]
        deleted = bases[at - 50 : at] + bases[at + length : at + length + 50]
        reads.append(Aligned(f"i{number}", at - 50, f"50M{length}I50M", inserted, (30,) * len(inserted)))
        reads.append(Aligned(f"d{number}", at - 50, f"50M{length}D50M", deleted, (30,) * len(deleted)))
    bam = write_bam(tmp_path / "tiny.bam", {CONTIG: bases}, reads)
    calls = []
    for offset in (0, 120, 240, 480, 720):
        at = first0 + offset
        copied = bases[at - len(unit) : at] if offset else unit
        calls.append(Called(at - 1, bases[at - 1], bases[at - 1] + copied))
        calls.append(Called(at - 1, bases[at - 1 : at + len(unit)], bases[at - 1]))
    encoder = open_encoder([bam], fasta, Shape())
    prepared = encoder.prepare(chunk_of(CONTIG, calls))
    encoder.close()
    contig = Contig(fasta, CONTIG)
    for index, called in enumerate(calls):
        wanted = normalise(contig, called)[1]
        assert wanted is not None
        found = (prepared.alleles.start0[index], prepared.alleles.end0[index], prepared.alleles.shift_end0[index])
        assert found == (wanted.start0, wanted.end0, wanted.shift_end0), called
    _assert_events(prepared, together([read_file(bam, fasta, CONTIG, 0, len(bases))]), contig)
