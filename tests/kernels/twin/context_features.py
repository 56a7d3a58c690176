"""Twin of kernels/context_features.py: features of the allele and of the reference around it."""

from __future__ import annotations

import math
from itertools import groupby

from twin.normalised_alleles import COMPLEX, DELETION, INSERTION, Allele
from twin.reference import Contig

GC_REACH, NARROW_REACH, NEAR_REACH = 50, 20, 10
MAX_RUN, MAX_UNIT = 60, 6


def _run(contig: Contig, pos0: int, step: int) -> int:
    """Length of the run of one base that begins at a position and goes on in one direction; MAX_RUN at most."""
    base = contig.base(pos0)
    length = 0
    while base != "N" and length < MAX_RUN and contig.base(pos0 + step * length) == base:
        length += 1
    return length


def _repeats(contig: Contig, pos0: int, unit: int) -> bool:
    """Whether the base at a position is the one `unit` further on."""
    return contig.base(pos0) != "N" and contig.base(pos0) == contig.base(pos0 + unit)


def _tract(contig: Contig, pos0: int, unit: int) -> int:
    """Bases around a position that repeat with period `unit`, MAX_RUN on either side at most; 0 where none do."""
    right = 0
    while right < MAX_RUN and _repeats(contig, pos0 + right, unit):
        right += 1
    left = 0
    while left < MAX_RUN and _repeats(contig, pos0 - 1 - left, unit):
        left += 1
    return left + right + unit if left + right > 0 else 0


def _best_repeat(contig: Contig, pos0: int) -> tuple[int, int]:
    """Unit and tract of the repeat with the most bases beyond the first copy, the shortest unit of equals; (0, 0) for none."""
    tracts = {unit: _tract(contig, pos0, unit) for unit in range(1, MAX_UNIT + 1)}
    units = [unit for unit, tract in tracts.items() if tract >= 2 * unit]
    if not units:
        return 0, 0
    unit = max(units, key=lambda unit: (tracts[unit] - unit, -unit))
    return unit, tracts[unit]


def _longest_run(bases: str) -> int:
    """Longest run of one known base; 1 where there are unknown ones only."""
    return max(len(list(run)) if base != "N" else 1 for base, run in groupby(bases))


def _gc_share(bases: str) -> float:
    known = [base for base in bases if base != "N"]
    return sum(base in "CG" for base in known) / len(known) if known else 0.5


def _words(bases: str, length: int) -> list[str]:
    words = [bases[first : first + length] for first in range(len(bases) - length + 1)]
    return [word for word in words if "N" not in word]


def _entropy(words: list[str]) -> float:
    """Shannon entropy in bits, summed in alphabetical order."""
    entropy = 0.0
    for word in sorted(set(words)):
        share = words.count(word) / len(words)
        entropy -= share * math.log2(share)
    return entropy


def _joined_run(allele: Allele, contig: Contig, run_left: int, run_right: int) -> float:
    """Bases of the neighbouring runs that the first base of ALT repeats."""
    first = allele.alt[:1]
    joined = run_left if first and first == contig.base(allele.start0 - 1) else 0
    return joined + (run_right if first and first == contig.base(allele.end0) else 0)


def context_features(allele: Allele, contig: Contig) -> dict[str, float]:
    """Values by name, before rounding to float32."""
    start0, end0 = allele.start0, allele.end0
    n_new, change, shift_range = len(allele.alt), allele.change, allele.shift_end0 - allele.end0
    single = allele.is_substitution and allele.n_replaced == 1
    run_left, run_right = _run(contig, start0 - 1, -1), _run(contig, end0, 1)
    unit, tract = _best_repeat(contig, start0)
    base, after, before = contig.base(start0), contig.base(start0 + 1), contig.base(start0 - 1)
    narrow = contig.bases(start0 - NARROW_REACH, end0 + NARROW_REACH)
    return {
        "is_snv": single,
        "is_insertion": allele.kind == INSERTION,
        "is_deletion": allele.kind == DELETION,
        "is_complex": allele.kind == COMPLEX or (allele.is_substitution and not single),
        "length_change": min(max(change, -50), 50),
        "log_allele_length": math.log2(max(n_new, allele.n_replaced)),
        "is_transition": single and {base, allele.alt} in ({"A", "G"}, {"C", "T"}),
        "run_left": run_left,
        "run_right": run_right,
        "run_at_event": max(_run(contig, start0, 1) + _run(contig, start0, -1) - 1, 0),
        "alt_joins_run": _joined_run(allele, contig, run_left, run_right),
        "longest_run_near": _longest_run(contig.bases(start0 - NEAR_REACH, allele.shift_end0 + NEAR_REACH)),
        "repeat_unit": unit,
        "repeat_tract": tract,
        "repeat_copies": tract / unit if unit else 0.0,
        "indel_is_whole_units": unit > 0 and change != 0 and change % unit == 0 and shift_range > 0,
        "log_shift_range": math.log2(1.0 + shift_range),
        "gc_50": _gc_share(contig.bases(start0 - GC_REACH, end0 + GC_REACH)),
        "entropy_20": _entropy(_words(narrow, 2)),
        "distinct_3mers_20": len(set(_words(narrow, 3))),
        "cpg": (base == "C" and after == "G") or (base == "G" and before == "C"),
    }
