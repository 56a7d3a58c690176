"""What `review` and `serve` share: who may ask, what every answer says to browsers, and a server that starts and stops cleanly.

A guard in front of any ASGI application. Knows no pages, no calls and no models. FastAPI and uvicorn are the extra `[serve]`.

The rule: without a token only this machine may ask, under one of its own names, so that no page of another site can reach the
server by a name that was pointed here (DNS rebinding). Bound to any other address a token is needed; then the name does not
matter, because the cookie that holds the token belongs to the name it was set for.
"""

from __future__ import annotations

import contextlib
import hmac
import importlib.util
import ipaddress
import json
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from vcffilter.errors import MissingExtraError, OutputError, UsageError, VcffilterError, install_hint

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Where a token is taken from, so that it stands in no list of processes.
TOKEN_VARIABLE = "VCFFILTER_TOKEN"
_COOKIE, _QUERY_KEY = "vcffilter_token", "token"
_SHORTEST_TOKEN = 16
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
#: Said with every answer. Scripts and styles come from this server alone, and no other page may frame or embed its answers.
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


@dataclass(frozen=True)
class Access:
    """Who may ask. token: None = none is needed; then only names of this machine are answered. open_paths: need no token."""

    token: str | None = None
    open_paths: frozenset[str] = frozenset()


def need_serve_extra(command: str, *packages: str) -> None:
    """Raise MissingExtraError where the libraries of `review` and `serve`, or more that a command names, are not installed."""
    for package in ("fastapi", "uvicorn", "jinja2", *packages):
        if importlib.util.find_spec(package) is None:
            needed = " ".join(("fastapi", "uvicorn", "jinja2", *packages)).replace("_", "-")
            raise MissingExtraError(f"{command} needs {package}", hint=install_hint(needed, "serve"))


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine itself and nothing that others can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_in_force(host: str, token_path: str | None = None) -> str | None:
    """The token that a server on this address asks for: from a file, from $VCFFILTER_TOKEN, else a new one; None on loopback.

    A token that was given holds on loopback, too. Raises UsageError on a short one, VcffilterError where the file cannot be read.
    """
    given = os.environ.get(TOKEN_VARIABLE, "") if token_path is None else _token_of_file(token_path)
    if not given:
        return None if is_loopback(host) else secrets.token_urlsafe(24)
    if len(given) < _SHORTEST_TOKEN or not (given.isascii() and given.isprintable()) or " " in given:
        raise UsageError(
            f"a token has at least {_SHORTEST_TOKEN} printable ASCII characters and no blank",
            hint="Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(24))'",
        )
    return given


def _token_of_file(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            token = file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise VcffilterError(f"the token cannot be read: {why}", path=path) from error
    if not token:
        raise VcffilterError("holds no token in its first line", path=path)
    return token


class Guard:
    """An ASGI application in front of another: refuses what may not ask, and adds SECURITY_HEADERS to every answer.

    The token comes as `Authorization: Bearer TOKEN`, or as the cookie that a visit of `/?token=TOKEN` sets. What changes
    something is refused where a browser says that a page of another origin sent it.
    """

    def __init__(self, application: Application, access: Access) -> None:
        self._application = application
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or hand on one request."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no websockets here
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        await self._application(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str, tuple[tuple[bytes, bytes], ...]] | None:
        """Status, what is wrong, and headers; None where the request may pass."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self._access.token is None and not is_loopback(_name_of(host)):
            return 421, f"This server answers on this machine only, not as '{host[:80]}'.", ()
        if scope["method"] not in _SAFE_METHODS and _is_of_another_origin(headers, host):
            return 403, "The request came from a page of another origin.", ()
        if self._access.token is None or scope["path"] in self._access.open_paths:
            return None
        return self._without_token(scope, headers)

    def _without_token(
        self, scope: Scope, headers: dict[bytes, str]
    ) -> tuple[int, str, tuple[tuple[bytes, bytes], ...]] | None:
        assert self._access.token is not None
        expected = self._access.token
        kind, _, bearer = headers.get(b"authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(bearer.strip(), expected):
            return None
        if _same(_cookie(headers.get(b"cookie", "")), expected):
            return None
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        if scope["method"] == "GET" and _same(dict(query).get(_QUERY_KEY, ""), expected):
            # The token leaves the address, so that it is in no history, no bookmark and no picture of the screen.
            rest = urlencode([(key, value) for key, value in query if key != _QUERY_KEY])
            place = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
            cookie = f"{_COOKIE}={expected}; HttpOnly; SameSite=Strict; Path=/"
            return 303, "", ((b"location", _header_bytes(place)), (b"set-cookie", cookie.encode("latin-1")))
        return 401, "A token is needed: open the address that the server printed, or send it as a bearer token.", (
            (b"www-authenticate", b"Bearer"),
        )  # fmt: skip


def _header_bytes(path: str) -> bytes:
    return quote(path, safe="/?=&%:,;+~*!()@'$-._").encode("ascii")


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_of_another_origin(headers: dict[bytes, str], host: str) -> bool:
    """What the browser says of the page that asks; programs that are no browsers say nothing."""
    site = headers.get(b"sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get(b"origin")
    return origin is not None and origin.partition("://")[2] != host


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(_COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _same(given: str, expected: str) -> bool:
    """Whether two tokens are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", ())}
            missing = [header for header in SECURITY_HEADERS if header[0] not in own]
            message = {**message, "headers": [*message.get("headers", ()), *missing]}
        await send(message)

    return send_with_headers


async def _answer(send: Send, status: int, text: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """One answer; where something is wrong it is a problem as RFC 9457 has them."""
    title = {401: "Unauthorized", 403: "Forbidden", 421: "Misdirected Request"}.get(status, "See Other")
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": text}).encode() if text else b""
    kind = (b"content-type", b"application/problem+json")
    start = {"type": "http.response.start", "status": status, "headers": [kind, *headers, *SECURITY_HEADERS]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 = any that is free. Raises OutputError where there is none to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OutputError(f"cannot listen on {host}: {error.strerror}", hint="Give an address of this machine: --host") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        hint = "Take another port: --port N, or --port 0 for any that is free"
        raise OutputError(f"cannot listen on {host}, port {port}: {error.strerror}", hint=hint) from error
    return listener


def address_of(listener: socket.socket, token: str | None = None) -> str:
    """The address for a browser, with the token where there is one."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"?{_QUERY_KEY}={token}" if token else "")


def run_server(application: Application, listener: socket.socket, *, drain_seconds: int = 3, **settings: Any) -> None:
    """Answer until SIGINT or SIGTERM; then finish what is being answered, for at most `drain_seconds`, and return.

    settings: uvicorn's own, such as limit_concurrency or timeout_keep_alive.
    """
    import uvicorn

    quiet = {"log_level": "warning", "access_log": False, "server_header": False, "lifespan": "on"}
    config = uvicorn.Config(application, timeout_graceful_shutdown=drain_seconds, **{**quiet, **settings})
    with _own_signals():
        uvicorn.Server(config).run(sockets=[listener])


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """uvicorn raises a signal again once it has drained: for a server it is the ordinary end, so nothing follows.

    The watch that ends late commands (commands.signals) is off meanwhile: draining has its own limit.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = [signal.signal(number, lambda *_: None) for number in numbers]
    wakeup = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number, handler in zip(numbers, earlier, strict=True):
            signal.signal(number, handler)
