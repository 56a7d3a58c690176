"""What `pileup-filter explain` costs an allele: contributions, changes, leaving out, neighbours, pictures; and of networks.

Run: python benchmarks/explaining.py [--data ../shared/data] [--alleles 300] [--networks 10] [--rounds 3]

Networks have random weights: what they say is worth nothing, what it costs is the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from common import Report, Table, measure, parser

from vcffilter.errors import ReferenceFileError
from vcffilter.explanation.bars import draw_bars
from vcffilter.explanation.call_explainer import CallExplainer
from vcffilter.explanation.covers import Covers, find_covers, forests_of
from vcffilter.explanation.explainer import Explainer
from vcffilter.explanation.forest_contributions import ForestExplainer
from vcffilter.explanation.nearest import find_examples
from vcffilter.explanation.occlusion import Evidence, occlude
from vcffilter.explanation.saliency import baseline_of, grad_cam, integrated_gradients
from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.network import Network
from vcffilter.models.registry import build
from vcffilter.pictures.drawing import beside, to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.layout import draw_pileup
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.selection import CallFile
from vcffilter.scoring.network import NetworkScorer, one_intra_op_thread
from vcffilter.simulation.sample import SampleFiles, simulate_sample
from vcffilter.simulation.settings import preset, with_options


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--alleles", type=int, default=300)
    arguments.add_argument("--networks", type=int, default=10, help="alleles that networks explain")
    given = arguments.parse_args()
    report = Report("explaining", given)
    checkpoint = load_checkpoint(given.model)
    covers = find_covers(checkpoint.build(), checkpoint.path)
    assert covers is not None, "the model comes with no covers"
    variants, reads, reference = inputs(given.data, given.set, given.caller, given.work)
    with PileupSource([str(reads)], str(reference)) as source:
        calls = usable(source, variants, checkpoint.metadata.encoder, given.alleles)
        report.add(costs(checkpoint, covers, source, calls, given.rounds))
        report.add(of_networks(source, calls[: given.networks], given.rounds))
        report.add(by_member(checkpoint, covers, features_of(source, calls, checkpoint.metadata.encoder)[0], given.rounds))
    report.save()


def inputs(data: Path | None, name: str, caller: str, work: Path) -> tuple[Path, Path, Path]:
    """(calls, reads, reference), of real data or simulated."""
    if data is not None:
        folder = data / "real" / name
        return folder / f"{caller}.vcf.gz", folder / "reads.bam", folder / "reference.fa.gz"
    files = SampleFiles.within(work / "explaining")
    if not files.labels.exists():
        simulate_sample(files.directory, with_options(preset("novaseq"), seed=5, length=60_000, variant_rate=1 / 200))
    return files.calls, files.reads, files.reference


def usable(source: PileupSource, variants: Path, encoder: EncoderSpec, most: int) -> list[CallFacts]:
    """The first calls that reads inform."""

    def is_informed(call: CallFacts) -> bool:
        try:
            return bool(source.encoded(call.contig, call.pos1, call.ref, call.alt, encoder).n_informing[0])
        except ReferenceFileError:
            return False

    return list(itertools.islice(filter(is_informed, CallFile(str(variants)).calls()), most))


def features_of(
    source: PileupSource, calls: Sequence[CallFacts], encoder: EncoderSpec
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(features, is_snv, depth) of the calls, encoded one by one as the command does."""
    encoded = [source.encoded(call.contig, call.pos1, call.ref, call.alt, encoder) for call in calls]
    is_snv = np.array([len(call.ref) == len(call.alt) == 1 for call in calls])
    return np.concatenate([one.features for one in encoded]), is_snv, np.concatenate([one.n_informing for one in encoded])


