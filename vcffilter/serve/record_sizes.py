"""How long the records of an upload are, before htslib gets it: a line is held in memory whole, and deflated it may be tiny."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from vcffilter.serve.problems import Problem
from vcffilter.serve.spool import SpooledFile

#: Bytes of the longest header line or record that is taken: what 100,000 samples with many values need, with room.
LONGEST_RECORD = 64 << 20
_PIECE = 1 << 20
_GZIP_MAGIC, _BCF_MAGIC = b"\x1f\x8b", b"BCF\x02"


def check_record_sizes(file: SpooledFile, go_on: Callable[[], None], longest: int = LONGEST_RECORD) -> None:
    """Raise Problem where a record is longer. go_on: called now and then; what it raises ends the work.

    What is damaged passes: htslib says what is wrong with it better.
    """
    pieces = _inflated(file, go_on)
    first = next(pieces, b"")
    check = _check_bcf if first.startswith(_BCF_MAGIC) else _check_lines
    check(_chained(first, pieces), longest)


def _chained(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _inflated(file: SpooledFile, go_on: Callable[[], None]) -> Iterator[bytes]:
    """The content in pieces of at most _PIECE, whether it is deflated or not; ends early where it is damaged."""
    offset, is_deflated = 0, file.read_at(0, 2) == _GZIP_MAGIC
    member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    while data := file.read_at(offset, _PIECE):
        go_on()
        offset += len(data)
        if not is_deflated:
            yield data
            continue
        while data:
            if member.eof:
                member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            try:
                piece = member.decompress(data, _PIECE)
            except zlib.error:
                return
            if piece:
                yield piece
            data = member.unused_data if member.eof else member.unconsumed_tail


def _check_lines(pieces: Iterator[bytes], longest: int) -> None:
    n_begun = 0
    for piece in pieces:
        first = piece.find(b"\n")
        n_begun += len(piece) if first < 0 else first
        _refuse_longer(n_begun, longest)
        if first >= 0:
            n_begun = len(piece) - piece.rfind(b"\n") - 1


def _check_bcf(pieces: Iterator[bytes], longest: int) -> None:
    """BCF: magic of 5 bytes, length of the header, header; then of each record the lengths of its two parts, and these."""
    n_before, skip, head = 4, 5, b""  # bytes of the lengths that come next; bytes before these; those that are there
    for piece in pieces:
        at = 0
        while at < len(piece):
            if skip:
                step = min(skip, len(piece) - at)
                skip, at = skip - step, at + step
                continue
            taken = piece[at : at + n_before - len(head)]
            head, at = head + taken, at + len(taken)
            if len(head) == n_before:
                skip = sum(int.from_bytes(head[begin : begin + 4], "little") for begin in range(0, n_before, 4))
                _refuse_longer(skip, longest)
                n_before, head = 8, b""


def _refuse_longer(n_bytes: int, longest: int) -> None:
    if n_bytes > longest:
        raise Problem("too-large", f"A line or record of the calls has more than {longest:,} bytes.")
