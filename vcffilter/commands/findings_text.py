"""Findings as lines for people, alike in every command that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcffilter.inspection.findings import Findings

_MARKS = {"ok": "ok  ", "warning": "WARN", "failure": "FAIL"}


def findings_as_text(findings: Findings) -> list[str]:
    """One line a finding, and one below it with what to do."""
    lines = []
    for finding in findings.items:
        lines.append(f"{_MARKS[finding.level]} {finding.topic + ':':10s} {finding.text}")
        if finding.hint:
            lines.append(f"{'':16s}-> {finding.hint}")
    return lines
