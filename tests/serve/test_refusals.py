"""Everything that a client can do wrong, on purpose or not: it is told what, and nothing is left of it."""

from __future__ import annotations

import asyncio
import bz2
import ctypes
import gzip
import json
import os
import select
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pysam
import pytest
from asgi import Exchange, ask, endless, pieces, silent

from vcffilter.errors import OutputError, ReadsFileError, VcffilterError
from vcffilter.serve.problems import KINDS, problem_of
from vcffilter.serve.spool import Spool

FILTER = {"reads": "sim"}
TYPE = "urn:vcffilter:problem:"


@pytest.fixture(scope="module")
def calls(simulated) -> bytes:
    return simulated.files.calls.read_bytes()


def n_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def kind_of(answer) -> tuple[int, str]:
    body = answer.json() if hasattr(answer, "json") else json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    known = {"type", "title", "status", "detail"}
    assert known <= set(body)
    assert body["status"] == (answer.status_code if hasattr(answer, "status_code") else answer.status)
    return body["status"], body["type"].removeprefix(TYPE)


def bgzipped(data: bytes, path: Path) -> bytes:
    with pysam.BGZFile(str(path), "wb") as file:
        file.write(data)
    return path.read_bytes()


TICKET = json.dumps({"htsget": {"format": "VCF", "urls": [{"url": "file:///etc/passwd"}]}}).encode()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "It is empty"),
        (b"BAM\x01abc", "It is a BAM file"),
        (b">chr1\nACGT\n", "It is a FASTA file"),
        (b"CRAM\x03\x00", "It is a CRAM file"),
        (gzip.compress(b"BAM\x01abc", mtime=0), "It is a BAM file"),
        (gzip.compress(b"hello", mtime=0), "It begins as none"),
        (bz2.compress(b"##fileformat=VCFv4.2\n"), "It begins as none"),
        (TICKET, "It begins as none"),
        (gzip.compress(TICKET, mtime=0), "It begins as none"),
        (b"\x1f\x8b", "It begins as none"),
        (b"\x00" * 5000, "It begins as none"),
    ],
)
def test_what_is_no_vcf_or_bcf(client, body, what):
    answer = client.post("/v1/filter", params=FILTER, content=body)
    assert kind_of(answer) == (415, "wrong-file-type")
    assert answer.json()["detail"].startswith(what)


def test_forms_and_encodings(client, calls):
    answer = client.post("/v1/filter", params=FILTER, files={"file": ("../../x.vcf", calls)})
    assert kind_of(answer) == (415, "wrong-encoding")
    answer = client.post("/v1/filter", params=FILTER, content=calls, headers={"content-encoding": "gzip"})
    assert kind_of(answer) == (415, "wrong-encoding")
    answer = client.post("/v1/score", content=b'{"reads": "sim", "alleles": []}', headers={"content-type": "text/plain"})
    assert kind_of(answer) == (415, "not-json")


HEADER = b"##fileformat=VCFv4.2\n##contig=<ID=sim1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.mark.parametrize(
    ("body", "kind", "more"),
    [
        (HEADER + b"sim1\t30\t.\tN\tC\t.\t.\t.", "damaged-calls", {"contig": "sim1"}),
        (HEADER + b"sim1\t30\t.\tN\tC\t.\t.\t.\nsim1\t20\t.\tN\tC\t.\t.\t.\n", "damaged-calls", {"pos": 20, "record": 2}),
        (HEADER + b"sim1\t30\t.\n", "damaged-calls", {"record": 1}),
        (b"##fileformat=VCFv4.2\nnonsense\n", "damaged-calls", {}),
        (HEADER.replace(b"sim1", b"chrsim1") + b"chrsim1\t30\t.\tA\tC\t.\t.\t.\n", "wrong-contigs", {"contig": "chrsim1"}),
        (HEADER + b"sim1\t30\t.\tACGTACGTACGT\tC\t.\t.\t.\n", "wrong-reference", {"pos": 30}),
    ],
)
def test_calls_that_cannot_be_used(client, simulated, body, kind, more):
    answer = client.post("/v1/filter", params=FILTER, content=body)
    assert kind_of(answer) == (422, kind)
    assert more.items() <= answer.json().items()
    assert str(simulated.files.reads.parent) not in answer.text


