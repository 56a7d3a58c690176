"""What a file is by its first bytes, and the refusal of one that stands in another's place. Reads nothing else of it."""

from __future__ import annotations

import os
import stat
import zlib

from vcffilter.errors import VcffilterError

#: What tells kinds apart.
FIRST_BYTES = 4096
#: First bytes (after inflating) -> what the file is.
_BEGINNINGS = (
    (b"BAM\x01", "BAM"),
    (b"CRAM", "CRAM"),
    (b"BCF\x02", "BCF"),
    (b"##fileformat=VCF", "VCF"),
    (b"@HD\t", "SAM"),
    (b"@SQ\t", "SAM"),
    (b"@RG\t", "SAM"),
    (b">", "FASTA"),
)
#: Where a file of a kind belongs.
_PLACE = {
    "BAM": "the reads go to -b",
    "CRAM": "the reads go to -b",
    "SAM": "sort it into a BAM with samtools sort, and give that with -b",
    "BCF": "the calls are the argument without a letter",
    "VCF": "the calls are the argument without a letter",
    "FASTA": "the reference goes to -f",
}


def kind_of_file(path: str) -> str | None:
    """BAM, CRAM, SAM, BCF, VCF or FASTA; None for anything else, what is no regular file, or cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            first = file.read(FIRST_BYTES)
    except OSError:
        return None
    return kind_of_bytes(first)


def kind_of_bytes(first: bytes) -> str | None:
    """As `kind_of_file`, by the first FIRST_BYTES of a file."""
    if first.startswith(b"\x1f\x8b"):
        first = _inflated(first)
    return next((kind for beginning, kind in _BEGINNINGS if first.startswith(beginning)), None)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(data, 64)
    except zlib.error:
        return b""


def refuse_other_kind(path: str, wanted: tuple[str, ...], option: str, error_class: type[VcffilterError]) -> None:
    """Raise where a file is plainly something else than what its place takes. option: that place, such as "-b"."""
    kind = kind_of_file(path)
    if kind is not None and kind not in wanted:
        raise error_class(
            f"is a {kind} file, no {' or '.join(wanted)} as {option} takes",
            path=path,
            hint=f"Were two files swapped? As a {kind} file: {_PLACE[kind]}",
        )
