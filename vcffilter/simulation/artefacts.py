"""Decides where artefacts sit: copies that the reference lacks, damaged or error-prone bases, breakpoints. Draws no reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.simulation.bases import other_bases, random_bases
from vcffilter.simulation.haplotypes import Template, hidden_copy
from vcffilter.simulation.reference import Reference
from vcffilter.simulation.repeats import TandemRuns
from vcffilter.simulation.settings import ArtefactSettings
from vcffilter.truth.normalise import Edit

#: Kinds of error-prone sites; the position in the tuple is the code in `ErrorSites.kind`.
SITE_KINDS = ("strand_damage", "strand_error", "read_end_error")
STRAND_DAMAGE, STRAND_ERROR, READ_END_ERROR = range(3)


@dataclass(frozen=True)
class ErrorSites:
    """Bases that are read wrongly again and again, sorted by position.

    pos0: int64 (n,). alt: uint8 (n,), ASCII. kind: uint8 (n,), index into SITE_KINDS. side: bool (n,), which orientation of the
    fragment (strand_damage) or strand of the read (strand_error) or end of the read (read_end_error) is concerned.
    rate: float64 (n,), share of those reads.
    """

    pos0: np.ndarray
    alt: np.ndarray
    kind: np.ndarray
    side: np.ndarray
    rate: np.ndarray


@dataclass(frozen=True)
class ArtefactPlan:
    """Everything that will look like a variant and is none.

    copies: templates that the reference lacks. insertions: (haplotype, Edit) of long foreign pieces. low_mapq: float32 (contig,),
    mean mapping quality where it is low, NaN elsewhere. jackpots: how many single molecules are copied with an early error.
    spans: (start0, end0, kind) of what was placed, for the report.
    """

    copies: list[Template]
    insertions: list[tuple[int, Edit]]
    sites: ErrorSites
    low_mapq: np.ndarray
    jackpots: int
    spans: list[tuple[int, int, str]]


def plan_artefacts(rng: np.random.Generator, reference: Reference, runs: TandemRuns, settings: ArtefactSettings) -> ArtefactPlan:
    """Places every kind of artefact at the rates of the settings."""
    spans: list[tuple[int, int, str]] = []
    copies = _hidden_copies(rng, reference, settings, spans)
    insertions = _foreign_insertions(rng, reference, settings, spans)
    sites = _error_sites(rng, reference, runs, settings, spans)
    low_mapq = _low_mapq_regions(rng, reference, settings, spans)
    jackpots = int(rng.poisson(settings.count("polymerase_jackpots", len(reference))))
    return ArtefactPlan(copies, insertions, sites, low_mapq, jackpots, sorted(spans))


def _span(rng: np.random.Generator, reference: Reference, shortest: int, longest: int) -> tuple[int, int]:
    """A random stretch of the known part of the contig, shorter on short contigs."""
    first, last = reference.callable0
    length = min(int(rng.integers(shortest, longest)), (last - first) // 4)
    start = int(rng.integers(first, max(first + 1, last - length)))
    return start, start + length


def _hidden_copies(
    rng: np.random.Generator, reference: Reference, settings: ArtefactSettings, spans: list[tuple[int, int, str]]
) -> list[Template]:
    copies = []
    for _ in range(int(rng.poisson(settings.count("hidden_copies", len(reference))))):
        start, end = _span(rng, reference, 300, 1_300)
        divergence = float(rng.uniform(0.004, 0.025))
        n_copies = float(rng.choice((0.5, 1.0, 2.0), p=(0.25, 0.4, 0.35)))
        # Half of them look unique to the aligner: these are the hard ones.
        mapq_cap, varies = ((60, False), (60, True), (30, True))[int(rng.choice(3, p=(0.5, 0.3, 0.2)))]
        copies.append(hidden_copy(rng, reference, start, end, divergence, n_copies, mapq_cap, varies))
        spans.append((start, end, "hidden_copy"))
    return copies


def _foreign_insertions(
    rng: np.random.Generator, reference: Reference, settings: ArtefactSettings, spans: list[tuple[int, int, str]]
) -> list[tuple[int, Edit]]:
    """Long insertions (as a mobile element leaves them) on one haplotype: reads across their edges are clipped."""
    insertions = []
    for _ in range(int(rng.poisson(settings.count("breakpoints", len(reference))))):
        at, _ = _span(rng, reference, 1_000, 1_001)
        target = reference.bases[at : at + int(rng.integers(6, 17))]
        piece = np.concatenate((random_bases(rng, int(rng.integers(250, 900))), np.full(18, ord("A"), np.uint8), target))
        insertions.append((int(rng.integers(0, 2)), Edit(at, at, piece.tobytes().decode())))
        spans.append((max(0, at - 15), at + 30, "breakpoint"))
    return insertions


def _error_sites(
    rng: np.random.Generator,
    reference: Reference,
    runs: TandemRuns,
    settings: ArtefactSettings,
    spans: list[tuple[int, int, str]],
) -> ErrorSites:
    parts = [
        _damage_sites(rng, reference, int(rng.poisson(settings.count("strand_damage", len(reference))))),
        _strand_error_sites(rng, reference, runs, int(rng.poisson(settings.count("strand_error", len(reference))))),
        _read_end_sites(rng, reference, int(rng.poisson(settings.count("read_end_error", len(reference))))),
    ]
    kind = np.concatenate([np.full(len(pos0), code, np.uint8) for code, (pos0, _, _) in enumerate(parts)])
    pos0 = np.concatenate([part[0] for part in parts])
    alt = np.concatenate([part[1] for part in parts])
    rate = np.concatenate([part[2] for part in parts])
    pos0, first = np.unique(pos0, return_index=True)
    keep = (reference.bases[pos0] != ord("N")) & (reference.bases[pos0] != alt[first])
    pos0, first = pos0[keep], first[keep]
    spans += [(int(p), int(p) + 1, SITE_KINDS[k]) for p, k in zip(pos0, kind[first], strict=True)]
    side = rng.random(len(pos0)) < 0.5
    # Damage follows the chemistry: a G is read as T in one orientation of the fragment, a C as A in the other.
    damaged = kind[first] == STRAND_DAMAGE
    side[damaged] = reference.bases[pos0[damaged]] == ord("G")
    return ErrorSites(pos0, alt[first], kind[first], side, rate[first])


def _damage_sites(rng: np.random.Generator, reference: Reference, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Oxidised G (G>T, C>A) and deaminated C (C>T, G>A), two to one."""
    candidates = np.flatnonzero((reference.bases == ord("C")) | (reference.bases == ord("G")))
    pos0 = rng.choice(candidates, count) if len(candidates) else np.zeros(0, np.int64)
    is_c = reference.bases[pos0] == ord("C")
    oxidised = rng.random(len(pos0)) < 0.66
    alt = np.where(is_c, np.where(oxidised, ord("A"), ord("T")), np.where(oxidised, ord("T"), ord("A"))).astype(np.uint8)
    return pos0, alt, rng.uniform(0.15, 0.7, len(pos0))


