"""The stream: read a chunk, score it on a worker, annotate and write it in input order. Memory stays bounded.

The calling thread reads, annotates and writes; workers only score. An error of any stage ends the run as itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from vcffilter.annotation.annotator import Annotator
from vcffilter.pipeline.protocol import ChunkScorer
from vcffilter.pipeline.score_ahead import score_ahead
from vcffilter.variants.allele_scores import AlleleScores, SampleScores
from vcffilter.variants.chunks import RecordChunk, take_chunk
from vcffilter.variants.reader import VariantReader
from vcffilter.variants.writer import VariantWriter


@dataclass
class StageSeconds:
    """Time spent: read, annotate, write, wait (for scores) on the main thread; score summed over the workers."""

    read: float = 0.0
    score: float = 0.0
    wait: float = 0.0
    annotate: float = 0.0
    write: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add_score(self, seconds: float) -> None:
        """Add a worker's time."""
        with self._lock:
            self.score += seconds


def run_stream(
    reader: VariantReader,
    scorer: ChunkScorer,
    annotator: Annotator,
    writer: VariantWriter,
    *,
    n_threads: int = 1,
    columns: np.ndarray | None = None,
    progress: Callable[[int, str, int], None] | None = None,
    observe: Callable[[RecordChunk, AlleleScores], None] | None = None,
) -> StageSeconds:
    """Take every record of the reader through the scorer to the writer, in order.

    n_threads: workers that score. columns: int64, of the samples that are scored each by itself; None = reads are pooled.
    progress: called with (records written, contig, POS) after each chunk. observe: called with every chunk and its scores, in
    order, before the chunk is annotated and written; the first time, before the header is written.
    The writer is not committed. Whatever a stage raises is raised here, after the workers have stopped.
    """
    seconds = StageSeconds()
    n_written = 0

    def score(chunk: RecordChunk) -> AlleleScores | SampleScores:
        started = time.perf_counter()
        try:
            return scorer.score(chunk.alleles)
        finally:
            seconds.add_score(time.perf_counter() - started)

    def finish(chunk: RecordChunk, result: AlleleScores | SampleScores) -> None:
        nonlocal n_written
        started = time.perf_counter()
        scores = result if isinstance(result, AlleleScores) else annotator.of_best_carriers(chunk, result)
        if observe is not None:
            observe(chunk, scores)
        annotator.annotate(chunk, scores)
        annotated = time.perf_counter()
        writer.write(chunk.records)
        seconds.annotate += annotated - started
        seconds.write += time.perf_counter() - annotated
        n_written += chunk.records.n_records
        if progress is not None:
            last = chunk.records.n_records - 1
            progress(n_written, chunk.records.contig, chunk.records.pos0(last) + 1)
        reader.release(chunk.records)

    seconds.wait = score_ahead(_chunks(reader, columns, seconds), score, finish, n_threads=n_threads)
    return seconds


def _chunks(reader: VariantReader, columns: np.ndarray | None, seconds: StageSeconds) -> Iterator[RecordChunk]:
    """The reader's records in chunks; the time that reading them takes is added to `seconds`."""
    batches = reader.batches()
    while True:
        started = time.perf_counter()
        batch = next(batches, None)
        chunk = None if batch is None else take_chunk(reader.header, batch, columns)
        seconds.read += time.perf_counter() - started
        if chunk is None:
            return
        yield chunk
