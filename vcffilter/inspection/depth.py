"""How many reads lie over the calls: a finding for `check`, from places spread over the records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pysam

from vcffilter.errors import ReadsFileError
from vcffilter.inspection.check_report import CheckReport
from vcffilter.reads.alignment_file import AlignmentHeader

#: Places whose reads are counted, and the share of them without any that is doubtful.
_PLACES, _LOW_SHARE = 60, 0.5
_LEFT_OUT = 4 | 256 | 512 | 1024


def find_depth(
    report: CheckReport, places: Sequence[tuple[str, int]], headers: Sequence[AlignmentHeader], reference_path: str
) -> None:
    """Say how deep the reads are. places: (contig, pos0) of calls."""
    if not places:
        return
    steps = np.unique(np.linspace(0, len(places) - 1, _PLACES).astype(int))
    spread = [places[step] for step in steps]
    with report.findings.errors_as_failures("depth"):
        _judge(report, sum((depths_at(header, reference_path, spread) for header in headers), np.zeros(len(spread), np.int64)))


def depths_at(header: AlignmentHeader, reference_path: str, places: Sequence[tuple[str, int]]) -> np.ndarray:
    """Reads of a file over each place, int64 (n,). Raises ReadsFileError."""
    depths = np.zeros(len(places), np.int64)
    try:
        with pysam.AlignmentFile(header.path, "r", reference_filename=reference_path) as alignments:
            for index, (contig, pos0) in enumerate(places):
                if contig in header.contigs and pos0 >= 0:
                    depths[index] = sum(not read.flag & _LEFT_OUT for read in alignments.fetch(contig, pos0, pos0 + 1))
    except (OSError, ValueError) as error:
        raise ReadsFileError(f"its reads cannot be fetched ({error})", path=header.path, hint="Index it again") from error
    return depths


def _judge(report: CheckReport, depths: np.ndarray) -> None:
    n_bare, n = int((depths == 0).sum()), len(depths)
    report.depth = float(np.median(depths))
    if n_bare == n:
        hint = "Give the BAM or CRAM that these calls were made from"
        report.findings.fail("depth", f"no reads at any of {n} calls looked at", hint)
    elif n_bare > _LOW_SHARE * n:
        hint = "Are the reads of a part only? A run fails where fewer than 2 of 100 calls can be scored"
        report.findings.warn("depth", f"no reads at {n_bare} of {n} calls looked at", hint)
    else:
        report.findings.ok("depth", f"{report.depth:.0f} reads at the median of {n} calls looked at")
