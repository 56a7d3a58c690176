"""A substitution of several bases scores no lower than the least of its single bases, where the reads show these together."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from random import Random

import numpy as np
import pytest
from encoding_files import Aligned, Shape, chunk_of, encode, write_bam, write_fasta
from twin.normalised_alleles import Called

from vcffilter.pipeline import evidence
from vcffilter.pipeline.evidence import EvidenceOptions, EvidenceScorer, open_scorer
from vcffilter.pipeline.linked_parts import MAX_PARTS, LinkedChunk, with_parts
from vcffilter.variants.allele_chunk import AlleleChunk

_CONTIG = "linked"
_AT = 300
_OTHER = {"A": "G", "G": "A", "C": "T", "T": "C"}
_SHAPE = Shape(rows=4, columns=3)


class Place:
    """A reference, and reads of haplotypes that differ from it at some bases from _AT on."""

    def __init__(self, folder: Path, *haplotypes: tuple[int, ...], n_reads: int = 24, quality: int = 35, step: int = 3) -> None:
        random = Random(7)
        self.bases = "".join(random.choices("ACGT", k=600))
        self.reference = write_fasta(folder / "linked.fa", {_CONTIG: self.bases})
        reads = []
        for number in range(n_reads):
            start0 = _AT - 90 + step * number
            changed = list(self.bases)
            for offset in haplotypes[number % len(haplotypes)]:
                changed[_AT + offset] = _OTHER[changed[_AT + offset]]
            bases = "".join(changed[start0 : start0 + 100])
            qualities = [35] * 100
            qualities[max(_AT + 1 - start0, 0) :] = [quality] * (100 - max(_AT + 1 - start0, 0))
            reads.append(Aligned(f"r{number}", start0, "100M", bases, tuple(qualities), 16 * (number // 2 % 2)))
        self.bam = write_bam(folder / "linked.bam", {_CONTIG: self.bases}, reads)

    def call(self, *offsets: int) -> Called:
        """The substitution of these bases, from _AT on."""
        ref = self.bases[_AT + min(offsets) : _AT + max(offsets) + 1]
        alt = [_OTHER[base] if at in offsets else base for at, base in enumerate(ref, min(offsets))]
        return Called(_AT + min(offsets), ref, "".join(alt))

    def together(self, *offsets: int) -> bool:
        return bool(encode([self.bam], self.reference, _CONTIG, [self.call(*offsets)], _SHAPE).together[0])

    @cached_property
    def scorer(self) -> EvidenceScorer:
        return open_scorer(EvidenceOptions("calls", (self.bam,), self.reference, device="cpu", want_reasons=True))

    def scores(self, *calls: Called, records: tuple[int, ...] | None = None):
        return self.scorer.score(chunk_of(_CONTIG, list(calls), records))

    def scores_alone(self, call: Called):
        """As if it had no parts."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evidence, "with_parts", lambda chunk: LinkedChunk(chunk, np.full(chunk.n_alleles, -1)))
            return self.scores(call)


@pytest.fixture
def place_of(tmp_path):
    """Makes a place, and closes its scorer."""
    made: list[Place] = []

    def make(*haplotypes: tuple[int, ...]) -> Place:
        made.append(Place(tmp_path, *haplotypes))
        return made[-1]

    yield make
    for place in made:
        place.scorer.close()


@pytest.mark.parametrize(
    ("haplotypes", "offsets", "expected"),
    [
        (((0, 4), ()), (0, 4), True),
        (((0, 4),), (0, 4), True),
        (((0,), (4,)), (0, 4), False),
        (((0, 4), (0,)), (0, 4), True),  # one homozygous, one not
        (((0, 1, 5), ()), (0, 1, 5), True),
        (((0, 1), (5,)), (0, 1, 5), False),  # as many reads have two of the three bases as would have all of them
        (((), ()), (0, 4), False),
        (((0, 2, 4), ()), (0, 4), True),
    ],
)
def test_together_is_what_the_reads_show_on_one_haplotype(tmp_path, haplotypes, offsets, expected):
    assert Place(tmp_path, *haplotypes).together(*offsets) is expected


def test_bases_that_no_read_shows_well_are_not_together(tmp_path):
    assert not Place(tmp_path, (0, 4), (), quality=6).together(0, 4)


