"""Rates of each stage alone and of the whole, on 1 and 2 threads: VCF in, reads, encoding, network, VCF out.

Run: python benchmarks/stages.py [--data ../shared/data] [--megabases 5] [--rounds 5]
Every chunk of calls goes through all stages one after the other, timed apart, on each thread; so all stages of a round
are measured under the same load. Wall seconds are summed over threads and divided by their number.
"""

from __future__ import annotations

import argparse
import ctypes
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from common import Report, Table, measure, parser
from torch.utils.flop_counter import FlopCounterMode
from vcf_copy import annotate_with_constant, pysam_copy
from workloads import describe, mix, model, sample, thinned_calls

from vcffilter.encoding.encoder import ChunkEncoder, PreparedChunk
from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES, N_COUNTS, empty_encode_scratch, encode_alleles
from vcffilter.kernels.htslib import Htslib, load_htslib
from vcffilter.kernels.htslib_library import installed_libraries, library_of
from vcffilter.kernels.reads import N_CIGAR, N_READS, count_reads, empty_reads
from vcffilter.kernels.reference import merge_intervals
from vcffilter.kernels.scan import SCAN_DONE, empty_events, link_mates, scan_reads
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.forest import Forest
from vcffilter.models.registry import count_parameters
from vcffilter.pipeline.evidence import EvidenceOptions, EvidenceScorer, open_scorer
from vcffilter.reads.alignment_file import AlignmentFile, ReadSelection, forbid_network_references, read_header
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.scoring.network import CPU_TILE, NetworkScorer
from vcffilter.simulation.tiling import Sample, Slice, tile_calls
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.reader import BatchLimits, VariantReader

#: Flanks of an allele within which reads are fetched, as the encoder does, nearly: what is compared is fetched alike.
_FLANK, _JOIN_GAP = 40, 256
_TENSOR_ROWS = _TENSOR_COLUMNS = 33
#: (stage, what it handles): rows of the table, in the order of the flow.
_STAGES = (
    ("htslib alone", "reads"),
    ("pysam's htslib alone", "reads"),
    ("reads decoded", "reads"),
    ("prepared (reads, reference, scan)", "alleles"),
    ("scan of the reads", "reads"),
    ("site features", "alleles"),
    ("site features and tensor", "alleles"),
    ("network", "alleles"),
    ("all of scoring", "alleles"),
)


_SCHEDULE = Path("/proc/thread-self/schedstat")


@dataclass
class Laps:
    """Seconds by stage, of one thread: wall, CPU, and `own` = wall less what it waited, ready to run, for a core to be free.

    Own seconds are what the wall clock would show on a machine with nothing else to do: waiting for locks and disks counts.
    """

    wall: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    own: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Add what the block takes."""
        queued, cpu, wall = _seconds_queued(), time.thread_time(), time.perf_counter()
        yield
        wall_taken = time.perf_counter() - wall
        self.wall[stage] += wall_taken
        self.cpu[stage] += time.thread_time() - cpu
        self.own[stage] += wall_taken - (_seconds_queued() - queued)


def _seconds_queued() -> float:
    """Seconds that this thread was ready to run and waited for a core; 0 where the system does not say."""
    try:
        return int(_SCHEDULE.read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class HtslibReader:
    """htslib and nothing else: counts the reads of some intervals of a BAM, through the library that `htslib` has for it."""

    def __init__(self, path: str, htslib: Htslib) -> None:
        self._htslib, self._library = htslib.bam, htslib.bam.library
        self._file = self._library.hts_open(path.encode(), b"r")
        self._header = self._library.sam_hdr_read(self._file)
        self._index = self._library.sam_index_load(self._file, path.encode())
        self._record = self._library.bam_init1()

    def count(self, contig: str, start0: np.ndarray, end0: np.ndarray) -> int:
        """Reads that overlap the intervals."""
        names = [f"{{{contig}}}:{first + 1}-{last}".encode() for first, last in zip(start0, end0, strict=True)]
        regions = (ctypes.c_char_p * len(names))(*names)
        iterator = self._library.sam_itr_regarray(self._index, self._header, regions, len(names))
        n_reads = count_reads(self._htslib.iterator_next, self._file, iterator, self._record)
        self._library.hts_itr_destroy(iterator)
        return n_reads


def pysam_htslib() -> Htslib:
    """pysam's own library, whatever the filter uses."""
    return load_htslib(library_of("pysam", installed_libraries()))


