"""The encoder against its twin on what the project's simulator makes: reads with artefacts, a careless caller's calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from encoding_files import Shape, encode
from twin.normalised_alleles import Called
from twin_check import assert_agrees

from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options


def _calls(path: Path) -> list[Called]:
    with pysam.VariantFile(str(path)) as file:
        return [Called(record.start, record.ref, alt) for record in file for alt in record.alts or () if set(alt) <= set("ACGTN")]


@pytest.mark.parametrize(("name", "length", "rows"), [("novaseq", 15_000, 40), ("hifi", 12_000, 12), ("rna", 120_000, 20)])
def test_simulated_sample(tmp_path: Path, name: str, length: int, rows: int) -> None:
    settings = with_options(preset(name), seed=11, length=length, artefact_scale=3)
    if name == "hifi":
        settings = replace(settings, reads=replace(settings.reads, read_length=4000, length_sd=500.0))
    files = simulate_sample(tmp_path, settings).files
    calls = _calls(files.calls)[:50]
    assert len(calls) > 10
    shape = Shape(rows=rows, columns=33)
    bams, reference = [str(files.reads)], str(files.reference)
    assert_agrees(bams, reference, settings.contig, calls, encode(bams, reference, settings.contig, calls, shape), shape)
