"""Draws the molecules that are sequenced: from which template, where, how long, copied or not. Knows no bases.

Positions are indices into all templates laid end to end (`TemplatePool`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from vcffilter.simulation.haplotypes import Template, length_error_rates
from vcffilter.simulation.settings import ReadSettings

_COVERAGE_BLOCK = 250


@dataclass(frozen=True)
class TemplatePool:
    """All templates laid end to end.

    bases: uint8 (total,). ref_pos0: int32 (total,). length_error_rate: float32 (total,). unit: int8 (total,).
    offset: int64 (n_templates + 1,), borders. templates: the originals, for their mapping qualities.
    """

    bases: np.ndarray
    ref_pos0: np.ndarray
    length_error_rate: np.ndarray
    unit: np.ndarray
    offset: np.ndarray
    templates: list[Template]


@dataclass(frozen=True)
class Fragments:
    """One row per molecule on the sequencer.

    template: int32 (n,). start: int64 (n,), pool index of the leftmost base. length: int64 (n,).
    first_is_forward: bool (n,), read 1 lies on the forward strand. molecule: int64 (n,), copies of one molecule share it.
    is_duplicate: bool (n,), a copy that was flagged. error_at: int64 (n,), pool index of an early polymerase error or -1.
    error_base: uint8 (n,), ASCII.
    """

    template: np.ndarray
    start: np.ndarray
    length: np.ndarray
    first_is_forward: np.ndarray
    molecule: np.ndarray
    is_duplicate: np.ndarray
    error_at: np.ndarray
    error_base: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: np.ndarray | slice) -> Fragments:
        """The rows of an index array, mask or slice."""
        return Fragments(*(getattr(self, item.name)[rows] for item in fields(self)))


def pool_templates(templates: list[Template], settings: ReadSettings) -> TemplatePool:
    """Lays the templates end to end, with the chance of a length error at each base."""
    rates = [length_error_rates(template, settings.run_errors) for template in templates]
    return TemplatePool(
        np.concatenate([template.bases for template in templates]),
        np.concatenate([template.ref_pos0 for template in templates]),
        np.concatenate([rate for rate, _ in rates]),
        np.concatenate([unit for _, unit in rates]),
        np.cumsum([0] + [len(template.bases) for template in templates]),
        templates,
    )


def local_depth(rng: np.random.Generator, reference_bases: np.ndarray, spread: float) -> np.ndarray:
    """float64 (n,): relative depth per reference base: a smooth random field, less where GC is extreme, none in N."""
    n_blocks = len(reference_bases) // _COVERAGE_BLOCK + 2
    noise = np.convolve(rng.normal(0, 1, n_blocks + 6), np.ones(7) / np.sqrt(7), mode="valid")
    is_gc = np.isin(reference_bases, np.frombuffer(b"GC", np.uint8)).astype(np.float64)
    gc_share = np.convolve(is_gc, np.ones(101) / 101, mode="same")
    gc_effect = np.exp(-(((gc_share - 0.43) / 0.28) ** 2))
    at = np.arange(len(reference_bases)) / _COVERAGE_BLOCK
    field = np.exp(spread * np.interp(at, np.arange(n_blocks), noise[:n_blocks])) * gc_effect
    field[reference_bases == ord("N")] = 0
    mean = field.mean()
    return field / mean if mean > 0 else field


def draw_fragments(
    rng: np.random.Generator, pool: TemplatePool, depth_field: np.ndarray, settings: ReadSettings, jackpots: int
) -> Fragments:
    """Fragments of every template, with flagged and unflagged copies, in order of their start in the pool."""
    parts = [_draw_of_template(rng, number, pool, depth_field, settings) for number in range(len(pool.templates))]
    template, start, length = (np.concatenate([part[i] for part in parts]) for i in range(3))
    count = len(start)
    has_error = rng.random(count) < settings.polymerase_error_rate * length * settings.paired
    jackpot = rng.integers(0, count, jackpots if count else 0)
    has_error[jackpot] = True
    originals = Fragments(
        template,
        start,
        length,
        rng.random(count) < 0.5,
        np.arange(count),
        np.zeros(count, bool),
        np.where(has_error, start + (rng.random(count) * length).astype(np.int64), -1),
        np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, count)],
    )
    return _with_copies(rng, originals, pool, jackpot, settings)


def _draw_of_template(
    rng: np.random.Generator, number: int, pool: TemplatePool, depth_field: np.ndarray, settings: ReadSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(template int32, start int64, length int64) of one template's molecules, before copying."""
    template, offset = pool.templates[number], int(pool.offset[number])
    known = np.maximum.accumulate(template.ref_pos0)
    first = template.ref_pos0[template.ref_pos0 >= 0][:1]
    weight = depth_field[np.where(known >= 0, known, first)] if len(first) else np.zeros(len(known))
    bases_per_fragment = settings.read_length * (2 if settings.paired else 1)
    count = int(rng.poisson(weight.sum() * settings.depth / 2 * template.copies / bases_per_fragment))
    mean, spread = (settings.insert_mean, settings.insert_sd) if settings.paired else (settings.read_length, settings.length_sd)
    length = np.clip(rng.normal(mean, spread, count), min(60, mean), len(known) - 1).astype(np.int64)
    cumulative = np.cumsum(weight)
    start = np.searchsorted(cumulative, rng.random(count) * cumulative[-1])
    # A molecule that would run over the end of its template ends there instead: ends keep their depth.
    start = np.minimum(start, len(known) - length)
    return np.full(count, number, np.int32), start + offset, length


def _with_copies(
    rng: np.random.Generator, originals: Fragments, pool: TemplatePool, jackpot: np.ndarray, settings: ReadSettings
) -> Fragments:
    """Adds the copies: of any fragment, nearly all flagged; of the jackpots two to six, half of them never flagged."""
    copied = np.flatnonzero(rng.random(len(originals)) < settings.duplicate_rate)
    n_copies = rng.integers(2, 7, len(jackpot))
    missed = np.repeat(rng.random(len(jackpot)) < 0.55, n_copies)
    # Copies that the marking missed start a few bases apart.
    jitter = np.where(missed, rng.integers(-4, 5, len(missed)), 0)
    taken = originals.take(np.concatenate((np.arange(len(originals)), copied, np.repeat(jackpot, n_copies))))
    is_flagged = np.concatenate((np.zeros(len(originals), bool), rng.random(len(copied)) < 0.97, ~missed))
    shift = np.concatenate((np.zeros(len(originals) + len(copied), np.int64), jitter))
    low, high = pool.offset[taken.template], pool.offset[taken.template + 1] - taken.length
    everything = replace(taken, start=np.clip(taken.start + shift, low, high), is_duplicate=is_flagged)
    return everything.take(np.lexsort((everything.molecule, everything.start)))
