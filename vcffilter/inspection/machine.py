"""Where a run would run: device, cache of compiled kernels, room for the output, rough time. Opens no file."""

from __future__ import annotations

import os
import shutil

from vcffilter.inspection.check_report import CheckInputs, CheckReport

#: Records a second and thread at 30 reads a place, measured with the default model; and start-up.
_RECORDS_PER_SECOND, _USUAL_DEPTH, _START_SECONDS = 6000, 30, 4
#: Room the output takes, by the input's size.
_OUTPUT_FACTOR = 1.3


def find_device(report: CheckReport, device: str) -> None:
    """Say where networks would run, and where compiled kernels are kept."""
    from vcffilter.kernels import jit
    from vcffilter.scoring.network import choose_device

    with report.findings.errors_as_failures("device"):
        report.findings.ok("device", f"the network would run on {choose_device(device).type}")
    folder = jit.cache_folder()
    if folder is None:
        hint = "Set NUMBA_CACHE_DIR to a folder of yours"
        report.findings.warn("cache", "compiled kernels can be kept nowhere: every run compiles them", hint)
    else:
        report.findings.ok("cache", f"compiled kernels are kept in {folder}")


def find_room(report: CheckReport, inputs: CheckInputs) -> None:
    """Say whether the output has room."""
    folder = inputs.output if os.path.isdir(inputs.output) else os.path.dirname(os.path.abspath(inputs.output))
    if not os.path.isdir(folder):
        report.findings.fail("room", f"{folder} is no folder", "Make the folder first, or name another output")
        return
    needed = int(os.path.getsize(inputs.variants) * _OUTPUT_FACTOR)
    free = shutil.disk_usage(folder).free
    if free < needed:
        text = f"{free / 2**20:.0f} MiB free in {folder}, about {needed / 2**20:.0f} MiB needed"
        report.findings.warn("room", text, "Make room, or write elsewhere with -o")
    else:
        report.findings.ok("room", f"{free / 2**30:.1f} GiB free in {folder}, about {needed / 2**20:.1f} MiB needed")


def find_time(report: CheckReport, n_threads: int) -> None:
    """Say about how long a run would take, where the number of records is known."""
    if report.n_records is not None:
        slower = max(report.depth or _USUAL_DEPTH, 5) / _USUAL_DEPTH
        report.seconds = round(_START_SECONDS + report.n_records * slower / (_RECORDS_PER_SECOND * n_threads), 1)
        report.findings.ok("time", f"about {_duration(report.seconds)} on {n_threads} threads, very roughly")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
