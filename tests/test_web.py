"""Who may ask a server of ours: names of this machine without a token, a token anywhere else, no page of another origin."""

from __future__ import annotations

import signal
import threading
import urllib.request

import pytest

pytest.importorskip("fastapi")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from vcffilter import web
from vcffilter.errors import OutputError, UsageError, VcffilterError

TOKEN = "a-token-of-the-tests"


def application():
    async def page(request):
        return PlainTextResponse(f"hello {request.url.query}")

    return Starlette(routes=[Route("/", page, methods=["GET", "POST"]), Route("/open", page)])


def client(token: str | None = None, base: str = "http://127.0.0.1:8123") -> TestClient:
    guard = web.Guard(application(), web.Access(token, frozenset(("/open",))))
    return TestClient(guard, base_url=base, follow_redirects=False)


@pytest.mark.parametrize("name", ["127.0.0.1", "127.0.0.1:80", "localhost:8123", "LOCALHOST", "[::1]:8123"])
def test_without_a_token_names_of_this_machine_are_answered(name):
    assert client().get("/", headers={"host": name}).status_code == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:8123", "127.0.0.1.evil.example", "", "10.0.0.7", "[::2]:1", "a:b:c"]
)
def test_without_a_token_no_other_name_is(name):
    answer = client().get("/", headers={"host": name})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_is_asked_for_and_taken_in_three_ways():
    asked = client(TOKEN, "http://node7:8123")
    refused = asked.get("/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert asked.get("/open").status_code == 200
    for wrong in ("Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"):
        assert asked.get("/", headers={"authorization": wrong.encode("latin-1")}).status_code == 401
    assert asked.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asked.get("/?token=wrong").status_code == 401
    visit = asked.get(f"/?token={TOKEN}&place=chr1:5")
    assert visit.status_code == 303
    assert visit.headers["location"] == "/?place=chr1%3A5"
    assert "HttpOnly" in visit.headers["set-cookie"]
    assert "SameSite=Strict" in visit.headers["set-cookie"]
    assert asked.get("/?place=chr1:5").text == "hello place=chr1:5"  # the client keeps the cookie


def test_the_redirect_stays_on_this_server():
    visit = client(TOKEN).get(f"//evil.example/x?token={TOKEN}")
    assert visit.headers["location"].startswith("/evil.example") or visit.headers["location"].startswith("/x")
    assert not visit.headers["location"].startswith("//")


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:9"}, {"sec-fetch-site": "cross-site"},
     {"sec-fetch-site": "same-site"}],
)  # fmt: skip
def test_pages_of_other_origins_change_nothing(headers):
    assert client().post("/", headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": "http://127.0.0.1:8123", "sec-fetch-site": "same-origin"}])
def test_own_pages_and_programs_do(headers):
    assert client().post("/", headers=headers).status_code == 200


def test_every_answer_has_the_security_headers():
    asked = client()
    for answer in (asked.get("/"), asked.get("/missing"), asked.get("/", headers={"host": "evil.example"})):
        for name, value in web.SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()


def test_where_a_token_comes_from(tmp_path, monkeypatch):
    monkeypatch.delenv(web.TOKEN_VARIABLE, raising=False)
    assert web.token_in_force("127.0.0.1") is None
    assert web.token_in_force("localhost") is None
    assert len(web.token_in_force("0.0.0.0")) >= 24
    assert web.token_in_force("0.0.0.0") != web.token_in_force("0.0.0.0")
    monkeypatch.setenv(web.TOKEN_VARIABLE, TOKEN)
    assert web.token_in_force("127.0.0.1") == TOKEN
    file = tmp_path / "token"
    file.write_text("another-token-of-a-file\nnot this\n")
    assert web.token_in_force("node7", str(file)) == "another-token-of-a-file"
    file.write_text("short\n")
    with pytest.raises(UsageError, match="at least 16"):
        web.token_in_force("node7", str(file))
    file.write_text("\n")
    with pytest.raises(VcffilterError, match="no token"):
        web.token_in_force("node7", str(file))
    with pytest.raises(VcffilterError, match="No such file"):
        web.token_in_force("node7", str(tmp_path / "none"))


def test_a_port_that_is_taken_is_said():
    with web.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert web.address_of(listener) == f"http://127.0.0.1:{port}/"
        assert web.address_of(listener, TOKEN).endswith(f"/?token={TOKEN}")
        with pytest.raises(OutputError, match="--port 0"):
            web.listen("127.0.0.1", port)
    with pytest.raises(OutputError, match="--host"):
        web.listen("no.such.name.invalid", 0)


def test_a_signal_ends_the_server_and_nothing_else():
    listener = web.listen("127.0.0.1", 0)
    address = web.address_of(listener)
    answers = []

    def ask():
        with urllib.request.urlopen(address) as answer:
            answers.append(answer.read())
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    asking = threading.Thread(target=ask)
    asking.start()
    web.run_server(web.Guard(application(), web.Access()), listener)
    asking.join()
    assert answers == [b"hello "]
    assert signal.getsignal(signal.SIGTERM) is before
