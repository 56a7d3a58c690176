"""Calls and truth of a comparison as plain tuples, one contig after the other. Must not know how alleles are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pysam

from vcffilter.errors import VariantFileError
from vcffilter.truth.normalise import is_sequence
from vcffilter.truth.truth_files import each_record, open_variants

#: How many copies of an ALT a genotype carries. A haploid genotype counts as homozygous.
UNKNOWN_ZYGOSITY, NOT_CARRIED, HETEROZYGOUS, HOMOZYGOUS = -1, 0, 1, 2
#: Depth of an allele of which none is written.
UNKNOWN_DEPTH = -1


class CalledVariant(NamedTuple):
    """One ALT of one record. record: number of the record in its file, from 0. passed: FILTER is PASS or `.`.

    probability: <prefix>_PROB, NaN where there is none. depth: <prefix>_DP or UNKNOWN_DEPTH. caller_score: QUAL, without it
    TLOD, else NaN.
    """

    pos0: int
    ref: str
    alt: str
    record: int
    passed: bool
    probability: float
    depth: int
    caller_score: float
    zygosity: int


class TruthVariant(NamedTuple):
    """One ALT that the truth sample carries."""

    pos0: int
    ref: str
    alt: str
    zygosity: int


class CallsFile:
    """A call set, read once from front to back; use it with `with`.

    sample: only ALTs that its genotype carries; None = every ALT, and genotypes are those of the first sample. prefix: of the
    INFO keys that `pileup-filter filter` wrote. n_unsupported: ALTs without a sequence, which are left out.
    """

    def __init__(self, path: str | Path, sample: str | None = None, prefix: str = "PILEUP") -> None:
        self.path = str(path)
        self._file = open_variants(path)
        self._sample = _sample(self._file, path, sample)
        self._only_carried = sample is not None
        declared = self._file.header.info
        self._probability_key = f"{prefix}_PROB" if f"{prefix}_PROB" in declared else None
        self._depth_key = f"{prefix}_DP" if f"{prefix}_DP" in declared else None
        self._tlod_key = "TLOD" if "TLOD" in declared else None
        self.n_unsupported = 0

    def __enter__(self) -> CallsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def file(self) -> pysam.VariantFile:
        """The open file, for its header."""
        return self._file

    @property
    def has_probabilities(self) -> bool:
        """Whether the header declares <prefix>_PROB."""
        return self._probability_key is not None

    def contigs(self) -> Iterator[tuple[str, list[CalledVariant]]]:
        """(contig, ALTs in file order). Raises VariantFileError when a contig comes back after another one."""
        done: set[str] = set()
        current: str | None = None
        found: list[CalledVariant] = []
        for number, record in enumerate(each_record(self.path, iter(self._file))):
            if record.chrom != current:
                if current is not None:
                    yield current, found
                    done.add(current)
                if record.chrom in done:
                    raise VariantFileError(
                        "the contig comes back after another contig: the file is not sorted",
                        path=self.path,
                        contig=record.chrom,
                        pos1=record.pos,
                        record_number=number + 1,
                        hint="Sort it with: bcftools sort FILE",
                    )
                current, found = record.chrom, []
            found.extend(self._alleles(record, number))
        if current is not None:
            yield current, found

    def _alleles(self, record: pysam.VariantRecord, number: int) -> Iterator[CalledVariant]:
        alts = record.alts or ()
        filters = tuple(record.filter)
        passed = not filters or filters == ("PASS",)
        genotype = _genotype(record, self._sample)
        ref = (record.ref or "").upper()
        for index, written in enumerate(alts):
            alt = written.upper()
            if not is_sequence(alt) or not is_sequence(ref):
                self.n_unsupported += 1
                continue
            zygosity = zygosity_of(genotype, index + 1)
            if self._only_carried and zygosity == NOT_CARRIED:
                continue
            probability = _number(record, self._probability_key, index, len(alts))
            depth = _number(record, self._depth_key, index, len(alts))
            score = float(record.qual) if record.qual is not None else _number(record, self._tlod_key, index, len(alts))
            yield CalledVariant(
                record.pos - 1,
                ref,
                alt,
                number,
                passed,
                probability,
                UNKNOWN_DEPTH if math.isnan(depth) else int(depth),
                score,
                zygosity,
            )


class GenotypedTruth:
    """Truth ALTs with their zygosity by contig: by index when there is one, otherwise the file is read once.

    Left out: records with a FILTER other than PASS, and ALTs that the sample's genotype does not carry. sample: the first when
    None. contigs: names of the header, and of the records of a file without index.
    """

    def __init__(self, path: str | Path, sample: str | None = None) -> None:
        self.path = str(path)
        self._file = open_variants(path)
        self._sample = _sample(self._file, path, sample)
        self.contigs = {str(name) for name in self._file.header.contigs}
        self._all: dict[str, dict[tuple[int, str, str], int]] | None = None
        if self._file.index is None:
            self._all = {}
            for record in each_record(path, iter(self._file)):
                self._take(record, self._all.setdefault(record.chrom, {}))
            self.contigs |= set(self._all)

    def __enter__(self) -> GenotypedTruth:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def variants(self, contig: str) -> list[TruthVariant]:
        """The contig's ALTs by position; an allele that stands in several records comes once."""
        found: dict[tuple[int, str, str], int] = {}
        if self._all is not None:
            found = self._all.get(contig, {})
        elif contig in self.contigs:
            for record in each_record(self.path, self._file.fetch(contig)):
                self._take(record, found)
        return sorted(TruthVariant(*allele, zygosity) for allele, zygosity in found.items())

    def _take(self, record: pysam.VariantRecord, found: dict[tuple[int, str, str], int]) -> None:
        if any(name not in ("PASS", ".") for name in record.filter):
            return
        genotype = _genotype(record, self._sample)
        ref = (record.ref or "").upper()
        for index, written in enumerate(record.alts or ()):
            alt, zygosity = written.upper(), zygosity_of(genotype, index + 1)
            if zygosity == NOT_CARRIED or not is_sequence(alt):
                continue
            allele = (record.pos - 1, ref, alt)
            # Two records that each carry the allele once are one homozygous variant.
            both = max(found.get(allele, 0), 0) + zygosity
            found[allele] = min(both, HOMOZYGOUS) if zygosity > 0 else zygosity


