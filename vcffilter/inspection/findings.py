"""What a check found: one list of findings, each good, doubtful or bad, and the verdict over all. Knows no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from vcffilter.errors import VcffilterError
from vcffilter.pipeline.run_warnings import RunWarning

OK, WARNING, FAILURE = "ok", "warning", "failure"
#: Exit codes of `pileup-filter check`.
EXIT_CODES = {OK: 0, FAILURE: 1, WARNING: 3}


@dataclass(frozen=True)
class Finding:
    """level: OK, WARNING or FAILURE. topic: what was looked at. text: what is so. hint: what to do, empty where all is well."""

    level: str
    topic: str
    text: str
    hint: str = ""


@dataclass
class Findings:
    """Collects findings in order."""

    items: list[Finding] = field(default_factory=list)

    def ok(self, topic: str, text: str) -> None:
        """Something fits."""
        self.items.append(Finding(OK, topic, text))

    def warn(self, topic: str, text: str, hint: str) -> None:
        """A run would warn, or ought to be thought over."""
        self.items.append(Finding(WARNING, topic, text, hint))

    def fail(self, topic: str, text: str, hint: str) -> None:
        """A run would end with an error."""
        self.items.append(Finding(FAILURE, topic, text, hint))

    def warning(self, topic: str, warning: RunWarning | None) -> bool:
        """Take a run's warning; whether there was one."""
        if warning is not None:
            self.warn(topic, warning.text, warning.hint)
        return warning is not None

    @contextmanager
    def errors_as_failures(self, topic: str) -> Iterator[None]:
        """Errors within the block are failures of a run."""
        try:
            yield
        except VcffilterError as error:
            self.fail(topic, str(error).removesuffix(f". {error.hint}"), error.hint or "")

    @property
    def verdict(self) -> str:
        """The worst level."""
        levels = {item.level for item in self.items}
        return next((level for level in (FAILURE, WARNING) if level in levels), OK)

    def of_level(self, level: str) -> Sequence[Finding]:
        """Findings of a level."""
        return [item for item in self.items if item.level == level]

    def to_json(self) -> list[dict[str, Any]]:
        """Plain dictionaries."""
        return [vars(item) for item in self.items]
