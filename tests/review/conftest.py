"""A filtered call set and a page about it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from vcffilter.commands.main import run
from vcffilter.pictures.selection import CallFile
from vcffilter.review.application import ReviewParts, make_application
from vcffilter.review.call_index import CallIndex, index_calls
from vcffilter.review.tracks import TrackReader, tracks_of
from vcffilter.review.verdict_store import VerdictStore
from vcffilter.web import Access, Guard


@pytest.fixture(scope="session")
def filtered(simulated, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("review") / "filtered.vcf.gz"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "-q"]
    assert run([*arguments, "-Oz", "-o", str(path)]) == 0
    return str(path)


@pytest.fixture
def opened(simulated, filtered, tmp_path):
    """Open the page of a call set, as often as a test likes; verdicts lie in the test's folder."""

    @contextmanager
    def open_page(calls: str = filtered, reads: tuple[Path, ...] = (simulated.files.reads,), **access):
        verdicts = tmp_path / "verdicts"
        store = VerdictStore(verdicts)
        index_calls(CallFile(calls), tmp_path / "calls")
        index = CallIndex(tmp_path / "calls", verdicts)
        reference = str(simulated.files.reference)
        tracks = TrackReader(tracks_of([str(path) for path in reads], reference), reference)
        parts = ReviewParts(Path(calls).name, index, store, tracks)
        try:
            yield TestClient(Guard(make_application(parts), Access(**access)), base_url="http://127.0.0.1:8642")
        finally:
            for part in (tracks, index, store):
                part.close()

    return open_page
