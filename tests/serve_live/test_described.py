"""The API is what its own OpenAPI document says, for whatever a generator makes of that document; never a 5xx."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from vcffilter.serve.application import OPEN_PATHS, Api
from vcffilter.serve.metrics import Metrics
from vcffilter.serve.service import Service
from vcffilter.serve.settings import Limits, ServeSettings
from vcffilter.serve.spool import Spool
from vcffilter.web import Access, Guard

TOKEN = "a-token-for-the-tests"
#: Requests to each operation.
EXAMPLES = int(os.environ.get("SERVE_EXAMPLES", "60"))
OPERATIONS = (
    "GET /healthz", "GET /readyz", "GET /service-info", "GET /metrics", "GET /v1/reads", "GET /v1/picture", "POST /v1/filter",
    "POST /v1/score",
)  # fmt: skip


@pytest.fixture(scope="module")
def operations(simulated, tmp_path_factory):
    files, limits = simulated.files, Limits(upload_bytes=1 << 20, json_bytes=1 << 20, alleles=500)
    service = Service(ServeSettings({"sim": (str(files.reads),)}, str(files.reference), device="cpu", limits=limits))
    application = Api(service, Spool(str(tmp_path_factory.mktemp("spool"))), Metrics()).application
    guarded = Guard(application, Access(TOKEN, OPEN_PATHS))

    async def running(scope, receive, send):
        """A server that starts and stops with every request, as a test client takes it, would end the application."""
        if scope["type"] == "lifespan":
            for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
                await receive()
                await send({"type": answer})
        else:
            await guarded(scope, receive, send)

    found = [result.ok() for result in schemathesis.openapi.from_asgi("/openapi.json", running).get_all_operations()]
    yield {f"{operation.method.upper()} {operation.path}": operation for operation in found}
    service.close()


def test_every_operation_is_tried(operations):
    assert set(operations) == set(OPERATIONS)


@pytest.mark.reliability("Server: requests that a generator makes of the API's description")
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_api_is_as_it_describes_itself(operations, name, record_property):
    statuses = []

    @given(case=operations[name].as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def conforms(case):
        # Some of the names are made right, or nothing would come further than the name.
        for asked in (case.query, case.body):
            if isinstance(asked, dict) and len(str(asked.get("reads", ""))) % 2:
                asked["reads"] = "sim"
        # What a VCF or a genome must be no schema says, so that what fits the schema may still be refused.
        excluded = [positive_data_acceptance]
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=excluded)
        statuses.append(answer.status_code)

    conforms()
    record_property("cases", len(statuses))
    assert max(statuses) < 500
    assert len(statuses) >= 1