def zygosity_of(genotype: tuple[int | None, ...] | None, allele_number: int) -> int:
    """UNKNOWN_ZYGOSITY, NOT_CARRIED, HETEROZYGOUS or HOMOZYGOUS for the ALT of that number (from 1)."""
    if not genotype or all(index is None for index in genotype):
        return UNKNOWN_ZYGOSITY
    copies = genotype.count(allele_number)
    if copies == 0:
        return NOT_CARRIED
    return HOMOZYGOUS if copies == len(genotype) else HETEROZYGOUS


def _sample(file: pysam.VariantFile, path: str | Path, sample: str | None) -> str | None:
    names = [str(name) for name in file.header.samples]
    if sample is not None and sample not in names:
        raise VariantFileError(f"has no sample {sample!r}", path=str(path), hint=f"Its samples are: {', '.join(names) or 'none'}")
    return sample if sample is not None else (names[0] if names else None)


def _genotype(record: pysam.VariantRecord, sample: str | None) -> tuple[int | None, ...] | None:
    if sample is None or "GT" not in record.format:
        return None
    return record.samples[sample].allele_indices


def _number(record: pysam.VariantRecord, key: str | None, index: int, n_alts: int) -> float:
    """One ALT's value of an INFO key; of a key that is not per ALT, its largest value; NaN where there is none."""
    if key is None or key not in record.info:
        return math.nan
    value: Any = record.info[key]
    values = value if isinstance(value, tuple) else (value,)
    if len(values) == n_alts:
        return math.nan if values[index] is None else float(values[index])
    return max((float(one) for one in values if one is not None), default=math.nan)
