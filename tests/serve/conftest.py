"""A service over the simulated sample, shared by the tests of a module, and clients that ask it in-process."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from starlette.testclient import TestClient

from vcffilter.commands.main import run
from vcffilter.serve.application import Api
from vcffilter.serve.metrics import Metrics
from vcffilter.serve.service import Service
from vcffilter.serve.settings import Limits, ServeSettings
from vcffilter.serve.spool import Spool

LIMITS = Limits(
    upload_bytes=4 << 20, json_bytes=1 << 20, alleles=500, idle_seconds=60.0, deadline_seconds=600.0, answer_after_seconds=600.0
)


@pytest.fixture(scope="session")
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(scope="session")
def service(simulated, metrics) -> Iterator[Service]:
    settings = ServeSettings({"sim": (str(simulated.files.reads),)}, str(simulated.files.reference), device="cpu", limits=LIMITS)
    made = Service(settings, metrics.saw_batch)
    yield made
    made.close()


@pytest.fixture(scope="session")
def spool(tmp_path_factory) -> Spool:
    return Spool(str(tmp_path_factory.mktemp("spool")))


@pytest.fixture
def api(service, spool) -> Callable[..., Api]:
    """An API of its own over the same service, with other limits than LIMITS; work: in place of the service's own filtering."""

    def made(work: Callable[..., None] | None = None, **limits) -> Api:
        view = copy.copy(service)
        if work is not None:
            view.filter = work
        view.settings = replace(service.settings, limits=replace(LIMITS, **limits))
        return Api(view, spool, Metrics())

    return made


@pytest.fixture(scope="module")
def client(service, spool, metrics) -> Iterator[TestClient]:
    with TestClient(Api(service, spool, metrics).application, base_url="http://127.0.0.1", raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="session")
def offline(simulated, tmp_path_factory) -> Callable[..., bytes]:
    """What the command line writes, by its further arguments."""
    folder, known = tmp_path_factory.mktemp("offline"), {}

    def filtered(*arguments: str, calls: Path = simulated.files.calls, ending: str = ".vcf") -> bytes:
        key = (*arguments, str(calls), ending)
        if key not in known:
            out = folder / f"{len(known)}{ending}"
            files = simulated.files
            common = ["filter", str(calls), "-b", str(files.reads), "-f", str(files.reference), "--no-version", "-q"]
            assert run([*common, "--device", "cpu", *arguments, "-o", str(out)]) == 0
            known[key] = out.read_bytes()
        return known[key]

    return filtered
