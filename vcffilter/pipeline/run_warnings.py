"""Warnings of a run: facts that do not stop it and that nobody should miss. How they are found is no business of this module.

Each is said once on stderr, stands in `--summary`, and in the VCF header where it is known before the header is written.
`--strict` turns any of them into an error.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from vcffilter.errors import VcffilterError

logger = logging.getLogger(__name__)

#: Code -> what it stands for. Output vocabulary: append only.
WARNING_CODES = {
    "sample_mismatch": "the calls' sample and the reads' @RG SM name different people",
    "reads_left_out": "reads are of samples that the calls do not have",
    "stale_index": "an index is older than its file",
    "region_contig_unknown": "a contig of -r or -R is not in the calls",
    "reference_unknown_bases": "the FASTA has N where the calls have bases",
    "somatic_calls": "the calls come from a somatic caller, and the model is for germline calls",
    "foreign_data": "the reads look unlike those that the model was trained on",
    "contradicted_calls": "more calls that the caller was sure of find no support in the reads than chance allows",
    "other_platform": "the background's reads are of another platform than the scored ones",
    "hardly_scored": "nothing or nearly nothing was scored",
}
#: Key of the header line.
HEADER_KEY = "vcffilter_filterWarning"


class StrictError(VcffilterError):
    """A warning, where `--strict` asks for none."""


class UnscoredError(VcffilterError):
    """Nothing or nearly nothing could be scored."""


@dataclass(frozen=True)
class RunWarning:
    """code: of WARNING_CODES. text: what is so, one sentence without its period. hint: what to do."""

    code: str
    text: str
    hint: str

    def __post_init__(self) -> None:
        if self.code not in WARNING_CODES:
            raise ValueError(f"no warning has the code {self.code!r}")

    def __str__(self) -> str:
        return f"{self.text}. {self.hint}"

    def header_line(self) -> str:
        """As a line of a VCF header: one line, whatever the names in it hold."""
        text = " ".join(f"{self.code}: {self}".split())
        return f"##{HEADER_KEY}={text.encode('utf-8', 'backslashreplace').decode()}"

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


class RunWarnings:
    """Collects the warnings of one run; says each once. For one thread."""

    def __init__(self) -> None:
        self._warnings: list[RunWarning] = []

    def add(self, *warnings: RunWarning) -> None:
        """Take warnings up and say those on stderr that were not there yet."""
        for warning in warnings:
            if warning not in self._warnings:
                self._warnings.append(warning)
                logger.warning("warning: %s", warning)

    def all(self) -> tuple[RunWarning, ...]:
        """What was collected so far, in order."""
        return tuple(self._warnings)

    def refuse(self) -> None:
        """Raise StrictError where there is any warning."""
        if self._warnings:
            codes = ", ".join(dict.fromkeys(warning.code for warning in self._warnings))
            raise StrictError(
                f"--strict, and there are warnings ({codes})",
                hint="Mend what they name, or leave --strict out; no output was put under its name",
            )
