"""A model of two stages on the command line: which stage decides, one scale for both, and the same bytes however it is cut."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pysam
import pytest
from cascade_model import TREES, save_cascade

from vcffilter.filter_job.job import run_filter
from vcffilter.filter_job.options import FilterOptions
from vcffilter.pipeline.summary import RunSummary
from vcffilter.simulation.sample import SampleFiles, SampleReport

IDENTITY = {"logit_in": [-1.0, 1.0], "logit_out": [-1.0, 1.0]}
RAW = {"depth_borders": [], "maps": {"snv": [IDENTITY], "indel": [IDENTITY]}}


def gate(low: float, high: float) -> list[dict]:
    """The same for all."""
    return [{"kind": kind, "low": low, "high": high} for kind in ("snv", "other")]


def filtered(files: SampleFiles, folder: Path, **options) -> tuple[str, RunSummary]:
    """(text, summary) of a run."""
    output = folder / "out.vcf"
    chosen = {"calls": str(files.calls), "reads": str(files.reads)} | {
        name: str(options.pop(name)) for name in ("calls", "reads") if name in options
    }
    asked = FilterOptions(
        chosen["calls"], (chosen["reads"],), str(files.reference), output=str(output), no_version=True, quiet=True, **options
    )
    summary = run_filter(asked, time.monotonic())
    return output.read_text(), summary


def alts(text: str, *names: str) -> list[tuple[str, ...]]:
    """The values of some INFO keys of every ALT."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            columns = line.split("\t")
            info = dict(item.split("=") for item in columns[7].split(";") if "=" in item)
            each = [info.get(f"PILEUP_{name}", ".").split(",") for name in names]
            n_alts = len(columns[4].split(","))
            found += list(zip(*(values if len(values) == n_alts else values * n_alts for values in each), strict=True))
    return found


def records(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.fixture(scope="module")
def files(simulated: SampleReport) -> SampleFiles:
    return simulated.files


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_cascade(tmp_path_factory.mktemp("model") / "two.safetensors"))


@pytest.fixture(scope="module")
def both(files: SampleFiles, model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, RunSummary]:
    return filtered(files, tmp_path_factory.mktemp("both"), model=model)


@pytest.fixture(scope="module")
def trees(files: SampleFiles, tmp_path_factory: pytest.TempPathFactory) -> str:
    """By the same trees as a model of one stage."""
    return filtered(files, tmp_path_factory.mktemp("trees"), model=TREES)[0]


def test_what_trees_settle_has_their_score_and_the_rest_that_of_the_network(both: tuple[str, RunSummary], trees: str) -> None:
    text, summary = both
    assert "##INFO=<ID=PILEUP_STAGE,Number=A,Type=String" in text
    assert ",stage=both>" in text
    assert "PILEUP_STAGE" not in trees
    assert "stage=" not in trees
    stages = [stage for (stage,) in alts(text, "STAGE")]
    pairs = zip(stages, alts(text, "ALT_SCORE"), alts(trees, "ALT_SCORE"), strict=True)
    moved = [stage for stage, mine, theirs in pairs if mine != theirs]
    n_network = stages.count("network")
    assert 10 < n_network < len(stages) / 2
    assert set(moved) == {"network"}
    assert len(moved) > 0.9 * n_network
    assert summary.counts.stages == {"trees": stages.count("trees"), "network": n_network}
    assert f"ALTs decided by trees {stages.count('trees')} (" in summary.line()
    assert summary.to_json()["stages"] == summary.counts.stages
    scored = [score != "." for (score,) in alts(text, "ALT_SCORE")]
    assert [stage != "." for stage in stages] == scored


def test_trees_alone_give_the_scores_of_the_trees(files: SampleFiles, model: str, trees: str, tmp_path: Path) -> None:
    text, summary = filtered(files, tmp_path, model=model, stage="trees", with_reasons=True)
    assert alts(text, "PROB", "ALT_SCORE") == alts(trees, "PROB", "ALT_SCORE")
    assert {stage for (stage,) in alts(text, "STAGE")} <= {"trees", "."}
    assert summary.counts.stages["network"] == 0
    assert ",stage=trees>" in text


def test_trees_alone_may_have_a_calibration_of_their_own(files: SampleFiles, trees: str, tmp_path: Path) -> None:
    steep = {"logit_in": [-1.0, 1.0], "logit_out": [-3.0, 3.0]}
    maps = {"depth_borders": [], "maps": {"snv": [steep], "indel": [steep]}}
    model = str(save_cascade(tmp_path / "own.safetensors", calibration={**RAW, "first_alone": maps}))
    alone, _ = filtered(files, tmp_path, model=model, stage="trees")
    joined, _ = filtered(files, tmp_path, model=model)
    settled = [
        (float(one), float(two))
        for (stage, one), (two,) in zip(alts(joined, "STAGE", "ALT_SCORE"), alts(alone, "ALT_SCORE"), strict=True)
        if stage == "trees"
    ]
    assert settled
    assert all(two == pytest.approx(3 * one, abs=3e-4) for one, two in settled)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_change_nothing(
    files: SampleFiles, model: str, both: tuple[str, RunSummary], tmp_path: Path, n_threads: int
) -> None:
    assert filtered(files, tmp_path, model=model, n_threads=n_threads)[0] == both[0]


