"""What a run did, in one line for people and in JSON for programs."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, dataclass
from typing import Any

from vcffilter.annotation.annotator import AnnotationCounts
from vcffilter.annotation.background_tally import BackgroundAlts
from vcffilter.annotation.settings import BACKGROUND_FILTER, Thresholds
from vcffilter.files import UnfinishedFile
from vcffilter.pipeline.run import StageSeconds
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.version import __version__

#: Marks the JSON for programs that search for reports.
REPORT_MARKER = "pileup-filter filter summary"
_REPORT_VERSION = 1


@dataclass(frozen=True)
class RunInputs:
    """What was filtered: calls as named (- is stdin), their samples in the order of the columns, the samples of the reads' @RG
    lines, and the part of the calls that was asked for, as given to -r, -R, -t or -T; None = all.
    """

    calls: str
    samples: tuple[str, ...]
    read_samples: tuple[str, ...]
    part: str | None


@dataclass(frozen=True)
class BackgroundFacts:
    """files: of each sample of the background, by its name. decides: what it explains as noise failed."""

    files: dict[str, tuple[str, ...]]
    decides: bool

    def line(self, alts: BackgroundAlts) -> str:
        """What was found there, and apart of it the alleles that nobody else has, which are left alone."""
        found = ", ".join(f"{name if name != '.' else 'too few reads'} {one.n_alts}" for name, one in alts.alts.items())
        rare = alts.alts["none"]
        said = f"background of {len(self.files)}: {found}; of the rare (none) {rare.passed} passed, {rare.failed} failed"
        n_explained = sum(one.explained for one in alts.alts.values())
        return f"{said}; {n_explained} failed as {BACKGROUND_FILTER}" if self.decides else said

    def to_json(self, alts: BackgroundAlts) -> dict[str, Any]:
        """A plain dictionary."""
        return {
            "decides": self.decides,
            "alts": {
                name: {"passed": one.passed, "failed": one.failed, "failed_by_background": one.explained}
                for name, one in alts.alts.items()
            },
            "samples": [{"name": name, "files": list(self.files[name]), "alts": found} for name, found in alts.samples.items()],
        }


@dataclass(frozen=True)
class RunSummary:
    """What a run did.

    inputs: what was filtered. counts: of records and alleles. stages: seconds by stage.
    elapsed_seconds: wall clock, start-up included. peak_bytes: of resident memory. warnings: all of the run.
    data: the reads, and the ALTs outside the model's training data. background: whose reads it is, and whether it decides.
    """

    inputs: RunInputs
    counts: AnnotationCounts
    stages: StageSeconds
    thresholds: Thresholds
    model_id: str
    model_sha256: str
    elapsed_seconds: float
    peak_bytes: int
    n_threads: int
    warnings: tuple[RunWarning, ...] = ()
    data: dict[str, Any] | None = None
    background: BackgroundFacts | None = None

    @property
    def records_per_second(self) -> float:
        """Records over the wall clock."""
        return self.counts.n_records / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0

    def line(self) -> str:
        """One line."""
        counts = self.counts
        unscored = ", ".join(f"{name} {number}" for name, number in counts.unscored_records.items())
        n_unscored = sum(counts.unscored_records.values())
        parts = [
            f"{counts.n_records} records",
            f"{counts.n_scored} scored ({counts.alleles.get('scored', 0)} alleles)",
            f"{counts.n_failed} failed (SNV {counts.n_failed_snv}, indel {counts.n_failed_indel})",
            f"{n_unscored} not scored" + (f" ({unscored})" if unscored else ""),
        ]
        if counts.stages:
            total = sum(counts.stages.values())
            shares = (f"{name} {number} ({_percent(number, total)})" for name, number in counts.stages.items())
            parts.append(f"ALTs decided by {', '.join(shares)}")
        if counts.n_blocks:
            parts.append(f"{counts.n_blocks} gVCF blocks")
        if self.background is not None and counts.background is not None:
            parts.append(self.background.line(counts.background))
        parts.append(f"{self.elapsed_seconds:.1f} s, {self.records_per_second:.0f} records/s")
        parts.append(f"peak memory {self.peak_bytes / 2**20:.0f} MiB")
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        counts = asdict(self.counts)
        return {
            "report": REPORT_MARKER,
            "report_version": _REPORT_VERSION,
            "program_version": __version__,
            "calls": self.inputs.calls,
            "part": self.inputs.part,
            "samples": list(self.inputs.samples),
            "read_samples": list(self.inputs.read_samples),
            "model": {"id": self.model_id, "sha256": self.model_sha256},
            "thresholds": asdict(self.thresholds),
            "records": {
                "total": counts["n_records"],
                "scored": counts["n_scored"],
                "passed": counts["n_scored"] - counts["n_failed"],
                "failed": counts["n_failed"],
                "failed_snv": counts["n_failed_snv"],
                "failed_indel": counts["n_failed_indel"],
                "failed_background": counts["n_failed_noise"],
                "gvcf_blocks": counts["n_blocks"],
                "not_scored": counts["unscored_records"],
            },
            "alleles": counts["alleles"],
            "alts": counts["alts"],
            "background": self._background_json(),
            **({"stages": counts["stages"]} if counts["stages"] else {}),
            "data": self.data,
            "warnings": [warning.to_json() for warning in self.warnings],
            "seconds": {
                "elapsed": round(self.elapsed_seconds, 3),
                "read": round(self.stages.read, 3),
                "score_all_workers": round(self.stages.score, 3),
                "wait_for_scores": round(self.stages.wait, 3),
                "annotate": round(self.stages.annotate, 3),
                "write": round(self.stages.write, 3),
            },
            "records_per_second": round(self.records_per_second, 1),
            "peak_memory_bytes": self.peak_bytes,
            "threads": self.n_threads,
        }

    def _background_json(self) -> dict[str, Any] | None:
        if self.background is None or self.counts.background is None:
            return None
        return self.background.to_json(self.counts.background)

    def save(self, file: UnfinishedFile) -> None:
        """Write the JSON into a file that has no name yet. Raises OutputError."""
        file.write((json.dumps(self.to_json(), indent=2) + "\n").encode())


def _percent(number: int, total: int) -> str:
    return f"{100 * number / total:.1f}%" if total else "-"


def peak_memory_bytes() -> int:
    """Most resident memory that this process had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
