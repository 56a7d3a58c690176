"""What the second stage of a model costs: tensors a second through the network, and the whole scoring at several shares of doubt.

Run: python benchmarks/two_stages.py [--data ../shared/data] [--model FILE] [--shares 0.05,0.1] [--rounds 3]
Where --model has one stage, a network of random weights (width 32, one layer, 24 rows, 33 columns) is put behind it, and the gate
is set so that these shares of the ALTs are doubtful; a model of two stages is taken as it is. CPU seconds, which a busy machine
changes little: "on 2 cores" is what two of them do without anything else to do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from common import Report, Table, parser
from scoring import Best, open_warm, timed_scoring
from workloads import describe, model, sample, thinned_calls

from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.cascade import Cascade
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from vcffilter.models.registry import build
from vcffilter.models.stages import is_staged, second_alone
from vcffilter.scoring.network import NetworkScorer
from vcffilter.scoring.two_stages import SECOND_TILES, open_network
from vcffilter.simulation.tiling import Sample
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.reader import VariantReader

_SECOND = {"width": 32, "depth": 1, "heads": 4, "feed_forward": 64, "hidden": [32], "n_members": 2}
_ROWS, _COLUMNS = 24, 33
_TILES = (16, 32, 64, 128)


def main() -> None:
    arguments = _arguments()
    report = Report("two_stages", arguments)
    made = sample(arguments)
    calls, n_records = thinned_calls(made, arguments.spacing)
    chunks = list(_chunks(calls))
    n_alleles = sum(chunk.n_alleles for chunk in chunks)
    report.fact("sample", f"{describe(made)}; {n_records:,} calls, {n_alleles:,} ALTs")
    checkpoint = load_checkpoint(model(arguments))
    models = {"as it is": str(model(arguments))}
    if not is_staged(checkpoint):
        logits = _first_logits(made, chunks, str(model(arguments)))
        models = {f"{share:g}": str(_cascade(arguments.work, checkpoint, logits, share)) for share in arguments.shares}
    report.add(_network_table(load_checkpoint(next(iter(models.values()))), arguments.network_alleles, arguments.rounds))
    report.add(_scoring_table(made, chunks, models, n_alleles, arguments.rounds))
    report.save()


def _first_logits(made: Sample, chunks: list[AlleleChunk], used: str) -> np.ndarray:
    """Of every ALT with reads."""
    scorer = open_warm(made, used)
    network = open_network(load_checkpoint(used), "cpu")
    scores = [scorer.score(chunk) for chunk in chunks]
    scorer.close()
    return np.concatenate([network.logits(one.features[one.status == 0], None) for one in scores])


def _cascade(work: Path, trees: Checkpoint, logits: np.ndarray, share: float) -> Path:
    """The trees, and behind them a network for those ALTs, a share of all, whose logit is nearest to 0."""
    border = float(np.quantile(np.abs(logits), share))
    spec = replace(trees.metadata.encoder, channels=CHANNEL_NAMES, rows=_ROWS, columns=_COLUMNS)
    config = {
        "first": {"architecture": trees.metadata.architecture, "config": trees.metadata.config},
        "second": {"architecture": "read_attention", "config": _SECOND},
        "gate": [{"kind": kind, "low": -border, "high": border} for kind in ("snv", "other")],
    }
    torch.manual_seed(1)
    module = build("cascade", config, spec)
    assert isinstance(module, Cascade)
    module.first.load_state_dict(trees.tensors)
    path = work / f"cascade-{share:g}.safetensors"
    metadata = replace(trees.metadata, model_id=f"cascade-{share:g}", architecture="cascade", config=config, encoder=spec)
    save_checkpoint(path, module, metadata)
    return path


def _network_table(checkpoint: Checkpoint, n: int, rounds: int) -> Table:
    """The second stage alone, one thread, in tiles of several sizes."""
    alone = second_alone(checkpoint)
    spec = alone.metadata.encoder
    draw = np.random.default_rng(1)
    features = draw.normal(size=(n, spec.n_features)).astype(np.float32)
    reads = draw.integers(0, 255, (n, spec.rows, spec.columns, spec.n_channels), np.uint8)
    scorers = {tile: NetworkScorer(alone, "cpu", (tile, tile)) for tile in _TILES}
    best = Best()
    for _ in range(rounds + 1):
        for tile, scorer in scorers.items():
            started, cpu_started = time.perf_counter(), time.process_time()
            scorer.logits(features, reads)
            best.add(tile, (time.perf_counter() - started, time.process_time() - cpu_started))
    table = Table("The network alone (fastest round, one thread)", ["tile", "tensors/s", "CPU us a tensor"])
    for tile in _TILES:
        table.add(f"{tile}{' (as scored)' if tile == SECOND_TILES[0] else ''}", n / best.cpu[tile], 1e6 * best.cpu[tile] / n)
    table.note = f"{alone.metadata.architecture}, {spec.rows} rows, {spec.columns} columns, {spec.n_channels} channels."
    return table


def _scoring_table(made: Sample, chunks: list[AlleleChunk], models: dict[str, str], n: int, rounds: int) -> Table:
    """Reads, encoding and both stages; start-up, VCF in and out left out."""
    named = {("trees", name): (used, "trees") for name, used in list(models.items())[:1]}
    named |= {("both", name): (used, None) for name, used in models.items()}
    scorers = {key: open_warm(made, used, stage) for key, (used, stage) in named.items()}
    best = Best()
    shares: dict[tuple[str, str], float] = {}
    for key, scorer in scorers.items():
        scores = [scorer.score(chunk) for chunk in chunks]
        shares[key] = float(np.mean(np.concatenate([one.stage for one in scores]) == 2))
    for _ in range(rounds):
        for key, scorer in scorers.items():
            best.add(key, timed_scoring(scorer, chunks, 1))
    for scorer in scorers.values():
        scorer.close()
    columns = ["stages", "by the network", "ALTs per CPU second", "CPU us an ALT", "on 2 cores, ALTs/s", "more than trees"]
    table = Table("Scoring (fastest round)", columns)
    trees = next(iter(best.cpu.values()))
    for key, share in shares.items():
        cpu = best.cpu[key]
        table.add(key[0], f"{100 * share:.1f}%", n / cpu, 1e6 * cpu / n, 2 * n / cpu, f"{100 * (cpu / trees - 1):.1f}%")
    return table


def _chunks(calls: Path) -> Iterator[AlleleChunk]:
    with VariantReader(str(calls)) as reader:
        for batch in reader.batches():
            chunk = take_chunk(reader.header, batch)
            reader.release(batch)
            if chunk.alleles.n_alleles:
                yield chunk.alleles


def _arguments() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--shares", type=lambda text: [float(one) for one in text.split(",")], default=[0.05, 0.1])
    made.add_argument("--spacing", type=int, default=0, help="mean distance of calls; 0 = all")
    made.add_argument("--network-alleles", type=int, default=2048)
    return made.parse_args()


if __name__ == "__main__":
    main()
