"""What a run is judged by: calls that no read shows, ALTs that could not be scored, bases that the FASTA does not know."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pysam
import pytest

from vcffilter.inspection.contradictions import ContradictedCalls
from vcffilter.inspection.reference_bases import ReferenceBases
from vcffilter.inspection.unscored import UnscoredAlts
from vcffilter.inspection.watch import RunWatch
from vcffilter.pipeline.run_warnings import RunWarnings, UnscoredError
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import READS_FOR_ALT, STATUS_CODE

SCORED = STATUS_CODE["scored"]


def chunk_of(pos0, qual=50.0, contig="1", ref=b"A"):
    n = len(pos0)
    alleles = AlleleChunk(
        contig,
        np.array(pos0, np.int64),
        np.arange(n + 1, dtype=np.int64) * len(ref),
        np.frombuffer(ref * n, np.uint8),
        np.arange(n + 1, dtype=np.int64),
        np.frombuffer(b"C" * n, np.uint8),
        np.arange(n, dtype=np.int32),
        np.zeros(n, np.int32),
    )
    return SimpleNamespace(alleles=alleles, qual_phred=np.full(n, qual, np.float32))


def scores_of(n, status=SCORED, alt_reads=0):
    counts = np.zeros((n, 3), np.int32)
    counts[:, READS_FOR_ALT] = alt_reads
    return SimpleNamespace(status=np.full(n, status, np.uint8), counts=counts)


def contradicted(places, cuts=(), **settings):
    """places: (pos0, ALT reads) in order. cuts: where a chunk ends."""
    judge = ContradictedCalls()
    for first, last in zip((0, *cuts), (*cuts, len(places)), strict=True):
        some = places[first:last]
        if some:
            chunk = chunk_of([pos0 for pos0, _ in some], **settings)
            judge.saw(chunk, scores_of(len(some), alt_reads=[reads for _, reads in some]))
    return judge


SPREAD = [(1000 * i, 0 if i % 4 == 0 else 9) for i in range(1, 60)]


@pytest.mark.parametrize("cuts", [(), (1,), (7, 8, 30), tuple(range(1, 59))])
def test_places_without_support_are_counted_whatever_the_chunks(cuts):
    judge = contradicted(SPREAD, cuts)
    warning = judge.warning()
    assert (judge.n_unsupported, judge.n_places) == (14, 59)
    assert warning.code == "contradicted_calls"
    assert "14 of 59 places" in warning.text


@pytest.mark.parametrize("cuts", [(), (1,), (3, 5)])
def test_calls_side_by_side_are_one_place(cuts):
    cluster = [(5000 + 50 * i, 0) for i in range(20)]
    judge = contradicted([(100, 9), *cluster, (9000, 9)], cuts)
    assert judge.warning() is None
    assert (judge.n_unsupported, judge.n_places) == (1, 3)
    judge = contradicted([*cluster, (6050, 4)], cuts)
    judge.warning()
    assert (judge.n_unsupported, judge.n_places) == (0, 1)


@pytest.mark.parametrize("settings", [{"qual": 20.0}, {"qual": np.nan}])
def test_calls_that_the_caller_doubted_say_nothing(settings):
    assert contradicted([(1000 * i, 0) for i in range(50)], **settings).warning() is None


def test_few_are_chance():
    assert contradicted([(1000 * i, 0) for i in range(7)]).warning() is None
    assert contradicted([(1000 * i, 0 if i < 8 else 9) for i in range(100)]).warning() is None


def test_a_contig_ends_a_place():
    judge = ContradictedCalls()
    for contig in "ab":
        judge.saw(chunk_of([10, 20], contig=contig), scores_of(2))
    judge.warning()
    assert (judge.n_unsupported, judge.n_places) == (2, 2)


def unscored(**n_by_status):
    judge = UnscoredAlts()
    for name, n in n_by_status.items():
        judge.saw(chunk_of(range(n), contig="chrX"), scores_of(n, STATUS_CODE[name]))
    return judge


@pytest.mark.parametrize(
    ("name", "words"),
    [("no_reads", "no reads lie at 551 of them"), ("contig_missing", "lack the contigs of 551 (chrX)")],
)
def test_nothing_scored_is_refused(name, words):
    with pytest.raises(UnscoredError, match="none of 551 ALTs could be scored") as caught:
        unscored(**{name: 551}).refuse()
    assert words in str(caught.value)
    assert "--allow-unscored" in str(caught.value)


def test_nearly_nothing_scored_is_refused_and_little_is_warned_of():
    with pytest.raises(UnscoredError, match="only 5 of 500"):
        unscored(no_reads=495, scored=5).refuse()
    unscored(no_reads=480, scored=20).refuse()
    assert unscored(no_reads=480, scored=20).warning().code == "hardly_scored"
    assert unscored(no_reads=200, scored=200).warning() is None


@pytest.mark.parametrize("counts", [{}, {"no_reads": 99}, {"allele_too_long": 5000}, {"invalid_allele": 5000}])
def test_small_runs_and_other_kinds_are_left_alone(counts):
    judge = unscored(**counts)
    judge.refuse()
    assert judge.warning() is None


def test_few_alts_of_which_no_file_has_the_contig_are_warned_of():
    judge = unscored(contig_missing=78)
    judge.refuse()
    assert "none of 78 ALTs could be scored: FASTA or reads lack the contigs of 78 (chrX)" in judge.warning().text
    assert unscored(contig_missing=9).warning() is None
    assert unscored(contig_missing=78, scored=1).warning() is None


@pytest.fixture
def masked(tmp_path):
    path = tmp_path / "ref.fa"
    path.write_text(">1\n" + "A" * 1000 + "N" * 1000 + "\n")
    pysam.faidx(str(path))
    with ReferenceFile(str(path)) as reference:
        yield reference


def test_masked_reference_is_seen(masked):
    bases = ReferenceBases()
    bases.saw(masked, chunk_of(range(0, 2000, 50)).alleles, most=40)
    assert (bases.n_same, bases.n_other, bases.n_unknown) == (20, 0, 20)
    warning = bases.warning("ref.fa")
    assert warning.code == "reference_unknown_bases"
    assert "ref.fa has N at 20 of 40 calls looked at (the first at 1:1001)" in warning.text


def test_other_bases_and_ends_are_no_unknown_ones(masked):
    bases = ReferenceBases()
    bases.saw(masked, chunk_of([5, 2000, 3000], ref=b"G").alleles)
    bases.saw(masked, chunk_of([5], contig="2").alleles)
    assert (bases.n_same, bases.n_other, bases.n_unknown, bases.first_other) == (0, 3, 0, "1:6")
    assert bases.warning("ref.fa") is None


class Header:
    """Of the calls: keeps what is added."""

    def __init__(self):
        self.lines = []

    def append(self, line):
        self.lines.append(line)


def watched(masked, *starts):
    """(codes of warnings, header lines) of a run with a chunk of calls from each start."""
    header, warnings = Header(), RunWarnings()
    watch = RunWatch(warnings, header, masked)
    for start in starts:
        watch.saw(chunk_of(range(start, start + 1000, 10)), SimpleNamespace(**vars(scores_of(100, alt_reads=5)), features=None))
    watch.finish()
    return [warning.code for warning in warnings.all()], header.lines


def test_what_the_first_chunk_shows_is_in_the_header(masked):
    codes, lines = watched(masked, 1000, 1000)
    assert codes == ["reference_unknown_bases"]
    assert [line.partition(":")[0] for line in lines] == ["##vcffilter_filterWarning=reference_unknown_bases"]


def test_what_later_ones_show_is_said_at_the_end(masked):
    codes, lines = watched(masked, 0, 1000)
    assert codes == ["reference_unknown_bases"]
    assert lines == []


def test_nothing_is_said_of_a_run_that_fits(masked):
    assert watched(masked, 0, 0) == ([], [])
