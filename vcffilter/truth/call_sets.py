"""Alleles of call sets and truth sets as plain tuples, one contig after the other. Must not know how alleles are matched."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vcffilter.errors import VariantFileError
from vcffilter.truth.normalise import Allele, is_sequence
from vcffilter.truth.variant_file import VariantFile

#: How many copies of an ALT a genotype carries. A haploid genotype counts as homozygous.
UNKNOWN_ZYGOSITY, NOT_CARRIED, HETEROZYGOUS, HOMOZYGOUS = -1, 0, 1, 2
#: Depth of an allele of which none is written.
UNKNOWN_DEPTH = -1
# In cyvcf2's genotype arrays: beyond the end of a genotype of lower ploidy.
_ABSENT = -2


class CalledAllele(NamedTuple):
    """One ALT of one record. ref, alt: as written. record_number, alt_number: from 1. passed: FILTER is PASS or `.`.

    probability: <prefix>_PROB, NaN where there is none. depth: <prefix>_DP or UNKNOWN_DEPTH. caller_score: QUAL, without it
    TLOD, else NaN. zygosity: of the chosen sample. filters: FILTER, PASS where it is empty. score: log-odds, of the ALT where it
    has its own, NaN where there is none. reasons: why it failed, as written; empty where nothing is.
    """

    contig: str
    pos1: int
    ref: str
    alt: str
    record_number: int
    alt_number: int
    passed: bool = True
    probability: float = math.nan
    depth: int = UNKNOWN_DEPTH
    caller_score: float = math.nan
    zygosity: int = UNKNOWN_ZYGOSITY
    filters: str = "PASS"
    score: float = math.nan
    reasons: str = ""

    @property
    def allele(self) -> Allele:
        """(pos0, ref, alt) in upper case."""
        return self.pos1 - 1, self.ref.upper(), self.alt.upper()

    @property
    def has_sequence(self) -> bool:
        """Whether both alleles are bases: not symbolic, not a breakend, not `*`."""
        return is_sequence(self.ref.upper()) and is_sequence(self.alt.upper())

    @property
    def is_snv(self) -> bool:
        """As the filter's thresholds see it: both alleles are one base as written."""
        return len(self.ref) == len(self.alt) == 1


class TruthAllele(NamedTuple):
    """One ALT that the truth sample carries, in upper case."""

    pos0: int
    ref: str
    alt: str
    zygosity: int

    @property
    def allele(self) -> Allele:
        """(pos0, ref, alt)."""
        return self.pos0, self.ref, self.alt


class CallsFile(VariantFile):
    """A call set, read once from front to back.

    sample: whose genotypes count, the first when None. prefix: of the INFO keys that `pileup-filter filter` wrote.
    """

    def __init__(self, path: str | Path, sample: str | None = None, prefix: str = "PILEUP") -> None:
        super().__init__(path)
        self._has_sample = self.choose_sample(sample) is not None
        self._probability_key, self._depth_key, self._tlod_key = map(self._declared, (f"{prefix}_PROB", f"{prefix}_DP", "TLOD"))
        self._score_key = self._declared(f"{prefix}_ALT_SCORE") or self._declared(f"{prefix}_SCORE")
        self._alt_reason_key, self._reason_key = map(self._declared, (f"{prefix}_ALT_REASON", f"{prefix}_REASON"))

    @property
    def has_probabilities(self) -> bool:
        """Whether the header declares <prefix>_PROB."""
        return self._probability_key is not None

    def _declared(self, key: str) -> str | None:
        return key if key in self.info_keys else None

    def alleles(self) -> Iterator[CalledAllele]:
        """Every ALT in the file's order, those without a sequence among them."""
        for number, record in enumerate(self.records(), start=1):
            yield from self._of(record, number)

    def contigs_in_order(self) -> Iterator[tuple[str, list[CalledAllele]]]:
        """(contig, its ALTs), one contig in memory at a time.

        Raises VariantFileError when a contig comes back after another one: neighbouring calls could not be seen together.
        """
        done: set[str] = set()
        current: str | None = None
        found: list[CalledAllele] = []
        for number, record in enumerate(self.records(), start=1):
            contig = record.CHROM
            if contig != current:
                if current is not None:
                    yield current, found
                    done.add(current)
                if contig in done:
                    raise VariantFileError(
                        "the contig comes back after another contig: the file is not sorted",
                        path=self.path,
                        contig=contig,
                        pos1=record.POS,
                        record_number=number,
                        hint="Sort it with: bcftools sort FILE",
                    )
                current, found = contig, []
            found.extend(self._of(record, number))
        if current is not None:
            yield current, found

    def _of(self, record: Any, number: int) -> Iterator[CalledAllele]:
        contig, pos1 = record.CHROM, record.POS
        ref, alts = self.alleles_of(record, number)
        filters = record.FILTER
        qual = record.QUAL
        genotype = _genotype(record) if self._has_sample else None
        for index, alt in enumerate(alts):
            depth = _number(record, self._depth_key, index, len(alts))
            yield CalledAllele(
                contig,
                pos1,
                ref,
                alt,
                number,
                index + 1,
                filters is None,
                _number(record, self._probability_key, index, len(alts)),
                UNKNOWN_DEPTH if math.isnan(depth) else int(depth),
                float(qual) if qual is not None else _number(record, self._tlod_key, index, len(alts)),
                zygosity_of(genotype, index + 1),
                filters or "PASS",
                _number(record, self._score_key, index, len(alts)),
                self._reasons(record, index, len(alts)),
            )

    def _reasons(self, record: Any, index: int, n_alts: int) -> str:
        """Of the ALT where it has its own, of the record otherwise."""
        own = None if self._alt_reason_key is None else record.INFO.get(self._alt_reason_key)
        values = [] if own is None else str(own).split(",")
        if len(values) == n_alts and values[index] not in ("", "."):
            return values[index]
        of_record = None if self._reason_key is None or own is not None else record.INFO.get(self._reason_key)
        return "" if of_record is None else str(of_record).replace(",", "&")


