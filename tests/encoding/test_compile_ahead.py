"""What is compiled ahead is what the encoder then asks for: otherwise a first run would compile the same kernel twice."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest
from encoding_files import Shape, chunk_of, open_encoder, write_bam, write_fasta
from tiny_cases import CONTIG, tiny_case

from vcffilter.encoding import encoder as encoding
from vcffilter.pipeline import compile_ahead
from vcffilter.pipeline.compile_ahead import CompileAhead


def types_given(monkeypatch: pytest.MonkeyPatch, module: object, call: object) -> list[tuple[object, ...]]:
    """Types of the arguments with which `module` calls the encoding kernel meanwhile."""
    calls: list[tuple[object, ...]] = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "encode_alleles", lambda *arguments: calls.append(tuple(map(numba.typeof, arguments))))
        call()
    return calls


def test_the_kernel_is_compiled_for_the_types_that_the_encoder_gives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = tiny_case(7, n_fragments=50, contig_length=2000, max_length=300)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    encoder = open_encoder([bam], fasta, Shape(rows=0, columns=0, channels=()))
    ahead = types_given(monkeypatch, compile_ahead, compile_ahead.main)
    asked = types_given(monkeypatch, encoding, lambda: encoder.encode(chunk_of(CONTIG, case.calls)))
    encoder.close()
    assert len(ahead) == 1
    assert set(asked) == set(ahead)


def test_nothing_is_started_where_the_kernel_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stats:
        cache_path = str(tmp_path)

    class Kernel:
        stats = Stats()

    monkeypatch.setattr(compile_ahead, "encode_alleles", Kernel())
    monkeypatch.setattr(compile_ahead, "_n_cores", lambda: 2)
    started: list[int] = []
    monkeypatch.setattr(compile_ahead, "_start", lambda: started.append(1))
    CompileAhead().wait()
    assert len(started) == 1
    (tmp_path / "encode.encode_alleles-1.py311.nbi").touch()
    CompileAhead().wait()
    assert len(started) == 1
