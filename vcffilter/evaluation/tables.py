"""What is known of every compared allele, as columns. Plain arrays: knows neither files nor how alleles were compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

#: Codes of CallTable.label.
FALSE, TRUE, OUTSIDE, NOT_COMPARED, EXCLUDED = 0, 1, 2, 3, 4
#: Codes of AlleleFacts.hard.
EASY, HARD, HARD_UNKNOWN = 0, 1, -1
#: Calls whose caller score is below this were not believed by the caller itself.
HARD_SCORE = 1.0
_BLOCK_BASES = 1000


@dataclass(frozen=True)
class AlleleFacts:
    """n alleles; every array has n entries in the same order.

    contig: int32, code. pos0: int64. kind: uint8, codes of `context`. size_bases: int32. is_transition: bool.
    homopolymer_bases: int32. in_repeat: bool. depth: int32, -1 = unknown. hard: int8, EASY, HARD or HARD_UNKNOWN.
    strata: bool (n, n_strata).
    """

    contig: np.ndarray
    pos0: np.ndarray
    kind: np.ndarray
    size_bases: np.ndarray
    is_transition: np.ndarray
    homopolymer_bases: np.ndarray
    in_repeat: np.ndarray
    depth: np.ndarray
    hard: np.ndarray
    strata: np.ndarray

    def __len__(self) -> int:
        return len(self.pos0)

    @property
    def blocks(self) -> np.ndarray:
        """int64 (n,): id of each allele's 1 kb block, the unit of resampling."""
        return self.contig.astype(np.int64) * 10_000_000 + self.pos0 // _BLOCK_BASES


@dataclass(frozen=True)
class CallTable:
    """The called ALTs. label: uint8, FALSE, TRUE, OUTSIDE, NOT_COMPARED or EXCLUDED, whatever the genotype. passed: bool.

    record: int64. probability, caller_score: float64, NaN where there is none. is_snv: bool, as the filter's thresholds see it.
    genotype_right: bool (n, 2), among all calls and among those that passed; None when genotypes were not compared.
    """

    facts: AlleleFacts
    label: np.ndarray
    passed: np.ndarray
    record: np.ndarray
    probability: np.ndarray
    caller_score: np.ndarray
    is_snv: np.ndarray
    genotype_right: np.ndarray | None = None


@dataclass(frozen=True)
class TruthTable:
    """The truth alleles inside the confident regions. found: bool (n, 2), by all calls and by those that passed.

    genotype_right: bool (n, 2), as in CallTable. excluded: bool (n,), not counted; None = none of them.
    """

    facts: AlleleFacts
    found: np.ndarray
    genotype_right: np.ndarray | None = None
    excluded: np.ndarray | None = None


_DTYPES: dict[str, Any] = {
    "contig": np.int32,
    "pos0": np.int64,
    "kind": np.uint8,
    "size_bases": np.int32,
    "is_transition": bool,
    "homopolymer_bases": np.int32,
    "in_repeat": bool,
    "depth": np.int32,
    "hard": np.int8,
    "strata": bool,
}


def facts_of(n_strata: int, **columns: Any) -> AlleleFacts:
    """AlleleFacts from sequences, one per column, each with one entry per allele."""
    arrays = {name: np.asarray(columns[name], dtype) for name, dtype in _DTYPES.items()}
    arrays["strata"] = arrays["strata"].reshape(len(arrays["pos0"]), n_strata)
    return AlleleFacts(**arrays)


def joined(tables: Sequence[Any]) -> Any:
    """Tables of one kind (at least one), one after the other."""
    first = tables[0]
    values: dict[str, Any] = {}
    for field in fields(first):
        parts = [getattr(table, field.name) for table in tables]
        if isinstance(parts[0], np.ndarray):
            values[field.name] = np.concatenate(parts)
        else:
            values[field.name] = None if parts[0] is None else joined(parts)
    return type(first)(**values)


def caller_believed(caller_score: np.ndarray) -> np.ndarray:
    """int8 (n,): HARD where the caller's score is at least HARD_SCORE, or where it gave none."""
    return np.where(caller_score < HARD_SCORE, EASY, HARD).astype(np.int8)