class TruthFile(VariantFile):
    """Truth alleles by contig: by index when there is one, otherwise the whole file is read once.

    Left out: records with a FILTER other than PASS, ALTs without a sequence, and those that the sample's genotype does not carry
    (where there is a genotype). sample: the first when None. contigs: of a file without index, those of its records, too.
    """

    def __init__(self, path: str | Path, sample: str | None = None) -> None:
        super().__init__(path)
        self._has_sample = self.choose_sample(sample) is not None
        self._all: dict[str, dict[Allele, int]] | None = None
        if not self.has_index:
            self._all = {}
            for number, record in enumerate(self.records(), start=1):
                self._take(record, number, self._all.setdefault(record.CHROM, {}))
            self.contigs |= set(self._all)

    def alleles(self, contig: str) -> list[TruthAllele]:
        """The contig's alleles by position; one that stands in several records comes once."""
        found: dict[Allele, int] = {}
        if self._all is not None:
            found = self._all.get(contig, {})
        elif contig in self.contigs:
            for record in self.records(contig):
                self._take(record, None, found)
        return sorted(TruthAllele(*allele, zygosity) for allele, zygosity in found.items())

    def _take(self, record: Any, number: int | None, found: dict[Allele, int]) -> None:
        if record.FILTER is not None:
            return
        ref, alts = self.alleles_of(record, number)
        genotype = _genotype(record) if self._has_sample else None
        for index, written in enumerate(alts):
            alt, zygosity = written.upper(), zygosity_of(genotype, index + 1)
            if zygosity == NOT_CARRIED or not is_sequence(alt):
                continue
            allele = (record.POS - 1, ref.upper(), alt)
            # Two records that each carry the allele once are one homozygous variant.
            both = max(found.get(allele, 0), 0) + zygosity
            found[allele] = min(both, HOMOZYGOUS) if zygosity > 0 else zygosity


def zygosity_of(genotype: np.ndarray | None, allele_number: int) -> int:
    """UNKNOWN_ZYGOSITY, NOT_CARRIED, HETEROZYGOUS or HOMOZYGOUS for the ALT of that number (from 1).

    genotype: int (ploidy,), allele numbers, negative where missing; None = there is none.
    """
    if genotype is None or not (genotype >= 0).any():
        return UNKNOWN_ZYGOSITY
    copies = int((genotype == allele_number).sum())
    if copies == 0:
        return NOT_CARRIED
    return HOMOZYGOUS if copies == len(genotype) else HETEROZYGOUS


def carried_alts(record: Any) -> set[int]:
    """Numbers (from 1) of the ALTs that the chosen sample's genotype carries; empty where there is none."""
    genotype = _genotype(record)
    return set() if genotype is None else {int(number) for number in genotype if number > 0}


def _genotype(record: Any) -> np.ndarray | None:
    """int16 (ploidy,): the chosen sample's; None where the record has no GT."""
    if "GT" not in record.FORMAT:
        return None
    # The last column says whether the genotype is phased.
    alleles: np.ndarray = record.genotype.array()[0, :-1]
    return alleles[alleles != _ABSENT]


def _number(record: Any, key: str | None, index: int, n_alts: int) -> float:
    """One ALT's value of an INFO key; of a key that is not per ALT, its largest value; NaN where there is none."""
    value = None if key is None else record.INFO.get(key)
    if value is None:
        return math.nan
    values = value if isinstance(value, tuple) else (value,)
    if len(values) == n_alts:
        return math.nan if values[index] is None else float(values[index])
    return max((float(one) for one in values if one is not None), default=math.nan)
