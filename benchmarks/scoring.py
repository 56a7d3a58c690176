"""The filter's scorer without the stream around it: open once, then timed chunk by chunk, start-up left out."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor

from vcffilter.pipeline.evidence import EvidenceOptions, EvidenceScorer, open_scorer
from vcffilter.pipeline.protocol import ChunkScorer
from vcffilter.reads.alignment_file import forbid_network_references
from vcffilter.simulation.tiling import Sample
from vcffilter.variants.allele_chunk import AlleleChunk


def open_warm(made: Sample, used: str, stage: str | None = None) -> EvidenceScorer:
    """The filter's own scorer on a sample, on the CPU; close it after use. stage: as --stage."""
    forbid_network_references()
    options = EvidenceOptions("calls", (str(made.reads),), str(made.reference), model=used, stage=stage, device="cpu")
    return open_scorer(options)


def timed_scoring(scorer: ChunkScorer, chunks: list[AlleleChunk], n_threads: int) -> tuple[float, float]:
    """(wall, CPU) seconds of scoring the chunks."""
    started, cpu_started = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(scorer.score, chunks))
    return time.perf_counter() - started, time.process_time() - cpu_started


class Best:
    """Least wall and CPU seconds by key."""

    def __init__(self) -> None:
        self.wall: dict[object, float] = {}
        self.cpu: dict[object, float] = {}

    def add(self, key: object, seconds: tuple[float, float]) -> None:
        """One round."""
        self.wall[key] = min(seconds[0], self.wall.get(key, math.inf))
        self.cpu[key] = min(seconds[1], self.cpu.get(key, math.inf))
