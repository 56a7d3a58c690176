"""Depth at places without a call."""

from __future__ import annotations

import os

import pytest

from vcffilter.errors import ReadsFileError
from vcffilter.evaluation.missed_depth import DepthCounter


def test_references_of_cram_never_come_from_the_network(monkeypatch):
    monkeypatch.setenv("REF_PATH", "http://example.invalid/%s")
    monkeypatch.setenv("REF_CACHE", "/tmp")
    with pytest.raises(ReadsFileError):
        DepthCounter(["/no/such.cram"], "/no/such.fa")
    assert os.environ["REF_PATH"] == os.devnull
    assert "REF_CACHE" not in os.environ
