"""What `pileup-filter explain` costs an allele: contributions alone, with what would have to change, from the reads, drawn.

Run: python benchmarks/explaining.py [--data ../shared/data] [--alleles 300] [--rounds 3]
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import Report, Table, measure, parser

from vcffilter.errors import ReferenceFileError
from vcffilter.explanation.bars import draw_bars
from vcffilter.explanation.covers import Covers, find_covers, forests_of
from vcffilter.explanation.explainer import Explainer
from vcffilter.explanation.forest_contributions import ForestExplainer
from vcffilter.models.checkpoint import Checkpoint, load_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.pictures.drawing import beside, to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.layout import draw_pileup
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.selection import CallFile
from vcffilter.scoring.network import NetworkScorer
from vcffilter.simulation.sample import SampleFiles, simulate_sample
from vcffilter.simulation.settings import preset, with_options


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--alleles", type=int, default=300)
    given = arguments.parse_args()
    report = Report("explaining", given)
    checkpoint = load_checkpoint(given.model)
    covers = find_covers(checkpoint.build(), checkpoint.path)
    assert covers is not None, "the model comes with no covers"
    variants, reads, reference = inputs(given.data, given.set, given.caller, given.work)
    with PileupSource([str(reads)], str(reference)) as source:
        calls = usable(source, variants, checkpoint.metadata.encoder, given.alleles)
        report.add(costs(checkpoint, covers, source, calls, given.rounds))
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

    work = {
        "contributions": lambda: explainer.contributions(*arrays),
        "contributions, reasons and changes": lambda: explainer.explain(*arrays),
        "the calls' reads and features, one by one": lambda: features_of(source, calls, checkpoint.metadata.encoder),
        "the pictures (SVG)": draw,
    }
    table = Table("Explaining", ("what", "alleles/s", "ms each", "CPU ms each"))
    for name, timing in measure(work, rounds).items():
        table.add(name, len(calls) / timing.best, 1000 * timing.best / len(calls), 1000 * timing.best_cpu / len(calls))
    off = np.abs(explainer.contributions(*arrays).total - explainer_log_odds(checkpoint, arrays)).max()
    whose = f"{len(calls)} alleles, one thread, {checkpoint.metadata.model_id}"
    table.note = f"{whose}; base and contributions miss the score by at most {off:.1e}."
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
