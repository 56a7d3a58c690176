"""The API: its routes, and what goes around all of them. Takes requests apart, hands the work on, and says what came of it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vcffilter.api import Scores
from vcffilter.errors import VcffilterError
from vcffilter.serve.admission import Admission, Deadline, Place
from vcffilter.serve.answers import FileAnswer
from vcffilter.serve.intake import body_of, check_upload, take_upload
from vcffilter.serve.metrics import Metrics
from vcffilter.serve.problems import MEDIA_TYPE, Problem, problem_of, problem_response
from vcffilter.serve.record_sizes import check_record_sizes
from vcffilter.serve.schemas import (
    FilterOptions,
    PictureOptions,
    ProblemBody,
    ReadsAnswer,
    ScoreAnswer,
    ScoreRequest,
    ServiceInfo,
    State,
    schemas_of,
)
from vcffilter.serve.service import FilterRequest, Service
from vcffilter.serve.spool import Spool
from vcffilter.version import __version__

logger = logging.getLogger(__name__)

#: Need no token: nothing is said of the reads.
OPEN_PATHS = frozenset(("/healthz", "/readyz", "/service-info", "/openapi.json"))
_KIND_OF_OUTPUT: dict[str, tuple[Literal["v", "z", "b"], str]] = {
    "vcf": ("v", "text/vcf"),
    "vcf.gz": ("z", "application/gzip"),
    "bcf": ("b", "application/octet-stream"),
}
_MEDIA_OF_PICTURE = {"svg": "image/svg+xml", "png": "image/png"}
_GONE = 499

Result = TypeVar("Result")


class Api:
    """One server's API. `application` is what a server runs."""

    def __init__(self, service: Service, spool: Spool, metrics: Metrics) -> None:
        self._service, self._spool, self._metrics = service, spool, metrics
        self._limits = service.settings.limits
        self._admission = Admission(self._limits)
        metrics.watch(lambda: self._admission.n_inside)
        self.application = Measured(self._make_application(), metrics)

    def drain(self) -> None:
        """Take no more requests; those that are here are answered."""
        self._admission.is_draining = True

    # -- routes

    async def healthz(self) -> Response:
        """The process answers."""
        return JSONResponse({"status": "alive"})

    async def readyz(self) -> Response:
        """Requests are taken, and the model answers."""
        self._admission.refuse_when_draining()
        if not self._service.network.is_alive:
            raise Problem("not-ready", "The model's thread has ended.")
        return JSONResponse({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """Counts, for Prometheus."""
        text, media_type = self._metrics.text(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": media_type})

    async def service_info(self, request: Request) -> Response:
        """What this is (GA4GH). Who runs it is known by its address alone."""
        address = str(request.base_url)
        return JSONResponse(
            {
                "id": "pileup-filter",
                "name": "pileup-filter",
                "type": {"group": "vcffilter", "artifact": "pileup-filter", "version": "1.0.0"},
                "description": "Scores called alleles by the reads behind them; annotates VCF and BCF.",
                "organization": {"name": request.url.hostname or "unknown", "url": address},
                "documentationUrl": f"{address}openapi.json",
                "version": __version__,
                "models": [self._model()],
            }
        )

    async def list_reads(self) -> Response:
        """The names of reads that requests may ask about."""
        return JSONResponse(
            {
                "reads": [
                    {"name": one.name, "samples": list(one.samples), "n_contigs": len(one.contigs)}
                    for one in self._service.reads.values()
                ]
            }
        )

    async def filter_calls(self, request: Request, asked: Annotated[FilterOptions, Query()]) -> Response:
        """Annotate a VCF, VCF.gz or BCF, which is the body: the answer is what `pileup-filter filter --no-version` writes."""
        self._service.read_set(asked.reads)
        place = self._admission.enter()
        try:
            return await self._filtered(request, asked, place)
        except BaseException:
            place.leave()
            raise

    async def score_alleles(self, request: Request) -> Response:
        """Score alleles against reads, without a file."""
        place = self._admission.enter()
        try:
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                raise Problem("not-json", "Content-Type: application/json")
            asked = _parsed(await body_of(request, self._limits.json_bytes, self._limits.idle_seconds))
            self._service.read_set(asked.reads)
            if len(asked.alleles) > self._limits.alleles:
                raise Problem("too-large", f"At most {self._limits.alleles:,} alleles; send a VCF to /v1/filter for more.")
            deadline = Deadline(self._limits.deadline_seconds)

            def score() -> Scores:
                alleles = self._service.alleles_of([(one.contig, one.pos, one.ref, one.alt) for one in asked.alleles])
                return self._service.score(asked.reads, alleles, asked.preset, with_reasons=asked.reasons, go_on=deadline.check)

            scores = await self._done(request, place, score, deadline)
            self._metrics.alleles.labels(asked.reads).inc(sum(status == "scored" for status in scores.status))
            thresholds = self._service.thresholds(asked.preset)
            return JSONResponse(
                {
                    "model": self._model(),
                    "thresholds": {"snv": thresholds.snv, "indel": thresholds.indel},
                    "alleles": _rows(scores),
                }
            )
        finally:
            place.leave()

    async def picture(self, request: Request, asked: Annotated[PictureOptions, Query()]) -> Response:
        """The reads over an allele, drawn."""
        self._service.read_set(asked.reads)
        place = self._admission.enter()
        try:
            deadline = Deadline(self._limits.deadline_seconds)
            allele = (asked.contig, asked.pos, asked.ref, asked.alt)

            def draw() -> bytes:
                return self._service.picture(asked.reads, allele, asked.format, asked.preset, deadline.check)

            return Response(await self._done(request, place, draw, deadline), media_type=_MEDIA_OF_PICTURE[asked.format])
        finally:
            place.leave()

    # -- inside

    async def _filtered(self, request: Request, asked: FilterOptions, place: Place) -> Response:
        limits = self._limits
        upload = place.holds(self._spool.new())
        await take_upload(request, upload, limits.upload_bytes, limits.idle_seconds)
        self._metrics.upload_bytes.inc(upload.size)
        check_upload(upload)
        answer = place.holds(self._spool.new())
        kind, media_type = _KIND_OF_OUTPUT[asked.output]
        wanted = FilterRequest(
            asked.reads, kind, asked.preset, asked.mode, asked.annotate_only, asked.reasons,
            tuple(name for name in (asked.samples or "").split(",") if name), asked.allow_ref_mismatch, asked.allow_unscored,
        )  # fmt: skip
        deadline = Deadline(limits.deadline_seconds)

        def run() -> None:
            check_record_sizes(upload, deadline.check)
            summary = self._service.filter(upload, answer, wanted, deadline.check)
            self._metrics.records.labels(asked.reads).inc(summary.counts.n_records)
            self._metrics.alleles.labels(asked.reads).inc(summary.counts.alleles.get("scored", 0))

        job, gone = self._start(request, place, run, deadline)
        try:
            await _wait(job, gone, min(limits.answer_after_seconds, limits.deadline_seconds))
            if not job.done() and answer.size == 0:  # as long as nothing was said, an error can be said properly
                await self._until(job, gone, deadline, lambda: answer.size > 0)
            if job.done():
                job.result()
        except BaseException:
            gone.cancel()
            raise
        headers = {"vcffilter-model": self._service.checkpoint.metadata.model_id, "vcffilter-version": __version__}
        return FileAnswer(
            answer, place, media_type=media_type, headers=headers, job=job, gone=gone, idle_seconds=limits.idle_seconds,
            on_gone=self._metrics.left.inc,
        )  # fmt: skip

    def _start(
        self, request: Request, place: Place, work: Callable[[], Result], deadline: Deadline
    ) -> tuple[asyncio.Future[Result], asyncio.Future[None]]:
        """(the job, the client's going)."""
        job = self._admission.start(place, work, deadline)
        job.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to ask for it
        return job, asyncio.ensure_future(_departure(request.receive))

    async def _done(self, request: Request, place: Place, work: Callable[[], Result], deadline: Deadline) -> Result:
        """What the work gives. Raises Problem, ClientDisconnect."""
        job, gone = self._start(request, place, work, deadline)
        try:
            await self._until(job, gone, deadline, lambda: False)
            return job.result()
        finally:
            gone.cancel()

    async def _until(
        self, job: asyncio.Future[Any], gone: asyncio.Future[Any], deadline: Deadline, is_enough: Callable[[], bool]
    ) -> None:
        """Wait until the job is done, or enough is there. Raises Problem at the deadline, ClientDisconnect."""
        while not job.done() and not is_enough():
            await _wait(job, gone, min(1.0, max(deadline.seconds_left, 0.0)))
            if not job.done() and deadline.has_passed:
                if not deadline.has_begun:
                    raise self._admission.too_late()
                deadline.check()

    def _model(self) -> dict[str, str]:
        return {"id": self._service.checkpoint.metadata.model_id, "sha256": self._service.checkpoint.sha256}

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        yield
        self.drain()
        await asyncio.to_thread(self._admission.close)

    def _make_application(self) -> FastAPI:
        made = FastAPI(
            title="pileup-filter", version=__version__, lifespan=self._lifespan, docs_url=None, redoc_url=None,
            description="Scores called alleles by the reads behind them. A path in a request is never opened.",
            servers=[{"url": "/"}],
        )  # fmt: skip
        self._add_routes(made)
        made.add_exception_handler(Problem, self._say_problem)
        made.add_exception_handler(VcffilterError, self._say_problem)
        made.add_exception_handler(OSError, self._say_problem)
        made.add_exception_handler(Exception, self._say_problem)
        made.add_exception_handler(RequestValidationError, self._say_invalid)
        made.add_exception_handler(HTTPException, self._say_refused)
        made.add_exception_handler(ClientDisconnect, self._say_gone)
        made.openapi = lambda: _described(made)  # type: ignore[method-assign]
        return made

    def _add_routes(self, made: FastAPI) -> None:
        def get(path: str, endpoint: Callable[..., Any], model: Any, problems: tuple[int, ...] = (), **more: Any) -> None:
            made.add_api_route(path, endpoint, methods=["GET"], response_model=model, responses=_problems(*problems), **more)

        get("/healthz", self.healthz, State)
        get("/readyz", self.readyz, State, (503,))
        get("/service-info", self.service_info, ServiceInfo)
        get("/metrics", self.metrics, None, (401,), response_class=_content("text/plain"))
        get("/v1/reads", self.list_reads, ReadsAnswer, (401,))
        picture_problems = (401, 404, 422, 429, 500, 503, 504)
        get("/v1/picture", self.picture, None, picture_problems, response_class=_content("image/svg+xml", "image/png"))
        problems = (401, 404, 408, 413, 415, 422, 429, 500, 503, 504, 507)
        made.add_api_route(
            "/v1/filter", self.filter_calls, methods=["POST"], response_model=None, responses=_problems(*problems),
            response_class=_content("text/vcf", "application/gzip", "application/octet-stream"),
            openapi_extra={"requestBody": _body("application/octet-stream", {"type": "string", "format": "binary"})},
        )  # fmt: skip
        made.add_api_route(
            "/v1/score", self.score_alleles, methods=["POST"], response_model=ScoreAnswer,
            responses=_problems(*problems),
            openapi_extra={"requestBody": _body("application/json", {"$ref": "#/components/schemas/ScoreRequest"})},
        )  # fmt: skip

    # -- what goes wrong

    async def _say_problem(self, request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.status >= 500 and not isinstance(error, Problem):
            logger.error("%s %s: %s", request.method, request.url.path, error)
        self._metrics.problems.labels(problem.kind).inc()
        return problem.response()

    async def _say_invalid(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return await self._say_problem(request, _invalid(error.errors()))

    async def _say_refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem_response(error.status_code, str(error.detail), request.url.path, dict(error.headers or {}))

    async def _say_gone(self, request: Request, error: Exception) -> Response:
        self._metrics.left.inc()
        return Response(status_code=_GONE)  # nobody reads it


class Measured:
    """Counts the requests of an application, and their seconds, by route."""

    def __init__(self, application: ASGIApp, metrics: Metrics) -> None:
        self._application, self._metrics = application, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and count."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._application(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)


async def _departure(receive: Receive) -> None:
    """Until the client has gone. A body that nobody asked for is let go by."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait(job: asyncio.Future[Any], gone: asyncio.Future[Any], seconds: float) -> None:
    """Wait for the job. Raises ClientDisconnect where the client goes first."""
    await asyncio.wait([job, gone], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if gone.done() and not job.done():
        raise ClientDisconnect


def _parsed(body: bytes) -> ScoreRequest:
    try:
        return ScoreRequest.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error.errors()) from error


def _invalid(errors: Any) -> Problem:
    """What is wrong where; not what was sent, which may be long."""
    found = [{"where": [str(part) for part in one["loc"]], "what": one["msg"]} for one in list(errors)[:20]]
    said = "; ".join(f"{'.'.join(one['where'])}: {one['what']}" for one in found[:3])
    return Problem("bad-request", said, more={"errors": found})


def _rows(scores: Scores) -> list[dict[str, Any]]:
    numbers = zip(
        scores.alleles, scores.probability.tolist(), scores.log_odds.tolist(), scores.n_reads.tolist(),
        scores.ref_reads.tolist(), scores.alt_reads.tolist(), scores.passes.tolist(), scores.status, scores.reasons,
        scores.stage or [None] * len(scores), strict=True,
    )  # fmt: skip
    return [
        {
            "contig": contig, "pos": pos1, "ref": ref, "alt": alt, "probability": _number(probability),
            "log_odds": _number(log_odds), "n_reads": n_reads, "ref_reads": ref_reads, "alt_reads": alt_reads,
            "passes": passes, "status": status, "reasons": list(reasons), "stage": stage,
        }
        for (contig, pos1, ref, alt), probability, log_odds, n_reads, ref_reads, alt_reads, passes, status, reasons, stage
        in numbers
    ]  # fmt: skip


def _number(value: float) -> float | None:
    """As the VCF has it, to 4 decimals; JSON has no NaN."""
    return None if math.isnan(value) else round(value, 4)


# -- the description


def _content(*media_types: str) -> type[Response]:
    """A class of answers, for the description alone."""
    return type("Answer", (Response,), {"media_type": media_types[0], "media_types": media_types})


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": schema}}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    keys: tuple[int | str, ...] = (*statuses, "default")
    return {key: {"description": "Problem (RFC 9457)", "content": content} for key in keys}


def _described(made: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with what FastAPI cannot know of the routes."""
    from fastapi.openapi.utils import get_openapi

    if made.openapi_schema is None:
        found = get_openapi(
            title=made.title, version=made.version, description=made.description, routes=made.routes, servers=made.servers
        )
        components = found.setdefault("components", {})
        components["schemas"] = {**components.get("schemas", {}), **schemas_of(ScoreRequest, ProblemBody)}
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, methods in found["paths"].items():
            for operation in methods.values():
                operation["security"] = [] if path in OPEN_PATHS else [{"bearer": []}]
                operation["responses"].get("422", {}).get("content", {}).pop("application/json", None)
        made.openapi_schema = found
    return made.openapi_schema