def costs(checkpoint: Checkpoint, covers: Covers, source: PileupSource, calls: Sequence[CallFacts], rounds: int) -> Table:
    """Alleles a second on one thread, step by step."""
    explainer = Explainer(checkpoint.build(), NetworkScorer(checkpoint, "cpu"), covers)
    arrays = features_of(source, calls, checkpoint.metadata.encoder)
    explained = explainer.explain(*arrays)

    def draw() -> None:
        for call, explanation in zip(calls, explained, strict=True):
            pileup = source.pileup(call.contig, call.pos1, call.ref, call.alt)
            to_svg(beside(draw_pileup(pileup, call), draw_bars(explanation, call)))

    scorer = NetworkScorer(checkpoint, "cpu")
    whole = CallExplainer(checkpoint.build(), scorer, covers, find_examples(checkpoint.path))

    def leave_out() -> None:
        for call in calls:
            occlude(evidence_of(source, call, scorer.encoder), scorer, None)

    def everything() -> None:
        for call in calls:
            whole.explain(evidence_of(source, call, scorer.encoder), (call.contig, call.pos1))

    work = {
        "contributions": lambda: explainer.contributions(*arrays),
        "contributions, reasons and changes": lambda: explainer.explain(*arrays),
        "the calls' reads and features, one by one": lambda: features_of(source, calls, checkpoint.metadata.encoder),
        "leaving out each fragment and strand": leave_out,
        "all that the command says": everything,
        "the pictures (SVG)": draw,
    }
    table = Table("Explaining", ("what", "alleles/s", "ms each", "CPU ms each"))
    for name, timing in measure(work, rounds).items():
        table.add(name, len(calls) / timing.best, 1000 * timing.best / len(calls), 1000 * timing.best_cpu / len(calls))
    off = np.abs(explainer.contributions(*arrays).total - explainer_log_odds(checkpoint, arrays)).max()
    whose = f"{len(calls)} alleles, one thread, {checkpoint.metadata.model_id}"
    table.note = f"{whose}; base and contributions miss the score by at most {off:.1e}."
    return table


def evidence_of(source: PileupSource, call: CallFacts, spec: EncoderSpec) -> Evidence:
    """As the command makes it."""
    encoder = source.encoder(spec)
    prepared = source.prepared(call.contig, call.pos1, call.ref, call.alt, encoder=encoder)
    room = np.zeros((1, spec.rows, spec.columns, spec.n_channels), np.uint8) if spec.rows else None
    return Evidence(prepared, encoder, encoder.encode_prepared(prepared, room), len(call.ref) == len(call.alt) == 1)


def of_networks(source: PileupSource, calls: Sequence[CallFacts], rounds: int) -> Table:
    """Integrated gradients and Grad-CAM of untrained networks over a tensor of 33 x 33."""
    spec = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES, CHANNEL_NAMES, 33, 33)
    inputs_of = [evidence_of(source, call, spec).encoded for call in calls]
    features = np.concatenate([one.features for one in inputs_of])
    reads = np.concatenate([one.reads for one in inputs_of if one.reads is not None])
    table = Table("Networks", ("network", "integrated gradients, ms each", "Grad-CAM, ms each", "largest miss, log-odds"))
    for name in ("cnn2d", "wide_resnet", "read_attention", "read_set"):
        torch.manual_seed(1)
        module = build(name, {}, spec)
        module.fit_inputs(features, reads)
        module.eval()
        missed: list[float] = []

        def gradients(module: Network = module, missed: list[float] = missed) -> None:
            for one, tensor in zip(features, reads, strict=True):
                base = baseline_of(module, spec, one, tensor)
                missed.append(abs(integrated_gradients(module, one, tensor, base).missed))

        def cam(module: Network = module) -> None:
            for one, tensor in zip(features, reads, strict=True):
                grad_cam(module, one, tensor)

        with one_intra_op_thread():
            timing = measure({"gradients": gradients, "cam": cam}, rounds)
        table.add(name, *(1000 * timing[what].best / len(calls) for what in ("gradients", "cam")), max(missed))
    table.note = f"{len(calls)} alleles, one thread, 33 rows and columns, {spec.n_channels} channels, {spec.n_features} features."
    return table


def explainer_log_odds(checkpoint: Checkpoint, arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    features, is_snv, depth = arrays
    return NetworkScorer(checkpoint, "cpu").log_odds(features, None, is_snv, depth)


def by_member(checkpoint: Checkpoint, covers: Covers, features: np.ndarray, rounds: int) -> Table:
    """Alleles a second of each forest alone."""
    table = Table("Contributions by forest", ("forest", "output", "trees", "nodes", "depth", "alleles/s"))
    for name, forest in forests_of(checkpoint.build()).items():
        alone = ForestExplainer(forest, Covers({"forest": covers.of_forest[name]}, "", ""))
        best = measure({"": lambda alone=alone: alone.contributions(features)}, rounds)[""].best
        config = forest.config
        table.add(name, config.output, config.n_trees, config.n_nodes, config.depth, len(features) / best)
    return table


if __name__ == "__main__":
    main()
