"""What fails at three in the morning: what may pass is tried again, what cannot is not, and nothing half done gets a name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cohort import Cohort
from engine import Engine

#: The first attempt of a sample ends as its name says: a signal to itself (K), an exit code (E). The next one runs.
_PROGRAM = """
case "$*" in *--version*) real "$@"; exit;; esac
sample=$(sed -n 's/.*--output \\([^.]*\\).*/\\1/p' <<< "$*")
if [[ $sample =~ ^[KE] && ! -e {marks}/$sample ]]; then
    touch {marks}/$sample
    case $sample in K*) kill -${{sample#K}} $$;; E*) exit ${{sample#E}};; esac
fi
real "$@"
"""
#: The same for what stands before the filter: it ends in the middle of its output, between two records.
_UPSTREAM = """
[[ "$*" == *--types* && ! -e {marks}/$(basename "${{@: -1}}") ]] || {{ real "$@"; exit; }}
name=$(basename "${{@: -1}}"); touch {marks}/$name
real view --no-version -Ou -t chrA "${{@: -1}}"
case $name in UK*) kill -9 $$;; UE*) exit 1;; esac
"""
#: As nf-core's base.config, but for what happens when nothing is tried again: all samples are to be seen.
_GO_ON = """
process {
    errorStrategy = { task.exitStatus in ((130..145) + 104 + (175..177) + Integer.MAX_VALUE) ? 'retry' : 'ignore' }
    withName: PILEUP_FILTER { ext.args2 = { meta.id.startsWith('U') ? '--types snps,indels,mnps,other' : null } }
}
"""
#: Exit codes of the attempts; what succeeded at last ends with 0.
_EXPECTED = {
    "K9": ["137", "0"],    # memory: tried again
    "K15": ["143", "0"],   # time, or a node that is taken away
    "E1": ["1"],           # data
    "E2": ["2"],           # usage
    "E141": ["1"],         # SIGPIPE: never a reason to try again
    "UE": ["1"],           # the producer failed
    "UK": ["137", "0"],    # the producer was killed
}  # fmt: skip


@pytest.mark.reliability("Nextflow: killed, failed, and with a failing or killed upstream: tried again, or not, by its exit code")
def test_which_failures_are_tried_again(
    cohort: Cohort,
    engine: Engine,
    program: Callable[[str, str], Path],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("cases", len(_EXPECTED))
    (tmp_path / "marks").mkdir()
    program("pileup-filter", _PROGRAM.format(marks=tmp_path / "marks"))
    path = program("bcftools", _UPSTREAM.format(marks=tmp_path / "marks"))
    sample, lines = cohort.samples[1], []
    for name in _EXPECTED:
        calls = cohort.folder / f"{name}.vcf.gz"
        calls.write_bytes(sample.calls.read_bytes())
        lines.append(f"{name},{calls.name},{sample.reads[0]}")
    sheet = cohort.write_sheet("failures.csv", lines)

    run = engine.run(
        "--input", sheet, "--fasta", cohort.reference, "--skip_multiqc", "--filter_args=--no-version", "-profile", "test",
        settings=_GO_ON, path=path,
    )  # fmt: skip

    assert run.exit_code == 0, run.said
    assert {name: [attempt.exit_code for attempt in run.of("PILEUP_FILTER", name)] for name in _EXPECTED} == _EXPECTED
    done = {name for name, codes in _EXPECTED.items() if codes[-1] == "0"}
    assert {path.name for path in run.results.iterdir()} == done | {"pipeline_info"}
    assert (run.results / "UK/UK.filtered.vcf.gz").read_bytes() == (run.results / "K9/K9.filtered.vcf.gz").read_bytes()


@pytest.mark.reliability("Nextflow: calls that end too early: the run fails once, says where, and the other sample is finished")
def test_damaged_calls_end_the_run(cohort: Cohort, engine: Engine) -> None:
    first, second = cohort.samples
    cut = cohort.folder / "cut.vcf.gz"
    cut.write_bytes(second.calls.read_bytes()[:-40])
    sheet = cohort.write_sheet("cut.csv", [f"S1,{first.calls},{first.reads[0]}", f"S2,{cut.name},{second.reads[0]}"])

    run = engine.run("--input", sheet, "--fasta", cohort.reference, "--skip_multiqc", "-profile", "test")

    assert run.exit_code == 1
    assert "PILEUP_FILTER (S2)" in run.said
    assert "cut.vcf.gz" in run.said.partition("Command error:")[2]
    assert [attempt.exit_code for attempt in run.of("PILEUP_FILTER", "S2")] == ["1"]
    assert [attempt.status for attempt in run.of("PILEUP_FILTER", "S1")] == ["COMPLETED"]
    assert sorted(path.name for path in run.results.iterdir()) == ["S1", "pipeline_info"]
