"""Calls of a somatic caller, by their header. Low allele fractions are what germline weights were trained to doubt."""

from __future__ import annotations

import re

from vcffilter.pipeline.run_warnings import RunWarning

#: Pattern of a header line -> what wrote it.
_MARKS = (
    (re.compile(r"^##(?:source=Mutect2|MutectVersion=|GATKCommandLine.*ID=Mutect2)", re.MULTILINE), "Mutect2"),
    (re.compile(r"^##content=strelka somatic", re.MULTILINE), "Strelka2's somatic mode"),
    (re.compile(r"^##(?:tumou?r_sample|normal_sample)=", re.MULTILINE), "a tumour-normal caller"),
    (re.compile(r"^##INFO=<ID=SOMATIC,", re.MULTILINE), "a somatic caller (INFO/SOMATIC)"),
)


def somatic_caller(header_text: str) -> str | None:
    """What somatic caller wrote the header, or None."""
    return next((name for pattern, name in _MARKS if pattern.search(header_text)), None)


def somatic_warning(header_text: str, model_id: str, description: str) -> RunWarning | None:
    """A warning for calls of a somatic caller and a model of germline calls."""
    caller = somatic_caller(header_text)
    if caller is None or "germline" not in f"{model_id} {description}".lower():
        return None
    return RunWarning(
        "somatic_calls",
        f"the calls come from {caller}, and the model {model_id} was trained on germline calls: true variants of low allele "
        "fraction (below about 0.2) fail",
        "Use a somatic filter for somatic calls (GATK FilterMutectCalls), or weights trained on them: pileup-filter train",
    )
