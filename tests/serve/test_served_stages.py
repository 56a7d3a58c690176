"""A served model of two stages: what comes back is what the command line writes, whichever stage decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import cyvcf2
import pytest
from cascade_model import save_cascade
from starlette.testclient import TestClient

from vcffilter import Filter
from vcffilter.serve.application import Api
from vcffilter.serve.metrics import Metrics
from vcffilter.serve.service import Service
from vcffilter.serve.settings import ServeSettings


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_cascade(tmp_path_factory.mktemp("model") / "two.safetensors"))


@pytest.fixture
def served(simulated, spool, model) -> Callable:
    """Clients of a server of the model, by --stage."""

    @contextmanager
    def started(stage: str | None) -> Iterator[TestClient]:
        settings = ServeSettings(
            {"sim": (str(simulated.files.reads),)}, str(simulated.files.reference), model=model, device="cpu", stage=stage
        )
        with closing(Service(settings)) as service:
            application = Api(service, spool, Metrics()).application
            with TestClient(application, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
                yield client

    return started


@pytest.mark.parametrize("stage", [None, "trees", "both"])
def test_an_upload_comes_back_as_the_command_writes_it(served, simulated, offline, model, stage):
    asked = ["--model", model, *(() if stage is None else ("--stage", stage))]
    with served(stage) as client:
        for query, more in (({}, []), ({"reasons": "true"}, ["--reasons"])):
            answer = client.post("/v1/filter", params={"reads": "sim", **query}, content=simulated.files.calls.read_bytes())
            assert answer.status_code == 200, answer.text
            assert answer.content == offline(*asked, *more)
    decided = {word for line in answer.text.splitlines() if line[0] != "#" for word in line.split("PILEUP_STAGE=")[1:]}
    assert any(word.startswith("network") for word in decided) == (stage != "trees")


def test_scores_say_which_stage_decided(served, simulated, model):
    records = list(cyvcf2.VCF(str(simulated.files.calls)))
    alleles = [(record.CHROM, record.POS, record.REF, alt) for record in records for alt in record.ALT]
    rows = [dict(zip(("contig", "pos", "ref", "alt"), allele, strict=True)) for allele in alleles]
    with served(None) as client:
        answer = client.post("/v1/score", json={"reads": "sim", "alleles": rows})
    assert answer.status_code == 200, answer.text
    with Filter(simulated.files.reads, simulated.files.reference, model=model, device="cpu") as filtering:
        expected = filtering.score(alleles)
    assert {"trees", "network"} <= set(expected.stage)
    assert [row["stage"] for row in answer.json()["alleles"]] == list(expected.stage)
    assert [row["log_odds"] for row in answer.json()["alleles"]] == [
        None if value != value else value for value in expected.log_odds.tolist()
    ]


def test_the_command_takes_the_stage(monkeypatch: pytest.MonkeyPatch, simulated, model):
    from vcffilter.commands import serve
    from vcffilter.commands.main import run

    seen = []
    monkeypatch.setattr(serve, "_serve", lambda settings, *_, **__: seen.append(settings))
    files = ["-b", f"sim={simulated.files.reads}", "-f", str(simulated.files.reference)]
    assert run(["serve", *files, "--model", model, "--stage", "trees", "--port", "0"]) == 0
    assert [settings.stage for settings in seen] == ["trees"]
    assert run(["serve", *files, "--stage", "second", "--port", "0"]) == 2
