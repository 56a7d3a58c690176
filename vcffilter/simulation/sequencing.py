"""Turns molecules into reads: bases, qualities, substitutions, length errors, damage. Where a base belongs is carried along.

All reads of a batch lie end to end in flat arrays, in reference orientation. Knows no aligner and no file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.simulation.artefacts import STRAND_DAMAGE, STRAND_ERROR, ErrorSites
from vcffilter.simulation.bases import other_bases, random_bases, reverse_complement
from vcffilter.simulation.fragments import Fragments, TemplatePool
from vcffilter.simulation.haplotypes import NO_POSITION
from vcffilter.simulation.qualities import dim_levels, draw_qualities
from vcffilter.simulation.randomness import paired_uniform
from vcffilter.simulation.reference import Reference
from vcffilter.simulation.settings import ReadSettings

_ADAPTERS = (b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCACGGATCT", b"AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTAGATCTCG")
#: Bases from the end of a read within which errors of read ends fall.
_END_REACH = 20


@dataclass(frozen=True)
class ReadBatch:
    """Reads end to end. Arrays of bases are written in place by later steps.

    offset: int64 (n + 1,). bases, quals: uint8 (total,), ASCII and Phred, in reference orientation. ref_pos0: int32 (total,).
    fragment: int64 (n,), row of the fragment. is_reverse, is_first: bool (n,). read_of_base: int64 (total,).
    within: int64 (total,), index of the base in its read.
    """

    offset: np.ndarray
    bases: np.ndarray
    quals: np.ndarray
    ref_pos0: np.ndarray
    fragment: np.ndarray
    is_reverse: np.ndarray
    is_first: np.ndarray
    read_of_base: np.ndarray
    within: np.ndarray

    def __len__(self) -> int:
        return len(self.fragment)

    @property
    def length(self) -> np.ndarray:
        """int64 (n,): bases of each read."""
        return np.diff(self.offset)


@dataclass(frozen=True)
class _Layout:
    """Where each read starts in the pool, before its bases are known."""

    fragment: np.ndarray
    start: np.ndarray
    length: np.ndarray
    is_reverse: np.ndarray
    is_first: np.ndarray


@dataclass(frozen=True)
class _Flat:
    """Reads end to end, as in ReadBatch."""

    offset: np.ndarray
    read_of_base: np.ndarray
    within: np.ndarray


def sequence_fragments(
    rng: np.random.Generator,
    pool: TemplatePool,
    fragments: Fragments,
    reference: Reference,
    sites: ErrorSites,
    settings: ReadSettings,
    seed: int,
) -> ReadBatch:
    """Reads of the fragments: one each, or two that stand in consecutive rows (forward, then reverse)."""
    layout = _lay_out(rng, fragments, settings)
    offset = np.concatenate(([0], np.cumsum(layout.length)))
    read_of_base = np.repeat(np.arange(len(layout.length)), layout.length)
    within = np.arange(offset[-1]) - offset[read_of_base]
    flat = _Flat(offset, read_of_base, within)
    errors = _draw_length_errors(rng, pool, layout, flat, settings)
    source, foreign = _sources(pool, layout, fragments.template[layout.fragment], errors, flat)
    bases = pool.bases[source]
    ref_pos0 = np.where(foreign, NO_POSITION, pool.ref_pos0[source])
    batch = ReadBatch(
        offset,
        bases,
        np.zeros(len(bases), np.uint8),
        ref_pos0,
        layout.fragment,
        layout.is_reverse,
        layout.is_first,
        read_of_base,
        within,
    )
    _write_polymerase_errors(batch, fragments, source)
    _write_adapters(batch, fragments)
    _write_chimeras(rng, batch, fragments, reference, settings)
    cycle = np.where(batch.is_reverse[read_of_base], batch.length[read_of_base] - 1 - within, within)
    quals, error_rate = draw_qualities(rng, settings.quality_model, batch, cycle)
    batch.quals[:] = quals
    _write_site_errors(rng, batch, fragments, reference, sites, settings.quality_model, seed)
    wrong = np.flatnonzero(rng.random(len(bases), np.float32) < error_rate)
    bases[wrong] = other_bases(rng, bases[wrong], 0.4)
    return batch


def _lay_out(rng: np.random.Generator, fragments: Fragments, settings: ReadSettings) -> _Layout:
    count = len(fragments)
    if not settings.paired:
        return _Layout(np.arange(count), fragments.start, fragments.length, ~fragments.first_is_forward, np.ones(count, bool))
    fragment = np.repeat(np.arange(count), 2)
    is_reverse = np.tile([False, True], count)
    start = fragments.start[fragment]
    start[1::2] += fragments.length - settings.read_length
    is_first = fragments.first_is_forward[fragment] != is_reverse
    return _Layout(fragment, start, np.full(2 * count, settings.read_length), is_reverse, is_first)


@dataclass(frozen=True)
class _LengthErrors:
    """Where reads lose or gain bases. at: int64 (n,), flat index of the first base. size: int64 (n,). is_deletion: bool (n,)."""

    at: np.ndarray
    size: np.ndarray
    is_deletion: np.ndarray


def _sources(
    pool: TemplatePool, layout: _Layout, template: np.ndarray, errors: _LengthErrors, flat: _Flat
) -> tuple[np.ndarray, np.ndarray]:
    """(pool index of each base, bool (total,): the base is none of its template's own).

    A length error at a tract's first base jumps over units of it, or reads them twice: the gap comes out left-aligned.
    """
    at, size, is_deletion = errors.at, errors.size, errors.is_deletion
    shift = np.zeros(len(flat.read_of_base) + 1, np.int32)
    np.add.at(shift, at[is_deletion], size[is_deletion])
    np.add.at(shift, at[~is_deletion] + size[~is_deletion], -size[~is_deletion])
    total = np.cumsum(shift[:-1])
    # The shift of a read ends with it: subtract what had gathered before its first base.
    before = total[flat.offset[:-1]] - shift[flat.offset[:-1]]
    source = (layout.start - before)[flat.read_of_base] + flat.within + total
    low, high = pool.offset[template], pool.offset[template + 1]
    foreign = (source < low[flat.read_of_base]) | (source >= high[flat.read_of_base])
    np.clip(source, 0, len(pool.bases) - 1, out=source)
    added, sizes = at[~is_deletion], size[~is_deletion]
    foreign[np.repeat(added, sizes) + np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)] = True
    return source, foreign


def _draw_length_errors(
    rng: np.random.Generator, pool: TemplatePool, layout: _Layout, flat: _Flat, settings: ReadSettings
) -> _LengthErrors:
    planned = np.clip(layout.start[flat.read_of_base] + flat.within, 0, len(pool.bases) - 1)
    # Reads of one sample differ in how often their machine slips: long reads much more than short ones.
    spread = 0.3 if settings.paired else 0.9
    factor = rng.lognormal(-spread * spread / 2, spread, len(layout.length)).astype(np.float32)
    rate = pool.length_error_rate[planned] * factor[flat.read_of_base]
    at = np.flatnonzero((rng.random(len(planned), np.float32) < rate) & (flat.within > 0))
    read = flat.read_of_base[at]
    keep = (np.diff(at, prepend=-1_000) > settings.event_spacing) | (np.diff(read, prepend=-1) > 0)
    at, read = at[keep], read[keep]
    size = pool.unit[planned[at]] * rng.choice((1, 2, 3), len(at), p=(0.86, 0.11, 0.03))
    is_deletion = rng.random(len(at)) < settings.run_deletion_share
    # Errors earlier in the read have moved the tract: its first base now stands that much further left or right.
    moved = np.concatenate(([0], np.cumsum(np.where(is_deletion, size, -size))[:-1])) if len(at) else np.zeros(0, np.int64)
    at = at - (moved - moved[np.searchsorted(read, read)])
    size = np.minimum(size, flat.offset[read + 1] - at - 1)
    keep = size > 0
    return _LengthErrors(at[keep], size[keep], is_deletion[keep])


def _write_polymerase_errors(batch: ReadBatch, fragments: Fragments, source: np.ndarray) -> None:
    error_at = fragments.error_at[batch.fragment]
    for read in np.flatnonzero(error_at >= 0):
        span = slice(batch.offset[read], batch.offset[read + 1])
        hit = np.flatnonzero(source[span] == error_at[read]) + span.start
        batch.bases[hit] = fragments.error_base[batch.fragment[read]]


def _write_adapters(batch: ReadBatch, fragments: Fragments) -> None:
    """Reads longer than their fragment run on into the adapter."""
    fragment_length = fragments.length[batch.fragment]
    for read in np.flatnonzero(batch.length > fragment_length):
        start, end, n = int(batch.offset[read]), int(batch.offset[read + 1]), int(fragment_length[read])
        adapter = np.frombuffer(_ADAPTERS[int(batch.is_first[read])], np.uint8)
        tail = np.full(end - start - n, ord("G"), np.uint8)
        tail[: len(adapter)] = adapter[: len(tail)]
        span = slice(start, end - n) if batch.is_reverse[read] else slice(start + n, end)
        batch.bases[span] = reverse_complement(tail) if batch.is_reverse[read] else tail
        batch.ref_pos0[span] = NO_POSITION


def _write_chimeras(
    rng: np.random.Generator, batch: ReadBatch, fragments: Fragments, reference: Reference, settings: ReadSettings
) -> None:
    """The outer or inner part of a read comes from somewhere else."""
    for read in np.flatnonzero(rng.random(len(batch)) < settings.chimera_rate):
        start, end = int(batch.offset[read]), int(batch.offset[read + 1])
        n = int(rng.integers(15, max(16, (end - start) // 2)))
        at = int(rng.integers(0, max(1, len(reference) - n)))
        foreign = reference.bases[at : at + n] if rng.random() < 0.7 else random_bases(rng, n)
        span = slice(start, start + len(foreign)) if rng.random() < 0.5 else slice(end - len(foreign), end)
        batch.bases[span] = foreign
        batch.ref_pos0[span] = NO_POSITION


def _write_site_errors(
    rng: np.random.Generator,
    batch: ReadBatch,
    fragments: Fragments,
    reference: Reference,
    sites: ErrorSites,
    model: str,
    seed: int,
) -> None:
    """Writes the planned recurrent errors into the reads that show them; those of one strand mostly with a low quality."""
    if not len(sites.pos0):
        return
    site_of = np.full(len(reference) + 1, -1, np.int32)
    site_of[sites.pos0] = np.arange(len(sites.pos0))
    # NO_POSITION indexes the spare last entry.
    at = np.flatnonzero(site_of[batch.ref_pos0] >= 0)
    at = at[batch.bases[at] == reference.bases[batch.ref_pos0[at]]]
    site, read = site_of[batch.ref_pos0[at]], batch.read_of_base[at]
    fragment = batch.fragment[read]
    kind, side = sites.kind[site], sites.side[site]
    from_end = np.minimum(batch.within[at], batch.length[read] - 1 - batch.within[at])
    concerned = np.choose(
        kind,
        [
            fragments.first_is_forward[fragment] == side,
            batch.is_reverse[read] == side,
            (from_end < _END_REACH) & ((batch.within[at] < _END_REACH) == side),
        ],
    )
    # Damage sits in the molecule: both mates and all copies show it.
    shared = paired_uniform(fragments.molecule[fragment], site, seed)
    draw = np.where(kind == STRAND_DAMAGE, shared, rng.random(len(at)))
    hit = concerned & (draw < sites.rate[site])
    batch.bases[at[hit]] = sites.alt[site[hit]]
    dimmed = at[hit & (kind == STRAND_ERROR) & (rng.random(len(at)) < 0.6)]
    batch.quals[dimmed] = np.minimum(batch.quals[dimmed], rng.choice(dim_levels(model), len(dimmed)))
