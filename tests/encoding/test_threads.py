"""Encoders of several threads do not disturb each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from encoding_files import Shape, assert_same, chunk_of, encode, open_encoder, write_bam, write_fasta
from tiny_cases import CONTIG, tiny_case


def test_four_encoders_at_once(tmp_path: Path) -> None:
    case = tiny_case(7, n_fragments=300, contig_length=5000, max_length=300)
    fasta = write_fasta(tmp_path / "tiny.fa", case.contigs)
    bam = write_bam(tmp_path / "tiny.bam", case.contigs, case.reads)
    alone = encode([bam], fasta, CONTIG, case.calls, Shape())

    def repeat(_: int) -> None:
        encoder = open_encoder([bam], fasta, Shape())
        for _ in range(15):
            assert_same(encoder.encode(chunk_of(CONTIG, case.calls)), alone)
        encoder.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(repeat, range(4)))
