"""The reference of a simulated sample: made up with repeats and duplications, or a slice of a given FASTA. Knows no variants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from vcffilter.errors import ReferenceFileError, RegionError
from vcffilter.simulation.bases import ACGT, other_bases, random_bases, reverse_complement
from vcffilter.variants.intervals import UNBOUNDED, parse_region

_LINE_LENGTH = 60
_INTERSPERSED_LENGTH = 300


@dataclass(frozen=True)
class Reference:
    """One contig.

    bases: uint8 (n,), upper-case ASCII. partner_pos0: int32 (n,), where the other copy of a segmental duplication has this base,
    -1 outside of them. callable0: (start, end), 0-based half-open, the stretch that is not N.
    """

    contig: str
    bases: np.ndarray
    partner_pos0: np.ndarray
    callable0: tuple[int, int]

    def __len__(self) -> int:
        return len(self.bases)


def make_reference(rng: np.random.Generator, contig: str, length: int) -> Reference:
    """A made-up contig: GC in blocks, few CpG, dispersed repeats, homopolymers up to A20, short tandem repeats, duplications."""
    bases = _background(rng, length)
    _scatter_dispersed_repeats(rng, bases)
    _scatter_tracts(rng, bases)
    partner_pos0 = _duplicate_segments(rng, bases)
    return Reference(contig, bases, partner_pos0, (0, length))


def load_reference(path: str, region: str | None, length: int | None) -> Reference:
    """A contig of a FASTA, or the stretch CONTIG:START-END (1-based, inclusive) of it, renumbered from its first base.

    Without a region the first contig's first `length` bases after leading N are taken. Other letters than ACGT become N.
    """
    try:
        fasta = pysam.FastaFile(path)
    except (OSError, ValueError) as error:
        raise ReferenceFileError("cannot open the FASTA", path=path, hint=f"is it indexed? samtools faidx {path}") from error
    with fasta:
        contig, start0, end0 = _parse_region(fasta, path, region)
        text = fasta.fetch(contig, start0, end0).upper().encode()
    bases = np.frombuffer(text, dtype=np.uint8).copy()
    bases[~np.isin(bases, ACGT)] = ord("N")
    known = np.flatnonzero(bases != ord("N"))
    if len(known) < 1000:
        raise ReferenceFileError(f"fewer than 1000 known bases in {region or contig}", path=path)
    first, last = int(known[0]), int(known[-1]) + 1
    if region is None and length is not None:
        last = min(last, first + length)
    bases = bases[first:last]
    return Reference(contig, bases, np.full(len(bases), -1, np.int32), (0, len(bases)))


def write_fasta(reference: Reference, path: Path, *, compress: bool = False) -> Path:
    """Writes the contig as FASTA with its .fai (and .gzi when compressed); returns the path written."""
    text = reference.bases.tobytes()
    lines = [f">{reference.contig}\n".encode()]
    lines += [text[i : i + _LINE_LENGTH] + b"\n" for i in range(0, len(text), _LINE_LENGTH)]
    if compress:
        with pysam.BGZFile(str(path), "wb", None) as handle:
            handle.write(b"".join(lines))
    else:
        path.write_bytes(b"".join(lines))
    pysam.faidx(str(path))
    return path


def _parse_region(fasta: pysam.FastaFile, path: str, region: str | None) -> tuple[str, int, int]:
    whole = region or fasta.references[0]
    contig, start0, end0 = (whole, 0, UNBOUNDED) if whole in fasta.references else parse_region(whole)
    if contig not in fasta.references:
        raise RegionError(
            f"there is no contig {contig!r} in the FASTA", path=path, hint=f"it has {', '.join(fasta.references[:5])}"
        )
    return contig, max(start0, 0), min(end0, fasta.get_reference_length(contig))


def _background(rng: np.random.Generator, length: int) -> np.ndarray:
    block = 4_000
    gc_share = np.repeat(np.clip(rng.normal(0.41, 0.06, length // block + 1), 0.28, 0.65), block)[:length]
    is_gc = rng.random(length) < gc_share
    second = rng.integers(0, 2, length)
    bases = np.where(is_gc, ACGT[1 + second], ACGT[3 * second])
    # Methylated CpG decay to TpG or CpA: four of five are gone.
    cpg = np.flatnonzero((bases[:-1] == ord("C")) & (bases[1:] == ord("G")) & (rng.random(length - 1) < 0.8))
    as_tg = rng.random(len(cpg)) < 0.5
    bases[cpg[as_tg]] = ord("T")
    bases[cpg[~as_tg] + 1] = ord("A")
    return bases.astype(np.uint8)


def _scatter_dispersed_repeats(rng: np.random.Generator, bases: np.ndarray) -> None:
    """Alu-like copies of one consensus, each 8-18% diverged and with an A-rich tail."""
    consensus = random_bases(rng, _INTERSPERSED_LENGTH)
    for start in rng.integers(0, max(1, len(bases) - 400), int(rng.poisson(len(bases) / 6_000))):
        copy = consensus.copy()
        changed = rng.random(len(copy)) < rng.uniform(0.08, 0.18)
        copy[changed] = other_bases(rng, copy[changed], 0.6)
        copy = np.concatenate((copy, np.full(rng.integers(8, 21), ord("A"), np.uint8)))
        if rng.random() < 0.5:
            copy = reverse_complement(copy)
        end = min(len(bases), start + len(copy))
        bases[start:end] = copy[: end - start]


def _scatter_tracts(rng: np.random.Generator, bases: np.ndarray) -> None:
    """Homopolymers (mostly A and T, 8 to 20 bases) and repeats of 2 to 4 bases (up to 60 bases)."""
    for _ in range(int(rng.poisson(len(bases) / 1_500))):
        length = int(min(20, 7 + rng.geometric(0.25)))
        unit = ACGT[rng.choice(4, p=(0.44, 0.06, 0.06, 0.44))][None]
        _place_tract(rng, bases, np.repeat(unit, length))
    for _ in range(int(rng.poisson(len(bases) / 5_000))):
        unit = random_bases(rng, int(rng.choice((2, 3, 4), p=(0.6, 0.15, 0.25))))
        _place_tract(rng, bases, np.tile(unit, 15)[: int(rng.integers(12, 15 * len(unit)))])


def _place_tract(rng: np.random.Generator, bases: np.ndarray, tract: np.ndarray) -> None:
    if len(tract) < len(bases):
        start = int(rng.integers(0, len(bases) - len(tract)))
        bases[start : start + len(tract)] = tract


def _duplicate_segments(rng: np.random.Generator, bases: np.ndarray) -> np.ndarray:
    """Copies stretches onto others with 0.5-3% divergence and a few indels; returns partner_pos0."""
    partner_pos0 = np.full(len(bases), -1, np.int32)
    for _ in range(int(round(len(bases) / 60_000))):
        length = min(int(rng.integers(1_500, 6_000)), len(bases) // 8)
        source, target = rng.integers(0, len(bases) - 2 * length, 2).tolist()
        apart = abs(source - target) > 2 * length
        used = (partner_pos0[source : source + length] >= 0).any() or (partner_pos0[target : target + length] >= 0).any()
        if not apart or used:
            continue
        copy, origin = _diverged_copy(rng, bases[source : source + length], float(rng.uniform(0.005, 0.03)))
        copy, origin = copy[:length], origin[:length]
        bases[target : target + len(copy)] = copy
        known = np.flatnonzero(origin >= 0)
        partner_pos0[target + known] = source + origin[known]
        partner_pos0[source + origin[known]] = target + known
    return partner_pos0


def _diverged_copy(rng: np.random.Generator, bases: np.ndarray, divergence: float) -> tuple[np.ndarray, np.ndarray]:
    """(bases, index of each base in the original or -1) after substitutions and, a tenth as often, indels of 1-4 bases."""
    copy = bases.copy()
    changed = rng.random(len(copy)) < divergence
    copy[changed] = other_bases(rng, copy[changed], 0.6)
    pieces, origins, last = [], [], 0
    for at in np.sort(rng.integers(10, len(copy) - 10, int(rng.poisson(len(copy) * divergence / 10)))):
        if at < last:
            continue
        size = int(rng.integers(1, 5))
        pieces.append(copy[last:at])
        origins.append(np.arange(last, at))
        if rng.random() < 0.5:
            pieces.append(random_bases(rng, size))
            origins.append(np.full(size, -1))
            last = int(at)
        else:
            last = int(at) + size
    pieces.append(copy[last:])
    origins.append(np.arange(last, len(copy)))
    return np.concatenate(pieces), np.concatenate(origins)
