"""A tiled sample is its unit again and again, in every file alike."""

from pathlib import Path

import pysam
import pytest

from vcffilter.errors import UsageError
from vcffilter.simulation.sample import SampleFiles
from vcffilter.simulation.tiling import tile_sample


@pytest.fixture(scope="module")
def tiled(simulated, tmp_path_factory) -> SampleFiles:
    return tile_sample(simulated.files, tmp_path_factory.mktemp("tiled"), simulated.n_calls * 2 + 1)


def reads_from(path: Path, start: int, end: int) -> list[tuple]:
    with pysam.AlignmentFile(str(path)) as alignments:
        return [
            (read.reference_start - start, read.next_reference_start - start, read.flag, read.cigarstring, read.query_sequence)
            for read in alignments.fetch("sim1", start, end)
            if start <= read.reference_start
        ]


def test_every_tile_has_the_unit_s_reads(simulated, tiled):
    expected = reads_from(simulated.files.reads, 0, 20_000)
    assert len(expected) > 1_000
    for tile in range(3):
        assert reads_from(tiled.reads, tile * 20_000, (tile + 1) * 20_000) == expected


def test_regions_are_found_by_the_index(simulated, tiled):
    with pysam.AlignmentFile(str(simulated.files.reads)) as one, pysam.AlignmentFile(str(tiled.reads)) as other:
        for start in (137, 9_000, 16_384, 19_000):
            wanted = [read.query_sequence for read in one.fetch("sim1", start, start + 50)]
            assert [read.query_sequence for read in other.fetch("sim1", start + 40_000, start + 40_050)] == wanted


def test_names_stay_apart(tiled):
    with pysam.AlignmentFile(str(tiled.reads)) as alignments:
        names = [read.query_name for read in alignments.fetch(until_eof=True)]
    assert len(set(names)) == len(names) // 2


def test_records_and_sequence_repeat(simulated, tiled):
    with pysam.VariantFile(str(simulated.files.calls)) as calls:
        unit = [(record.pos, record.ref, record.alts, record.qual) for record in calls]
    with pysam.VariantFile(str(tiled.calls)) as calls:
        records = [(record.pos, record.ref, record.alts, record.qual) for record in calls]
        assert calls.header.contigs["sim1"].length == 60_000
    assert records == [(pos + 20_000 * tile, *rest) for tile in range(3) for pos, *rest in unit]
    with pysam.FastaFile(str(tiled.reference)) as fasta, pysam.FastaFile(str(simulated.files.reference)) as one:
        assert fasta.fetch("sim1") == one.fetch("sim1") * 3


def test_thinned_reads_keep_their_mates(simulated, tmp_path):
    files = tile_sample(simulated.files, tmp_path, 1, keep_reads=0.3)
    with pysam.AlignmentFile(str(files.reads)) as alignments:
        names = [read.query_name for read in alignments.fetch(until_eof=True)]
    assert 0.2 < len(names) / simulated.n_reads < 0.4
    assert len(set(names)) == len(names) // 2


def test_what_cannot_be_tiled(simulated, tmp_path):
    with pytest.raises(UsageError, match="2147483647|bases"):
        tile_sample(simulated.files, tmp_path, 1 << 40)
