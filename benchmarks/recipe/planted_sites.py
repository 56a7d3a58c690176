"""Chooses what to plant: seeded SNVs, insertions and deletions away from everything known. Must not know reads or callers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from planted_reads import PlantedAllele

from vcffilter.simulation.bases import inserted_bases, other_bases
from vcffilter.simulation.repeats import TandemRuns, draw_run, tandem_runs
from vcffilter.truth.normalise import Edit, Span, equivalent_span, left_align
from vcffilter.variants.intervals import Intervals


@dataclass(frozen=True)
class SiteSettings:
    """bases_per_allele: allowed bases to one allele tried. margin: bases between an allele and anything else.

    Shares: snv of all alleles, transition of SNVs (2/3: Ti/Tv of 2), repeat and insertion of indels, het of all.
    longest_indel, longest_span: bases; an indel whose spellings reach further is not planted.
    length_power: of a plain indel's length, P(n) ~ n to minus this.
    """

    bases_per_allele: int = 300
    margin: int = 60
    snv_share: float = 0.5
    transition_share: float = 2 / 3
    repeat_share: float = 0.5
    insertion_share: float = 0.5
    het_share: float = 0.6
    longest_indel: int = 20
    longest_span: int = 40
    length_power: float = 1.8


def choose_alleles(
    reference: str, allowed: Intervals, taken: Iterable[Span], seed: int, settings: SiteSettings | None = None
) -> list[PlantedAllele]:
    """Alleles sorted by position, left-aligned, inside `allowed`, `margin` bases from `taken`, from N and from one another.

    reference: the contig, upper case. Fewer than asked for where there is no room.
    """
    settings = settings or SiteSettings()
    rng = np.random.default_rng(seed)
    offset0, bases, free = _free_bases(reference, allowed, taken, settings.margin)
    runs = tandem_runs(bases)
    number = sum(b - a for a, b in zip(allowed.start0, allowed.end0, strict=True)) // settings.bases_per_allele
    chosen = []
    for _ in range(number):
        edit = left_align(_draw_edit(rng, bases, runs, offset0, settings), reference)
        if edit.alt == reference[edit.start0 : edit.end0]:
            continue
        span = equivalent_span(edit, reference)
        first, last = span.start0 - 1 - offset0, span.end0 + 1 - offset0
        if first < 0 or last > len(free) or last - first > settings.longest_span or not free[first:last].all():
            continue
        free[max(0, first - settings.margin) : last + settings.margin] = False
        haplotypes = (int(rng.integers(2)),) if rng.random() < settings.het_share else (0, 1)
        chosen.append(PlantedAllele(edit, haplotypes))
    return sorted(chosen, key=lambda allele: allele.edit)


def _free_bases(reference: str, allowed: Intervals, taken: Iterable[Span], margin: int) -> tuple[int, np.ndarray, np.ndarray]:
    """(start0, bases, free) from the first to the last allowed base."""
    start0, end0 = allowed.start0[0], allowed.end0[-1]
    bases = np.frombuffer(reference[start0:end0].encode(), np.uint8)
    free = np.zeros(len(bases), bool)
    for first, last in zip(allowed.start0, allowed.end0, strict=True):
        free[first - start0 : last - start0] = True
    unknown = [Span(int(i) + start0, int(i) + start0 + 1) for i in np.flatnonzero(bases == ord("N"))]
    for span in [*taken, *unknown]:
        free[max(0, span.start0 - margin - start0) : max(0, span.end0 + margin - start0)] = False
    return start0, bases, free


def _draw_edit(rng: np.random.Generator, bases: np.ndarray, runs: TandemRuns, offset0: int, settings: SiteSettings) -> Edit:
    at = int(rng.integers(len(bases)))
    if rng.random() < settings.snv_share:
        alt = other_bases(rng, bases[at : at + 1], settings.transition_share)
        return Edit(at + offset0, at + 1 + offset0, alt.tobytes().decode())
    is_insertion = rng.random() < settings.insertion_share
    if len(runs) and rng.random() < settings.repeat_share:
        at, length = _repeat_change(rng, runs, settings.longest_indel)
        added = bases[at : at + length]
    else:
        length = _plain_length(rng, settings)
        added = inserted_bases(rng, bases[at : at + length], length)
    if is_insertion:
        return Edit(at + offset0, at + offset0, added.tobytes().decode())
    return Edit(at + offset0, at + offset0 + length, "")


def _plain_length(rng: np.random.Generator, settings: SiteSettings) -> int:
    lengths = np.arange(1, settings.longest_indel + 1)
    weights = lengths**-settings.length_power
    return int(rng.choice(lengths, p=weights / weights.sum()))


def _repeat_change(rng: np.random.Generator, runs: TandemRuns, longest: int) -> tuple[int, int]:
    """(start, bases) of the whole units that a tract loses or gains."""
    run = draw_run(rng, runs, power=2)
    unit, length = int(runs.unit[run]), int(runs.length[run])
    units = min(int(rng.geometric(0.7)), longest // unit, length // unit - 1)
    return int(runs.start0[run]), max(1, units) * unit


def within(places: Sequence[PlantedAllele], reference: str, allowed: Intervals, margin: int) -> list[tuple[int, int]]:
    """Parts of `allowed` no further than `margin` bases from a planted allele."""
    parts = []
    for place in places:
        span = equivalent_span(place.edit, reference)
        for start0, end0 in zip(allowed.start0, allowed.end0, strict=True):
            first, last = max(start0, span.start0 - margin), min(end0, span.end0 + margin)
            if first < last:
                parts.append((first, last))
    return parts
