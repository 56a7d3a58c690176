"""The server as a process of its own, asked over sockets: many clients, bad ones, signals, and what is left behind.

By `make test-serve`: it takes longer than the tests of a change should.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import cyvcf2
import pytest
from serve_clients import Request, Server, ask_from_clients, pieces_of_calls, running_server

from vcffilter.commands.main import run

MIB = 1 << 20
HEADER = b"##fileformat=VCFv4.2\n##contig=<ID=sim1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
FILTER = "/v1/filter?reads=sim&allow_unscored=true"


@pytest.fixture(scope="module")
def options(simulated):
    return ["-b", f"sim={simulated.files.reads}", "-f", simulated.files.reference, "--device", "cpu"]


@pytest.fixture(scope="module")
def spool(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def server(options, spool):
    with running_server([*options, "--spool", spool, "--max-upload", "64M", "--idle", "1", "--waiting", "64"]) as started:
        yield started


@pytest.fixture(scope="module")
def offline(simulated, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("offline") / "out.vcf"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--no-version", "-q"]
    assert run([*arguments, "--device", "cpu", "-o", str(out)]) == 0
    return out.read_text()


@pytest.fixture(scope="module")
def calls(simulated) -> str:
    return cyvcf2_text(simulated.files.calls)


def cyvcf2_text(path: Path) -> str:
    file = cyvcf2.VCF(str(path))
    return file.raw_header + "".join(map(str, file))


def records(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def inside(server: Server) -> float:
    lines = server.ask(Request("GET", "/metrics")).body.decode().splitlines()
    return float(next(line for line in lines if line.startswith("pileup_filter_requests_inside")).split()[1])


def settled(server: Server) -> None:
    """Wait until no request is in the server."""
    for _ in range(100):
        if inside(server) == 0:
            return
        time.sleep(0.05)
    raise AssertionError("a request is left in the server")


def begun(server: Server, head: str, body: bytes = b"") -> socket.socket:
    """A connection on which a request has begun."""
    connection = socket.create_connection((server.host, server.port), timeout=30)
    connection.sendall(f"{head}\r\nHost: 127.0.0.1\r\n".encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body))
    return connection


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body) if body else b""


def answer_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes, or has sent the end of a body."""
    received = b""
    while not received.endswith(b"\r\n0\r\n\r\n"):
        piece = connection.recv(1 << 16)
        if not piece:
            break
        received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length and len(body) >= length[0]:
            break
    return received


@pytest.mark.reliability("Server: requests of 16 clients at once, answered as the command line does")
def test_a_thousand_requests_from_sixteen_clients(server, calls, offline, record_property):
    """Nothing is lost, nothing is mixed up, and all is as the command line writes it."""
    expected = {line.split("\t")[1]: line for line in records(offline)}
    pieces = pieces_of_calls(calls, 900, 3)
    requests = [Request("POST", FILTER, piece.encode()) for piece in pieces]
    for piece in pieces[:100]:
        contig, pos1, _, ref, alt, *_ = records(piece)[0].split("\t")
        alleles = [{"contig": contig, "pos": int(pos1), "ref": ref, "alt": alt.split(",")[0]}]
        body = json.dumps({"reads": "sim", "alleles": alleles}).encode()
        requests.append(Request("POST", "/v1/score", body, {"Content-Type": "application/json"}))
    answers, seconds = ask_from_clients(server, requests, 16)
    print(f"{len(answers) / seconds:.0f} requests/s")
    record_property("cases", len(answers))
    assert {answer.status for answer in answers} == {200}
    for piece, answer in zip(pieces, answers[:900], strict=True):
        assert records(answer.body.decode()) == [expected[line.split("\t")[1]] for line in records(piece)]
    for request, answer in zip(requests[900:], answers[900:], strict=True):
        asked, found = json.loads(request.body)["alleles"][0], json.loads(answer.body)["alleles"]
        assert [{key: one[key] for key in asked} for one in found] == [asked]
        info = dict(entry.partition("=")[::2] for entry in expected[str(asked["pos"])].split("\t")[7].split(";"))
        shown = info.get("PILEUP_PROB", ".").split(",")[0]
        assert found[0]["probability"] == (None if shown == "." else pytest.approx(float(shown), abs=1e-9))
    settled(server)


@pytest.mark.reliability("Server: clients that stand still or go away in the middle of an upload")
def test_slow_and_cut_clients_hold_up_nobody(server, calls):
    settled(server)
    n_before = server.n_descriptors()
    slow = [begun(server, f"POST {FILTER} HTTP/1.1", HEADER) for _ in range(20)]
    cut = [begun(server, f"POST {FILTER} HTTP/1.1", HEADER * 100) for _ in range(20)]
    for connection in cut:
        connection.close()
    started = time.monotonic()
    assert server.ask(Request("POST", FILTER, calls.encode())).status == 200
    assert time.monotonic() - started < 10
    for connection in slow:
        assert b" 408 " in answer_of(connection).split(b"\r\n")[0]
        connection.close()
    settled(server)
    time.sleep(0.2)
    assert server.n_descriptors() <= n_before + 1