def test_cut_uploads(client, calls, tmp_path):
    whole = bgzipped(gzip.decompress(calls) if calls.startswith(b"\x1f\x8b") else calls, tmp_path / "calls.vcf.gz")
    for n_bytes in (len(whole) - 1, len(whole) - 28, len(whole) // 2, 100):
        answer = client.post("/v1/filter", params=FILTER, content=whole[:n_bytes])
        assert kind_of(answer) == (422, "cut-upload")
    assert client.post("/v1/filter", params=FILTER, content=whole).status_code == 200


def test_names_that_are_not_there(client, calls):
    assert kind_of(client.post("/v1/filter", params={"reads": "other"}, content=calls)) == (404, "unknown-reads")
    assert kind_of(client.post("/v1/score", json={"reads": "other", "alleles": []})) == (404, "unknown-reads")
    answer = client.post("/v1/filter", params={**FILTER, "samples": "nobody"}, content=calls)
    assert kind_of(answer) == (422, "unknown-sample")
    two = HEADER.replace(b"INFO\n", b"INFO\tFORMAT\tx\ty\n") + b"sim1\t30\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/0\n"
    assert kind_of(client.post("/v1/filter", params=FILTER, content=two)) == (422, "unknown-sample")
    assert kind_of(client.get("/v1/nothing"))[0] == 404
    assert kind_of(client.delete("/v1/score"))[0] == 405


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b'{"reads": "sim"}', b'{"reads": "sim", "alleles": [{"contig": "sim1", "pos": 0}]}',
        b'{"reads": "sim", "alleles": [{"contig": "sim1", "pos": 5, "ref": "A"}]}', b"\xff\xfe",
        b'{"reads": "sim", "alleles": [{"contig": "sim1", "pos": 5, "ref": "A", "alt": "\\u00e9"}]}',
        b'{"reads": "sim", "alleles": [], "model": "/etc/passwd"}', b'{"reads": "sim", "alleles": [], "preset": "lax"}',
    ],
)  # fmt: skip
def test_json_that_is_not_as_described(client, body):
    answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
    assert kind_of(answer) == (422, "bad-request")


def test_an_endless_upload_is_refused_while_it_comes(api):
    made, before = api(upload_bytes=1 << 20), n_descriptors()
    exchange = asyncio.run(ask(made.application, "/v1/filter", FILTER, endless(b"##fileformat=VCFv4.2\n".ljust(65536, b"#"))))
    assert kind_of(exchange) == (413, "too-large")
    assert exchange.n_taken == 17
    assert exchange.headers["connection"] == "close"
    declared = asyncio.run(
        ask(made.application, "/v1/filter", FILTER, endless(b"#"), headers={"content-length": str((1 << 20) + 1)})
    )
    assert (declared.status, declared.n_taken) == (413, 0)
    other = asyncio.run(ask(made.application, "/v1/filter", FILTER, endless(b"\0" * 65536)))
    assert (kind_of(other), other.n_taken) == ((415, "wrong-file-type"), 1)
    assert n_descriptors() == before


def test_json_has_its_own_limits(api):
    made = api(json_bytes=1000, alleles=2)
    kind = {"content-type": "application/json"}
    exchange = asyncio.run(ask(made.application, "/v1/score", None, endless(b" " * 100), kind))
    assert (kind_of(exchange), exchange.n_taken) == ((413, "too-large"), 11)
    three = json.dumps({"reads": "sim", "alleles": [{"contig": "sim1", "pos": 5}] * 3}).encode()
    assert kind_of(asyncio.run(ask(made.application, "/v1/score", None, pieces(three), kind))) == (413, "too-large")


def test_a_client_that_stands_still_is_sent_away(api):
    made, before = api(idle_seconds=0.05), n_descriptors()
    exchange = asyncio.run(ask(made.application, "/v1/filter", FILTER, silent(b"##fileformat=VCF")))
    assert kind_of(exchange) == (408, "slow-upload")
    assert n_descriptors() == before


