"""Requests made by hand: what a client sends and when, and what comes back, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode


@dataclass
class Exchange:
    """What was answered. n_taken: messages that the application took in. is_whole: its last message said so."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    n_taken: int = 0
    is_whole: bool = False
    error: BaseException | None = None


async def ask(
    application: Callable[..., Any],
    path: str,
    query: dict[str, str] | None = None,
    sent: AsyncIterator[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> Exchange:
    """One request. sent: the messages of the client; after the last one it stays, silent."""
    exchange = Exchange()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": urlencode(query or {}).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in {"host": "127.0.0.1", **(headers or {})}.items()],
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        if sent is not None:
            async for message in sent:
                exchange.n_taken += 1
                return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            exchange.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            exchange.body += message.get("body", b"")
            exchange.is_whole = not message.get("more_body", False)

    try:
        await application(scope, receive, send)
    except Exception as error:  # noqa: BLE001 (a server closes the connection on it)
        exchange.error = error
    return exchange


async def pieces(*bodies: bytes, is_cut: bool = False) -> AsyncIterator[dict[str, Any]]:
    """A body in pieces; cut: the client goes after them."""
    for index, body in enumerate(bodies):
        yield {"type": "http.request", "body": body, "more_body": is_cut or index + 1 < len(bodies)}
    if is_cut:
        yield {"type": "http.disconnect"}


async def endless(piece: bytes) -> AsyncIterator[dict[str, Any]]:
    """A body that has no end."""
    while True:
        yield {"type": "http.request", "body": piece, "more_body": True}
        await asyncio.sleep(0)


async def silent(first: bytes) -> AsyncIterator[dict[str, Any]]:
    """A client that stops in the middle."""
    yield {"type": "http.request", "body": first, "more_body": True}
    await asyncio.Event().wait()
