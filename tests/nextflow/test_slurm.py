"""The same through Slurm, on one node, as a cluster runs it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cohort import Cohort
from engine import Engine
from slurm import NoSlurm, Slurm, running_slurm

#: One shard's first job is killed with all that belongs to it, as when its node dies: it leaves no exit code.
_PROGRAM = """
case "$*" in *--version*) real "$@"; exit;; esac
if [[ "$*" == *"--output S2.00002."* && ! -e {mark} ]]; then
    touch {mark}
    scancel --signal=KILL --full "$SLURM_JOB_ID"
    sleep 60
fi
real "$@"
"""
_SETTINGS = "executor.pollInterval = '1 sec'\nexecutor.queueStatInterval = '2 sec'\nexecutor.exitReadTimeout = '5 sec'\n"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    try:
        with running_slurm(tmp_path_factory.mktemp("slurm")) as started:
            yield started
    except NoSlurm as error:
        pytest.skip(f"needs slurmctld and munged that start: {error}")


@pytest.mark.reliability("Slurm: two samples in two jobs each, one of them killed with its node: the whole run byte for byte")
def test_scattered_through_slurm(
    cohort: Cohort,
    engine: Engine,
    slurm: Slurm,
    program: Callable[[str, str], Path],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("cases", 2)
    path = program("pileup-filter", _PROGRAM.format(mark=tmp_path / "mark"))

    run = engine.run(
        "--input", cohort.sheet, "--fasta", cohort.reference, "--skip_multiqc", "--scatter", "2", "--filter_args=--no-version",
        "-profile", "slurm,test",
        settings=_SETTINGS, path=path, environment=slurm.environment,
    )  # fmt: skip

    assert run.exit_code == 0, run.said
    assert "[SLURM] submitted process" in (engine.folder / ".nextflow.log").read_text()
    attempts = run.of("PILEUP_FILTER")
    assert sorted(attempt.status for attempt in attempts) == ["COMPLETED"] * 4 + ["FAILED"]
    assert {attempt.tag for attempt in attempts if attempt.status == "FAILED"} == {"S2"}
    for sample in cohort.samples:
        written = run.results / sample.name / f"{sample.name}.filtered.vcf.gz"
        assert gzip.decompress(written.read_bytes()) == cohort.filtered(sample)
