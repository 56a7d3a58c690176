"""Repeats, alleles and templates, each against a plain way to the same answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcffilter.errors import UsageError
from vcffilter.simulation.bases import other_bases, reverse_complement
from vcffilter.simulation.haplotypes import NO_POSITION, apply_edits, sample_haplotypes
from vcffilter.simulation.randomness import paired_uniform, stream
from vcffilter.simulation.reference import Reference, make_reference
from vcffilter.simulation.repeats import tandem_runs
from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import VariantSettings, preset, with_options
from vcffilter.simulation.spellings import normalised, shift_range, shifted
from vcffilter.simulation.truth import plant_variants
from vcffilter.truth.normalise import Edit

SEQUENCES = st.text("AC", min_size=12, max_size=40)


def as_bases(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def as_reference(text: str) -> Reference:
    return Reference("c", as_bases(text), np.full(len(text), -1, np.int32), (0, len(text)))


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("CGAAAAAT", [(2, 5, 1)]),
        ("GCACACACACT", [(1, 9, 2)]),
        ("TACGACGACGACGT", [(1, 12, 3)]),
        ("GAAAAAAAAAAAAAAAAAC", [(1, 17, 1)]),
        ("ACGTTGCA", []),
        ("NNNNNNNN", []),
        ("", []),
    ],
)
def test_tandem_runs(text, runs):
    found = tandem_runs(as_bases(text))
    assert list(zip(found.start0.tolist(), found.length.tolist(), found.unit.tolist(), strict=True)) == runs


@given(SEQUENCES, st.data())
def test_every_spelling_of_an_indel_is_the_same_haplotype(text, data):
    pos0 = data.draw(st.integers(1, len(text) - 6))
    size = data.draw(st.integers(1, 4))
    if data.draw(st.booleans()):
        ref, alt = text[pos0 : pos0 + 1 + size], text[pos0]
    else:
        ref, alt = text[pos0], text[pos0] + data.draw(st.text("AC", min_size=size, max_size=size))
    wanted = text[:pos0] + alt + text[pos0 + len(ref) :]
    left = normalised(text, pos0, ref, alt)
    # Every place at which a change of this kind spells the same haplotype, found by trying.
    difference = len(alt) - len(ref)
    places = [
        start
        for start in range(len(text) + 1 - max(0, -difference))
        if (text[:start] + text[start - difference :] == wanted if difference < 0 else text[:start] == wanted[:start])
        and (difference < 0 or text[start:] == wanted[start + difference :])
    ]
    movable = shift_range(text, *left)
    assert movable == len(places) - 1
    for steps in range(movable + 1):
        at, ref, alt = shifted(text, *left, steps)
        assert text[at : at + len(ref)] == ref
        assert text[:at] + alt + text[at + len(ref) :] == wanted
        assert normalised(text, at, ref, alt) == left


def test_a_contig_too_short_for_a_gene_is_refused(tmp_path):
    settings = with_options(preset("rna"), seed=205, length=2601, depth=1)
    with pytest.raises(UsageError, match="too few for a gene that reads fit into"):
        simulate_sample(tmp_path, settings)


def test_templates_spell_the_planted_haplotypes():
    reference = make_reference(stream(5, "reference"), "c", 30_000)
    variants = plant_variants(stream(5, "variants"), reference, tandem_runs(reference.bases), VariantSettings(rate=1 / 60))
    text = reference.bases.tobytes().decode()
    assert len(variants) > 300
    for haplotype, template in enumerate(sample_haplotypes(reference, variants, [])):
        expected = text
        for variant in reversed(variants):
            number = variant.genotype[haplotype]
            if number:
                expected = expected[: variant.pos0] + variant.alts[number - 1] + expected[variant.end0 :]
        assert template.bases.tobytes().decode() == expected
        known = template.ref_pos0[template.ref_pos0 >= 0]
        assert (np.diff(known) > 0).all()


def test_edits_keep_positions():
    bases, ref_pos0 = apply_edits(as_reference("ACGTACGT"), [Edit(2, 2, "TT"), Edit(4, 6, ""), Edit(7, 8, "A")], 0, 8)
    assert bases.tobytes() == b"ACTTGTGA"
    assert ref_pos0.tolist() == [0, 1, NO_POSITION, NO_POSITION, 2, 3, 6, 7]


def test_duplications_know_their_partner():
    reference = make_reference(stream(2, "reference"), "c", 400_000)
    inside = np.flatnonzero(reference.partner_pos0 >= 0)
    assert len(inside) > 10_000
    partner = reference.partner_pos0[inside]
    assert 0.95 < (reference.bases[inside] == reference.bases[partner]).mean() < 0.999
    back = reference.partner_pos0[partner]
    assert (back == inside).mean() > 0.99


def test_the_made_up_reference_has_long_homopolymers():
    runs = tandem_runs(make_reference(stream(2, "reference"), "c", 400_000).bases)
    single = runs.length[runs.unit == 1]
    assert single.max() >= 18
    assert (runs.unit > 1).sum() > 50


def test_planted_kinds_have_their_rates():
    reference = make_reference(stream(9, "reference"), "c", 300_000)
    variants = plant_variants(stream(9, "variants"), reference, tandem_runs(reference.bases), VariantSettings(rate=1 / 100))
    single = [(v.ref, v.alts[0]) for v in variants if len(v.ref) == 1 and len(v.alts) == 1 and len(v.alts[0]) == 1]
    transitions = sum({ref, alt} in ({"A", "G"}, {"C", "T"}) for ref, alt in single)
    assert 0.75 < len(single) / len(variants) < 0.9
    assert 1.6 < transitions / (len(single) - transitions) < 2.4
    homozygous = sum(v.genotype == (1, 1) for v in variants)
    assert 0.3 < homozygous / len(variants) < 0.45
    assert sum(len(v.alts) > 1 for v in variants) > 5
    assert sum(len(v.ref) == len(v.alts[0]) > 1 for v in variants) > 5


def test_strands():
    assert reverse_complement(as_bases("AACGTN")).tobytes() == b"NACGTT"


def test_other_bases_are_other():
    bases = np.tile(as_bases("ACGT"), 500)
    changed = other_bases(stream(1, "reads"), bases, 0.5)
    assert not (changed == bases).any()
    assert set(changed.tolist()) == set(b"ACGT")


def test_mates_draw_the_same_number():
    first, second = np.array([7, 7, 8]), np.array([1, 1, 1])
    draws = paired_uniform(first, second, 3)
    assert draws[0] == draws[1] != draws[2]
    many = paired_uniform(np.arange(10_000), np.zeros(10_000, np.int64), 3)
    assert 0.48 < many.mean() < 0.52
    assert many.min() >= 0
    assert many.max() < 1
