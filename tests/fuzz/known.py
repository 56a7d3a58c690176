"""Whether a crash or hang is htslib's own: the same files are given to samtools or bcftools, and to htslib through pysam alone.

Such cases are named and counted apart. They are no reason to trust a damaged index: they are why one should be made again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

_LIMIT_S = 15
_READS = (
    "import sys, pysam\n"
    "with pysam.AlignmentFile(sys.argv[1], reference_filename=sys.argv[2]) as reads:\n"
    "    for region in ('sim1:1-400', 'sim1:1000-1500', 'sim1:2500-3000'):\n"
    "        for read in reads.fetch(region=region): read.get_aligned_pairs()\n"
)
_CALLS = (
    "import sys, pysam\n"
    "with pysam.VariantFile(sys.argv[1]) as calls:\n"
    "    for record in calls.fetch(region=sys.argv[2]) if sys.argv[2] else calls: str(record)\n"
)
_FASTA = "import sys, pysam\nwith pysam.FastaFile(sys.argv[1]) as fasta: fasta.fetch('sim1')\n"


def culprit(arguments: Sequence[str]) -> str | None:
    """Which program without vcffilter dies or hangs by the same files, or None."""
    given = {flag: arguments[at + 1] for at, flag in enumerate(arguments[:-1]) if flag.startswith("-")}
    reference, region = given.get("-f", ""), given.get("-r", "")
    calls = [path for path in (arguments[1], given.get("--resource", "")) if path.endswith(("vcf", "gz", "bcf"))]
    attempts: list[list[str]] = []
    for reads in [given[flag].rpartition("=")[2] for flag in ("-b", "--background", "--witness") if flag in given]:
        regions = ["sim1:1-400", "sim1:1000-1500", "sim1:2500-3000"]
        attempts += [["samtools", "view", "-T", reference, reads, *regions], [sys.executable, "-c", _READS, reads, reference]]
    for path in calls:
        attempts += [
            ["bcftools", "view", path, *(["-r", region] if region else [])],
            [sys.executable, "-c", _CALLS, path, region],
        ]
    if reference:
        attempts += [["samtools", "faidx", reference, "sim1"], [sys.executable, "-c", _FASTA, reference]]
    for attempt in attempts:
        if shutil.which(attempt[0]) and (how := _ends_badly(attempt)):
            name = "htslib alone, through pysam" if attempt[0] == sys.executable else " ".join(attempt[:2])
            return f"{name}: {how}"
    return None


def _ends_badly(command: list[str]) -> str | None:
    # What is read outside of memory differs from run to run: with other bytes in what was freed, too.
    for perturbed in ("0", "0", "165"):
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_LIMIT_S, check=False, env={**os.environ, "MALLOC_PERTURB_": perturbed}
            )
        except subprocess.TimeoutExpired:
            return "hang"
        if done.returncode < 0:
            return f"signal {-done.returncode}"
    return None
