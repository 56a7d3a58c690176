"""How much calibration error so few alleles have by chance: what right probabilities would show, beside what is measured.

    python benchmarks/calibration_by_chance.py --data ../shared/data

Hard alleles of the short-read sets, whole reads, by weights that never saw their chromosome (as accuracy.py). Ten bins give an
error above 0 whatever is right: for each group labels are drawn from the claimed probabilities, which are then right by
construction.
"""

from __future__ import annotations

import numpy as np
from accuracy import short_read_pools
from accuracy_data import Pool
from accuracy_figures import DEPTH_BANDS, join
from common import Report, Table, parser
from cut_data import HERE

from vcffilter.training.metrics import expected_calibration_error

DRAWS, LEVEL = 2000, 0.95
BINS = 10
FOLDS = ("chr20", "chr21", "chr22")


def error_by_chance(p: np.ndarray, seed: int = 1) -> np.ndarray:
    """float64 (DRAWS,): calibration errors of right probabilities p, float64 (n,), of independent alleles."""
    random = np.random.default_rng(seed)
    return np.array([expected_calibration_error((random.random(len(p)) < p).astype(np.float64), p) for _ in range(DRAWS)])


def chance_table(pool: Pool) -> Table:
    """One row a group of the marks."""
    columns = [
        "hard alleles",
        "n",
        "calibration error",
        "of right probabilities: mean",
        f"{LEVEL:.0%} below",
        "as high or higher",
    ]
    table = Table("Calibration error, measured and by chance", columns)
    table.note = f"{DRAWS} draws; alleles drawn independently, which neighbours and copies of one artefact are not."
    hard = pool.hard & ~np.isnan(pool.probability)
    groups = {"overall": hard, "SNV": hard & pool.is_snv, "non-SNV": hard & ~pool.is_snv}
    groups |= {f"depth {name}": hard & (pool.depth >= low) & (pool.depth <= high) for name, (low, high) in DEPTH_BANDS.items()}
    for name, chosen in groups.items():
        p, label = pool.probability[chosen], pool.label[chosen].astype(np.float64)
        measured, drawn = expected_calibration_error(label, p), error_by_chance(p)
        cells = (measured, drawn.mean(), np.quantile(drawn, LEVEL))
        table.add(name, len(p), *(f"{value:.4f}" for value in cells), f"{np.mean(drawn >= measured):.1%}")
    return table


def curve_table(pool: Pool, low: int, high: int) -> Table:
    """Claimed and observed shares of true ones by bin, at some depths."""
    chosen = pool.hard & ~np.isnan(pool.probability) & (pool.depth >= low) & (pool.depth <= high)
    p, label = pool.probability[chosen], pool.label[chosen]
    table = Table(f"Hard alleles of {low}-{high} reads, by bin of probability", ["probability", "n", "claimed", "true"])
    bin_of = np.minimum((p * BINS).astype(int), BINS - 1)
    for number in np.unique(bin_of):
        inside = bin_of == number
        share = f"{number / BINS:g}-{(number + 1) / BINS:g}"
        table.add(share, int(inside.sum()), f"{p[inside].mean():.3f}", f"{label[inside].mean():.3f}")
    return table


def main() -> None:
    """Print the tables and keep them."""
    options = parser(__doc__)
    arguments = options.parse_args()
    if arguments.data is None:
        options.error("--data is needed: ../shared/data")
    report = Report("calibration_by_chance", arguments)
    models = {fold: HERE / "folds" / f"illumina-germline-without-{fold}.safetensors" for fold in FOLDS}
    pool = join(list(short_read_pools(arguments.data, models)[0].values()))
    report.add(chance_table(pool))
    report.add(curve_table(pool, 1, DEPTH_BANDS["1-7"][1]))
    report.save()


if __name__ == "__main__":
    main()
