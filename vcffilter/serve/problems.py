"""What can be wrong with a request, as RFC 9457 problems. The one place where errors become statuses."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse

from vcffilter.errors import (
    ContigNamingError,
    OutputError,
    ReadsFileError,
    ReferenceFileError,
    ReferenceMismatchError,
    UnknownSampleError,
    UsageError,
    VariantFileError,
    VcffilterError,
)
from vcffilter.pipeline.run_warnings import UnscoredError

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:vcffilter:problem:"

#: Kind -> (status, title). Kinds are for programs: append only.
KINDS = {
    "bad-request": (422, "The request is not as the API's description says"),
    "cut-upload": (422, "The upload is cut: its end is missing"),
    "damaged-calls": (422, "The calls cannot be read"),
    "wrong-contigs": (422, "Calls and reads name contigs differently"),
    "wrong-reference": (422, "The calls were made with another reference"),
    "unknown-sample": (422, "No such sample"),
    "nothing-scored": (422, "Nothing, or nearly nothing, could be scored"),
    "unusable": (422, "The request cannot be carried out"),
    "unknown-reads": (404, "No reads are registered under this name"),
    "slow-upload": (408, "The upload stood still for too long"),
    "too-large": (413, "The request is larger than this server takes"),
    "wrong-file-type": (415, "This is no VCF or BCF"),
    "wrong-encoding": (415, "Send the file itself, without an encoding or a form around it"),
    "not-json": (415, "This takes JSON"),
    "too-many-requests": (429, "So many requests wait that no more are taken"),
    "internal": (500, "The server failed"),
    "reads-damaged": (500, "The server's own files cannot be read"),
    "not-ready": (503, "The server is starting or stopping"),
    "waited-too-long": (503, "The request's turn did not come in time"),
    "deadline": (504, "The answer was not ready in time"),
    "no-space": (507, "The server has no room for the upload"),
}


@dataclass
class Problem(Exception):  # noqa: N818 (the RFC's word)
    """Something that ends a request. kind: of KINDS. detail: for people. headers: of the answer. more: members of its body."""

    kind: str
    detail: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Of HTTP."""
        return KINDS[self.kind][0]

    def response(self) -> JSONResponse:
        """The answer."""
        status, title = KINDS[self.kind]
        return problem_response(status, title, self.detail, self.headers, type=_TYPE + self.kind, **self.more)


def problem_response(status: int, title: str, detail: str, headers: dict[str, str] | None = None, **members: Any) -> JSONResponse:
    """An answer of the kind; members: beside the usual ones."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return JSONResponse(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


#: What is raised for a request -> its kind. The first that fits.
_KIND_OF_ERROR: tuple[tuple[type[VcffilterError], str], ...] = (
    (UnknownSampleError, "unknown-sample"),
    (VariantFileError, "damaged-calls"),
    (ContigNamingError, "wrong-contigs"),
    (ReferenceMismatchError, "wrong-reference"),
    (ReferenceFileError, "reads-damaged"),
    (UnscoredError, "nothing-scored"),
    (ReadsFileError, "reads-damaged"),
    (UsageError, "unusable"),
)


def problem_of(error: Exception) -> Problem:
    """The problem that an error is to who asked. Says nothing of the server's own files."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OutputError) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return Problem("no-space", "Try again later, or send less.")
    if isinstance(error, VcffilterError):
        kind = next((kind for family, kind in _KIND_OF_ERROR if isinstance(error, family)), "internal")
        if KINDS[kind][0] < 500:
            more = {"contig": error.contig, "pos": error.pos1, "record": error.record_number}
            known = {name: value for name, value in more.items() if value is not None}
            return Problem(kind, f"{error.what}.", more=known)
        return Problem(kind, "The server's log says more.")
    return Problem("internal", "The server's log says more.")
