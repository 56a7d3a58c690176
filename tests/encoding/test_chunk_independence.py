"""No result may depend on which alleles share a chunk, nor on what the encoder did before."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from encoding_files import Aligned, Shape, assert_same, chunk_of, encode, open_encoder, write_bam, write_fasta
from real_calls import LABELLED, UNLABELLED, RealSet, labelled_set, unlabelled_set
from tiny_cases import CONTIG, OTHER_CONTIG, tiny_case
from twin.normalised_alleles import Called

from vcffilter.encoding.encoder import EncodedAlleles
from vcffilter.kernels.encode import FEATURE_NAMES
from vcffilter.kernels.tensor import ALL_CHANNELS

_SHAPE = Shape(rows=12, columns=33)
_PHASED = Shape(rows=12, columns=33, channels=ALL_CHANNELS, phase_reach=700)


def _random_parts(random: Random, n: int) -> list[list[int]]:
    """Consecutive stretches, as a stream is cut, or for some draws any alleles in any order."""
    order = list(range(n))
    if random.random() < 0.3:
        random.shuffle(order)
    parts, first = [], 0
    while first < n:
        last = first + random.choice((1, 2, 3, 10, 40))
        parts.append(order[first:last])
        first = last
    return parts


def _assert_parts_agree(
    bam: str, reference: str, contig: str, calls: Sequence[Called], n_draws: int, shape: Shape = _SHAPE
) -> None:
    encoder = open_encoder([bam], reference, shape)
    whole = encoder.encode(chunk_of(contig, calls))
    # The encoder writes its next chunk over this one's tensor.
    whole = dataclasses.replace(whole, reads=whole.reads.copy())
    assert whole.n_informing.any()
    for seed in range(n_draws):
        for part in _random_parts(Random(seed), len(calls)):
            encoded = encoder.encode(chunk_of(contig, [calls[index] for index in part]))
            assert_same(encoded, whole, of_other=np.array(part))
    encoder.close()


def _check(real: RealSet, shape: Shape = _SHAPE) -> None:
    _assert_parts_agree(real.bam, real.reference, real.contig, real.calls, 3, shape)


@pytest.mark.parametrize("name", LABELLED)
def test_called_alleles(shared_data: Path, name: str) -> None:
    _check(labelled_set(shared_data, name, 100))


@pytest.mark.parametrize("name", UNLABELLED)
def test_alleles_seen_in_reads(shared_data: Path, name: str) -> None:
    _check(unlabelled_set(shared_data, name, 30))


@pytest.mark.parametrize("name", ["nygc-chr21", "broad8x-chr20", "hifi-revio-chr20"])
def test_phase(shared_data: Path, name: str) -> None:
    _check(labelled_set(shared_data, name, 100), _PHASED)


@pytest.mark.parametrize("name", ["hifi-revio-chr20", "nygc-chr22", "gm12878-rna-chr22"])
def test_each_allele_alone(shared_data: Path, name: str) -> None:
    real = labelled_set(shared_data, name, 60, seed=2)
    whole = encode([real.bam], real.reference, real.contig, real.calls, _SHAPE)
    for index, call in enumerate(real.calls):
        alone = encode([real.bam], real.reference, real.contig, [call], _SHAPE)
        assert_same(alone, whole, of_other=[index])


@pytest.mark.parametrize("seed", range(6))
def test_generated_reads(tmp_path: Path, seed: int) -> None:
    """Contig far longer than the reference kept around an allele; reads over many alleles."""
    case = tiny_case(seed, n_fragments=40, contig_length=12_000, max_length=4000)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    _assert_parts_agree(bam, fasta, CONTIG, case.calls, n_draws=3)
    _assert_parts_agree(bam, fasta, CONTIG, case.calls, 3, _PHASED)


@pytest.mark.parametrize("seed", range(3))
def test_tensors_of_chosen_alleles_alone(tmp_path: Path, seed: int) -> None:
    """They are those that a chunk with tensors of all has, whatever the pieces; features and counts stay the same."""
    case = tiny_case(seed, n_fragments=40, contig_length=12_000, max_length=4000)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    whole = encode([bam], fasta, CONTIG, case.calls, _PHASED)
    assert whole.reads is not None
    encoder = open_encoder([bam], fasta, _PHASED)
    log_depth = FEATURE_NAMES.index("log_depth")
    for share, n_calls in ((0.0, len(case.calls)), (0.3, len(case.calls)), (1.0, len(case.calls)), (0.3, 3)):
        calls = case.calls[:n_calls]
        # A rule that looks at each allele alone, as a gate does.
        cut = np.quantile(whole.features[:, log_depth], 1 - share) if share else np.inf
        pieces = []

        def choose(piece: EncodedAlleles, cut=cut, pieces=pieces) -> np.ndarray:
            assert piece.reads is None
            pieces.append(len(piece.problem))
            return piece.features[:, log_depth] >= cut

        for _ in range(2):  # the second time on what the first left
            pieces.clear()
            found = encoder.encode_chosen(chunk_of(CONTIG, calls), choose)
            assert sum(pieces) == len(calls)
            chosen = np.flatnonzero(whole.features[:n_calls, log_depth] >= cut)
            assert np.array_equal(found.reads, whole.reads[chosen])
            assert np.array_equal(found.features, whole.features[:n_calls])
            assert np.array_equal(found.counts, whole.counts[:n_calls])
            assert np.array_equal(found.problem, whole.problem[:n_calls])
    encoder.close()


def test_nothing_is_left_of_the_chunk_before(tmp_path: Path) -> None:
    """An encoder keeps its tensor: of alleles that cannot be encoded and of missing reads it must be empty again."""
    case = tiny_case(7, n_fragments=300, contig_length=5000, max_length=300)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    encoder = open_encoder([bam], fasta, _SHAPE)
    before = encoder.encode(chunk_of(CONTIG, case.calls))
    assert before.reads.any(axis=(1, 2, 3)).sum() > 3
    here = case.contigs[CONTIG]
    # No base of the reference is what these say of it.
    wrong = [Called(at, "CAAA"["ACGT".find(here[at])], "G") for at in range(900, 900 + len(case.calls))]
    encoded = encoder.encode(chunk_of(CONTIG, [*wrong[1:], case.calls[-1]]))
    assert encoded.problem[:-1].all()
    assert not encoded.reads[:-1].any()
    encoder.encode(chunk_of(CONTIG, case.calls))
    there = case.contigs[OTHER_CONTIG]
    at = next(at for at in range(10, len(there)) if there[at] in "ACG")
    encoded = encoder.encode(chunk_of(OTHER_CONTIG, [Called(at, there[at], "T")]))
    assert encoded.n_informing.tolist() == [0]
    assert not encoded.reads.any()
    encoder.close()


@pytest.mark.parametrize("unit", ["A", "CA", "GATTACA"])
def test_repeats_longer_than_the_shift_limit(tmp_path: Path, unit: str) -> None:
    """Alleles all along a tract of 1500 bases, and reads with indels all along it."""
    random = Random(3)
    flank = "".join(random.choices("ACGT", k=1200))
    bases = flank + unit * (1500 // len(unit)) + flank[::-1]
    reads = []
    for number in range(60):
        start0, at = random.randrange(300, 900), random.randrange(1150, 2700)
        left = bases[start0:at]
        if number % 2:
            read, cigar = left + unit + bases[at : at + 300], f"{at - start0}M{len(unit)}I300M"
        else:
            read, cigar = left + bases[at + len(unit) :][:300], f"{at - start0}M{len(unit)}D300M"
        reads.append(Aligned(f"read{number}", start0, cigar, read, (30,) * len(read)))
    fasta = write_fasta(tmp_path / "tiny.fa", {CONTIG: bases})
    bam = write_bam(tmp_path / "tiny.bam", {CONTIG: bases}, reads)
    calls = []
    for at in range(1150, 2700, 50):
        calls.append(Called(at, bases[at], bases[at] + bases[at + 1 : at + 1 + len(unit)]))
        calls.append(Called(at, bases[at : at + 1 + len(unit)], bases[at]))
        calls.append(Called(at, bases[at], "T" if bases[at] != "T" else "C"))
    _assert_parts_agree(bam, fasta, CONTIG, calls, n_draws=3)


@pytest.mark.parametrize("n_deleted", [40, 300, 600, 1500])
@pytest.mark.parametrize("side", ["right", "left"])
def test_long_deletions_in_reads(tmp_path: Path, n_deleted: int, side: str) -> None:
    """A read's deletion that reaches far beyond the site, beside it, and that can shift by a base."""
    random = Random(5)
    bases = "".join(random.choices("ACGT", k=6000))
    # The deletion [first0, last0) can move left by three bases, over the called one or away from it.
    first0 = 3000 if side == "right" else 2998 - n_deleted
    last0 = first0 + n_deleted
    bases = bases[: last0 - 3] + bases[first0 - 3 : first0] + bases[last0:]
    read = bases[first0 - 700 : first0] + bases[last0 : last0 + 700]
    cigar = f"700M{n_deleted}D700M"
    reads = [Aligned(f"read{number}", first0 - 700, cigar, read, (30,) * len(read)) for number in range(4)]
    fasta = write_fasta(tmp_path / "tiny.fa", {CONTIG: bases})
    bam = write_bam(tmp_path / "tiny.bam", {CONTIG: bases}, reads)
    sites = (2995, 2996, 2997, 2998, 2999, 2897, 2898, 2899, 3097, 3098, 3099)
    calls = [Called(at, bases[at], "A" if bases[at] != "A" else "C") for at in sites]
    neighbours = [Called(at, bases[at], "A" if bases[at] != "A" else "C") for at in range(400, 5900, 700)]
    together = encode([bam], fasta, CONTIG, sorted([*calls, *neighbours], key=lambda call: call.start0), _SHAPE)
    ordered = sorted([*calls, *neighbours], key=lambda call: call.start0)
    for call in calls:
        alone = encode([bam], fasta, CONTIG, [call], _SHAPE)
        assert_same(alone, together, of_other=[ordered.index(call)])
