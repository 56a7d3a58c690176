"""What a background costs: scoring alone, and beside the reads of others as deep as the sample's own, by their number.

Run: python benchmarks/background_cost.py [--data ../shared/data] [--document docs/background.md] [--megabases 1] [--rounds 5]
Start-up and VCF in and out are left out. The others' files are copies of the sample's own: each costs what a stranger's
of this depth does. CPU seconds, which a busy machine changes little.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from common import Report, Table, parser
from scoring import Best, open_warm, timed_scoring
from stages import read_chunks
from workloads import DENSE_SPACING, describe, model, sample, thinned_calls

from vcffilter.pipeline.background import BackgroundOptions, BesideBackground, open_background
from vcffilter.pipeline.protocol import ChunkScorer
from vcffilter.simulation.tiling import Sample

_NUMBERS = (0, 1, 2, 4)
_BEGIN, _END = "<!-- cost: written by benchmarks/background_cost.py -->", "<!-- end of cost -->"


def main() -> None:
    """Time, print, save."""
    options = parser(__doc__)
    options.add_argument("--document", type=Path, help="page to put the table into")
    options.set_defaults(megabases=1.0)
    arguments = options.parse_args()
    report = Report("background_cost", arguments)
    made = sample(arguments)
    calls, _ = thinned_calls(made, DENSE_SPACING)
    chunks = read_chunks(calls)
    n_alts = sum(chunk.n_alleles for chunk in chunks)
    models = [model(arguments)] if arguments.model == "random" else ["illumina-germline", "illumina-pileup"]
    scorers = {(used, n): _beside(made, open_warm(made, used), n) for used in models for n in _NUMBERS}
    best = Best()
    for _ in range(arguments.rounds + 1):
        for key, scorer in scorers.items():
            best.add(key, timed_scoring(scorer, chunks, 1))
    for scorer in scorers.values():
        scorer.close()
    columns = ["model", "samples in the background", "CPU us an ALT", "more, for each of them", "of the sample's own scoring"]
    table = Table("Scoring beside a background (fastest round, one thread)", columns)
    for (used, n), cpu in best.cpu.items():
        alone = best.cpu[used, 0]
        each = (cpu - alone) / n if n else 0.0
        more = [f"{1e6 * each / n_alts:.1f}", f"{100 * each / alone:.0f}%"] if n else ["", ""]
        table.add(Path(used).stem, n, f"{1e6 * cpu / n_alts:.1f}", *more)
    table.note = f"{describe(made)}; {n_alts:,} ALTs, one every {DENSE_SPACING} bases."
    report.add(table)
    report.save()
    if arguments.document:
        before, _, rest = arguments.document.read_text().partition(_BEGIN)
        after = rest.partition(_END)[2]
        arguments.document.write_text(f"{before}{_BEGIN}\n{table.markdown()}{_END}{after}")


def _beside(made: Sample, scorer: ChunkScorer, n: int) -> ChunkScorer:
    """The scorer, beside so many samples of a background."""
    if n == 0:
        return scorer
    paths = tuple(_copy(made.reads, number) for number in range(n))
    return BesideBackground(scorer, open_background(BackgroundOptions("calls", paths, str(made.reference))))


def _copy(reads: Path, number: int) -> str:
    """The reads as a file of somebody else: NAME=FILE. No link: a file is taken only once, whatever it is called."""
    path = reads.with_name(f"other{number}.bam")
    if not path.exists():
        shutil.copy(f"{reads}.bai", f"{path}.bai")
        shutil.copy(reads, path)
    return f"other{number}={path}"


if __name__ == "__main__":
    main()
