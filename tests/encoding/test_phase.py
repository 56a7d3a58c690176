"""Read-backed phase by hand: fragments of two haplotypes, and an allele that lies on one of them, on both, or against them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from encoding_files import Aligned, Shape, chunk_of, encode, open_encoder, write_bam, write_fasta
from tiny_cases import CONTIG
from twin.normalised_alleles import Called

from vcffilter.encoding.encoder import check_spec
from vcffilter.errors import ModelError
from vcffilter.kernels.encode import ALL_FEATURES, ENCODER_VERSION, FEATURE_NAMES
from vcffilter.kernels.tensor import ALL_CHANNELS
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.plain_data import MisfitError

_BASES = "".join(Random(11).choices("ACGT", k=3000))
_SITE0, _LEFT0, _RIGHT0 = 1500, 1420, 1700
_OTHER = dict(zip("ACGT", "CATG", strict=True))


def _fragment(number: int, changed: set[int], qualities: int = 35) -> list[Aligned]:
    """Two mates of 150 bases, the first over the site and the column left of it, the second over the one right of it."""
    mates = []
    for flag, start0 in ((0x63, 1380 + number), (0x93, 1620 + number)):
        bases = "".join(_OTHER[_BASES[at]] if at in changed else _BASES[at] for at in range(start0, start0 + 150))
        mates.append(Aligned(f"f{number}", start0, "150M", bases, (qualities,) * 150, flag, mate_start0=1620))
    return mates


def _encoded(
    folder: Path, fragments: list[set[int]], reach: int = 500, qualities: int = 35
) -> tuple[dict[str, float], np.ndarray]:
    """Features of the SNV at the site, and the channel of phase by row. fragments: changed positions of each."""
    fasta = write_fasta(folder / "one.fa", {CONTIG: _BASES})
    reads = [read for number, changed in enumerate(fragments) for read in _fragment(number, changed, qualities)]
    bam = write_bam(folder / "one.bam", {CONTIG: _BASES}, reads)
    shape = Shape(rows=30, columns=1, channels=ALL_CHANNELS, phase_reach=reach)
    call = Called(_SITE0, _BASES[_SITE0], _OTHER[_BASES[_SITE0]])
    encoded = encode([bam], fasta, CONTIG, [call], shape)
    assert encoded.reads is not None
    features = dict(zip(ALL_FEATURES, encoded.features[0].tolist(), strict=True))
    return features, encoded.reads[0, 1 : 1 + encoded.n_informing[0], 0, ALL_CHANNELS.index("phase")]


_ONE, _TWO = {_LEFT0, _RIGHT0}, set[int]()


def test_allele_on_one_haplotype(tmp_path: Path) -> None:
    features, levels = _encoded(tmp_path, [_ONE | {_SITE0}] * 4 + [_TWO] * 5)
    assert features["phase_anchors"] == 2
    assert features["phase_share"] == 1
    assert features["phase_log_contradicting"] == features["phase_contradicting_share"] == 0
    assert features["phase_log_agreeing_alt"] == pytest.approx(np.log2(5))
    assert features["phase_log_agreeing_ref"] == pytest.approx(np.log2(6))
    assert (features["phase_alt_haplotypes"], features["phase_alt_share_max"], features["phase_alt_share_min"]) == (1, 1, 0)
    assert levels.tolist() == [255] * 4 + [120] * 5


def test_fragments_that_contradict(tmp_path: Path) -> None:
    """Three of the four fragments of the haplotype show REF: the ALT of the fourth is no variant of it."""
    features, levels = _encoded(tmp_path, [_ONE | {_SITE0}] + [_ONE] * 3 + [_TWO] * 5)
    assert features["phase_log_contradicting"] == 2
    assert features["phase_contradicting_share"] == 0.75
    assert (features["phase_alt_haplotypes"], features["phase_alt_share_max"]) == (1, 0.25)
    assert levels.tolist() == [255] + [255] * 3 + [120] * 5


def test_allele_on_both_haplotypes(tmp_path: Path) -> None:
    features, levels = _encoded(tmp_path, [_ONE | {_SITE0}] * 2 + [_TWO | {_SITE0}] * 3 + [_ONE] * 2 + [_TWO])
    assert features["phase_alt_haplotypes"] == 2
    assert features["phase_log_contradicting"] == 1
    assert features["phase_alt_share_min"] == 0.5
    assert levels.tolist() == [120] * 2 + [255] * 3 + [120] * 2 + [255]


def test_phase_through_mates_alone(tmp_path: Path) -> None:
    """The column lies in the second mates only, which do not cover the site."""
    features, _ = _encoded(tmp_path, [{_RIGHT0, _SITE0}] + [{_RIGHT0}] * 3 + [_TWO] * 4)
    assert (features["phase_anchors"], features["phase_share"], features["phase_log_contradicting"]) == (1, 1, 2)


@pytest.mark.parametrize("fragments", [[_ONE | {_SITE0}] + [_TWO] * 8, [_ONE | {_SITE0}] * 4, [{_SITE0}] * 4 + [_TWO] * 4])
def test_nothing_to_phase_by(tmp_path: Path, fragments: list[set[int]]) -> None:
    """One fragment makes no column, nor does what all of them show, nor the allele itself."""
    features, levels = _encoded(tmp_path, fragments)
    assert (features["phase_anchors"], features["phase_share"], features["phase_alt_haplotypes"]) == (0, 0, 0)
    assert features["phase_contradicting_share"] == features["phase_alt_share_max"] == features["phase_alt_share_min"] == -1
    assert set(levels.tolist()) == {60}


def test_poor_bases_say_nothing(tmp_path: Path) -> None:
    features, _ = _encoded(tmp_path, [_ONE | {_SITE0}] * 4 + [_TWO] * 5, qualities=19)
    assert features["phase_anchors"] == 0


@pytest.mark.parametrize(("reach", "n_anchors"), [(79, 0), (80, 1), (199, 1), (200, 2)])
def test_reach(tmp_path: Path, reach: int, n_anchors: int) -> None:
    features, _ = _encoded(tmp_path, [_ONE | {_SITE0}] * 4 + [_TWO] * 5, reach)
    assert features["phase_anchors"] == n_anchors


def test_anchors_that_disagree_are_left_out(tmp_path: Path) -> None:
    """The right column says of half of the fragments the opposite of the left one: only one of them can be of the haplotypes."""
    fragments = [_ONE, {_LEFT0}, _ONE, {_LEFT0}, {_RIGHT0}, _TWO, {_RIGHT0}, _TWO]
    features, _ = _encoded(tmp_path, [fragment | {_SITE0} for fragment in fragments[:1]] + fragments[1:])
    assert (features["phase_anchors"], features["phase_share"]) == (1, 1)


def test_without_a_reach_no_more_reads_are_taken(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "one.fa", {CONTIG: _BASES})
    bam = write_bam(tmp_path / "one.bam", {CONTIG: _BASES}, [read for number in range(6) for read in _fragment(number, _ONE)])
    chunk = chunk_of(CONTIG, [Called(_SITE0, _BASES[_SITE0], _OTHER[_BASES[_SITE0]])])
    n_reads = {}
    for reach in (0, 500):
        encoder = open_encoder([bam], fasta, Shape(rows=0, columns=0, channels=(), phase_reach=reach))
        n_reads[reach] = encoder.prepare(chunk).n_reads
        encoder.close()
    assert n_reads == {0: 6, 500: 12}


@pytest.mark.parametrize("asked", [{"features": ALL_FEATURES}, {"channels": ALL_CHANNELS, "rows": 3, "columns": 3}])
def test_phase_needs_a_reach(asked: dict[str, object]) -> None:
    spec = EncoderSpec(**{"version": ENCODER_VERSION, "features": FEATURE_NAMES} | asked)
    with pytest.raises(ModelError, match="phase_reach is 0"):
        check_spec(spec)
    with pytest.raises(MisfitError, match="phase_reach is 0"):
        EncoderSpec.from_json(spec.to_json())


def test_a_checkpoint_keeps_the_reach() -> None:
    """And one without phase says nothing of it: it is the same for programs that know no phase."""
    spec = EncoderSpec(ENCODER_VERSION, ALL_FEATURES, phase_reach=500)
    assert EncoderSpec.from_json(spec.to_json()) == spec
    assert "phase_reach" not in EncoderSpec(ENCODER_VERSION, FEATURE_NAMES).to_json()
