"""The same change gives the same arrays however it was written: shifted, padded, in lower case."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from encoding_files import Shape, assert_same, encode, write_bam, write_fasta
from real_calls import labelled_set
from tiny_cases import CONTIG, tiny_case
from twin.normalised_alleles import FINE, Called, normalise
from twin.reference import Contig

_SHAPE = Shape(rows=20, columns=33)


def _other_writings(contig: Contig, called: Called, random: Random) -> list[Called]:
    """A call with more reference bases on either side, in lower case, and, where it is a pure indel, at another place."""
    left, right = min(random.randint(1, 9), called.start0), random.randint(1, 9)
    end0 = called.start0 + len(called.ref)
    right = min(right, contig.length - end0)
    before, after = contig.bases(called.start0 - left, called.start0), contig.bases(end0, end0 + right)
    padded = Called(called.start0 - left, before + called.ref + after, before + called.alt + after)
    writings = [padded, Called(called.start0, called.ref.lower(), called.alt.lower())]
    allele = normalise(contig, called)[1]
    assert allele is not None
    if allele.is_pure_indel and allele.start0 > 0:
        shift = random.randint(0, allele.shift_end0 - allele.end0)
        start0, end0 = allele.start0 + shift, allele.end0 + shift
        turn = shift % max(len(allele.alt), 1)
        new = allele.alt[turn:] + allele.alt[:turn]
        before = contig.base(start0 - 1)
        writings.append(Called(start0 - 1, before + contig.bases(start0, end0), before + new))
    return writings


def _check(bam: str, reference: str, contig_name: str, calls: list[Called]) -> None:
    contig, random = Contig(reference, contig_name), Random(4)
    usable = [call for call in calls if normalise(contig, call)[0] == FINE]
    assert usable
    pairs = [(call, other) for call in usable for other in _other_writings(contig, call, random)]
    one = encode([bam], reference, contig_name, [call for call, _ in pairs], _SHAPE)
    other = encode([bam], reference, contig_name, [writing for _, writing in pairs], _SHAPE)
    assert not one.problem.any()
    assert_same(one, other)


@pytest.mark.parametrize("seed", range(15))
def test_generated(tmp_path: Path, seed: int) -> None:
    case = tiny_case(seed, n_fragments=40, contig_length=400)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    _check(bam, fasta, CONTIG, list(case.calls))


@pytest.mark.parametrize("name", ["nygc-chr22", "hifi-revio-chr20", "broad8x-chr20", "chm13-hifi-chr20"])
def test_real(shared_data: Path, name: str) -> None:
    real = labelled_set(shared_data, name, 200)
    _check(real.bam, real.reference, real.contig, list(real.calls))