class Worker:
    """One thread's own files and encoders."""

    def __init__(self, made: Sample, htslib: Htslib, network: NetworkScorer, scorer: EvidenceScorer) -> None:
        reads, reference = str(made.reads), str(made.reference)
        header = read_header(reads, reference)
        self._htslib = HtslibReader(reads, htslib)
        self._pysam_htslib = HtslibReader(reads, pysam_htslib())
        self._file = AlignmentFile(header, reference, htslib, ReadSelection())
        self._reads = empty_reads()
        spec = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES)
        own = AlignmentFile(header, reference, htslib, ReadSelection())
        self._encoder = ChunkEncoder(spec, [own], ReferenceFile(reference))
        self._network, self._scorer = network, scorer
        wanted = network.encoder.features
        # As the filter's encoder, which keeps it from chunk to chunk.
        self._tensor = np.zeros((0, _TENSOR_ROWS, _TENSOR_COLUMNS, len(CHANNEL_NAMES)), np.uint8)
        self._columns = np.array([FEATURE_NAMES.index(name) for name in wanted])
        self.laps = Laps()
        self.n_reads = self.n_kept = 0

    def run(self, chunk: AlleleChunk) -> None:
        """All stages on one chunk."""
        start0, end0 = chunk_intervals(chunk)
        with self.laps.time("htslib alone"):
            self.n_reads += self._htslib.count(chunk.contig, start0, end0)
        with self.laps.time("pysam's htslib alone"):
            self._pysam_htslib.count(chunk.contig, start0, end0)
        with self.laps.time("reads decoded"):
            self._reads.counts[:] = 0
            self._reads = self._file.append_reads(chunk.contig, start0, end0, self._reads)
        self.n_kept += int(self._reads.counts[N_READS])
        with self.laps.time("prepared (reads, reference, scan)"):
            prepared = self._encoder.prepare(chunk)
        self._scan(prepared)
        features = self._encode("site features", prepared, 0, 0, ())
        self._encode("site features and tensor", prepared, _TENSOR_ROWS, _TENSOR_COLUMNS, CHANNEL_NAMES)
        if self._network.encoder.rows == 0:
            features = np.ascontiguousarray(features[:, self._columns])
            is_snv = np.ones(len(features), bool)
            depth = np.full(len(features), 30)
            with self.laps.time("network"):
                self._network.probabilities(features, None, is_snv, depth)
        with self.laps.time("all of scoring"):
            self._scorer.score(chunk)

    def _scan(self, prepared: PreparedChunk) -> None:
        with self.laps.time("scan of the reads"):
            n_reads, room = prepared.n_reads, 8 * prepared.n_reads + 1024
            n_cigar = int(prepared.reads.counts[N_CIGAR])
            events = empty_events(n_reads, room, n_cigar)
            while scan_reads(prepared.reads, n_reads, prepared.segments, events) != SCAN_DONE:
                room *= 4
                events = empty_events(n_reads, room, n_cigar)
            table = np.full(1 << max(int(2 * n_reads).bit_length(), 4), -1, np.int32)
            link_mates(prepared.reads, n_reads, table, events.mate)

    def _encode(self, stage: str, prepared: PreparedChunk, rows: int, columns: int, channels: Sequence[str]) -> np.ndarray:
        n = len(prepared.alleles.problem)
        if rows and len(self._tensor) < n:
            self._tensor = np.zeros((n, *self._tensor.shape[1:]), np.uint8)
        with self.laps.time(stage):
            features = np.zeros((n, len(FEATURE_NAMES)), np.float32)
            encode_alleles(
                prepared.alleles,
                prepared.segments,
                prepared.reads,
                prepared.n_reads,
                prepared.events,
                prepared.furthest_end0,
                prepared.columns,
                np.array([CHANNEL_NAMES.index(name) for name in channels], np.int64),
                empty_encode_scratch(prepared.n_reads),
                features,
                self._tensor[:n] if rows else None,
                np.zeros((n, N_COUNTS), np.int32),
            )
        return features


