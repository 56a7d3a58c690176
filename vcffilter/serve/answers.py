"""Answers that are files: sent piece by piece from a spooled file, which may still be growing, and removed with the last byte."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vcffilter.serve.admission import Place
from vcffilter.serve.spool import SpooledFile

logger = logging.getLogger(__name__)

_PIECE = 256 << 10
#: How often a growing file is looked at.
_LOOK_SECONDS = 0.05


class FileAnswer(Response):
    """A file as the body. job: what writes it, or has written it. gone: done when the client has gone,
    on_gone: called then.

    An answer that fails on its way ends without its last chunk, so that no client takes it for whole.
    """

    def __init__(
        self,
        file: SpooledFile,
        place: Place,
        *,
        media_type: str,
        headers: dict[str, str],
        job: asyncio.Future[Any],
        gone: asyncio.Future[Any],
        idle_seconds: float,
        on_gone: Callable[[], None],
    ) -> None:
        size = {"content-length": str(file.size)} if job.done() else {}
        # Not through Response.__init__ alone: it would say that the body is empty.
        self.status_code, self.media_type, self.background = 200, media_type, None
        self.init_headers({**headers, **size, "content-type": media_type})
        self._file, self._place = file, place
        self._job, self._gone = job, gone
        self._idle_seconds, self._on_gone = idle_seconds, on_gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            self._place.deadline.meet()
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send_all(send)
            await self._patiently(send({"type": "http.response.body", "body": b"", "more_body": False}))
        except ClientDisconnect:
            self._on_gone()
        except Exception as error:
            logger.error("an answer was cut after it had begun: %s", str(error) or "the client took nothing for too long")
            raise
        finally:
            self._gone.cancel()
            self._place.leave()

    async def _send_all(self, send: Send) -> None:
        offset = 0
        while True:
            is_complete = self._job.done()
            piece = self._file.read_at(offset, _PIECE)
            if piece:
                offset += len(piece)
                await self._patiently(send({"type": "http.response.body", "body": piece, "more_body": True}))
            elif is_complete:
                self._job.result()  # raises what ended the job
                return
            else:
                await asyncio.wait([self._job, self._gone], timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if self._gone.done():
                raise ClientDisconnect

    async def _patiently(self, sending: Awaitable[None]) -> None:
        """Send, unless the client takes nothing for too long."""
        async with asyncio.timeout(self._idle_seconds):
            await sending