def test_a_client_that_goes_leaves_nothing(api, calls):
    made, before = api(), n_descriptors()
    asyncio.run(ask(made.application, "/v1/filter", FILTER, pieces(calls[:1000], is_cut=True)))
    assert n_descriptors() == before
    text = asyncio.run(ask(made.application, "/metrics", method="GET")).body.decode()
    assert "pileup_filter_clients_left_total 1.0" in text
    assert "pileup_filter_requests_inside 0.0" in text


class Busy:
    """Stands in for the service's work: begins, and ends when it is told to or, unless stubborn, when nobody waits any more."""

    def __init__(self, *, is_stubborn: bool = False) -> None:
        self.is_stubborn = is_stubborn
        self.began, self.end, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, upload, answer, asked, go_on):
        self.began.set()
        try:
            while not self.end.wait(0.01):
                if not self.is_stubborn:
                    go_on()
            raise VcffilterError("it was told to end")
        finally:
            self.ended.set()


def test_more_requests_than_there_is_room_for(api, calls):
    busy = Busy()
    made = api(busy, workers=1, waiting=1)

    async def run() -> list[Exchange]:
        first = [asyncio.create_task(ask(made.application, "/v1/filter", FILTER, pieces(calls))) for _ in range(2)]
        await asyncio.to_thread(busy.began.wait, 5)
        third = await ask(made.application, "/v1/filter", FILTER, pieces(calls))
        busy.end.set()
        return [*await asyncio.gather(*first), third]

    *_, third = asyncio.run(run())
    assert kind_of(third) == (429, "too-many-requests")
    assert 1 <= int(third.headers["retry-after"]) <= 60
    assert third.n_taken == 0


def test_deadlines_of_work_and_of_waiting(api, calls):
    busy = Busy(is_stubborn=True)
    made = api(busy, workers=1, deadline_seconds=0.2)

    async def run() -> list[Exchange]:
        return await asyncio.gather(*(ask(made.application, "/v1/filter", FILTER, pieces(calls)) for _ in range(2)))

    first, second = asyncio.run(run())
    busy.end.set()
    assert kind_of(first) == (504, "deadline")
    assert kind_of(second) == (503, "waited-too-long")
    assert int(second.headers["retry-after"]) >= 1
    assert busy.ended.wait(5)


def test_work_ends_when_the_client_goes(api, calls):
    busy = Busy()
    made, before = api(busy), n_descriptors()

    async def leaves():
        async for message in pieces(calls):
            yield message
        await asyncio.to_thread(busy.began.wait, 5)
        yield {"type": "http.disconnect"}

    async def run() -> None:
        await ask(made.application, "/v1/filter", FILTER, leaves())
        await asyncio.to_thread(busy.ended.wait, 5)
        while b"requests_inside 0.0" not in (await ask(made.application, "/metrics", method="GET")).body:
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert n_descriptors() == before


def test_a_long_answer_is_sent_while_it_is_made(api, calls, caplog):
    sent = threading.Event()

    def slow(upload, answer, asked, go_on):
        for _ in range(3):
            answer.append(b"x" * 1000)
            sent.wait(0.1)
        return SimpleNamespace(counts=SimpleNamespace(n_records=0, alleles={}))

    made = api(slow, answer_after_seconds=0.05)
    whole = asyncio.run(ask(made.application, "/v1/filter", FILTER, pieces(calls)))
    assert (whole.status, len(whole.body), whole.is_whole) == (200, 3000, True)
    assert "content-length" not in whole.headers

    def fails(upload, answer, asked, go_on):
        slow(upload, answer, asked, go_on)
        raise VcffilterError("too late to say so")

    made = api(fails, answer_after_seconds=0.05)
    cut = asyncio.run(ask(made.application, "/v1/filter", FILTER, pieces(calls)))
    assert (cut.status, cut.is_whole) == (200, False)
    assert cut.error is not None
    assert "too late to say so" in caplog.text


def test_while_the_server_stops_nothing_is_taken(api, calls):
    made = api()
    made.drain()
    for path in ("/v1/filter", "/readyz"):
        method = "POST" if path == "/v1/filter" else "GET"
        exchange = asyncio.run(ask(made.application, path, FILTER, pieces(calls), method=method))
        assert kind_of(exchange) == (503, "not-ready")
        assert "retry-after" in exchange.headers


