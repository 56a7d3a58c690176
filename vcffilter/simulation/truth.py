"""Plants the sample's variants: where, which kind, on which haplotype. Knows the reference, no reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.simulation.bases import inserted_bases, other_bases, random_bases
from vcffilter.simulation.reference import Reference
from vcffilter.simulation.repeats import TandemRuns, draw_run
from vcffilter.simulation.settings import VariantSettings
from vcffilter.simulation.spellings import normalised, shift_range

#: Bases kept free on both sides of every planted site, so that no two of them can be written as one another.
_SPACING = 2
#: How much more often long tracts mutate (`draw_run`).
_RUN_POWER = 3


@dataclass(frozen=True)
class PlantedVariant:
    """One site. pos0: 0-based start of `ref`. genotype: allele of each haplotype, 0 = REF, i = alts[i - 1]."""

    pos0: int
    ref: str
    alts: tuple[str, ...]
    genotype: tuple[int, int]

    @property
    def end0(self) -> int:
        """0-based end of REF, exclusive."""
        return self.pos0 + len(self.ref)


def plant_variants(
    rng: np.random.Generator, reference: Reference, runs: TandemRuns, settings: VariantSettings
) -> list[PlantedVariant]:
    """Variants sorted by position, left-aligned, none touching another's range of equivalent positions."""
    text = reference.bases.tobytes().decode()
    taken = reference.bases == ord("N")
    planted = []
    for pos0 in _positions(rng, reference, settings):
        kind = _draw_kind(rng, settings)
        alleles = _draw_alleles(rng, text, int(pos0), kind, runs, settings)
        if alleles is None:
            continue
        start, ref, alts = alleles
        margin = max(shift_range(text, start, ref, alt) for alt in alts)
        span = slice(max(0, start - _SPACING), start + len(ref) + margin + _SPACING)
        if span.stop > len(text) or taken[span].any() or "N" in ref:
            continue
        taken[span] = True
        planted.append(PlantedVariant(start, ref, alts, _draw_genotype(rng, len(alts), settings)))
    return sorted(planted, key=lambda variant: variant.pos0)


def _positions(rng: np.random.Generator, reference: Reference, settings: VariantSettings) -> np.ndarray:
    """Where to try, in the order of trying: mostly anywhere, some within 12 bases of the one before."""
    first, last = reference.callable0
    count = int(rng.poisson(settings.rate * (last - first)))
    positions = rng.integers(first + 50, max(first + 51, last - 50), count)
    near = rng.random(count) < settings.cluster_share
    near[:1] = False
    offsets = rng.integers(3, 13, count)
    for i in np.flatnonzero(near):
        positions[i] = min(positions[i - 1] + offsets[i], last - 50)
    return positions


def _draw_kind(rng: np.random.Generator, settings: VariantSettings) -> str:
    draw = rng.random()
    for kind, share in (
        ("indel", settings.indel_share),
        ("mnp", settings.mnp_share),
        ("complex", settings.complex_share),
        ("multiallelic", settings.multiallelic_share),
    ):
        if draw < share:
            return kind
        draw -= share
    return "snv"


def _draw_alleles(
    rng: np.random.Generator, text: str, pos0: int, kind: str, runs: TandemRuns, settings: VariantSettings
) -> tuple[int, str, tuple[str, ...]] | None:
    if kind == "snv":
        ref = text[pos0 : pos0 + 1]
        return pos0, ref, (_substituted(rng, ref, settings.transition_share),)
    if kind == "mnp":
        ref = text[pos0 : pos0 + int(rng.choice((2, 2, 2, 3)))]
        return pos0, ref, (_substituted(rng, ref, 0.5),)
    if kind == "complex":
        return _complex_allele(rng, text, pos0)
    if kind == "multiallelic":
        return _multiallelic(rng, text, runs)
    if len(runs) and rng.random() < settings.repeat_indel_share:
        run = draw_run(rng, runs, _RUN_POWER)
        return _one_allele(text, *_repeat_length_change(rng, text, run, runs, _repeat_units(rng)))
    return _one_allele(text, *_plain_indel(rng, text, pos0, settings.max_indel_length))