def chunk_intervals(chunk: AlleleChunk) -> tuple[np.ndarray, np.ndarray]:
    """Stretches of the contig that cover the alleles."""
    start0 = np.maximum(chunk.start0 - _FLANK, 0)
    end0 = chunk.start0 + np.diff(chunk.ref_offset) + _FLANK
    order = np.argsort(start0, kind="stable")
    merged_start0, merged_end0 = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
    n = merge_intervals(start0[order], end0[order], _JOIN_GAP, merged_start0, merged_end0)
    return merged_start0[:n], merged_end0[:n]


def read_chunks(path: Path, limits: BatchLimits | None = None) -> list[AlleleChunk]:
    """All alleles of a VCF in chunks as the filter cuts them."""
    chunks = []
    with VariantReader(str(path), limits=limits) as reader:
        for batch in reader.batches():
            chunks.append(take_chunk(reader.header, batch).alleles)
            reader.release(batch)
    return chunks


def run_threads(workers: list[Worker], chunks: list[AlleleChunk]) -> None:
    """Every chunk through every stage once, chunks dealt out to the workers in turn."""

    def run(number: int) -> None:
        for chunk in chunks[number :: len(workers)]:
            workers[number].run(chunk)

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(run, range(len(workers))))


def stage_rounds(made: Sample, chunks: list[AlleleChunk], checkpoint: Checkpoint, arguments: argparse.Namespace) -> Table:
    """The table of scoring's stages."""
    forbid_network_references()
    htslib = load_htslib()
    network = NetworkScorer(checkpoint, arguments.device)
    options = EvidenceOptions("calls", (str(made.reads),), str(made.reference), model=model(arguments), device=arguments.device)
    scorer = open_scorer(options)
    n_alleles = sum(chunk.n_alleles for chunk in chunks)
    workers = [Worker(made, htslib, network, scorer) for _ in range(max(arguments.threads))]
    run_threads(workers, chunks)
    best = Fastest()
    for _ in range(arguments.rounds):
        for n_threads in arguments.threads:
            for worker in workers:
                worker.laps, worker.n_reads, worker.n_kept = Laps(), 0, 0
            run_threads(workers[:n_threads], chunks)
            for stage, _ in _STAGES:
                best.add((n_threads, stage), [worker.laps for worker in workers[:n_threads]])
            n_reads = sum(worker.n_reads for worker in workers)
            n_kept = sum(worker.n_kept for worker in workers)
    scorer.close()
    return _stage_table(best, {"alleles": n_alleles, "reads": n_reads}, n_kept, arguments.threads)


class Fastest:
    """Least seconds by (threads, stage) over the rounds: wall and own per thread, CPU of all threads."""

    def __init__(self) -> None:
        self.wall: dict[tuple[int, str], float] = defaultdict(lambda: np.inf)
        self.own: dict[tuple[int, str], float] = defaultdict(lambda: np.inf)
        self.cpu: dict[tuple[int, str], float] = defaultdict(lambda: np.inf)

    def add(self, key: tuple[int, str], laps: Sequence[Laps]) -> None:
        """One round's laps of all threads."""
        self.wall[key] = min(sum(lap.wall[key[1]] for lap in laps) / len(laps), self.wall[key])
        self.own[key] = min(sum(lap.own[key[1]] for lap in laps) / len(laps), self.own[key])
        self.cpu[key] = min(sum(lap.cpu[key[1]] for lap in laps), self.cpu[key])