def test_a_single_base_or_an_indel_is_not_asked_about(tmp_path):
    place = Place(tmp_path, (0, 4))
    calls = [place.call(0), Called(_AT, place.bases[_AT : _AT + 3], place.bases[_AT]), place.call(0, 4)]
    assert encode([place.bam], place.reference, _CONTIG, calls, _SHAPE).together.tolist() == [False, False, True]


def test_it_scores_no_lower_than_the_least_of_its_bases(place_of):
    place = place_of((0, 4), ())
    scores = place.scores(place.call(0), place.call(0, 4), place.call(4))
    least = scores.log_odds[[0, 2]].argmin() * 2
    assert scores.log_odds[1] == scores.log_odds[least]
    assert scores.probability[1] == scores.probability[least]
    alone = place.scores_alone(place.call(0, 4))
    assert alone.log_odds[0] < scores.log_odds[1], "it would have scored as high by itself: this test could not fail"
    assert np.array_equal(alone.counts[0], scores.counts[1])
    assert np.array_equal(alone.features[0], scores.features[1])


def test_two_true_bases_on_different_haplotypes_do_not_make_a_substitution_true(place_of):
    place = place_of((0,), (4,))
    scores = place.scores(place.call(0), place.call(0, 4), place.call(4))
    assert scores.probability[[0, 2]].min() > 0.9
    assert scores.log_odds[1] == place.scores_alone(place.call(0, 4)).log_odds[0]
    assert scores.log_odds[1] < scores.log_odds[[0, 2]].min()


def test_nothing_depends_on_the_other_alleles_of_a_chunk(place_of):
    """Nor do the reads for REF of a record with several ALTs, whose parts lie between records."""
    place = place_of((0, 4), ())
    mnp = place.call(0, 4)
    other = Called(mnp.start0, mnp.ref, _OTHER[mnp.ref[0]] + mnp.ref[1:])
    calls, records = [place.call(-9), mnp, other, mnp, place.call(20)], (0, 1, 1, 2, 3)
    together = place.scores(*calls, records=records)
    assert together.log_odds[1] == together.log_odds[3]
    for record in range(4):
        own = [index for index, number in enumerate(records) if number == record]
        alone = place.scores(*[calls[index] for index in own], records=(0,) * len(own))
        for name in ("log_odds", "probability", "counts", "status", "reasons", "features"):
            assert np.array_equal(getattr(alone, name), getattr(together, name)[own], equal_nan=True), name


def test_parts_stand_after_the_alts_of_their_record():
    alleles = [(5, "A", "C"), (9, "ACGT", "TCGA"), (9, "ACGT", "A"), (9, "ACGT", "AGCT"), (20, "CC", "GG"), (20, "NC", "GG")]
    chunk = AlleleChunk.from_alleles(_CONTIG, alleles)
    chunk.record_index[:] = 0, 1, 1, 1, 2, 3
    linked = with_parts(chunk)
    found = linked.chunk
    spelled = [
        (int(start0), bytes(found.ref_bases[r:r_end]).decode(), bytes(found.alt_bases[a:a_end]).decode())
        for start0, r, r_end, a, a_end in zip(
            found.start0, found.ref_offset[:-1], found.ref_offset[1:], found.alt_offset[:-1], found.alt_offset[1:], strict=True
        )
    ]
    after_second = [(9, "A", "T"), (12, "T", "A"), (10, "C", "G"), (11, "G", "C")]
    assert spelled == [*alleles[:4], *after_second, alleles[4], (20, "C", "G"), (21, "C", "G"), *alleles[5:]]
    assert linked.whole.tolist() == [-1, -1, -1, -1, 1, 1, 3, 3, -1, 4, 4, -1]
    assert (found.record_index[linked.whole < 0] == chunk.record_index).all()
    assert len(set(found.record_index[linked.whole >= 0])) == 6
    assert (found.record_index[linked.whole >= 0] < 0).all()


def test_very_many_bases_are_not_taken_apart():
    for n, n_parts in ((MAX_PARTS, MAX_PARTS), (MAX_PARTS + 1, 0)):
        linked = with_parts(AlleleChunk.from_alleles(_CONTIG, [(5, "A" * n, "C" * n)]))
        assert (linked.whole >= 0).sum() == n_parts
