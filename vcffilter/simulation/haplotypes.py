"""Templates that reads are drawn from: the two haplotypes and the copies that the reference lacks. Knows no reads.

A template is a sequence together with the reference position of each of its bases: every CIGAR follows from that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.simulation.bases import other_bases, random_bases
from vcffilter.simulation.randomness import paired_uniform
from vcffilter.simulation.reference import Reference
from vcffilter.simulation.repeats import tandem_runs
from vcffilter.simulation.truth import PlantedVariant
from vcffilter.truth.normalise import Edit, trim

#: ref_pos0 of a base that the reference has no counterpart for: inserted, clipped, or foreign.
NO_POSITION = -1
#: Sigma of the log of a tract's own factor on the chance of length errors.
_TRACT_SPREAD = 0.8


@dataclass(frozen=True)
class Template:
    """A molecule's sequence.

    bases: uint8 (n,). ref_pos0: int32 (n,), NO_POSITION where there is none. copies: how many of it a cell has (a haplotype: 1).
    mapq_cap: highest mapping quality that its reads get, drawn up to it where `mapq_varies`. hidden: not the sample's own locus.
    """

    bases: np.ndarray
    ref_pos0: np.ndarray
    copies: float
    mapq_cap: int = 60
    mapq_varies: bool = False
    hidden: bool = False


def haplotype_edits(variants: list[PlantedVariant], haplotype: int) -> list[Edit]:
    """The alleles that haplotype 0 or 1 carries, in order of position."""
    return [
        trim(variant.pos0, variant.ref, variant.alts[variant.genotype[haplotype] - 1])
        for variant in variants
        if variant.genotype[haplotype] > 0
    ]


def apply_edits(reference: Reference, edits: list[Edit], start0: int, end0: int) -> tuple[np.ndarray, np.ndarray]:
    """(bases, ref_pos0) of reference[start0:end0] with the edits inside it; an edit that overlaps the one before is left out."""
    pieces, positions, last = [], [], start0
    for edit in edits:
        if edit.start0 < last or edit.end0 > end0:
            continue
        pieces.append(reference.bases[last : edit.start0])
        positions.append(np.arange(last, edit.start0, dtype=np.int32))
        alt = np.frombuffer(edit.alt.encode(), dtype=np.uint8)
        aligned = min(edit.end0 - edit.start0, len(alt))
        ref_pos0 = np.full(len(alt), NO_POSITION, np.int32)
        ref_pos0[:aligned] = np.arange(edit.start0, edit.start0 + aligned)
        pieces.append(alt)
        positions.append(ref_pos0)
        last = edit.end0
    pieces.append(reference.bases[last:end0])
    positions.append(np.arange(last, end0, dtype=np.int32))
    return np.concatenate(pieces), np.concatenate(positions)


def sample_haplotypes(reference: Reference, variants: list[PlantedVariant], insertions: list[tuple[int, Edit]]) -> list[Template]:
    """The two haplotypes. insertions: (haplotype, Edit) of long foreign pieces that no truth lists."""
    templates = []
    for haplotype in (0, 1):
        edits = haplotype_edits(variants, haplotype) + [edit for which, edit in insertions if which == haplotype]
        edits.sort()
        bases, ref_pos0 = apply_edits(reference, edits, 0, len(reference))
        templates.append(Template(bases, ref_pos0, copies=1.0))
    return templates


def hidden_copy(
    rng: np.random.Generator,
    reference: Reference,
    start0: int,
    end0: int,
    divergence: float,
    copies: float,
    mapq_cap: int,
    mapq_varies: bool,
) -> Template:
    """A diverged copy of reference[start0:end0] that lies elsewhere: its reads come here because the reference lacks it."""
    edits, last = [], start0
    for pos0 in np.sort(rng.integers(start0 + 1, end0 - 10, int(rng.poisson((end0 - start0) * divergence)))):
        if pos0 <= last:
            continue
        edit = _random_edit(rng, reference, int(pos0))
        edits.append(edit)
        last = edit.end0
    bases, ref_pos0 = apply_edits(reference, edits, start0, end0)
    flank = 400
    foreign = np.full(flank, NO_POSITION, np.int32)
    return Template(
        np.concatenate((random_bases(rng, flank), bases, random_bases(rng, flank))),
        np.concatenate((foreign, ref_pos0, foreign)),
        copies,
        mapq_cap,
        mapq_varies,
        hidden=True,
    )


def _random_edit(rng: np.random.Generator, reference: Reference, pos0: int) -> Edit:
    """Nine substitutions to one short indel."""
    if rng.random() < 0.9:
        other = other_bases(rng, reference.bases[pos0 : pos0 + 1], 0.6)
        return Edit(pos0, pos0 + 1, other.tobytes().decode())
    size = int(rng.integers(1, 5))
    if rng.random() < 0.5:
        return Edit(pos0, pos0, random_bases(rng, size).tobytes().decode())
    return Edit(pos0, pos0 + size, "")


def without_introns(template: Template, introns: list[tuple[int, int]]) -> Template:
    """The template of the spliced transcript: bases inside the (start, end) 0-based half-open reference intervals are cut out."""
    filled = np.maximum.accumulate(template.ref_pos0)
    keep = np.ones(len(template.bases), dtype=bool)
    for start0, end0 in introns:
        keep[np.searchsorted(filled, start0) : np.searchsorted(filled, end0)] = False
    return Template(
        template.bases[keep], template.ref_pos0[keep], template.copies, template.mapq_cap, template.mapq_varies, template.hidden
    )


def length_error_rates(template: Template, points: tuple[tuple[int, float], ...]) -> tuple[np.ndarray, np.ndarray]:
    """(rate float32 (n,), unit int8 (n,)): chance that a read loses or gains units at this base.

    A tract's chance stands at its first base; elsewhere there is a small one. `points` as in ReadSettings.run_errors.
    """
    lengths = np.array([length for length, _ in points], dtype=float)
    log_rates = np.log([rate for _, rate in points])
    rate = np.full(len(template.bases), np.exp(log_rates[0]), np.float32)
    unit = np.ones(len(template.bases), np.int8)
    runs = tandem_runs(template.bases)
    # A tract of longer units slips less often than a homopolymer of the same number of bases.
    effective = runs.length / np.array([1.0, 1.6, 2.2, 2.8])[runs.unit - 1]
    # Tracts of one length differ a lot; the place decides, so that both haplotypes agree.
    place = template.ref_pos0[runs.start0]
    draws = [paired_uniform(place, np.full(len(place), number), 0) for number in range(3)]
    factor = np.exp(_TRACT_SPREAD * 2 * (sum(draws) - 1.5))
    rate[runs.start0] = np.minimum(0.6, np.exp(np.interp(effective, lengths, log_rates)) * factor)
    unit[runs.start0] = runs.unit
    return rate, unit