def _stage_table(best: Fastest, numbers: dict[str, int], n_kept: int, threads: Sequence[int]) -> Table:
    first, last = threads[0], threads[-1]
    columns = ["stage", "of", *(f"per second, {n} thread{'s' * (n > 1)}" for n in threads)]
    columns += ["us each, 1 thread", "CPU us each, 1 thread", "alleles/s, 1 thread"]
    columns += [f"scaling to {last} threads", "the same, cores of its own"]
    table = Table("Scoring, stage by stage (fastest round)", columns)
    for stage, unit in _STAGES:
        alone = best.wall[first, stage]
        if not alone:
            continue
        n = numbers[unit]
        table.add(
            stage,
            unit,
            *(n / best.wall[count, stage] for count in threads),
            1e6 * alone / n,
            1e6 * best.cpu[first, stage] / n,
            numbers["alleles"] / alone,
            alone / best.wall[last, stage],
            best.own[first, stage] / best.own[last, stage],
        )
    share = best.wall[first, "htslib alone"] / best.wall[first, "reads decoded"]
    share_cpu = best.cpu[first, "htslib alone"] / best.cpu[first, "reads decoded"]
    table.note = (
        f"{numbers['alleles']:,} alleles, {numbers['reads']:,} reads delivered by htslib, {n_kept:,} kept. Reads decoded for the "
        f'encoder at {100 * share:.0f}% of htslib\'s own rate ({100 * share_cpu:.0f}% by CPU time). "Cores of its own": the time '
        "that a thread was ready to run and other programs had the cores is left out (/proc/thread-self/schedstat)."
    )
    return table


def network_table(checkpoint: Checkpoint, arguments: argparse.Namespace) -> Table:
    """The network alone on random input, beside the matrix rate of this machine."""
    network = NetworkScorer(checkpoint, arguments.device)
    spec = checkpoint.metadata.encoder
    n = arguments.network_alleles
    draw = np.random.default_rng(1)
    features = draw.normal(size=(n, spec.n_features)).astype(np.float32)
    reads = draw.integers(0, 255, (n, spec.rows, spec.columns, spec.n_channels), np.uint8) if spec.rows else None
    is_snv, depth = np.ones(n, bool), np.full(n, 30)
    one = torch.from_numpy(features[:128]), None if reads is None else torch.from_numpy(reads[:128])
    module = checkpoint.build()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(*one)
    flops = counter.get_total_flops() / 128
    tree_steps = sum(part.config.n_trees * part.config.depth for part in module.modules() if isinstance(part, Forest))
    work = {}
    for n_threads in arguments.threads:
        work[f"network {n_threads}"] = lambda n_threads=n_threads: _in_threads(
            n_threads, lambda: network.probabilities(features, reads, is_snv, depth)
        )
        work[f"torch {n_threads}"] = lambda n_threads=n_threads: _in_threads(
            n_threads, lambda: _by_torch(module, features, reads)
        )
        for kind in (torch.float32, torch.bfloat16):
            work[f"{kind} {n_threads}"] = lambda n_threads=n_threads, kind=kind: _in_threads(n_threads, _matrix_product(kind))
    timings = measure(work, arguments.rounds)
    matrix_flops = 8 * 2 * 1024**3
    columns = [
        "threads",
        "alleles/s",
        "us each and thread",
        "alleles/s by torch alone",
        "10^6 tree steps/s",
        "Gflop/s",
        "float32 matrix Gflop/s",
        "share",
    ]
    table = Table("Network alone", [*columns, "bf16 matrix Gflop/s"])
    for n_threads in arguments.threads:
        seconds = timings[f"network {n_threads}"].best
        rate = n_threads * n / seconds
        matrix = n_threads * matrix_flops / timings[f"{torch.float32} {n_threads}"].best / 1e9
        bf16 = n_threads * matrix_flops / timings[f"{torch.bfloat16} {n_threads}"].best / 1e9
        share = f"{100 * rate * flops / 1e9 / matrix:.1f}%" if flops else "-"
        steps, made = rate * tree_steps / 1e6 if tree_steps else "-", rate * flops / 1e9 if flops else "-"
        by_torch = n_threads * n / timings[f"torch {n_threads}"].best
        table.add(n_threads, rate, 1e6 * seconds / n, by_torch, steps, made, matrix, share, bf16)
    table.note = (
        f"Model {checkpoint.metadata.model_id} ({checkpoint.metadata.architecture}, {count_parameters(module):,} parameters), "
        f"{flops:,.0f} flop in matrices and {tree_steps:,} steps in trees an allele; matrices 1024 x 1024, one torch thread each."
    )
    return table