def test_faults_of_the_server_say_nothing_of_its_files(api, calls):
    secret = ReadsFileError("is truncated", path="/secret/reads.bam", hint="samtools quickcheck /secret/reads.bam")
    for error, kind in ((secret, "reads-damaged"), (RuntimeError("/secret"), "internal"), (OSError(28, "full"), "no-space"),
                        (OutputError("full", path="/secret"), "no-space")):  # fmt: skip
        problem = problem_of(error)
        assert problem.kind == kind
        assert b"secret" not in problem.response().body

    def breaks(*_):
        raise RuntimeError("/secret")

    made = api(breaks)
    exchange = asyncio.run(ask(made.application, "/v1/filter", FILTER, pieces(calls)))
    assert kind_of(exchange) == (500, "internal")
    assert b"secret" not in exchange.body


def test_every_problem_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()
    assert [kind for kind, (status, _) in KINDS.items() if f"`{kind}`" not in text and status != 500] == []


class Opened:
    """Who opens a file of a folder, by whatever way: the kernel tells."""

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK)
        in_open = 0x20
        assert self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), in_open) >= 0

    def __bool__(self) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], 0.05)
        return bool(ready) and bool(os.read(self._descriptor, 65536))


def test_a_path_in_a_request_is_never_opened(client, simulated, tmp_path, calls):
    bait = tmp_path / "bait.vcf"
    bait.write_bytes(HEADER)
    for ending in (".csi", ".tbi", ".fai", ".bai"):
        Path(f"{bait}{ending}").write_bytes(b"")
    opened = Opened(tmp_path)
    bait.read_bytes()
    assert opened  # the trap works
    assert not opened
    url = f"file://{bait}"
    ticket = json.dumps({"htsget": {"format": "VCF", "urls": [{"url": url}]}}).encode()
    for path in (str(bait), url, f"../../{bait}", f"{bait}\x00"):
        client.post("/v1/filter", params={"reads": path}, content=calls)
        client.post("/v1/filter", params={**FILTER, "samples": path}, content=calls)
        client.post("/v1/filter", params={**FILTER, "output": path}, content=calls)
        client.post("/v1/score", json={"reads": path, "alleles": []})
        client.post("/v1/score", json={"reads": "sim", "alleles": [{"contig": path, "pos": 5, "ref": "A", "alt": f"<{path}>"}]})
        client.get("/v1/picture", params={"reads": "sim", "contig": path, "pos": 5, "ref": "A", "alt": "C"})
        client.get(f"/{quote(path)}")
    for body in (
        ticket,
        HEADER.replace(b"##contig", f"##reference={url}\n##assembly={url}\n##contig".encode()),
        HEADER.replace(b"<ID=sim1>", f"<ID={bait},URL={url}>".encode()) + f"{bait}\t5\t.\tA\tC\t.\t.\tX={url}\n".encode(),
        str(bait).encode(),
    ):
        client.post("/v1/filter", params={**FILTER, "allow_unscored": "true"}, content=body)
    assert not opened


def test_a_spool_has_files_without_names(tmp_path, monkeypatch):
    spool = Spool(str(tmp_path))
    for tmpfile in (True, False):
        if not tmpfile:
            monkeypatch.delattr(os, "O_TMPFILE")
        file = spool.new()
        file.append(b"secret")
        assert list(spool.folder.iterdir()) == []
        assert file.read_at(2, 10) == b"cret"
        file.close()
        file.close()
    (spool.folder / "left").write_bytes(b"by a crash between two steps")
    assert list(Spool(str(tmp_path)).folder.iterdir()) == []
    spool.folder.chmod(0o755)
    with pytest.raises(OutputError, match="only this user"):
        Spool(str(tmp_path))
    spool.folder.rmdir()
    spool.folder.symlink_to(tmp_path)
    with pytest.raises(OutputError, match="only this user"):
        Spool(str(tmp_path))
    with pytest.raises(OutputError, match="cannot be kept"):
        Spool(str(tmp_path / "absent"))
