"""The pages and their questions over HTTP. Knows no reads, no SQL and no command line: only who answers what.

Everything that a page shows comes from this server. What a browser sends is a call's number, words of the vocabularies and a
reviewer's name; no path and no query of it is ever taken from a request.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from jinja2 import Environment, PackageLoader, select_autoescape
from pydantic import BaseModel, Field

from vcffilter.errors import VcffilterError
from vcffilter.review.agreement import differing, pair_agreements
from vcffilter.review.answers import call_answer, key_of
from vcffilter.review.call_index import FACETS, KINDS, ORDERS, VERDICTS_OF_FILTER, CallIndex, IndexedCall, Wanted
from vcffilter.review.labels import verdict_lines, write_labels
from vcffilter.review.tracks import TrackReader
from vcffilter.review.verdict_store import GivenVerdict, VerdictStore
from vcffilter.review.vocabulary import TAGS, VERDICT_OF_WORD, VERDICTS, label_of, tags_in_order

_NAME = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")
_STATIC = {"review.js": "text/javascript", "review.css": "text/css"}
#: Bases by which the window can be moved; all reads up to there are taken.
MOST_SHIFT = 2000


@dataclass(frozen=True)
class ReviewParts:
    """What the pages stand on. title: of the call set. reviewer: name to begin with, "" = the page asks."""

    title: str
    index: CallIndex
    store: VerdictStore
    tracks: TrackReader
    reviewer: str = ""


class VerdictIn(BaseModel):
    """A verdict as the page sends it."""

    reviewer: str = _NAME
    verdict: Literal["germline", "somatic", "ambiguous", "fail"]
    tags: list[str] = Field(default=[], max_length=len(TAGS))
    note: str = Field(default="", max_length=2000)


class UndoIn(BaseModel):
    """Whose last verdict is taken back."""

    reviewer: str = _NAME


def _wanted(
    kind: Literal["", "SNV", "insertion", "deletion", "other"] = "",
    verdict: Literal["", "passes", "fails", "not scored"] = "",
    status: Annotated[str, Query(max_length=60)] = "",
    filters: Annotated[str, Query(max_length=200)] = "",
    reason: Annotated[str, Query(max_length=60)] = "",
    contig: Annotated[str, Query(max_length=200)] = "",
    review: Literal["", "open", "done", "disputed"] = "",
    order: Literal["doubt", "file", "qual", "random"] = "doubt",
    reviewer: Annotated[str, Query(max_length=60)] = "",
) -> Wanted:
    return Wanted(kind, verdict, status, filters, reason, contig, review, order, reviewer)


def make_application(parts: ReviewParts) -> FastAPI:
    """The application; it opens and closes nothing."""
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    loader = PackageLoader("vcffilter.review", "")
    pages = Environment(loader=loader, autoescape=select_autoescape(("html",)), trim_blocks=True, lstrip_blocks=True)
    application.add_exception_handler(VcffilterError, _told)
    _add_pages(application, parts, pages)
    _add_questions(application, parts)
    _add_verdicts(application, parts)
    return application


async def _told(request: Request, error: Exception) -> Response:
    """What our own errors say, for the page to show."""
    return JSONResponse({"detail": str(error)}, status_code=422)


def _add_pages(application: FastAPI, parts: ReviewParts, pages: Environment) -> None:
    render = _renderer(parts, pages)

    @application.get("/", response_class=HTMLResponse)
    def page() -> str:
        facets = {name: parts.index.facet(name) for name in FACETS}
        return render("page.html", facets=facets, verdicts=VERDICTS, tags=TAGS, reviewer=parts.reviewer)

    @application.get("/agreement", response_class=HTMLResponse)
    def agreement() -> str:
        verdicts = parts.store.all()
        return render(
            "agreement.html", verdicts=VERDICTS, counts=parts.store.counts(), n_calls=parts.index.count(Wanted()),
            pairs=pair_agreements(verdicts), differing=_differing_rows(parts, verdicts),
        )  # fmt: skip

    @application.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(404, "there is no such file")
        return Response(files("vcffilter.review").joinpath(name).read_bytes(), media_type=_STATIC[name])


def _renderer(parts: ReviewParts, pages: Environment) -> Callable[..., str]:
    def render(name: str, **values: Any) -> str:
        warnings = [line for line in parts.index.fact("warnings").split("\n") if line]
        return pages.get_template(name).render(title=parts.title, model=parts.index.fact("model"), warnings=warnings, **values)

    return render


def _differing_rows(parts: ReviewParts, verdicts: list[GivenVerdict]) -> list[dict[str, Any]]:
    rows = []
    for group in differing(verdicts):
        key = group[0].key
        rows.append({
            "place": f"{key.contig}:{key.pos1} {key.ref[:24]}>{key.alt[:24]}",
            "number": parts.index.number_of(key.contig, key.pos1, key.ref, key.alt),
            "verdicts": [f"{verdict.reviewer}: {VERDICT_OF_WORD[verdict.verdict].name}" for verdict in group],
            "label": label_of(verdict.verdict for verdict in group),
        })  # fmt: skip
    return rows


def _add_questions(application: FastAPI, parts: ReviewParts) -> None:
    index = parts.index

    @application.get("/api/next")
    def next_call(
        wanted: Annotated[Wanted, Depends(_wanted)], after: int | None = None, forward: bool = True
    ) -> dict[str, int | None]:
        return {"number": index.beside(wanted, after, forward=forward)}

    @application.get("/api/count")
    def count(wanted: Annotated[Wanted, Depends(_wanted)]) -> dict[str, int]:
        own = parts.store.counts().get(wanted.reviewer, {})
        return {"wanted": index.count(wanted), "judged": sum(own.values()), "calls": sum(n for _, n in index.facet("kind"))}

    @application.get("/api/find")
    def find(place: Annotated[str, Query(max_length=300)]) -> dict[str, int]:
        number = index.at(place)
        if number is None:
            raise HTTPException(404, f"No call is on the contig of {place}.")
        return {"number": number}

    @application.get("/api/calls/{number}")
    def call(number: int, reviewer: Annotated[str, Query(max_length=60)] = "") -> dict[str, Any]:
        found = _call(index, number)
        answer = call_answer(found, index.neighbours(found), parts.store.of_allele(key_of(found.facts)), reviewer)
        own_track = parts.tracks.track_of(found.facts, index.fact("samples").split("\t"))
        return answer | {"tracks": [track.name for track in parts.tracks.tracks], "track": own_track.name}

    @application.get("/api/calls/{number}/picture")
    def picture(
        number: int,
        track: Annotated[str, Query(max_length=300)] = "",
        columns: Annotated[int, Query(ge=21, le=201)] = 81,
        rows: Annotated[int, Query(ge=5, le=500)] = 40,
        shift: Annotated[int, Query(ge=-MOST_SHIFT, le=MOST_SHIFT)] = 0,
    ) -> Response:
        found = _call(index, number)
        chosen = parts.tracks.named(track) or parts.tracks.track_of(found.facts, index.fact("samples").split("\t"))
        svg = parts.tracks.picture(chosen, found.facts, n_columns=columns, most_rows=rows, shift=shift)
        return Response(svg, media_type="image/svg+xml")


def _add_verdicts(application: FastAPI, parts: ReviewParts) -> None:
    @application.post("/api/calls/{number}/verdict")
    def give(number: int, given: VerdictIn) -> dict[str, Any]:
        found = _call(parts.index, number)
        try:
            tags = tags_in_order(given.tags)
        except KeyError as error:
            raise HTTPException(422, f"{error.args[0]} is no tag") from error
        key = key_of(found.facts)
        reviewer = given.reviewer.strip()
        parts.store.give(GivenVerdict(
            key, reviewer, found.record_number, found.alt_number, given.verdict, tags, given.note.strip()
        ))  # fmt: skip
        return {"number": number, "place": found.facts.place, "verdict": given.verdict}

    @application.post("/api/undo")
    def undo(given: UndoIn) -> dict[str, Any]:
        key = parts.store.undo(given.reviewer.strip())
        if key is None:
            return {"number": None, "place": ""}
        return {"number": parts.index.number_of(key.contig, key.pos1, key.ref, key.alt), "place": f"{key.contig}:{key.pos1}"}

    @application.get("/labels.tsv")
    def labels() -> Response:
        text = io.StringIO()
        write_labels(parts.store.all(), text)
        return _download(text.getvalue(), "labels.tsv")

    @application.get("/verdicts.tsv")
    def verdicts() -> Response:
        return _download("".join(verdict_lines(parts.store.all())), "verdicts.tsv")


def _call(index: CallIndex, number: int) -> IndexedCall:
    found = index.call(number)
    if found is None:
        raise HTTPException(404, f"There is no call {number}.")
    return found


def _download(text: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(text, media_type="text/tab-separated-values; charset=utf-8", headers=headers)


assert set(ORDERS) == {"doubt", "file", "qual", "random"}
assert KINDS == ("SNV", "insertion", "deletion", "other")
assert VERDICTS_OF_FILTER == ("passes", "fails", "not scored")