def _by_torch(module: torch.nn.Module, features: np.ndarray, reads: np.ndarray | None) -> None:
    """The module itself, tile by tile: what a forest is without the kernel that walks its trees."""
    with torch.inference_mode():
        for first in range(0, len(features), CPU_TILE):
            tile = slice(first, first + CPU_TILE)
            module(torch.from_numpy(features[tile]), None if reads is None else torch.from_numpy(reads[tile]))


def _in_threads(n_threads: int, work: object) -> None:
    def run(_: int) -> None:
        torch.set_num_threads(1)
        work()

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(run, range(n_threads)))


def _matrix_product(kind: torch.dtype) -> object:
    left, right = torch.ones(1024, 1024, dtype=kind), torch.ones(1024, 1024, dtype=kind)

    def run() -> None:
        for _ in range(8):
            torch.mm(left, right)

    return run


def variant_table(made: Sample, dense: Path, arguments: argparse.Namespace) -> Table:
    """VCF in and out without scoring, beside pysam's copy of the same file."""
    folder = made.calls.parent
    many = folder / "calls-many.vcf.gz"
    length = int((made.reference.with_name("reference.fa.fai")).read_text().split("\t")[1])
    n_copies = max(1, arguments.vcf_records // max(1, sum(chunk.n_alleles for chunk in read_chunks(dense))))
    n_records = tile_calls(dense, Slice("tiled", 0, length), n_copies, many, "tiled")
    table = Table(
        "VCF in and out, nothing scored (fastest round)",
        ["output", "records/s, here", "read", "annotate", "write", "records/s, pysam copy", "time, of pysam's copy"],
    )
    stages = {}
    for kind, suffix in (("z", "vcf.gz"), ("v", "vcf"), ("u", "bcf")):
        out = folder / f"copied.{suffix}"
        rounds: list[object] = []

        def ours(kind: str = kind, out: Path = out, rounds: list[object] = rounds) -> None:
            rounds.append(annotate_with_constant(many, out, kind))

        timings = measure({"here": ours, "pysam": lambda kind=kind, out=out: pysam_copy(many, out, kind)}, arguments.rounds)
        stages[kind] = best = min(rounds, key=lambda found: found.read + found.annotate + found.write)
        table.add(
            f"-O{kind}",
            n_records / timings["here"].best,
            n_records / best.read,
            n_records / best.annotate,
            n_records / best.write,
            n_records / timings["pysam"].best,
            f"{timings['here'].best / timings['pysam'].best:.2f} x",
        )
        out.unlink()
    table.note = (
        f"{n_records:,} records of {many.name}, input VCF.gz; both write every record; here INFO and FILTER are set as well."
    )
    return table


def main() -> None:
    """Print and save the tables."""
    options = parser(__doc__)
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--device", default="cpu")
    options.add_argument("--vcf-records", type=int, default=200_000, help="records of the VCF in and out")
    options.add_argument("--network-alleles", type=int, default=16_384, help="random alleles for the network alone")
    arguments = options.parse_args()
    report = Report("stages", arguments)
    made = sample(arguments)
    dense, _ = thinned_calls(made, 600)
    chunks = read_chunks(dense)
    print(f"{describe(made)}\n{mix(dense)}, in {len(chunks)} chunks\n")
    report.fact("sample", describe(made))
    report.fact("calls", mix(dense))
    report.fact("htslib", f"BAM read by {load_htslib().bam.origin}")
    checkpoint = load_checkpoint(model(arguments))
    report.add(stage_rounds(made, chunks, checkpoint, arguments))
    report.add(network_table(checkpoint, arguments))
    report.add(variant_table(made, dense, arguments))
    report.save()


if __name__ == "__main__":
    main()
