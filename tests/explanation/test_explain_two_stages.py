"""`explain` of a model of two stages: the stage that decided is explained, and the parts add up to what the filter wrote."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cascade_model import save_cascade

from vcffilter import Filter
from vcffilter.commands.main import run
from vcffilter.filter_job.job import run_filter
from vcffilter.filter_job.options import FilterOptions
from vcffilter.simulation.sample import SampleFiles, SampleReport


@pytest.fixture(scope="module")
def files(simulated: SampleReport) -> SampleFiles:
    return simulated.files


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a network of columns, of which there is a Grad-CAM."""
    path = tmp_path_factory.mktemp("model") / "two.safetensors"
    return save_cascade(path, architecture="cnn2d", second={"widths": [8, 8]}, rows=12, columns=17)


@pytest.fixture(scope="module")
def calls(files: SampleFiles, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    """Of each stage an SNV as (place, log-odds), from a filtered file."""
    path = tmp_path_factory.mktemp("filtered") / "out.vcf"
    asked = FilterOptions(
        str(files.calls), (str(files.reads),), str(files.reference), output=str(path), model=str(model), quiet=True
    )
    run_filter(asked, time.monotonic())
    found = {"file": (str(path), 0.0)}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            contig, pos, _, ref, alt, _, _, text = line.split("\t")[:8]
            info = dict(item.split("=") for item in text.split(";") if "=" in item)
            if len(ref) == len(alt) == 1 and info["PILEUP_STAGE"] in ("trees", "network"):
                found[info["PILEUP_STAGE"]] = f"{contig}:{pos}:{ref}:{alt}", float(info["PILEUP_SCORE"])
    return found


@pytest.mark.parametrize("stage", ["trees", "network"])
def test_the_deciding_stage_is_explained(files, model, calls, stage, tmp_path, capsys) -> None:
    place, log_odds = calls[stage]
    where = ":".join(place.split(":")[:2])
    arguments = ["explain", calls["file"][0], "-b", str(files.reads), "-f", str(files.reference), "--model", str(model)]
    assert run([*arguments, "--json", "-o", str(tmp_path), where]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[0])
    assert found["log_odds"] == pytest.approx(log_odds, abs=2e-4)
    total = found["base"] + sum(found["families"].values()) + found.get("missed", 0.0)
    assert total == pytest.approx(log_odds, abs=0.01)
    names = {fact["name"] for fact in found["facts"]}
    assert any(name.startswith("reads:") for name in names) == (stage == "network")
    assert bool(list(tmp_path.glob("*_gradcam*"))) == (stage == "network")


def test_the_python_face_scores_and_explains_by_stage(files, model, calls) -> None:
    asked = [calls[name][0].split(":") for name in ("trees", "network")]
    given = [(contig, int(pos), ref, alt) for contig, pos, ref, alt in asked]
    source = files.reads, files.reference
    with Filter(*source, model=str(model)) as both, Filter(*source, model=str(model), stage="trees") as trees:
        scores = both.score(given)
        assert scores.stage == ("trees", "network")
        assert scores.log_odds.tolist() == [calls["trees"][1], calls["network"][1]]
        alone = trees.score(given)
        assert alone.stage == ("trees", "trees")
        assert alone.log_odds[0] == scores.log_odds[0]
        assert alone.log_odds[1] != scores.log_odds[1]
        assert list(scores.to_frame()["stage"]) == ["trees", "network"]
        assert both.explain(given[1]).maps is not None
        assert trees.explain(given[1]).maps is None
        assert trees.explain(given[1]).explanation.log_odds == pytest.approx(alone.log_odds[1], abs=1e-3)
