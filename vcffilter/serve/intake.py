"""Bodies of requests, taken in piece by piece: never more than is allowed, and never from a client that stands still.

Knows what an upload must look like at its two ends; what is in it others read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request

from vcffilter.file_kind import FIRST_BYTES, kind_of_bytes
from vcffilter.serve.problems import Problem
from vcffilter.serve.spool import SpooledFile

#: Bytes gathered before they are written, off the event loop.
_PIECE = 1 << 20
#: The empty block at the end of every file that bgzip finished.
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_GZIP_MAGIC = b"\x1f\x8b"


async def body_of(request: Request, most_bytes: int, idle_seconds: float) -> bytes:
    """A small body. Raises Problem."""
    return b"".join([piece async for piece in _pieces(request, most_bytes, idle_seconds)])


async def take_upload(request: Request, file: SpooledFile, most_bytes: int, idle_seconds: float) -> None:
    """A body into a file. Raises Problem, as soon as it is plain that this is no VCF or BCF; OSError."""
    gathered, is_known = bytearray(), False
    async for piece in _pieces(request, most_bytes, idle_seconds):
        gathered += piece
        if not is_known and len(gathered) >= FIRST_BYTES:
            is_known = True
            _check_beginning(gathered[:FIRST_BYTES])
        if len(gathered) >= _PIECE:
            await asyncio.to_thread(file.append, gathered)
            gathered = bytearray()
    if gathered:
        await asyncio.to_thread(file.append, gathered)


async def _pieces(request: Request, most_bytes: int, idle_seconds: float) -> AsyncIterator[bytes]:
    """What comes, checked before it is taken, and while. Raises Problem; ClientDisconnect where the client goes."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem("wrong-encoding", "Content-Encoding is not understood: a .vcf.gz or .bcf is sent as it is.")
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise Problem("wrong-encoding", "Send the file itself as the body: curl -X POST -T calls.vcf.gz ADDRESS")
    too_large = Problem("too-large", f"At most {most_bytes:,} bytes.", {"Connection": "close"})
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > most_bytes:
        raise too_large
    n_bytes = 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Problem("slow-upload", f"Nothing came for {idle_seconds:g} s.", {"Connection": "close"}) from None
        n_bytes += len(piece)
        if n_bytes > most_bytes:
            raise too_large
        if piece:
            yield piece


def check_upload(file: SpooledFile) -> None:
    """Raise Problem unless a file begins as a VCF or BCF does, and ends as one, as far as that can be seen."""
    first = file.read_at(0, FIRST_BYTES)
    _check_beginning(first)
    if _is_bgzf(first) and file.read_at(file.size - len(_BGZF_END), len(_BGZF_END)) != _BGZF_END:
        raise Problem("cut-upload", "The end-of-file block of bgzip is missing. Was the file complete where it came from?")


def _check_beginning(first: bytes | bytearray) -> None:
    kind = kind_of_bytes(bytes(first))
    if kind not in ("VCF", "BCF"):
        what = "It is empty" if not first else f"It is a {kind} file" if kind else "It begins as none of them"
        raise Problem("wrong-file-type", f"{what}. Send a VCF, VCF.gz or BCF.", {"Connection": "close"})


def _is_bgzf(first: bytes) -> bool:
    return first.startswith(_GZIP_MAGIC) and len(first) > 16 and bool(first[3] & 4) and first[12:14] == b"BC"