def _substituted(rng: np.random.Generator, ref: str, transition_share: float) -> str:
    return other_bases(rng, np.frombuffer(ref.encode(), dtype=np.uint8), transition_share).tobytes().decode()


def _one_allele(text: str, pos0: int, ref: str, alt: str) -> tuple[int, str, tuple[str, ...]] | None:
    if ref == alt or not ref or not alt:
        return None
    pos0, ref, alt = normalised(text, pos0, ref, alt)
    return pos0, ref, (alt,)


def _plain_indel(rng: np.random.Generator, text: str, pos0: int, longest: int) -> tuple[int, str, str]:
    length = int(min(rng.geometric(0.35) if rng.random() < 0.85 else rng.geometric(0.08), longest))
    anchor = text[pos0 : pos0 + 1]
    if rng.random() < 0.5:
        return pos0, text[pos0 : pos0 + 1 + length], anchor
    beside = np.frombuffer(text[pos0 + 1 : pos0 + 1 + length].encode(), np.uint8)
    return pos0, anchor, anchor + inserted_bases(rng, beside, length).tobytes().decode()


def _repeat_units(rng: np.random.Generator) -> int:
    size = int(rng.choice((1, 2, 3, 4), p=(0.72, 0.18, 0.07, 0.03)))
    return size if rng.random() < 0.47 else -size


def _repeat_length_change(rng: np.random.Generator, text: str, run: int, runs: TandemRuns, units: int) -> tuple[int, str, str]:
    """The tract longer (units > 0) or shorter by whole units, anchored at the base before it."""
    start, length, unit = int(runs.start0[run]), int(runs.length[run]), int(runs.unit[run])
    if start == 0:
        return 0, "", ""
    anchor = text[start - 1 : start]
    if units > 0:
        return start - 1, anchor, anchor + text[start : start + unit] * units
    lost = min(-units * unit, length - unit)
    return start - 1, text[start - 1 : start + lost], anchor


def _complex_allele(rng: np.random.Generator, text: str, pos0: int) -> tuple[int, str, tuple[str, ...]] | None:
    n_ref, n_alt = (int(x) for x in rng.integers(2, 6, 2))
    ref = text[pos0 : pos0 + n_ref]
    alt = random_bases(rng, n_alt).tobytes().decode()
    if n_ref == n_alt or len(ref) < n_ref:
        return None
    found = _one_allele(text, pos0, ref, alt)
    # What can be trimmed down to a plain insertion or deletion is not complex.
    return found if found and min(len(found[1]), len(found[2][0])) > 1 else None


def _multiallelic(rng: np.random.Generator, text: str, runs: TandemRuns) -> tuple[int, str, tuple[str, ...]] | None:
    """Two ALTs at one site: two lengths of a repeat, or (one in five) two substitutions."""
    if rng.random() < 0.2 or not len(runs):
        pos0 = int(rng.integers(50, max(51, len(text) - 50)))
        ref = text[pos0 : pos0 + 1]
        others = [base for base in "ACGT" if base != ref]
        first, second = rng.choice(3, 2, replace=False)
        return pos0, ref, (others[first], others[second])
    run = draw_run(rng, runs, _RUN_POWER)
    first, second = rng.choice((-2, -1, 1, 2), 2, replace=False)
    changes = [_repeat_length_change(rng, text, run, runs, int(units)) for units in (first, second)]
    normal = [normalised(text, *change) for change in changes if change[1] and change[1] != change[2]]
    if len(normal) < 2 or normal[0][0] != normal[1][0]:
        return None
    # One REF for both: the longer one; the ALT of the shorter gets the bases that it lacks.
    longest = max((ref for _, ref, _ in normal), key=len)
    alts = tuple(alt + longest[len(ref) :] for _, ref, alt in normal)
    return (normal[0][0], longest, alts) if alts[0] != alts[1] else None


def _draw_genotype(rng: np.random.Generator, n_alts: int, settings: VariantSettings) -> tuple[int, int]:
    if n_alts == 2:
        return (1, 2) if rng.random() < 0.5 else (2, 1)
    if rng.random() < settings.homozygous_share:
        return (1, 1)
    return (0, 1) if rng.random() < 0.5 else (1, 0)
