"""Much of one thing: 100,000 reads over a place, 5,000 samples, records of megabytes. Time and memory are printed."""

from __future__ import annotations

import os
import subprocess
import time

import pysam
import pytest
from hostile_files import (
    CONTIGS,
    Inputs,
    bcftools_view,
    header,
    info,
    other,
    program,
    quiet_environment,
    records,
    ref,
    row,
    without_ours,
)

pytestmark = pytest.mark.reliability("Hostile values: 100,000 reads deep, 5,000 samples, 60,000 ALTs")
#: Most memory of a run: torch and the kernels take most of it, whatever the input.
LIMIT_MIB = 2048


def measured(inputs: Inputs, calls: object, capfd: pytest.CaptureFixture[str], *more: object) -> None:
    """Run in a process of its own; prints seconds and MiB, and holds the limit of memory."""
    command = program("filter", calls, *inputs.options("-q", "-o", inputs.out, *more))
    began = time.monotonic()
    process = subprocess.Popen(command, env=quiet_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    mebibytes = usage.ru_maxrss / 1024
    with capfd.disabled():
        print(f"  {os.environ['PYTEST_CURRENT_TEST'].split('::')[1]}: {time.monotonic() - began:.1f} s, {mebibytes:.0f} MiB")
    assert process.returncode == 0
    assert mebibytes < LIMIT_MIB


def test_100000_reads_deep(inputs: Inputs, capfd) -> None:
    """Half of them with the ALT; every one is counted."""
    path, bases = inputs.folder / "deep.bam", CONTIGS["c1"]
    changed = bases[:249] + other(bases[249]) + bases[250:]
    lines = {
        "HD": {"SO": "coordinate"},
        "SQ": [{"SN": "c1", "LN": 3000}, {"SN": "c2", "LN": 1500}],
        "RG": [{"ID": "g", "SM": "S"}],
    }
    with pysam.AlignmentFile(str(path), "wb", header=lines) as file:
        record = pysam.AlignedSegment(file.header)
        record.mapping_quality, record.reference_id, record.cigarstring = 60, 0, "100M"
        for number in range(100_000):
            start0 = 180 + number // 1500
            record.query_sequence = (bases, changed)[number % 2][start0 : start0 + 100]
            record.query_qualities = pysam.qualitystring_to_array("I" * 100)
            record.query_name, record.flag, record.reference_start = f"r{number}", 16 * (number // 2 % 2), start0
            record.set_tag("RG", "g")
            file.write(record)
    pysam.index(str(path))
    deep = Inputs(inputs.folder, path, inputs.reference)
    measured(deep, inputs.calls([row(), row(pos1=251, REF=ref("c1", 251))]), capfd, "--reasons")
    found = records(inputs.out.read_text())
    assert info(found[0])["PILEUP_DP"] == "100000"
    assert [one["FILTER"] for one in found] == ["PASS", "LowPileupSNV"]


def test_5000_samples(inputs: Inputs, capfd, bcftools: str) -> None:
    names = [f"P{number}" for number in range(4999)] + ["S"]
    rows = [row(pos1=pos1, S="\t".join("0/1" if n % 7 == 0 else "0/0" for n in range(5000))) for pos1 in range(250, 2750, 50)]
    calls = inputs.calls(rows, header(samples=names))
    measured(inputs, calls, capfd, "--sample-ft")
    assert without_ours(inputs.out.read_text())[:3] == bcftools_view(calls).splitlines()[:3]
    assert len(records(inputs.out.read_text())) == len(rows)


def test_60000_alts(inputs: Inputs, capfd, bcftools: str) -> None:
    """As many as a BCF holds, nearly, in one record."""
    base = ref("c1", 250)
    alts = [base + "".join("ACGT"[number >> 2 * at & 3] for at in range(8)) for number in range(60_000)]
    calls = inputs.calls([row(ALT=",".join([other(base), *alts]))])
    measured(inputs, calls, capfd)
    assert [one["FILTER"] for one in records(inputs.out.read_text())] == ["PASS"]