def test_pieces_and_tiles_change_nothing(
    files: SampleFiles, model: str, both: tuple[str, RunSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vcffilter.encoding.encoder._FIRST_PIECE", 3)
    monkeypatch.setattr("vcffilter.encoding.encoder._READS_PER_PIECE", 500)
    assert filtered(files, tmp_path, model=model)[0] == both[0]


def test_shards_and_cram_change_nothing(
    files: SampleFiles, model: str, both: tuple[str, RunSummary], tmp_path: Path, samtools: str
) -> None:
    text = gzip.decompress(files.calls.read_bytes()).decode().splitlines(keepends=True)
    header, lines = ([line for line in text if line.startswith("#") == is_header] for is_header in (True, False))
    cram = tmp_path / "reads.cram"
    pysam.view("-C", "-T", str(files.reference), "-o", str(cram), "--write-index", str(files.reads), catch_stdout=False)
    found = []
    for first in range(0, len(lines), 37):
        shard = tmp_path / "shard.vcf"
        shard.write_text("".join([*header, *lines[first : first + 37]]))
        found += records(filtered(files, tmp_path, model=model, calls=shard, reads=cram if first else files.reads)[0])
    assert found == records(both[0])


def test_the_gate_is_no_step_at_any_depth(files: SampleFiles, tmp_path: Path) -> None:
    """Of an ALT just inside its band's border the network has hardly a say, however much it would have further in."""
    wide = save_cascade(tmp_path / "wide.safetensors", gate(-900.0, 900.0), calibration=RAW)
    alone = alts(filtered(files, tmp_path, model=str(wide), stage="trees")[0], "DP", "ALT_SCORE")
    whole = alts(filtered(files, tmp_path, model=str(wide))[0], "ALT_SCORE")
    scored = [(int(depth), float(one), float(two)) for (depth, one), (two,) in zip(alone, whole, strict=True) if one != "."]
    moved = sorted((depth, one) for depth, one, two in scored if abs(two - one) > 0.5)
    starts = (0, moved[len(moved) // 3][0], moved[2 * len(moved) // 3][0])
    assert 0 < starts[1] < starts[2]
    ends = (*starts[1:], 10**6)
    borders = [min(one for depth, one in moved if start <= depth < end) for start, end in zip(starts, ends, strict=True)]
    bands = [
        {"kind": kind, "reads_from": start, "low": border - 0.001, "high": border + 39.999, "share": 0.5}
        for start, border in zip(starts, borders, strict=True)
        for kind in ("snv", "other")
    ]
    near = save_cascade(tmp_path / "near.safetensors", bands, calibration=RAW)
    found = alts(filtered(files, tmp_path, model=str(near))[0], "DP", "STAGE", "ALT_SCORE")
    for start, end, border in zip(starts, ends, borders, strict=True):
        pairs = [pair for pair, (_, one) in zip(found, alone, strict=True) if one != "." and float(one) == border]
        beside = {(stage, float(score)) for depth, stage, score in pairs if start <= int(depth) < end}
        assert {stage for stage, _ in beside} == {"network"}
        assert [score for _, score in beside] == pytest.approx([border], abs=0.001)


def test_reasons_are_given_by_both_stages(files: SampleFiles, model: str, both: tuple[str, RunSummary], tmp_path: Path) -> None:
    text, _ = filtered(files, tmp_path, model=model, with_reasons=True)
    assert alts(text, "PROB", "STAGE") == alts(both[0], "PROB", "STAGE")
    failing = [(stage, reason) for stage, verdict, reason in alts(text, "STAGE", "FT", "ALT_REASON") if verdict.startswith("Low")]
    assert {"trees", "network"} <= {stage for stage, _ in failing}
    assert all(reason != "." for _, reason in failing)


def test_an_earlier_run_s_stage_does_not_stay(
    files: SampleFiles, both: tuple[str, RunSummary], trees: str, tmp_path: Path
) -> None:
    calls = tmp_path / "calls.vcf"
    calls.write_text(both[0])
    again, _ = filtered(files, tmp_path, calls=calls, model=TREES)
    assert not any("PILEUP_STAGE" in line for line in records(again))
    assert alts(again, "PROB") == alts(trees, "PROB")


def test_stage_of_a_model_of_one_stage(files: SampleFiles, trees: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text, _ = filtered(files, tmp_path, model=TREES, stage="trees")
    assert text == trees
    assert "has one stage: --stage trees changes nothing" in caplog.text
