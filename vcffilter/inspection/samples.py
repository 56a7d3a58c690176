"""Whose calls and whose reads: the samples of a VCF against the @RG SM of its reads. Knows names only."""

from __future__ import annotations

from collections.abc import Sequence

from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.pipeline.sample_reads import SEVERAL_SAMPLES
from vcffilter.reads.alignment_file import AlignmentHeader

#: Names listed in one message.
_MOST_NAMES = 3


def samples_of_reads(headers: Sequence[AlignmentHeader]) -> list[str]:
    """Every @RG SM, each once, in order."""
    return [name for name in dict.fromkeys(name for header in headers for name in header.groups_of_sample) if name]


def sample_mismatch(samples: Sequence[str], headers: Sequence[AlignmentHeader]) -> RunWarning | None:
    """A warning where the calls and the reads both name samples, and share none."""
    of_reads = samples_of_reads(headers)
    if not samples or not of_reads or set(samples) & set(of_reads):
        return None
    return RunWarning(
        "sample_mismatch",
        f"the calls are of {named(samples)}, the reads of {named(of_reads)} (@RG SM in {named([h.path for h in headers])})",
        "Give the reads of the sample that was called; true calls fail by another person's reads. "
        "If both names are one person, rename with: bcftools reheader -s, or samtools addreplacerg",
    )


def reads_left_out(samples: Sequence[str], known: Sequence[str], headers: Sequence[AlignmentHeader]) -> RunWarning | None:
    """A warning where calls of several samples leave out reads of others, or reads of nobody.

    samples: those of the calls that are asked for. known: all that they have.
    """
    left_out = [name or "no sample" for header in headers for name in header.groups_of_sample if name not in known]
    left_out += ["no sample" for header in headers if not header.groups_of_sample]
    if len(samples) < SEVERAL_SAMPLES or not left_out:
        return None
    return RunWarning(
        "reads_left_out",
        f"reads of {named(list(dict.fromkeys(left_out)))} are left out: the calls have no such sample",
        "Say whose reads a file holds with -b NAME=FILE, or translate names with --sample-map",
    )


def named(names: Sequence[str]) -> str:
    """Names in a sentence."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
