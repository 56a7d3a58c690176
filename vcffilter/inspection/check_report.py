"""What `check` is given and what it found. Plain data: looks at nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vcffilter.inspection.contigs import ContigRow
from vcffilter.inspection.findings import Findings
from vcffilter.inspection.read_facts import ReadFacts


@dataclass(frozen=True)
class CheckInputs:
    """As `filter` takes them. output: where the result would go, for its room on disk."""

    variants: str
    reads_paths: tuple[str, ...]
    reference_path: str
    model: str
    device: str = "auto"
    samples: tuple[str, ...] = ()
    sample_map: str | None = None
    n_threads: int = 1
    output: str = "."
    background_paths: tuple[str, ...] = ()


@dataclass
class CheckReport:
    """What was found. depth: median reads at the places looked at. model_id: the model a run would take."""

    findings: Findings = field(default_factory=Findings)
    contigs: list[ContigRow] = field(default_factory=list)
    used_contigs: list[str] = field(default_factory=list)
    reads: dict[str, ReadFacts] = field(default_factory=dict)
    model_id: str | None = None
    depth: float | None = None
    n_records: int | None = None
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "verdict": self.findings.verdict,
            "findings": self.findings.to_json(),
            "contigs": [
                {"name": row.name, **{part: vars(one) if one else None for part, one in parts_of(row)}} for row in self.contigs
            ],
            "contigs_of_records": self.used_contigs,
            "reads": {path: facts.to_json() for path, facts in self.reads.items()},
            "model": self.model_id,
            "median_depth": self.depth,
            "records": self.n_records,
            "seconds": self.seconds,
        }


def parts_of(row: ContigRow) -> list[tuple[str, Any]]:
    """(name, contig or None) of calls, reads and FASTA."""
    return [("calls", row.calls), ("reads", row.reads), ("fasta", row.fasta)]
