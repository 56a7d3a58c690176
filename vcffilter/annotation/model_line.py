"""Thresholds in the text of a `##vcffilter_model` line, read again. Knows no file but its name, for the message."""

from __future__ import annotations

import re

from vcffilter.errors import VariantFileError

_MINIMUM = re.compile(r"(?:^|,)min_prob_(\w+)=([^,]*)")


def thresholds_of(line: str, path: str) -> dict[str, float]:
    """Lowest probability that passes, by name of the threshold; empty where the line names none.

    Raises VariantFileError on what is no probability: somebody changed the header.
    """
    found: dict[str, float] = {}
    for name, text in _MINIMUM.findall(line):
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] <= 1:
            raise VariantFileError(
                f"its header's line ##vcffilter_model names min_prob_{name}={text[:40]}, which is no probability",
                path=path,
                hint="Mend the line with: bcftools reheader, or filter the file again",
            )
    return found