def _strand_error_sites(
    rng: np.random.Generator, reference: Reference, runs: TandemRuns, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half of them just beyond a homopolymer, where the base of the run is read once more; the others anywhere."""
    long_runs = np.flatnonzero((runs.unit == 1) & (runs.length >= 6) & (runs.start0 + runs.length < len(reference)))
    behind = rng.choice(long_runs, count // 2) if len(long_runs) else np.zeros(0, np.int64)
    after = runs.start0[behind] + runs.length[behind]
    anywhere = rng.integers(*reference.callable0, count - len(behind))
    alt = np.concatenate((reference.bases[runs.start0[behind]], other_bases(rng, reference.bases[anywhere])))
    return np.concatenate((after, anywhere)), alt, rng.uniform(0.1, 0.6, count)


def _read_end_sites(rng: np.random.Generator, reference: Reference, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pos0 = rng.integers(*reference.callable0, count)
    return pos0, other_bases(rng, reference.bases[pos0]), rng.uniform(0.4, 0.95, count)


def _low_mapq_regions(
    rng: np.random.Generator, reference: Reference, settings: ArtefactSettings, spans: list[tuple[int, int, str]]
) -> np.ndarray:
    low_mapq = np.full(len(reference), np.nan, np.float32)
    for _ in range(int(rng.poisson(settings.count("low_mapq_regions", len(reference))))):
        start, end = _span(rng, reference, 300, 1_500)
        low_mapq[start:end] = rng.uniform(3, 35)
        spans.append((start, end, "low_mapq"))
    return low_mapq
