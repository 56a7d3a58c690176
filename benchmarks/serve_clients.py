"""A server of its own process, and clients that ask it at once: for benchmarks/serve.py and tests/serve_live."""

from __future__ import annotations

import http.client
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_ADDRESS = re.compile(r"serving .* on http://([^:/]+):(\d+)/")
_PATIENCE_SECONDS = 180


@dataclass
class Server:
    """A running server. said: its lines on stderr so far."""

    process: subprocess.Popen[str]
    host: str
    port: int
    said: list[str]

    def connection(self, timeout: float = 60) -> http.client.HTTPConnection:
        """A new one."""
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, request: Request) -> Answer:
        """One request on a connection of its own."""
        with closing(self.connection()) as connection:
            return _ask(connection, request)

    def memory_bytes(self, key: str = "VmHWM") -> int:
        """Resident memory, the most so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

    def n_descriptors(self) -> int:
        """Open files."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@dataclass(frozen=True)
class Request:
    """What is asked. body: as sent, with its length before it."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back, and after how long."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


@contextmanager
def running_server(arguments: Sequence[str | Path]) -> Iterator[Server]:
    """`pileup-filter serve` with these arguments, on a free port; ended at the block's end if it still runs."""
    command = [sys.executable, "-m", "vcffilter", "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    found: queue.Queue[re.Match[str] | None] = queue.Queue()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if match := _ADDRESS.search(line):
                found.put(match)
        found.put(None)

    threading.Thread(target=listen, daemon=True).start()
    try:
        address = found.get(timeout=_PATIENCE_SECONDS)
        if address is None:
            raise RuntimeError(f"the server did not start: {''.join(said)}")
        yield Server(process, address[1], int(address[2]), said)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask_from_clients(server: Server, requests: Sequence[Request], n_clients: int) -> tuple[list[Answer], float]:
    """(answers in the order of the requests, seconds of all): each client keeps its connection and takes the next request."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(requests)):
        waiting.put(index)
    answers: dict[int, Answer] = {}
    errors: list[BaseException] = []

    def client() -> None:
        try:
            with closing(server.connection()) as connection:
                while True:
                    index = waiting.get_nowait()
                    answers[index] = _ask(connection, requests[index])
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 (said by the caller)
            errors.append(error)

    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if errors:
        raise errors[0]
    return [answers[index] for index in range(len(requests))], seconds


def _ask(connection: http.client.HTTPConnection, request: Request) -> Answer:
    started = time.perf_counter()
    connection.request(request.method, request.path, request.body, dict(request.headers))
    response = connection.getresponse()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, body, time.perf_counter() - started)


def pieces_of_calls(text: str, n_pieces: int, n_records: int) -> list[str]:
    """VCFs of so many consecutive records each, taken from all over a VCF, the header with each."""
    lines = text.splitlines(keepends=True)
    header = "".join(line for line in lines if line.startswith("#"))
    records = [line for line in lines if not line.startswith("#")]
    last = max(len(records) - n_records, 0)
    firsts = [round(index * 0.6180339887 % 1 * last) for index in range(n_pieces)]
    return [header + "".join(records[first : first + n_records]) for first in firsts]