@pytest.mark.reliability("Server: 2 GB uploads refused while they come, memory flat")
def test_two_gigabytes_are_refused_while_they_come(server, spool):
    """As calls without end, and as something else; memory and disk stay as they were."""
    before = server.memory_bytes("VmRSS")
    line = b"sim1\t300\t.\tA\tC\t.\t.\tX=" + b"y" * 900 + b"\n"
    block = chunk(line * (MIB // len(line)))
    for first, status, most in ((HEADER, b" 413 ", 80 * MIB), (b"BAM\x01" + b"\0" * 8192, b" 415 ", 16 * MIB)):
        with closing(begun(server, f"POST {FILTER} HTTP/1.1", first)) as connection:
            n_sent = 0
            with contextlib.suppress(OSError):  # the server has closed
                while n_sent < 2048 * MIB:
                    connection.sendall(block)
                    n_sent += len(block)
            assert n_sent < most
            with contextlib.suppress(ConnectionResetError):  # what it said may be lost with the connection
                assert status in answer_of(connection)
    declared = f"POST {FILTER} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {2048 * MIB}\r\nExpect: 100-continue\r\n\r\n"
    with closing(socket.create_connection((server.host, server.port), timeout=30)) as connection:
        connection.sendall(declared.encode())
        assert b" 413 " in answer_of(connection).split(b"\r\n")[0]
    settled(server)
    assert server.memory_bytes("VmRSS") - before < 64 * MIB
    assert [path for path in spool.rglob("*") if path.is_file()] == []


@pytest.mark.reliability("Server: paths in addresses and names")
def test_paths_in_addresses(server):
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/v1/../../etc/passwd", "/file:///etc/passwd"):
        answer = server.ask(Request("GET", path))
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
        assert b"root:" not in answer.body
    for name in ("/etc/passwd", "../sim", "sim/../../etc/passwd", "sim\0"):
        assert server.ask(Request("POST", f"/v1/filter?reads={quote(name, safe='')}", HEADER)).status == 422


def test_a_token_is_asked_for_where_others_can_ask(options, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-that-is-long-enough\n")
    with running_server([*options, "--host", "0.0.0.0", "--token-file", token]) as guarded:
        right = {"Authorization": "Bearer a-token-that-is-long-enough"}
        for path in ("/v1/reads", "/metrics", "/v1/picture"):
            assert guarded.ask(Request("GET", path)).status == 401
            assert (
                guarded.ask(Request("GET", path, headers={"Authorization": "Bearer a-token-that-is-long-enougH"})).status == 401
            )
        assert guarded.ask(Request("GET", "/v1/reads", headers=right)).status == 200
        for path in ("/healthz", "/readyz", "/service-info", "/openapi.json"):
            assert guarded.ask(Request("GET", path)).status == 200
        assert not any("long-enough" in line for line in guarded.said)


@pytest.mark.reliability("Server: kill -9 during an upload leaves no file")
def test_a_kill_leaves_nothing_and_a_start_goes_on(options, tmp_path, calls):
    upload = HEADER + b"##" + b"x" * (8 * MIB)
    with (
        running_server([*options, "--spool", tmp_path]) as killed,
        closing(begun(killed, f"POST {FILTER} HTTP/1.1", upload)),
    ):
        while inside(killed) == 0:
            time.sleep(0.01)
        time.sleep(0.2)
        killed.process.send_signal(signal.SIGKILL)
        assert killed.process.wait(10) == -signal.SIGKILL
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with running_server([*options, "--spool", tmp_path]) as again:
        assert again.ask(Request("POST", FILTER, calls.encode())).status == 200
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.reliability("Server: SIGTERM during an upload, which is answered whole")
def test_on_sigterm_what_was_begun_is_finished(options, calls, offline):
    with running_server(options) as draining:
        data = calls.encode()
        with closing(begun(draining, "POST /v1/filter?reads=sim HTTP/1.1", data[:1000])) as connection:
            while inside(draining) == 0:
                time.sleep(0.01)
            draining.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(ConnectionRefusedError):
                draining.ask(Request("GET", "/healthz"))
            connection.sendall(chunk(data[1000:]) + b"0\r\n\r\n")
            answer = answer_of(connection)
        assert b" 200 " in answer.split(b"\r\n")[0]
        assert answer.partition(b"\r\n\r\n")[2].decode() == offline
        assert draining.process.wait(10) == 0
        assert "pileup-filter: stopped\n" in draining.said


def test_a_port_that_is_taken_is_said(options, server):
    assert run(["serve", *map(str, options), "--port", str(server.port)]) == 1
