"""The summaries of `pileup-filter filter`: read, shards of one run put together. Knows nothing of MultiQC."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

MARKER = "pileup-filter filter summary"
#: Types of ALTs, in the order in which they are shown.
TYPES = ("snv", "indel")


class NoSummary(ValueError):
    """The file is not what it seemed to be; says why."""


@dataclass(frozen=True)
class TypeCounts:
    """Scored ALTs of one type. by_probability: in bins of equal width from 0 to 1."""

    passed: int = 0
    failed: int = 0
    by_probability: tuple[int, ...] = ()

    @property
    def scored(self) -> int:
        """Those that pass and those that fail."""
        return self.passed + self.failed

    def plus(self, other: TypeCounts) -> TypeCounts:
        """Both together."""
        one, two = self.by_probability, other.by_probability
        bins = tuple(map(sum, zip(one, two, strict=True))) if one and two else one or two
        return TypeCounts(self.passed + other.passed, self.failed + other.failed, bins)


@dataclass(frozen=True)
class Warned:
    """A warning of a run."""

    code: str
    text: str
    hint: str


@dataclass(frozen=True)
class Summary:
    """What one run did, or several over parts of the same calls.

    samples: of the calls; where they have none, of the reads. calls: file name without folder. part: of the calls, None = all.
    unscored: records by status. n_outside: ALTs outside of the model's training data, None where that is unknown.
    """

    samples: tuple[str, ...]
    calls: str
    part: str | None
    version: str
    model: str
    model_sha256: str
    threshold_snv: float | None
    threshold_indel: float | None
    n_records: int
    n_passed: int
    n_failed: int
    n_blocks: int
    unscored: Counter[str] = field(default_factory=Counter)
    alts: dict[str, TypeCounts] = field(default_factory=dict)
    n_outside: int | None = None
    warnings: tuple[Warned, ...] = ()
    seconds: float = 0.0
    peak_bytes: int = 0
    n_parts: int = 1

    @property
    def n_scored(self) -> int:
        """Records with a scored ALT."""
        return self.n_passed + self.n_failed

    @property
    def n_unscored(self) -> int:
        """Records that stay as they were, gVCF blocks aside."""
        return sum(self.unscored.values())

    def plus(self, other: Summary) -> Summary:
        """Both parts together: counts and times added, the higher peak of memory, every warning once."""
        known = self.n_outside is not None and other.n_outside is not None
        return replace(
            self,
            part=None,
            n_records=self.n_records + other.n_records,
            n_passed=self.n_passed + other.n_passed,
            n_failed=self.n_failed + other.n_failed,
            n_blocks=self.n_blocks + other.n_blocks,
            unscored=self.unscored + other.unscored,
            alts={kind: self.of_type(kind).plus(other.of_type(kind)) for kind in TYPES},
            n_outside=(self.n_outside or 0) + (other.n_outside or 0) if known else None,
            warnings=tuple(dict.fromkeys(self.warnings + other.warnings)),
            seconds=self.seconds + other.seconds,
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
            n_parts=self.n_parts + other.n_parts,
        )

    def of_type(self, kind: str) -> TypeCounts:
        """Counts of a type of ALTs, which are none in summaries of old versions."""
        return self.alts.get(kind, TypeCounts())


def read_summary(text: str) -> Summary:
    """Raises NoSummary where the text is none."""
    try:
        content = json.loads(text)
        if content["report"] != MARKER:
            raise NoSummary("it has another marker")
        return _summary(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoSummary(f"{type(error).__name__}: {error}") from error


def _summary(content: dict[str, Any]) -> Summary:
    records, thresholds = content["records"], content["thresholds"]
    samples = content.get("samples") or content.get("read_samples") or []
    return Summary(
        samples=tuple(map(str, samples)),
        calls=str(content.get("calls", "-")).rsplit("/", 1)[-1],
        part=content.get("part"),
        version=str(content["program_version"]),
        model=str(content["model"]["id"]),
        model_sha256=str(content["model"]["sha256"]),
        threshold_snv=thresholds.get("snv"),
        threshold_indel=thresholds.get("indel"),
        n_records=int(records["total"]),
        n_passed=int(records["passed"]),
        n_failed=int(records["failed"]),
        n_blocks=int(records["gvcf_blocks"]),
        unscored=Counter({str(name): int(n) for name, n in records["not_scored"].items()}),
        alts={
            kind: TypeCounts(int(one["passed"]), int(one["failed"]), tuple(map(int, one["by_probability"])))
            for kind, one in content.get("alts", {}).items()
        },
        n_outside=(content.get("data") or {}).get("alleles_outside_training"),
        warnings=tuple(Warned(one["code"], one["text"], one["hint"]) for one in content["warnings"]),
        seconds=float(content["seconds"]["elapsed"]),
        peak_bytes=int(content["peak_memory_bytes"]),
    )


def together(summaries: Iterable[tuple[str, Summary]]) -> list[tuple[str, Summary]]:
    """(path, summary) with the parts of one set of calls put together, under the path of the first of them.

    Parts belong together when samples, file of calls, model, thresholds and version are the same and no part occurs twice: what
    cannot be told apart from two runs stays two runs.
    """
    groups: dict[Any, list[tuple[str, Summary]]] = defaultdict(list)
    for number, (path, one) in enumerate(summaries):
        whole_file = number if one.part is None or one.calls == "-" else -1
        key = (one.samples, one.calls, one.model_sha256, one.threshold_snv, one.threshold_indel, one.version, whole_file)
        groups[key].append((path, one))
    found = []
    for group in groups.values():
        parts = [one.part for _, one in group]
        if len(set(parts)) < len(parts):
            found += group
            continue
        path, total = group[0]
        for _, one in group[1:]:
            total = total.plus(one)
        found.append((path, total))
    return found


def row_names(found: list[tuple[str, Summary]]) -> list[str]:
    """Of each (name of the file, run) the name of its row, all different: the run's only sample, else the file; where two would
    be the same, the file beside the sample.
    """
    wanted = [one.samples[0] if len(one.samples) == 1 else file for file, one in found]
    often = Counter(wanted)
    names: list[str] = []
    for name, (file, _) in zip(wanted, found, strict=True):
        full = f"{name} ({file})" if often[name] > 1 and name != file else name
        number = 1
        unique = full
        while unique in names:
            number += 1
            unique = f"{full} ({number})"
        names.append(unique)
    return names
