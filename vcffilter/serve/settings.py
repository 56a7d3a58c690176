"""What a server is told at its start: reads by name, the model, and how much it takes. Holds values only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vcffilter.errors import UsageError

#: A name of reads: it stands in addresses, in metrics and in messages.
READS_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


@dataclass(frozen=True)
class Limits:
    """How much a request may be, how long it may take, and how many are taken.

    upload_bytes: of a VCF or BCF as sent. json_bytes: of any other body. alleles: of one JSON request. idle_seconds: a client
    may send or take nothing for so long. deadline_seconds: from the end of the upload to the answer; one that is being sent by
    then is sent to its end. answer_after_seconds: an answer that is not complete by then is sent while it is being made.
    workers: requests that are computed at once. waiting: requests taken beyond these, those that are being uploaded included.
    """

    upload_bytes: int = 1 << 30
    json_bytes: int = 4 << 20
    alleles: int = 20_000
    idle_seconds: float = 30.0
    deadline_seconds: float = 600.0
    answer_after_seconds: float = 20.0
    workers: int = 2
    waiting: int = 64


@dataclass(frozen=True)
class ServeSettings:
    """reads: files by the names that requests call them. spool: folder for uploads; None = the system's for temporary files.

    stage: of a model of two stages, as `pileup-filter filter` takes it. n_threads: scoring threads of one large upload.
    """

    reads: Mapping[str, tuple[str, ...]]
    reference: str
    model: str = "illumina-germline"
    device: str = "auto"
    n_threads: int = 1
    spool: str | None = None
    limits: Limits = field(default_factory=Limits)
    stage: str | None = None


def named_reads(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Files by name, from NAME=FILE; several of one name belong together. Raises UsageError."""
    files: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not path or re.fullmatch(READS_NAME, name) is None:
            raise UsageError(
                f"--reads {text!r} is not NAME=FILE", hint="NAME: letters, digits, . _ and -, as requests will call these reads"
            )
        files[name] = (*files.get(name, ()), path)
    return files
